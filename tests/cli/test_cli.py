"""The command line, as a user meets it."""

from __future__ import annotations

import gzip
import inspect
import io
import os
import re
import signal
import struct
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from command_line import run as fastbp_
from nets import SMALL
from own_functions import registered
from rich.console import Console

import fastbp
import fastbp.data.reading
from fastbp.cli import tables
from fastbp.training.progress import ProgressBar

pytestmark = pytest.mark.usefixtures("in_an_empty_folder")

EPOCHS = "1" if SMALL else "12"


@pytest.mark.compiled
def test_digits_from_one_command() -> None:
    printed = fastbp_("train", "digits", "--epochs", EPOCHS, "--plot", "run.png")
    assert "1,294 samples to train on, 144 to validate, 359 to test; 64 features, 10 classes" in printed
    assert "precision" in printed
    accuracy = float(printed.split("Test accuracy ")[1].split("%")[0])
    assert accuracy > 93
    assert Path("run.png").read_bytes().startswith(b"\x89PNG")
    net = fastbp.load("model.fastbp")
    assert net.sizes == (64, 30, 10)
    assert net.meta["classes"] == tuple(range(10))
    lines = fastbp_("predict", "model.fastbp", "digits").splitlines()
    assert lines[0] == "prediction"
    from sklearn.datasets import load_digits

    assert np.mean(np.array(lines[1:], int) == load_digits().target) > 0.94
    assert "784" not in fastbp_("info", "model.fastbp")
    assert "64" in fastbp_("info", "model.fastbp")


def write_table(path: str, n: int = 40) -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((n, 2))
    lines = ["height,width,kind,area"]
    for (a, b), kind in zip(x, np.where(x[:, 0] > 0, "tall", "low, flat"), strict=True):
        lines.append(f'{a:.4f},{b:.4f},"{kind}",{2 * a - b + 0.5:.4f}')
    Path(path).write_text("\n".join(lines) + "\n")


def test_classes_of_a_table() -> None:
    write_table("things.csv", 60)
    Path("samples.csv").write_text("width,height\n0.1,2.0\n0.1,-2.0\n")
    lines = Path("things.csv").read_text().splitlines()
    Path("things.csv").write_text("\n".join(",".join([*line.rsplit(",", 1)[:1]]) for line in lines) + "\n")
    printed = fastbp_("train", "things.csv", "--target", "kind", "--hidden", "4", "--epochs", "30", "-q",
                      "--optimizer", "adam", "--learning-rate", "0.05", "--model", "kind.fastbp")  # fmt: skip
    assert "Test accuracy" in printed
    assert fastbp_("predict", "kind.fastbp", "samples.csv").splitlines() == ["prediction", "tall", '"low, flat"']
    fastbp_("predict", "kind.fastbp", "samples.csv", "--probabilities", "--out", "p.npy")
    assert np.load("p.npy").shape == (2, 1)


def test_regression_of_a_table() -> None:
    write_table("things.csv", 60)
    text = Path("things.csv").read_text().splitlines()
    Path("things.csv").write_text("\n".join(",".join([*line.split(",")[:2], line.split(",")[-1]]) for line in text))
    printed = fastbp_("train", "things.csv", "--target", "area", "--hidden", "none", "--epochs", "60",
                      "--plot", "run.svg")  # fmt: skip
    assert float(printed.split("Test R2 ")[1].split(",")[0]) > 0.99
    assert "<svg" in Path("run.svg").read_text()
    fastbp_("predict", "model.fastbp", "things.csv", "--out", "out.csv")
    name, *numbers = Path("out.csv").read_text().splitlines()
    assert name == "output_0"
    assert max(map(len, numbers)) <= len("-1.23456789e-05"), "no digits that no float32 has"
    assert np.abs(np.array(numbers, float)).max() > 1


def write_wine(values: Any) -> None:
    """A table whose target column, ``quality``, takes these values in turn."""
    rng = np.random.default_rng(1)
    rows = [f"{a:.3f},{b:.3f},{values[i % len(values)]}" for i, (a, b) in enumerate(rng.random((48, 2)))]
    Path("wine.csv").write_text("\n".join(["acid,sugar,quality", *rows]))


SHORT = ("--hidden", "none", "--epochs", "1", "-q")


@pytest.mark.parametrize(
    ("values", "task", "announced"),
    [
        ([3, 4, 5, 6, 7, 8], None, "`quality`: 6 whole numbers, taken as classes; --task regression for a number"),
        ([0.0, 1.0], None, "`quality`: 2 whole numbers, taken as classes; --task regression for a number"),
        ([3, 4, 5], "classification", ""),
        ([3, 4, 5], "regression", ""),
        (["red", "white"], None, ""),
        ([3.5, 4, 5], None, ""),
    ],
)
def test_numbers_taken_as_classes_are_announced(values: Any, task: str | None, announced: str) -> None:
    write_wine(values)
    printed = fastbp_("train", "wine.csv", "--target", "quality", *SHORT, *(("--task", task) if task else ()))
    assert [line for line in printed.splitlines() if "taken as" in line] == ([announced] if announced else [])


@pytest.mark.parametrize("output", ["sigmoid", "tanh", "softplus"])
def test_numbers_that_the_output_cannot_reach_are_refused_before_training(output: str) -> None:
    """In the test part as well."""
    for values, part in (([-2.5], ""), ([0.5] * 47 + [-2.5], " of the test part")):
        write_wine(values)
        seed = next(str(i) for i in range(99) if not part or 47 in fastbp.data.split_indices(48, 0.2, seed=i)[1])
        options = ("--task", "regression", "--output", output, "--seed", seed)
        printed = " ".join(fastbp_("train", "wine.csv", "--target", "quality", *SHORT, *options, code=1).split())
        assert f"The target{part} has -2.5 in row" in printed
        assert f"{output} outputs are" in printed
        assert "pass --output identity" in printed
        assert not Path("model.fastbp").exists()


def test_classes_without_probabilities_have_no_accuracy() -> None:
    """What is the largest output can still be said."""
    write_wine([3, 4, 5])
    printed = fastbp_("train", "wine.csv", "--target", "quality", *SHORT, "--output", "identity", "--cost", "quadratic")
    assert "Test loss" in printed
    assert "accuracy" not in printed
    assert set(fastbp_("predict", "model.fastbp", "wine.csv").split()[1:]) <= {"3", "4", "5"}


def test_regression_of_targets_in_large_units() -> None:
    """Without an option: prices in the hundred thousands, and predictions in the units of the file."""
    rng = np.random.default_rng(1)
    area, rooms = rng.uniform(40, 200, 120), rng.integers(1, 7, 120)
    price = 1500 * area + 10000 * rooms + 50000
    rows = [f"{a:.2f},{r},{p:.2f}" for a, r, p in zip(area, rooms, price, strict=True)]
    Path("flats.csv").write_text("area,rooms,price\n" + "\n".join(rows))
    printed = fastbp_("train", "flats.csv", "--target", "price", "--hidden", "4", "--epochs", "20" if SMALL else "60")
    assert float(printed.split("Test R2 ")[1].split(",")[0]) > 0.9
    decided = np.array(fastbp_("predict", "model.fastbp", "flats.csv").splitlines()[1:], float)
    assert np.corrcoef(decided, price)[0, 1] ** 2 > 0.9
    assert abs(decided.mean() / price.mean() - 1) < 0.03
    # What is not to be scaled is not.
    options = ("--target", "price", "--epochs", "1", "--no-scale", "--learning-rate", "1e-12", "-q")
    assert "Test R2 -" in fastbp_("train", "flats.csv", *options)


@pytest.mark.parametrize(
    ("cost", "p", "output"), [("absolute", None, "identity"), ("quantile", 0.8, "identity"), ("tweedie", 1.2, "exp")]
)
def test_costs_and_their_parameter(cost: str, p: float | None, output: str) -> None:
    """``--loss`` and ``--loss-parameter`` are other spellings; outputs are those that the cost goes with."""
    write_wine([0.5, 1.5, 4.0])
    options = ["--loss", cost] if cost == "absolute" else ["--cost", cost, "--cost-parameter", str(p)]
    spelled = [option.replace("--cost", "--loss") for option in options]
    printed = []
    for given in (options, spelled):
        fastbp_("train", "wine.csv", "--target", "quality", "--task", "regression", *SHORT, "-q", *given)
        model = fastbp.load("model.fastbp")
        assert (model.cost, model.cost_parameter, model.activations[-1]) == (cost, p, output)
        assert (model.target is None) == (output == "exp")
        printed.append(fastbp_("info", "model.fastbp"))
    assert printed[0] == printed[1]
    assert f"cost {cost}{'' if p is None else f' ({p:g})'}, float32" in printed[0]


def test_weights_of_outputs_and_targets_that_are_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    train = fastbp.train
    monkeypatch.setattr(
        fastbp, "train", lambda *args, **options: seen.append((args, options)) or train(*args, **options)
    )
    rng = np.random.default_rng(3)
    X, Y = rng.standard_normal((60, 3)), rng.standard_normal((60, 2)) * [1.0, 100.0] + [5.0, -3.0]
    holed = np.where(rng.random((60, 2)) < 0.3, np.nan, Y)
    np.savez("t.npz", X=X, y=holed)
    assert "missing or infinite in row" in " ".join(fastbp_("train", "t.npz", "--epochs", "1", code=1).split())
    options = ("--output-weight", "1,0.5", "--missing-targets", "ignore", "--epochs", "2", "--plot", "t.svg")
    printed = fastbp_("train", "t.npz", "--hidden", "4", *options)
    (_, samples, targets), given = seen[-1]
    assert given["output_weight"] == [1.0, 0.5]
    assert given["missing_targets"] == "ignore"
    assert 0.2 < np.isnan(targets).mean() < 0.4
    # Scaled by what is there of the samples to train on.
    np.testing.assert_allclose(np.nanmean(targets, axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(np.nanstd(targets, axis=0), 1, rtol=1e-6)
    assert len(samples) == len(targets)
    model = fastbp.load("model.fastbp")
    test = fastbp.data.split(fastbp.data.read("t.npz", missing_targets="ignore"), 0.2, seed=0)
    counting = {"output_weight": [1, 0.5], "missing_targets": "ignore"}
    scores = model.evaluate(test.X_test, test.Y_test, **counting)
    assert f"Test R2 {scores['r2']:.4f}, loss {scores['loss']:.4f}" in printed
    with pytest.raises(ValueError, match="missing_targets is 'drop'"):
        fastbp.data.read("t.npz", missing_targets="drop")
    np.savez("t.npz", X=X, y=np.where(np.isnan(holed), np.inf, holed))
    assert "missing or infinite in row" in " ".join(fastbp_("train", "t.npz", *options, code=1).split())


def test_weights_of_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    train = fastbp.train
    monkeypatch.setattr(fastbp, "train", lambda *args, **options: seen.append(options) or train(*args, **options))
    rows = [f"{i}.5,{i % 2},{0.5 + i % 3}" for i in range(30)]
    Path("t.csv").write_text("x,kind,s\n" + "\n".join(rows))
    fastbp_("train", "t.csv", "--target", "kind", "--sample-weight", "s", "--epochs", "1", "--validation", "0.1",
             "-q")  # fmt: skip
    x = np.arange(30)
    np.savez("t.npz", X=x[:, None], y=x % 2, s=0.5 + x % 3)
    fastbp_("train", "t.npz", "--sample-weight", "s", "--epochs", "1", "-q")
    np.save("X.npy", x[:, None])
    np.save("y.npy", x % 2)
    np.save("s.npy", 0.5 + x % 3)
    fastbp_("train", "X.npy", "--sample-weight", "s.npy", "--epochs", "1", "-q")
    for options in seen:
        assert sorted({*options["sample_weight"]}) == [0.5, 1.5, 2.5]
        np.testing.assert_array_equal(options["sample_weight"], seen[0]["sample_weight"])
        assert len(options["validation"][2]) == len(options["validation"][0])
    assert fastbp.load("model.fastbp").sizes[0] == 1
    for path, message in (("t.csv", "no column 'q'"), ("t.npz", "no key 'q'"), ("X.npy", "is 'q'; there is no")):
        targets = ("--target", "kind") if path == "t.csv" else ()
        assert message in fastbp_("train", path, *targets, "--sample-weight", "q", code=1)


@pytest.mark.compiled
def test_a_training_goes_on_from_its_checkpoint() -> None:
    """The model file of four epochs and that of two and two more have the same bytes."""
    options = ("train", "digits", "--optimizer", "adam", "--hidden", "4", "-q", "--dtype", "float64")
    fastbp_(*options, "--epochs", "4", "--model", "whole.fastbp")
    fastbp_(*options, "--epochs", "2", "--checkpoint", "run.ckpt", "--no-resume")
    printed = fastbp_("info", "run.ckpt")
    assert "checkpoint: 2 of 2 epochs and 0 of 130 minibatches, step 260" in printed
    assert "optimizer: Adam(learning_rate=0.001" in printed
    fastbp_(*options, "--epochs", "4", "--checkpoint", "run.ckpt", "--resume")
    assert Path("model.fastbp").read_bytes() == Path("whole.fastbp").read_bytes()
    assert fastbp.load("run.ckpt").sizes == (64, 4, 10)
    assert "l2: checkpoint: 0.0; now: 0.5" in fastbp_(*options, "--checkpoint", "run.ckpt", "--l2", "0.5", code=1)
    assert "--checkpoint is 'run.ckpt'" in fastbp_(*options, "--checkpoint", "run.ckpt", "--no-resume", code=1)
    assert "Pass --checkpoint FILE" in fastbp_(*options, "--resume", code=1)


@pytest.mark.parametrize("checkpoint", ["model.fastbp", "./model.fastbp", "link"])
def test_a_checkpoint_is_no_file_that_the_model_goes_to(checkpoint: str) -> None:
    Path("link").symlink_to("model.fastbp")
    said = fastbp_("train", "digits", "--epochs", "1", "-q", "--checkpoint", checkpoint, code=1)
    assert "where --model is written too" in said
    assert not Path("model.fastbp").exists()


def test_a_checkpoint_of_a_table_predicts_as_the_model_file_does() -> None:
    """Features of very different sizes: without their scaling all the decisions would be one."""
    rng = np.random.RandomState(0)
    rows = rng.randn(60, 2) * [1000.0, 0.01] + [5000.0, 0.0]
    kinds = np.where((rows[:, 0] - 5000.0) / 1000.0 + rows[:, 1] * 100.0 > 0, "yes", "no")
    table = [f"{a},{b},{kind}" for (a, b), kind in zip(rows, kinds, strict=True)]
    Path("t.csv").write_text("\n".join(["a,b,kind", *table]) + "\n", encoding="utf-8")
    fastbp_("train", "t.csv", "--target", "kind", "--epochs", "5", "--checkpoint", "run.ckpt", "-q")
    predicted = fastbp_("predict", "run.ckpt", "t.csv")
    assert {"yes", "no"} <= {*predicted.split()}
    assert predicted == fastbp_("predict", "model.fastbp", "t.csv")
    assert "column a: number, every cell is a number; median: " in fastbp_("info", "run.ckpt")


def test_every_option_reaches_train(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each parameter of ``train`` that words can express, and each number of each optimizer and schedule."""
    seen: dict[str, Any] = {}

    def stop(net: fastbp.Network, X: Any, Y: object, **options: object) -> None:
        seen.update(options, net=net, n=len(X))
        raise ValueError("enough")

    parameters = set(inspect.signature(fastbp.train).parameters) - {"net", "X", "Y", "callbacks", "continuing"}
    monkeypatch.setattr(fastbp, "train", stop)
    monkeypatch.setattr("fastbp.cli.running.compile_first", lambda console, dtype: None)

    def train(*options: str) -> dict[str, Any]:
        assert "enough" in fastbp_("train", "digits", *options, code=1)
        return seen

    everything = train(
        "--optimizer", "adamw", "--learning-rate", "0.1", "--beta-1", "0.8", "--beta-2", "0.9", "--epsilon", "1e-3",
        "--weight-decay", "0.2", "--schedule", "cosine:warmup=2,final=0.5,epochs=9", "--epochs", "7",
        "--batch-size", "3", "--l1", "0.25", "--l2", "0.75", "--no-shuffle", "--early-stopping", "4",
        "--monitor", "val_accuracy", "--min-delta", "0.5", "--no-restore-best", "--seed", "9", "--threads", "2",
        "--init", "he_normal", "--dtype", "float64", "--clip-norm", "0.5", "--class-weight", "balanced",
        "--dropout", "0.25", "--frozen", "1", "--layer-rates", "0.5,2",
        "--checkpoint", "run.ckpt", "--no-resume",
    )  # fmt: skip
    assert set(everything) >= parameters
    assert everything["optimizer"] == fastbp.AdamW(0.1, 0.8, 0.9, 1e-3, weight_decay=0.2)
    assert everything["checkpoint"].model.net is everything["net"]
    assert replace(everything["checkpoint"], model=None) == fastbp.Checkpoint(Path("run.ckpt"), resume=False)
    assert everything["schedule"] == fastbp.schedules.Cosine(2, 0.5, 9)
    assert everything["early_stopping"] == fastbp.EarlyStopping("val_accuracy", 4, 0.5, False)
    expected = {"epochs": 7, "batch_size": 3, "l1": 0.25, "l2": 0.75, "shuffle": False, "seed": 9, "n_threads": 2}
    expected |= {"clip_norm": 0.5, "class_weight": "balanced", "dropout": 0.25, "frozen": [1]}
    expected["layer_rates"] = [0.5, 2.0]
    assert {name: everything[name] for name in expected} == expected
    assert everything["net"].dtype == "float64"
    more = ("--momentum", "0.5", "--nesterov", "--weight-decay", "0.125")
    assert train(*more)["optimizer"] == fastbp.SGD(0.5, 0.5, True, weight_decay=0.125)
    more = ("--optimizer", "rmsprop", "--rho", "0.5", "--epsilon", "0.1")
    assert train(*more)["optimizer"] == fastbp.RMSprop(rho=0.5, epsilon=0.1)
    more = ("--optimizer", "adagrad", "--schedule", "plateau:factor=0.25,patience=2,monitor=loss")
    assert train(*more)["optimizer"] == fastbp.Adagrad()
    assert seen["schedule"] == fastbp.schedules.ReduceOnPlateau(0.25, 2, monitor="loss")
    assert train()["schedule"] is None
    assert seen["batch_size"] == 10
    more = ("--optimizer", "lbfgs", "--tol", "0.5", "--memory", "3", "--max-evaluations", "9")
    assert train(*more)["optimizer"] == fastbp.LBFGS(0.5, 3, 9)
    assert seen["batch_size"] == seen["n"]
    assert train("--hidden", "8,8", "--dropout", "0.5,0.25")["dropout"] == [0.5, 0.25]


@pytest.mark.parametrize("width", [80, 130])
def test_the_progress_line_fits_and_ends_with_the_time_left(width: int) -> None:
    out = io.StringIO()
    console = Console(file=out, width=width, force_terminal=True, no_color=True, legacy_windows=False)
    X, y = np.random.default_rng(0).random((60, 4)), np.arange(60) % 3
    net = fastbp.Network([4, 3], activations="softmax", cost="cross_entropy", seed=0)
    bar = ProgressBar(console)
    fastbp.train(net, X, y, epochs=100, validation=(X, y), callbacks=[bar], optimizer=fastbp.SGD(1e-3))
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", out.getvalue())
    last = [line for line in plain.replace("\r", "\n").splitlines() if line.strip()][-1]
    assert re.match(r"epoch 100/100 .*loss \d\.\d+ .*[\d,]{3,} samples/s \d\d:\d\d *$", last), last
    assert re.search(r"acc\w* \d+\.\d% +val\w* \d+\.\d%", last)
    assert len(last) <= width


@pytest.mark.parametrize("terminal", [True, False])
def test_a_bar_shows_that_a_long_file_is_read_and_only_on_a_terminal(
    terminal: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = io.StringIO()
    console = Console(file=out, width=100, force_terminal=terminal, no_color=True, legacy_windows=False)
    moments = iter([0.0, 0.5, 2.0, 2.0])
    monkeypatch.setattr(tables, "time", SimpleNamespace(monotonic=lambda: next(moments)))
    with tables.reading(console, quiet=False) as told:
        if told is not None:
            told(10, 100)
            assert out.getvalue() == "", "a file that is read at once has no bar"
            told(40, 100)
            told(60, 100)
    assert ("reading" in out.getvalue()) == terminal
    assert ("60%" in out.getvalue()) == terminal
    with tables.reading(console, quiet=True) as told:
        assert told is None


def write_idx(path: Path, array: np.ndarray, *, pack: bool) -> None:
    header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    data = header + array.astype(np.uint8).tobytes()
    path.write_bytes(gzip.compress(data) if pack else data)


@pytest.mark.parametrize("pack", [False, True])
def test_a_folder_of_idx_files(pack: bool) -> None:
    rng = np.random.default_rng(0)
    folder = Path("mnist")
    folder.mkdir()
    for part, n in (("train", 40), ("t10k", 10)):
        labels = np.arange(n) % 2
        images = rng.integers(0, 50, (n, 4, 4)) + 200 * labels[:, None, None]
        end = ".gz" if pack else ""
        write_idx(folder / f"{part}-images-idx3-ubyte{end}", images, pack=pack)
        write_idx(folder / f"{part}-labels-idx1-ubyte{end}", labels, pack=pack)
    printed = fastbp_("train", "mnist", "--hidden", "3", "--epochs", "20", "--learning-rate", "2",
                      "--cost", "quadratic", "--validation", "0", "--schedule", "cosine")  # fmt: skip
    assert "40 samples to train on, 0 to validate, 10 to test; 16 features, 2 classes" in printed
    assert "Test accuracy 100.00%" in printed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "missing.csv"], "missing.csv"),
        (["train", "things.csv", "--target", "colour"], "colour"),
        (["train", "things.csv"], "target"),
        (["train", "broken.npz"], "broken.npz"),
        (["train", "digits", "--hidden", "30,x"], "--hidden is '30,x'"),
        (["train", "digits", "--hidden", "0,30"], "--hidden is '0,30'"),
        (["train", "digits", "--threads", "0"], "--threads is 0"),
        (["train", "digits", "--seed", "-1"], "--seed is -1"),
        (["train", "digits", "--validation", "-0.1"], "--validation is -0.1"),
        (["train", "digits", "--validation", "0", "--early-stopping", "2"], "--early-stopping looks at val_loss"),
        (["train", "digits", "--validation", "0", "--schedule", "plateau"], "--schedule plateau looks at val_loss"),
        (["train", "digits", "--schedule", "slow"], "--schedule is 'slow'; it must be one of constant, step"),
        (["train", "digits", "--schedule", "step:evry=3"], "step takes every=10,factor=0.5"),
        (["train", "digits", "--target", "x"], "comes with targets of its own"),
        (["train", "digits", "--target", "x", "--targets", "y"], "--target and --targets are both given"),
        (["train", "digits", "--plot", "run.doc"], "its ending must name a format"),
        (["train", "digits", "--model", "."], "a folder; a file is needed"),
        (["train", "digits", "--activation", "rellu"], "Did you mean 'relu'"),
        (["train", "digits", "--cost", "quadratic", "--output", "softmax"], "cost is 'quadratic'"),
        (["train", "digits", "--optimizer", "adam", "--momentum", "0.9"], "--momentum is no option of adam"),
        (["train", "digits", "--rho", "0.9"], "--rho is no option of sgd"),
        (["train", "digits", "--weight-decay", "-1"], "--weight-decay is -1"),
        (["train", "digits", "--model", "no/such/model"], "its folder does not exist"),
        (["train", "digits", "--test", "1.5"], "1.5"),
        (["train", "digits", "--learning-rate", "0"], "--learning-rate is 0"),
        (["train", "digits", "--learning-rate", "1e9", "--activation", "relu", "--cost", "quadratic", "--output",
          "identity"], "Training diverged in epoch 1"),
        (["predict", "missing.fastbp", "digits"], "'missing.fastbp' does not exist"),
        (["predict", "tiny.fastbp", "digits"], "'digits' has 64 features; the model was trained on 3"),
        (["info", "things.csv"], "things.csv"),
    ],
)  # fmt: skip
def test_errors_are_one_message_without_a_traceback(arguments: list[str], message: str) -> None:
    write_table("things.csv")
    Path("broken.npz").write_bytes(b"PK\x03\x04 nothing")
    fastbp.save(fastbp.Network([3, 2], seed=0), "tiny.fastbp")
    printed = fastbp_(*arguments, code=1)
    assert "Error: " in printed
    assert message in " ".join(printed.split())
    assert "Traceback" not in printed
    assert not Path("model.fastbp").exists()


def test_an_explosion_is_told_as_what_it_is() -> None:
    X = np.random.default_rng(0).random((100, 4)) * 1e3
    table = np.c_[X, X.sum(axis=1) * 1e3]
    np.savetxt("boom.csv", table, delimiter=",", header="a,b,c,d,price", comments="")
    printed = fastbp_("train", "boom.csv", "--target", "price", "--task", "regression", "--no-scale", "--activation",
                      "relu", "--learning-rate", "10", "--dtype", "float64", "-q", code=1)  # fmt: skip
    printed = " ".join(printed.split())
    assert "explodes: the cost has grown from" in printed
    assert printed.endswith(
        "No model is written. Pass a smaller --learning-rate, and leave out --no-scale if it is given."
    )
    assert not Path("model.fastbp").exists()


def test_doctor() -> None:
    printed = fastbp_("doctor")
    for word in ("CPU", "threads", "cache", "numba", "limited by"):
        assert word in printed


def test_plans_are_shown(tmp_path: Path) -> None:
    """Before the training, and of a model; what ran comes after it."""
    model = str(tmp_path / "m.fastbp")
    table = tmp_path / "table.csv"
    table.write_text("a,b,label\n" + "".join(f"{i},{i * i % 7},{'xy'[i % 2]}\n" for i in range(40)))
    options = ["--hidden", "5", "--epochs", "1", "--batch-size", "16", "--threads", "1", "--model", model]
    printed = fastbp_("train", str(table), "--target", "label", "--verbose", "--quiet", *options)
    net = fastbp.load(model).net
    planned = fastbp.plan(net, 16, n_threads=1)
    assert printed.index("As many as were asked for.") < printed.index("It ran with Plan(schedule=")
    assert f"It ran with {planned.plan}." in " ".join(printed.split())
    assert "Plan" not in fastbp_("train", str(table), "--target", "label", "--quiet", *options)
    printed = " ".join(fastbp_("doctor", model, "--batch-size", "7").split())
    for name, why in fastbp.plan(net, 7).why.items():
        assert name in printed
        assert why.split(",")[0][:30] in printed
    assert "--batch-size is 0; it must be" in fastbp_("doctor", model, "--batch-size", "0", code=1)


INTERRUPTIBLE = """
import signal, sys
from fastbp.training import progress, trainer
from fastbp.cli import main
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job would ignore it
def tell(owner, name):
    function = getattr(owner, name)
    def told(*args, **options):
        print("now", flush=True)
        return function(*args, **options)
    setattr(owner, name, told)
owner, name = {
    "training": (progress.ProgressBar, "on_progress"),
    "validation": (trainer.Network, "_evaluate"),
    "compilation": (trainer.ThreadTeam, "start"),
}[sys.argv.pop(1)]
tell(owner, name)
main()
"""


@pytest.mark.compiled
@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no SIGINT to one process")
@pytest.mark.parametrize("where", ["training", pytest.param("validation", marks=pytest.mark.slow), "compilation"])
def test_ctrl_c_saves_what_was_learned(where: str, tmp_path: Path) -> None:
    """Whatever the process was doing when it was told to stop."""
    environment = os.environ | {"PYTHONPATH": str(Path(fastbp.__file__).parent.parent)}
    if where == "compilation":
        environment["FASTBP_NO_CACHE"] = "1"
    with subprocess.Popen(
        [sys.executable, "-c", INTERRUPTIBLE, where, "train", "digits", "--epochs", "1000000"],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            while (line := process.stdout.readline()) != "now\n":
                assert line, process.communicate()[1]
            process.send_signal(signal.SIGINT)
            printed, errors = process.communicate(timeout=120)
        finally:
            process.kill()
    if where == "compilation":  # nothing was learned
        assert process.returncode == 130
        assert errors.splitlines()[-1] == "Interrupted."
        assert not (tmp_path / "model.fastbp").exists()
        return
    assert process.returncode == 0, errors
    assert "Interrupted after" in printed
    assert "Saved what was learned to model.fastbp" in printed
    assert fastbp.load(tmp_path / "model.fastbp").sizes == (64, 30, 10)


INTERRUPTED = """
import os, signal, sys
from fastbp.io import atomic
from fastbp.training import standard
from fastbp.cli import main
signal.signal(signal.SIGINT, signal.default_int_handler)
count, where, training_too = int(sys.argv.pop(1)), sys.argv.pop(1), sys.argv.pop(1) == "True"
class Interrupting:
    def __getattr__(self, name):
        real = getattr(os, name)
        def call(*args, **options):
            for _ in range(count):
                os.kill(os.getpid(), signal.SIGINT)
            if name == "write":  # half of it, and then once more
                args = args[0], args[1][: len(args[1]) // 2 + 1]
            return real(*args, **options)
        return call if name == where else real
atomic.os = Interrupting()
if training_too:
    progress = standard.Standard.progress
    def interrupted(self, run):
        if run.epoch == 2:
            os.kill(os.getpid(), signal.SIGINT)
        progress(self, run)
    standard.Standard.progress = interrupted
main()
"""


@pytest.mark.compiled
@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no SIGINT to one process")
@pytest.mark.parametrize(
    ("count", "where", "training_too"),
    [
        (1, "write", False),
        pytest.param(2, "write", False, marks=pytest.mark.slow),
        pytest.param(2, "write", True, marks=pytest.mark.slow),
        (2, "replace", False),
        pytest.param(1, "close", True, marks=pytest.mark.slow),
    ],
)
def test_ctrl_c_while_the_model_is_written(count: int, where: str, training_too: bool, tmp_path: Path) -> None:
    """Real signals inside the writing: the file is whole, holds what was learned, and nothing else is left behind."""
    Path("model.fastbp").write_bytes(b"old")
    command = [sys.executable, "-c", INTERRUPTED, str(count), where, str(training_too)]
    done = subprocess.run(
        [*command, "train", "digits", "--epochs", "3"],
        env=os.environ | {"PYTHONPATH": str(Path(fastbp.__file__).parent.parent)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 130, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout.splitlines()[-1] == "Saved what was learned to model.fastbp."
    assert ("Interrupted after 2 epochs" in done.stdout) == training_too
    assert sorted(os.listdir(tmp_path)) == ["model.fastbp", "model.fastbp.toml"]
    saved = Path("model.fastbp").read_bytes()
    if training_too:  # somewhere in the third epoch
        from sklearn.datasets import load_digits

        decided = np.array(fastbp_("predict", "model.fastbp", "digits").splitlines()[1:], int)
        assert np.mean(decided == load_digits().target) > 0.7
    else:
        fastbp_("train", "digits", "--epochs", "3", "-q")
        assert saved == Path("model.fastbp").read_bytes()


def test_a_missing_library_of_the_command_line_is_named() -> None:
    code = "import sys; sys.modules['typer'] = None; import fastbp.cli.app"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    assert ran.stderr == ('fastbp: typer is not installed. Install the command line with pip install "fastbp[cli]".\n')


def test_a_file_that_names_a_users_own_function_is_refused() -> None:
    with registered() as own:
        net = fastbp.Network([2, 3, 1], activations=[own.swoosh, "identity"], cost=own.quartic, seed=0)
        fastbp.save(net, "own.fastbp")
    for command in (["info", "own.fastbp"], ["predict", "own.fastbp", "digits"]):
        said = " ".join(fastbp_(*command, code=1).split())
        assert "'own.fastbp' needs the activation 'swoosh', a user's own function" in said
        assert "fastbp.load(path, functions=[swoosh])" in said
