"""Models as pipelines and graphs, whose answers are compared with the model's own."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import fastbp
from fastbp import tables
from fastbp.data.columns import Columns
from fastbp.export import to_onnx, to_pipeline

RNG = np.random.default_rng(0)
N = 60


def frame(n: int, *, new: bool = False) -> pd.DataFrame:
    """Numbers with and without gaps, truth, categories with rare levels, with gaps, and with neither."""

    def drawn(*cells, n: int = n) -> np.ndarray:
        return np.array(cells, object)[RNG.integers(len(cells), size=n)]

    gaps = np.where(RNG.random(n) < 0.3, np.nan, RNG.normal(50, 9, n))
    whole = RNG.normal(-3, 0.1, n)
    if new:  # missing where there was nothing missing in training
        whole[::7] = np.nan
    rare = drawn("a", "b", "c") if new else np.array([*(["a", "b", "c"] * n)[: n - 3], "x", "y", "z"], object)
    both = np.array([*(["k", "l", None] * n)[: n - 2], "m", "n"], object)
    plain = drawn("red", "blue")
    for column in (rare, both, plain):
        if new:
            column[:9] = ["never", None] * 4 + ["never"]
    return pd.DataFrame(
        {"gaps": gaps, "whole": whole, "truth": drawn(0, 1).astype(float), "rare": rare, "both": both, "plain": plain}
    )


TRAINED, NEW = frame(N), frame(40, new=True)
COLUMNS = Columns.learn(TRAINED)
CASES: dict[str, dict] = {
    "two classes": {
        "sizes": [1],
        "activations": ["tanh", "sigmoid"],
        "cost": "cross_entropy",
        "classes": ["n", "y"],
    },
    "classes": {"sizes": [3], "activations": ["relu", "softmax"], "cost": "cross_entropy", "classes": [3, 5, 8]},
    "numbers": {"sizes": [1], "activations": ["silu", "identity"], "cost": "quadratic", "target": (1e5, 3e4)},
    "two numbers": {"sizes": [2], "activations": ["mish", "identity"], "cost": "quadratic"},
}


def made(case: str, columns: Columns | None = COLUMNS) -> fastbp.Model:
    told = CASES[case]
    classes = told.get("classes")
    meta = {"classes": classes} if classes else {"task": "regression"}
    width = 2 if columns is None else columns.n_features
    net = fastbp.Network(
        [width, 5, *told["sizes"]],
        activations=told["activations"],
        cost=told["cost"],
        dtype="float64",
        seed=3,
        meta=meta,
    )
    steps = [] if columns else [fastbp.Scale([1.0, -2.0], [3.0, 0.5]), fastbp.Scale(0.5, 2.0)]
    return fastbp.Model(net, steps, columns=columns, target=fastbp.Scale(*told["target"]) if "target" in told else None)


def test_the_frames_have_what_is_to_be_said() -> None:
    by_name = {column.name: column for column in COLUMNS.found}
    assert [by_name[name].kind for name in ("gaps", "truth", "rare")] == ["number", "yes/no", "category"]
    assert (by_name["rare"].other, by_name["both"].other, by_name["plain"].other) == (True, True, False)
    assert by_name["both"].n_missing > 0 == by_name["rare"].n_missing


@pytest.mark.parametrize("case", CASES)
def test_a_pipeline_answers_as_the_model_does(case: str) -> None:
    model = made(case)
    pipeline = to_pipeline(model)
    for rows in (TRAINED, NEW):
        expected = model.feedforward(rows)
        if model.task == "regression":
            given = pipeline.predict(rows).reshape(expected.shape)
        else:
            np.testing.assert_array_equal(pipeline.predict(rows), model.predict(rows))
            given = pipeline.predict_proba(rows)[:, -expected.shape[1] :]
        assert np.abs(given - expected).max() <= 1e-6 * np.abs(expected).max()
    X = RNG.normal(size=(9, 2))
    plain = made(case, None)
    ours, theirs = plain.predict(X), to_pipeline(plain).predict(X)
    if plain.task == "regression":
        np.testing.assert_allclose(theirs.reshape(ours.shape), ours, rtol=1e-9)
    else:
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("case", CASES)
def test_a_graph_answers_as_the_model_does(case: str, tmp_path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    model = made(case)
    to_onnx(model, tmp_path / "m.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx")
    for rows in (TRAINED, NEW):
        feed = {}
        for name in COLUMNS.names:
            cells = rows[name].to_numpy()[:, None]
            text = cells.dtype == object
            feed[name] = np.where(pd.isna(cells), "", cells).astype(object) if text else cells.astype(np.float64)
        outputs, *label = session.run(None, feed)
        expected = model.feedforward(rows)
        assert np.abs(outputs - expected).max() <= 1e-6 * np.abs(expected).max()
        if label:
            np.testing.assert_array_equal(label[0], model.predict(rows))
    plain, X = made(case, None), RNG.normal(size=(9, 2))
    session = onnxruntime.InferenceSession(to_onnx(plain).SerializeToString())
    np.testing.assert_allclose(session.run(["outputs"], {"X": X})[0], plain.feedforward(X), rtol=1e-9)


def test_what_cannot_be_said_is_named() -> None:
    n = 40
    tables = {
        "when": {"when": [f"2025-01-{1 + i % 28:02}" for i in range(n)]},
        "clock": {"clock": [f"{i % 24}:30" for i in range(n)]},
        "price": {"price": [f"{i},5" for i in range(n)]},
        "member": {"member": ["Yes", "no"] * (n // 2)},
    }
    for name, table in tables.items():
        columns = Columns.learn(table)
        model = fastbp.Model(fastbp.Network([columns.n_features, 1], seed=0), columns=columns)
        for export in (to_pipeline,) if name == "member" else (to_pipeline, to_onnx):
            with pytest.raises(NotImplementedError, match=f"The step '{name}' is"):
                export(model)
    with pytest.raises(NotImplementedError, match="The step 'net' is a Ensemble"):
        to_pipeline(fastbp.Model(fastbp.Ensemble([fastbp.Network([1, 1], seed=0)] * 2)))
    with pytest.raises(NotImplementedError, match="'net' has the activation 'gelu'"):
        to_onnx(fastbp.Model(fastbp.Network([1, 2, 1], activations=["gelu", "sigmoid"], seed=0)))
    scaled = fastbp.Network([1, 1], activations=["tanh"], cost="quadratic", seed=0)
    with pytest.raises(NotImplementedError, match="The step 'target' scales what a tanh output gives"):
        to_pipeline(fastbp.Model(scaled, target=fastbp.Scale(1, 2)))
    with pytest.raises(TypeError, match="model is 3"):
        to_pipeline(3)


@pytest.mark.parametrize("task", ["classification", "regression"])
@pytest.mark.parametrize("members", [1, 3])
def test_a_graph_of_the_preset_answers_as_its_members_do(task: str, members: int) -> None:
    """Columns with gaps, categories, and yes and no in words; rows with levels that were never seen."""
    onnxruntime = pytest.importorskip("onnxruntime")
    words = RNG.choice(["yes", "No"], N).astype(object)
    rows, y = TRAINED.assign(member=words), RNG.normal(5e4, 9e3, (N, 1))
    if task == "classification":
        y = np.arange(N) % 2
    model = tables.fit(
        rows, y, task=task, n_classes=2, n_members=members, recipe=tables.Recipe(epochs=2, hidden=(4,), least_steps=0),
        meta={"classes": ["n", "y"]} if task == "classification" else {}, n_threads=1,
    ).model()  # fmt: skip
    session = onnxruntime.InferenceSession(to_onnx(model).SerializeToString())
    new = NEW.assign(member=[["YES", "no", "yes", "No"][i % 4] for i in range(len(NEW))])
    feed = {}
    for given in session.get_inputs():
        cells = new[given.name].to_numpy()[:, None]
        text = given.type == "tensor(string)"
        feed[given.name] = np.where(pd.isna(cells), "", cells).astype(object) if text else cells.astype(np.float64)
    outputs, *label = session.run(None, feed)
    expected = model.feedforward(new)
    assert np.abs(outputs - expected).max() <= 1e-6 * np.abs(expected).max()
    if label:
        np.testing.assert_array_equal(label[0], model.predict(new))


def test_a_graph_decides_by_the_models_threshold() -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    X = RNG.normal(size=(40, 2))
    net = fastbp.Network([2, 1], cost="cross_entropy", dtype="float64", seed=0, meta={"task": "classification"})
    threshold = float(np.sort(net.feedforward(X), axis=0)[[29, 30], 0].mean())
    net.meta = {**net.meta, "decision_threshold": threshold}
    model = fastbp.Model(net)
    labels = onnxruntime.InferenceSession(to_onnx(model).SerializeToString()).run(["label"], {"X": X})[0]
    assert labels.sum() == 10
    np.testing.assert_array_equal(labels, model.predict(X))
    with pytest.raises(NotImplementedError, match="The step 'decision_threshold' is no part of a Pipeline"):
        to_pipeline(model)
