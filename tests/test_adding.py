"""An activation enters the library in one file: with one more entry, every room knows it."""

from __future__ import annotations

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
FILE = "functions/activations.py"

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


@pytest.fixture
def with_softsign(tmp_path: Path) -> Path:
    """A copy of the package in which one file has changed."""
    copy = tmp_path / "site" / "fastbp"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    text = (copy / FILE).read_text()
    functions, entries = "# sigma'', of the same functions\n", '    ActivationFunction("identity"'
    assert text.count(functions) == text.count(entries) == 1
    (copy / FILE).write_text(text.replace(functions, functions + SOFTSIGN).replace(entries, ENTRY + entries))
    changed = [
        path.relative_to(copy).as_posix()
        for path in copy.rglob("*.py")
        if path.read_bytes() != (PACKAGE / path.relative_to(copy)).read_bytes()
    ]
    assert changed == [FILE]
    return tmp_path / "site"


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
    assert "{" + "activations}" not in network + classifier


@pytest.mark.parametrize("entry", [entry for entry in activations.ACTIVATIONS if entry.analytic], ids=lambda e: e.name)
def test_ranges_hold_the_values(entry: activations.ActivationFunction) -> None:
    z = np.linspace(-30, 30, 6001)
    values = np.real(entry.analytic(z))
    low, high = entry.range
    assert values.min() >= low - 1e-8
    assert values.max() <= high + 1e-8
    assert not np.isfinite(low) or values.min() <= low + 1e-4
    assert not np.isfinite(high) or values.max() >= high - 1e-4
