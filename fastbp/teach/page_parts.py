"""Pieces of the stepping page: formulas that fit a phone, numbers that can be asked for all their digits, tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from fastbp.teach.formula import shown, to_mathml
from fastbp.teach.render import step_pieces
from fastbp.teach.render_html import forms
from fastbp.teach.steps import Step, digits_of


def signed(text: str) -> str:
    """With a minus as long as a plus."""
    return text.replace("-", "\N{MINUS SIGN}")


def cell(value: Any, digits: int | None, attributes: str = "") -> str:
    """A number in a table; its title has all digits."""
    exact = digits_of(value)
    return f'<td data-exact="{exact}" title="{exact}"{attributes}>{signed(shown(exact, digits))}</td>'


def grid(heads: Sequence[str], rows: Iterable[str]) -> str:
    """A table with formulas for heads."""
    above = "".join(f'<th scope="col">{head}</th>' for head in heads)
    return f"<table><thead><tr>{above}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def gap(columns: int, number: int) -> str:
    """The row that stands for those not shown."""
    return f'<tr><td class="gap" colspan="{columns}">{number} more</td></tr>'


def chips(pairs: Iterable[tuple[str, Any]], digits: int | None) -> str:
    """Letters and their numbers, side by side as far as the width goes."""
    parts = (
        f'<span class="chip" data-exact="{digits_of(value)}" title="{digits_of(value)}">{to_mathml(symbol)} '
        f"<b>{signed(shown(digits_of(value), digits))}</b></span>"
        for symbol, value in pairs
    )
    return f'<p class="chips">{" ".join(parts)}</p>'


def step_html(step: Step, digits: int | None, terms: int | None) -> str:
    """A step of an explanation."""
    own = forms(digits, terms)
    parts = [f"<h3>{escape(step.label)}</h3><p>{escape(step.text)}</p>"] if step.text else []
    for kind, content in step_pieces(step, terms):
        wide = " wide" if kind == "table" and len(content.heads) == 3 else ""  # a phone stacks such rows
        written = "".join(own[kind](content)) if kind in own else ""
        parts.append(f'<div class="terms{wide}">{written}</div>' if kind == "table" else written)
    return "".join(parts)
