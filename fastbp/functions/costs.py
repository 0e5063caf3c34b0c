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

from fastbp.equations import EQUATIONS, Equation
from fastbp.functions import analytic
from fastbp.functions.elementary import exp, log, log_of_positive, softplus
from fastbp.functions.entry import CostFunction, Parameter, by_code, first, value
from fastbp.jit import constants, strict

Name = Literal["quadratic", "cross_entropy", "poisson"]
"""The costs of nets, for type checkers; a test holds them to the entries."""

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
    """C + half of Tweedie's deviance of power p > 1, from z = ln a."""
    c = _NUMBERS(z)
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


def _of_estimators(name: str, formula: str, latex: str) -> tuple[Equation, ...]:
    sentence = f"The cost {name}, a sum over outputs, of parameter p if it has one."
    return (Equation(f"C {name}", f"C_x = {formula}", f"C_x = {latex}", sentence, "not in the notes nor in the book"),)


_AT_ESTIMATORS = (
    "fastbp.sklearn.MLPRegressor has it: pass loss='absolute_error', loss='huber' or loss='quantile' there."
)
COSTS = (
    CostFunction(
        "quadratic",
        (EQUATIONS["C"],),
        quadratic,
        excess,
        analytic.quadratic,
        unit,
        of_nets=True,
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
        of_nets=True,
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
        of_nets=True,
        outputs=("exp",),
        refusal="is 'poisson' and the output activation {output!r}; it measures counts against their expectation, "
        "which 'exp' keeps positive. Pass 'exp' for the last layer, or cost='quadratic'.",
        lowest_target=0.0,
        refusal_of_targets="has negative values in row {row}; Poisson's cost is defined for counts. Pass values of at "
        "least 0, or use cost='quadratic'.",
        answer="Pass cost='poisson', with 'exp' for the last layer.",
        elsewhere="poissonnllloss poisson_nll poisson_loss",
    ),
    CostFunction(
        "clipped",
        (EQUATIONS["C binary"], EQUATIONS["C categorical"]),
        clipped,
        excess,
        analytic.cross_entropy,
        cancels=True,
        outputs=("sigmoid", "softmax"),
    ),
    CostFunction(
        "absolute",
        _of_estimators("absolute", "sum_j |a_j^L - y_j|", r"\sum_j \lvert a_j^L - y_j \rvert"),
        absolute,
        absolute_slope,
        analytic.absolute,
        best=analytic.weighted_median,
        loss="absolute_error",
        answer=_AT_ESTIMATORS,
        elsewhere="mae mean_absolute_error absolute_error absolute l1 l1loss l1_loss",
    ),
    CostFunction(
        "huber",
        _of_estimators(
            "huber",
            "sum_j e_j^2 / 2 where e_j = |a_j^L - y_j| <= p, p e_j - p^2 / 2 beyond",
            r"\sum_j \tfrac{1}{2} e_j^2 \text{ where } e_j = \lvert a_j^L - y_j \rvert \le p,\ p\,e_j - \tfrac{1}{2} "
            r"p^2 \text{ beyond}",
        ),
        huber,
        huber_slope,
        analytic.huber,
        parameter=Parameter("huber_delta", 1.35, 0.0),
        best=analytic.huber_mean,
        answer=_AT_ESTIMATORS,
        elsewhere="huber huberloss huber_loss smooth_l1 smoothl1loss",
    ),
    CostFunction(
        "quantile",
        _of_estimators(
            "quantile",
            "sum_j max(p (y_j - a_j^L), (1 - p) (a_j^L - y_j))",
            r"\sum_j \max\bigl(p\,(y_j - a_j^L),\ (1 - p)(a_j^L - y_j)\bigr)",
        ),
        quantile,
        quantile_slope,
        analytic.quantile,
        parameter=Parameter("quantile", 0.5, 0.0, 1.0),
        best=analytic.weighted_quantile,
        answer=_AT_ESTIMATORS,
        elsewhere="quantile pinball",
    ),
    CostFunction(
        "tweedie",
        _of_estimators(
            "tweedie",
            "sum_j y_j^(2-p) / ((1-p) (2-p)) - y_j (a_j^L)^(1-p) / (1-p) + (a_j^L)^(2-p) / (2-p)",
            r"\sum_j \frac{y_j^{2-p}}{(1-p)(2-p)} - \frac{y_j\,(a_j^L)^{1-p}}{1-p} + \frac{(a_j^L)^{2-p}}{2-p}",
        ),
        tweedie,
        tweedie_error,
        analytic.tweedie,
        cancels=True,
        outputs=("exp",),
        parameter=Parameter("power", 1.5, 1.0, low_included=True),
    ),
)
"""All costs; the place of one is its code in the kernels. ``clipped`` is cross-entropy as scikit-learn reports it."""

NAMED = {entry.name: entry for entry in COSTS if entry.of_nets}
"""Name of a cost of nets -> entry."""
IN_WORDS = ", ".join(f"``{name}`` ({entry.needs})" for name, entry in NAMED.items())
"""Costs of nets, for a docstring."""
LOSSES = {entry.loss or entry.name: entry for entry in COSTS}
"""What the estimators call a cost -> entry."""
CODES = {entry.name: code for code, entry in enumerate(COSTS) if entry.of_nets}
"""Name of a cost of nets -> its code in the kernels."""
CLIPPED = next(code for code, entry in enumerate(COSTS) if entry.name == "clipped")
CANCELLING = sum(1 << code for code, entry in enumerate(COSTS) if entry.cancels)
"""The bit of a cost's code is set where sigma' cancels in BP1."""


term = by_code([entry.term for entry in COSTS], value, first)
"""(cost, C, z_j, a_j, y_j, p) -> C with what one output adds to C_x, of every cost; softmax outputs apart."""
slope = by_code([entry.slope for entry in COSTS], value, first)
"""(cost, z_j, a_j, y_j, p) -> dC/da_j of every cost; of those in which sigma' `cancels`, delta_j."""
second = by_code([entry.second for entry in COSTS], value, first)
"""Likewise the derivative of `slope` by a_j, of the costs of networks."""


@strict
def cancels(cost):
    """Whether sigma' cancels in BP1."""
    return (CANCELLING >> cost) & 1 == 1
