"""An explanation as HTML that needs nothing else: MathML, tables, the drawing, and a style that stays inside."""

from __future__ import annotations

import re
from html import escape

from fastbp.teach.drawing import svg
from fastbp.teach.explained import Explained
from fastbp.teach.formula import shown, to_mathml
from fastbp.teach.render import TAIL_HEADS
from fastbp.teach.rows import hidden, table_rows
from fastbp.teach.steps import Table, digits_of, num

STYLE = """
.fastbp{font-family:system-ui,sans-serif;line-height:1.45;color:#1b1b1b;background:#fff;padding:1rem;max-width:56rem}
.fastbp .about{font-weight:600;border-left:4px solid #b35806;padding-left:.6rem;margin:.2rem 0}
.fastbp .small{color:#555;font-size:.88em;margin:.3rem 0}
.fastbp h3,.fastbp h4{padding:0}
.fastbp h3{font-size:1.25em;margin:.8rem 0;font-weight:600}
.fastbp h4{font-size:1em;margin:1.1rem 0 .2rem;color:#542788}
.fastbp p{margin:.25rem 0}
.fastbp .formula{margin:.35rem 0 .35rem 1rem;overflow-x:auto;overflow-y:hidden;padding:.2rem 0 .35rem}
.fastbp .formula>div+div{padding-left:1.6em}
.fastbp .scroll{overflow-x:auto}
.fastbp table{border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:.9em;margin:.4rem 0}
.fastbp th,.fastbp td{padding:.18rem .7rem;text-align:right;border-bottom:1px solid #ddd}
.fastbp th,.fastbp td{white-space:nowrap;color:#1b1b1b;background:#fff}
.fastbp .share{width:4.3em;padding-left:0;text-align:left}
.fastbp .bar{display:inline-block;height:.6em;background:#b35806;vertical-align:baseline}
.fastbp .negative{color:#542788}
.fastbp .negative .bar{background:#542788}
.fastbp .pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,25rem),1fr))}
.fastbp .pair{gap:0 1.2rem;align-items:start}
.fastbp .pair>*{min-width:0}
.fastbp.source{max-width:84rem}
.fastbp pre{font-size:.8em;line-height:1.4;overflow-x:auto;padding:.5rem .7rem;margin:.2rem 0 .6rem}
.fastbp pre{background:#f6f6f4;color:#1b1b1b}
.fastbp mark{background:#fde3c3;color:inherit}
.fastbp summary{cursor:pointer;font-size:.88em}
.fastbp .note{background:#fff7ec;border-left:4px solid #b35806;padding:.3rem .6rem;margin:.4rem 0}
"""

_RELATION = re.compile(r" (?=(?:=|\\leftarrow) )")


def formula(source: str, digits: int | None, attributes: str = 'class="formula"') -> str:
    """A displayed formula; a chain of equations has one relation a line, because browsers break no lines of MathML."""
    first, *rest = _RELATION.split(source)
    lines = [" ".join([first, *rest[:1]]), *rest[1:]]
    parts = "".join(f"<div>{to_mathml(line, digits, display=True)}</div>" for line in lines)
    return f"<div {attributes}>{parts}</div>"


def _signed(cell: str) -> str:
    return cell.replace("-", "\N{MINUS SIGN}", 1) if cell.startswith("-") else cell


def table(t: Table, digits: int | None, terms: int | None) -> str:
    """The terms of a sum."""
    heads = [to_mathml(head, digits) for head in (t.letter, *t.heads)] + list(TAIL_HEADS)
    lines = ['<div class="scroll"><table><thead><tr>']
    lines += [f'<th scope="col">{head}</th>' for head in heads] + ['<td class="share"></td></tr></thead><tbody>']
    for row in table_rows(t, terms, digits):
        negative = row.term is not None and t.sum.products[row.term] < 0
        style = ' class="negative"' if negative else ""
        cells = [f"<td>{escape(_signed(cell))}</td>" for cell in row.cells[:-1]]
        share = 0 if row.term is None else t.sum.shares[row.term]
        bar = f'<span class="bar" style="width:{4 * share:.2f}em"></span>'
        lines.append(
            f'<tr{style}>{"".join(cells)}<td>{row.cells[-1]}</td><td class="share" aria-hidden="true">{bar}</td></tr>'
        )
    lines.append("</tbody></table></div>")
    notes = (hidden(t.sum, terms, t.letter), t.footnote)
    return "".join(lines) + "".join(f'<p class="small">{escape(note)}</p>' for note in notes if note)


def html(e: Explained, digits: int | None, terms: int | None) -> str:
    """The explanation as one element."""
    first, *rest = e.header
    parts = [f'<div class="fastbp"><style>{STYLE}</style><p class="about">{escape(first)}</p>']
    parts += [f'<p class="small">{escape(line)}</p>' for line in rest]
    exact = digits_of(e.result)
    result = to_mathml(f"{e.subject} = {num(e.result)}", digits)
    parts.append(f'<h3 data-value="{exact}" title="{shown(exact, None)}">{result}</h3>')
    parts.append(svg(e, 4, 8))
    for step in e.steps:
        parts.append(f"<section><h4>{escape(step.label)}</h4>")
        if step.text:
            parts.append(f"<p>{escape(step.text)}</p>")
        parts += [formula(source, digits) for source in step.formulas]
        if step.table is not None:
            if step.table.start:
                parts.append(f"<p>The running sum starts at {to_mathml(step.table.start, digits)}.</p>")
            parts.append(table(step.table, digits, terms))
        if step.note:
            parts.append(f'<p class="note">{escape(step.note)}</p>')
        parts.append("</section>")
    return "\n".join([*parts, "</div>"])
