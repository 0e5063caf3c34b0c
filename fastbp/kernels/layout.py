"""Where everything lives: w^l and b^l in theta, activations and errors in the workspace.

theta, layer after layer: K rows w[k, j] (input-major: ``w[k, j]`` is w_jk of the notes, so that F1 and BP4 walk j with
stride 1), then b[j] as row K, each row padded to whole cache lines, or to half of one where that is enough. Of one
output neuron above hidden layers, w[k] is a single row, then b a row of its own, and z, a, delta and y of a tile's
samples lie side by side: padding would be most of them. The padding is +0.0 and stays it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fastbp.jit.cpu import CACHE_LINE, HALF_LINE, LINE_PAIR, VECTOR_BYTES
from fastbp.kernels.gemm import packing
from fastbp.kernels.gemm.tiling import CROWDING_STRIDE, PASS_ROWS
from fastbp.kernels.records import LAYER, OFFSETS

# Here Python calls them, which need not wait for a compiler.
_compiled: tuple[Any, ...] = (packing.packs_a, packing.packs_b, packing.panel_columns, packing.round_up)
packs_a, packs_b, panel_columns, round_up = (function.py_func for function in _compiled)


def padded(n: int, itemsize: int) -> int:
    """Elements of a row of n and its padding."""
    half = HALF_LINE // itemsize
    return half if n <= half else round_up(n, CACHE_LINE // itemsize)


def theta_layout(sizes: tuple[int, ...], activations: tuple[int, ...], itemsize: int) -> tuple[np.ndarray, int]:
    """`LAYER` of each with where it lies in theta, and theta's size in elements."""
    layers = np.zeros(len(sizes), LAYER)
    strides, weights, biases = [0], [0], [0]
    at = 0
    for l in range(1, len(sizes)):
        n_in, n_out = sizes[l - 1], sizes[l]
        width = padded(n_out, itemsize)
        single_output = n_out == 1 and 1 < l == len(sizes) - 1
        stride, bias = (1, padded(n_in, itemsize)) if single_output else (width, n_in * width)
        strides.append(stride)
        weights.append(at)
        biases.append(at + bias)
        at += round_up(bias + width, CACHE_LINE // itemsize)
    layers["J"], layers["K"], layers["activation"] = sizes, (0, *sizes[:-1]), (0, *activations)
    layers["stride"], layers["w"], layers["b"], layers["whole"] = strides, weights, biases, layers["K"]
    layers["rate"] = 1
    return layers, at


def plain_layout(layers: np.ndarray, itemsize: int) -> tuple[np.ndarray, int]:
    """The table for w that lies elsewhere, row after row without padding; and the elements of what has to be copied.

    Copied are b, and the last rows of w, from where a padded row's width would end beyond the last element. The caller
    sets w, and stride to J, when it is known where w lies.
    """
    layers = layers.copy()
    at = 0
    for row in layers[1:]:
        n_in, n_out, width = int(row.K), int(row.J), padded(int(row.J), itemsize)
        n_copied = 0 if row.stride == 1 else min(n_in, -(-(width - n_out) // n_out))
        row.whole, row.rest, row.b = n_in - n_copied, at, at + n_copied * width
        at += (n_copied + 1) * width
    return layers, at


def workspace_layout(
    layers: np.ndarray,
    tile: int,
    n_tiles: int,
    n_threads: int,
    itemsize: int,
    *,
    keep_z: bool = False,
    column_parallel: bool = False,
    fused_update: bool = False,
    fused_update_forward: bool = True,
) -> tuple[np.ndarray, np.ndarray, int]:
    """Complete the table of layers with where z, a and delta lie, of ``n_tiles`` tiles of samples; the `OFFSETS`;
    the size in elements.

    sigma'(z) lives where delta will be. Unless ``keep_z``, all layers share one z, which is used up at once.
    With ``column_parallel``, samples are read where they lie, but for what ``fused_update_forward`` leaves over.
    """
    line, pair = CACHE_LINE // itemsize, LINE_PAIR // itemsize
    layers = layers.copy()
    offsets: dict[str, int] = {"tile": tile}
    at = 0

    def take(size: int) -> int:
        nonlocal at
        start, at = at, at + round_up(size, line)
        return start

    def take_for_each_thread(size: int) -> tuple[int, int]:
        """Rooms that lie apart: where the first one is, and how many elements further the next."""
        nonlocal at
        at, step = round_up(at, pair), round_up(size, pair)
        return take(n_threads * step), step

    n_in, J, strides = layers["K"].tolist(), layers["J"].tolist(), layers["stride"].tolist()
    rows = [padded(n, itemsize) for n in J]
    rows = [row + line if row * itemsize % CROWDING_STRIDE == 0 else row for row in rows]
    widest = max(rows[1:])
    if strides[-1] == 1:
        rows[-1] = 1
    layers["row"] = rows
    offsets["zeros"], offsets["output_weights"] = take(widest), take(J[-1])
    n = tile * n_tiles
    offsets["targets"] = take(n * rows[-1])
    offsets["shared_z"] = take(n * widest)
    offsets["costs"] = take(n)
    if column_parallel:
        offsets["rests_row"] = PASS_ROWS if fused_update_forward else rows[0]
        offsets["exchanged"], offsets["rests"] = take(2 * tile * rows[1]), take(n * offsets["rests_row"])
    a, delta, z = [], [], []
    for l, row in enumerate(rows):
        a.append(take(n * row if l > 0 or not column_parallel else 0))
        delta.append(take(n * row) if l else 0)
        z.append(take(n * row) if l and keep_z else offsets["shared_z"])
    layers["a"], layers["delta"], layers["z"], layers["z_step"] = a, delta, z, rows if keep_z else widest
    chunk = offsets["chunk"] = min(chunk_rows(max(strides[1:]), itemsize, fused_update), max(n_in[1:]))
    panel = largest_panel(layers, n, chunk, itemsize)
    offsets["panels"], offsets["panels_step"] = take_for_each_thread(panel)
    # A layer's rows of a chunk; or the sums of one output neuron, a row computed up to the end of its last block.
    rows_of_chunk = max(min(chunk, K) * stride for K, stride in zip(n_in[1:], strides[1:], strict=True))
    gradient = max(n, rows_of_chunk) + line * line
    offsets["gradients"], offsets["gradients_step"] = take_for_each_thread(gradient)
    if column_parallel and n_threads > 1:
        widest_slab = -(-(strides[1] // line) // n_threads) * line
        above = int(layers["b"][-1] - layers["w"][2]) + strides[-1]
        slab = round_up((n_in[1] + 1) * widest_slab + 2 * line, line) + round_up(above, line)
        offsets["slabs"], offsets["slabs_step"] = take_for_each_thread(slab)
    table = np.array([tuple(offsets.get(name, 0) for name in OFFSETS.names or ())], OFFSETS)
    # Whole tiles are read where rows end, up to a tile of a vector's width beyond the last.
    return layers, table, at + line * line


def panel_size(m: int, n: int, k: int, itemsize: int) -> int:
    """Elements of room in which a gemm packs k terms of n columns, three vectors at most at a time, and of m rows."""
    V = VECTOR_BYTES // itemsize
    return int(round_up(k, V) * (panel_columns(n, itemsize) + round_up(m, V)))


def largest_panel(layers: np.ndarray, X: int, chunk: int, itemsize: int) -> int:
    """Elements of room that suffice for what any blocked sum over a tile of X samples packs.

    A sum of F1 has as many terms as the layer has inputs. One of BP4 has as many as the tile has samples, and a row for
    each input. So an input layer of a million neurons is either terms or rows.
    """
    sizes = []
    rows, J, strides, whole = (layers[name].tolist() for name in ("row", "J", "stride", "whole"))
    for l in range(1, len(layers)):
        n_in, n_out, stride = J[l - 1], J[l], strides[l]
        plain = whole[l] < n_in
        if stride == 1 or packs_b(X, n_out if plain else stride, itemsize):
            sizes.append(panel_size(0, X if stride == 1 else n_out, n_in, itemsize))  # F1
        if l > 1:
            sizes.append(panel_size(0, n_in, n_out, itemsize))  # BP2
        m = chunk if packs_a(rows[l - 1], n_out, itemsize) else 0
        sizes.append(panel_size(m, n_out, X, itemsize))  # BP4
    return max(sizes)


def chunk_rows(stride: int, itemsize: int, fused_update: bool = False) -> int:
    """Rows of w that BP4 takes at a time: enough to fill blocks and repay packing, few enough for the cache.

    More where no gradient has to stay there until the update: delta is packed once for each chunk. Measured on
    784-512-512 and 784-128-64, 128 samples: 0.95 of the time of 128 rows.
    """
    return max(256 if fused_update else 128, (1 << 17) // (stride * itemsize) // 16 * 16)


PENALTY_ROWS = 64
"""Rows of w whose squares are summed apart before the sums are added in order: fixed, so that bits do not depend on
the number of threads."""


def sums_size(layers: np.ndarray, n_threads: int) -> int:
    """Elements of the float64 sums: two for each block of rows, and a row of partial sums for each thread."""
    n_blocks = int(sum(-(-int(k) // PENALTY_ROWS) for k in layers["K"][1:]))
    return 2 * n_blocks + n_threads * int(layers["stride"][1:].max())


def aligned(size: int, dtype: Any, *, zeroed: bool = True) -> Any:
    """Vector that starts on a pair of cache lines: of zeros, or as the memory comes."""
    dtype = np.dtype(dtype)
    if not size:
        return np.empty(0, dtype)
    memory = (np.zeros if zeroed else np.empty)(size * dtype.itemsize + LINE_PAIR, np.uint8)
    start = -memory.__array_interface__["data"][0] % LINE_PAIR
    return memory[start : start + size * dtype.itemsize].view(dtype)
