"""Models: raw rows in, names or numbers in their own units out, from the library as from the command line."""

from __future__ import annotations

import copy
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import run as fastbp_
from nets import SMALL, same_bits
from typer.testing import CliRunner

import fastbp
from fastbp import Model, Network, Scale
from fastbp.cli import app

pytestmark = pytest.mark.usefixtures("in_an_empty_folder")

FILES = Path(__file__).parent / "files"
ROWS = np.loadtxt(FILES / "rows.csv", delimiter=",", skiprows=1)[:, :3]


def rows_of_very_different_size(n: int = 60) -> np.ndarray:
    rng = np.random.default_rng(5)
    return np.column_stack([rng.uniform(3, 9, n), rng.uniform(900, 1100, n), rng.uniform(0, 0.02, n)]).round(5)


def regression(dtype: str = "float32", target: Scale | None = None) -> tuple[Model, np.ndarray, np.ndarray]:
    """A model whose outputs mean something, raw rows and targets in their own units."""
    X = rows_of_very_different_size()
    Y = np.column_stack([2 * X[:, 0] - 0.03 * X[:, 1] + 100 * X[:, 2] + 4000, X[:, 0] * 1e-3])
    net = Network([3, 4, 2], activations=["tanh", "identity"], dtype=dtype, seed=1, meta={"features": ["a", "b", "c"]})
    steps = [Scale(X.mean(axis=0), X.std(axis=0))]
    return Model(net, steps, target=target or Scale(Y.mean(axis=0), Y.std(axis=0))), X, Y


def classification() -> tuple[Model, np.ndarray, np.ndarray]:
    X = rows_of_very_different_size()
    names = np.array(["poor", "fair", "good"])[np.digitize(X[:, 0], [5, 7])]
    meta = {"classes": ["fair", "good", "poor"]}
    net = Network([3, 3], activations="softmax", cost="cross_entropy", seed=1, meta=meta)
    return Model(net, [Scale(X.mean(axis=0), X.std(axis=0))]), X, names


# ---------------------------------------------------------------------------------------------------- predictions


TABLES = {
    "regression": ("price", ("--task", "regression")),
    "regression in float64": ("price", ("--task", "regression", "--dtype", "float64")),
    "regression unscaled": ("price", ("--task", "regression", "--no-scale", "--learning-rate", "1e-9")),
    "classes": ("kind", ()),
    "classes unscaled": ("kind", ("--no-scale",)),
    "three classes": ("grade", ()),
}


@pytest.mark.parametrize("case", TABLES)
def test_the_library_predicts_what_the_command_line_writes(case: str) -> None:
    target, options = TABLES[case]
    X = rows_of_very_different_size()
    column = {
        "price": 300_000 + 40_000 * (X[:, 0] - 0.02 * X[:, 1]),
        "kind": np.where(X[:, 0] > 6, "high", "low, or none"),
        "grade": np.digitize(X[:, 0], [5, 7]) * 10 + 3,
    }[target]
    lines = [",".join([*map(str, x), f'"{y}"']) for x, y in zip(X.tolist(), column, strict=True)]
    Path("table.csv").write_text("\n".join([f"a,b,c,{target}", *lines]) + "\n")
    epochs = "2" if SMALL else "5"
    fastbp_("train", "table.csv", "--target", target, "--hidden", "3", "--epochs", epochs, "-q", *options)
    model = fastbp.load("model.fastbp")
    assert isinstance(model, Model)
    scaled = "unscaled" not in case
    assert model.columns is not None
    assert (model.target is not None) == (scaled and target == "price")
    predicted = model.predict(X)
    fastbp_("predict", "model.fastbp", "table.csv", "--out", "p.npy")
    assert same_bits(np.load("p.npy"), predicted)
    fastbp_("predict", "model.fastbp", "table.csv", "--out", "p.csv")
    written = [line.strip('"') for line in Path("p.csv").read_text().splitlines()[1:]]
    assert same_bits(np.array(written).astype(predicted.dtype).reshape(predicted.shape), predicted)
    fastbp_("predict", "model.fastbp", "table.csv", "--probabilities", "--out", "q.npy")
    assert same_bits(np.load("q.npy"), model.feedforward(X))
    assert same_bits(model.predict(X[3:4]), predicted[3:4])
    if target != "price":
        assert set(np.unique(predicted)) <= set(np.unique(column))
    elif scaled:  # within the range of the targets, not of scaled ones
        assert np.abs(predicted.mean() / column.mean() - 1) < 0.3


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_scaling_is_applied_in_float64_and_rounded_once(dtype: str) -> None:
    model, X, _ = regression(dtype)
    (step,), target = model.steps, model.target
    assert target is not None
    Z = ((X - step.subtract) / step.divide).astype(dtype)
    assert same_bits(model.transform(X), Z)
    a = Z.astype(dtype)
    expected = (model.net.feedforward(a).astype(np.float64) * target.divide + target.subtract).astype(dtype)
    assert same_bits(model.predict(X), expected)
    assert same_bits(model.feedforward(X), expected)
    assert same_bits(model.predict(np.asfortranarray(X)[::-1]), expected[::-1])
    assert same_bits(model.predict(X.tolist()), expected)
    raw = X.astype(np.float32)  # a raw value has its own precision
    Z = ((raw.astype(np.float64) - step.subtract) / step.divide).astype(dtype)
    assert same_bits(model.transform(raw), Z)


def test_steps_follow_each_other() -> None:
    net = Network([2, 1], activations="identity", seed=0)
    X = np.array([[1.0, 2.0], [3.0, 5.0]])
    model = Model(net, [Scale(1.0, 2.0), Scale([0.5, -1.0], [4.0, 8.0])])
    assert same_bits(model.transform(X), ((X - 1) / 2 - [0.5, -1]) / [4, 8])
    assert same_bits(Model(net).predict(X), net.predict(X))


def test_targets_far_from_zero_keep_their_digits_in_single_precision() -> None:
    """Seconds since 1970, say: float32 knows them to two minutes."""
    model, X, _ = regression("float32", Scale([1.7e9, 0.0], [100.0, 1.0]))
    out = model.predict(X)
    expected = model.net.feedforward(model.transform(X)).astype(np.float64) * [100.0, 1.0] + [1.7e9, 0.0]
    assert out.dtype == np.float64
    assert same_bits(out, expected)
    assert regression("float32", Scale(0.0, 1e37))[0].predict(X).dtype == np.float64
    assert regression("float32", Scale(2000.0, 10.0))[0].predict(X).dtype == np.float32


def test_columns_of_a_data_frame_are_found_by_name() -> None:
    pandas = pytest.importorskip("pandas")
    model, X, _ = regression()
    frame = pandas.DataFrame(X, columns=["a", "b", "c"])
    expected = model.predict(X)
    assert same_bits(model.predict(frame), expected)
    assert same_bits(model.predict(frame[["c", "a", "b"]].assign(target=0.0)), expected)
    assert same_bits(model.predict(pandas.DataFrame(X)), expected)
    with pytest.raises(ValueError, match=r"X has no column 'b', one of 1 that are missing; .*'a', 'b', 'c'"):
        model.predict(frame.drop(columns="b"))
    twice = pandas.concat([frame, frame[["a"]]], axis=1)
    with pytest.raises(ValueError, match="X has 2 columns named 'a'"):
        model.predict(twice)


def test_columns_of_a_polars_frame_are_found_by_name() -> None:
    polars = pytest.importorskip("polars")
    model, X, _ = regression()
    frame = polars.DataFrame({"c": X[:, 2], "b": X[:, 1], "a": X[:, 0]})
    assert same_bits(model.predict(frame), model.predict(X))


@pytest.mark.parametrize(
    ("X", "match"),
    [
        (np.ones((2, 4)), "X has 4 columns; this network's layer 0 has 3"),
        (np.ones(3), "one dimension"),
        ([[1.0, np.nan, 2.0]], "X has nan in row 0, column 1"),
        ([[1.0, 2.0, np.inf]], "X has inf in row 0, column 2"),
        ([[1.0, 2.0, 1e300]], r"X has 1e\+300 in row 0, column 2, too large for float32"),
        ([["a", "b", "c"]], "X holds text"),
        (np.ones((0, 3)), "0 samples"),
    ],
)
def test_raw_rows_that_cannot_be_used(X: Any, match: str) -> None:
    model, _, _ = regression("float32")
    with pytest.raises((ValueError, TypeError), match=match):
        model.predict(X)


# ---------------------------------------------------------------------------------------------------- files of 0.1.0


def test_a_regression_of_version_0_1_0_gives_what_it_gave() -> None:
    model = fastbp.load(FILES / "regression-0.1.0.fastbp")
    assert isinstance(model, Model)
    assert model.target is None  # it is part of the last layer
    assert model.meta["target"] == "quality"
    assert "input" not in model.meta
    printed = [26.215437, 25.87578, 26.336346, 19.702291, 21.761145]  # by fastbp 0.1.0
    np.testing.assert_allclose(model.predict(ROWS)[:, 0], printed, rtol=1e-6)
    again = fastbp_("predict", str(FILES / "regression-0.1.0.fastbp"), str(FILES / "rows.csv"))
    assert again.split() == ["output_0", *(str(y) for y in model.predict(ROWS)[:, 0])]
    model.save("again.fastbp")
    assert same_bits(fastbp.load("again.fastbp").predict(ROWS), model.predict(ROWS))


def test_classes_of_version_0_1_0_are_what_they_were() -> None:
    model = fastbp.load(FILES / "classes-0.1.0.fastbp")
    assert model.predict(ROWS).tolist() == ["good", "good", "good", "poor", "good"]
    printed = [0.079467945, 0.09876815, 0.08379508, 0.9383682, 0.428073]
    np.testing.assert_allclose(model.feedforward(ROWS)[:, 0], printed, rtol=1e-6)
    assert model.classes.tolist() == ["good", "poor"]


# ---------------------------------------------------------------------------------------------------- index form


@pytest.mark.parametrize(
    "name",
    ["w", "b", "theta", "L", "gradient", "backprop", "input_jacobian", "parameter_jacobian", "per_sample_gradient",
     "hessian_vector_product", "parameters", "set_parameters", "copy", "explain", "jacobian", "gradcheck", "delta"],
)  # fmt: skip
def test_what_is_in_index_form_is_asked_of_the_network(name: str) -> None:
    model, _, _ = regression()
    elsewhere = {"jacobian": "model.net.input_jacobian or model.net.parameter_jacobian", "delta": "model.net.backprop"}
    elsewhere |= {function: rf"fastbp.{function}\(model.net" for function in ("explain", "gradcheck")}
    call = elsewhere.get(name, f"model.net.{name}")
    with pytest.raises(AttributeError, match=f"A Model has no {name}: it is the network's.*Use {call}"):
        getattr(model, name)


@pytest.mark.parametrize(
    ("name", "answer"),
    [("fit", r"Call model\.train"), ("score", r"Call model\.evaluate"), ("predict_proba", r"Call model\.feedforward"),
     ("weights", r"With net = model\.net: They are net\.w\[l\]"), ("nothing", r"see help\(fastbp\.Model\)")],
)  # fmt: skip
def test_other_names_of_what_a_model_does_are_answered(name: str, answer: str) -> None:
    model, _, _ = regression()
    with pytest.raises(AttributeError, match=f"A Model has no {name}[.;] {answer}"):
        getattr(model, name)


@pytest.mark.parametrize("name", ["net", "steps", "target", "w", "theta", "meta", "classes", "weights"])
def test_what_would_change_nothing_cannot_be_assigned(name: str) -> None:
    model, _, _ = regression()
    with pytest.raises(AttributeError, match=name):
        setattr(model, name, ())
    assert copy.copy(model).net is model.net
    assert copy.deepcopy(model).steps == model.steps


def test_functions_of_networks_refuse_models_and_name_the_network() -> None:
    from fastbp.sklearn import MLPRegressor

    model, X, Y = regression("float64")
    before = model.net.theta.copy()
    calls = [
        lambda: fastbp.train(model, X, Y),
        lambda: fastbp.explain(model, X[0], Y[0]),
        lambda: fastbp.gradcheck(model, X, Y),
        lambda: fastbp.diagnose(model, X[0], Y[0]),
        lambda: fastbp.teach.gradient_flow(model, X, Y),
        lambda: fastbp.teach.page(model, X[0], Y[0]),
        lambda: MLPRegressor.from_network(model),
        lambda: Model(model),
    ]
    for call in calls:
        with pytest.raises((TypeError, AttributeError), match=r"model\.net"):
            call()
    assert same_bits(model.net.theta, before)


def test_the_network_of_a_model_knows_scaled_numbers() -> None:
    model, X, Y = regression("float64")
    g = model.net.gradient(model.transform(X), model.transform_targets(Y))
    step, target = model.steps[0], model.target
    expected = model.net.gradient((X - step.subtract) / step.divide, (Y - target.subtract) / target.divide)
    assert same_bits(g.w[1], expected.w[1])


# ---------------------------------------------------------------------------------------------------- training


def test_training_and_evaluation_take_raw_rows_and_targets() -> None:
    model, X, Y = regression("float64")
    twin = model.net.copy()
    s = np.linspace(0.5, 2, len(X))
    options: dict[str, Any] = {"epochs": 8, "batch_size": 10, "optimizer": fastbp.SGD(0.1), "seed": 0}
    run = model.train(X[:40], Y[:40], sample_weight=s[:40], validation=(X[40:], Y[40:], s[40:]), **options)
    step, target = model.steps[0], model.target
    Z, T = (X - step.subtract) / step.divide, (Y - target.subtract) / target.divide
    same = fastbp.train(twin, Z[:40], T[:40], sample_weight=s[:40], validation=(Z[40:], T[40:], s[40:]), **options)
    assert same_bits(model.net.theta, twin.theta)
    assert run.history == same.history
    scores = model.evaluate(X, Y, sample_weight=s)
    a = model.predict(X)
    loss = (s * ((a - Y) ** 2).sum(axis=1) / 2).sum() / s.sum()
    r2 = 1 - (s[:, None] * (a - Y) ** 2).sum(axis=0) / (
        s[:, None] * (Y - (s[:, None] * Y).sum(axis=0) / s.sum()) ** 2
    ).sum(axis=0)
    assert scores["loss"] == pytest.approx(loss, rel=1e-12)
    assert scores["r2"] == pytest.approx(r2.mean(), rel=1e-9)
    assert (model.steps[0], model.target) == (step, target)


def test_one_target_column_may_have_one_dimension() -> None:
    X = rows_of_very_different_size()
    y = 1000 * X[:, 0] + 5e5
    net = Network([3, 1], activations="identity", seed=0)
    model = Model(net, [Scale(X.mean(axis=0), X.std(axis=0))], target=Scale(y.mean(), y.std()))
    model.train(X, y, epochs=40, optimizer=fastbp.SGD(0.2), seed=0)
    scores = model.evaluate(X, y)
    assert scores["r2"] > 0.999
    assert scores["loss"] == pytest.approx(((model.predict(X)[:, 0] - y) ** 2).mean() / 2, rel=1e-9)
    assert scores == pytest.approx(model.evaluate(X, y[:, None]))


def test_scaled_targets_are_numbers_whatever_the_outputs_could_mean() -> None:
    X = rows_of_very_different_size()
    y = 30 + 10 * X[:, 0]
    model = Model(Network([3, 1], seed=0), [Scale(X.mean(axis=0), X.std(axis=0))], target=Scale(0.0, 150.0))
    assert model.task == "regression"
    assert same_bits(model.transform_targets(y), y[:, None] / 150)
    run = model.train(X, y, epochs=2, seed=0)
    assert "accuracy" not in run.history
    assert same_bits(model.predict(X), model.feedforward(X))
    assert saved(model).predict(X[:5]).max() > 1


def test_classes_have_names_everywhere() -> None:
    model, X, names = classification()
    model.train(X, names, epochs=30, optimizer=fastbp.SGD(0.5), validation=(X, names), seed=0)
    predicted = model.predict(X)
    assert predicted.dtype.kind == "U"
    assert model.evaluate(X, names)["accuracy"] == (predicted == names).mean() > 0.9
    assert model.evaluate(X, names.astype(object))["accuracy"] == (predicted == names).mean()
    one_hot = np.eye(3)[[["fair", "good", "poor"].index(name) for name in names]]
    assert model.evaluate(X, one_hot) == model.evaluate(X, names)
    for wrong in (["fair"] * 59 + ["best"], np.zeros(60, int), [None] * 60):
        with pytest.raises(ValueError, match=r"Y has the class .*; the model knows 'fair', 'good', 'poor'"):
            model.evaluate(X, wrong)
    meta = {"classes": [3, 4, 8]}
    numbered = Model(Network([3, 3], activations="softmax", cost="cross_entropy", seed=1, meta=meta), model.steps)
    assert set(numbered.predict(X)) <= {3, 4, 8}
    assert numbered.evaluate(X, numbered.predict(X))["accuracy"] == 1.0
    with pytest.raises(ValueError, match="Y has the class 0; the model knows 3, 4, 8"):
        numbered.evaluate(X, np.zeros(60, int))


def test_classes_of_several_kinds_stay_what_they_are() -> None:
    model = Model(Network([2, 1], cost="cross_entropy", seed=0, meta={"classes": ["none", 1]}))
    assert set(model.predict(np.random.default_rng(0).normal(size=(50, 2))).tolist()) == {"none", 1}


# ---------------------------------------------------------------------------------------------------- files


@pytest.mark.parametrize("make", [regression, classification], ids=["regression", "classification"])
def test_a_model_comes_back_as_it_was(make: Any) -> None:
    model, X, _ = make()
    for twin in (saved(model), copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert isinstance(twin, Model)
        assert twin.steps == model.steps
        assert twin.target == model.target
        assert same_bits(twin.net.theta, model.net.theta)
        assert same_bits(twin.predict(X), model.predict(X))
    model.save("b")
    assert Path("model").read_bytes() == Path("b").read_bytes()


def saved(model: Network | Model) -> Network | Model:
    fastbp.save(model, "model")
    return fastbp.load("model")


def test_one_number_for_all_columns_stays_one_number() -> None:
    model = Model(Network([3, 2], activations="identity", seed=0), [Scale(0, 255)], target=Scale(1, 2))
    assert saved(model).steps == model.steps
    assert saved(model).target.subtract.shape == ()


def test_saving_the_network_of_a_model_drops_the_preprocessing() -> None:
    model, X, _ = classification()
    net = saved(model.net)
    assert isinstance(net, Network)
    assert same_bits(net.feedforward(X), model.net.feedforward(X))
    assert net.meta["classes"] == ("fair", "good", "poor")
    assert isinstance(saved(Model(model.net)), Model)


def described(path: str) -> dict[str, Any]:
    content = Path(path).read_bytes()
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    return json.loads(header["__metadata__"]["fastbp"])


def test_only_a_file_with_preprocessing_needs_a_newer_fastbp() -> None:
    model, _, _ = regression()
    fastbp.save(model, "model")
    assert described("model")["format_version"] == 2
    fastbp.save(model.net, "net")
    assert described("net")["format_version"] == 1


def test_the_numbers_of_many_columns_fit_into_a_file() -> None:
    X = np.random.default_rng(0).normal(size=(2, 40_000))
    model = Model(Network([40_000, 1], seed=0), [Scale(X[0], np.abs(X[1]) + 0.1)])
    assert same_bits(saved(model).steps[0].divide, model.steps[0].divide)


def test_what_could_not_be_saved_is_not_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fastbp, "train", lambda *arguments, **options: pytest.fail("it was trained"))
    names = [f"{'long' * 2000}{i}" for i in range(2090)]  # with what is learned of them, more than a header's 16 MB
    cells = np.random.default_rng(0).random((8, len(names))).round(3)
    rows = [",".join([*map(str, row), str(i % 2)]) for i, row in enumerate(cells.tolist())]
    Path("table.csv").write_text("\n".join([",".join([*names, "kind"]), *rows]))
    message = fastbp_("train", "table.csv", "--target", "kind", "--hidden", "none", "-q", code=1)
    assert "Shorten net.meta" in " ".join(message.split())


@pytest.mark.parametrize(
    ("arguments", "options", "error", "match"),
    [
        ((3,), {}, TypeError, "net is 3; a network is needed"),
        ((Network([3, 1]), Scale(0, 1)), {}, TypeError, "a list of them is needed"),
        ((Network([3, 1]), [np.ones(3)]), {}, TypeError, "the only step is a fastbp.Scale"),
        ((Network([3, 1]), [Scale([0, 0], [1, 1])]), {}, ValueError, "a scaling of 2 columns; the network has 3"),
        ((Network([3, 1]),), {"target": Scale([0, 0], [1, 1])}, ValueError, "target holds a scaling of 2 columns"),
        (
            (Network([3, 1], cost="cross_entropy"),),
            {"target": Scale(0, 1)},
            ValueError,
            "only targets of quadratic",
        ),
        ((Network([3, 1], cost="quantile"),), {"target": Scale(0, -1)}, ValueError, "divides by a negative number"),
    ],
)
def test_steps_that_do_not_fit_the_network(arguments: Any, options: Any, error: type, match: str) -> None:
    with pytest.raises(error, match=match):
        Model(*arguments, **options)


def test_info_shows_what_is_done_to_the_rows() -> None:
    model, _, _ = regression(target=Scale(7.5, 0.25))
    model.save("model.fastbp")
    printed = fastbp_("info", "model.fastbp")
    assert "input scaled, subtract: [" in printed
    assert "target scaled, subtract: 7.5, divide: 0.25" in printed


def test_predictions_replace_a_file_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    from fastbp.io import atomic

    model, X, _ = regression()
    model.save("model.fastbp")
    np.save("X.npy", X)
    for out in ("p.csv", "p.npy"):
        Path(out).write_text("older predictions")
        with monkeypatch.context() as m:
            m.setattr(atomic.os, "fsync", no_space)
            message = fastbp_("predict", "model.fastbp", "X.npy", "--out", out, code=1)
        assert f"{out}: No space left on device" in message
        assert Path(out).read_text() == "older predictions"
    assert sorted(path.name for path in Path().iterdir()) == ["X.npy", "model.fastbp", "p.csv", "p.npy"]


@pytest.mark.parametrize(
    "text", ["5.1,1000,0.01\n6.1,1001,0.02\n", "salt,note,acid,density\n0.01,3,5.1,1000\n0.02,4,6.1,1001\n"]
)
def test_samples_may_come_from_standard_input(text: str) -> None:
    model = fastbp.load(FILES / "regression-0.1.0.fastbp")
    result = CliRunner().invoke(app, ["predict", str(FILES / "regression-0.1.0.fastbp"), "-"], input=text)
    assert result.exit_code == 0, result.output
    expected = model.predict([[5.1, 1000, 0.01], [6.1, 1001, 0.02]])
    assert result.output.split() == ["output_0", *(str(y) for y in expected[:, 0])]


def no_space(fd: int) -> None:
    raise OSError(28, "No space left on device")
