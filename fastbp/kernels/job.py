"""What a kernel works on, and its parts under the names of the notes."""

from __future__ import annotations

from typing import Any, NamedTuple

from fastbp._jit import part
from fastbp.kernels import layout
from fastbp.kernels.views import Matrix, line, repeated, view


class Job(NamedTuple):
    """What a kernel works on: arrays of the net's dtype, index arrays of int64, sums of float64, and counts."""

    theta: Any
    """Weights and biases."""
    state: Any
    """The optimizer's vectors, each of theta's size."""
    g: Any
    """The gradient, like theta; empty when each part of it is used up at once."""
    X: Any
    """Samples, flat, rows of sizes[0] elements; with ``indptr`` their stored values."""
    indices: Any
    """Sparse samples: k of each stored value."""
    indptr: Any
    """Sparse samples: where each begins in X and ``indices``; empty with dense ones."""
    Y: Any
    """Targets, flat, rows of sizes[-1] elements; empty with labels."""
    labels: Any
    """Class of each sample, which stands for a one-hot row of Y; empty with Y."""
    weights: Any
    """s_x; empty when all are 1."""
    order: Any
    """Sample of each place of the epoch."""
    layers: Any
    """(L + 1, 10) table of layers."""
    places: Any
    """Places in the scratch buffer."""
    scratch: Any
    sums: Any
    """float64 scratch of ``sums_size``."""
    stats: Any
    """(n_minibatches, 4) statistics, float64."""
    eta: Any
    """Step size of each minibatch, float64."""
    reals: Any
    control: Any
    n: int
    """Samples of an epoch."""
    batch: int
    tile: int
    """Samples that pass through all layers before their gradients are added."""
    n_threads: int
    cost: int
    optimizer: int
    updating: int
    """0: the gradient stays in g and theta as it is."""
    counting_hits: int


@part
def table(array: Any) -> Any:
    """A two-dimensional array without its reference count."""
    return view(array, 0, array.shape[0], array.shape[1], array.shape[1], 1)


@part
def unowned(job: Job) -> Job:
    """The same job on views without reference counts, which threads would otherwise fight over."""
    return Job(
        line(job.theta, 0, job.theta.size),
        line(job.state, 0, job.state.size),
        line(job.g, 0, job.g.size),
        line(job.X, 0, job.X.size),
        line(job.indices, 0, job.indices.size),
        line(job.indptr, 0, job.indptr.size),
        line(job.Y, 0, job.Y.size),
        line(job.labels, 0, job.labels.size),
        line(job.weights, 0, job.weights.size),
        line(job.order, 0, job.order.size),
        table(job.layers),
        line(job.places, 0, job.places.size),
        line(job.scratch, 0, job.scratch.size),
        line(job.sums, 0, job.sums.size),
        table(job.stats),
        line(job.eta, 0, job.eta.size),
        line(job.reals, 0, job.reals.size),
        line(job.control, 0, job.control.size),
        job.n,
        job.batch,
        job.tile,
        job.n_threads,
        job.cost,
        job.optimizer,
        job.updating,
        job.counting_hits,
    )


@part
def weights(job: Job, l: int) -> Matrix:
    """w^l as w[k, j], input-major."""
    return Matrix(job.theta, job.layers[l, layout.W], job.layers[l, layout.STRIDE], 1)


@part
def biases(job: Job, l: int) -> Matrix:
    """b^l as a row repeated for every sample."""
    return repeated(job.theta, job.layers[l, layout.B])


@part
def activations(job: Job, l: int, x: int) -> Matrix:
    """a^l of the tile from sample x on, as a[x, j]."""
    row = job.layers[l, layout.ROW]
    return Matrix(job.scratch, job.layers[l, layout.A] + x * row, row, 1)


@part
def weighted_inputs(job: Job, l: int, x: int) -> Matrix:
    """z^l, likewise, where x is the first sample of a thread."""
    at = job.layers[l, layout.Z] + x * job.layers[l, layout.Z_STEP]
    return Matrix(job.scratch, at, job.layers[l, layout.ROW], 1)


@part
def errors(job: Job, l: int, x: int) -> Matrix:
    """sigma'(z^l), which becomes delta^l, likewise."""
    row = job.layers[l, layout.ROW]
    return Matrix(job.scratch, job.layers[l, layout.D] + x * row, row, 1)


@part
def sums(job: Job, l: int, x: int) -> Matrix:
    """The sums over k of BP2 before sigma'(z^l) multiplies them, likewise."""
    at = job.places[layout.SUMS] + x * job.places[layout.SUMS_STEP]
    return Matrix(job.scratch, at, job.layers[l, layout.ROW], 1)


@part
def targets(job: Job, x: int) -> Matrix:
    """y of the tile, likewise."""
    row = job.places[layout.TARGETS_ROW]
    return Matrix(job.scratch, job.places[layout.TARGETS] + x * row, row, 1)


@part
def zeros(job: Job) -> Matrix:
    """0 everywhere."""
    return repeated(job.scratch, job.places[layout.ZEROS])


@part
def ones(job: Job) -> Matrix:
    """1 everywhere."""
    return Matrix(job.scratch, job.places[layout.ONES], 0, 0)


@part
def panel(job: Job, t: int) -> Matrix:
    """Thread t's scratch for packed strips."""
    return repeated(job.scratch, job.places[layout.PANELS] + t * job.places[layout.PANELS_STEP])


@part
def gradient(job: Job, l: int, k: int, t: int) -> Matrix:
    """dC/dw^l from row k on: in g where it is kept, else in thread t's scratch until the update has used it up."""
    stride = job.layers[l, layout.STRIDE]
    if job.g.size:
        return Matrix(job.g, job.layers[l, layout.W] + k * stride, stride, 1)
    return Matrix(job.scratch, job.places[layout.GRADIENTS] + t * job.places[layout.GRADIENTS_STEP], stride, 1)


@part
def row(m: Matrix, n: int) -> Any:
    """The first n elements from the matrix's start on, as a vector."""
    return line(m.buf, m.at, n)
