"""The page of a report, put together."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

import fastbp
from fastbp.cli.evaluation.judging import Judgement, held_out_rows
from fastbp.cli.evaluation.outcome import Outcome
from fastbp.cli.evaluation.rows import Rows
from fastbp.cli.page import charts, parts
from fastbp.cli.page.parts import escaped
from fastbp.cli.page.svg import number, widened
from fastbp.cli.tables import becomes
from fastbp.decisions import THRESHOLD

WORST = 10
"""Rows that are shown because they are furthest off."""

SERIOUS = ' class="serious"'

WORST_COLUMNS = 8
"""Columns of these rows that are shown: the strongest."""


def page(judgement: Judgement, options: Mapping[str, Any], config: str) -> str:
    """The report as one HTML file.

    Parameters
    ----------
    judgement : Judgement
    options : mapping
        Of the command, by name.
    config : str
        The TOML that trains the model again.
    """
    data = judgement.prepared.data
    target = _named(judgement) or options.get("target") or "the target"
    title = f"{Path(str(data.name)).name}: {target}"
    sections = [_head(judgement, title), _rows(judgement), _results(judgement), _curves(judgement)]
    sections += [_classes(judgement) if data.classes else _numbers(judgement)]
    sections += [_columns_effects(judgement), _worst(judgement), _use(judgement, options), _again(judgement, config)]
    style = resources.files("fastbp.cli.page").joinpath("page.css").read_text(encoding="utf-8")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escaped(title)}</title><style>\n{style}</style></head><body>\n"
        + "\n".join(section for section in sections if section)
        + "\n</body></html>\n"
    )


def _named(judgement: Judgement) -> str:
    """The target, or several."""
    target = judgement.prepared.data.target
    return ", ".join(target) if isinstance(target, tuple) else target or ""


def _unit(judgement: Judgement) -> str:
    target = judgement.prepared.data.target
    return f"of {target}" if isinstance(target, str) else ""


def _head(judgement: Judgement, title: str) -> str:
    tested, constant = judgement.tested.scores(), judgement.constant.scores()
    linear = {} if judgement.linear is None else judgement.linear.scores()
    first = ("accuracy", "balanced accuracy", "AUC", "log loss") if judgement.tested.classes else tuple(tested)[:6]
    names = [name for name in first if name in tested]
    cards = ""
    for name in names:
        beside = f"constant {parts.score(name, constant[name])}" if name in constant else ""
        beside += f" · linear {parts.score(name, linear[name])}" if name in linear else ""
        shown = parts.score(name, tested[name])
        cards += f"<div><span>{escaped(name)}</span><b>{shown}</b><span>{beside}</span></div>"
    found = sorted(judgement.findings, key=lambda finding: not finding.serious)
    items = "".join(f"<li{SERIOUS * f.serious}>{escaped(f.text)}</li>" for f in found)
    above = f'<ul class="findings">{items}</ul>' if items else ""
    n = len(judgement.tested.known)
    kind = "classification" if judgement.prepared.data.classes else "regression"
    return (
        f"<header><h1>{escaped(title)}</h1>"
        f'<p class="faint">A {kind} by fastbp {fastbp.__version__}, {datetime.date.today().isoformat()}. The figures '
        f"below are those of {n:,} test rows, which the training has never seen.</p>{above}"
        f'<div class="cards">{cards}</div></header>'
    )


def _rows(judgement: Judgement) -> str:
    prepared = judgement.prepared
    data, kept = prepared.data, prepared.kept
    said = f"{prepared.rows_in_words()}, {len(data.X_test):,} to test"
    rows = []
    if prepared.columns is not None:
        for found in prepared.columns.found[:200]:
            style = "" if found.is_used else ' class="faint"'
            cells = (found.name, found.kind, f"{becomes(prepared.columns, found)}: {found.why}")
            rows.append([f"<span{style}>{escaped(cell)}</span>" for cell in cells])
    for k, name in enumerate([] if prepared.columns is not None else judgement.rows.names[:200]):
        values = np.asarray(data.X[:, k][kept], np.float64)
        learned = f"{number(values.min())} to {number(values.max())}, mean {number(values.mean())}"
        rows.append([escaped(name), "number", learned])
    if data.image is not None:
        size = " x ".join(map(str, data.image))
        shown = f"<p>Each row is an image of {size} pixels.</p>"
    else:
        listing = parts.table(["column", "kind", "in the training rows"], rows, ["", "", "words"])
        many = len(rows) > 12
        shown = f"<details><summary>{len(rows)} columns</summary>{listing}</details>" if many else listing
    goal = f"{len(data.classes)} classes: {', '.join(map(str, data.classes[:12]))}" if data.classes else "a number"
    target = f" The target, <b>{escaped(_named(judgement))}</b>, is {escaped(goal)}." if data.target else ""
    return f"<section><h2>Data</h2><p>{said}.{target}</p>{shown}</section>"


def _results(judgement: Judgement) -> str:
    data = judgement.prepared.data
    several = len(data.classes or ()) > 2
    said = "The constant prediction is what the training rows say without any input"
    said += ": the share of each class." if data.classes else ": their mean."
    if judgement.linear is not None:
        said += " The linear model has the same inputs as the network, and a penalty chosen by the validation rows."
    if data.classes:
        of = "F1 and AUC are means over the classes." if several else f"F1 is that of {data.classes[1]!r}."
        said += f" {of}"
    units = escaped(_unit(judgement))
    table = parts.results(judgement.outcomes, units)
    per_class = f"<h3>By class</h3>{parts.classes(judgement.tested)}" if 2 <= len(data.classes or ()) <= 50 else ""
    return f'<section><h2>Result</h2>{table}<p class="faint">{escaped(said)}</p>{per_class}</section>'


def best_epoch(run: fastbp.Run) -> int | None:
    """The epoch whose weights were kept, or which was best on the validation rows."""
    if run.best_epoch is not None:
        return run.best_epoch
    values = np.asarray(run.history.get("val_loss", [])[: run.epoch], np.float64)
    return int(np.nanargmin(values)) + 1 if len(values) and not np.isnan(values).all() else None


def _curves(judgement: Judgement) -> str:
    run = judgement.run
    drawn = charts.curves(run, best_epoch(run))
    if not drawn:
        return ""
    said = judgement.prepared.training_in_words(run)
    if run.best_epoch is None and best_epoch(run) is not None:
        said += " The weights are those of the last epoch; --early-stopping keeps those of the best."
    return f'<section><h2>Training</h2><p>{escaped(said)}</p><div class="charts">{"".join(drawn)}</div></section>'


def _classes(judgement: Judgement) -> str:
    tested = judgement.tested
    drawn = [charts.confusion_matrix(tested), charts.roc_curves(tested, judgement.prepared.model.meta.get(THRESHOLD))]
    if tested.proper:
        drawn.append(charts.calibration_curve(tested))
    return f'<section><h2>Classes</h2><div class="charts">{"".join(drawn)}</div></section>'


def _numbers(judgement: Judgement) -> str:
    tested, seed = judgement.tested, judgement.prepared.options["seed"]
    several = len(tested.columns) > 1
    shown = ""
    for j, column in enumerate(tested.columns[:4]):
        unit = column if several else _named(judgement)
        drawn = charts.numbers(tested.known[:, j], tested.out[:, j], unit, seed)
        shown += (f"<h3>{escaped(column)}</h3>" if several else "") + f'<div class="charts">{"".join(drawn)}</div>'
    return f"<section><h2>Residuals</h2>{shown}</section>"


def _columns_effects(judgement: Judgement) -> str:
    if not judgement.importances:
        return ""
    data = judgement.prepared.data
    what = "more log loss" if data.classes else "more squared error, in variances"
    drawn = [charts.importance_bars(judgement.importances, what)]
    strong = [partial for partial in judgement.partials if len(partial.values) > 1]
    limits = None
    if strong and (data.classes or judgement.tested.out.shape[1] == 1):  # several targets have units of their own
        limits = widened(np.concatenate([partial.means.ravel() for partial in strong]))
    drawn += [charts.partial_chart(partial, data.classes or (), limits) for partial in strong]
    said = (
        "Importance: how much worse the test rows are predicted when a column is shuffled among them. Effect: the mean "
        "prediction if a column had this value in all rows, the others being what they are. Columns that go together "
        "share their importance, and effects are of the model, not of the world."
    )
    return f'<section><h2>Columns</h2><p class="faint">{said}</p><div class="charts">{"".join(drawn)}</div></section>'


def worst_rows(tested: Outcome, most: int = WORST) -> list[int]:
    """Indices of the rows that are furthest off; of classes, of those that were mistaken."""
    losses = tested.losses()
    order = [int(i) for i in np.argsort(-losses, kind="stable") if np.isfinite(losses[i])]
    if tested.decided is not None:
        order = [i for i in order if tested.decided[i] != tested.known[i]]
    return order[:most]


def _worst(judgement: Judgement) -> str:
    if judgement.prepared.data.image is not None:
        return ""
    said = [("The test rows that the model is most wrong about: errors of the data are often among them.", "test row")]
    found = [(judgement.tested, judgement.rows)]
    held_out = held_out_rows(judgement.prepared)
    if held_out is not None and judgement.validated is not None:
        found.append((judgement.validated[0], held_out))
        said.append((judgement.prepared.held_out_in_words, "held-out row"))
    listings = []
    for (outcome, rows), (sentence, kind) in zip(found, said, strict=True):
        listing = _listing(judgement, outcome, rows)
        listings.append(
            f'<p class="faint">{sentence}</p>{listing}' if listing else f"<p>Every {kind} was predicted right.</p>"
        )
    return f"<section><h2>Worst rows</h2>{''.join(listings)}</section>"


def _listing(judgement: Judgement, tested: Outcome, rows: Rows) -> str:
    """The rows that are furthest off, with the cells of the strongest columns; empty where none is."""
    chosen = worst_rows(tested)
    if not chosen:
        return ""
    names = [i.name for i in judgement.importances[:WORST_COLUMNS]] or rows.names[:WORST_COLUMNS]
    header, body = ["row"], []
    if tested.classes:
        header += ["is", "taken for", "probability of what it is"]
    else:
        header += [part for column in tested.columns[:2] for part in (f"true {column}", "predicted")]
    for i in chosen:
        cells = [escaped(rows.place(i))]
        if tested.decided is not None:
            p = f"{tested.out[i, tested.known[i]]:.1%}" if tested.proper else "-"
            cells += [escaped(tested.classes[tested.known[i]]), escaped(tested.classes[tested.decided[i]]), p]
        else:
            for j in range(len(tested.columns[:2])):
                cells += [parts.cell(float(tested.known[i, j])), parts.cell(float(tested.out[i, j]))]
        body.append([*cells, *(parts.cell(rows.cell(name, i)) for name in names)])
    kinds = [""] * len(header) + ["number"] * len(names)
    return parts.table([*map(escaped, header), *map(escaped, names)], body, kinds)


def _use(judgement: Judgement, options: Mapping[str, Any]) -> str:
    model = options["model"]
    shell = f"fastbp predict {model} new.csv --out predictions.csv\nfastbp info {model}"
    python = (
        f"import fastbp\n\nmodel = fastbp.load({str(model)!r})\nmodel.predict(X)      # raw rows, as the file has them"
    )
    if judgement.prepared.data.classes:
        python += "\nmodel.feedforward(X)  # probabilities"
    return (
        "<section><h2>How to use it</h2><p>The model takes rows as the file has them, and gives "
        f"{'names of classes' if judgement.prepared.data.classes else 'numbers in the units of the target'}.</p>"
        f"<pre>{escaped(shell)}</pre><pre>{escaped(python)}</pre></section>"
    )


def _again(judgement: Judgement, config: str) -> str:
    run = judgement.run
    said = f"{run.n_threads} thread{'s' * (run.n_threads != 1)}; the result does not depend on their number."
    return (
        f'<section><h2>How it was made</h2><p class="faint">{escaped(said)}</p>'
        f"<details><summary>Options, as TOML</summary><pre>{escaped(config)}</pre></details></section>"
    )
