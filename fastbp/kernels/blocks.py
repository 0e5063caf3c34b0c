"""The blocked sum under F1, BP2 and BP4: one contraction, three sets of letters.

    out[p, q] = scale * (start[p, q] + sum_r coef[p, r] * rows[r, q])

| equation | p | q | r | coef              | rows                    | start               |
|----------|---|---|---|-------------------|-------------------------|---------------------|
| F1       | x | j | k | a^{l-1}[x, k]     | w^l[j, k]               | b_j                 |
| BP2      | x | j | k | delta^{l+1}[x, k] | w^{l+1}[k, j]           | 0                   |
| BP4      | k | j | x | a^{l-1}[x, k]     | delta^l[x, j]           | 0 or the sum so far |

with scale 1 but for the last tile of BP4, where it is 1 / sum_x s_x. Each out[p, q] is one sum over r, in order from
its start, so its bits are the textbook's. Blocking only chooses the order in which the independent (p, q) are visited:
R rows by N strips of columns of them, one or two vectors, stay in registers for a whole sum over r. Columns beyond Q up
to the end of a padded row are computed too.
"""

from __future__ import annotations

import numpy as np

from fastbp.jit import inlined, strict
from fastbp.kernels.gemm.tiling import (
    CACHE_LINE,
    FOUR,
    LONG_RUN_ROWS,
    LONG_STRIDE,
    MANY_TERMS,
    MAX_ROWS,
    N_SPLITS,
    ONE,
    PACKING_PAYS,
    ROW_COUNTS,
    SPLIT_BLOCKS,
    SPLIT_ROWS,
    STRIP_BYTES,
    TWO,
    VECTOR_BYTES,
)
from fastbp.kernels.views import (
    AT,
    END,
    LABELS_AT,
    LEFT,
    LINES,
    PARTS,
    SAMPLE,
    X_AT,
    X_STEP,
    Y_AT,
    Y_STEP,
    Matrix,
    after,
    copy_row,
    itemsize,
    literal_unroll,
    literally,
    prefetch,
    register_block,
    shifted,
    transpose_tile,
    view,
)

ALONE, STEP, TIMES = range(3)
"""What ``then`` becomes of a sum s: out = s; out = out - eta s, the step U of plain descent; out = out s."""


@strict
def stepped(w, eta, g):
    """U: w <- w - eta * g

    Strict: the product is rounded before it is subtracted.
    """
    return w - eta * g


@strict
def fetch(ahead):
    """Bring a part of the coming samples nearer: some cache lines of one of them, while sums are computed.

    All of them at once would wait for each other: a core asks memory for some twenty lines at a time.
    """
    cursor = ahead.cursor
    at, left = cursor[AT], cursor[LEFT]
    if left <= 0:
        x = cursor[SAMPLE]
        if x >= cursor[END]:
            return
        i = ahead.order[x]
        prefetch(cursor[Y_AT] + i * cursor[Y_STEP])
        prefetch(cursor[LABELS_AT] + i * itemsize(ahead.order))
        # Samples need not begin on a line.
        cursor[SAMPLE], at, left = x + 1, cursor[X_AT] + i * cursor[X_STEP], cursor[X_STEP] // CACHE_LINE + 1
    n = min(left, cursor[LINES])
    for _ in range(n):
        prefetch(at)
        at += CACHE_LINE
    cursor[AT], cursor[LEFT] = at, left - n


@inlined
def any_blocks(R, N, n_blocks, n, then, out, start, coef, rows, scale, eta, ahead):
    """``blocks`` of any R and N, which LLVM must know: the loops over them are unrolled."""
    acc = register_block(R, N, out.buf)
    old = register_block(R, N, out.buf)
    V = acc.shape[1]
    row = view(rows.buf, 0, n, V, rows.i, 1)
    # LLVM leaves a block in memory whose loops are shorter than 128: a small one takes U terms at a time.
    U = max(1, 128 // (R * V))
    several = n // U * U if U > 1 else 0
    for block in range(n_blocks):
        p = block * R
        coefs = view(coef.buf, p * coef.i, R, n, coef.i, coef.j)
        starts = view(start.buf, p * start.i, R, V, start.i, 1)
        sums = view(out.buf, p * out.i, R, V, out.i, 1)
        for i in range(R):
            copy_row(N, acc, i, starts, i)
        # v outside i: with the two exchanged LLVM leaves acc in memory, at a fortieth of the speed.
        for r in range(0, several, U):
            for v in range(V):
                for u in range(U):
                    for i in range(R):
                        acc[i, v] += coefs[i, r + u] * row[r + u, v]
        for r in range(several, n):
            for v in range(V):
                for i in range(R):
                    acc[i, v] += coefs[i, r] * row[r, v]
        if scale != 1:
            for v in range(V):
                for i in range(R):
                    acc[i, v] *= scale
        if then != ALONE:
            for i in range(R):
                copy_row(N, old, i, sums, i)
            if then == STEP:
                for v in range(V):
                    for i in range(R):
                        acc[i, v] = stepped(old[i, v], eta, acc[i, v])
            else:
                for v in range(V):
                    for i in range(R):
                        acc[i, v] *= old[i, v]
        for i in range(R):
            copy_row(N, sums, i, acc, i)
        for _ in range(ahead.cursor[PARTS]):
            fetch(ahead)


@strict
def blocks(R, N, n_blocks, n, then, out, start, coef, rows, scale, eta, ahead):
    """``n_blocks`` blocks, one below the other, of R rows p and N strips of columns q; sums over n terms r."""
    R = literally(R)
    N = literally(N)
    any_blocks(np.int64(R), np.int64(N), n_blocks, n, then, out, start, coef, rows, scale, eta, ahead)


@strict
def column(N, P, n, then, out, start, coef, rows, scale, eta, ahead):
    """N strips of columns q, of one or two vectors or half of one, all P rows p: runs of equal blocks, few of them."""
    while P > 0:
        if P < N_SPLITS:
            R, n_blocks = SPLIT_ROWS[P], SPLIT_BLOCKS[P]
        else:
            R = LONG_RUN_ROWS if n <= MANY_TERMS else MAX_ROWS
            n_blocks = P // R - 1
        for size in literal_unroll(ROW_COUNTS):
            if size == R:
                if N == TWO:
                    blocks(size, TWO, n_blocks, n, then, out, start, coef, rows, scale, eta, ahead)
                elif N == ONE:
                    blocks(size, ONE, n_blocks, n, then, out, start, coef, rows, scale, eta, ahead)
                else:
                    blocks(size, 1, n_blocks, n, then, out, start, coef, rows, scale, eta, ahead)
        p = R * n_blocks
        P, out, start, coef = P - p, shifted(out, p, 0), shifted(start, p, 0), shifted(coef, p, 0)


@strict
def round_up(n, multiple):
    """The next multiple."""
    return (n + multiple - 1) // multiple * multiple


@strict
def packs_rows(P, stride, size):
    """Whether ``product`` of P rows copies strips of ``rows`` that lie ``stride`` elements of ``size`` bytes apart.

    Without padding, rows begin in the middle of cache lines, and a strip takes one more from the second-level cache.
    """
    step = stride * size
    return P >= PACKING_PAYS and (step >= LONG_STRIDE or (step > STRIP_BYTES and step % CACHE_LINE != 0))


@strict
def packs_coefficients(stride, Q, size):
    """Whether ``product`` of Q columns copies ``coef``, of which term r + 1 lies ``stride`` elements after term r."""
    return stride * size >= LONG_STRIDE and Q >= PACKING_PAYS * (VECTOR_BYTES // size)


@strict
def pack(n, rows, panel):
    """Copy n rows of two vectors side by side into ``panel``: long strides defeat the caches' associativity."""
    V = 2 * VECTOR_BYTES // itemsize(panel)
    source = view(rows.buf, 0, n, V, rows.i, 1)
    packed = view(panel, 0, n, V, V, 1)
    for r in range(n):
        copy_row(np.int64(TWO), packed, r, source, r)
    return Matrix(panel, V, 1)


@strict
def pack_transposed(V, n, rows, n_columns, panel):
    """Copy n rows r of V columns q, V whole vectors, whose r is contiguous in memory, into ``panel``, where q is.

    Reads r up to the next whole vector, the padding of a row; columns from ``n_columns`` on repeat the one before.
    """
    tile = VECTOR_BYTES // itemsize(panel)
    whole = round_up(n, tile)
    for q in range(0, V, tile):
        source = view(rows.buf, q * rows.j, tile, whole, rows.j, 1)
        packed = view(panel, q, whole, tile, V, 1)
        for r in range(0, n, tile):
            transpose_tile(packed, r, source, 0, max(1, min(tile, n_columns - q)))
    return Matrix(panel, V, 1)


@strict
def product(P, Q, n, then, out, start, coef, rows, scale, eta, panel, ahead):
    """out[p, q] = scale * (start[p, q] + sum_r coef[p, r] * rows[r, q]) for p < P, q < Q and r < n.

    What ``then`` says becomes of that number: it is stored, or subtracted from out[p, q] eta times, or multiplies it.
    ``coef`` and ``rows`` each have one stride of 1. ``panel`` is scratch of `layout.panel_size` elements.
    """
    if P <= 0:
        return
    size = itemsize(out.buf)
    V = VECTOR_BYTES // size
    if coef.i == 1 and packs_coefficients(coef.j, Q, size):
        terms = round_up(n, V)
        beyond = after(panel, 2 * V * terms)
        coef = pack_transposed(terms, P, coef, n, beyond)
    packing = packs_rows(P, rows.i, size)
    S = STRIP_BYTES // size
    once = np.int64(1)  # a literal 1 would compile these blocks once more
    q = 0
    while q < Q:
        left = Q - q
        # All of the padding is computed, of rows that `layout.padded` has made long enough.
        N = 1 if Q <= S else (ONE if left <= V and VECTOR_BYTES == CACHE_LINE else TWO)
        if P <= 2 and round_up(left, CACHE_LINE // size) >= 4 * V and rows.j == 1:
            N = FOUR  # sums enough to hide how long a multiplication takes
        strips = shifted(rows, 0, q)
        if rows.j != 1:
            strips = pack_transposed(max(N * S, V), n, strips, left, panel)
        elif packing and N == TWO:
            strips = pack(n, strips, panel)
        sums, begin = shifted(out, 0, q), shifted(start, 0, q)
        if N != FOUR:
            column(N, P, n, then, sums, begin, coef, strips, scale, eta, ahead)
        elif P == 1:
            blocks(1, FOUR, once, n, then, sums, begin, coef, strips, scale, eta, ahead)
        else:
            blocks(2, FOUR, once, n, then, sums, begin, coef, strips, scale, eta, ahead)
        q += N * S
