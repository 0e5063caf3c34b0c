"""A training of which everything is checked and nothing has begun."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ParamSpec

from fastbp.training.history import Run
from fastbp.training.standard_policy import Standard

P = ParamSpec("P")


@dataclass
class Prepared:
    """What `train` does once its arguments are checked."""

    policy: Standard
    epochs: int
    loop: Callable[[], Run]

    def run(self) -> Run:
        """Train."""
        if self.epochs:
            self.policy.net._learns(self.policy.samples.targets)
        run = self.loop()
        if run.history or run.minibatch:
            self.policy.look_at_end(run)
        return run


def run_at_once(prepare: Callable[P, Prepared]) -> Callable[P, Run]:
    """Decorator of the function that checks: the training that it has prepared runs, and its run is returned.

    ``.prepare`` is the function itself.
    """

    @functools.wraps(prepare)
    def call(*args: P.args, **kwargs: P.kwargs) -> Run:
        return prepare(*args, **kwargs).run()

    returned: Any = call
    returned.prepare = prepare
    returned.__annotations__ = prepare.__annotations__ | {"return": "Run"}
    returned.__signature__ = inspect.signature(prepare).replace(return_annotation="Run")
    return call
