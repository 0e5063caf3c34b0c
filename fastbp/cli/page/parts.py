"""Tables and words of the report's page."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fastbp.cli.evaluation.outcome import BEST, Outcome
from fastbp.cli.page.svg import number

PERCENT = ("accuracy", "balanced accuracy")


def escaped(value: Any) -> str:
    """A value as text of the page."""
    return html.escape(str(value))


def score(name: str, value: float) -> str:
    """A metric's value: a share of decisions in percent."""
    if np.isnan(value):
        return "-"
    if name in PERCENT:
        return f"{value:.1%}"
    return f"{value:.3f}" if name.split()[0] in ("AUC", "F1", "R2") else number(value)


def table(header: Sequence[str], rows: Sequence[Sequence[str]], kinds: Sequence[str], mine: int = -1) -> str:
    """A table whose cells are HTML; ``kinds`` has the class of each column."""
    of = [f' class="{kind}"' if kind else "" for kind in kinds]
    head = "".join(f"<th{c}>{h}</th>" for c, h in zip(of, header, strict=True))
    body = ""
    for i, row in enumerate(rows):
        cells = "".join(
            cell if cell.startswith("<td") else f"<td{c}>{cell}</td>" for c, cell in zip(of, row, strict=True)
        )
        of_row = ' class="mine"' if i == mine else ""
        body += f"<tr{of_row}>{cells}</tr>"
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def results(outcomes: Mapping[str, Outcome], units: str) -> str:
    """Every metric of every model on the test rows; the best one is marked."""
    scores = {name: outcome.scores() for name, outcome in outcomes.items()}
    names = list(scores["this model"])
    rows = []
    for who, values in scores.items():
        cells = [escaped(who)]
        for name in names:
            there = [v[name] for v in scores.values() if name in v and not np.isnan(v[name])]
            value = values.get(name, float("nan"))
            best = there and value == BEST.get(name.split(" ")[0] if name not in BEST else name, min)(there)
            kind = "number best" if best and len(there) > 1 else "number"
            cells.append(f'<td class="{kind}">{score(name, value)}</td>')
        rows.append(cells)
    header = ["", *(escaped(name) + (f" <small>{units}</small>" if name in ("RMSE", "MAE") else "") for name in names)]
    return table(header, rows, ["", *["number"] * len(names)], mine=len(rows) - 1)


def classes(tested: Outcome) -> str:
    """Precision, recall, F1 and rows of each class."""
    counts = tested.counts
    rows = []
    for i, name in enumerate(tested.classes):
        hits, decided, known = int(counts[i, i]), int(counts[:, i].sum()), int(counts[i].sum())
        f1 = 2 * hits / (decided + known) if decided + known else 0.0
        precision = f"{hits / decided:.1%}" if decided else "never predicted"
        recall = f"{hits / known:.1%}" if known else "-"
        rows.append([escaped(name), precision, recall, f"{f1:.1%}", f"{known:,}"])
    return table(["class", "precision", "recall", "F1", "test rows"], rows, ["", *["number"] * 4])


def cell(value: Any) -> str:
    """A raw value as a cell shows it."""
    if value is None or (isinstance(value, float | np.floating) and np.isnan(value)):
        return '<span class="faint">missing</span>'
    if isinstance(value, bool | np.bool_ | str):
        return escaped(value)
    if isinstance(value, int | np.integer):
        return escaped(value)
    if isinstance(value, float | np.floating):
        return f"{float(value):.6g}"
    return escaped(value)
