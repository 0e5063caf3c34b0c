"""Initial weights of a layer. Names and variances:

=================  =====================================================  ===========
name               weights                                                biases
=================  =====================================================  ===========
nielsen            N(0, 1 / n_in): the book's better start                0
nielsen_unit_bias  the same                                               N(0, 1)
nielsen_large      N(0, 1): the book's first start                        N(0, 1)
glorot_uniform     U(-r, r), r^2 = 6 / (n_in + n_out)                     0
glorot_normal      N(0, 2 / (n_in + n_out))                               0
he_uniform         U(-r, r), r^2 = 6 / n_in                               0
he_normal          N(0, 2 / n_in)                                         0
lecun_uniform      U(-r, r), r^2 = 3 / n_in                               0
lecun_normal       N(0, 1 / n_in)                                         0
=================  =====================================================  ===========
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np

from fastbp import synonyms
from fastbp.checks import check_name

# Variance of the weights as (numerator, n_in counts, n_out counts): numerator / (n_in counts + n_out counts).
_VARIANCES = {"glorot": (2.0, 1, 1), "he": (2.0, 1, 0), "lecun": (1.0, 1, 0), "nielsen": (1.0, 1, 0)}

Initializer = Literal[
    "nielsen",
    "nielsen_unit_bias",
    "nielsen_large",
    "glorot_uniform",
    "glorot_normal",
    "he_uniform",
    "he_normal",
    "lecun_uniform",
    "lecun_normal",
]
INITIALIZERS: tuple[Initializer, ...] = get_args(Initializer)


def initialize(name: str, rng: np.random.Generator, n_out: int, n_in: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw the weights and biases of one layer, in float64 whatever the net's dtype.

    Parameters
    ----------
    name : str
        See the table of this module.
    rng : numpy.random.Generator
    n_out, n_in : int
        J and K.

    Returns
    -------
    w : numpy.ndarray, shape (n_out, n_in)
    b : numpy.ndarray, shape (n_out,)

    Raises
    ------
    ValueError
        For an unknown name.
    """
    check_name(name, INITIALIZERS, "init", answers=synonyms.INITIALIZERS)
    if name == "nielsen_large":
        return rng.standard_normal((n_out, n_in)), rng.standard_normal(n_out)
    numerator, counts_in, counts_out = _VARIANCES[name.split("_")[0]]
    deviation = np.sqrt(numerator / (counts_in * n_in + counts_out * n_out))
    if name.endswith("uniform"):
        r = np.sqrt(3.0) * deviation
        w = rng.uniform(-r, r, (n_out, n_in))
    else:
        w = deviation * rng.standard_normal((n_out, n_in))
    return w, rng.standard_normal(n_out) if name == "nielsen_unit_bias" else np.zeros(n_out)
