"""What scikit-learn calls the optimizer: the step size of an epoch, and the state of the updates."""

from __future__ import annotations

import math
import sys
from typing import Any

import numpy as np

from fastbp.chunks import all_finite, largest_magnitude
from fastbp.kernels import layout
from fastbp.network import Network
from fastbp.sklearn._parameters import views
from fastbp.training.optimizers import OPTIMIZERS, SGD, Update

SMALLEST_RATE = 1e-6
"""``learning_rate="adaptive"`` ends at it."""


def say(message: str) -> None:
    """For ``verbose``, to standard output as scikit-learn does."""
    sys.stdout.write(message + "\n")


class Stepper:
    """The optimizer of an estimator, kept between calls of ``partial_fit``.

    Attributes
    ----------
    learning_rate : float
        sgd: of the coming epoch. adam: of the last step, its corrections of both means included.
    moments : list of list of numpy.ndarray
        For each vector of state (velocities; or first and second moments) an array like each of coefs_, intercepts_.
    """

    def __init__(self, code: int, slots: int, constants: tuple[float, ...], learning_rate_init: float) -> None:
        self.code, self.slots, self.constants = code, slots, constants
        self.learning_rate_init = learning_rate_init
        self.learning_rate = float(learning_rate_init)
        self.schedule, self.power_t = "constant", 0.5
        self.corrected, self.epsilon = False, 0.0
        self.t = 0
        self.moments: list[list[np.ndarray]] = []
        self._state: np.ndarray | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_state": None}

    def bind(self, net: Network) -> np.ndarray:
        """The state as the kernels take it: kept, or built from ``moments``, or 0 where there are none that fit."""
        size = self.slots * net.theta.size
        if self._state is not None and self._state.size == size and self._state.dtype == net.dtype:
            return self._state
        state: np.ndarray = layout.aligned(size, net.dtype)
        before, self.moments = self.moments, []
        for slot in range(self.slots):
            coefs, intercepts = views(net, state[slot * net.theta.size : (slot + 1) * net.theta.size])
            arrays = [*coefs, *intercepts]
            if slot < len(before) and [a.shape for a in before[slot]] == [a.shape for a in arrays]:
                for array, kept in zip(arrays, before[slot], strict=True):
                    array[...] = kept
            self.moments.append(arrays)
        self._state = state
        return state

    def is_finite(self) -> bool:
        """Whether all of the state is."""
        if self._state is None:
            return all(bool(np.isfinite(part).all()) for slot in self.moments for part in slot)
        return all_finite(self._state)

    def exceeds(self, dtype: Any) -> bool:
        """Whether moments, kept in a wider dtype, would overflow in this one."""
        limit = float(np.finfo(dtype).max)
        wider = (part for slot in self.moments for part in slot if part.dtype.itemsize > np.dtype(dtype).itemsize)
        return any(largest_magnitude(part) > limit for part in wider)

    def update(self) -> Update:
        """What the kernels need to know."""
        return Update(self.code, self.slots, self.constants, self.epsilon, self.t)

    @property
    def rate(self) -> float:
        """Step size that the kernels take for each minibatch of the coming epoch."""
        return self.learning_rate_init if self.corrected else self.learning_rate

    def stepped(self, n: int) -> None:
        """Note n updates."""
        self.t += n
        if self.corrected and self.t:
            beta_1, beta_2 = self.constants[:2]
            self.learning_rate = self.learning_rate_init * math.sqrt(1 - beta_2**self.t) / (1 - beta_1**self.t)

    def epoch_ends(self, n_seen: int) -> None:
        """``learning_rate="invscaling"``: eta_0 / (samples seen + 1)^power_t."""
        if self.schedule == "invscaling":
            self.learning_rate = float(self.learning_rate_init) / (n_seen + 1) ** self.power_t

    def has_stalled(self, message: str, verbose: Any) -> bool:
        """Whether training is over, now that it no longer improves; ``"adaptive"`` goes on with a fifth of the rate."""
        if self.schedule == "adaptive" and self.learning_rate > SMALLEST_RATE:
            self.learning_rate /= 5.0
            if verbose:
                say(f"{message} Setting learning rate to {self.learning_rate:f}")
            return False
        if verbose:
            say(message + (" Learning rate too small. Stopping." if self.schedule == "adaptive" else " Stopping."))
        return True


def make_stepper(estimator: Any) -> Stepper:
    """The stepper of an estimator's parameters."""
    solver, rate, decay = estimator.solver, estimator.learning_rate_init, estimator.weight_decay
    if solver == "sgd":
        momentum = float(estimator.momentum)  # may be 1, which is none of SGD's
        nesterov = bool(estimator.nesterovs_momentum) and momentum > 0
        update = SGD(rate, 0.5 if momentum else 0.0, nesterov, weight_decay=decay).update()
        stepper = Stepper(update.code, update.slots, (momentum, *update.constants[1:]), rate)
        stepper.schedule, stepper.power_t = estimator.learning_rate, estimator.power_t
        return stepper
    decays = {"rmsprop": ("rho",), "adagrad": ()}.get(solver, ("beta_1", "beta_2"))
    values = (estimator.beta_1, estimator.beta_2)[2 - len(decays) :]
    options = {name: float(value) for name, value in zip(decays, values, strict=True)}
    epsilon = float(estimator.epsilon)
    update = OPTIMIZERS[solver](learning_rate=rate, epsilon=epsilon, weight_decay=decay, **options).update()
    stepper = Stepper(update.code, update.slots, update.constants, rate)
    stepper.corrected = solver in ("adam", "adamw")
    stepper.epsilon = epsilon if solver == "adam" else 0.0
    return stepper
