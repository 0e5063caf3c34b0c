"""No right solution is accused: every activation and cost, NumPy, PyTorch and JAX, single and double precision.

``python tests/long/check_solutions.py [seeds]``: 20 seeds, one sample and a minibatch each, and the mistakes of
``tests/teach/wrong.py`` in both precisions. PyTorch or JAX is left out, and said so, where it is not installed. Ends
with 1 if a right solution was accused or a wrong one passed.
"""

# ruff: noqa: T201

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "teach"))

import wrong
from solutions import PAIRS, jax_solution, numpy_solution, torch_solution

import fastbp


def libraries() -> dict[str, Any]:
    found: dict[str, Any] = {
        "NumPy": lambda activation, cost, dtype: numpy_solution(activation, cost, np.dtype(dtype).type),
        "NumPy, nothing cancelled": lambda activation, cost, dtype: numpy_solution(
            activation, cost, np.dtype(dtype).type, whole=True
        ),
    }
    try:
        import torch

        torch.set_num_threads(1)
        found["PyTorch"] = torch_solution
    except ImportError:
        print("PyTorch is not installed and is left out.")
    try:
        import jax

        jax.config.update("jax_enable_x64", True)
        found["JAX"] = jax_solution
    except ImportError:
        print("JAX is not installed and is left out.")
    return found


def accused(seeds: int) -> int:
    """How many right solutions are."""
    wrongly = 0
    for library, make in libraries().items():
        for dtype in ("float32", "float64"):
            tried = bad = 0
            for activation, cost in PAIRS:
                mine = make(activation, cost, dtype)
                for seed in range(seeds):
                    for batch in (False, True):
                        check = fastbp.check_backprop(mine, batch, activations=activation, cost=cost, seed=seed)
                        tried += 1
                        if not check.passed:
                            bad += 1
                            print(f"ACCUSED {library} {dtype} {activation} {cost} {seed=} {batch=}\n{check}")
            wrongly += bad
            print(f"{library}, {dtype}: {tried} right solutions, {bad} accused", flush=True)
    return wrongly


def passed() -> int:
    """How many wrong solutions do, or are named wrongly."""
    failed = 0
    for dtype in (np.float32, np.float64):
        tried = 0
        for group, settings in wrong.GROUPS:
            for what, (kind, names) in group.items():
                for activation, cost, batch in settings:
                    if (what, activation) in wrong.SAME:
                        continue
                    check = fastbp.check_backprop(kind(activation, dtype), batch, activations=activation, cost=cost)
                    tried += 1
                    if {mistake.name for mistake in check.mistakes} != set(names):
                        failed += 1
                        print(f"NOT {names}: {what}, {activation}, {dtype.__name__}, {batch=}\n{check}")
        print(f"{dtype.__name__}: {tried} wrong solutions, {failed} not named", flush=True)
    return failed


if __name__ == "__main__":
    problems = accused(int(sys.argv[1]) if len(sys.argv) > 1 else 20) + passed()
    sys.exit(1 if problems else 0)
