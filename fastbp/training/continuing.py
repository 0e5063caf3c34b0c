"""`train(..., continuing=run)`: a run that goes on from another one, as if that had never stopped."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import numpy as np

from fastbp.errors import argument_error
from fastbp.training.described import Described, differences
from fastbp.training.history import Run
from fastbp.training.optimizers import LBFGS
from fastbp.training.schedules import Factors
from fastbp.training.state import State, fingerprint_of

if TYPE_CHECKING:
    from fastbp.network import Network

P = ParamSpec("P")
R = TypeVar("R")

MAY_DIFFER = {"epochs", "n_threads", "callbacks", "progress", "continuing", "checkpoint"}
"""Arguments of `train` that a run which goes on may choose anew."""

DATA = {"X", "Y", "sample_weight", "validation"}
"""Those that are passed again: no run holds its samples."""

_OF_NO_RUN = MAY_DIFFER | DATA

NOT_GIVEN = "not given"


MUTABLE = ("frozen", "layer_rates", "class_weight", "output_weight")
"""Arguments that a caller may change in place while a run knows them."""


def settings(arguments: Mapping[str, Any], **checked: Any) -> dict[str, Any]:
    """Those arguments that belong to a run, in the form in which they were ``checked``."""
    kept = {name: value for name, value in arguments.items() if name not in _OF_NO_RUN}
    kept.update(checked, net=Described(arguments["net"]._description()))
    for name in ("sample_weight", "validation"):
        kept[name] = Described(NOT_GIVEN if arguments[name] is None else "given")
    return kept | {name: _copied(kept[name]) for name in MUTABLE if kept[name] is not None}


def _copied(value: Any) -> Any:
    """The same, of which the caller holds no part; any collection is a list, as `copy` knows no dict's keys."""
    if isinstance(value, np.ndarray):
        return value.copy()
    if isinstance(value, Mapping):
        return {key: _copied(item) for key, item in value.items()}
    if isinstance(value, Collection) and not isinstance(value, str | bytes):
        return [_copied(item) for item in value]
    return value


def with_settings_of_run(train: Callable[P, R]) -> Callable[P, R]:
    """Decorator of `train`: what is not passed beside ``continuing=run`` is what the run had."""

    @functools.wraps(train)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        run: Any = kwargs.get("continuing")
        if run is not None:
            options = state_of(run).options
            known = {name: value for name, value in options.items() if not isinstance(value, Described)}
            kwargs = {"epochs": run.n_epochs} | known | kwargs  # type: ignore[assignment]
        return train(*args, **kwargs)

    return call


def state_of(run: Any) -> State:
    """What the run has left to go on from; TypeError or ValueError if there is nothing."""
    if not isinstance(run, Run):
        problem = f"is {run!r}; what train returned is needed. Pass continuing=fastbp.train(...), say."
        raise argument_error("continuing", problem, TypeError)
    if isinstance(run.optimizer, LBFGS):
        raise argument_error(
            "continuing",
            "is a run of L-BFGS, which goes on from no run: what it knew of its iterations was in SciPy. Train anew, "
            "from the weights as they are.",
        )
    if run._state is None:
        raise argument_error(
            "continuing",
            "is a run that has left no state to go on from: it has not ended yet, or was not made by train. Wait for "
            "its end, or train anew.",
        )
    return run._state


def _has_lost(state: State, name: str) -> bool:
    """Whether an option that there was is not in the state, so that it has to be passed again."""
    option = state.options.get(name)
    return name != "net" and isinstance(option, Described) and option.description != NOT_GIVEN


def check_going_on(run: Run, net: Network, options: Mapping[str, Any], n_samples: int) -> State:
    """The state of the run, if the net and what is asked for are those that it had."""
    state = state_of(run)
    if n_samples != run.n_samples:
        raise argument_error(
            "X", f"has {n_samples} samples; the run that goes on has had {run.n_samples}. Pass the same samples."
        )
    found = differences(state.options, options, "run")
    if found:
        lost = [name for name in found if _has_lost(state, name)]
        raise argument_error(
            "continuing",
            f"is a run with other settings, and a run goes on as it began. {'; '.join(found.values())}. "
            f"{f'Pass {lost[0]} again' if lost else 'Leave these out'}, or train anew.",
        )
    if fingerprint_of(net.theta) != state.fingerprint:
        raise argument_error(
            "continuing",
            "is a run that left other weights than the net now has; its optimizer's state belongs to those. Pass the "
            "net as the run left it, or train anew.",
        )
    return state


def check_totals(run: Run, n_epochs: int, n_minibatches: int, factors: Factors) -> None:
    """ValueError where a run cannot go on to so many epochs."""
    assert run._state is not None
    done = run.epoch + (run._state.minibatch > 0)
    if n_epochs < done:
        raise argument_error(
            "epochs",
            f"is {n_epochs}; the run that goes on has begun {done}, and epochs counts them all. Pass at least {done}.",
        )
    factors.require_same_until(done, (run.n_epochs, n_epochs), n_minibatches)
