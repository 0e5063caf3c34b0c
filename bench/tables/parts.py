"""The preset's network in PyTorch, and with parts of RealMLP that the kernels lack: is any of them worth building?

``python -m bench.tables.parts --seeds 1 --splits 2`` runs what is not there yet, on the tables of development.
"""

from __future__ import annotations

import argparse
import functools
import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any
from unittest import mock

import numpy as np

from bench.tables import ablation, running
from bench.tables.peers import Given, Made
from bench.tables.protocol import protocol, tables
from bench.tables.report import PREFIX_OF_PARTS
from fastbp.data.columns import Table
from fastbp.tables import Recipe, fitting
from fastbp.tables.calibration import cooled, temperature_of
from fastbp.tables.members import Member
from fastbp.training.schedules import CosineLog

PARTS = ("embedding", "parametric", "bias-rate", "scaling")
"""Learned vectors of `WIDTH` numbers for the levels of a category of more than `ONE_HOT` columns; how much of the
activation of each hidden neuron is mish and how much the identity, learned at a tenth of the rate; biases at a tenth of
the rate; a factor for each input, learned at six times the rate."""
ONE_HOT, WIDTH = 3, 8


class _Caught(Exception):
    """Carries the members that were to be trained."""


def _catch(members: Sequence[Member], recipe: Recipe, seeds: list[int], *_: Any) -> None:
    raise _Caught(members[0], recipe, seeds[0])


def _member(given: Given) -> tuple[Member, Recipe, int, np.ndarray | None]:
    """What the preset's one member would be trained on, and the classes."""
    from fastbp import tables as presets

    kind: Any = presets.TabularClassifier if given.task == "classification" else presets.TabularRegressor
    model = kind(n_members=1, random_state=given.seed, n_threads=1)
    with mock.patch.object(fitting, "trained", side_effect=_catch):
        try:
            model.fit(given.X, given.y, groups=given.units, time=given.time)
        except _Caught as caught:
            member, recipe, seed = caught.args
    return member, recipe, seed, getattr(model, "classes_", None)


def _blocks(member: Member) -> list[slice]:
    """Where the columns of each category with many levels are."""
    columns = member.features.columns
    at, found = len(columns.number_names), []
    for column in columns.used:
        if column.kind == "category":
            n = len(columns.features_of(column))
            if n > ONE_HOT:
                found.append(slice(at, at + n))
            at += n
    return found


def _network(member: Member, recipe: Recipe, part: str) -> Any:
    """The network, and its parameters in groups: rate, decay."""
    import torch
    from torch import nn

    class Net(nn.Module):  # type: ignore[misc, unused-ignore]  # Any where there is no PyTorch
        def __init__(self) -> None:
            super().__init__()
            n = member.X.shape[1]
            self.blocks = _blocks(member) if part == "embedding" else []
            inside = np.zeros(n, bool)
            for block in self.blocks:
                inside[block] = True
            self.plain = torch.from_numpy(np.flatnonzero(~inside))
            self.embeddings = nn.ParameterList(torch.randn(b.stop - b.start, WIDTH) for b in self.blocks)
            self.scale = nn.Parameter(torch.ones(n)) if part == "scaling" else None
            sizes = [len(self.plain) + WIDTH * len(self.blocks), *recipe.hidden, member.net.sizes[-1]]
            self.w = nn.ParameterList(torch.randn(b, a) / math.sqrt(a) for a, b in pairwise(sizes))
            self.b = nn.ParameterList(torch.zeros(b) for b in sizes[1:])
            nn.init.zeros_(self.w[-1])
            self.mixed = nn.ParameterList(torch.ones(b) for b in recipe.hidden) if part == "parametric" else None

        def forward(self, x: Any) -> Any:
            if self.scale is not None:
                x = x * self.scale
            if self.blocks:
                of = [x[:, b] @ e for b, e in zip(self.blocks, self.embeddings, strict=True)]
                x = torch.cat([x[:, self.plain], *of], dim=1)
            for i, (w, b) in enumerate(zip(self.w, self.b, strict=True)):
                x = nn.functional.linear(x, w, b)
                if i < len(recipe.hidden):
                    a = nn.functional.mish(x)
                    x = a if self.mixed is None else x + self.mixed[i] * (a - x)
                    x = nn.functional.dropout(x, recipe.dropout, self.training)
            return x

    net = Net()
    decay, none = recipe.weight_decay, 0.0
    groups = [
        {"params": [*net.w, *net.embeddings], "factor": 1.0, "weight_decay": decay},
        {"params": [*net.b], "factor": 0.1 if part == "bias-rate" else 1.0, "weight_decay": none},
    ]
    if net.scale is not None:
        groups.append({"params": [net.scale], "factor": 6.0, "weight_decay": none})
    if net.mixed is not None:
        groups.append({"params": [*net.mixed], "factor": 0.1, "weight_decay": none})
    return net, groups


def run(part: str, given: Given) -> Made:
    """Train the network with one part more, and predict."""
    import torch
    from torch import nn

    member, recipe, seed, classes = _member(given)
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    net, groups = _network(member, recipe, part)
    optimizer = torch.optim.AdamW(groups, lr=recipe.learning_rate, betas=(0.9, recipe.beta_2), eps=1e-8)
    binary = classes is not None and len(classes) == 2
    X, Y = torch.from_numpy(np.ascontiguousarray(member.X)), torch.from_numpy(np.ascontiguousarray(member.Y))
    assert member.validation is not None
    X_val, Y_val = (torch.from_numpy(np.ascontiguousarray(part)) for part in member.validation[:2])

    def cost(out: Any, y: Any) -> Any:
        if classes is None:
            return nn.functional.mse_loss(out, y)
        if binary:
            return nn.functional.binary_cross_entropy_with_logits(out[:, 0], y.float())
        return nn.functional.cross_entropy(out, y)

    batch = recipe.batch_of(len(X))
    steps = -(-len(X) // batch)
    epochs = max(recipe.epochs, -(-recipe.least_steps // steps))
    schedule, best, kept = CosineLog(recipe.cycles), math.inf, net.state_dict()
    for epoch in range(epochs):
        net.train()
        order = torch.randperm(len(X))
        for step in range(steps):
            rate = recipe.learning_rate * float(schedule(epoch + step / steps, epochs))
            for group in optimizer.param_groups:
                group["lr"] = rate * group["factor"]
            rows = order[step * batch : (step + 1) * batch]
            optimizer.zero_grad()
            cost(net(X[rows]), Y[rows]).backward()
            optimizer.step()
        net.eval()
        with torch.no_grad():
            loss = float(cost(net(X_val), Y_val))
        if loss < best:
            best, kept = loss, {name: value.clone() for name, value in net.state_dict().items()}
    net.load_state_dict(kept)
    x_test = torch.from_numpy(member.features.encode(Table.of(given.X_test), np.float32))
    with torch.no_grad():
        out, aside = (net(x).double() for x in (x_test, X_val))
    if classes is None:
        assert member.units is not None
        return Made(member.units.invert(out.numpy())[:, 0])
    p, p_val = ((torch.sigmoid(z) if binary else torch.softmax(z, dim=1)).numpy() for z in (out, aside))
    p = cooled(p, temperature_of(p_val, np.asarray(member.validation[1], np.int64)))
    return Made(np.hstack([1 - p, p]) if binary else p, classes)


def main() -> None:
    """Run what is asked for, and show what each part brings."""
    parser = argparse.ArgumentParser(prog="python -m bench.tables.parts", description=__doc__)
    parser.add_argument("--seeds", type=int, help="only the first so many seeds")
    parser.add_argument("--splits", type=int, help="only the first so many splits")
    asked = parser.parse_args()
    entries = tables("dev")
    for part in ("full", *PARTS):
        fit = functools.partial(run, part)
        seeds = protocol().ablation_seeds[: asked.seeds]
        for one in running.run_all(PREFIX_OF_PARTS + part, fit, list(entries.values()), seeds, asked.splits):
            print(
                f"{part:12} {one['table']:12} split {one['split']} {one['ratio']:.4f} {one['cpu_seconds']:.1f} s",
                flush=True,
            )
    for found in ablation.found(list(entries), prefix=PREFIX_OF_PARTS):
        print(f"{found.without:<14}{found.loss:9.4f}{found.worse:>6} of {found.tables:<3}{found.runs:>6}")


if __name__ == "__main__":
    main()
