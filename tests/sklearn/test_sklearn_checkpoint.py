"""A fit that goes on from its checkpoint ends in the bits of one that nobody disturbed."""

from __future__ import annotations

import json
import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

import fastbp
from fastbp.io import container
from fastbp.runtime import slices
from fastbp.sklearn import MLPClassifier, MLPRegressor
from fastbp.sklearn._stochastic import ScikitLearn

RNG = np.random.RandomState(2)
X, LABELS = RNG.randn(30, 4), RNG.randint(0, 3, 30)
NUMBERS = X @ RNG.randn(4) + RNG.randn(30) / 10
WEIGHTS = RNG.rand(30)
SHORT: dict[str, Any] = {"hidden_layer_sizes": (5,), "batch_size": 10, "max_iter": 6, "random_state": 3}

WAYS: dict[str, dict[str, Any]] = {
    "adam": {},
    "sgd": {"solver": "sgd", "learning_rate": "adaptive", "n_iter_no_change": 1, "tol": 10.0},
    "invscaling": {"solver": "sgd", "learning_rate": "invscaling", "momentum": 0.5},
    "early stopping": {"early_stopping": True, "n_iter_no_change": 2, "learning_rate_init": 0.1},
    "by the loss": {
        "early_stopping": True, "scoring": "loss", "schedule": fastbp.schedules.ReduceOnPlateau(patience=1),
    },
    "dropout": {"dropout": 0.3, "clip_norm": 0.5, "l1": 0.01, "schedule": fastbp.schedules.ExponentialDecay()},
    "in order": {"shuffle": False, "solver": "rmsprop"},
}  # fmt: skip


def fit(kind: Any = MLPClassifier, **options: Any) -> Any:
    y = LABELS if kind is MLPClassifier else NUMBERS
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return kind(**{**SHORT, **options}).fit(X, y, WEIGHTS)


def check_same(a: Any, b: Any) -> None:
    for name in ("coefs_", "intercepts_", "_best_coefs", "_best_intercepts"):
        assert all(np.array_equal(*pair) for pair in zip(getattr(a, name), getattr(b, name), strict=True)), name
    for name in ("loss_", "n_iter_", "t_", "loss_curve_", "best_loss_", "validation_scores_", "validation_loss_curve_",
                 "best_validation_score_", "_no_improvement_count"):  # fmt: skip
        assert getattr(a, name) == getattr(b, name), name
    assert (a._optimizer.t, a._optimizer.learning_rate) == (b._optimizer.t, b._optimizer.learning_rate)
    for ours, theirs in zip(a._optimizer.moments, b._optimizer.moments, strict=True):
        assert all(np.array_equal(*pair) for pair in zip(ours, theirs, strict=True))
    assert str(a._random_state.get_state()) == str(b._random_state.get_state())


class Cut(Exception):
    """Where a process ends."""


@pytest.fixture
def cut(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Function that ends all fits after so many minibatches, without a last checkpoint."""
    monkeypatch.setattr(slices, "SLICE_SECONDS", 1e-9)
    progress, end = ScikitLearn.progress, ScikitLearn.end

    def cut(after: int | None) -> None:
        left = [after]

        def counting(self: Any, run: Any) -> None:
            progress(self, run)
            if left[0] is not None:
                left[0] -= 1
                if left[0] == 0:
                    raise Cut

        monkeypatch.setattr(ScikitLearn, "progress", counting)
        monkeypatch.setattr(ScikitLearn, "end", end if after is None else lambda self, run: None)

    return cut


@pytest.mark.parametrize(
    ("name", "kind"), [(name, MLPClassifier) for name in WAYS] + [("early stopping", MLPRegressor)]
)
def test_a_fit_goes_on_from_every_minibatch(kind: Any, name: str, cut: Any, tmp_path: Path) -> None:
    options = WAYS[name]
    whole, checkpoint = fit(kind, **options), fastbp.Checkpoint(tmp_path / "fit.ckpt", every=0.0)
    for after in (2, 3) if name == "early stopping" else (2,):
        n = 0
        while True:
            cut(after)
            try:
                net = fit(kind, checkpoint=checkpoint, **options)
            except Cut:
                n += 1
            else:
                break
        assert n >= 2, "it was hardly disturbed"
        check_same(net, whole)
        os.unlink(checkpoint.name)
        cut(None)


def test_more_epochs_and_a_fit_that_has_ended(tmp_path: Path) -> None:
    checkpoint = fastbp.Checkpoint(tmp_path / "fit.ckpt")
    for epochs in (2, 2, 6):
        net = fit(checkpoint=checkpoint, max_iter=epochs)
        check_same(net, fit(max_iter=epochs))
    stopping: dict[str, Any] = {"early_stopping": True, "n_iter_no_change": 1, "tol": 10.0}
    other = fastbp.Checkpoint(tmp_path / "other.ckpt")
    for _ in range(2):
        net = fit(checkpoint=other, **stopping)
        assert net.n_iter_ < 6
        check_same(net, fit(**stopping))


def test_after_it_partial_fit_goes_on(tmp_path: Path) -> None:
    checkpoint = fastbp.Checkpoint(tmp_path / "fit.ckpt")
    fit(checkpoint=checkpoint, max_iter=3)
    nets = [fit(), fit(checkpoint=checkpoint)]
    for net in nets:
        net.set_params(checkpoint=None).partial_fit(X, LABELS)
    check_same(*nets)


def test_sparse_samples(cut: Any, tmp_path: Path) -> None:
    checkpoint, whole = fastbp.Checkpoint(tmp_path / "fit.ckpt", every=0.0), fit()
    net = MLPClassifier(checkpoint=checkpoint, **SHORT)
    cut(7)
    with pytest.raises(Cut):
        net.fit(csr_matrix(X), LABELS, WEIGHTS)
    cut(None)
    with pytest.warns(ConvergenceWarning):
        net.fit(csr_matrix(X), LABELS, WEIGHTS)
    check_same(net, whole)


def test_the_net_is_in_it(tmp_path: Path) -> None:
    checkpoint = fastbp.Checkpoint(tmp_path / "fit.ckpt")
    net = fit(checkpoint=checkpoint)
    loaded = fastbp.load(checkpoint.name)
    assert isinstance(loaded, fastbp.Network)
    np.testing.assert_array_equal(loaded.feedforward(X), net.predict_proba(X))


def test_it_is_a_parameter_as_others_are(tmp_path: Path) -> None:
    checkpoint = fastbp.Checkpoint(tmp_path / "fit.ckpt")
    net = clone(MLPClassifier(checkpoint=checkpoint))
    assert net.get_params()["checkpoint"] == checkpoint
    assert clone(MLPRegressor()).checkpoint is None


def test_what_does_not_go_together_is_refused(tmp_path: Path) -> None:
    checkpoint = fastbp.Checkpoint(tmp_path / "fit.ckpt")
    for options, match in (
        ({"checkpoint": "fit.ckpt"}, "The 'checkpoint' parameter"),
        ({"checkpoint": checkpoint, "solver": "lbfgs"}, "^checkpoint is .*lbfgs"),
        ({"checkpoint": checkpoint, "warm_start": True}, "^checkpoint is .*warm_start"),
        ({"checkpoint": fastbp.Checkpoint(tmp_path / "no" / "fit.ckpt")}, "its folder does not exist"),
    ):  # fmt: skip
        net = MLPClassifier(**{**SHORT, **options})
        with pytest.raises(ValueError, match=match):
            net.fit(X, LABELS)
        assert not hasattr(net, "coefs_")
    with pytest.raises(ValueError, match=r"^checkpoint is .*partial_fit"):
        MLPClassifier(checkpoint=checkpoint).partial_fit(X, LABELS, classes=[0, 1, 2])
    fit(checkpoint=checkpoint)
    with pytest.raises(ValueError, match=r"alpha: checkpoint: 0.0001; now: 0.5; .*data: checkpoint: 30 .*; now: 30"):
        MLPClassifier(**SHORT, alpha=0.5, checkpoint=checkpoint).fit(X, LABELS)
    with pytest.raises(ValueError, match=r"^max_iter is 3; the fit that goes on has begun 6"):
        fit(checkpoint=checkpoint, max_iter=3)
    with pytest.raises(ValueError, match=r"estimator: checkpoint: MLPClassifier; now: MLPRegressor"):
        fit(MLPRegressor, checkpoint=checkpoint)


JUNK = (None, -1, 10**18, "", "x", [], {}, "nan", 1.5, {"bit_generator": "MT19937"})


def test_no_value_of_it_does_harm(tmp_path: Path) -> None:
    """It is refused, or makes another fit."""
    checkpoint = fastbp.Checkpoint(tmp_path / "fit.ckpt")
    options: dict[str, Any] = {"early_stopping": True, "max_iter": 2}
    fit(checkpoint=checkpoint, **options)
    with open(checkpoint.name, "rb") as stream:
        description, tensors = container.unpack(stream, os.path.getsize(checkpoint.name))

    def write(more: dict[str, Any], arrays: dict[str, Any]) -> None:
        training = json.loads(json.dumps(description["checkpoint"])) | {"more": more}
        parts = container.pack({**description, "checkpoint": training}, arrays)
        Path(checkpoint.name).write_bytes(b"".join(parts))

    more = description["checkpoint"]["more"]
    for key in more:
        for value in JUNK:
            write({**more, key: value}, tensors)
            try:
                fit(checkpoint=checkpoint, **options)
            except fastbp.LoadError as error:
                text = str(error)
                assert "fit.ckpt' is damaged: of the estimator" in text
        write({name: value for name, value in more.items() if name != key}, tensors)
        with pytest.raises(fastbp.LoadError, match=r"fit\.ckpt' is damaged: of the estimator"):
            fit(checkpoint=checkpoint, **options)
    for name in tensors:
        if name.startswith(("estimator.order", "estimator.best")):
            write(more, {other: array for other, array in tensors.items() if other != name})
            with pytest.raises(fastbp.LoadError, match=r"fit\.ckpt' is damaged: of the estimator"):
                fit(checkpoint=checkpoint, **options)
            write(more, {**tensors, name: np.ones((9, 9))})
            with pytest.raises(fastbp.LoadError, match=r"fit\.ckpt' is damaged: of the estimator"):
                fit(checkpoint=checkpoint, **options)
