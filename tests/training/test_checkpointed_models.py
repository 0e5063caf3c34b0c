"""Checkpoints of a model: what is loaded from one takes raw rows, as the model does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastbp

RNG = np.random.RandomState(8)
RAW = RNG.randn(30, 2) * [1000.0, 0.01] + [5000.0, 0.0]
TARGETS = 70.0 + 20.0 * np.tanh((RAW[:, :1] - 5000.0) / 1000.0)


def make_model(seed: int = 0) -> fastbp.Model:
    net = fastbp.Network([2, 4, 1], activations=["tanh", "identity"], seed=seed)
    return fastbp.Model(net, [fastbp.Scale([5000.0, 0.0], [1000.0, 0.01])], target=fastbp.Scale(70.0, 20.0))


def train(model: fastbp.Model, checkpoint: Any, epochs: int = 3) -> fastbp.Run:
    X, Y = model.transform(RAW), model.transform_targets(TARGETS)
    return fastbp.train(model.net, X, Y, epochs=epochs, batch_size=8, seed=0, checkpoint=checkpoint)


def test_a_checkpoint_of_a_model_is_loaded_as_that_model(tmp_path: Path) -> None:
    path, model = tmp_path / "run.ckpt", make_model()
    train(model, fastbp.Checkpoint(path, model=model))
    loaded = fastbp.load(path)
    assert isinstance(loaded, fastbp.Model)
    again = fastbp.load(path).net.feedforward((RAW - [5000.0, 0.0]) / [1000.0, 0.01]) * 20.0 + 70.0
    np.testing.assert_allclose(loaded.feedforward(RAW), again, rtol=1e-12)
    assert np.array_equal(loaded.feedforward(RAW), model.feedforward(RAW))


def test_it_goes_on_with_the_bits_of_one_that_never_stopped(tmp_path: Path) -> None:
    path, whole = tmp_path / "run.ckpt", make_model()
    train(whole, None, epochs=5)
    train(first := make_model(), fastbp.Checkpoint(path, model=first), epochs=2)
    second = make_model()
    second.net.theta[:] += 1  # what the file overwrites
    run = train(second, fastbp.Checkpoint(path, model=second), epochs=5)
    assert run.net is second.net
    assert np.array_equal(second.net.theta, whole.net.theta)
    assert np.array_equal(fastbp.load(path).feedforward(RAW), whole.feedforward(RAW))


def test_the_model_has_to_be_that_of_the_network(tmp_path: Path) -> None:
    path = tmp_path / "run.ckpt"
    with pytest.raises(ValueError, match=r"^checkpoint has the model Model.*Train model.net") as caught:
        train(make_model(), fastbp.Checkpoint(path, model=make_model()))
    assert getattr(caught.value, "parameter", None) == "checkpoint"
    assert not path.exists()


@pytest.mark.parametrize("model", [3, "model.fastbp", fastbp.Network([2, 2]), fastbp.Model])
def test_what_is_no_model_is_refused(model: Any) -> None:
    with pytest.raises(TypeError, match=r"^model is .*; a fastbp.Model is needed.") as caught:
        fastbp.Checkpoint("run.ckpt", model=model)
    assert getattr(caught.value, "parameter", None) == "model"


def test_a_model_that_is_trained_is_in_its_checkpoint(tmp_path: Path) -> None:
    model, path = make_model(), tmp_path / "run.ckpt"
    model.train(RAW, model.feedforward(RAW), epochs=1, batch_size=8, checkpoint=fastbp.Checkpoint(path))
    loaded = fastbp.load(path)
    assert isinstance(loaded, fastbp.Model)
    assert np.array_equal(loaded.feedforward(RAW), model.feedforward(RAW))
