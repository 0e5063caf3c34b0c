"""What the kernels have of a sum, and of a cost, before they go on with it: numbers that an explanation shows."""

from __future__ import annotations

from fastbp.functions.costs import slope
from fastbp.functions.elementary import fma
from fastbp.jit import strict
from fastbp.jit.addresses import Array, Real


@strict(cache=True)
def partial_sums(start: Real, first: Array, second: Array, running: Array) -> None:
    """Running sum after each term: s_r = s_{r-1} + first_r second_r, from ``start``, r in order.

    Reads first[r] and second[r]; overwrites running[r]. Each product is fused with the sum it feeds, as in F1, BP2 and
    BP4, so that the last element has the kernel's bits and each other one is what the kernel held at that moment.
    """
    total = start
    for r in range(first.size):
        total = fma(first[r], second[r], total)
        running[r] = total


@strict(cache=True)
def cost_slopes(cost: int, z: Array, a: Array, y: Array, p: Real, out: Array) -> None:
    """dC/da_j of a sample, with what BP1 begins; delta_j of costs whose sigma' cancels.

    Reads z[j], a[j] and y[j]; overwrites out[j]. p is the parameter of a cost that has one.
    """
    for j in range(z.size):
        out[j] = slope(cost, z[j], a[j], y[j], p)
