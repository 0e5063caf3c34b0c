"""Where everything lives: w^l and b^l in theta, activations and errors in the scratch buffer, flags in control cells.

theta, layer after layer: K rows w[k, j] (input-major: ``w[k, j]`` is w_jk of the notes, so that F1 and BP4 walk j with
stride 1), then b[j] as row K, each row padded to whole cache lines, or to half of one where that is enough. Of one
output neuron above hidden layers, w[k] is a single row, then b a row of its own, and z, a, delta and y of a tile's
samples lie side by side: padding would be most of them. The padding is +0.0 and stays it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fastbp.jit.cpu import CACHE_LINE, HALF_LINE, VECTOR_BYTES
from fastbp.kernels.gemm import packing
from fastbp.kernels.gemm.tiling import CROWDING_STRIDE, PASS_ROWS

# Here Python calls them, which need not wait for a compiler.
packs_a, packs_b, round_up = (function.py_func for function in (packing.packs_a, packing.packs_b, packing.round_up))

# Columns of the table of layers; its row l belongs to layer l, row 0 to the input.
K, J, ACTIVATION, STRIDE, W, B, WHOLE, REST, A, D, Z, Z_STEP, ROW, N_COLUMNS = range(14)
# w and b lie W and B elements from theta's start, the rows of w STRIDE apart. WHOLE rows of w may be read beyond their
# end, up to that of a padded row; those after them, copied and padded, lie at REST (`plain_layout`).

# Places in the scratch buffer.
(
    ZEROS,  # a row of 0
    ONES,  # a row of 1
    TARGETS,  # y of a tile's samples, rows padded
    EXCHANGED,  # of threads that own neurons of layer 1: z^1 of two minibatches
    RESTS,  # of each of them: the last few a_k^0 of a minibatch's samples
    SHARED_Z,  # z of all layers in turn, where nobody keeps it
    COSTS,  # C_x of a tile's samples
    CONSTANTS,  # of each thread: the optimizer's, in the net's dtype
    PANELS,  # of each thread: what a gemm packs
    PANELS_STEP,
    GRADIENTS,  # of each thread: the rows of the gradient between BP4 and the update
    GRADIENTS_STEP,
    SLABS,  # of each thread that owns neurons of layer 1: its columns of w^1 and b^1, and all of the layers above
    SLABS_STEP,
    CHUNK,  # rows of w that BP4 and the update take at a time
    N_PLACES,
) = range(16)

# Cells of the control buffer, a cache line apart so that threads do not wait for each other's writes.
LINE = CACHE_LINE // 8
(
    ABORT, STOP, LEAVING, FIRST, LAST, DONE, TOTAL, STATUS, TURN, CELLS,
) = (LINE * cell for cell in range(10))  # fmt: skip
# A thread's own cells: the barriers it has come to; the largest |a| and |delta| of the minibatch so far, as bits; the
# hits of a tile; and how far it has come with fetching the next samples.
ARRIVED, LARGEST_A, LARGEST_DELTA, OWN_HITS, CURSOR = 0, LINE, LINE + 1, LINE + 2, 2 * LINE
OWN = 4 * LINE

CONSTANTS_STEP = 16
"""Elements between the threads' constants."""

MAX_THREADS = 64

RUNNING, DIVERGED, ABORTED = range(3)


def padded(n: int, itemsize: int) -> int:
    """Elements of a row of n and its padding."""
    half = HALF_LINE // itemsize
    return half if n <= half else round_up(n, CACHE_LINE // itemsize)


def theta_layout(sizes: tuple[int, ...], activations: tuple[int, ...], itemsize: int) -> tuple[np.ndarray, int]:
    """Table of layers with the places in theta, and theta's size in elements."""
    layers = np.zeros((len(sizes), N_COLUMNS), np.int64)
    layers[0, J] = sizes[0]
    at = 0
    for l in range(1, len(sizes)):
        n_in, n_out = sizes[l - 1], sizes[l]
        width = padded(n_out, itemsize)
        lonely = n_out == 1 and 1 < l == len(sizes) - 1
        stride, bias = (1, padded(n_in, itemsize)) if lonely else (width, n_in * width)
        layers[l, K], layers[l, J], layers[l, STRIDE], layers[l, ACTIVATION] = n_in, n_out, stride, activations[l - 1]
        layers[l, W], layers[l, B], layers[l, WHOLE] = at, at + bias, n_in
        at += round_up(bias + width, CACHE_LINE // itemsize)
    return layers, at


def plain_layout(layers: np.ndarray, itemsize: int) -> tuple[np.ndarray, int]:
    """The table for w that lies elsewhere, row after row without padding; and the elements of what has to be copied.

    Copied are b, and the last rows of w, from where a padded row's width would end beyond the last element. The caller
    sets W, and STRIDE to J, when the places of w are known.
    """
    layers = layers.copy()
    at = 0
    for row in layers[1:]:
        n_in, n_out, width = int(row[K]), int(row[J]), padded(int(row[J]), itemsize)
        lonely = row[STRIDE] == 1
        n_copied = 0 if lonely else min(n_in, -(-(width - n_out) // n_out))
        row[WHOLE], row[REST], row[B] = n_in - n_copied, at, at + n_copied * width
        at += (n_copied + 1) * width
    return layers, at


def scratch_layout(
    layers: np.ndarray,
    tile: int,
    n_tiles: int,
    n_threads: int,
    itemsize: int,
    *,
    keep_z: bool = False,
    owning: bool = False,
) -> tuple[np.ndarray, np.ndarray, int]:
    """Complete the table of layers with the places of z, a and delta of ``n_tiles`` tiles of samples; the other places;
    the size in elements.

    sigma'(z) lives where delta will be. Unless ``keep_z``, all layers share one z, which is used up at once.
    With ``owning``, samples are read where they lie.
    """
    line = CACHE_LINE // itemsize
    layers = layers.copy()
    places = np.zeros(N_PLACES, np.int64)
    at = 0

    def take(size: int) -> int:
        nonlocal at
        start, at = at, at + round_up(size, line)
        return start

    rows = [padded(int(n), itemsize) for n in layers[:, J]]
    rows = [row + line if row * itemsize % CROWDING_STRIDE == 0 else row for row in rows]
    widest = max(rows[1:])
    if layers[-1, STRIDE] == 1:
        rows[-1] = 1
    layers[:, ROW] = rows
    places[ZEROS], places[ONES] = take(widest), take(line)
    n = tile * n_tiles
    places[TARGETS] = take(n * rows[-1])
    places[SHARED_Z] = take(n * widest)
    places[COSTS], places[CONSTANTS] = take(n), take(n_threads * CONSTANTS_STEP)
    if owning:
        places[EXCHANGED], places[RESTS] = take(2 * tile * rows[1]), take(n * PASS_ROWS)
    for l, row in enumerate(rows):
        layers[l, A] = take(n * row if l > 0 or not owning else 0)
        if l:
            layers[l, D] = take(n * row)
            layers[l, Z], layers[l, Z_STEP] = (take(n * row), row) if keep_z else (places[SHARED_Z], widest)
    places[CHUNK] = min(chunk_rows(int(layers[1:, STRIDE].max()), itemsize), int(layers[1:, K].max()))
    panel = round_up(largest_panel(layers, n, int(places[CHUNK]), itemsize), line)
    places[PANELS], places[PANELS_STEP] = take(n_threads * panel), panel
    # A layer's rows of a chunk; or the sums of one output neuron, a row computed up to the end of its last block.
    gradient = max(n, int((np.minimum(places[CHUNK], layers[1:, K]) * layers[1:, STRIDE]).max())) + line * line
    places[GRADIENTS], places[GRADIENTS_STEP] = take(n_threads * gradient), gradient
    if owning and n_threads > 1:
        widest_slab = -(-(int(layers[1, STRIDE]) // line) // n_threads) * line
        above = int(layers[-1, B] + layers[-1, STRIDE] - layers[2, W])
        slab = round_up(int(layers[1, K] + 1) * widest_slab + 2 * line, line) + round_up(above, line)
        places[SLABS], places[SLABS_STEP] = take(n_threads * slab), slab
    # Whole tiles are read where rows end, up to a tile of a vector's width beyond the last.
    return layers, places, at + line * line


def panel_size(m: int, k: int, itemsize: int) -> int:
    """Elements of scratch in which a gemm packs k terms of two vectors of columns and of m rows."""
    V = VECTOR_BYTES // itemsize
    return int(round_up(k, V) * (2 * V + round_up(m, V)))


def largest_panel(layers: np.ndarray, X: int, chunk: int, itemsize: int) -> int:
    """Elements of scratch that suffice for what any blocked sum over a tile of X samples packs.

    A sum of F1 has as many terms as the layer has inputs. One of BP4 has as many as the tile has samples, and a row for
    each input. So an input layer of a million neurons is either terms or rows.
    """
    sizes = []
    for l in range(1, len(layers)):
        n_in, n_out, stride = int(layers[l - 1, J]), int(layers[l, J]), int(layers[l, STRIDE])
        plain = layers[l, WHOLE] < n_in
        if stride == 1 or packs_b(X, n_out if plain else stride, itemsize):
            sizes.append(panel_size(0, n_in, itemsize))  # F1
        if l > 1:
            sizes.append(panel_size(0, n_out, itemsize))  # BP2
        rows = chunk if packs_a(int(layers[l - 1, ROW]), n_out, itemsize) else 0
        sizes.append(panel_size(rows, X, itemsize))  # BP4
    return max(sizes)


def chunk_rows(stride: int, itemsize: int) -> int:
    """Rows of w that BP4 takes at a time: enough to fill blocks and repay packing, few enough for the cache."""
    return max(128, (1 << 17) // (stride * itemsize) // 16 * 16)


PENALTY_ROWS = 64
"""Rows of w whose squares are summed apart before the sums are added in order: fixed, so that bits do not depend on
the number of threads."""


def sums_size(layers: np.ndarray, n_threads: int) -> int:
    """float64 scratch: two sums for each block of rows, and a row of partial sums for each thread."""
    n_blocks = int(sum(-(-int(k) // PENALTY_ROWS) for k in layers[1:, K]))
    return 2 * n_blocks + n_threads * int(layers[1:, STRIDE].max())


def control_size(n_threads: int) -> int:
    """Elements of the control buffer."""
    return CELLS + OWN * n_threads


def aligned(size: int, dtype: Any, fill: float | None = 0) -> Any:
    """Vector that starts on a cache line, filled unless ``fill`` is None."""
    dtype = np.dtype(dtype)
    memory = np.empty(size * dtype.itemsize + CACHE_LINE, np.uint8)
    start = -memory.ctypes.data % CACHE_LINE
    vector = memory[start : start + size * dtype.itemsize].view(dtype)
    if fill is not None:
        vector[:] = fill
    return vector
