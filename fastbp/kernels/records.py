"""The records of a training, which threads and Python share."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastbp.jit.records import fields, lines_apart, whole_lines

SETTINGS = fields(
    l1=np.float64,
    l2=np.float64,
    shared_penalty=np.int64,  # 1: the penalty is divided by the minibatch's sum of s_x, as scikit-learn does
    beta_1=np.float64,  # the optimizer's constants: beta_1, or mu of momentum, or rho of RMSprop
    beta_2=np.float64,
    epsilon=np.float64,
    weight_decay=np.float64,
    beta_1_power=np.float64,  # beta_1^t and beta_2^t after t updates
    beta_2_power=np.float64,
    plain_epsilon=np.float64,  # where not 0, Adam's epsilon is this one, added to the uncorrected root (scikit-learn)
    largest_input=np.float64,  # the largest |a_k^0|
    limit=np.float64,  # a minibatch whose gradient might reach it is not applied
    clip_norm=np.float64,  # the longest gradient that is not scaled; 0: any
    clip_sums=np.int64,  # where in the float64 scratch the squares of the gradient are summed up
    cost_parameter=np.float64,
    dropout=np.float64,  # the part of neurons left out
    seed=np.int64,  # of the epoch's dropout
)
"""Numbers of a training that are not one for each minibatch."""

LAYER = fields(
    K=np.int64,  # neurons of the layer before
    J=np.int64,  # neurons
    activation=np.int64,
    stride=np.int64,  # from a row of w to the next
    w=np.int64,  # where w and b begin, from theta's start
    b=np.int64,
    whole=np.int64,  # rows of w that may be read beyond their end, up to that of a padded row;
    rest=np.int64,  # those after them, copied and padded, lie here (`layout.plain_layout`)
    a=np.int64,  # where a, delta and z of a tile begin in the scratch buffer
    delta=np.int64,
    z=np.int64,
    z_step=np.int64,  # from the z of a sample to the next where threads share the room
    row=np.int64,  # from a sample's row of a, delta and z to the next
)
"""Where a layer's parts lie, in elements. Layer 0 is the input."""

OFFSETS = fields(
    zeros=np.int64,  # a row of 0
    ones=np.int64,  # a row of 1
    targets=np.int64,  # y of a tile's samples, rows padded
    exchanged=np.int64,  # of threads that own neurons of layer 1: z^1 of two minibatches
    rests=np.int64,  # of each of them: the last few a_k^0 of a minibatch's samples
    shared_z=np.int64,  # z of all layers in turn, where nobody keeps it
    costs=np.int64,  # C_x of a tile's samples
    panels=np.int64,  # of each thread: what a gemm packs
    panels_step=np.int64,
    gradients=np.int64,  # of each thread: the rows of the gradient between BP4 and the update
    gradients_step=np.int64,
    slabs=np.int64,  # of each thread that owns neurons of layer 1: its columns of w^1 and b^1, and the layers above
    slabs_step=np.int64,
    chunk=np.int64,  # rows of w that BP4 and the update take at a time
)
"""Where what a training needs lies in the scratch buffer, in elements; steps lead from a thread's part to the next."""

STATISTICS = fields(
    cost=np.float64,  # sum of s_x C_x
    weight=np.float64,  # sum of s_x
    hits=np.float64,  # samples that the net decides as it should
    penalty=np.float64,
)
"""What a minibatch reports."""


RUNNING, DIVERGED = range(2)

NEVER = -1

CONTROL = lines_apart(
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
)
"""What a team is asked to do, and how far it has come; one row."""

THREAD = whole_lines(
    arrived=np.int64,  # the barriers that it has come to
    largest_a=np.int64,  # the largest |a| and |delta| of the minibatch so far, as bits
    largest_delta=np.int64,
    hits=np.int64,  # of a tile
)
"""What a thread tells the others."""


_NO_SETTINGS = dict.fromkeys(SETTINGS.names or (), 0.0) | {"beta_1_power": 1.0, "beta_2_power": 1.0}


def new_settings(**values: float) -> np.ndarray[Any, Any]:
    """Settings that are 0 but for these; powers of no update yet."""
    return np.array([tuple((_NO_SETTINGS | values).values())], SETTINGS)
