"""What becomes of an estimator's attributes when ``fit`` or ``partial_fit`` fails."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING

import numpy as np

from fastbp.kernels.finite import all_finite

if TYPE_CHECKING:
    from fastbp.network import Network
    from fastbp.sklearn._base import BaseMLP

PRIVATE = {
    "_best_coefs",
    "_best_intercepts",
    "_label_binarizer",
    "_networks",
    "_no_improvement_count",
    "_optimizer",
    "_random_state",
}
"""Attributes of a fitted estimator whose names do not end with an underscore."""


class Attempt:
    """One call of ``fit`` or ``partial_fit``, as a context.

    What is refused before training begins leaves all attributes as they were. When training itself fails, a new fit
    leaves no fitted attributes; one that goes on from earlier weights leaves the last finite ones, and no state of the
    optimizer that is not finite.
    """

    def __init__(self, estimator: BaseMLP, *, going_on: bool) -> None:
        self._estimator, self.going_on = estimator, going_on
        self._before = dict(vars(estimator))
        self._net: Network | None = None
        self._finite: np.ndarray | None = None

    def begin(self, net: Network) -> None:
        """Training begins: from here on weights change."""
        self._net = net
        self.note(net)

    def note(self, net: Network) -> None:
        """Keep a copy of the weights if they are finite, where a failure will go back to it."""
        if self.going_on and all_finite(net.theta):
            if self._finite is None:
                self._finite = np.empty_like(net.theta)
            self._finite[:] = net.theta

    def __enter__(self) -> Attempt:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        attributes = self._estimator.__dict__
        if error is None:
            return
        if self._net is None:
            attributes.clear()
            attributes.update(self._before)
        elif not isinstance(error, Exception) or isinstance(error, Warning):
            return  # an interrupt, or a warning that the user has made an error, is no failure of the weights
        elif self.going_on:
            if self._finite is not None and not all_finite(self._net.theta):
                self._net.theta[:] = self._finite
                self._estimator._copy_back(self._net)
            stepper = attributes.get("_optimizer")
            if stepper is not None and not stepper.is_finite():
                del attributes["_optimizer"]
        else:
            for name in [name for name in attributes if name in PRIVATE or _is_fitted(name)]:
                del attributes[name]


def _is_fitted(name: str) -> bool:
    """Whether the name says that an attribute comes from fitting, by scikit-learn's convention."""
    return name.endswith("_") and not name.startswith("_")
