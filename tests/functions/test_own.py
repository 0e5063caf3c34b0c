"""A user's own activations and costs: what is refused, their bits, and what a mistake inside leads to."""

from __future__ import annotations

import copy
import functools
import math
import pickle
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import mpmath as mp
import numpy as np
import pytest
from nets import SMALL, same_bits, textbook_gradient

import fastbp
from fastbp import functions
from fastbp.teach import page

mp.mp.dps = 40
pytestmark = pytest.mark.usefixtures("own")


def samples(net: fastbp.Network, n: int = 11) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    X = rng.standard_normal((n, net.sizes[0])).astype(net.dtype)
    return X, rng.uniform(-0.9, 0.9, (n, net.sizes[-1])).astype(net.dtype)


@pytest.mark.parametrize("cost", ["quadratic", "quartic"])
@pytest.mark.parametrize("activation", ["swoosh", "hinge", "twin_of_tanh"])
def test_gradients_have_the_bits_of_the_textbook(activation: Any, cost: Any, dtype: str) -> None:
    net = fastbp.Network([3, 4 if SMALL else 37, 5, 2], activations=activation, cost=cost, dtype=dtype, seed=1)
    X, Y = samples(net)
    g, expected = net.gradient(X, Y), textbook_gradient(net, X, Y)
    for l in range(1, 4):
        assert same_bits(g.w[l], expected.w[l - 1])
        assert same_bits(g.b[l], expected.b[l - 1])
    assert g.cost == expected.cost
    for method in ("complex", "centred"):
        assert fastbp.gradcheck(net, X, Y, method=method).passed


@pytest.mark.parametrize("n_threads", [1, 2])
@pytest.mark.parametrize("cost", ["quadratic", "twin_of_quadratic"])
def test_the_twins_of_built_in_functions_train_with_their_bits(cost: Any, n_threads: int, dtype: str) -> None:
    """The same arithmetic by address and by code: the same weights, whichever threads take the samples."""
    runs = []
    for activation, its_cost in (("tanh", "quadratic"), ("twin_of_tanh", cost)):
        net = fastbp.Network([3, 4 if SMALL else 70, 5, 1], activations=activation, cost=its_cost, dtype=dtype, seed=1)
        X, Y = samples(net)
        run = fastbp.train(net, X, Y, epochs=3, batch_size=4, seed=0, n_threads=n_threads, dropout=0.25)
        runs.append((net, run))
    assert same_bits(runs[0][0].theta, runs[1][0].theta)
    assert runs[0][1].history == runs[1][1].history


def test_values_and_slopes_are_those_of_the_formula(dtype: str) -> None:
    """The sigmoid's own formula with 40 digits."""
    net = fastbp.Network([1, 1], activations="swoosh", dtype=dtype, seed=0)
    net.w[1][...], net.b[1][...] = 1, 0
    z = np.random.default_rng(0).uniform(-9, 9, (50, 1)).astype(dtype)
    t, a = net.backprop(z, np.zeros_like(z)), net.feedforward(z)
    for x in range(50):
        exact = mp.mpf(float(z[x, 0]))
        s = 1 / (1 + mp.exp(-1.5 * exact))
        assert abs(a[x, 0] - exact * s) <= 8 * np.finfo(dtype).eps * max(1, abs(exact * s))
        slope = s + 1.5 * exact * s * (1 - s)
        assert abs(t.delta[1][x, 0] - exact * s * slope) <= 64 * np.finfo(dtype).eps * max(1, abs(exact))


def test_python_numbers_take_the_dtype_of_z() -> None:
    """In float32, 1 / (1 + z z) rounds after each operation: not once at the end, as with numbers of float64."""
    bell = fastbp.activation("bell", lambda z: 1 / (1 + z * z), lambda z: -2 * z / (1 + z * z) ** 2, range=(0, 1))
    net = fastbp.Network([1, 1], activations=bell, dtype="float32", seed=0)
    net.w[1][...], net.b[1][...] = 1, 0
    z = np.random.default_rng(0).uniform(-9, 9, (200, 1)).astype(np.float32)
    one = np.float32(1)
    assert same_bits(net.feedforward(z), one / (one + z * z))
    wide = (1 / (1 + (z * z).astype(float))).astype(np.float32)
    assert not same_bits(net.feedforward(z), wide)


def test_hessians_need_the_second_derivative(own: SimpleNamespace) -> None:
    net = fastbp.Network([3, 4, 2], activations=["swoosh", "identity"], seed=1)
    X, Y = samples(net)
    rng, h = np.random.default_rng(5), 1e-6
    v = rng.standard_normal(net.n_parameters)
    sides = []
    for sign in (1, -1):
        other = net.copy()
        other.set_parameters(net.parameters() + sign * h * v)
        g = other.gradient(X, Y)
        sides.append(np.concatenate([part.ravel() for l in (1, 2) for part in (g.w[l], g.b[l])]))
    np.testing.assert_allclose(net.hessian_vector_product(X, Y, v), (sides[0] - sides[1]) / (2 * h), atol=1e-7)
    for options, name in (({"activations": [own.hinge, "identity"]}, "'hinge'"), ({"cost": own.quartic}, "'quartic'")):
        other = fastbp.Network([3, 4, 2], **({"activations": "identity"} | options), seed=1)
        with pytest.raises(ValueError, match=name):
            other.hessian_vector_product(X, Y, v)
        jacobian, moved = other.input_jacobian(X), X.copy()
        moved[:, 1] += h
        np.testing.assert_allclose(jacobian[:, :, 1], (other.feedforward(moved) - other.feedforward(X)) / h, atol=1e-5)
        w, b = other.per_sample_gradient(X, Y)
        g = other.gradient(X, Y)
        for l in (1, 2):
            np.testing.assert_allclose(w[l].mean(axis=0), g.w[l], rtol=1e-12, atol=1e-14)
            np.testing.assert_allclose(b[l].mean(axis=0), g.b[l], rtol=1e-12, atol=1e-14)


def raising(z: float) -> float:
    if z > 20:
        raise ValueError("too large")
    return z


TABLE = np.linspace(-30, 30, 61)


def helper(z: float) -> float:
    return z


@pytest.mark.parametrize("mistake", ["an exception", "NaN", "an index beyond the end"])
def test_what_goes_wrong_inside_is_divergence(mistake: str, dtype: str) -> None:
    name = "_".join(["wrong", *mistake.split(), dtype])
    f = {
        "an exception": raising,
        "NaN": lambda z: z if z < 20 else math.nan,
        "an index beyond the end": lambda z: z + 0 * TABLE[int(z + 30) if z > -30 else 0],
    }[mistake]
    net = fastbp.Network([2, 3, 1], activations=[fastbp.activation(name, f, lambda z: 1.0), "identity"], dtype=dtype)
    X, Y = np.array([[1.0, 2.0], [300.0, 400.0], [-1.0, 0.5]]), np.zeros((3, 1))
    net.w[1][...] = 1
    assert np.isnan(net.feedforward(X)).ravel().tolist() == [False, True, False]
    before = net.theta.copy()
    with pytest.raises(fastbp.DivergenceError, match=f"Training diverged in epoch 1.* see that {name}, your own"):
        fastbp.train(net, X, Y, epochs=2, batch_size=3, seed=0)
    assert same_bits(net.theta, before)


def spoilt(a: float, y: float) -> float:
    return (a - y) * (a - y) if a < 3 else math.nan


@pytest.mark.parametrize("optimizer", [fastbp.SGD(0.1), fastbp.Adam()], ids=["sgd", "adam"])
def test_a_cost_that_is_nan_is_divergence_though_its_slope_is_finite(optimizer: Any, dtype: str) -> None:
    name = f"spoilt_for_{type(optimizer).__name__}_in_{dtype}"
    cost = fastbp.cost(name, spoilt, lambda a, y: 2 * (a - y))
    net = fastbp.Network([1, 1], activations="identity", cost=cost, seed=0, dtype=dtype)
    net.b[1][:] = 5
    X, Y, before = np.zeros((4, 1)), np.full((4, 1), 4.0), net.theta.copy()
    message = f"^Training diverged in epoch 1, minibatch 1 of 2: its cost C is NaN.* see that {name}, your own"
    with pytest.raises(fastbp.DivergenceError, match=message):
        fastbp.train(net, X, Y, batch_size=2, optimizer=optimizer)
    with pytest.raises(fastbp.DivergenceError, match=r"^Step 1 diverged"):
        fastbp.Trainer(net, optimizer=optimizer).step(X, Y)
    assert same_bits(net.theta, before)
    net.b[1][:] = 2
    assert np.isfinite(fastbp.train(net, X, Y / 2, batch_size=2, optimizer=optimizer).history["loss"]).all()


def tanh_prime(z: float) -> float:
    return 1 - math.tanh(z) ** 2


@pytest.mark.parametrize(
    ("arguments", "parameter", "message"),
    [
        (("1st", math.sin, math.cos), "name", "letters, digits and underscores"),
        ((3, math.sin, math.cos), "name", "the name of the activation is needed"),
        (("tanh", math.sin, math.cos), "name", "is 'tanh', which stands for an activation already"),
        (("swish", math.sin, math.cos), "name", "is 'swish', which stands"),
        (("swoosh", math.sin, math.cos), "name", "in a notebook, register it in a cell of its own"),
        (("wave", 3, math.cos), "f", "a function of one number is needed"),
        (("wave", math.sin, None), "f_prime", "a function of one number is needed"),
        (("wave", math.sin, lambda a, y: a), "f_prime", "a function of one number is needed"),
        (("wave", math.sin, math.sin), "f_prime", "where differences of f come to"),
        (("wave", math.sin, lambda z: math.cos(z) + (1e-4 if z > 9.9 else 0)), "f_prime", "at z = 9.9"),
        (("wave", math.sin, math.cos, math.sin), "f_second", "where differences of f_prime come to"),
        (("wave", math.sqrt, lambda z: 0.5 / math.sqrt(z)), "f", "is nan at z = -"),
        (("wave", lambda z: abs(z), lambda z: 1 / 0 if z < 0 else 1), "f_prime", "at z = -"),
        (("wave", math.sin, math.cos, None, (0, 1)), "range", r"is \(0.0, 1.0\), and f is -0.99"),
        (("wave", math.sin, math.cos, None, (1, -1)), "range", "bounds between which f lies"),
        (("wave", math.sin, math.cos, None, "both"), "range", "bounds between which f lies"),
        (("wave", math.tanh, tanh_prime, None, "04"), "range", "is '04'; the bounds between which f lies"),
        (("wave", math.tanh, tanh_prime, None, {-1: 0, 1: 0}), "range", "bounds between which f lies"),
        (("wave", math.tanh, tanh_prime, None, (-1, True)), "range", "bounds between which f lies"),
        (("wave", lambda z, *, k=1.0: k * z, math.cos), "f", "has the keyword k, which only Python knows"),
        (("wave", lambda z: 1e-12 * z, lambda z: 2e-12), "f_prime", "is 2e-12 .* differences of f come to 1e-12"),
        (("wave", lambda z: 1e-30 * math.sin(z), lambda z: 1e-30 * math.sin(z)), "f_prime", "e-31 at z = "),
        (("wave", lambda z: 0.0 * z, lambda z: 1e-9), "f_prime", "is 1e-09 .* differences of f come to 0"),
        (("wave", lambda z: math.sin(1e9 * z), math.cos), "f", "smooth between few kinks"),
    ],
)
def test_activations_that_cannot_be(arguments: tuple[Any, ...], parameter: str, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message) as caught:
        fastbp.activation(*arguments)
    assert caught.value.parameter == parameter  # type: ignore[attr-defined]
    assert str(caught.value).startswith(f"{parameter} is ") or parameter == "f"
    with pytest.raises(ValueError, match="must be one of sigmoid"):
        fastbp.Network([2, 1], activations="wave")


@pytest.mark.parametrize(
    ("arguments", "parameter", "message"),
    [
        (("quadratic", lambda a, y: a, lambda a, y: 1), "name", "which stands for a cost already"),
        (("huber", lambda a, y: a, lambda a, y: 1), "name", "which stands for a cost already"),
        (("log_loss", lambda a, y: a, lambda a, y: 1), "name", "which stands for a cost already"),
        (("quartic", lambda a, y: a, lambda a, y: 1), "name", "which stands for a cost already"),
        (("of no use", lambda a, y: a, lambda a, y: 1), "name", "the name of the cost is needed"),
        (("steep", 1, lambda a, y: 1), "c", "a function of two numbers"),
        (("steep", lambda a, y: 1, lambda a: 1), "dc", "a function of two numbers"),
        (("steep", lambda a, y: a * y, lambda a, y: a), "dc", r"at a = -?[0-9.]+, y = .* differences of c come to"),
        (("steep", lambda a, y: 1e-9 * (a - y) ** 2, lambda a, y: 1e-9 * (a - y)), "dc", "differences of c come to"),
        (("steep", lambda a, y: math.nan, lambda a, y: 1), "c", "has finite values and a slope at 0 of 1000 points"),
    ],
)
def test_costs_that_cannot_be(arguments: tuple[Any, ...], parameter: str, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message) as caught:
        fastbp.cost(*arguments)
    assert caught.value.parameter == parameter  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match="must be one of quadratic"):
        fastbp.Network([2, 1], activations="identity", cost="steep")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "f", "f_prime"),
    [
        ("high", lambda z: 1e6 + z, lambda z: 1),
        ("steep", lambda z: math.exp(z), lambda z: math.exp(z)),
        ("stairs", lambda z: math.floor(z), lambda z: 0),
        ("teeth", lambda z: z - math.floor(z), lambda z: 1.0),
        ("quick", lambda z: math.sin(50 * z), lambda z: 50 * math.cos(50 * z)),
        ("whole", lambda z: 3, lambda z: False),
        ("small", lambda z: 1e-12 * math.sin(z), lambda z: 1e-12 * math.cos(z)),
        ("small_kink", lambda z: 1e-12 * max(z, 0.0), lambda z: 1e-12 if z > 0 else 0.0),
        ("small_quick", lambda z: 1e-3 * math.sin(200 * z), lambda z: 0.2 * math.cos(200 * z)),
        ("hardly", lambda z: 1 + 1e-12 * z, lambda z: 1e-12),
    ],
)
def test_right_derivatives_are_accepted(name: str, f: Any, f_prime: Any) -> None:
    """Whatever rounding, kinks and curvature make of the differences."""
    net = fastbp.Network([1, 1], activations=fastbp.activation(name, f, f_prime), seed=0)
    assert net.backprop([[0.3]], [[0.1]]).a[1][0, 0] == pytest.approx(f(net.backprop([[0.3]], [[0.1]]).z[1][0, 0]))


def test_a_cost_may_have_a_domain() -> None:
    """What is defined between 0 and 1 only is checked there; softmax, of no one z, is refused."""
    focal = fastbp.cost(
        "focal",
        lambda a, y: -y * (1 - a) ** 2 * math.log(a) if 0 < a < 1 else math.nan,
        lambda a, y: y * (2 * (1 - a) * math.log(a) - (1 - a) ** 2 / a),
    )
    net = fastbp.Network([3, 4, 2], activations="sigmoid", cost=focal, seed=0)
    X, Y = samples(net)
    assert fastbp.gradcheck(net, X, abs(Y)).passed
    with pytest.raises(ValueError, match="'focal' and the output activation 'softmax'"):
        fastbp.Network([3, 2], activations="softmax", cost=focal)
    with pytest.raises(ValueError, match=r"twin_of_tanh outputs are in -1\.\.1"):
        fastbp.train(fastbp.Network([3, 2], activations="twin_of_tanh", seed=0), X, 3 * np.ones((len(X), 2)))


@pytest.mark.compiled
@pytest.mark.parametrize(
    ("f", "message"),
    [
        (lambda z: helper(z), "it uses helper, of type function"),
        (lambda z: z.nothing, "Unknown attribute 'nothing' of type float32"),
        (lambda z: z + 0j, "it returns complex128, not a number"),
        (lambda z: (z, z), r"it returns (Uni)?Tuple.*, not a number"),
        (lambda z: None, "it returns none, not a number"),
        (functools.partial(pow, 2), "it is a partial, which only Python can call"),
    ],
)
def test_functions_that_numba_cannot_compile_are_refused(f: Any, message: str) -> None:
    for pair, name in (((f, lambda z: 1.0), "f"), ((lambda z: z, f), "f_prime")):
        with pytest.raises(TypeError, match=f"^{name} cannot be compiled: {message}.*Write it so") as caught:
            fastbp.activation("uncompiled", *pair)
        assert caught.value.parameter == name  # type: ignore[attr-defined]


def with_a_default(z: float, slope: float = 0.5) -> float:
    return slope * z


@pytest.mark.parametrize("f", [np.tanh, math.tanh, functions.tanh], ids=["numpy", "math", "fastbp"])
def test_functions_of_c_and_with_defaults_are_called(f: Any) -> None:
    activation = fastbp.activation("of_c", f, lambda z: 1 - f(z) ** 2)
    line = fastbp.activation("line", with_a_default, lambda z, slope=0.5: slope)
    net = fastbp.Network([1, 1, 1], activations=[activation, line], seed=0)
    z = net.backprop([[0.7]], [[0.0]]).z
    assert net.feedforward([[0.7]])[0, 0] == 0.5 * z[2][0, 0]
    assert z[2][0, 0] == pytest.approx(net.w[2][0, 0] * math.tanh(z[1][0, 0]) + net.b[2][0], rel=1e-15)


STRANGER = """
import pickle, sys
import fastbp
for load in (lambda: pickle.load(open(sys.argv[1], "rb")), lambda: fastbp.load(sys.argv[2])):
    try:
        load()
    except fastbp.LoadError as error:
        message = str(error)
        assert "'twin_of_tanh'" in message and "functions=[twin_of_tanh]" in message, message
        assert "fastbp.activation('twin_of_tanh', f, f_prime)" in message
    else:
        raise AssertionError("a function that is not known was accepted")
from fastbp.functions import activations
twin = fastbp.activation("twin_of_tanh", lambda z: activations.tanh(z)[0], lambda z: activations.tanh(z)[1])
again = fastbp.load(sys.argv[2], functions=[twin])
assert (pickle.load(open(sys.argv[1], "rb")).theta == again.theta).all()
print(again.feedforward([[0.5, -0.25]])[0, 0].hex())
"""


def test_a_stranger_is_asked_for_the_function(tmp_path: Path) -> None:
    """Files and pickles hold the name; a process that does not know it says what to do."""
    net = fastbp.Network([2, 3, 1], activations=["twin_of_tanh", "identity"], seed=0)
    (tmp_path / "net.pickle").write_bytes(pickle.dumps(net))
    fastbp.save(net, tmp_path / "net.fastbp")
    done = subprocess.run(
        [sys.executable, "-c", STRANGER, tmp_path / "net.pickle", tmp_path / "net.fastbp"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert float.fromhex(done.stdout) == net.feedforward([[0.5, -0.25]])[0, 0]


def test_files_and_copies_here(own: SimpleNamespace, tmp_path: Path) -> None:
    twin, quartic = own.twin_of_tanh, own.quartic
    net = fastbp.Network([2, 3, 1], activations=[twin, "identity"], cost=quartic, seed=0)
    fastbp.save(net, tmp_path / "net.fastbp")
    for again in (
        fastbp.load(tmp_path / "net.fastbp"),
        fastbp.load(tmp_path / "net.fastbp", functions=[twin, quartic]),
        pickle.loads(pickle.dumps(net)),
        net.copy(),
    ):
        assert isinstance(again, fastbp.Network)
        assert (again.activations, again.cost) == (net.activations, "quartic")
        assert same_bits(again.feedforward([[1.0, 2.0]]), net.feedforward([[1.0, 2.0]]))
    for entry in (twin, quartic):
        assert pickle.loads(pickle.dumps(entry)) is entry
        assert copy.deepcopy(entry) is entry
    for wrong in ("twin_of_tanh", [math.tanh], {"twin_of_tanh": math.tanh}):
        with pytest.raises(TypeError, match=r"functions is .* fastbp\.activation"):
            fastbp.load(tmp_path / "net.fastbp", functions=wrong)  # type: ignore[arg-type]


def test_entries_stand_for_their_names_everywhere(own: SimpleNamespace) -> None:
    net = fastbp.Network([2, 3, 1], activations=own.swoosh, seed=0)
    X, Y = samples(net)
    by_name, w, b = net.gradient(X, Y, cost="quartic"), list(net.w), list(net.b)
    for g in (
        net.gradient(X, Y, cost=own.quartic),
        fastbp.textbook.minibatch_gradient(w, b, X, Y, activations=own.swoosh, cost=own.quartic),
        fastbp.textbook.minibatch_gradient(w, b, X, Y, activations=[own.swoosh, "swoosh"], cost="quartic"),
    ):
        assert all(same_bits(mine, named) for mine, named in zip(g.w, by_name.w, strict=True))
    assert same_bits(fastbp.textbook.feedforward(w, b, X[0], activations=own.swoosh)[1], net.feedforward(X[:1])[0])
    assert fastbp.gradcheck(net, X, Y, cost=own.quartic).passed
    told = [fastbp.explain(net, X[0], Y[0], layer=2, cost=cost).result for cost in ("quartic", own.quartic)]
    assert told[0] == told[1]


def test_explanations_know_them() -> None:
    net = fastbp.Network([2, 3, 1], activations=["swoosh", "hinge"], cost="quartic", seed=0)
    x, y = [0.5, -1.0], [0.3]
    told = fastbp.explain(net, x, y, layer=2, neuron=0, of="delta")
    t = net.backprop([x], [y])
    a, z = t.a[2][0, 0], t.z[2][0, 0]
    assert told.numbers.values["dC/da"] == (a - 0.3) * (a - 0.3) * (a - 0.3)
    assert told.numbers.values["slope"] == (1 if z > 0 else 0.25)
    assert told.result == t.delta[2][0, 0]
    for render in (told.text, told.latex, told.html, told.markdown, told.svg):
        assert render()
    assert "quartic" in told.text()
    other = fastbp.Network([2, 3, 1], activations=["swoosh", "hinge"], cost="twin_of_quadratic", seed=0)
    assert "<mi>twin_of_quadratic<" in page(other, x, y)
    hidden = fastbp.explain(net, x, y, layer=1, neuron=0, of="delta")
    assert hidden.result == t.delta[1][0, 0]
    assert np.isclose(float(hidden.paths().total), hidden.result)


@pytest.mark.parametrize("name", functions.__all__)
def test_elementary_functions_of_any_number(name: str, dtype: str) -> None:
    """Against 40 digits; beside 0 and 1, where they cancel, too."""
    rng, function = np.random.default_rng(7), getattr(functions, name)
    n = 40 if SMALL else 300
    small = np.concatenate([10.0 ** rng.uniform(-12, -1, n), -(10.0 ** rng.uniform(-12, -1, n))])
    z = {
        "log": np.concatenate([1 + small, 10.0 ** rng.uniform(-30, 30, n)]),
        "log1p": np.concatenate([small, 10.0 ** rng.uniform(-20, 30, n), -rng.uniform(0, 1, n)]),
        "sqrt": 10.0 ** rng.uniform(-30, 30, n),
        "exp": rng.uniform(-80, 80, n),
    }.get(name, np.concatenate([small, rng.uniform(-30, 30, n)]))
    z = z.astype(dtype)
    known: dict[str, Any] = {
        "sigmoid": lambda z: 1 / (1 + mp.exp(-z)),
        "softplus": lambda z: mp.log1p(mp.exp(z)),
    }
    got, exact = function(z), known.get(name) or getattr(mp, name)
    assert got.dtype == z.dtype
    assert type(function(z[0])) is z.dtype.type
    for value, number in zip(got, z, strict=True):
        wanted = exact(mp.mpf(float(number)))
        assert abs(mp.mpf(float(value)) - wanted) <= 3 * float(np.finfo(dtype).eps) * abs(wanted)
    ends = {"exp": [0, math.inf], "expm1": [-1, math.inf], "tanh": [-1, 1], "sigmoid": [0, 1]}.get(name)
    ends = ends or [0 if name == "softplus" else math.nan, math.inf]
    np.testing.assert_array_equal(function(np.array([-math.inf, math.inf, math.nan], dtype)), [*ends, math.nan])
    if name in ("log", "log1p"):
        assert function(0.0 if name == "log" else -1.0) == -math.inf
