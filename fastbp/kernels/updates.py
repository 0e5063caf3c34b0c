"""U of every optimizer, and the penalty's part of the gradient: one loop each over parameters side by side.

``w`` is overwritten, ``g`` read, ``m`` and ``v`` (the optimizer's state, empty where it has none) updated. ``eta`` is
the step size; the constants are named in each docstring. Where ``l2`` is not 0, g is still without l2 w, which
each step adds as it goes: a pass over w and g for it alone took half as long as the step. Padding, where all of them
are 0, stays 0.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from fastbp.jit import strict
from fastbp.jit.addresses import Array, Real
from fastbp.kernels.gemm.epilogues import sgd_step

SGD, MOMENTUM, NESTEROV, ADAM, RMSPROP, ADAGRAD, OWN = range(7)


class Constants(NamedTuple):
    """What an optimizer needs for a step, in the net's dtype."""

    eta: Real
    beta_1: Real
    """Of Adam; mu of momentum, rho of RMSprop."""
    beta_2: Real
    epsilon: Real
    weight_decay: Real
    step: Real
    """Of Adam: eta with the corrections of both means."""


@strict
def penalty(w: Array, g: Array, l1: Real, l2: Real) -> None:
    """dC/dw of l1 |w| + l2/2 w^2, added to g: l2 w, then l1 sign(w) unless l1 is 0."""
    zero = w.dtype.type(0)
    for i in range(w.size):
        g[i] = g[i] + l2 * w[i]
    if l1 != zero:
        for i in range(w.size):
            g[i] = g[i] + (l1 if w[i] > zero else (-l1 if w[i] < zero else zero))


@strict
def penalised(g: Real, w: Real, l2: Real) -> Real:
    """dC/dw of the cost and l2/2 w^2."""
    return g + l2 * w if l2 != 0 else g


@strict
def decay(w: Array, factor: Real) -> None:
    """Decoupled weight decay, before the step of any optimizer: w <- w - factor w"""
    for i in range(w.size):
        w[i] = w[i] - factor * w[i]


@strict
def sgd(w: Array, g: Array, l2: Real, eta: Real) -> None:
    """U: w <- w - eta * g"""
    for i in range(w.size):
        w[i] = sgd_step(w[i], eta, penalised(g[i], w[i], l2))


@strict
def momentum(w: Array, g: Array, l2: Real, v: Array, eta: Real, mu: Real) -> None:
    """U with momentum: v <- mu v - eta g; w <- w + v"""
    for i in range(w.size):
        v[i] = mu * v[i] - eta * penalised(g[i], w[i], l2)
        w[i] = w[i] + v[i]


@strict
def nesterov(w: Array, g: Array, l2: Real, v: Array, eta: Real, mu: Real) -> None:
    """U with Nesterov's momentum: v <- mu v - eta g; w <- w + (mu v - eta g)"""
    for i in range(w.size):
        step = eta * penalised(g[i], w[i], l2)
        v[i] = mu * v[i] - step
        w[i] = w[i] + (mu * v[i] - step)


@strict
def adam(w: Array, g: Array, l2: Real, m: Array, v: Array, c: Constants) -> None:
    """Adam: m <- beta_1 m + (1 - beta_1) g; v <- beta_2 v + (1 - beta_2) g^2; w <- w - step m / (sqrt(v) + epsilon).

    step = eta sqrt(1 - beta_2^t) / (1 - beta_1^t), and epsilon carries the factor sqrt(1 - beta_2^t): the corrections
    of both means, moved out of the loop.
    """
    one = w.dtype.type(1)
    beta_1, beta_2, step, epsilon = c.beta_1, c.beta_2, c.step, c.epsilon
    rest_1, rest_2 = one - beta_1, one - beta_2
    for i in range(w.size):
        g_i = penalised(g[i], w[i], l2)
        m[i] = beta_1 * m[i] + rest_1 * g_i
        v[i] = beta_2 * v[i] + rest_2 * (g_i * g_i)
        w[i] = w[i] - step * m[i] / (math.sqrt(v[i]) + epsilon)


@strict
def rmsprop(w: Array, g: Array, l2: Real, v: Array, eta: Real, rho: Real, epsilon: Real) -> None:
    """U of RMSprop: v <- rho v + (1 - rho) g^2; w <- w - eta g / (sqrt(v) + epsilon)"""
    rest = w.dtype.type(1) - rho
    for i in range(w.size):
        g_i = penalised(g[i], w[i], l2)
        v[i] = rho * v[i] + rest * (g_i * g_i)
        w[i] = w[i] - eta * g_i / (math.sqrt(v[i]) + epsilon)


@strict
def adagrad(w: Array, g: Array, l2: Real, v: Array, eta: Real, epsilon: Real) -> None:
    """U of Adagrad: v <- v + g^2; w <- w - eta g / (sqrt(v) + epsilon)"""
    for i in range(w.size):
        g_i = penalised(g[i], w[i], l2)
        v[i] = v[i] + g_i * g_i
        w[i] = w[i] - eta * g_i / (math.sqrt(v[i]) + epsilon)


@strict
def update(code: int, w: Array, g: Array, l2: Real, m: Array, v: Array, c: Constants) -> None:
    """U of the optimizer of this code.

    ``l2`` is 0 where there is weight decay, which would change w before its penalty is taken.
    """
    if c.weight_decay != 0:
        decay(w, c.eta * c.weight_decay)
    if code == SGD:
        sgd(w, g, l2, c.eta)
    elif code == MOMENTUM:
        momentum(w, g, l2, m, c.eta, c.beta_1)
    elif code == NESTEROV:
        nesterov(w, g, l2, m, c.eta, c.beta_1)
    elif code == ADAM:
        adam(w, g, l2, m, v, c)
    elif code == RMSPROP:
        rmsprop(w, g, l2, m, c.eta, c.beta_1, c.epsilon)
    elif code == ADAGRAD:
        adagrad(w, g, l2, m, c.eta, c.epsilon)
