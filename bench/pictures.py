"""The pictures of the documentation: time against width and batch, threads, and the model to 64 cores."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench import scaling
from fastbp.compare import nets

INK, GREY = "#1f2937", "#9ca3af"
COLOURS = {
    "fastbp": "#d1345b",
    "JAX": "#2563a8",
    "PyTorch": "#e08e2b",
    "torch.compile": "#a86b1f",
    "NumPy": "#2e8b67",
    "scikit-learn": "#7c5cbf",
    "Numba prange": "#5fb0c9",
    "textbook": "#8a8f98",
    "book's NumPy": "#b8bcc4",
}
SERIES = ("#d1345b", "#2563a8", "#2e8b67", "#e08e2b", "#7c5cbf", "#5fb0c9")

STYLE: Any = {
    "font.size": 9,
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlecolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "grid.color": "#e5e7eb",
    "grid.linewidth": 0.7,
    "svg.hashsalt": "fastbp",
    "svg.fonttype": "none",
}


def _label_ends(axes: Any, ends: list[tuple[float, float, str, str]]) -> None:
    """Names at the right ends of curves on a logarithmic axis, moved apart where they would overlap."""
    import math

    low, high = (math.log(limit) for limit in axes.get_ylim())
    gap = (high - low) / 15
    ends = sorted(ends, key=lambda end: end[1])
    # Least squares under the rule that each name is a gap above the one below it: without these gaps the heights may
    # not fall, and where they would, neighbours share their mean.
    groups: list[list[float]] = []
    for i, (_, y, _, _) in enumerate(ends):
        groups.append([max(math.log(y), low + gap / 2) - i * gap])
        while len(groups) > 1 and sum(groups[-2]) / len(groups[-2]) > sum(groups[-1]) / len(groups[-1]):
            last = groups.pop()
            groups[-1] += last
    level = [max(sum(group) / len(group), low + gap / 2) for group in groups for _ in group]
    heights = [height + i * gap for i, height in enumerate(level)]
    for (x, _, name, colour), height in zip(ends, heights, strict=True):
        weight = "bold" if name == "fastbp" else "normal"
        at = (x, math.exp(height))
        axes.annotate(
            name, at, (7, 0), textcoords="offset points", va="center", color=colour, weight=weight, size=8,
            annotation_clip=False,
        )  # fmt: skip


def _ticks(axes: Any, values: Any) -> None:
    from matplotlib.ticker import NullFormatter, NullLocator

    axes.set_xticks(values, [str(value) for value in values])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_minor_formatter(NullFormatter())


def sweep(figure: Any, found: dict[str, Any], kind: str) -> None:
    """A step's time as a multiple of the floor, all peers, a panel for each number of threads.

    Below, fastbp's time as a part of the fastest peer's: above 1 the peer wins.
    """
    points = found["sweeps"][kind]
    threads = sorted({point["threads"] for point in points})
    panels = figure.subplots(2, len(threads), sharey="row", sharex=True, squeeze=False, height_ratios=[7, 2])
    highest = max(us / point["floor"] for point in points for us in point["us"].values())
    decades = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000]
    for (axes, below), n in zip(panels.T, threads, strict=True):
        here = [point for point in points if point["threads"] == n]
        at = [point["at"] for point in here]
        ends = []
        for name in dict.fromkeys(name for point in here for name in point["us"]):
            line = [(p["at"], p["us"][name] / p["floor"]) for p in here if name in p["us"]]
            wide = name == "fastbp"
            axes.plot(
                *zip(*line, strict=True),
                color=COLOURS[name],
                lw=2.4 if wide else 1.3,
                marker="o",
                ms=4 if wide else 2.5,
                zorder=3 if wide else 2,
            )
            ends.append((*line[-1], name, COLOURS[name]))
        axes.set_xscale("log", base=2)
        axes.set_yscale("log")
        axes.axhline(1, color=INK, lw=0.8, ls=":")
        axes.grid(True, which="major")
        axes.set_yticks(decades, [f"{tick:,}" for tick in decades])
        axes.set_ylim(0.85, highest * 1.3)
        axes.set_title(f"{n} core{'s' if n > 1 else ''}")
        _label_ends(axes, ends)
        _against_best(below, here)
        _ticks(below, at)
        below.set_xlabel(
            "neurons in each hidden layer and inputs, batch 64" if kind == "width" else "minibatch, width 128"
        )
    panels[0][0].set_ylabel("time of a step, multiple of the floor")
    panels[1][0].set_ylabel("of the best\npeer's time")


def _against_best(axes: Any, here: list[dict[str, Any]]) -> None:
    """The crossover: where fastbp's part of the fastest peer's time passes 1."""
    at = [point["at"] for point in here]
    part = [
        point["us"]["fastbp"] / min((us for name, us in point["us"].items() if name != "fastbp"), default=float("nan"))
        for point in here
    ]
    axes.axhspan(1, 10, color="#f3f4f6", lw=0, zorder=0)
    axes.axhline(1, color=INK, lw=0.8, ls=":")
    axes.plot(at, part, color=COLOURS["fastbp"], lw=2, marker="o", ms=3.5)
    axes.set_ylim(0, max(1.25, *part) * 1.05 if part == part else 1.25)
    axes.set_yticks([0, 0.5, 1])
    axes.text(at[0], 1.03, "a peer is faster", size=7, color=GREY, va="bottom")
    axes.grid(True, axis="x")


def threads(figure: Any, found: dict[str, Any]) -> None:
    """How many times faster fastbp is on all cores and on the number it chooses than on one."""
    rows = found["threads"]
    most = max(int(n) for n in rows[0]["us"] if n.isdigit())
    axes = figure.subplots()
    rows = sorted(rows, key=lambda row: row["us"]["1"])
    names = [f"{row['net']}{'' if row['dtype'] == 'float32' else ' ' + row['dtype']}" for row in rows]
    y = range(len(rows))
    all_cores = [row["us"]["1"] / row["us"][str(most)] for row in rows]
    chosen = [row["us"]["1"] / row["us"]["None"] for row in rows]
    axes.hlines(y, 0, all_cores, color="#e5e7eb", lw=5)
    axes.plot(all_cores, y, "o", color=COLOURS["JAX"], ms=6, label=f"n_threads={most}")
    axes.plot(chosen, y, "D", color=COLOURS["fastbp"], ms=4.5, label="n_threads=None")
    axes.axvline(1, color=INK, lw=0.8, ls=":")
    axes.set_xlim(0, max(most, *all_cores, *chosen) * 1.08)
    labels = [f"{name}   ({_us(row['us']['1'])})" for name, row in zip(names, rows, strict=True)]
    axes.set_yticks(list(y), labels)
    axes.set_xlabel("times as fast as one core (time of a step on one core in brackets)")
    axes.legend(frameon=False, loc="lower right")
    axes.grid(True, axis="x")


def _us(us: float) -> str:
    return f"{us:.3g} us" if us < 1000 else f"{us / 1000:.3g} ms"


def model(figure: Any, found: dict[str, Any]) -> None:
    """The model's speed-up to 64 cores beside what was measured, and its time against the measured time."""
    fitted = scaling.fit(found["scaling"], found["machine"]["cache"])
    left, right = figure.subplots(1, 2, width_ratios=[3, 2])
    measured = {f"{row['net']} {row['dtype']}": row["us"] for row in found["scaling"]}
    counts = list(range(1, scaling.SHARED + 1))
    ends: list[tuple[float, float, str, str]] = []
    left.plot(counts, counts, color=GREY, lw=0.9, ls=":")
    for case, colour in zip(nets.NETS[:6], SERIES, strict=True):
        one = fitted.us(case, 1)
        gains = [one / fitted.us(case, T) for T in counts]
        left.plot(counts, gains, color=colour, lw=1.8)
        T, _ = fitted.stops(case)
        left.plot([T], [gains[T - 1]], marker="|", ms=12, mew=2, color=colour)
        us = measured.get(case.key, {})
        seen = [(int(n), us["1"] / us[n]) for n in us if n.isdigit()]
        if seen:
            left.plot(*zip(*seen, strict=True), "o", color=colour, ms=4, mec="white", mew=0.6, zorder=3)
        ends.append((counts[-1], gains[-1], case.name, colour))
    left.set_xscale("log", base=2)
    left.set_yscale("log", base=2)
    ticks = [1, 2, 4, 8, 16, 32, 64]
    _ticks(left, ticks)
    left.set_yticks(ticks, [str(tick) for tick in ticks])
    left.set_ylim(min(0.5, min(end[1] for end in ends) / 1.2), 80)
    left.set(title="drawn to 64 cores", xlabel="cores", ylabel="times as fast as one core")
    left.grid(True)
    _label_ends(left, ends)
    known = {case.key: case for case in [*scaling.cases(), *nets.ALL]}
    for n, colour in (("1", COLOURS["JAX"]), ("2", COLOURS["fastbp"])):
        pairs = [(us[n], fitted.us(known[key], int(n))) for key, us in measured.items() if n in us and key in known]
        if pairs:
            right.plot(
                *zip(*pairs, strict=True), "o", color=colour, ms=4, alpha=0.8, label=f"{n} core{'s' * (n != '1')}"
            )
    ends_of = right.get_xlim()
    right.set_xscale("log")
    right.set_yscale("log")
    low, high = 1.0, ends_of[1]
    right.plot([low, high], [low, high], color=GREY, lw=0.9, ls=":")
    right.set(title="model against measurement", xlabel="measured, us a step", ylabel="model, us a step")
    right.grid(True)
    right.legend(frameon=False)


DRAWN: dict[str, tuple[Callable[..., None], tuple[float, float]]] = {
    "width": (lambda figure, found: sweep(figure, found, "width"), (10.5, 5.6)),
    "batch": (lambda figure, found: sweep(figure, found, "batch"), (10.5, 5.6)),
    "threads": (threads, (8.5, 5.2)),
    "scaling": (model, (10.5, 4.6)),
}

NEEDS = {"width": "sweeps", "batch": "sweeps", "threads": "threads", "scaling": "scaling"}


def draw(name: str, found: dict[str, Any], path: Path, of: str) -> None:
    """One picture; ``of`` is the digest of the results and stands in the file. Without its results, an empty one."""
    import matplotlib
    from matplotlib.figure import Figure

    function, size = DRAWN[name]
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=size, layout="constrained")
        if NEEDS[name] in found:
            function(figure, found)
        else:
            figure.text(0.5, 0.5, f"not measured: python -m bench.full --only {NEEDS[name]}", ha="center")
        metadata = {"Date": None, "Description": f"results {of}"} if path.suffix == ".svg" else None
        figure.savefig(path, metadata=metadata, dpi=110)
