"""What a gemm is asked for: its record, what may become of its sums, and what it works with."""

from __future__ import annotations

from typing import NamedTuple

from fastbp.jit import strict
from fastbp.jit.addresses import Buffer, Real
from fastbp.kernels.gemm.prefetch import Prefetch
from fastbp.kernels.matrix import Matrix, shifted


class Gemm(NamedTuple):
    """c[i, j] = epilogue(scale * (init[i, j] + sum_k a[i, k] b[k, j])): m x n sums of k terms each, in order."""

    m: int
    n: int
    k: int
    a: Matrix
    b: Matrix
    init: Matrix
    c: Matrix
    epilogue: int
    """STORE, MULTIPLY or SGD_STEP."""
    scale: Real
    eta: Real


class Accumulation(NamedTuple):
    """Where the sums of a gradient start, and what becomes of them: the fields of ``Gemm`` that BP3 and BP4 leave
    open.
    """

    init: Matrix
    epilogue: int
    scale: Real
    eta: Real


class GemmWorkspace(NamedTuple):
    """What a gemm works with beside its operands."""

    panel: Buffer
    """Room for packed panels, of `layout.panel_size` elements."""
    pack_a: int
    pack_b: int
    """Whether ``a``, and panels of ``b``, are packed where that pays."""
    prefetch: Prefetch
    """The samples to bring nearer meanwhile."""


@strict
def rows(g: Gemm, i: int, m: int) -> Gemm:
    """Rows i to i + m of a gemm."""
    return Gemm(
        m=m,
        n=g.n,
        k=g.k,
        a=shifted(g.a, i, 0),
        b=g.b,
        init=shifted(g.init, i, 0),
        c=shifted(g.c, i, 0),
        epilogue=g.epilogue,
        scale=g.scale,
        eta=g.eta,
    )


@strict
def columns(g: Gemm, j: int, a: Matrix, b: Matrix) -> Gemm:
    """The columns of a gemm from j on, with ``a`` and ``b`` from there on, which may have been packed."""
    return Gemm(
        m=g.m,
        n=g.n - j,
        k=g.k,
        a=a,
        b=b,
        init=shifted(g.init, 0, j),
        c=shifted(g.c, 0, j),
        epilogue=g.epilogue,
        scale=g.scale,
        eta=g.eta,
    )
