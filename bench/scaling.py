"""A model of the time per step: work of each thread, barriers, memory traffic; fitted, checked, drawn to 64 cores.

    time = work / rate + elements * cost + constant + barriers(T) + traffic(T)

Every term is a count that follows from the net, the batch and the number of threads T, times one coefficient that is
fitted on measured steps with non-negative least squares of the relative error. What is split how is written down in one
place, `counts`: when the kernels split work otherwise, that is where to say it.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import nnls

from bench import sweeps
from fastbp.compare import nets
from fastbp.jit.cpu import CACHE_LINE
from fastbp.runtime.plan import Task, plan_training

WIDTHS = (32, 64, 128, 256, 512, 1024)
BATCHES = (8, 32, 128, 512)

BLOCK_ROWS = 5
"""Rows of a block of sums from which a core's multiply-adds overlap fully: fewer wait for one another."""

SHARED = 64
"""Most threads the curves are drawn for."""


class Terms(NamedTuple):
    """Microseconds of a step by cause."""

    sums: Any
    elements: Any
    start: Any
    layers: Any
    barriers: Any
    weights: Any
    activations: Any
    beyond: Any


MEANING = {
    "sums": "multiply-adds of F1, BP2 and BP4 on the busiest thread",
    "elements": "activations, their slopes and errors on the busiest thread",
    "start": "each step",
    "layers": "each layer of a step",
    "barriers": "each barrier, for each thread beyond the first",
    "weights": "bytes of weights that other threads wrote",
    "activations": "bytes of activations and errors that other threads wrote",
    "beyond": "bytes of weights that do not fit into a core's own cache",
}
"""What each coefficient is a price of."""


def cache_bytes() -> int:
    """A core's own (second-level) cache; 1 MB where the system does not say."""
    try:
        text = Path("/sys/devices/system/cpu/cpu0/cache/index2/size").read_text().strip()
        return int(text[:-1]) * {"K": 1 << 10, "M": 1 << 20}[text[-1]]
    except (OSError, ValueError, KeyError):
        return 1 << 20


def share(n: int, T: int) -> float:
    """The busiest thread's part of n things that cannot be divided."""
    return -(-n // T) / n


def fill(rows: int) -> float:
    """Cost of a block's multiply-add relative to that of a full block: with few rows, sums wait for themselves."""
    return max(1.0, BLOCK_ROWS / rows)


@functools.lru_cache(maxsize=4096)
def splits_columns(case: nets.Case, T: int) -> bool:
    """Whether each of T threads has some neurons of layer 1 for itself."""
    task = Task(tuple(case.sizes), np.dtype(case.dtype).itemsize, case.batch, descent=case.optimizer == "sgd")
    return T > 1 and plan_training(task, T).schedule == "column_parallel"


def counts(case: nets.Case, T: int, cache: int) -> Terms:
    """How much of each term a step has.

    Samples are split for F1, F2, BP1 and BP2, rows of w for BP4 and U. Where threads own neurons of layer 1, its F1,
    BP4 and U are split by columns of w, whole cache lines of them; z^1 is all that moves, past one barrier, and every
    thread computes the layers above.
    """
    itemsize = np.dtype(case.dtype).itemsize
    X = case.batch
    pairs = list(itertools.pairwise(case.sizes))
    above = sum(K * J for K, J in pairs[1:])
    K, J = pairs[0]
    neurons = sum(case.sizes[1:])
    bytes_of_w = sum((K + 1) * J for K, J in pairs) * itemsize
    foreign = (T - 1) / T
    if splits_columns(case, T):
        products = 2 * K * J * share(-(-J * itemsize // CACHE_LINE), T) + 3 * above
        elements, barriers = float(X * neurons), 1
        weights, activations = 0, X * J
    else:
        by_samples = (K * J + 2 * above) * share(X, T) * fill(-(-X // T))
        products = by_samples + sum(K * J * share(K + 1, T) for K, J in pairs)
        elements, barriers = X * neurons * share(X, T), 2
        weights, activations = bytes_of_w, X * (neurons + sum(case.sizes))
    return Terms(
        sums=2e-3 * X * products,
        elements=1e-3 * elements,
        start=1.0,
        layers=float(case.L),
        barriers=float(barriers * (T - 1)),
        weights=1e-3 * weights * foreign,
        activations=1e-3 * activations * itemsize * foreign,
        beyond=1e-3 * (bytes_of_w * (2 + 1 / T) if bytes_of_w > cache else 0.0),
    )


def cases() -> list[nets.Case]:
    """What the model is fitted on: square nets, and the table's."""
    return [sweeps.square(width, batch) for width in WIDTHS for batch in BATCHES] + list(nets.NETS[:6])


@dataclass(frozen=True)
class Model:
    """Prices of the terms, in microseconds for each count, and how far the model is from what was measured."""

    prices: Terms
    cache: int
    residuals: Any
    """Relative error of each measured step."""
    held_out: Any
    """The same, each predicted by a fit that did not see its net."""

    def terms(self, case: nets.Case, T: int) -> Terms:
        """Microseconds by cause."""
        return Terms(*(p * c for p, c in zip(self.prices, counts(case, T, self.cache), strict=True)))

    def us(self, case: nets.Case, T: int) -> float:
        """Microseconds of a step."""
        return float(sum(self.terms(case, T)))

    def stops(self, case: nets.Case, most: int = SHARED) -> tuple[int, str]:
        """The number of threads from which a step gains less than 5 % of its best time, and what stands in the way."""
        times = [self.us(case, T) for T in range(1, most + 1)]
        best = min(times)
        T = next(T for T in range(1, most + 1) if times[T - 1] <= 1.05 * best)
        if T == most:
            return T, "nothing up to there"
        # What stands in the way is what takes longer than T threads' equal share of it.
        terms = Terms(*(here - alone / T for here, alone in zip(self.terms(case, T), self.terms(case, 1), strict=True)))
        causes = {
            "barriers": terms.barriers,
            "weights that the other threads have written": terms.weights + terms.beyond,
            "activations that the other threads have written": terms.activations,
            "what every step costs however small": terms.start + terms.layers,
            "few samples for each thread": terms.sums + terms.elements,
        }
        return T, max(causes, key=lambda cause: causes[cause])


def _rows(measured: list[dict[str, Any]], cache: int) -> tuple[list[tuple[nets.Case, int]], Any, Any]:
    known = {case.key: case for case in [*cases(), *nets.ALL]}
    points = [
        (known[f"{one['net']} {one['dtype']}"], int(T), us)
        for one in measured
        for T, us in one["us"].items()
        if T.isdigit()
    ]
    A = np.array([counts(case, T, cache) for case, T, _ in points])
    return [(case, T) for case, T, _ in points], A, np.array([us for *_, us in points])


def fit(measured: list[dict[str, Any]], cache: int | None = None) -> Model:
    """The model of measured steps (`bench.threads.scaling`), with residuals, seen and held out."""
    cache = cache_bytes() if cache is None else cache
    points, A, us = _rows(measured, cache)
    names = [case.key for case, _ in points]

    def prices(chosen: Any) -> Any:
        scaled = A[chosen] / us[chosen, None]
        size = np.linalg.norm(scaled, axis=0)
        size[size == 0] = 1
        return nnls(scaled / size, np.ones(len(scaled)))[0] / size

    everything = np.ones(len(us), bool)
    fitted = prices(everything)
    held_out = np.empty(len(us))
    groups = sorted(set(names))
    for fold in range(5):
        out = np.isin(names, groups[fold::5])
        if out.all() or not out.any():
            continue
        held_out[out] = A[out] @ prices(~out) / us[out] - 1
    return Model(Terms(*fitted), cache, A @ fitted / us - 1, held_out)


def describe(model: Model, shown: Sequence[nets.Case] = nets.NETS[:6]) -> str:
    """Markdown: prices, residuals, and where each net stops gaining."""
    lines = ["| term | price |", "|---|---|"]
    units = {"sums": "ns for each 1,000 operations", "elements": "ns each", "start": "us", "layers": "us"}
    for name, meaning in MEANING.items():
        price = getattr(model.prices, name)
        unit = units.get(name, "us" if name == "barriers" else "ns for each byte")
        value = price * 1000 if unit.endswith("operations") else price
        lines.append(f"| {meaning} | {value:.3g} {unit} |")
    seen, unseen = np.abs(model.residuals), np.abs(model.held_out)
    lines += [
        "",
        f"Checked against the {len(seen)} measured steps: off by {np.median(seen):.0%} in the median, "
        f"{np.quantile(seen, 0.9):.0%} at the ninth decile, {seen.max():.0%} at worst; each net predicted by a fit "
        f"that has not seen it: {np.median(unseen):.0%}, {np.quantile(unseen, 0.9):.0%} and {unseen.max():.0%}.",
        "",
        "| net | 2 threads | 8 threads | 32 threads | stops gaining at | because of |",
        "|---|---|---|---|---|---|",
    ]
    for case in shown:
        one = model.us(case, 1)
        gains = " | ".join(f"{one / model.us(case, T):.1f}" for T in (2, 8, 32))
        T, why = model.stops(case)
        lines.append(f"| {case.name} | {gains} | {T} | {why} |")
    return "\n".join(lines)
