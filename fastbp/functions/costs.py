"""Every cost once: its names, equation, C_x, its slope, the outputs and targets that it goes with, its parameter.

One entry of ``COSTS`` is all that the library knows of a cost: codes in the kernels, C_x and BP1 of kernels and
textbook, names in messages, on the command line and in model files, the losses of the estimators, and the tables in the
documentation follow from it. C_x is a sum over outputs j, and ``term`` adds one of them; it takes from z_j what a_j
alone has lost. C_x of softmax, which is no function of one z, is in the rooms above.

All keep the dtype of z, float32 or float64.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from fastbp.equations import EQUATIONS
from fastbp.functions import analytic
from fastbp.functions.elementary import exp, log, log_of_positive, softplus
from fastbp.functions.entry import SLOPES, TERMS, CostFunction, Parameter, by_code, first, is_own, value
from fastbp.jit import constants, strict
from fastbp.jit.rows import call_once

Name = Literal["quadratic", "cross_entropy", "poisson", "absolute", "huber", "quantile", "tweedie"]
"""The names, for type checkers; a test holds them to the entries."""

_ZERO, _ONE, _TWO, _HALF, _LOW, _HIGH = range(6)


def _numbers(kind: Any) -> tuple[Any, ...]:
    eps = np.finfo(kind).eps
    return kind(0), kind(1), kind(2), kind(0.5), eps, kind(1) - eps


_NUMBERS = constants(_numbers(np.float32), _numbers(np.float64))
"""0, 1, 2, 1/2, and the probabilities between which scikit-learn's cross-entropy clips."""


@strict
def excess(z, a, y, p):
    """a_j - y_j: dC/da_j of the quadratic cost, and delta_j wherever sigma' cancels against the slope of the cost."""
    return a - y


@strict
def unit(z, a, y, p):
    """The derivative of a_j - y_j by a_j."""
    return _NUMBERS(a)[_ONE]


@strict
def straight(z, a, y, p):
    """The derivative of a slope made of steps."""
    return _NUMBERS(a)[_ZERO]


@strict
def quadratic(C, z, a, y, p):
    """C + (a_j - y_j)^2 / 2"""
    e = a - y
    return C + _NUMBERS(a)[_HALF] * (e * e)


@strict
def cross_entropy(C, z, a, y, p):
    """C + ln(1 + e^z_j) - y_j z_j, which is -y_j ln a_j - (1 - y_j) ln(1 - a_j) of the sigmoid, without the logarithm
    of an a_j that has rounded to 0 or 1.
    """
    return C + (softplus(z)[0] - y * z)


@strict
def poisson(C, z, a, y, p):
    """C + a_j - y_j + y_j ln(y_j / a_j) with a_j = e^z_j; 0 ln 0 = 0."""
    C += a - y
    if y != _NUMBERS(y)[_ZERO]:
        C += y * (log_of_positive(y) - z)
    return C


@strict
def clipped_probability(a):
    """A probability, not below eps or above 1 - eps; NaN stays NaN."""
    c = _NUMBERS(a)
    return c[_LOW] if a < c[_LOW] else (c[_HIGH] if a > c[_HIGH] else a)


@strict
def clipped(C, z, a, y, p):
    """C - ln a_j where y_j is 1, C - ln(1 - a_j) where it is 0, of clipped probabilities, as scikit-learn has it."""
    one = _NUMBERS(a)[_ONE]
    q = clipped_probability(a)
    return C + log(one / (q if y != _NUMBERS(y)[_ZERO] else one - q))


@strict
def absolute(C, z, a, y, p):
    """C + |a_j - y_j|"""
    return C + abs(a - y)


@strict
def absolute_slope(z, a, y, p):
    """The sign of a_j - y_j, 0 where they are equal."""
    c = _NUMBERS(a)
    return c[_ONE] if a > y else (-c[_ONE] if a < y else c[_ZERO])


@strict
def huber(C, z, a, y, p):
    """C + (a_j - y_j)^2 / 2 where that difference is within p, C + p |a_j - y_j| - p^2 / 2 beyond."""
    half, distance = _NUMBERS(a)[_HALF], abs(a - y)
    return C + (half * (distance * distance) if distance <= p else p * (distance - half * p))


@strict
def huber_slope(z, a, y, p):
    """a_j - y_j, not beyond -p..p."""
    e = a - y
    return p if e > p else (-p if e < -p else e)


@strict
def huber_second(z, a, y, p):
    """1 within -p..p, 0 beyond."""
    c = _NUMBERS(a)
    return c[_ONE] if abs(a - y) <= p else c[_ZERO]


@strict
def quantile(C, z, a, y, p):
    """C + p (y_j - a_j) where y_j is above a_j, C + (1 - p) (a_j - y_j) below."""
    return C + (p * (y - a) if y > a else (_NUMBERS(a)[_ONE] - p) * (a - y))


@strict
def quantile_slope(z, a, y, p):
    """-p where y_j is above a_j, 1 - p below, 0 where they are equal."""
    c = _NUMBERS(a)
    return c[_ONE] - p if a > y else (-p if a < y else c[_ZERO])


@strict
def tweedie(C, z, a, y, p):
    """C + half of Tweedie's deviance of power p, from z = ln a; p = 1 is Poisson's."""
    c = _NUMBERS(z)
    if p == c[_ONE]:
        return poisson(C, z, a, y, p)
    if p == c[_TWO]:
        return C + (z - log_of_positive(y) + y * exp(-z) - c[_ONE])
    q = c[_ONE] - p
    C += (exp((q + c[_ONE]) * log_of_positive(y)) if y != c[_ZERO] else c[_ZERO]) / (q * (q + c[_ONE]))
    return C + (exp((q + c[_ONE]) * z) / (q + c[_ONE]) - y * exp(q * z) / q)


@strict
def tweedie_error(z, a, y, p):
    """delta_j = a_j^(2-p) - y_j a_j^(1-p), sigma' = a_j included."""
    q = _NUMBERS(z)[_ONE] - p
    return exp((q + _NUMBERS(z)[_ONE]) * z) - y * exp(q * z)


@strict
def tweedie_second(z, a, y, p):
    """(2-p) a_j^(1-p) - (1-p) y_j a_j^-p"""
    one = _NUMBERS(z)[_ONE]
    q = one - p
    return (q + one) * exp(q * z) - q * y * exp((q - one) * z)


_NO_SOFTMAX = (
    "is {!r} and the output activation {{output!r}}; it is for numbers, which one z at a time makes. Pass another "
    "activation for the last layer, such as 'identity', or cost='cross_entropy'."
)
_CLIPPED = CostFunction(
    "clipped",
    (EQUATIONS["C binary"], EQUATIONS["C categorical"]),
    clipped,
    excess,
    analytic.cross_entropy,
    cancels=True,
    outputs=("sigmoid", "softmax"),
)
"""Cross-entropy as scikit-learn reports it; no network has it."""
COSTS = (
    CostFunction(
        "quadratic",
        (EQUATIONS["C"],),
        quadratic,
        excess,
        analytic.quadratic,
        unit,
        of_difference=True,
        refusal="is 'quadratic' and the output activation {output!r}; their gradient vanishes where the net is most "
        "wrong, and sigma'(z) is no function of one z. Pass cost='cross_entropy'.",
        loss="squared_error",
        answer="Pass cost='quadratic', which is C_x = 1/2 sum_j (a_j - y_j)^2: it has the half, and no mean over "
        "outputs.",
        elsewhere="mse mean_squared_error squared_error squared_loss mseloss quadraticcost l2 l2_loss l2loss sse ssd "
        "squared square squares sum_squared_error sum_of_squares least_squares rmse root_mean_squared_error",
    ),
    CostFunction(
        "cross_entropy",
        (EQUATIONS["C binary"], EQUATIONS["C categorical"]),
        cross_entropy,
        excess,
        analytic.cross_entropy,
        unit,
        cancels=True,
        outputs=("sigmoid", "softmax"),
        refusal="is 'cross_entropy' and the output activation {output!r}; it is defined for outputs that are "
        "probabilities. Pass 'sigmoid' or 'softmax' for the last layer, or cost='quadratic'.",
        loss="log_loss",
        answer="Pass cost='cross_entropy': after sigmoid, of each output, summed; after softmax, of the classes.",
        elsewhere="bce ce xent entropy logistic softmax bernoulli binary_crossentropy binary_cross_entropy bceloss "
        "bcewithlogitsloss crossentropyloss crossentropycost categorical_crossentropy categorical_cross_entropy "
        "sparse_categorical_crossentropy log_loss logloss nll nllloss nll_loss log_likelihood softmax_cross_entropy",
    ),
    CostFunction(
        "poisson",
        (EQUATIONS["C Poisson"],),
        poisson,
        excess,
        analytic.poisson,
        unit,
        cancels=True,
        outputs=("exp",),
        refusal="is 'poisson' and the output activation {output!r}; it measures counts against their expectation, "
        "which 'exp' keeps positive. Pass 'exp' for the last layer, or cost='quadratic'.",
        lowest_target=0.0,
        refusal_of_targets="has negative values in row {row}; Poisson's cost is defined for counts. Pass values of at "
        "least 0, or use cost='quadratic'.",
        answer="Pass cost='poisson', with 'exp' for the last layer.",
        elsewhere="poissonnllloss poisson_nll poisson_loss",
    ),
    _CLIPPED,
    CostFunction(
        "absolute",
        (EQUATIONS["C absolute"],),
        absolute,
        absolute_slope,
        analytic.absolute,
        straight,
        of_difference=True,
        best=analytic.weighted_median,
        refusal=_NO_SOFTMAX.format("absolute"),
        loss="absolute_error",
        answer="Pass cost='absolute', which is C_x = sum_j |a_j - y_j|: it has no mean over outputs.",
        elsewhere="mae mean_absolute_error absolute_error l1 l1loss l1_loss absolute_deviation",
        since=3,
    ),
    CostFunction(
        "huber",
        (EQUATIONS["C Huber"],),
        huber,
        huber_slope,
        analytic.huber,
        huber_second,
        of_difference=True,
        refusal=_NO_SOFTMAX.format("huber"),
        parameter=Parameter("huber_delta", 1.35, 0.0, is_distance=True),
        best=analytic.huber_mean,
        answer="Pass cost='huber', with the distance from which on it is absolute as cost_parameter=1.35, say.",
        elsewhere="huberloss huber_loss smooth_l1 smoothl1loss smooth_l1_loss",
        since=3,
    ),
    CostFunction(
        "quantile",
        (EQUATIONS["C quantile"],),
        quantile,
        quantile_slope,
        analytic.quantile,
        straight,
        of_difference=True,
        refusal=_NO_SOFTMAX.format("quantile"),
        parameter=Parameter("quantile", 0.5, 0.0, 1.0),
        best=analytic.weighted_quantile,
        answer="Pass cost='quantile', with the quantile as cost_parameter=0.9, say.",
        elsewhere="pinball pinball_loss quantile_loss mean_pinball_loss",
        since=3,
    ),
    CostFunction(
        "tweedie",
        (EQUATIONS["C Tweedie"],),
        tweedie,
        tweedie_error,
        analytic.tweedie,
        tweedie_second,
        cancels=True,
        outputs=("exp",),
        refusal="is 'tweedie' and the output activation {output!r}; it measures amounts against their expectation, "
        "which 'exp' keeps positive. Pass 'exp' for the last layer, or cost='quadratic'.",
        lowest_target=0.0,
        above_from=2.0,
        refusal_of_targets="has values in row {row} that Tweedie's cost of power {p:g} is not defined for: it needs "
        "amounts of at least 0, and from power 2 on above 0. Pass such, or use cost='quadratic'.",
        parameter=Parameter("power", 1.5, 1.0, low_included=True),
        answer="Pass cost='tweedie', with the power as cost_parameter=1.5, say, and 'exp' for the last layer.",
        elsewhere="tweedie_deviance tweedie_loss gamma gamma_deviance",
        since=3,
    ),
)
"""All costs; the place of one is its code in the kernels."""

NAMED = {entry.name: entry for entry in COSTS if entry is not _CLIPPED}
"""Name of a cost -> entry."""
IN_WORDS = ", ".join(f"``{name}`` ({entry.needs})" for name, entry in NAMED.items())
"""Costs, for a docstring."""
PARAMETERS_IN_WORDS = ", ".join(
    f"``{name}`` ({entry.parameter.default:g})" for name, entry in NAMED.items() if entry.parameter is not None
)
"""Costs that have a parameter, and its default, likewise."""
LOSSES = {entry.loss or entry.name: entry for entry in NAMED.values()}
"""What the estimators call a cost -> entry."""
CODES = {entry.name: code for code, entry in enumerate(COSTS) if entry is not _CLIPPED}
"""Name of a cost -> its code in the kernels."""
CLIPPED = COSTS.index(_CLIPPED)
CANCELLING = sum(1 << code for code, entry in enumerate(COSTS) if entry.cancels)
"""The bit of a cost's code is set where sigma' cancels in BP1."""


SCALABLE = tuple(name for name, entry in NAMED.items() if entry.of_difference)
"""Costs that keep their meaning when targets are scaled."""
SIMPLE = tuple(name for name, entry in NAMED.items() if entry.cancels and entry.slope is excess)
"""Costs with which sigma' cancels in BP1, and a_j - y_j remains."""


def parameter_of(cost: str, given: float | None) -> float:
    """p of a cost as the kernels take it: what is given, or its default; 0 where it has none."""
    own = NAMED[cost].parameter
    return 0.0 if own is None else own.default if given is None else given


@strict
def _own_term(cost, C, z, a, y, p):
    return call_once(cost, TERMS, a, y, C)[2] if is_own(cost) else C


@strict
def _own_slope(cost, z, a, y, p):
    return call_once(cost, SLOPES, a, y, _NUMBERS(a)[_ONE])[2] if is_own(cost) else z


term = by_code([entry.term for entry in COSTS], value, _own_term)
"""(cost, C, z_j, a_j, y_j, p) -> C with what one output adds to C_x, of every cost; softmax outputs apart."""
slope = by_code([entry.slope for entry in COSTS], value, _own_slope)
"""(cost, z_j, a_j, y_j, p) -> dC/da_j of every cost; of those in which sigma' `cancels`, delta_j."""
second = by_code([entry.second for entry in COSTS], value, first)
"""Likewise the derivative of `slope` by a_j."""


@strict
def cancels(cost):
    """Whether sigma' cancels in BP1."""
    return not is_own(cost) and (CANCELLING >> cost) & 1 == 1
