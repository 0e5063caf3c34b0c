"""What the options of ``fastbp train`` mean: widths, columns, optimizers, schedules, the model that fits the data."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import fastbp
from fastbp.checks import check_int, check_name
from fastbp.data.scaling import standardise
from fastbp.errors import called
from fastbp.functions.costs import NAMED, SCALABLE
from fastbp.training.optimizers import LBFGS, OPTIMIZERS
from fastbp.training.schedules import SCHEDULES

if TYPE_CHECKING:
    from fastbp.data.columns import Columns
    from fastbp.data.dataset import Data

KINDS: dict[str, type[Any]] = {**OPTIMIZERS, "lbfgs": LBFGS}
"""What --optimizer may be."""

RATES = {"classification": 0.5, "regression": 0.05}
"""Learning rates of plain SGD that suit scaled inputs and, for regression, scaled targets."""

MONITORED = {
    "classification": ("val_loss", "val_accuracy", "loss", "accuracy"),
    "regression": ("val_loss", "val_r2", "loss"),
}
"""What a run has in its history, by task."""


def option(parameter: str) -> str:
    """The option of a parameter that has the same name."""
    return "--" + parameter.replace("_", "-")


def listed(text: str, option: str, need: str, low: float = -math.inf) -> list[int]:
    """Whole numbers, none of them below ``low``, with commas between; ValueError for anything else."""
    with contextlib.suppress(ValueError):
        numbers = [int(part) for part in text.split(",")]
        if min(numbers) >= low:
            return numbers
    raise ValueError(f"{option} is {text!r}; {need}")


def widths(text: str) -> list[int]:
    """Neurons of the hidden layers."""
    if text.strip() in ("", "none", "0"):
        return []
    need = "it must list the neurons of the hidden layers, each a whole number of at least 1. "
    return listed(text, "--hidden", need + "Pass for example --hidden 128,64, or --hidden none.", 1)


def _numbers(text: str, option: str, need: str) -> list[float]:
    """Numbers with commas between; ValueError for anything else."""
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise ValueError(f"{option} is {text!r}; {need}") from None


def dropped(text: str) -> float | list[float]:
    """The part of all hidden layers that is left out, or that of each."""
    need = "it must be a number of at least 0 and below 1, or one for each hidden layer. "
    parts = _numbers(text, "--dropout", need + "Pass for example --dropout 0.5, or --dropout 0.5,0.2.")
    return parts[0] if len(parts) == 1 else parts


def trained(options: Mapping[str, Any]) -> tuple[list[int] | None, list[float] | None]:
    """The layers that are frozen, and the factor of each layer on the learning rate, where they are given."""
    frozen, rates = options["frozen"], options["layer_rates"]
    need = "it must list layers, the last of which is -1 too. Pass for example --frozen 1, or --frozen 1,2."
    layers = None if frozen is None else listed(frozen, "--frozen", need)
    need = "it must have a factor above 0 for each layer. Pass for example --layer-rates 0.1,1."
    return layers, None if rates is None else _numbers(rates, "--layer-rates", need)


def counting(options: Mapping[str, Any]) -> dict[str, Any]:
    """How much outputs, and targets that are missing, count in C."""
    weights = options["output_weight"]
    need = "it must have a number of at least 0 for each output. Pass for example --output-weight 1,0.5."
    u = None if weights is None else _numbers(weights, "--output-weight", need)
    return {"output_weight": u, "missing_targets": options["missing_targets"]}


def column(name: str | None) -> str | int | None:
    """A column by name, or by its index."""
    return int(name) if name is not None and re.fullmatch("-?[0-9]+", name) else name


def check_file(path: Path | None, option: str) -> None:
    """Refuse a file that could not be written, before anything is trained."""
    if path is None:
        return
    if not path.absolute().parent.is_dir():
        raise ValueError(f"{option} is {str(path)!r}; its folder does not exist. Make the folder first.")
    if path.is_dir():
        raise ValueError(f"{option} is {str(path)!r}, a folder; a file is needed. Add a file name.")
    if path.exists() and not path.is_file():
        raise ValueError(f"{option} is {str(path)!r}, no regular file. Pass the name of a file.")
    if not os.access(path.absolute().parent, os.W_OK):
        raise ValueError(f"{option} is {str(path)!r}; its folder cannot be written to. Pass a file in another folder.")


def check_report(path: Path | None) -> None:
    """Refuse a page that could not be written, or whose ending says another format."""
    check_file(path, "--report")
    if path is not None and path.suffix.lower() not in (".html", ".htm"):
        raise ValueError(f"--report is {str(path)!r}; the report is a page. Pass a name that ends in .html.")


def model_for(data: Data, rows: np.ndarray, options: Mapping[str, Any], columns: Columns | None = None) -> fastbp.Model:
    """The model that fits the data: sigmoid for two classes, softmax for more, identity for regression.

    ``columns`` are what was learned of those of a table.

    Unless ``--no-scale`` is given, inputs are scaled by what ``rows`` say, and so are the targets of identity outputs.
    """
    cost: Any = options["cost"]
    output: Any = options["output"]
    if data.task == "regression":
        cost = cost or "quadratic"
        output = output or default_output(cost)
    else:
        cost = cost or "cross_entropy"
        output = output or ("softmax" if data.n_outputs > 1 and cost == "cross_entropy" else "sigmoid")
    if output == "softmax" and data.n_outputs == 1:
        raise ValueError(
            "--output is 'softmax'; of one output neuron alone softmax makes 1, whatever it is given. Pass "
            "--output sigmoid, or leave it out."
        )
    hidden = widths(options["hidden"])
    n_inputs, meta = data.X.shape[1], data.meta()
    if columns is not None:
        n_inputs = columns.n_features
        meta.pop("features", None)  # which are those of the columns
    names = {f"activations[{l}]": "--activation" for l in range(len(hidden))}
    names |= {f"activations[{len(hidden)}]": "--output"}
    try:
        with called(names), _output_named(options):
            net = fastbp.Network(
                [n_inputs, *hidden, data.n_outputs],
                activations=[*[options["activation"]] * len(hidden), output],
                cost=cost,
                cost_parameter=options["cost_parameter"],
                meta=meta,
                init=options["init"],
                dtype=options["dtype"].value,
                seed=options["seed"],
            )
    except MemoryError as error:
        raise MemoryError(f"--hidden is {options['hidden']!r}. {error}") from None
    if not options["scale"]:
        return fastbp.Model(net, columns=columns)
    both = data.task == "regression" and output == "identity" and net.cost in SCALABLE
    return fastbp.Model(
        net,
        [] if columns is not None else [data.scaling(rows)],
        columns=columns,
        target=standardise(data.Y[rows], missing=options["missing_targets"] is not None) if both else None,
    )


def default_output(cost: str) -> str:
    """The output activation of a regression with this cost."""
    entry = NAMED.get(cost)
    return entry.outputs[0] if entry is not None and entry.outputs else "identity"


@contextlib.contextmanager
def _output_named(options: Mapping[str, Any]) -> Iterator[None]:
    """Where the cost was not given, it is the output activation that does not go with it."""
    try:
        yield
    except ValueError as error:
        if options["cost"] is None and getattr(error, "parameter", "") == "cost":
            raise ValueError(f"--output is {options['output']!r}: {error}") from None
        raise


def optimizer(name: str, task: str, options: Mapping[str, Any]) -> fastbp.optimizers.Optimizer | LBFGS:
    """The optimizer of a name, with those of its numbers that are given."""
    own = [field.name for field in dataclasses.fields(KINDS[name])]
    every = {field.name for kind in KINDS.values() for field in dataclasses.fields(kind)}
    given = {key: options[key] for key in sorted(every) if options[key] is not None and options[key] is not False}
    for key in given:
        if key not in own:
            raise ValueError(
                f"{option(key)} is no option of {name}, which takes {', '.join(map(option, own))}. Leave it out, or "
                "choose another --optimizer."
            )
    if name == "sgd":
        given.setdefault("learning_rate", RATES[task])
    made: fastbp.optimizers.Optimizer | LBFGS = KINDS[name](**given)
    return made


def check_class_weight(class_weight: str | None, task: str) -> None:
    """ValueError unless the data has classes."""
    if class_weight is None:
        return
    check_name(class_weight, ["balanced"], "--class-weight")
    if task != "classification":
        raise ValueError(
            f"--class-weight is {class_weight!r}; the task is regression, which has no classes. Leave it out, or pass "
            "--task classification."
        )


def checkpoint(options: Mapping[str, Any], model: fastbp.Model) -> fastbp.Checkpoint | None:
    """Where the state of the model's training is kept."""
    resume, path = options["resume"], options["checkpoint"]
    if path is not None:
        if os.path.realpath(path) == os.path.realpath(options["model"]):
            raise ValueError(f"--checkpoint is {str(path)!r}, where --model is written too. Pass another name for one.")
        return fastbp.Checkpoint(path, resume="auto" if resume is None else resume, model=model)
    if resume is not None:
        raise ValueError("--resume is about a checkpoint, and there is none. Pass --checkpoint FILE, or leave it out.")
    return None


def schedule(text: str) -> Any:
    """A schedule from its name, and numbers if they are not the usual ones: ``cosine:warmup=2,final=0.1``."""
    name, _, numbers = text.partition(":")
    check_name(name, ("constant", *SCHEDULES), "--schedule")
    fields = dataclasses.fields(SCHEDULES[name]) if name in SCHEDULES else ()
    usual: dict[str, Any] = {field.name: field.default for field in fields}
    given: dict[str, Any] = {}
    for part in filter(None, numbers.split(",")):
        key, _, value = part.partition("=")
        try:
            given[key] = (int if usual[key] is None else type(usual[key]))(value)
        except (KeyError, ValueError):
            takes = ",".join(f"{key}={value}" for key, value in usual.items()) or "no numbers"
            raise ValueError(
                f"--schedule is {text!r}, with {part!r}; {name} takes {takes}. Pass other values of these."
            ) from None
    with called({key: f"--schedule {name}:{key}" for key in usual}):
        return None if name == "constant" else SCHEDULES[name](**given)


def early_stopping(options: Mapping[str, Any]) -> fastbp.EarlyStopping | None:
    """The rule that ends the training, if one is wanted."""
    patience = check_int(options["early_stopping"] or 0, "--early-stopping", low=0)
    given = {name: options[name] for name in ("monitor", "min_delta", "restore_best") if options[name] is not None}
    if patience == 0:
        for name, value in given.items():
            typed = option(name) if value is not False else option("no_" + name)
            raise ValueError(
                f"{typed} is about early stopping, and there is none. Pass --early-stopping 10, or leave it out."
            )
        return None
    if "monitor" in given:
        check_name(given["monitor"], sorted({name for names in MONITORED.values() for name in names}), "--monitor")
    rule = fastbp.EarlyStopping(patience=patience, **given)
    if not options["validation"] and rule.monitor.startswith("val_"):
        raise ValueError(
            f"--early-stopping looks at {rule.monitor}; --validation is 0. Pass --validation 0.1, or --monitor loss."
        )
    return rule


def rate(options: Mapping[str, Any]) -> Any:
    """The schedule of the learning rate."""
    rule = schedule(options["schedule"])
    monitor = getattr(rule, "monitor", "")
    if not options["validation"] and monitor.startswith("val_"):
        raise ValueError(
            f"--schedule plateau looks at {monitor}; --validation is 0. Pass --validation 0.1, or "
            "--schedule plateau:monitor=loss."
        )
    return rule
