"""An explanation as text, for rich, as LaTeX, as Markdown and as a dictionary."""

from __future__ import annotations

import math
import re
import textwrap
from html import escape
from typing import Any

import numpy as np

from fastbp.teach.explained import Explained
from fastbp.teach.formula import shown, to_ascii, to_latex
from fastbp.teach.rows import hidden, table_rows
from fastbp.teach.steps import Table, digits_of, num

WIDTH = 78
"""Of running text; a table takes what its numbers need."""
TAIL_HEADS = ("running sum", "share")


def _start(table: Table, digits: int | None) -> str:
    return f"The running sum starts at {to_ascii(table.start, digits)}." if table.start else ""


def wrapped(text: str, indent: str = "  ") -> list[str]:
    """Lines of at most WIDTH characters; none for an empty text."""
    return (
        textwrap.wrap(text, WIDTH, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)
        if text
        else []
    )


def preformatted(text: str) -> str:
    """The text as HTML; a line too long for a phone is scrolled to."""
    return f'<pre style="overflow-x:auto">{escape(text)}</pre>'


def _grid(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return ["  " + "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]


def _text_table(table: Table, digits: int | None, terms: int | None) -> list[str]:
    heads = (table.letter, *(to_ascii(head, digits) for head in table.heads), *TAIL_HEADS)
    lines = wrapped(_start(table, digits))
    grid = _grid([heads, *(row.cells for row in table_rows(table, terms, digits))])
    lines += [grid[0], "  " + "-" * (len(grid[0]) - 2), *grid[1:]]
    return lines + wrapped(hidden(table.sum, terms, table.letter)) + wrapped(f"({table.footnote})")


def text(e: Explained, digits: int | None, terms: int | None) -> str:
    """Plain text."""
    lines = [line for part in e.header for line in wrapped(part, "")]
    lines += ["", f"{to_ascii(e.subject)} = {shown(digits_of(e.result), digits)}"]
    for step in e.steps:
        lines += ["", step.label]
        lines += wrapped(step.text)
        lines += ["    " + to_ascii(formula, digits) for formula in step.formulas]
        if step.table is not None:
            lines += _text_table(step.table, digits, terms)
        lines += wrapped(step.note)
    return "\n".join(lines)


def rich(e: Explained, digits: int | None, terms: int | None) -> Any:
    """A rich renderable; needs ``rich``."""
    from rich.console import Group
    from rich.padding import Padding
    from rich.table import Table as RichTable
    from rich.text import Text

    first, *rest = e.header
    parts: list[Any] = [Text(first, style="bold yellow"), *(Text(line, style="dim") for line in rest), Text()]
    parts.append(Text(f"{to_ascii(e.subject)} = {shown(digits_of(e.result), digits)}", style="bold"))
    for step in e.steps:
        parts += [Text(), Text(step.label, style="bold cyan")]
        body: list[Any] = [Text(step.text)] if step.text else []
        body += [Text("  " + to_ascii(formula, digits), style="green") for formula in step.formulas]
        if step.table is not None:
            sum_ = step.table.sum
            grid = RichTable(box=None, pad_edge=False, header_style="bold")
            for head in (step.table.letter, *(to_ascii(head, digits) for head in step.table.heads), *TAIL_HEADS):
                grid.add_column(head, justify="right", no_wrap=True)
            for row in table_rows(step.table, terms, digits):
                signs = ["", *map(_signed, row.cells[1:-1]), ""]
                grid.add_row(*(Text(cell, style=style) for cell, style in zip(row.cells, signs, strict=True)))
            notes = (_start(step.table, digits), hidden(sum_, terms, step.table.letter), f"({step.table.footnote})")
            body += [grid, *(Text(note, style="dim") for note in notes if note)]
        if step.note:
            body.append(Text(step.note, style="yellow"))
        parts.append(Padding(Group(*body), (0, 0, 0, 2)))
    return Group(*parts)


def _signed(cell: str) -> str:
    return "blue" if cell.startswith("-") else ""


_SPECIAL = {c: "\\" + c for c in "#$%&_{}"} | {"^": r"\textasciicircum{}", "~": r"\textasciitilde{}"}


def _escaped(plain: str) -> str:
    return "".join(_SPECIAL.get(c, c) for c in plain)


def _latex_cell(cell: str) -> str:
    if cell == "...":
        return r"\cdots"
    return to_latex(num(cell)).replace("%", r"\%")


def _latex_table(table: Table, digits: int | None, terms: int | None) -> str:
    heads = [table.letter, *(to_latex(head, digits) for head in table.heads), r"\text{running sum}", r"\text{share}"]
    rows = [" & ".join(map(_latex_cell, row.cells)) for row in table_rows(table, terms, digits)]
    return "\n".join(
        [
            rf"\begin{{array}}{{r|{'r' * (len(heads) - 1)}}}",
            " & ".join(heads) + r" \\ \hline",
            " \\\\\n".join(rows),
            r"\end{array}",
        ]
    )


def latex(e: Explained, digits: int | None, terms: int | None) -> str:
    """Paragraphs, and displayed mathematics between double dollars."""
    parts = [_escaped(line) for line in e.header]
    parts.append(f"$${to_latex(e.subject)} = {to_latex(num(e.result), digits)}$$")
    for step in e.steps:
        parts.append(_escaped(f"{step.label}. {step.text}".strip()))
        parts += [f"$${to_latex(formula, digits)}$$" for formula in step.formulas]
        if step.table is not None:
            if step.table.start:
                parts.append(f"The running sum starts at ${to_latex(step.table.start, digits)}$.")
            parts.append(f"$${_latex_table(step.table, digits, terms)}$$")
            parts += [
                _escaped(note)
                for note in (hidden(step.table.sum, terms, step.table.letter), step.table.footnote)
                if note
            ]
        if step.note:
            parts.append(_escaped(step.note))
    return "\n\n".join(parts)


def _markdown_text(plain: str) -> str:
    return re.sub(r"([\\`*_{}\[\]<>|])", r"\\\1", plain)


def markdown(e: Explained, digits: int | None, terms: int | None) -> str:
    """Markdown with mathematics between dollars."""
    first, *rest = (_markdown_text(line) for line in e.header)
    parts = [f"**{first}**", *rest]
    parts.append(f"### ${to_latex(e.subject)} = {to_latex(num(e.result), digits)}$")
    for step in e.steps:
        parts.append(f"**{_markdown_text(step.label)}**" + (f" {_markdown_text(step.text)}" if step.text else ""))
        parts += [f"$${to_latex(formula, digits)}$$" for formula in step.formulas]
        if step.table is not None:
            if step.table.start:
                parts.append(f"The running sum starts at ${to_latex(step.table.start, digits)}$.")
            sum_ = step.table.sum
            heads = [
                f"${step.table.letter}$",
                *(f"${to_latex(head, digits)}$" for head in step.table.heads),
                *TAIL_HEADS,
            ]
            lines = ["| " + " | ".join(heads) + " |", "|" + "--:|" * len(heads)]
            lines += ["| " + " | ".join(row.cells) + " |" for row in table_rows(step.table, terms, digits)]
            parts.append("\n".join(lines))
            notes = (hidden(sum_, terms, step.table.letter), step.table.footnote)
            parts += [f"*{_markdown_text(note)}*" for note in notes if note]
        if step.note:
            parts.append(f"> {_markdown_text(step.note)}")
    return "\n\n".join(parts)


def json_number(value: Any) -> float | None:
    """The number for JSON, exactly; None if it is not finite."""
    number = float(value)
    return number if math.isfinite(number) else None


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return [json_number(v) for v in value]
    return json_number(value)


def to_dict(e: Explained) -> dict[str, Any]:
    """Numbers and steps."""
    numbers, sum_ = e.numbers, e.terms
    return {
        "about": e.header[0],
        "counting": e.header[1],
        "letters": e.header[2],
        "notation": e.notation.name,
        "net": {
            "sizes": list(numbers.net.sizes),
            "activations": list(numbers.net.activations),
            "cost": numbers.cost,
            "dtype": numbers.net.dtype.name,
        },
        "of": numbers.of,
        "layer": numbers.layer,
        "neuron": numbers.neuron,
        "k": numbers.k,
        "n_samples": numbers.n_samples,
        "learning_rate": numbers.learning_rate if numbers.of == "update" else None,
        "sample_weight": None if numbers.weights is None else _plain(numbers.weights),
        "l1": numbers.l1,
        "l2": numbers.l2,
        "result": json_number(e.result),
        "values": {name: _plain(value) for name, value in numbers.values.items()},
        "sum": None
        if sum_ is None
        else {
            "over": sum_.letter,
            "start": json_number(sum_.start),
            "first": _plain(sum_.first),
            "second": _plain(sum_.second),
            "products": _plain(sum_.products),
            "running": _plain(sum_.running),
            "shares": _plain(sum_.shares),
            "running_is_the_kernels": sum_.exact,
        },
        "steps": [
            {"label": step.label, "text": step.text, "formulas": [to_ascii(f) for f in step.formulas]}
            for step in e.steps
        ],
    }
