"""`Trainer`: a training one minibatch at a time, whose optimizer remembers."""

from __future__ import annotations

import inspect
import os
import threading
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, NoReturn

import numpy as np

from fastbp import checks, synonyms
from fastbp.errors import DivergenceError, argument_error
from fastbp.kernels import layout
from fastbp.kernels.records import DIVERGED
from fastbp.layers import PerLayer
from fastbp.network import Network, not_a_network, require_writable
from fastbp.runtime import pool
from fastbp.targets import as_output_weight, check_missing_targets
from fastbp.training.callbacks import Callback
from fastbp.training.checkpoints import Checkpoint
from fastbp.training.dropout import check_dropout, mask_seeds, no_masks
from fastbp.training.explosion import Watch, infinite_moment
from fastbp.training.frozen import check_trained
from fastbp.training.history import Run
from fastbp.training.minibatches import Samples, check_samples
from fastbp.training.online_minibatch import OnlineMinibatch
from fastbp.training.optimizers import LBFGS, SGD, Optimizer, as_optimizer
from fastbp.training.prepared import Prepared
from fastbp.training.standard import train
from fastbp.training.standard_policy import check_rate, require_room
from fastbp.training.trainer import Trainer as Loop

prepare: Callable[..., Prepared] = vars(train)["prepare"]
OPTIONS = tuple(inspect.signature(train).parameters)[3:]
"""Of a training, beside the network and the samples."""


class Moment(NamedTuple):
    """What an optimizer keeps of the gradients of each parameter, read-only."""

    name: str
    w: PerLayer
    b: PerLayer


class TrainerState(NamedTuple):
    """What a `Trainer` remembers."""

    step: int
    """Updates made."""
    powers: tuple[float, float]
    """beta_1^t and beta_2^t of Adam after t updates."""
    moments: tuple[Moment, ...]
    """Views of the optimizer's vectors, as they are now."""


class _Capture(Callback):
    """Knows the run, however it ends."""

    run: Run | None = None

    def on_train_begin(self, run: Run) -> None:
        self.run = run


class Trainer:
    """Trains a network in place, a minibatch at a time or for whole epochs, with an optimizer that remembers.

    Parameters
    ----------
    net : Network
        Its ``w`` and ``b`` are overwritten.
    optimizer : Optimizer, optional
        Default ``SGD()``.
    l1, l2, dropout, clip_norm, frozen, layer_rates, output_weight, missing_targets
        As in `train`.
    seed : int, numpy.random.Generator or None
        Of dropout, and of the order of the samples in `epoch` and `fit`.
    n_threads : int, optional
        Default: chosen from the machine and the work. The weights have the same bits for any number.

    Raises
    ------
    ValueError, TypeError
        For what no training takes.
    """

    def __init__(
        self,
        net: Network,
        *,
        optimizer: Optimizer | None = None,
        l1: float = 0.0,
        l2: float = 0.0,
        dropout: float | Sequence[float] = 0.0,
        clip_norm: float | None = None,
        frozen: Collection[Any] | None = None,
        layer_rates: Sequence[float] | None = None,
        output_weight: Any = None,
        missing_targets: Literal["ignore"] | None = None,
        seed: Any = None,
        n_threads: int | None = None,
    ) -> None:
        if not isinstance(net, Network):
            raise not_a_network(net)
        require_writable(net)
        if isinstance(optimizer, LBFGS):
            raise argument_error(
                "optimizer",
                f"is {optimizer!r}, which takes all samples at once. Pass fastbp.Adam(), or call fastbp.train.",
            )
        optimizer = self.optimizer = as_optimizer(SGD() if optimizer is None else optimizer, net.dtype)
        l1, l2 = checks.check_real(l1, "l1", low=0.0), checks.check_real(l2, "l2", low=0.0)
        require_room(l1, "l1", net.dtype)
        require_room(l2, "l2", net.dtype)
        if clip_norm is not None:
            clip_norm = checks.check_real(clip_norm, "clip_norm", above=0.0)
        trained, dropped = check_trained(net, frozen, layer_rates), check_dropout(dropout, net.L)
        if n_threads is not None:
            pool.effective(n_threads)
        check_rate(optimizer, optimizer.learning_rate * max(trained.rates), l1, l2, net.dtype)
        if output_weight is not None:
            output_weight = as_output_weight(output_weight, net.sizes[-1], net.activations[-1], net.dtype)
        if missing_targets is not None:
            check_missing_targets(missing_targets, net.activations[-1])
        self._rng = checks.make_rng(seed)
        self._seed_of = mask_seeds(self._rng) if any(dropped) else no_masks
        plain = {"l1": l1, "l2": l2, "dropout": dropped, "clip_norm": clip_norm, "n_threads": n_threads}
        self._of_loop: dict[str, Any] = {"trained": trained, **plain}
        self._counting: dict[str, Any] = {"output_weight": output_weight, "missing_targets": missing_targets}
        own = {"optimizer": optimizer, "frozen": frozen, "layer_rates": layer_rates, "seed": self._rng}
        self._settings: dict[str, Any] = {**own, **plain, **self._counting}
        self.net, self._steps, self._limit = net, 0, Watch(net).limit
        self._first_loss: float | None = None
        self._moments: np.ndarray = layout.aligned(optimizer.update().slots * net.theta.size, net.dtype)
        self._powers = [1.0, 1.0]
        self._minibatch: OnlineMinibatch | None = None
        self._lock = threading.RLock()  # a callback of `fit` is told that the network is being trained

    if not TYPE_CHECKING:  # or a type checker would let pass what is refused

        def __setattr__(self, name: str, value: Any) -> None:
            if not name.startswith("_") and "_lock" in self.__dict__:  # what its memory and its steps stand on
                problem = f"{name} is fixed once a trainer is made. Make another: fastbp.Trainer(...)"
                raise AttributeError(problem, name=name, obj=self)
            object.__setattr__(self, name, value)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {
            "_powers": self._known_powers(),
            "_steps": self._step,
            "_minibatch": None,
            "_lock": None,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _lock=threading.RLock())

    def __repr__(self) -> str:
        return f"<Trainer of {self.net!r} after {self._step} steps of {self.optimizer!r}>"

    def step(self, X: Any, Y: Any, *, sample_weight: Any = None) -> float:
        """One update, by the gradient of some samples.

        Parameters
        ----------
        X, Y, sample_weight
            A minibatch, as `train` takes them.

        Returns
        -------
        float
            Its mean cost before the update, penalty included.

        Raises
        ------
        ValueError, TypeError
            For input that cannot be trained on; nothing has changed then.
        DivergenceError
            The gradient is not finite; the weights are those before the step. Or a moment of the optimizer has become
            infinite, so that its layer learns no more, which is looked for after 1, 2, 4, 8 and so on steps.
        RuntimeError
            The network is being trained by another call.
        """
        with self._lock:  # steps of several threads follow one another
            return self._do_step(X, Y, sample_weight)

    def _do_step(self, X: Any, Y: Any, sample_weight: Any) -> float:
        minibatch = self._minibatch
        if minibatch is None or sample_weight is not None or not minibatch.takes(self.net, X, Y):
            minibatch = self._checked(check_samples(self.net, X, Y, sample_weight, **self._counting))
        if self._seed_of is not no_masks:
            minibatch.training.layers.table["seed"] = self._seed_of(self._step)
        if minibatch.run() == DIVERGED:
            settings = minibatch.training.optimizer.settings
            failed, settings["failed"] = bool(settings["failed"][0]), 0
            if failed:
                problem = f"{self.optimizer!r} makes of some parameters what is not finite"
                self._refuse(problem, " These parameters are left as they were.")
            self._refuse("its gradient is not finite or too large to apply", " The weights before it are kept.")
        cost, weight, _, penalty = minibatch.statistics.tolist()
        loss = float((cost + weight * penalty) / weight)
        if self._first_loss is None:
            self._first_loss = loss
        step = self._step
        if step & (step - 1) == 0:
            self._require_finite_moments()
        return loss

    def _checked(self, samples: Samples) -> OnlineMinibatch:
        """The minibatch of these samples, in memory that is there already or anew."""
        net, known = self.net, self._minibatch
        net._learns(samples.targets)
        if known is not None and known.is_like(net, samples):
            known.put(net, samples)
            return known
        loop = Loop(net, self.optimizer, batch_size=len(samples), state=lambda _: self._moments, **self._of_loop)
        loop._powers = self._known_powers()
        minibatch = OnlineMinibatch(loop, samples)
        minibatch.total[0] = self._step
        self._minibatch = minibatch
        return minibatch

    @property
    def _step(self) -> int:
        return self._steps if self._minibatch is None else int(self._minibatch.total[0])

    def _known_powers(self) -> list[float]:
        if self._minibatch is None:
            return self._powers
        settings = self._minibatch.training.optimizer.settings
        return [float(settings[name][0]) for name in ("beta_1_power", "beta_2_power")]

    def _refuse(self, why: str, kept: str = "") -> NoReturn:
        problem = f"Step {self._step + 1} diverged: {why}."
        remedy = f"Lower the learning rate ({self.optimizer.learning_rate:g}) or scale the inputs."
        raise DivergenceError(f"{problem}{kept} {remedy}", problem=problem)

    def _require_finite_moments(self) -> None:
        lost = infinite_moment(self.net, self._moments)
        if lost is not None:
            slot, l = lost
            name = list(self.optimizer.moments)[slot]
            self._refuse(f"the {name} of layer {l} has become infinite in {self.net.dtype.name}")

    def fit(self, X: Any, Y: Any, **options: Any) -> Run:
        """Epochs of minibatches, from what the optimizer remembers; it remembers what it learns there.

        Parameters
        ----------
        X, Y
            The samples, as `train` takes them.
        **options
            Of `train`, but for those of the trainer: ``epochs``, ``batch_size``, ``validation`` and so on.

        Returns
        -------
        Run
            Its epochs and steps are those of this call.

        Raises
        ------
        ValueError, TypeError, DivergenceError, RuntimeError
            As `train`, and for an option that the trainer has.
        """
        for name, value in options.items():
            if name in (*self._settings, "continuing"):
                problem = "belongs to the trainer, whose state goes with it. Leave it out, or make another Trainer."
                raise argument_error(name, problem)
            if name not in OPTIONS:
                raise synonyms.unknown_argument("Trainer.fit", name, value, OPTIONS, synonyms.TRAIN)
        checkpoint = options.get("checkpoint")
        if self._step and isinstance(checkpoint, Checkpoint) and os.path.exists(checkpoint.name):
            problem = f"is {checkpoint.name!r}: the file is there, and steps of this trainer are not in it. Pass"
            raise argument_error("checkpoint", f"{problem} another name, or make a trainer, which goes on from there.")
        with self._lock:
            prepared = prepare(self.net, X, Y, **self._settings, **options)
            loop, capture = prepared.policy.trainer, _Capture()
            prepared.policy.callbacks.insert(0, capture)
            prepared.policy.watch.limit = self._limit
            loop.state, loop.first_loss, loop._powers = self._moments, self._first_loss, self._known_powers()
            self._powers, self._steps = loop._powers, self._step
            self._minibatch = None
            try:
                return prepared.run()
            finally:
                self._moments, self._powers, self._first_loss = loop.state, loop._powers, loop.first_loss
                self._minibatch = None  # a callback's step, which was refused, may have left one
                self._steps += 0 if capture.run is None else capture.run.step

    def epoch(self, X: Any, Y: Any, **options: Any) -> dict[str, float]:
        """Each sample once, in minibatches: `fit` of one epoch.

        Returns
        -------
        dict
            The values of its history.
        """
        run = self.fit(X, Y, **{"epochs": 1} | options)
        return {name: values[-1] for name, values in run.history.columns().items() if values}

    @property
    def state(self) -> TrainerState:
        """What it remembers, read-only."""
        moments = []
        for name, values in zip(self.optimizer.moments, self._moments.reshape(-1, self.net.theta.size), strict=True):
            values.flags.writeable = False
            moments.append(Moment(name, *self.net._views(values, "moment.w", "moment.b")))
        first, second = self._known_powers()
        return TrainerState(self._step, (first, second), tuple(moments))
