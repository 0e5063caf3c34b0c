"""Checkpoints where a callback has put into the history what is no list of numbers, and names that no file has."""

from __future__ import annotations

import os
import warnings
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastbp

RNG = np.random.RandomState(6)
X, LABELS = RNG.randn(12, 2), RNG.randint(0, 2, 12)

ODD: dict[Any, Any] = {
    "array": lambda n: [np.ones(3)] * n,
    "complex": lambda n: [1j] * n,
    "none": lambda n: [None] * n,
    "text": lambda n: ["1.0"] * n,
    "large": lambda n: [10**400] * n,
    "mixed": lambda n: [1.0, *["b"] * n],
    "number": lambda n: n,
    "tuple": lambda n: (1.0,) * n,
    3: lambda n: [1.0] * n,
}
"""What a history may hold after n epochs that no file has room for."""

PLAIN: dict[str, Any] = {
    "int": lambda n: [*range(n)],
    "single": lambda n: [np.float32(0.1)] * n,
    "fraction": lambda n: [Fraction(1, 4)] * n,
    "nan": lambda n: [float("nan"), *[float("inf")] * n],
    "\ud800 a/b\n": lambda n: [2.5] * n,
    "empty": lambda n: [],
}


def put(run: fastbp.Run) -> None:
    values: Any = ODD | PLAIN
    run.history |= {name: make(run.epoch) for name, make in values.items()}


def train(path: Path, epochs: int, **options: Any) -> fastbp.Run:
    net = fastbp.Network([2, 3, 2], activations=["tanh", "softmax"], cost="cross_entropy", seed=0)
    checkpoint = fastbp.Checkpoint(path, every=0.0)
    return fastbp.train(
        net, X, LABELS, **{"epochs": epochs, "batch_size": 4, "seed": 0, "checkpoint": checkpoint} | options
    )


def test_lists_of_numbers_are_kept_and_one_warning_names_all_else(tmp_path: Path) -> None:
    path = tmp_path / "run.ckpt"
    with pytest.warns(RuntimeWarning) as told:
        run = train(path, 3, callbacks=[put])
    (warning,) = told
    names = ", ".join(sorted(repr(str(name)) for name in ODD))
    assert f"without {names}. A run that goes on from the file does not have it." in str(warning.message)
    again = train(path, 3)
    whole = train(tmp_path / "other.ckpt", 5)
    expected = run.history["loss"]
    assert again.history.pop("loss") == expected == whole.history["loss"][:3]
    assert set(again.history) == {*run.history} - {*ODD, "empty", "loss"}
    for name, make in PLAIN.items():
        if name != "empty":
            np.testing.assert_array_equal(again.history[name], [float(value) for value in make(3)])
    assert [type(value) for value in again.history["int"]] == [int] * 3
    assert np.array_equal(train(path, 5).net.theta, whole.net.theta)
    assert "single 0.1" in str(fastbp.training.checkpoints.in_words(path)[1])


def test_a_run_in_memory_goes_on_with_all_of_it(tmp_path: Path) -> None:
    net = fastbp.Network([2, 3, 2], activations=["tanh", "softmax"], cost="cross_entropy", seed=0)
    run = fastbp.train(net, X, LABELS, epochs=2, callbacks=[put], progress=False)
    more = fastbp.train(net, X, LABELS, epochs=3, continuing=run)
    assert {name: more.history[name] for name in ("number", "tuple", "text")} == {
        "number": 2, "tuple": (1.0, 1.0), "text": ["1.0", "1.0"],
    }  # fmt: skip
    assert len(more.history["loss"]) == 3
    assert repr(more.history).startswith("<History of 3 epochs: ")
    trainer = fastbp.Trainer(net)
    assert trainer.epoch(X, LABELS, callbacks=[put])["text"] == "1.0"


@pytest.mark.parametrize("path", ["", b"", "a\0b"])
def test_names_that_no_file_has_are_refused_at_once(path: Any) -> None:
    with pytest.raises(ValueError, match=r"^path is .*; the name of a file is needed. Pass 'run.ckpt', say.") as caught:
        fastbp.Checkpoint(path)
    assert caught.value.parameter == "path"
    net = fastbp.Network([2, 2])
    with pytest.raises(ValueError, match=r"^path is .*; the name of a file is needed."):
        fastbp.save(net, path)
    with pytest.raises(ValueError, match=r"^path is .*; the name of a file is needed."):
        fastbp.Model(net, []).save(path)


def test_a_callback_that_goes_to_another_folder_does_not_take_the_file_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        train(Path("run.ckpt"), 2, callbacks=[lambda run: monkeypatch.chdir(elsewhere)])
    assert [path.name for path in elsewhere.iterdir()] == []
    assert train(tmp_path / "run.ckpt", 2).epoch == 2


def test_a_name_that_ends_as_a_folder_does_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^checkpoint is .*: that is a folder, and a file is needed.") as caught:
        train(Path(tmp_path, "new"), 2, checkpoint=fastbp.Checkpoint(f"{tmp_path}/new/"))
    assert getattr(caught.value, "parameter", None) == "checkpoint"
    assert not [*tmp_path.iterdir()]


def test_two_trainings_that_write_to_one_file_are_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other one removes a temporary file that is not its own."""

    def write(*arguments: Any, **options: Any) -> None:
        for path in tmp_path.glob(".fastbp-*.tmp"):
            path.unlink()
        renamed(*arguments, **options)

    renamed = os.replace
    monkeypatch.setattr(os, "replace", write)
    with pytest.warns(RuntimeWarning, match="another training writes to the same file, and one at a time may"):
        run = train(tmp_path / "run.ckpt", 2)
    assert run.epoch == 2
