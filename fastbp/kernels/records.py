"""Records that threads and Python share in memory: tables whose rows have fields with names.

A dtype of ``numpy.record`` gives Python the same words as a kernel: ``record(settings, 0).l1`` reads and writes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fastbp.jit import strict
from fastbp.jit.addresses import line


def _fields(**formats: Any) -> np.dtype[Any]:
    """A dtype of these fields, each where its alignment puts it."""
    return np.dtype((np.record, np.dtype(list(formats.items()), align=True)))


SETTINGS = _fields(
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

STATISTICS = _fields(
    cost=np.float64,  # sum of s_x C_x
    weight=np.float64,  # sum of s_x
    hits=np.float64,  # samples that the net decides as it should
    penalty=np.float64,
)
"""What a minibatch reports."""


@strict
def record(table: Any, i: int) -> Any:
    """Row i of a table: its fields are read and written by name."""
    return line(table, i, 1)[0]


def new_settings(**values: float) -> np.ndarray[Any, Any]:
    """Settings that are 0 but for these; powers of no update yet."""
    settings = np.zeros(1, SETTINGS)
    for name, value in {"beta_1_power": 1.0, "beta_2_power": 1.0, **values}.items():
        settings[name] = value
    return settings
