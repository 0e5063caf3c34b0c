"""The records of a training or a prediction: what a kernel works on, by name.

Buffers hold the net's dtype, int64 where they index, float64 where they sum, or rows of the tables whose fields stand
here too. An empty one says that there is none of it (`exists`).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from fastbp.jit.addresses import Array, Buffer
from fastbp.jit.records import fields, fields_apart, groups_apart


class Layers(NamedTuple):
    """The network."""

    theta: Buffer
    """Weights and biases."""
    table: Buffer
    """`LAYER` of 0, the input, to L."""
    L: int
    cost: int
    cost_parameter: float
    """Of costs that have one."""
    lowest: int
    """The first layer that is not frozen: nobody needs the errors below it."""


class Data(NamedTuple):
    """The samples, and what is wanted of them."""

    X: Buffer
    """Rows of sizes[0] elements; of sparse samples the stored values."""
    indices: Buffer
    """Sparse samples: k of each stored value."""
    indptr: Buffer
    """Sparse samples: where each begins in X and ``indices``."""
    Y: Buffer
    """Targets, rows of sizes[-1] elements."""
    labels: Buffer
    """Class of each sample: it stands for a one-hot row where there is no Y, and is what hits are counted by."""
    weights: Buffer
    """s_x, if they are not all 1."""
    order: Buffer
    """Sample of each place of the epoch, if that is not the samples' own order."""


class Optimizer(NamedTuple):
    """The update, and what it needs to know."""

    code: int
    updating: int
    """0: the gradient stays in g and theta as it is."""
    size: int
    """Elements of theta, of g and of each vector of the state."""
    slots: int
    """Vectors of the state."""
    state: Buffer
    g: Buffer
    """The gradient, like theta, if it is kept; else each part of it is used up at once."""
    eta: Buffer
    """Step size of each minibatch, float64."""
    settings: Buffer
    """`SETTINGS`, one row."""
    sums: Buffer
    """float64, of `layout.sums_size`."""
    mask: Buffer
    """Like theta: 0 where a weight is frozen, else 1; if any is whose layer is not."""
    numbers: Buffer
    """Of a user's own update: its constants."""
    stepped: Buffer
    """Like theta: with a mask, room for what the step makes of all weights."""


class Workspace(NamedTuple):
    """The memory between the equations."""

    buf: Buffer
    offsets: Buffer
    """`OFFSETS` in buf, one row."""
    cursors: Buffer
    """`CURSOR` of each thread."""


class Control(NamedTuple):
    """What the team does, and how far it has come."""

    flags: Buffer
    """`FLAGS`, one row."""
    threads: Buffer
    """`THREAD` of each."""
    statistics: Buffer
    """`STATISTICS` of each minibatch."""
    n_threads: int
    schedule: int
    parts: int
    """Data-parallel: parts of each phase for each thread; of more than one, threads claim the next."""
    n: int
    """Samples of an epoch."""
    batch: int
    """Samples of a minibatch."""
    fetching: int
    """Whether samples are fetched from memory before they are needed."""
    counting_hits: int
    """Whether to count right decisions."""


class Training(NamedTuple):
    """All of that."""

    layers: Layers
    data: Data
    optimizer: Optimizer
    workspace: Workspace
    control: Control


class Outputs(NamedTuple):
    """What a prediction writes, of each sample."""

    a: Array
    """a^L, shape (n_samples, sizes[-1])."""
    costs: Array
    """C_x, float64, if there are targets."""
    decisions: Array
    """The class that the outputs stand for, if that is wanted."""


class Minibatch(NamedTuple):
    """One step of an epoch."""

    m: int
    start: int
    """Place of its first sample."""
    n: int
    """Samples."""
    total: float
    """sum_x s_x."""


class Tile(NamedTuple):
    """Samples that pass through the layers together: X of them."""

    place: int
    """In the epoch, of the first."""
    row: int
    """In the workspace, likewise."""
    X: int


SCHEDULES = ("data_parallel", "column_parallel", "ordered_tiles")
DATA_PARALLEL, COLUMN_PARALLEL, ORDERED_TILES = range(3)

LAYER = fields(
    K=np.int64,  # neurons of the layer before
    J=np.int64,  # neurons
    activation=np.int64,
    stride=np.int64,  # from a row of w to the next
    w=np.int64,  # where w and b begin, from theta's start
    b=np.int64,
    whole=np.int64,  # rows of w that may be read beyond their end, up to that of a padded row;
    rest=np.int64,  # those after them, copied and padded, lie here (`layout.plain_layout`)
    a=np.int64,  # where a, delta and z of a tile begin in the workspace
    delta=np.int64,
    z=np.int64,
    z_step=np.int64,  # from the z of a sample to the next where threads share the room
    row=np.int64,  # from a sample's row of a, delta and z to the next
    dropout=np.float64,  # the part of its neurons left out
    seed=np.int64,  # of the epoch's dropout
    rate=np.float64,  # by which its step size is multiplied; 0: it is frozen
)
"""A layer, and where its parts lie, in elements. Layer 0 is the input."""

OFFSETS = fields(
    tile=np.int64,  # samples that there is room for, of each thread where it has a tile for itself
    zeros=np.int64,  # a row of 0
    output_weights=np.int64,  # a row of u_j
    weighing_outputs=np.int64,  # whether outputs have weights, or targets may be missing, which are NaN then
    targets=np.int64,  # y of a tile's samples, rows padded
    exchanged=np.int64,  # column-parallel: z^1 of two minibatches
    rests=np.int64,  # of each thread: a_k^0 of a minibatch's samples, of those k that the fused pass does not take
    rests_row=np.int64,  # from a sample's to the next sample's
    shared_z=np.int64,  # z of all layers one after the other, where nobody keeps it
    costs=np.int64,  # C_x of a tile's samples
    panels=np.int64,  # of each thread: what a gemm packs
    panels_step=np.int64,
    gradients=np.int64,  # of each thread: the rows of the gradient between BP4 and the update
    gradients_step=np.int64,
    slabs=np.int64,  # column-parallel, of each thread: its columns of w^1 and b^1, and the layers above
    slabs_step=np.int64,
    chunk=np.int64,  # rows of w that BP4 and the update take at a time
    pack_a=np.int64,  # what the plan says: whether a gemm packs a, and b, where that pays;
    pack_b=np.int64,
    fused_update=np.int64,  # whether tiles of BP4 become a step of w while they are in registers;
    fused_update_forward=np.int64,  # whether that of w^1 and F1 of the next minibatch are one pass
)
"""Where what a training needs lies in the workspace, in elements, and what use is made of it; steps lead from a
thread's part to the next."""

SETTINGS = fields(
    l1=np.float64,
    l2=np.float64,
    shared_penalty=np.int64,  # 1: the penalty is divided by the minibatch's sum of s_x, as scikit-learn does
    beta_1=np.float64,  # the optimizer's constants: beta_1, or mu of momentum, or rho of RMSprop
    beta_2=np.float64,
    epsilon=np.float64,
    weight_decay=np.float64,
    beta_1_power=np.float64,  # beta_1^t and beta_2^t after t updates; of a user's own update the first is 1 + t
    beta_2_power=np.float64,
    plain_epsilon=np.float64,  # where not 0, Adam's epsilon is this one, added to the uncorrected root (scikit-learn)
    largest_input=np.float64,  # the largest |a_k^0|
    limit=np.float64,  # a minibatch whose gradient might reach it is not applied
    clip_norm=np.float64,  # the longest gradient that is not scaled; 0: any, and U need not wait for all of it
    clip_sums=np.int64,  # where in the float64 sums the squares of the gradient are summed up
    own=np.int64,  # where the code of a user's own update is
    failed=np.int64,  # not 0: it has made something that is not finite
)
"""Numbers of an update that are not one for each minibatch."""

STATISTICS = fields(
    cost=np.float64,  # sum of s_x C_x
    weight=np.float64,  # sum of s_x
    hits=np.float64,  # samples that the net decides as it should
    penalty=np.float64,
)
"""What a minibatch reports."""

RUNNING, DIVERGED = range(2)

NEVER = -1

FLAGS = fields_apart(
    stop=np.int64,  # not 0: somebody asks the team to leave
    leaving=np.int64,  # the minibatch after which the team leaves, as one thread has found for all; or NEVER
    first=np.int64,  # the slice: the minibatches from ``first`` to before ``last``
    last=np.int64,
    done=np.int64,  # the first minibatch that is not done
    total=np.int64,  # minibatches done in all epochs
    status=np.int64,  # RUNNING or DIVERGED
    begun=np.int64,  # samples of the first minibatch that a slice before has done
    at_most=np.int64,  # samples of a minibatch that the slice may do
    ticket=np.int64,  # of ordered tiles: the tile that is next
    samples=np.int64,  # the parts of a tile's samples that have been claimed,
    rows=np.int64,  # and those of the rows of every w^l
)
"""What the team is asked to do, and how far it has come."""

THREAD = groups_apart(
    {
        "arrived": np.int64,  # the barriers that it has come to; the others watch this line
    },
    {
        "largest_a": np.int64,  # the largest |a| and |delta| of the minibatch so far, as bits
        "largest_delta": np.int64,
        "hits": np.int64,  # of a tile
    },
)
"""What a thread says to the others."""


_NO_SETTINGS = dict.fromkeys(SETTINGS.names or (), 0.0) | {"beta_1_power": 1.0, "beta_2_power": 1.0}


def new_settings(**values: float) -> np.ndarray[Any, Any]:
    """Settings that are 0 but for these; powers of no update yet."""
    return np.array([tuple((_NO_SETTINGS | values).values())], SETTINGS)
