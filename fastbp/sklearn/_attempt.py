"""What becomes of an estimator's attributes when ``fit`` or ``partial_fit`` fails."""

from __future__ import annotations

from types import TracebackType

from fastbp.sklearn._parameters import Estimator

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
    optimizer that is not finite. ``hooks`` are the methods of scikit-learn that the user has overridden.
    """

    def __init__(self, estimator: Estimator, *, going_on: bool, hooks: set[str]) -> None:
        self._estimator, self.going_on, self.hooks = estimator, going_on, hooks
        self._before = dict(vars(estimator))
        self._began = False

    def begin(self) -> None:
        """Training begins: from here on weights change."""
        self._began = True

    def __enter__(self) -> None:
        self._estimator._attempt = self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        attributes = self._estimator.__dict__
        del attributes["_attempt"]
        if error is None:
            return
        if not self._began:
            attributes.clear()
            attributes.update(self._before)
        elif not isinstance(error, Exception) or isinstance(error, Warning):
            return  # an interrupt, or a warning that the user has made an error, is no failure of the weights
        elif self.going_on:  # coefs_ take over finite weights only
            stepper = attributes.get("_optimizer")
            if stepper is not None and not stepper.is_finite():
                del attributes["_optimizer"]
        else:
            for name in [name for name in attributes if name in PRIVATE or _is_fitted(name)]:
                del attributes[name]


def _is_fitted(name: str) -> bool:
    """Whether the name says that an attribute comes from fitting, by scikit-learn's convention."""
    return name.endswith("_") and not name.startswith("_")
