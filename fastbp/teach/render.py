"""An explanation as text, for rich, as LaTeX and as Markdown: one walk over its pieces, and how each form writes them.

The pieces are ``about`` (the first line), ``small`` (the others above), ``result``, and of each step ``step``,
``formula``, ``start`` (of a running sum), ``table``, ``below`` and ``footnote`` (of a table), ``note`` and ``end``.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterator
from html import escape
from typing import TYPE_CHECKING, Any

from fastbp.teach.explained import Explained
from fastbp.teach.formula import to_ascii, to_latex
from fastbp.teach.steps import Step, Table, num

if TYPE_CHECKING:
    from rich.console import Group

WIDTH = 78
"""Of running text; a table takes what its numbers need."""
TAIL_HEADS = ("running sum", "share")

Forms = dict[str, Callable[[Any], list[Any]]]
"""Kind of a piece -> what is written for it; a kind that is missing is left out."""


def wrapped(text: str, indent: str = "  ") -> list[str]:
    """Lines of at most WIDTH characters; none for an empty text."""
    return textwrap.wrap(text, WIDTH, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)


def preformatted(text: str) -> str:
    """The text as HTML; a line too long for a phone is scrolled to."""
    return f'<pre style="overflow-x:auto">{escape(text)}</pre>'


def aligned(rows: list[tuple[str, ...]], indent: str = "") -> list[str]:
    """A line for each row, its cells under each other."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [indent + "  ".join(cell.rjust(n) for cell, n in zip(row, widths, strict=True)) for row in rows]


def step_pieces(step: Step, terms: int | None) -> Iterator[tuple[str, Any]]:
    """Kind and content of the pieces of a step."""
    yield "step", step
    for source in step.formulas:
        yield "formula", source
    if step.table is not None:
        if step.table.start:
            yield "start", step.table.start
        yield "table", step.table
        if hidden := step.table.hidden(terms):
            yield "below", hidden
        yield "footnote", step.table.footnote
    if step.note:
        yield "note", step.note
    yield "end", step


def written(e: Explained, terms: int | None, forms: Forms) -> list[Any]:
    """All pieces in one form."""
    first, *rest = e.header
    pieces: list[tuple[str, Any]] = [("about", first), *(("small", line) for line in rest)]
    pieces += [("result", f"{e.subject} = {num(e.result)}")]
    pieces += [piece for step in e.steps for piece in step_pieces(step, terms)]
    return [part for kind, content in pieces if kind in forms for part in forms[kind](content)]


def grid(table: Table, digits: int | None, terms: int | None, head: Callable[[str], str]) -> list[tuple[str, ...]]:
    """Heads, each written by ``head``, then the cells of each row."""
    heads = (*map(head, (table.letter, *table.heads)), *TAIL_HEADS)
    return [heads, *(row.cells for row in table.rows(terms, digits))]


def text(e: Explained, digits: int | None, terms: int | None) -> str:
    """Plain text."""

    def table(t: Table) -> list[str]:
        heads, *rows = aligned(grid(t, digits, terms, lambda head: to_ascii(head, digits)), "  ")
        return [heads, "  " + "-" * (len(heads) - 2), *rows]

    forms: Forms = {
        "about": lambda line: wrapped(line, ""),
        "small": lambda line: wrapped(line, ""),
        "result": lambda source: ["", to_ascii(source, digits)],
        "step": lambda step: ["", step.label, *wrapped(step.text)],
        "formula": lambda source: ["    " + to_ascii(source, digits)],
        "start": lambda source: wrapped(f"The running sum starts at {to_ascii(source, digits)}."),
        "table": table,
        "below": wrapped,
        "footnote": lambda line: wrapped(f"({line})"),
        "note": wrapped,
    }
    return "\n".join(written(e, terms, forms))


def rich(e: Explained, digits: int | None, terms: int | None) -> Group:
    """A rich renderable; needs ``rich``."""
    from rich.console import Group
    from rich.padding import Padding
    from rich.table import Table as Grid
    from rich.text import Text

    def indented(part: Any) -> list[Padding]:
        return [Padding(part, (0, 0, 0, 2))]

    def table(t: Table) -> list[Padding]:
        out = Grid(box=None, pad_edge=False, header_style="bold")
        heads, *rows = grid(t, digits, terms, lambda head: to_ascii(head, digits))
        for head in heads:
            out.add_column(head, justify="right", no_wrap=True)
        for row in rows:
            out.add_row(*(Text(cell, style="blue" if cell.startswith("-") else "") for cell in row))
        start = f"The running sum starts at {to_ascii(t.start, digits)}."
        return indented(out) + (indented(Text(start, style="dim")) if t.start else [])

    forms: Forms = {
        "about": lambda line: [Text(line, style="bold yellow")],
        "small": lambda line: [Text(line, style="dim")],
        "result": lambda source: [Text(), Text(to_ascii(source, digits), style="bold")],
        "step": lambda step: [
            *(Text(), Text(step.label, style="bold cyan")),
            *(indented(Text(step.text)) if step.text else []),
        ],
        "formula": lambda source: indented(Text("  " + to_ascii(source, digits), style="green")),
        "table": table,
        "below": lambda line: indented(Text(line, style="dim")),
        "footnote": lambda line: indented(Text(f"({line})", style="dim")),
        "note": lambda line: indented(Text(line, style="yellow")),
    }
    return Group(*written(e, terms, forms))


_SPECIAL = str.maketrans({c: "\\" + c for c in "#$%&_{}"} | {"^": r"\textasciicircum{}", "~": r"\textasciitilde{}"})


def latex(e: Explained, digits: int | None, terms: int | None) -> str:
    """Paragraphs, and displayed mathematics between double dollars."""

    def plain(line: str) -> list[str]:
        return [line.translate(_SPECIAL)]

    def cell(value: str) -> str:
        return r"\cdots" if value == "..." else to_latex(num(value)).replace("%", r"\%")

    def table(t: Table) -> list[str]:
        (*heads, running, share), *rows = grid(t, digits, terms, lambda head: to_latex(head, digits))
        lines = [rf"$$\begin{{array}}{{r|{'r' * (len(heads) + 1)}}}"]
        lines += [" & ".join([*heads, rf"\text{{{running}}}", rf"\text{{{share}}}"]) + r" \\ \hline"]
        return ["\n".join([*lines, " \\\\\n".join(" & ".join(map(cell, row)) for row in rows), r"\end{array}$$"])]

    forms: Forms = dict.fromkeys(("about", "small", "below", "footnote", "note"), plain) | {
        "result": lambda source: [f"$${to_latex(source, digits)}$$"],
        "step": lambda step: plain(f"{step.label}. {step.text}".strip()),
        "formula": lambda source: [f"$${to_latex(source, digits)}$$"],
        "start": lambda source: [f"The running sum starts at ${to_latex(source, digits)}$."],
        "table": table,
    }
    return "\n\n".join(written(e, terms, forms))


def markdown(e: Explained, digits: int | None, terms: int | None) -> str:
    """Markdown with mathematics between dollars."""

    def plain(line: str) -> str:
        return re.sub(r"([\\`*_{}\[\]<>|])", r"\\\1", line)

    def table(t: Table) -> list[str]:
        heads, *rows = (" | ".join(row) for row in grid(t, digits, terms, lambda head: f"${to_latex(head, digits)}$"))
        rule = "|" + "--:|" * (len(t.heads) + 3)
        return ["\n".join([f"| {heads} |", rule, *(f"| {row} |" for row in rows)])]

    forms: Forms = {
        "about": lambda line: [f"**{plain(line)}**"],
        "small": lambda line: [plain(line)],
        "result": lambda source: [f"### ${to_latex(source, digits)}$"],
        "step": lambda step: [f"**{plain(step.label)}** {plain(step.text)}".rstrip()],
        "formula": lambda source: [f"$${to_latex(source, digits)}$$"],
        "start": lambda source: [f"The running sum starts at ${to_latex(source, digits)}$."],
        "table": table,
        "below": lambda line: [f"*{plain(line)}*"],
        "footnote": lambda line: [f"*{plain(line)}*"],
        "note": lambda line: [f"> {plain(line)}"],
    }
    return "\n\n".join(written(e, terms, forms))
