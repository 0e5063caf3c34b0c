"""The shapes that people's backpropagations have are taken as they are: right ones pass, faults get their names."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
import shapes

import fastbp
from fastbp.nielsen import network, network2


def names(mine: Any, batch: bool = False, **options: Any) -> list[str]:
    check = fastbp.check_backprop(mine, batch, **options)
    assert not check.passed
    return [mistake.name for mistake in check.mistakes]


def passes(mine: Any, batch: bool = False, **options: Any) -> str:
    check = fastbp.check_backprop(mine, batch, **options)
    assert check.passed, str(check)
    return check.message


# The book's class


def test_the_books_class_passes_as_class_and_as_object() -> None:
    assert "Taken for the class MyNetwork, with backprop(x, y)" in passes(shapes.book_class())
    assert "an object of MyNetwork" in passes(shapes.book_class()([4, 3, 2]))
    for options in ({}, {"mean": True}, {"weights_first": True}):
        passes(shapes.book_class(**options), batch=True)
    passes(shapes.RowNet)


def test_the_books_networks_of_this_package_pass() -> None:
    passes(network.Network)
    passes(network2.Network([2, 3, 1], cost=network2.CrossEntropyCost), cost="cross_entropy")
    passes(network2.Network([2, 3, 1], cost=network2.QuadraticCost), batch=True)


@pytest.mark.parametrize("fault", ["y-minus-a", "no-hidden-slope"])
def test_faults_of_the_books_class_have_their_names(fault: str) -> None:
    for batch in (False, True):
        assert names(shapes.book_class(fault), batch) == [fault]
    assert names(shapes.book_class(fault, mean=True), True) == [fault]
    assert names(shapes.book_class(fault, weights_first=True)) == [fault]


def test_a_class_that_cannot_be_made_or_filled_is_told_what_is_needed() -> None:
    class Empty:
        def __init__(self, sizes: Any) -> None:
            self.layers = sizes

        def backprop(self, x: Any, y: Any) -> Any:
            return None

    class Closed:
        def __init__(self) -> None:
            pass

        def backprop(self, x: Any, y: Any) -> Any:
            return None

    with pytest.raises(TypeError, match="has backprop but no list weights"):
        fastbp.check_backprop(Empty)
    with pytest.raises(TypeError, match="let the constructor take the list of sizes"):
        fastbp.check_backprop(Closed)


# Dicts


def test_forward_and_backward_with_dicts_pass() -> None:
    of_course = {"activations": ("relu", "sigmoid"), "cost": "cross_entropy"}
    for batch in (False, True):
        assert "forward and backward, with W1, b1" in passes(shapes.deep_pair(), batch, **of_course)
        passes(shapes.shallow_pair(), batch, activations=("tanh", "sigmoid"), cost="cross_entropy")
        passes(shapes.rows_function(), batch, activations=("relu", "softmax"), cost="cross_entropy")
    # Code for one hidden layer is tried on such networks only.
    shallow = fastbp.check_backprop(shapes.shallow_pair(), activations=("tanh", "sigmoid"), cost="cross_entropy")
    deep = fastbp.check_backprop(shapes.deep_pair(), **of_course)
    assert shallow.n_networks < deep.n_networks


@pytest.mark.parametrize(
    ("make", "fault", "activations"),
    [
        (shapes.deep_pair, "no-hidden-slope", ("relu", "sigmoid")),
        (shapes.deep_pair, "bias-from-weights", ("relu", "sigmoid")),
        (shapes.deep_pair, "sum-not-mean", ("relu", "sigmoid")),
        (shapes.shallow_pair, "slope-of-another", ("tanh", "sigmoid")),
        (shapes.rows_function, "y-minus-a", ("relu", "softmax")),
    ],
)
def test_faults_in_dicts_have_their_names(make: Any, fault: str, activations: Any) -> None:
    assert names(make(fault), True, activations=activations, cost="cross_entropy") == [fault]


# Graphs of scalars


def test_a_class_of_scalars_passes_and_a_grad_that_is_overwritten_is_found() -> None:
    assert "Scalar, of which networks are built" in passes(shapes.scalar())
    passes(shapes.scalar(), batch=True)
    assert names(shapes.scalar("slope-of-another")) == ["slope-of-another"]
    check = fastbp.check_backprop(shapes.scalar("one-path"))
    assert not check.passed
    # e e has e twice, and then each neuron's sum over k has a path too few.
    assert check.first_wrong == "BP1"
    with pytest.raises(ValueError, match=r"Scalar has no method relu; it has tanh"):
        fastbp.check_backprop(shapes.scalar(), activations="relu")
    with pytest.raises(ValueError, match="only 'quadratic' is built"):
        fastbp.check_backprop(shapes.scalar(), cost="cross_entropy")


def test_micrograd_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = pytest.importorskip("micrograd.engine", reason="micrograd, of the extra test, is not installed")
    nn = pytest.importorskip("micrograd.nn")
    assert "Value, of which networks are built" in passes(engine.Value)
    assert "MLP, a model of scalars" in passes(nn.MLP)
    passes(nn.MLP, batch=True)

    plain = engine.Value.relu

    def relu(self: Any) -> Any:
        out = plain(self)

        def _backward() -> None:
            self.grad += out.grad

        out._backward = _backward
        return out

    monkeypatch.setattr(engine.Value, "relu", relu)
    assert names(engine.Value) == ["no-slope"]
    assert names(nn.MLP) == ["no-hidden-slope"]


# PyTorch


def test_modules_pass_with_their_loss_and_others_are_told_apart() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: modules are not tried")
    from torch import nn

    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2), nn.Sigmoid())
    before = [p.detach().clone() for p in net.parameters()]
    assert "a PyTorch module of sizes [3, 4, 2]" in passes(net)
    passes(net.double(), batch=True)
    assert all(torch.equal(p, q.to(p.dtype)) for p, q in zip(net.parameters(), before, strict=True))
    passes(nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 3)), True,
           activations=("relu", "softmax"), cost="cross_entropy", loss=nn.CrossEntropyLoss())  # fmt: skip
    passes(nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1)), activations=("relu", "sigmoid"),
           cost="cross_entropy", loss=nn.BCEWithLogitsLoss())  # fmt: skip
    # The mean over all numbers, without 1/2, of three outputs: 2/3 of the cost here.
    wide = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 3), nn.Sigmoid()).double()
    assert names(wide, True, loss=nn.MSELoss()) == ["mean-over-outputs"]
    assert names(nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 3)).double(), True,
                 activations=("tanh", "identity")) == ["another-activation"]  # fmt: skip


def test_a_loss_of_another_cost_is_told_not_blamed() -> None:
    pytest.importorskip("torch", reason="PyTorch is not installed: modules are not tried")
    from torch import nn

    net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 3))
    with pytest.raises(ValueError, match=r"cost .*is 'quadratic', and CrossEntropyLoss .*\('tanh', 'softmax'\)"):
        fastbp.check_backprop(net, loss=nn.CrossEntropyLoss())
    passes(net, True, activations=("tanh", "softmax"), cost="cross_entropy", loss=nn.CrossEntropyLoss())


def test_a_gradient_of_ones_own_in_a_module_is_checked() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: modules are not tried")
    from torch import nn

    class Wrong(torch.autograd.Function):  # type: ignore[misc]
        @staticmethod
        def forward(ctx: Any, z: Any) -> Any:
            a = torch.sigmoid(z)
            ctx.save_for_backward(a)
            return a

        @staticmethod
        def backward(ctx: Any, grad: Any) -> Any:
            (a,) = ctx.saved_tensors
            return grad * a

    class Mine(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Linear(3, 4), nn.Linear(4, 2)

        def forward(self, x: Any) -> Any:
            return Wrong.apply(self.second(Wrong.apply(self.first(x))))

    assert names(Mine().double(), True, activations="sigmoid") == ["sigma-not-slope"]
    with pytest.raises(ValueError, match="cannot be seen in Mine"):
        fastbp.check_backprop(Mine())
    with pytest.raises(TypeError, match=r"is the class Mine; a module is needed"):
        fastbp.check_backprop(Mine)
    with pytest.raises(ValueError, match="those of linear layers"):
        fastbp.check_backprop(nn.Conv2d(1, 1, 3), activations="relu")


# Functions


def test_negative_indices_columns_and_maps_pass() -> None:
    def mine(w: Any, b: Any, x: Any, y: Any) -> Any:
        a = [x[:, None]]
        for l in range(1, len(w) + 1):
            a.append(shapes.sigmoid(w[l] @ a[-1] + b[l][:, None]))
        delta = [(a[-1] - y[:, None]) * a[-1] * (1 - a[-1])]
        for l in range(2, len(w) + 1):
            delta.insert(0, w[-l + 1].T @ delta[0] * a[-l] * (1 - a[-l]))
        return map(np.dot, delta, [v.T for v in a[:-1]]), map(np.asarray, delta)

    passes(mine)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"activations": ("tanh", "tanh", "tanh")}, "has 3 names; one is needed for hidden layers and one for outputs"),
        ({"activations": ("tanh", "sigmod")}, "Did you mean"),
        ({"loss": len}, "mine is no PyTorch module"),
    ],
)
def test_what_does_not_go_together_is_refused(arguments: Any, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=re.escape(message)):
        fastbp.check_backprop(lambda w, b, x, y: None, **arguments)
