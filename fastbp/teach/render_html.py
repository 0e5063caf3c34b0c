"""An explanation as HTML that needs nothing else: MathML, tables, the drawing, and a style that stays inside."""

from __future__ import annotations

import re
from html import escape
from importlib import resources

from fastbp.teach.drawing import svg
from fastbp.teach.explained import Explained
from fastbp.teach.formula import to_mathml
from fastbp.teach.render import TAIL_HEADS, Forms, written
from fastbp.teach.steps import Step, Table, digits_of

STYLE = "\n" + resources.files("fastbp.teach").joinpath("explanation.css").read_text(encoding="utf-8")

MINUS = "\N{MINUS SIGN}"
_RELATION = re.compile(r" (?=(?:=|\\leftarrow) )")


def formula(source: str, digits: int | None, attributes: str = 'class="formula"') -> str:
    """A displayed formula; a chain of equations has one relation a line, because browsers break no lines of MathML."""
    first, *rest = _RELATION.split(source)
    lines = [" ".join([first, *rest[:1]]), *rest[1:]]
    parts = "".join(f"<div>{to_mathml(line, digits, display=True)}</div>" for line in lines)
    return f"<div {attributes}>{parts}</div>"


def forms(digits: int | None, terms: int | None) -> Forms:
    """How a step is written, but for its heading and its end."""
    return {
        "formula": lambda source: [formula(source, digits)],
        "start": lambda source: [f"<p>The running sum starts at {to_mathml(source, digits)}.</p>"],
        "table": lambda t: [table(t, digits, terms)],
        "note": lambda line: [f'<p class="note">{escape(line)}</p>'],
    }


def table(t: Table, digits: int | None, terms: int | None) -> str:
    """The terms of a sum, and what to say of them."""
    heads = "".join(
        f'<th scope="col">{head}</th>'
        for head in (*(to_mathml(head, digits) for head in (t.letter, *t.heads)), *TAIL_HEADS)
    )
    lines = [f'<div class="scroll"><table><thead><tr>{heads}<td class="share"></td></tr></thead><tbody>']
    for term, cells in t.rows(terms, digits):
        style = ' class="negative"' if term is not None and t.sum.products[term] < 0 else ""
        row = "".join(f"<td>{re.sub('^-', MINUS, cell)}</td>" for cell in cells)
        width = 0 if term is None else 4 * t.sum.shares[term]
        bar = f'<span class="bar" style="width:{width:.2f}em"></span>'
        lines.append(f'<tr{style}>{row}<td class="share" aria-hidden="true">{bar}</td></tr>')
    lines.append("</tbody></table></div>")
    return "".join(
        [*lines, *(f'<p class="small">{escape(note)}</p>' for note in (t.hidden(terms), t.footnote) if note)]
    )


def html(e: Explained, digits: int | None, terms: int | None) -> str:
    """The explanation as one element."""
    exact = digits_of(e.result)

    def heading(step: Step) -> list[str]:
        return [f"<section><h4>{escape(step.label)}</h4>"] + ([f"<p>{escape(step.text)}</p>"] if step.text else [])

    own: Forms = {
        "about": lambda line: [f'<div class="fastbp"><style>{STYLE}</style><p class="about">{escape(line)}</p>'],
        "small": lambda line: [f'<p class="small">{escape(line)}</p>'],
        "result": lambda source: [
            f'<h3 data-value="{exact}" title="{exact}">{to_mathml(source, digits)}</h3>',
            svg(e, 4, 8),
        ],
        "step": heading,
        "end": lambda step: ["</section>"],
    }
    return "\n".join([*written(e, terms, forms(digits, terms) | own), "</div>"])
