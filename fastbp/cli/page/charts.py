"""The charts of a report: curves of the training, classes, numbers, columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import fastbp
from fastbp.cli.evaluation import metrics
from fastbp.cli.evaluation.effects import Importance, Partial
from fastbp.cli.evaluation.outcome import Outcome
from fastbp.cli.page.svg import HEIGHT, WIDTH, Chart, number, short, ticks, widened

MOST_POINTS = 600
"""Rows that a cloud of points shows."""

SERIES = 6
"""Colours that can be told apart."""


def curves(run: fastbp.Run, best: int | None) -> list[str]:
    """The quantities of each epoch, and which epoch was best."""
    drawn = []
    for title, names in (
        ("Loss", (("loss", "training"), ("val_loss", "validation"))),
        ("Accuracy", (("accuracy", "training"), ("val_accuracy", "validation"))),
        ("R2", (("val_r2", "validation"),)),
    ):
        known = [(run.history[name][: run.epoch], name, label) for name, label in names if run.history.get(name)]
        if not known:
            continue
        n = max(len(values) for values, _, _ in known)
        whole = [t for t in ticks(1, max(n, 2)) if t == int(t)]
        chart = Chart(title, (1, max(n, 2)), _without_outliers([v for v, _, _ in known]), "epoch")
        chart.y_axis()
        chart.x_axis([(t, number(t)) for t in whole if t >= 1])
        for values, name, label in known:
            chart.line(np.arange(1, len(values) + 1), values, int(name.startswith("val_")), name=label)
        if best is not None and 1 <= best <= n:
            low, high = chart._y
            chart.straight(best, low, best, high, "best")
            top = values[0] > values[-1]  # where a line that falls leaves room; one that rises does below
            px, py = chart.at(best, high if top else low)
            right = best > 0.6 * n
            chart.text(
                px + (-5 if right else 5),
                py + (10 if top else -6),
                f"best: epoch {best}",
                "end" if right else "start",
                "mark",
            )
            chart.described = f"{title} by epoch; the best epoch is {best} of {n}"
        drawn.append(chart.svg())
    return drawn


def _without_outliers(several: Sequence[Sequence[float]]) -> tuple[float, float]:
    """Ends of an axis on which a first epoch that is far off does not flatten the rest."""
    values = np.concatenate([np.asarray(v, np.float64) for v in several])
    values = values[np.isfinite(values)]
    if len(values) > 20:
        low, high = np.quantile(values, [0.0, 0.98])
        values = np.clip(values, low - 1.5 * (high - low), high + 0.5 * (high - low))
    return widened(values)


def confusion_matrix(tested: Outcome) -> str:
    """Counts of what rows are (down) and were taken for (across), darker where a class has more of its rows."""
    counts, names = tested.counts, [short(name, 9) for name in tested.classes]
    n = len(names)
    left = 14 + min(70, 7 * max(map(len, names)))
    height = max(120, min(WIDTH, 60 + round((WIDTH - left - 12) * min(1.0, 0.32 * n if n < 4 else 1.0))))
    chart = Chart("Confusion matrix", (0, n), (n, 0), "taken for", "rows: what they are", left=left, height=height)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    for i in range(n):
        for j in range(n):
            chart.box(j, j + 1, i, i + 1, 0 if i == j else 1, 0.85 * float(share[i, j]))
            if n <= 12 and counts[i, j]:
                px, py = chart.at(j + 0.5, i + 0.5)
                chart.text(px, py + 4, number(counts[i, j]), "middle", "on" if share[i, j] > 0.55 else "")
    if n <= 30:
        chart.y_axis([(i + 0.5, names[i]) for i in range(n)], grid=False)
        fits = n * 7 * max(map(len, names)) <= WIDTH - left
        chart.x_axis([(j + 0.5, names[j] if fits else short(names[j], 2)) for j in range(n)] if n <= 20 else [])
    return chart.svg()


def roc_curves(tested: Outcome, threshold: float | None) -> str:
    """Of the second of two classes, with the point that decisions are made at; of more, each against the rest."""
    chart = Chart("ROC", (0, 1), (0, 1.02), "false positives", "true positives")
    chart.y_axis([(t, number(t)) for t in (0, 0.25, 0.5, 0.75, 1)])
    chart.x_axis([(t, number(t)) for t in (0, 0.25, 0.5, 0.75, 1)])
    chart.straight(0, 0, 1, 1)
    n = len(tested.classes)
    shown = [1] if n == 2 else sorted(np.argsort(-tested.counts.sum(axis=1), kind="stable")[:SERIES].tolist())
    for series, label in enumerate(shown):
        positive = tested.known == label
        if positive.all() or not positive.any():
            continue
        false, true, _ = metrics.roc(positive, tested.out[:, label])
        area = metrics.auc(positive, tested.out[:, label])
        chart.line(false, true, series, name=f"{tested.classes[label]}: AUC {area:.3f}")
    if n == 2:
        counts = tested.counts
        rates = counts[:, 1] / np.maximum(counts.sum(axis=1), 1)
        chart.points(rates[:1], rates[1:], 1, 4.5, "point")
        px, py = chart.at(rates[0], rates[1])
        where = f"threshold {0.5 if threshold is None else threshold:g}"
        chart.text(px + (8 if rates[0] < 0.6 else -8), py + 14, where, "start" if rates[0] < 0.6 else "end", "mark")
    return chart.svg()


def calibration_curve(tested: Outcome) -> str:
    """How often what was said with a probability is so: of two classes the second, of more the one decided for."""
    if len(tested.classes) == 2:
        positive, p, of = tested.known == 1, tested.out[:, 1], str(tested.classes[1])
    else:
        positive, p, of = tested.known == tested.out.argmax(axis=1), tested.out.max(axis=1), "the decided class"
    mean, share, n = metrics.calibration(positive, p)
    chart = Chart("Calibration", (0, 1), (0, 1.02), f"probability of {short(of, 20)}", "share that is")
    chart.y_axis([(t, number(t)) for t in (0, 0.25, 0.5, 0.75, 1)])
    chart.x_axis([(t, number(t)) for t in (0, 0.25, 0.5, 0.75, 1)])
    chart.straight(0, 0, 1, 1)
    chart.line(mean, share)
    for x, y, rows in zip(mean, share, n, strict=True):
        chart.points([x], [y], 0, 2 + 5 * float(np.sqrt(rows / n.max())), "dot")
    chart.described = "Calibration: the larger a dot, the more rows"
    return chart.svg()


def numbers(known: np.ndarray, out: np.ndarray, unit: str, seed: int) -> list[str]:
    """What was predicted against what is, and the residuals."""
    there = np.isfinite(known) & np.isfinite(out)
    known, out = known[there], np.asarray(out, np.float64)[there]
    residual = known - out
    index = np.random.default_rng(seed).permutation(len(known))[:MOST_POINTS]
    both = widened(np.concatenate([known, out]))
    cloud = Chart("Predicted and true", both, both, f"predicted {short(unit, 20)}", "true", left=58)
    cloud.y_axis()
    cloud.x_axis()
    cloud.straight(both[0], both[0], both[1], both[1])
    cloud.points(out[index], known[index])
    spread = Chart(
        "Residuals", widened(out), widened(residual), f"predicted {short(unit, 20)}", "true - predicted", left=58
    )
    spread.y_axis()
    spread.x_axis()
    spread.straight(*(widened(out)[0], 0.0), *(widened(out)[1], 0.0))
    spread.points(out[index], residual[index])
    counts, edges = np.histogram(residual, bins=min(30, max(5, int(np.sqrt(len(residual))))))
    bars = Chart(
        "Distribution of residuals", (edges[0], edges[-1]), (0, counts.max() * 1.05), "true - predicted", "rows"
    )
    bars.y_axis([(t, number(t)) for t in ticks(0, counts.max() * 1.05) if t == int(t)])
    bars.x_axis()
    for height, a, b in zip(counts, edges, edges[1:], strict=False):
        bars.box(a, b, 0, height, 0, 0.8)
    if edges[0] < 0 < edges[-1]:
        bars.straight(0, 0, 0, counts.max() * 1.05)
    return [cloud.svg(), spread.svg(), bars.svg()]


def importance_bars(importances: Sequence[Importance], unit: str, most: int = 15) -> str:
    """The strongest columns; a thin line is the standard deviation of the shuffles."""
    shown = importances[:most]
    n = len(shown)
    left = 20 + min(120, 7 * max(len(short(i.name, 18)) for i in shown))
    high = max(max(i.mean + i.deviation for i in shown), 1e-12)
    low = min(0.0, min(i.mean - i.deviation for i in shown))
    chart = Chart("Permutation importance", (low, high * 1.05), (n, 0), unit, left=left, height=max(140, 56 + 20 * n))
    chart.y_axis([(i + 0.5, short(each.name, 18)) for i, each in enumerate(shown)], grid=False)
    chart.x_axis()
    for i, each in enumerate(shown):
        chart.box(min(0, each.mean), max(0, each.mean), i + 0.2, i + 0.8, 0, 0.85)
        chart.straight(each.mean - each.deviation, i + 0.5, each.mean + each.deviation, i + 0.5, "whisker")
    return chart.svg()


def partial_chart(partial: Partial, classes: Sequence[Any], limits: tuple[float, float] | None) -> str:
    """Mean prediction by the value of one column."""
    means = partial.means
    J = means.shape[1]
    series = (
        list(range(J)) if J <= SERIES else sorted(np.argsort(-np.ptp(means, axis=0), kind="stable")[:SERIES].tolist())
    )
    y = widened(means[:, series]) if limits is None else limits
    label = (
        f"probability of {short(classes[1], 16)}" if len(classes) == 2 else ("probability" if classes else "prediction")
    )
    if partial.is_number and len(partial.values) > 1:
        values = np.asarray(partial.values, np.float64)
        x = widened(values, 0.02)
        chart = Chart(f"Effect of {short(partial.name, 24)}", x, y, short(partial.name, 30), label)
        chart.x_axis()
        chart.y_axis()
        for colour, j in enumerate(series):
            chart.line(values, means[:, j], colour, name=str(classes[j]) if len(classes) > 2 else "")
            if len(values) <= 12:
                chart.points(values, means[:, j], colour, 2.5)
        return chart.svg()
    n = len(partial.values)
    height = max(HEIGHT, 60 + 18 * n)
    x = widened(np.append(means[:, series], y[0] if limits else means.min()))
    chart = Chart(f"Effect of {short(partial.name, 24)}", x, (n, 0), label, left=100, height=height)
    chart.x_axis()
    chart.y_axis([(i + 0.5, short(v, 13)) for i, v in enumerate(partial.values)])
    for colour, j in enumerate(series):
        chart.points(means[:, j], np.arange(n) + 0.5, colour, 4)
        if len(classes) > 2:
            chart._legend.append((str(classes[j]), colour))
    return chart.svg()
