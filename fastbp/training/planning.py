"""`plan`: what a training would start with, and why."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastbp import checks
from fastbp.network import Network, not_a_network
from fastbp.runtime.plan import Plan
from fastbp.runtime.reasons import reasons
from fastbp.training.dropout import check_dropout
from fastbp.training.frozen import check_trained
from fastbp.training.optimizers import LBFGS, SGD, Optimizer, as_optimizer
from fastbp.training.trainer import Trainer


@dataclass(frozen=True)
class Planned:
    """What `plan` returns; as text, a line for each choice."""

    plan: Plan
    """The choices, which change the speed and no bit."""
    why: Mapping[str, str]
    """Field of the plan -> a sentence."""

    def __str__(self) -> str:
        return "\n".join(f"{name:<20}  {value!s:<15}  {self.why[name]}" for name, value in self.plan._asdict().items())


def plan(
    net: Network,
    batch: int,
    *,
    optimizer: Optimizer | LBFGS | None = None,
    l1: float = 0.0,
    l2: float = 0.0,
    dropout: float | Sequence[float] = 0.0,
    clip_norm: float | None = None,
    frozen: Collection[Any] | None = None,
    n_samples: int | None = None,
    n_threads: int | None = None,
) -> Planned:
    """What a training on dense samples would start with, and why; nothing is trained.

    Parameters
    ----------
    net : Network
    batch : int
        Samples of a minibatch; of L-BFGS all.
    optimizer : Optimizer or LBFGS, optional
        Default ``SGD()``.
    l1, l2 : float
        Strengths of the penalties.
    dropout, clip_norm, frozen
        As in `train`.
    n_samples : int, optional
        Of the training, if they are known.
    n_threads : int, optional
        Default: chosen from the machine and the work.

    Returns
    -------
    Planned
        ``plan``, and ``why``: a sentence for each of its fields.

    Raises
    ------
    ValueError, TypeError
        For what no training takes.
    """
    if not isinstance(net, Network):
        raise not_a_network(net)
    stepping = not isinstance(optimizer, LBFGS)
    trainer = Trainer(
        net,
        as_optimizer(SGD() if optimizer is None else optimizer, net.dtype) if stepping else None,
        batch_size=checks.check_int(batch, "batch", low=1),
        l1=checks.check_real(l1, "l1", low=0.0),
        l2=checks.check_real(l2, "l2", low=0.0),
        dropout=check_dropout(dropout, net.L),
        clip_norm=None if clip_norm is None else checks.check_real(clip_norm, "clip_norm", above=0.0),
        trained=check_trained(net, frozen, None),
        n_threads=n_threads,
    )
    n_bytes: Any = None
    if n_samples is not None:
        n_bytes = checks.check_int(n_samples, "n_samples", low=1) * net.sizes[0] * net.dtype.itemsize
    task, made = trainer.planned()
    return Planned(made, reasons(task, made, n_threads=n_threads, n_bytes=n_bytes))
