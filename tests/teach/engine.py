"""The playground's arithmetic in a browser, and the trainings on which it is compared with the textbook's."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from browser import Browser

from fastbp.functions.activations import ACTIVATIONS
from fastbp.functions.costs import NAMED
from fastbp.teach.playground.joining import ENGINE, join

HIDDEN = [entry.name for entry in ACTIVATIONS if entry.name != "softmax"]
LEGAL = [(cost, entry.name) for cost in NAMED for entry in ACTIVATIONS if NAMED[cost].goes_with(entry.name)]

BITS = """
globalThis.engine = {ACTIVATIONS, COSTS, goesWith, exp, expm1, log, softplusOf, PAIRS, RANGES, refusalOf};
const view = new DataView(new ArrayBuffer(8));
const hex = v => { view.setFloat64(0, v); return view.getBigUint64(0).toString(16).padStart(16, "0"); };
globalThis.bits = numbers => numbers.map(hex).join("");
globalThis.trained = c => {
  const net = makeNetwork(c.sizes, c.activations, c.cost, c.p);
  c.w.forEach((rows, l) => rows.forEach((row, j) => net.w[l + 1][j].set(row)));
  c.b.forEach((row, l) => net.b[l + 1].set(row));
  const run = new Run(net, {...c, rules: rightRules(net)});
  const L = run.L, layers = part => part.slice(1).flatMap(row => [...row]);
  const flat = part => part.slice(1).flatMap(rows => rows.flatMap(row => [...row]));
  let seen;
  for (let t = 0; t < c.steps; t++) {
    while (run.next.equation !== "U") run.step();
    if (t === c.steps - 1) {
      const means = [...Array(L)].map((_, l) => run.sums.mean(l + 1));
      seen = [...layers(run.pass.z), ...layers(run.pass.a), ...layers(run.pass.delta), NaN,
              ...means.flatMap(m => m.w.flatMap(row => [...row])), ...means.flatMap(m => [...m.b])];
    }
    while (run.at) run.step();
    if (seen) (seen[3 * c.sizes.slice(1).reduce((a, b) => a + b)] = run.C);
  }
  return bits([...seen, ...flat(run.net.w), ...layers(run.net.b)]);
};
"""


@contextmanager
def engine(folder: Path) -> Iterator[Browser]:
    """A window in which ``trained(case)`` is what `plain_bits.bits` is here."""
    path = folder / "engine.html"
    script = f'<!doctype html><meta charset="utf-8"><p>engine<script type="module">{join(ENGINE)}{BITS}</script>'
    path.write_text(script, encoding="utf-8")
    with Browser() as window:
        window.open(path.as_uri())
        yield window


def case(cost: str, output: str, hidden: str, steps: int, sizes: tuple[int, ...], seed: int) -> dict[str, Any]:
    """Weights of the usual size, a hundredth of them large or 0; targets that the cost takes; a ragged minibatch."""
    rng = np.random.default_rng(seed)
    size = 0.3 if "exp" in (output, hidden) else 1.0
    n = 5 if steps == 1 else 2
    w = [size * rng.normal(size=(J, K)) for K, J in itertools.pairwise(sizes)]
    b = [size * rng.normal(size=J) for J in sizes[1:]]
    if steps == 1:
        w[0][0, 0] *= 20 if size == 1.0 else 2
        b[0][-1] = 0.0
    Y = rng.uniform(0.05, 0.95, (n, sizes[-1]))
    if output == "softmax":
        Y = np.eye(sizes[-1])[rng.integers(0, sizes[-1], n)]
    elif NAMED[cost].lowest_target == 0:
        Y = rng.poisson(1.0, Y.shape).astype(float)
    elif cost == "cross_entropy":
        Y = rng.integers(0, 2, Y.shape).astype(float)
    return {
        "sizes": sizes, "activations": [hidden] * (len(sizes) - 2) + [output], "cost": cost, "steps": steps,
        "w": [array.tolist() for array in w], "b": [array.tolist() for array in b],
        "X": rng.normal(size=(n, sizes[0])).tolist(), "Y": Y.tolist(),
        "order": rng.permutation(n).tolist(), "batch": 2, "eta": 0.3 if steps == 1 else 0.05,
    }  # fmt: skip


def long_case(cost: str, output: str, hidden: str, seed: int) -> dict[str, Any]:
    """A thousand steps of a small network."""
    return case(cost, output, hidden, 1000, (2, 2, 2 if output == "softmax" else 1), seed)
