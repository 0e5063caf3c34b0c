"""The kernels' partial sums, one by one: what a blocked sum holds in a register after each of its terms."""

from __future__ import annotations

import numpy as np

from fastbp.functions.elementary import fma
from fastbp.jit import strict


@strict(cache=True)
def partial_sums(start, first, second):
    """Running sum after each term: s_r = s_{r-1} + first_r second_r, from ``start``, r in order.

    Reads first[r] and second[r]. Each product is fused with the sum it feeds, as in F1, BP2 and BP4, so that the last
    element has the kernel's bits and each other one is what the kernel held at that moment.
    """
    n = first.size
    running = np.empty(n, first.dtype)
    total = start
    for r in range(n):
        total = fma(first[r], second[r], total)
        running[r] = total
    return running
