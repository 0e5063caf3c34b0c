"""What other libraries call things: accepted where it means the same, else answered with the way to write it."""

from __future__ import annotations

import importlib
import inspect
import pickle
import subprocess
import sys
import typing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastbp
from fastbp import checks
from fastbp.functions.entry import CostFunction

X, Y = np.ones((3, 4)), np.eye(3)[:, :2]


def net(**options: Any) -> fastbp.Network:
    return fastbp.Network([4, 3, 2], **({"seed": 0} | options))


@pytest.mark.parametrize(
    ("other", "name"),
    [("linear", "identity"), ("logistic", "sigmoid"), ("swish", "silu"), ("exponential", "exp")],
)
def test_another_name_of_the_same_activation_is_accepted(other: str, name: str) -> None:
    for given, meant in ((other, name), (["tanh", other], ["tanh", name])):
        assert net(activations=given).activations == net(activations=meant).activations
        assert repr(net(activations=given)) == repr(net(activations=meant))
    assert np.array_equal(net(activations=other).feedforward(X), net(activations=name).feedforward(X))


@pytest.mark.parametrize("name", ["fit", "train", "save", "load", "score", "forward", "weights", "biases", "coefs_",
                                  "state_dict", "compile", "SGD", "partial_fit", "predict_proba", "bias", "params",
                                  "delta", "summary", "loss_function"])  # fmt: skip
def test_what_a_network_does_not_have_is_answered(name: str) -> None:
    answers = {
        "fastbp.train(net, X, Y, ...)": ("fit", "train", "compile", "SGD", "partial_fit"),
        'fastbp.save(net, "net.fastbp")': ("save",),
        'fastbp.load("net.fastbp")': ("load",),
        "net.evaluate(X, Y)": ("score",),
        "net.feedforward(X)": ("forward", "predict_proba"),
        "net.w[l] and net.b[l]": ("weights", "biases", "coefs_", "state_dict", "bias", "params"),
        "net.backprop(X, Y)": ("delta",),
        "print(net)": ("summary",),
        "See net.cost": ("loss_function",),
    }
    expected = next(answer for answer, names in answers.items() if name in names)
    with pytest.raises(AttributeError, match=f"^A Network has no {name}\\. ") as caught:
        getattr(net(), name)
    assert expected in str(caught.value)
    assert not hasattr(net(), name)


@pytest.mark.parametrize("name", ["weights", "biases", "coefs_", "learning_rate", "sizes", "activations", "cost",
                                  "dtype"])  # fmt: skip
def test_what_would_change_nothing_cannot_be_assigned(name: str) -> None:
    made: Any = net()
    before = made.feedforward(X)
    values: dict[str, Any] = {"sizes": (4, 5, 2), "activations": ("relu", "relu"), "cost": "cross_entropy"}
    value = (values | {"dtype": np.dtype("float32")}).get(name, 0.5)
    with pytest.raises(AttributeError, match=f"^(A Network has no {name}\\. |{name} is fixed once a network is made)"):
        setattr(made, name, value)
    assert np.array_equal(made.feedforward(X), before)
    made.note = "of the user"


def test_an_attribute_that_is_nowhere_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"A Network has no nothing; see help") as caught:
        net().nothing  # noqa: B018
    assert caught.value.name == "nothing"


CALLS: list[tuple[str, str]] = [
    ("fastbp.Network(4, 8, 3)", "all else by name. Pass fastbp.Network([4, 8, 3])"),
    ("fastbp.Network([4, 3], 'relu')", "Pass fastbp.Network([4, 3], activations='relu')"),
    ("fastbp.Network((4, 3), 'relu', 'mse')", "Pass fastbp.Network((4, 3), activations='relu')"),
    ("fastbp.Network([4, 3], activation='relu')", "Pass activations='relu'"),
    ("fastbp.Network([4, 3], hidden=30)", "Pass the neurons of all layers"),
    ("fastbp.Network([4, 3], hidden_layer_sizes=(30,))", "Pass the neurons of all layers"),
    ("fastbp.Network([4, 3], loss='quadratic')", "Pass cost='quadratic'."),
    ("fastbp.Network([4, 3], loss='mse')", "given as 'mse'. Pass cost='quadratic', which is C_x = 1/2 sum_j"),
    ("fastbp.Network([4, 3], criterion='BCELoss')", "given as 'BCELoss'. Pass cost='cross_entropy'"),
    ("fastbp.Network([4, 3], initializer='xavier')", "given as 'xavier'. Pass init='glorot_uniform'"),
    ("fastbp.train(net(), X, Y, loss='mse')", "to the network: fastbp.Network(sizes, activations=..., cost=...)"),
    ("fastbp.Network([4, 3], random_state=0)", "Pass seed=0"),
    ("fastbp.Network([4, 3], optimizer='adam')", "It belongs to training"),
    ("fastbp.Network([4, 3], actvations='relu')", "Did you mean activations?"),
    ("fastbp.Network([4, 3], cost='mse')", "Pass cost='quadratic', which is C_x = 1/2 sum_j"),
    ("fastbp.Network([4, 3], cost='MSELoss')", "Pass cost='quadratic'"),
    ("fastbp.Network([4, 3], cost='bce')", "Pass cost='cross_entropy'"),
    ("fastbp.Network([4, 3], cost='categorical_crossentropy')", "Pass cost='cross_entropy'"),
    ("fastbp.Network([4, 3], cost='sse')", "Pass cost='quadratic'"),
    ("fastbp.Network([4, 3], cost='MAE')", "Pass cost='absolute', which is C_x = sum_j |a_j - y_j|"),
    ("fastbp.Network([4, 3], loss='SmoothL1Loss')", "Pass cost='huber'"),
    ("fastbp.Network([4, 3], cost='pinball')", "Pass cost='quantile', with the quantile as cost_parameter=0.9"),
    ("fastbp.Network([4, 3], cost='quantile', tau=0.9)", "Pass cost_parameter=0.9"),
    ("fastbp.Network([4, 3], bias=False)", "Every layer has biases"),
    ("fastbp.Network([4, 3], init='xavier')", "Pass init='glorot_uniform' or init='glorot_normal'"),
    ("fastbp.Network([4, 3], init='Kaiming')", "Pass init='he_uniform' or init='he_normal'"),
    ("fastbp.Network([4, 3], init='random')", "Pass init='nielsen_large' for N(0, 1)"),
    ("fastbp.Network([4, 3], init='zeros')", "all neurons of a layer learn the same"),
    ("fastbp.Network([4, 3], activations=[None])", "Pass 'identity' where there is none"),
    ("fastbp.Network([4, 3], activations='step')", "Its slope is 0"),
    ("fastbp.Network([4, 3], activations='Logistic')", "Did you mean 'sigmoid'?"),
    ("net().gradient(X, Y, cost='squared_error')", "Pass cost='quadratic'"),
    ("fastbp.Network([4, 3], activations='ReLU')", "Did you mean 'relu'?"),
    ("fastbp.Network([4, 3], activations=['LeakyReLU'])", "Did you mean 'leaky_relu'?"),
    ("fastbp.train(net(), X, Y, optimizer='adam')", "Pass optimizer=fastbp.Adam(learning_rate=0.001)"),
    ("fastbp.train(net(), X, Y, optimizer='Adam()')", "Pass optimizer=fastbp.Adam(learning_rate=0.001)"),
    ("fastbp.train(net(), X, Y, optimizer=fastbp.RMSprop)", "Pass optimizer=fastbp.RMSprop(learning_rate=0.01)"),
    ("fastbp.train(net(), X, Y, optimizer='adamax')", "Pass optimizer=fastbp.SGD(learning_rate=0.1)"),
    ("fastbp.train(net(), X, Y, optimizer='lbfgs')", "Pass optimizer=fastbp.LBFGS()"),
    ("fastbp.train(net(), X, Y, optimizer='momentum')", "fastbp.SGD(learning_rate=0.1, momentum=0.9)"),
    ("fastbp.train(net(), X, Y, optimizer='Nesterov')", "momentum=0.9, nesterov=True"),
    ("fastbp.train(net(), X, Y, solver='adam')", "Pass optimizer="),
    ("fastbp.train(net(), X, Y, minibatch=8)", "Pass batch_size=8"),
    ("fastbp.train(X, Y, net())", "net has shape (3, 4); a network is needed, as the first argument"),
    ("fastbp.train(net(), X, Y, lr=0.3)", "Pass optimizer=fastbp.SGD(learning_rate=0.3)"),
    ("fastbp.train(net(), X, Y, momentum=0.9)", "It belongs to the optimizer"),
    ("fastbp.train(net(), X, Y, batch=8)", "Pass batch_size=8"),
    ("fastbp.train(net(), X, Y, n_epochs=8)", "Pass epochs=8"),
    ("fastbp.train(net(), X, Y, validation_data=(X, Y))", "Pass validation=(X_val, Y_val)"),
    ("fastbp.train(net(), X, Y, patience=3)", "fastbp.EarlyStopping(patience=10)"),
    ("fastbp.train(net(), X, Y, verbose=1)", "Pass progress=True"),
    ("fastbp.train(net(), X, Y, epohcs=8)", "Did you mean epochs?"),
    ("fastbp.train(net(), X, Y, colour=8)", "It takes net, X, Y, optimizer, epochs"),
    ("fastbp.train(net(), X, Y, 30, 10, 3.0)", "all else by name: epochs=30, batch_size=10"),
    ("fastbp.SGD(lr=0.3)", "Pass learning_rate=0.3"),
    ("fastbp.Adam(0.1, beta1=0.8)", "Pass beta_1=0.8"),
    ("fastbp.Adam(betas=(0.9, 0.99))", "Pass beta_1 and beta_2"),
    ("fastbp.RMSprop(alpha=0.9)", "Pass rho=0.9"),
    ("fastbp.AdamW(weight_decy=0.9)", "Did you mean weight_decay?"),
    ("fastbp.EarlyStopping(restore_best_weights=True)", "Pass restore_best=True"),
    ("fastbp.MLPClassifier", "from fastbp.sklearn import MLPClassifier"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "answer"), CALLS)
def test_what_is_written_otherwise_is_answered_with_the_way_to_write_it(call: str, answer: str) -> None:
    with pytest.raises((TypeError, ValueError, AttributeError)) as caught:
        eval(call)
    assert answer in str(caught.value)


def test_a_large_argument_does_not_fill_the_message() -> None:
    with pytest.raises(TypeError) as caught:
        fastbp.train(net(), X, Y, eval_set=(list(range(10000)), list(range(10000))))  # type: ignore[call-arg]
    assert len(str(caught.value)) < 400


def test_signatures_are_those_that_are_documented() -> None:
    assert list(inspect.signature(fastbp.train).parameters)[:5] == ["net", "X", "Y", "optimizer", "epochs"]
    assert list(inspect.signature(fastbp.Network).parameters)[:3] == ["sizes", "activations", "cost"]
    assert list(inspect.signature(fastbp.SGD).parameters) == ["learning_rate", "momentum", "nesterov", "weight_decay"]
    for made in (fastbp.Adam(0.1, weight_decay=0.2), fastbp.EarlyStopping("loss", 3)):
        assert pickle.loads(pickle.dumps(made)) == made


def test_a_run_is_shown_in_a_line() -> None:
    made = net()
    run = fastbp.train(made, np.ones((3, 4)), [0, 1, 1], epochs=3, callbacks=lambda run: run.epoch == 2 and run.stop())
    loss, accuracy = run.history["loss"][-1], run.history["accuracy"][-1]
    assert repr(run) == (
        f"<Run of 2 of 3 epochs, stop() was called: loss={loss:.4g}, accuracy={accuracy:.4g}, learning_rate=0.1>"
    )
    run.history["x"] = list(range(10000))
    assert len(repr(run)) < 200
    assert repr(fastbp.train(made, X, Y, epochs=0)) == "<Run of 0 of 0 epochs>"


def test_types_say_which_names_there_are_and_what_is_an_array() -> None:
    pytest.importorskip("sklearn")
    from fastbp.sklearn import MLPClassifier, MLPRegressor

    assert set(typing.get_args(checks.Activation)) == {entry.name for entry in fastbp.activations.ACTIVATIONS}
    assert set(typing.get_args(checks.Cost)) == set(fastbp.activations.COSTS)
    hints = typing.get_type_hints(fastbp.Network.__init__.__wrapped__)  # type: ignore[attr-defined]
    names = {name for part in typing.get_args(hints["activations"]) for name in typing.get_args(part)}
    assert fastbp.activations.ActivationFunction in typing.get_args(hints["activations"])
    assert {"sigmoid", "softmax", "linear", "swish"} <= names
    assert set(typing.get_args(hints["cost"])) == {checks.Cost, CostFunction}
    assert typing.get_args(hints["init"]) == fastbp.initializers.INITIALIZERS
    for function in (fastbp.train, MLPClassifier.__init__, MLPRegressor.__init__):
        options = typing.get_args(typing.get_type_hints(inspect.unwrap(function))["batch_size"])
        assert typing.Literal["auto"] in options
        assert str not in options
    for method in (fastbp.Network.feedforward, fastbp.Network.predict, type(net().w).__getitem__):
        assert typing.get_origin(typing.get_type_hints(method)["return"]) is np.ndarray


FORMER = ["activations", "callbacks", "optimizers", "progress", "scaling", "schedules"]


def test_modules_are_found_under_their_former_names() -> None:
    from fastbp._moved import MOVED

    assert sorted(MOVED) == [f"fastbp.{name}" for name in FORMER]
    for former, name in MOVED.items():
        module = importlib.import_module(name)
        spec = module.__spec__
        sys.modules.pop(former, None)
        assert importlib.import_module(former) is module
        assert (module.__spec__, module.__name__) == (spec, name), "the module is as it was"
    with pytest.raises(ModuleNotFoundError, match="optimisers"):
        importlib.import_module("fastbp.optimisers")


@pytest.mark.parametrize(
    ("former", "name", "value"),
    [
        ("optimizers", "Adam", "fastbp.training.optimizers"),
        ("callbacks", "History", "fastbp.training.history"),
        ("callbacks", "EarlyStopping", "fastbp.training.stopping"),
        ("schedules", "Cosine", "fastbp.training.schedules"),
        ("scaling", "Scale", "fastbp.data.scaling"),
    ],
)
def test_pickles_name_classes_by_the_former_modules(former: str, name: str, value: str) -> None:
    """The protocol's GLOBAL opcode, as version 0.1.0 wrote it, in a process that has imported nothing."""
    code = f"import pickle; print(pickle.loads({f'cfastbp.{former}{chr(10)}{name}{chr(10)}.'.encode()!r}).__module__)"
    root = str(Path(fastbp.__file__).parents[1])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert done.stdout.strip() == value
