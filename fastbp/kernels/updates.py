"""U of every optimizer, and the penalty's part of the gradient: one loop each over parameters side by side.

``w`` is overwritten, ``g`` read, ``m`` and ``v`` (the optimizer's state, empty where it has none) updated. ``eta`` is
the step size; ``c`` holds the constants named in each docstring. Padding, where all of them are 0, stays 0.
"""

from __future__ import annotations

import math

from fastbp._jit import strict
from fastbp.kernels.views import full_width

SGD, MOMENTUM, NESTEROV, ADAM, RMSPROP, ADAGRAD = range(6)


@strict
def penalty(w, g, l1, l2):
    """dC/dw of l1 |w| + l2/2 w^2, added to g: l2 w, then l1 sign(w)."""
    full_width()
    zero = w.dtype.type(0)
    for i in range(w.size):
        sign = l1 if w[i] > zero else (-l1 if w[i] < zero else zero)
        g[i] = (g[i] + l2 * w[i]) + sign


@strict
def decay(w, factor):
    """Decoupled weight decay, before the step of any optimizer: w <- w - factor w"""
    full_width()
    for i in range(w.size):
        w[i] = w[i] - factor * w[i]


@strict
def sgd(w, g, eta):
    """U: w <- w - eta * g"""
    full_width()
    for i in range(w.size):
        w[i] = w[i] - eta * g[i]


@strict
def momentum(w, g, v, eta, mu):
    """U with momentum: v <- mu v - eta g; w <- w + v"""
    full_width()
    for i in range(w.size):
        v[i] = mu * v[i] - eta * g[i]
        w[i] = w[i] + v[i]


@strict
def nesterov(w, g, v, eta, mu):
    """U with Nesterov's momentum: v <- mu v - eta g; w <- w + (mu v - eta g)"""
    full_width()
    for i in range(w.size):
        step = eta * g[i]
        v[i] = mu * v[i] - step
        w[i] = w[i] + (mu * v[i] - step)


@strict
def adam(w, g, m, v, beta_1, beta_2, step, epsilon):
    """Adam: m <- beta_1 m + (1 - beta_1) g; v <- beta_2 v + (1 - beta_2) g^2; w <- w - step m / (sqrt(v) + epsilon).

    step = eta sqrt(1 - beta_2^t) / (1 - beta_1^t), and epsilon carries the factor sqrt(1 - beta_2^t): the corrections
    of both means, moved out of the loop.
    """
    full_width()
    one = w.dtype.type(1)
    rest_1, rest_2 = one - beta_1, one - beta_2
    for i in range(w.size):
        m[i] = beta_1 * m[i] + rest_1 * g[i]
        v[i] = beta_2 * v[i] + rest_2 * (g[i] * g[i])
        w[i] = w[i] - step * m[i] / (math.sqrt(v[i]) + epsilon)


@strict
def rmsprop(w, g, v, eta, rho, epsilon):
    """U of RMSprop: v <- rho v + (1 - rho) g^2; w <- w - eta g / (sqrt(v) + epsilon)"""
    full_width()
    rest = w.dtype.type(1) - rho
    for i in range(w.size):
        v[i] = rho * v[i] + rest * (g[i] * g[i])
        w[i] = w[i] - eta * g[i] / (math.sqrt(v[i]) + epsilon)


@strict
def adagrad(w, g, v, eta, epsilon):
    """U of Adagrad: v <- v + g^2; w <- w - eta g / (sqrt(v) + epsilon)"""
    full_width()
    for i in range(w.size):
        v[i] = v[i] + g[i] * g[i]
        w[i] = w[i] - eta * g[i] / (math.sqrt(v[i]) + epsilon)


@strict
def update(code, w, g, m, v, eta, c):
    """U of the optimizer of this code. ``c``: four constants in the order of its ``constants()``, step, epsilon."""
    if c[3] != 0:
        decay(w, eta * c[3])
    if code == SGD:
        sgd(w, g, eta)
    elif code == MOMENTUM:
        momentum(w, g, m, eta, c[0])
    elif code == NESTEROV:
        nesterov(w, g, m, eta, c[0])
    elif code == ADAM:
        adam(w, g, m, v, c[0], c[1], c[4], c[5])
    elif code == RMSPROP:
        rmsprop(w, g, m, eta, c[0], c[2])
    elif code == ADAGRAD:
        adagrad(w, g, m, eta, c[2])
