"""Ensembles: the mean of several networks' outputs, against NumPy and scikit-learn, and their files."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse
from nets import same_bits
from sklearn.metrics import accuracy_score, log_loss, mean_squared_error, r2_score
from typer.testing import CliRunner

import fastbp
from fastbp.cli import app
from fastbp.errors import LoadError
from fastbp.io.container import pack
from fastbp.io.model_file import Contents, _described

RNG = np.random.RandomState(3)
X, LABELS = RNG.randn(30, 4), RNG.randint(0, 3, 30)
WEIGHTS = RNG.rand(30)
NAMES = {"classes": ["a", "b", "c"]}


def classifier(seed: int, hidden: int = 5, dtype: str = "float64", **meta: Any) -> fastbp.Network:
    activations: list[Any] = ["tanh", "softmax"]
    return fastbp.Network(
        [4, hidden, 3], activations=activations, cost="cross_entropy", seed=seed, dtype=dtype, meta=NAMES | meta
    )


def regression(seed: int, **options: Any) -> fastbp.Network:
    return fastbp.Network([4, 3, 2], activations=["tanh", "identity"], seed=seed, **options)


def classifiers() -> fastbp.Ensemble:
    return fastbp.Ensemble([classifier(0), classifier(1, 7), classifier(2, 3, "float32")])


def test_outputs_are_the_mean_summed_in_order() -> None:
    ensemble = classifiers()
    first, second, third = (net.feedforward(X).astype(np.float64) for net in ensemble)
    assert same_bits(ensemble.feedforward(X), (first + second + third) / 3)
    for samples in (scipy.sparse.csr_array(X), X[:, ::-1][:, ::-1], X.tolist()):
        assert same_bits(ensemble.feedforward(samples, n_threads=2), ensemble.feedforward(X))
    assert same_bits(ensemble.predict(X), np.argmax((first + second + third) / 3, axis=1))
    narrow = fastbp.Ensemble([classifier(seed, dtype="float32") for seed in range(3)])
    wide = sum(net.feedforward(X).astype(np.float64) for net in narrow) / 3
    assert same_bits(narrow.feedforward(X), wide.astype(np.float32))


def test_one_output_decides_at_one_half() -> None:
    nets = [fastbp.Network([4, 3, 1], seed=seed, cost="cross_entropy") for seed in range(4)]
    ensemble = fastbp.Ensemble(nets)
    mean = np.mean([net.feedforward(X) for net in nets], axis=0)
    assert same_bits(ensemble.predict(X), (mean[:, 0] >= 0.5).astype(np.int64))


@pytest.mark.parametrize("weight", [None, WEIGHTS])
def test_scores_are_scikit_learns_of_the_mean(weight: Any) -> None:
    ensemble = classifiers()
    mean = np.mean([net.feedforward(X).astype(np.float64) for net in ensemble], axis=0)
    scores = ensemble.evaluate(X, LABELS, sample_weight=weight)
    assert scores["loss"] == pytest.approx(log_loss(LABELS, mean, sample_weight=weight), rel=1e-6)
    assert scores["accuracy"] == pytest.approx(accuracy_score(LABELS, mean.argmax(axis=1), sample_weight=weight))
    assert ensemble.evaluate(X, np.eye(3)[LABELS], sample_weight=weight) == scores
    nets = [regression(seed) for seed in range(3)]
    Y = RNG.randn(30, 2)
    mean = np.mean([net.feedforward(X) for net in nets], axis=0)
    scores = fastbp.Ensemble(nets).evaluate(X, Y, sample_weight=weight)
    assert scores["loss"] == pytest.approx(mean_squared_error(Y, mean, sample_weight=weight))  # 1/2 of two outputs
    assert scores["r2"] == pytest.approx(r2_score(Y, mean, sample_weight=weight))


def test_outputs_are_weighed_and_targets_may_be_missing() -> None:
    nets = [regression(seed, cost="huber", cost_parameter=0.3) for seed in range(2)]
    Y = RNG.randn(30, 2)
    Y[::3, 1] = np.nan
    distance = np.abs(np.mean([net.feedforward(X) for net in nets], axis=0) - Y)
    each = np.where(distance <= 0.3, distance**2 / 2, 0.3 * (distance - 0.15))
    scores = fastbp.Ensemble(nets).evaluate(X, Y, output_weight=[1.0, 2.5], missing_targets="ignore")
    assert scores["loss"] == pytest.approx(np.mean(np.nan_to_num(each) @ [1.0, 2.5]))


def test_what_is_not_finite_is_said() -> None:
    ensemble = classifiers()
    ensemble[1].b[2][0] = np.nan
    with pytest.warns(RuntimeWarning, match="The outputs of 30 of 30 samples, first of row 0, are NaN") as caught:
        ensemble.predict(X)
    assert caught[0].filename == __file__
    with pytest.warns(RuntimeWarning, match="The loss is nan"):
        ensemble.evaluate(X, LABELS)


def test_it_is_a_sequence_of_its_networks() -> None:
    nets = [classifier(0), classifier(1, 7)]
    ensemble = fastbp.Ensemble(iter(nets))
    assert (len(ensemble), list(ensemble), ensemble[1]) == (2, nets, nets[1])
    assert (ensemble.sizes, ensemble.activations, ensemble.cost) == ((4, 3), ("softmax",), "cross_entropy")
    assert ensemble.n_parameters == nets[0].n_parameters + nets[1].n_parameters
    assert repr(ensemble).startswith("<Ensemble of 2 networks: Network([4, 5, 3]")
    for twin in (pickle.loads(pickle.dumps(ensemble)), copy.deepcopy(ensemble)):
        assert twin[0] is not nets[0]
        assert same_bits(twin.feedforward(X), ensemble.feedforward(X))
    with pytest.raises(AttributeError, match=r"An Ensemble has no theta; its networks have. Use ensemble\[0\].theta"):
        ensemble.theta  # noqa: B018
    with pytest.raises(AttributeError, match="An Ensemble has no coefs_"):
        ensemble.coefs_  # noqa: B018


REFUSED: list[tuple[Any, type[Exception], str]] = [
    (3, TypeError, "nets is 3; several networks are needed"),
    (classifier(0), TypeError, r"nets is Network\("),
    ([], ValueError, "nets is empty"),
    ([classifier(0), 3], TypeError, r"nets\[1\] is 3; a network is needed"),
    ([classifier(0), fastbp.Network([5, 3])], ValueError, r"nets have different numbers of inputs: 4 of .* 5 of nets"),
    ([regression(0), fastbp.Network([4, 3])], ValueError, "different numbers of outputs: 2 of .* 3 of"),
    ([regression(0), fastbp.Network([4, 2])], ValueError, "different output activations: 'identity' of .* 'sigmoid'"),
    ([regression(0), regression(1, cost="absolute")], ValueError, "different costs"),
    (
        [regression(0, cost="huber", cost_parameter=p) for p in (1.0, 2.0)],
        ValueError,
        r"different cost_parameter: 1.0 of nets\[0\], 2.0 of nets\[1\]",
    ),
    ([classifier(0), classifier(1, task="regression")], ValueError, "different tasks"),
    ([classifier(0), classifier(1, classes=["a", "b", "d"])], ValueError, r"different meta\['classes'\]"),
]


@pytest.mark.parametrize(("nets", "kind", "message"), REFUSED)
def test_what_has_no_mean_is_refused(nets: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message) as caught:
        fastbp.Ensemble(nets)
    assert caught.value.parameter.startswith("nets")  # type: ignore[attr-defined]


def test_one_file_holds_all(tmp_path: Path) -> None:
    ensemble = classifiers()
    fastbp.save(ensemble, tmp_path / "three.fastbp")
    again = fastbp.load(tmp_path / "three.fastbp")
    assert isinstance(again, fastbp.Ensemble)
    assert [repr(net) for net in again] == [repr(net) for net in ensemble]
    assert [net.meta for net in again] == [net.meta for net in ensemble]
    assert all(same_bits(one.theta, other.theta) for one, other in zip(again, ensemble, strict=True))
    deep = classifier(0, mine={"a": [[[[1]]]]})
    fastbp.save(deep, tmp_path / "deep.fastbp")
    with pytest.raises(ValueError, match="nested too deeply for the file of an ensemble"):
        fastbp.save(fastbp.Ensemble([deep]), tmp_path / "three.fastbp")
    assert isinstance(fastbp.load(tmp_path / "three.fastbp"), fastbp.Ensemble)


def test_a_model_scales_for_an_ensemble(tmp_path: Path) -> None:
    scale, target = fastbp.Scale(X.mean(axis=0), X.std(axis=0)), fastbp.Scale([10.0, -5.0], [2.0, 3.0])
    nets = [regression(seed) for seed in range(3)]
    model = fastbp.Model(fastbp.Ensemble(nets), [scale], target=target)
    Y = RNG.randn(30, 2) * 3 + [10, -5]
    expected = np.mean([fastbp.Model(net, [scale], target=target).feedforward(X) for net in nets], axis=0)
    np.testing.assert_allclose(model.feedforward(X), expected, rtol=1e-12)
    assert model.evaluate(X, Y)["loss"] == pytest.approx(mean_squared_error(Y, expected))
    model.save(tmp_path / "model.fastbp")
    again = fastbp.load(tmp_path / "model.fastbp")
    assert isinstance(again, fastbp.Model)
    assert same_bits(again.predict(X), model.predict(X))
    assert len(again.net) == 3  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"net is <Ensemble of .*; a network is needed"):
        model.train(X, Y)
    with pytest.raises(TypeError, match=r"net is <Ensemble of .*; a network is needed"):
        fastbp.explain(model.net, X[0], Y[0])


def tampered(**changes: Any) -> list[bytes | memoryview]:
    """The file of an ensemble with other entries in its description, or in that of its second network."""
    description, tensors = _described(Contents(classifiers()))
    for name, value in changes.items():
        where = description if name in description else description["networks"][1]
        where[name] = value
        if name == "networks":
            tensors = {key: t for key, t in tensors.items() if key.startswith("networks.0.")}
    return pack(description, tensors)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format_version": 2}, "its format_version is 2; it must be a whole number from 3"),
        ({"format_version": 99}, "was written by a newer fastbp"),
        ({"networks": []}, "holds what belongs to none of its networks"),
        ({"networks": {}}, "the description of an ensemble is that of its networks alone"),
        ({"networks": [3]}, "the description of an ensemble is that of its networks alone"),
        ({"sizes": [4, 7, 2]}, "classes|holds tensor"),
        ({"sizes": [4, 8, 3]}, "holds tensor layers.1.weight"),
        ({"activations": ["tanh", "sigmoid"]}, "describes an ensemble that cannot be: nets have different output"),
        ({"checkpoint": {}}, "its description must hold"),
    ],
)
def test_a_damaged_file_is_refused(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    path = tmp_path / "damaged.fastbp"
    path.write_bytes(b"".join(tampered()))
    assert isinstance(fastbp.load(path), fastbp.Ensemble)
    path.write_bytes(b"".join(tampered(**changes)))
    with pytest.raises(LoadError, match=message):
        fastbp.load(path)


def test_the_command_line_predicts_with_one_and_shows_it(tmp_path: Path) -> None:
    ensemble = fastbp.Ensemble([classifier(0), classifier(1, 7)])
    path, data = tmp_path / "two.fastbp", tmp_path / "X.npy"
    fastbp.save(ensemble, path)
    np.save(data, X)
    result = CliRunner().invoke(app, ["predict", str(path), str(data)])
    assert result.exit_code == 0, result.output
    assert result.output.split()[1:] == [NAMES["classes"][label] for label in ensemble.predict(X)]
    shown = CliRunner().invoke(app, ["info", str(path)], env={"COLUMNS": "200"})
    assert shown.exit_code == 0, shown.output
    assert "an ensemble of 2 networks" in shown.output
    assert f"{ensemble.n_parameters:,} parameters" in shown.output
    refused = CliRunner().invoke(app, ["doctor", str(path)])
    assert refused.exit_code == 1
    assert "a network is needed" in refused.output
