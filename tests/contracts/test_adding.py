"""An activation or a cost enters the library in one file: with one more entry, every room knows it."""

from __future__ import annotations

import inspect
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

import fastbp
from fastbp.functions import activations, costs

PACKAGE = Path(fastbp.__file__).parent

SOFTSIGN = '''
@strict
def softsign(z):
    """a = z / (1 + |z|); sigma' = 1 / (1 + |z|)^2."""
    q = _NUMBERS(z)[_ONE] / (_NUMBERS(z)[_ONE] + abs(z))
    return z * q, q * q


@strict
def softsign_second(z):
    """sigma'' = -2 sign(z) / (1 + |z|)^3."""
    c = _NUMBERS(z)
    q = c[_ONE] / (c[_ONE] + abs(z))
    return (-c[_TWO] if z > c[_ZERO] else c[_TWO]) * q * q * q


'''
ENTRY = """    ActivationFunction(
        "softsign",
        "z / (1 + |z|)",
        r"\\frac{z}{1 + |z|}",
        softsign,
        softsign_second,
        lambda z: z / (1 + analytic.flipped(z)),
        range=(-1.0, 1.0),
        also=("rational",),
        since=3,
    ),
"""

PROGRAM = """
import sys
import numpy as np
import fastbp
from fastbp import textbook
from fastbp.cli.app import app
from typer.testing import CliRunner

net = fastbp.Network([3, 4, 2], activations="softsign", dtype="float64", seed=0)
rng = np.random.default_rng(0)
X, Y = rng.standard_normal((6, 3)), rng.uniform(-0.5, 0.5, (6, 2))
z = net.backprop(X, Y).z
np.testing.assert_allclose(net.feedforward(X), z[2] / (1 + abs(z[2])), rtol=1e-15)

assert fastbp.gradcheck(net, X, Y).passed
expected = textbook.minibatch_gradient(list(net.w), list(net.b), X, Y, activations="softsign")
g = net.gradient(X, Y)
for l in (1, 2):
    assert (g.w[l] == expected.w[l - 1]).all() and (g.b[l] == expected.b[l - 1]).all()

J, h = net.input_jacobian(X), 1e-6
for k in range(3):
    move = h * np.eye(3)[k]
    difference = (net.feedforward(X + move) - net.feedforward(X - move)) / (2 * h)
    np.testing.assert_allclose(J[:, :, k], difference, atol=1e-8)

v = rng.standard_normal(net.n_parameters)
moved = []
for sign in (1, -1):
    other, at = net.copy(), 0
    for l in (1, 2):
        for array in (other.w[l], other.b[l]):
            array += sign * h * v[at : at + array.size].reshape(array.shape)
            at += array.size
    g = other.gradient(X, Y)
    moved.append(np.concatenate([part.ravel() for l in (1, 2) for part in (g.w[l], g.b[l])]))
np.testing.assert_allclose(net.hessian_vector_product(X, Y, v), (moved[0] - moved[1]) / (2 * h), atol=1e-7)

run = fastbp.train(net, X, Y, epochs=5, batch_size=3, seed=0)
assert run.history["loss"][-1] < run.history["loss"][0]

path = sys.argv[1] + "/net.fastbp"
fastbp.save(net, path)
again = fastbp.load(path)
assert type(again) is fastbp.Network and again.activations == ("softsign", "softsign")
assert (again.feedforward(X) == net.feedforward(X)).all()

assert fastbp.Network([3, 2], activations="rational").activations == ("softsign",)
try:
    fastbp.Network([3, 2], activations="softsing")
except ValueError as error:
    assert "mish, softsign, identity" in str(error) and "Did you mean 'softsign'?" in str(error)
else:
    raise AssertionError("a misspelt name was accepted")
try:
    fastbp.train(net, X, 3 * np.ones((6, 2)))
except ValueError as error:
    assert "softsign outputs are in -1..1" in str(error)
else:
    raise AssertionError("targets out of reach were accepted")
assert "softsign" in CliRunner(env={"COLUMNS": "200"}).invoke(app, ["train", "--help"]).output
print("all know it")
"""

COMPILED = """
import numpy as np
from fastbp.functions.activations import CODES, sigma, sigma_prime
from fastbp.kernels import dense

for dtype in ("float32", "float64"):
    z = np.random.default_rng(0).uniform(-9, 9, 150).astype(dtype)
    for name in ("softsign", "tanh", "identity"):
        a, d = np.empty_like(z), np.empty_like(z)
        dense.activation(CODES[name], z.size, z, a, d)
        assert (a == np.array([sigma(CODES[name], x) for x in z], dtype)).all(), name
        assert (d == np.array([sigma_prime(CODES[name], x) for x in z], dtype)).all(), name
        if name == "softsign":
            np.testing.assert_allclose(a, z / (1 + abs(z)), rtol=1e-6)
print("all know it")
"""


LOG_COSH = '''
from fastbp.equations import Equation


@strict
def log_cosh(C, z, a, y, p):
    """C + ln cosh(a_j - y_j)"""
    e = abs(a - y)
    return C + (softplus(-(e + e))[0] + e - log(_NUMBERS(a)[_TWO]))


@strict
def log_cosh_slope(z, a, y, p):
    """tanh(a_j - y_j)"""
    one, t = _NUMBERS(a)[_ONE], exp(-abs(a - y) - abs(a - y))
    slope = (one - t) / (one + t)
    return slope if a >= y else -slope


@strict
def log_cosh_second(z, a, y, p):
    """1 - tanh(a_j - y_j)^2"""
    one, t = _NUMBERS(a)[_ONE], exp(-abs(a - y) - abs(a - y))
    return one - ((one - t) / (one + t)) * ((one - t) / (one + t))


'''
ENTRY_OF_COST = """    CostFunction(
        "log_cosh",
        (Equation("C log cosh", "C_x = sum_j ln cosh(a_j^L - y_j)", r"\\sum_j \\ln \\cosh(a_j^L - y_j)", "", ""),),
        log_cosh,
        log_cosh_slope,
        lambda z, a, y, output, p: np.log(np.cosh(a - y)).sum(axis=-1),
        log_cosh_second,
        outputs=("identity", "tanh"),
        refusal="is 'log_cosh' and the output activation {output!r}; pass 'identity' or 'tanh'.",
        lowest_target=-9.0,
        refusal_of_targets="is below -9 in row {row}.",
        since=3,
    ),
"""

PROGRAM_OF_COST = """
import sys
import numpy as np
import fastbp
from fastbp import textbook
from fastbp.cli.app import app
from typer.testing import CliRunner

functions = {"activations": ["tanh", "identity"], "cost": "log_cosh"}
net = fastbp.Network([3, 4, 2], **functions, dtype="float64", seed=0)
rng = np.random.default_rng(0)
X, Y = rng.standard_normal((6, 3)), rng.standard_normal((6, 2))
t = net.backprop(X, Y)
np.testing.assert_allclose(t.cost, np.log(np.cosh(t.a[2] - Y)).sum() / 6, rtol=1e-14)
np.testing.assert_allclose(t.delta[2], np.tanh(t.a[2] - Y), rtol=1e-12)

assert fastbp.gradcheck(net, X, Y).passed
expected = textbook.minibatch_gradient(list(net.w), list(net.b), X, Y, **functions)
g = net.gradient(X, Y)
for l in (1, 2):
    assert (g.w[l] == expected.w[l - 1]).all() and (g.b[l] == expected.b[l - 1]).all()
assert g.cost == expected.cost

h, v, moved = 1e-6, rng.standard_normal(net.n_parameters), []
for sign in (1, -1):
    other = net.copy()
    other.set_parameters(net.parameters() + sign * h * v)
    g = other.gradient(X, Y)
    moved.append(np.concatenate([part.ravel() for l in (1, 2) for part in (g.w[l], g.b[l])]))
np.testing.assert_allclose(net.hessian_vector_product(X, Y, v), (moved[0] - moved[1]) / (2 * h), atol=1e-7)

run = fastbp.train(net, X, Y, epochs=5, batch_size=3, seed=0)
assert run.history["loss"][-1] < run.history["loss"][0]

path = sys.argv[1] + "/net.fastbp"
fastbp.save(net, path)
again = fastbp.load(path)
assert type(again) is fastbp.Network and again.cost == "log_cosh"
assert again.evaluate(X, Y) == net.evaluate(X, Y)

for refused, message in (
    ({"cost": "log_cosch"}, "quadratic, cross_entropy, log_cosh, poisson, absolute, huber, quantile, tweedie. Did "
     "you mean 'log_cosh'?"),
    ({"cost": "log_cosh", "activations": "relu"}, "'log_cosh' and the output activation 'relu'; pass 'identity' or"),
):
    try:
        fastbp.Network([3, 2], **refused)
    except ValueError as error:
        assert message in str(error), error
    else:
        raise AssertionError("a cost was accepted that does not exist or does not go with the outputs")
try:
    fastbp.train(net, X, Y - 10)
except ValueError as error:
    assert "Y is below -9 in row 0" in str(error), error
else:
    raise AssertionError("targets that the cost is not defined for were accepted")
told = str(fastbp.explain(net, X[0], Y[0], layer=2, neuron=1, of="delta"))
assert "The slope of the cost log_cosh." in told
assert f"{net.backprop(X[:1], Y[:1]).delta[2][0, 1]:.4g}"[:6] in told, told
assert "log_cosh" in CliRunner(env={"COLUMNS": "200"}).invoke(app, ["train", "--help"]).output
assert "``log_cosh``" in fastbp.Network.__doc__

from fastbp.sklearn import MLPRegressor

model = MLPRegressor("log_cosh", hidden_layer_sizes=(4,), activation="tanh", max_iter=300, random_state=0, tol=0)
with np.errstate(all="ignore"):
    model.fit(X, Y)
    a = model.predict(X)
    assert abs(model._mean_cost(model.to_network()._outputs(X, model.to_network()._targets(Y, 6), 1)[1], None)
               - np.log(np.cosh(a - Y)).sum() / 6) < 1e-12
assert model.loss_curve_[-1] < model.loss_curve_[0] and model.to_network().cost == "log_cosh"
print("all know it")
"""

COMPILED_OF_COST = """
import numpy as np
from fastbp import textbook
from fastbp.functions.activations import CODES, COSTS
from fastbp.kernels import costs, dense
from fastbp.kernels.matrix import Matrix

rng = np.random.default_rng(0)
for dtype in ("float32", "float64"):
    one, none = np.dtype(dtype).type(1), np.dtype(dtype).type(0)
    a, y = rng.uniform(0, 9, (50, 3)).astype(dtype), rng.uniform(0, 9, (50, 3)).astype(dtype)
    for name in ("log_cosh", "quadratic", "poisson"):
        d, out = np.full_like(a, 0.5), np.empty(50, dtype)
        costs.of_outputs(COSTS[name], none, 50, 3, *(Matrix(part.reshape(-1), 3, 1) for part in (a, a, y)), out)
        dense.output_error(COSTS[name], none, a.size, a.reshape(-1), a.reshape(-1), y.reshape(-1), d.reshape(-1))
        for x in range(50):
            assert out[x] == textbook.sample_cost(COSTS[name], a[x], a[x], y[x], none), name
            slow = textbook.output_error(COSTS[name], CODES["identity"], a[x], a[x], y[x], one)
            assert (d[x] == (slow if name == "poisson" else slow / 2)).all(), name
        if name == "log_cosh":
            np.testing.assert_allclose(out, np.log(np.cosh(a - y)).sum(axis=1), rtol=1e-6, atol=1e-6)
print("all know it")
"""


def with_one_file_changed(tmp_path: Path, file: str, *insertions: tuple[str, str]) -> Path:
    """A copy of the package in which one file has more text before some of its lines."""
    copy = tmp_path / "site" / "fastbp"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    text = (copy / file).read_text()
    for before, what in insertions:
        assert text.count(before) == 1
        text = text.replace(before, what + before)
    (copy / file).write_text(text)
    changed = [
        path.relative_to(copy).as_posix()
        for path in copy.rglob("*.py")
        if path.read_bytes() != (PACKAGE / path.relative_to(copy)).read_bytes()
    ]
    assert changed == [file]
    return tmp_path / "site"


@pytest.fixture
def with_softsign(tmp_path: Path) -> Path:
    functions, entries = "@strict\ndef sigmoid_second(z):\n", '    ActivationFunction("identity"'
    return with_one_file_changed(tmp_path, "functions/activations.py", (functions, SOFTSIGN), (entries, ENTRY))


@pytest.fixture
def with_log_cosh(tmp_path: Path) -> Path:
    functions, entries = "_NO_SOFTMAX = (", '    CostFunction(\n        "poisson"'
    return with_one_file_changed(tmp_path, "functions/costs.py", (functions, LOG_COSH), (entries, ENTRY_OF_COST))


def run(site: Path, program: str, *arguments: str, **variables: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(site), **variables}
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, env=environment, cwd=site
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_every_room_knows_a_new_activation(with_softsign: Path, tmp_path: Path) -> None:
    assert run(with_softsign, PROGRAM, str(tmp_path), FASTBP_DISABLE_JIT="1") == "all know it"


@pytest.mark.compiled
def test_compiled_loops_know_a_new_activation(with_softsign: Path, tmp_path: Path) -> None:
    assert run(with_softsign, COMPILED, FASTBP_CACHE_DIR=str(tmp_path / "cache")) == "all know it"


def test_every_room_knows_a_new_cost(with_log_cosh: Path, tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    assert run(with_log_cosh, PROGRAM_OF_COST, str(tmp_path), FASTBP_DISABLE_JIT="1") == "all know it"


@pytest.mark.compiled
def test_compiled_loops_know_a_new_cost(with_log_cosh: Path, tmp_path: Path) -> None:
    assert run(with_log_cosh, COMPILED_OF_COST, FASTBP_CACHE_DIR=str(tmp_path / "cache")) == "all know it"


def test_static_types_are_those_of_the_entries() -> None:
    assert get_args(activations.Name) == tuple(entry.name for entry in activations.ACTIVATIONS)
    assert set(get_args(activations.OtherName)) == {name for entry in activations.ACTIVATIONS for name in entry.also}
    assert get_args(costs.Name) == tuple(costs.NAMED)


def test_docstrings_name_every_activation() -> None:
    estimators = pytest.importorskip("fastbp.sklearn")
    network, classifier = fastbp.Network.__doc__ or "", estimators.MLPClassifier.__doc__ or ""
    for entry in activations.ACTIVATIONS:
        assert f"``{entry.name}``" in network, entry.name
        assert entry.pair is None or entry.name == "sigmoid" or entry.name in classifier, entry.name
    for name in costs.NAMED:
        assert f"``{name}``" in network, name
    assert not any("{" + what + "}" in network + classifier for what in ("activations", "costs"))


def test_parameters_of_losses_have_the_defaults_of_the_entries() -> None:
    parameters = inspect.signature(pytest.importorskip("fastbp.sklearn").MLPRegressor).parameters
    known = [entry.parameter for entry in costs.COSTS if entry.parameter is not None]
    assert [p.name for p in known] == ["huber_delta", "quantile", "power"]
    for p in known:
        assert parameters[p.name].default == p.default
        assert p.low <= p.default < p.high


@pytest.mark.parametrize("entry", [entry for entry in activations.ACTIVATIONS if entry.analytic], ids=lambda e: e.name)
def test_ranges_hold_the_values(entry: activations.ActivationFunction) -> None:
    z = np.linspace(-30, 30, 6001)
    values = np.real(entry.analytic(z))
    low, high = entry.range
    assert values.min() >= low - 1e-8
    assert values.max() <= high + 1e-8
    assert not np.isfinite(low) or values.min() <= low + 1e-4
    assert not np.isfinite(high) or values.max() >= high - 1e-4
