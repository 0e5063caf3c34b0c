"""Every mistake is recognised by name; a right solution never is; whatever a learner's function does gets an answer."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import wrong
from learner import backprop, minibatch, sigma
from nets import SMALL

import fastbp
from fastbp.teach import MISTAKES, Check
from fastbp.teach.diagnosis import _given
from fastbp.teach.examples import worked_example
from fastbp.teach.matching import decimals

NETS = 20
SINGLE = (
    *(
        "w-not-transposed",
        "slope-at-a",
        "sigma-not-slope",
        "no-hidden-slope",
        "no-output-slope",
        "one-path",
        "y-minus-a",
    ),
    *("updated-weights", "no-half", "mean-over-outputs", "outer-transposed", "z-not-a", "no-bias", "no-bias-gradient"),
)
SEVERAL = ("sum-not-mean", "averaged-sample", "last-sample")


def random_case(rng: np.random.Generator, n: int, square: bool) -> tuple[fastbp.Network, Any, Any, Any, Any]:
    """A sigmoid net with two hidden layers or one, its parameters by layer, and samples."""
    width = int(rng.integers(2, 5))
    hidden = [width] * int(rng.integers(1, 3)) if square else [int(v) for v in rng.integers(2, 6, rng.integers(1, 3))]
    sizes = [width if square else int(rng.integers(2, 6)), *hidden, width if square else int(rng.integers(2, 5))]
    net = fastbp.Network(sizes, seed=rng, init="nielsen_unit_bias")
    w, b = {l: net.w[l] for l in range(1, net.L + 1)}, {l: net.b[l] for l in range(1, net.L + 1)}
    return net, w, b, rng.standard_normal((n, sizes[0])), rng.random((n, sizes[-1]))


UNPLANTED: dict[str, str] = {}
"""A name of the catalogue that no function in `wrong.GROUPS` has -> why it can have none."""


def test_the_catalogue_is_covered() -> None:
    planted = {name for group, _ in wrong.GROUPS for _, names in group.values() for name in names}
    assert planted | UNPLANTED.keys() == set(MISTAKES)
    assert not planted & UNPLANTED.keys()
    assert all(UNPLANTED.values())


# Bare numbers


@pytest.mark.parametrize("name", SINGLE)
def test_diagnose_recognises(name: str) -> None:
    rng = np.random.default_rng(1)
    for _ in range(NETS):
        net, w, b, X, Y = random_case(rng, 1, name in ("w-not-transposed", "outer-transposed"))
        grad_w, grad_b, delta = backprop(w, b, X[0], Y[0], name)
        found = fastbp.diagnose(net, X[0], Y[0], grad_w, grad_b)
        assert name in [mistake.name for mistake in found.mistakes], (name, net, str(found))
        assert not found.correct
        if name == "updated-weights":
            assert found.learning_rate == pytest.approx(0.7)
        if name == "no-half" and net.sizes[-1] != 2:
            # Twice the gradient is also what two calls without clearing give, and nothing else.
            assert {mistake.name for mistake in found.mistakes} == {"no-half", "accumulated"}
        elif name not in ("no-half", "mean-over-outputs"):
            assert [mistake.name for mistake in found.mistakes] == [name]
        if name not in ("outer-transposed", "z-not-a", "no-bias-gradient"):  # these spare delta
            by_delta = fastbp.diagnose(net, X[0], Y[0], delta=delta)
            assert name in [mistake.name for mistake in by_delta.mistakes]


@pytest.mark.parametrize("seed", [6, 10])
def test_candidates_whose_numbers_are_infinite_explain_nothing(seed: int) -> None:
    """With such inputs the outputs of another activation, exp, are beyond all numbers."""
    rng = np.random.default_rng(seed)
    net = fastbp.Network([2, 3, 2], activations=["relu", "identity"], seed=seed)
    x, y = 700 * rng.standard_normal(2), rng.standard_normal(2)
    g = net.gradient(x[None], y[None])
    for digits in (2, 4):
        w, b = [np.round(g.w[l], digits) for l in (1, 2)], [np.round(g.b[l], digits) for l in (1, 2)]
        assert fastbp.diagnose(net, x, y, w, b).correct
        mine = [np.round(np.cos(3 * array) + 1.7 * array, digits) for array in w], [array - 0.25 for array in b]
        found = fastbp.diagnose(net, x, y, *mine)
        assert not found.correct
        assert not found.mistakes, str(found)


@pytest.mark.parametrize("name", SEVERAL)
def test_diagnose_recognises_wrong_averages(name: str) -> None:
    rng = np.random.default_rng(2)
    for _ in range(NETS):
        net, w, b, X, Y = random_case(rng, 3, False)
        found = fastbp.diagnose(net, X, Y, *minibatch(w, b, X, Y, name))
        assert [mistake.name for mistake in found.mistakes] == [name]


@pytest.mark.parametrize("output", ["sigmoid", "softmax"])
def test_diagnose_recognises_an_extra_slope(output: str) -> None:
    rng = np.random.default_rng(3)
    for _ in range(NETS):
        sizes = [3, int(rng.integers(2, 5)), int(rng.integers(2, 5))]
        names = ["sigmoid", output]
        net = fastbp.Network(sizes, activations=names, cost="cross_entropy", seed=rng, init="nielsen_unit_bias")
        w, b = {1: net.w[1], 2: net.w[2]}, {1: net.b[1], 2: net.b[2]}
        x, y = rng.standard_normal(3), np.eye(sizes[-1])[0]
        options = {"output": output, "cost": "cross_entropy"}
        right = backprop(w, b, x, y, **options)
        assert fastbp.diagnose(net, x, y, *right[:2]).correct
        found = fastbp.diagnose(net, x, y, *backprop(w, b, x, y, "extra-slope", **options)[:2])
        assert [mistake.name for mistake in found.mistakes] == ["extra-slope"]


def test_diagnose_recognises_what_an_earlier_call_left() -> None:
    rng = np.random.default_rng(4)
    for _ in range(4):
        net, w, b, X, Y = random_case(rng, 2, False)
        first, second = (backprop(w, b, x, y) for x, y in zip(X, Y, strict=True))
        both = [p + q for p, q in zip(first[0], second[0], strict=True)]
        biases = [p + q for p, q in zip(first[1], second[1], strict=True)]
        found = fastbp.diagnose(net, X[1], Y[1], both, biases, before=(X[0], Y[0]))
        assert [mistake.name for mistake in found.mistakes] == ["accumulated"]
        # The same numbers without the sample before: not one of the mistakes of this sample.
        assert fastbp.diagnose(net, X[1], Y[1], both, biases).unknown


def test_a_right_solution_is_never_accused() -> None:
    rng = np.random.default_rng(5)
    for _ in range(10 * NETS):
        n = int(rng.integers(1, 4))
        net, w, b, X, Y = random_case(rng, n, bool(rng.random() < 0.5))
        found = fastbp.diagnose(net, X, Y, *minibatch(w, b, X, Y))
        assert found.correct
        assert not found.mistakes
        g = net.gradient(X, Y)
        assert fastbp.diagnose(net, X, Y, g.w, g.b).correct


def test_rounding_does_not_accuse_and_randomness_is_unknown() -> None:
    rng = np.random.default_rng(6)
    for _ in range(4):
        net, w, b, X, Y = random_case(rng, 1, False)
        grad_w, grad_b, _ = backprop(w, b, X[0], Y[0])
        rounded = [np.round(g, 6) for g in grad_w]
        assert fastbp.diagnose(net, X[0], Y[0], rounded, [np.round(g, 6) for g in grad_b]).correct
        noise = [g + rng.standard_normal(g.shape) for g in grad_w]
        found = fastbp.diagnose(net, X[0], Y[0], noise)
        assert found.unknown
        assert "none of the" in str(found)


WORKED = {
    "w-not-transposed": (0.00923101, 0.01162049),
    "slope-at-a": (0.00942851, 0.01073026),
    "no-hidden-slope": (0.03635031, 0.04137032),
    "one-path": (0.01336792, 0.01499608),
    "updated-weights": (0.00729446, 0.00847259),
    "y-minus-a": (-0.00877135, -0.00995425),
    "no-half": (0.01754271, 0.01990851),
}


@pytest.mark.parametrize("name", WORKED)
def test_numbers_copied_from_a_page(name: str) -> None:
    net, x, y = worked_example()
    found = fastbp.diagnose(net, x, y, delta={1: WORKED[name]})
    assert name in [mistake.name for mistake in found.mistakes]
    # A digit off in the last place but one is another number.
    assert not fastbp.diagnose(net, x, y, delta={1: np.add(WORKED[name], 2e-7)}).mistakes
    assert MISTAKES[name].title in str(found)


def test_two_mistakes_at_once() -> None:
    rng = np.random.default_rng(7)
    net, w, b, X, Y = random_case(rng, 1, False)
    grad_w, grad_b, _ = backprop(w, b, X[0], Y[0], "no-hidden-slope")
    found = fastbp.diagnose(net, X[0], Y[0], [-g for g in grad_w], [-g for g in grad_b])
    assert [{a.name, b.name} for a, b in found.pairs] == [{"y-minus-a", "no-hidden-slope"}]
    assert "two mistakes at once" in str(found)


def test_diagnose_of_part_of_the_numbers() -> None:
    net, x, y = worked_example()
    g = net.gradient(x[None], y[None])
    assert fastbp.diagnose(net, x, y, b={1: g.b[1]}).correct
    assert fastbp.diagnose(net, x, y, w=[None, None, g.w[2]]).correct
    found = fastbp.diagnose(net, x, y, w={2: g.w[2].T})
    assert [mistake.name for mistake in found.mistakes] == ["outer-transposed"]
    # One or two digits fit too much: no pair of mistakes is named.
    assert fastbp.diagnose(net, x, y, delta={1: [0.1, 0.2]}).unknown


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "no numbers to diagnose"),
        ({"w": [np.zeros((2, 2))]}, r"w has 1 arrays; the network has layers 1\.\.2"),
        ({"b": {3: [1.0]}}, "has a layer 3"),
        ({"b": 3}, "one array for each layer"),
        ({"b": {1: "abc"}}, "array of numbers"),
    ],
)
def test_diagnose_refuses(arguments: dict[str, Any], message: str) -> None:
    net, x, y = worked_example()
    with pytest.raises((ValueError, TypeError), match=message):
        fastbp.diagnose(net, x, y, **arguments)
    with pytest.raises(ValueError, match="belongs to one sample"):
        fastbp.diagnose(net, [x, x], [y, y], delta={1: [1.0, 2.0]})


def test_decimals_of_numbers() -> None:
    assert decimals(np.array([0.25, 1.0])) == 2
    assert decimals(np.array([1.5e-07])) == 8
    assert _given(fastbp.Network([1, 1], seed=0), None, {1: [0.25]}, None, None).unit == pytest.approx(0.005, rel=1e-3)


# A function


def mine(name: str, **options: Any) -> Callable[..., Any]:
    return lambda w, b, x, y: backprop(w, b, x, y, name, **options)[:2]


FIRST_WRONG = {"no-bias": "F1", "no-bias-gradient": "BP3", "z-not-a": "BP4", "outer-transposed": "BP4"} | dict.fromkeys(
    ("w-not-transposed", "no-hidden-slope", "one-path", "updated-weights"), "BP2"
)


@pytest.mark.parametrize("name", SINGLE)
def test_check_names_the_mistake(name: str) -> None:
    check = fastbp.check_backprop(mine(name))
    assert not check.passed
    assert not check
    assert check.mistake is not None, str(check)
    assert check.mistake.name == name
    assert check.first_wrong == FIRST_WRONG.get(name, "BP1")
    assert MISTAKES[name].title in str(check)


@pytest.mark.parametrize("name", SEVERAL)
def test_check_names_wrong_averages(name: str) -> None:
    check = fastbp.check_backprop(lambda w, b, x, y: minibatch(w, b, x, y, name), batch=True)
    assert check.first_wrong == "averaging"
    assert check.mistake is not None
    assert check.mistake.name == name


def test_with_three_samples_a_missing_half_is_no_missing_mean() -> None:
    check = fastbp.check_backprop(lambda w, b, x, y: minibatch(w, b, x, y, "no-half"), batch=True)
    assert check.mistake is not None
    assert check.mistake.name == "no-half"


PAIRS = (("sigmoid", "quadratic"), ("sigmoid", "cross_entropy"), ("softmax", "cross_entropy"))


@pytest.mark.parametrize("seed", range(3 if SMALL else 20))
@pytest.mark.parametrize(("output", "cost"), PAIRS)
def test_check_passes_what_is_right(output: str, cost: str, seed: int) -> None:
    options = {"output": output, "cost": cost}
    assert fastbp.check_backprop(mine("", **options), activations=output, cost=cost, seed=seed).passed
    check = fastbp.check_backprop(
        lambda w, b, x, y: minibatch(w, b, x, y, **options), True, activations=output, cost=cost, seed=seed
    )
    assert check.passed, str(check)


def test_check_passes_the_textbook_and_single_precision() -> None:
    def textbook(w: Any, b: Any, x: Any, y: Any) -> Any:
        g = fastbp.textbook.gradient(list(w), list(b), x, y, activations="tanh")
        return [None, *g.w], dict(enumerate(g.b, 1))

    assert fastbp.check_backprop(textbook, activations="tanh")

    def single(w: Any, b: Any, x: Any, y: Any) -> Any:
        grad_w, grad_b, _ = backprop(w, b, x, y)
        return [g.astype(np.float32) for g in grad_w], [g.astype(np.float32) for g in grad_b]

    assert fastbp.check_backprop(single)


@pytest.mark.parametrize("output", ["sigmoid", "softmax"])
def test_check_finds_an_extra_slope(output: str) -> None:
    check = fastbp.check_backprop(
        mine("extra-slope", output=output, cost="cross_entropy"), activations=output, cost="cross_entropy"
    )
    assert check.mistake is not None
    assert (check.mistake.name, check.first_wrong) == ("extra-slope", "BP1")


def test_the_counterexample_is_small_and_true() -> None:
    check = fastbp.check_backprop(mine("one-path"))
    found = check.counterexample
    assert found is not None
    # One path is right as long as there is one: the smallest network that shows it has two neurons after one.
    assert found.net.sizes == (1, 1, 2)
    assert (found.what, found.layer, found.index) == ("b", 1, (0,))
    right = found.net.gradient(found.x[None], found.y[None])
    assert found.expected == pytest.approx(right.b[1][0], rel=1e-12)
    parameters = {l: found.net.w[l] for l in (1, 2)}, {l: found.net.b[l] for l in (1, 2)}
    assert found.got == backprop(*parameters, found.x, found.y, "one-path")[1][0][0]
    assert float(found.explain().result) == pytest.approx(found.expected, rel=1e-12)
    assert "j and k count from 0" in str(check)
    assert fastbp.check_backprop(mine("y-minus-a")).counterexample.net.sizes == (1, 1)


def test_a_vectorised_forgotten_transpose_raises_and_is_named() -> None:
    def function(w: Any, b: Any, x: Any, y: Any) -> Any:
        a, z = [x], [None]
        for l in range(1, len(w) + 1):
            z.append(w[l] @ a[-1] + b[l])
            a.append(1 / (1 + np.exp(-z[l])))
        delta = (a[-1] - y) * a[-1] * (1 - a[-1])
        grad_w, grad_b = [np.outer(delta, a[-2])], [delta]
        for l in range(len(w) - 1, 0, -1):
            delta = (w[l + 1] @ delta) * a[l] * (1 - a[l])
            grad_w.insert(0, np.outer(delta, a[l - 1]))
            grad_b.insert(0, delta)
        return grad_w, grad_b

    check = fastbp.check_backprop(function)
    assert check.mistake is not None
    assert check.mistake.name == "w-not-transposed"
    assert check.first_wrong == "BP2"
    assert "raised ValueError" in check.message


def test_gradients_that_are_never_cleared() -> None:
    kept: dict[Any, Any] = {}

    def function(w: Any, b: Any, x: Any, y: Any) -> Any:
        grad_w, grad_b, _ = backprop(w, b, x, y)
        key = tuple(part.shape for part in w)
        if key not in kept:
            kept[key] = [np.zeros_like(g) for g in grad_w], [np.zeros_like(g) for g in grad_b]
        for total, part in zip(kept[key][0] + kept[key][1], grad_w + grad_b, strict=True):
            total += part
        return kept[key]

    check = fastbp.check_backprop(function)
    assert check.mistake is not None
    assert (check.mistake.name, check.first_wrong) == ("accumulated", "averaging")


def altered(change: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    def function(w: Any, b: Any, x: Any, y: Any) -> Any:
        grad_w, grad_b, _ = backprop(w, b, x, y)
        return change(grad_w, grad_b)

    return function


def with_nan(grad_w: Any, grad_b: Any) -> Any:
    grad_w[-1][0, 0] = np.nan
    return grad_w, grad_b


def raising(w: Any, b: Any, x: Any, y: Any) -> Any:
    raise RuntimeError("a bug of mine")


class Wordless(Exception):
    def __str__(self) -> str:
        raise KeyError("no text")


def raising_without_words(w: Any, b: Any, x: Any, y: Any) -> Any:
    raise Wordless


def from_zero(w: Any, b: Any, x: Any, y: Any) -> Any:
    return [w[l] for l in range(len(w))], [b[l] for l in range(len(b))]


def mutating(w: Any, b: Any, x: Any, y: Any) -> Any:
    grad_w, grad_b, _ = backprop(w, b, x, y)
    for l, g in enumerate(grad_w, 1):
        w[l][...] -= 0.1 * g
    return grad_w, grad_b


def random(w: Any, b: Any, x: Any, y: Any, rng: Any = np.random.default_rng(0)) -> Any:  # noqa: B008
    return [rng.random(part.shape) for part in w], [rng.random(part.shape) for part in b]


@pytest.mark.parametrize(
    ("function", "first_wrong", "message"),
    [
        (lambda w, b, x, y: None, "shapes", "returned None.*return grad_w, grad_b"),
        (lambda w, b, x, y: 3, "shapes", "returned 3; it must return the pair"),
        (lambda w, b, x, y: (1, 2, 3), "shapes", "a tuple of 3"),
        (lambda w, b, x: None, "error", "raised TypeError.*positional argument"),
        (raising, "error", r"RuntimeError: a bug of mine \(in raising, line \d+: raise RuntimeError"),
        (raising_without_words, "error", r"raised Wordless: \(its text raised KeyError\) \(in raising_without_words"),
        (lambda w, b, x, y: sys.exit(3), "error", "raised SystemExit: 3"),
        (altered(lambda w, b: (part for part in (w, b))), "shapes", "returned a generator .*yield"),
        (altered(lambda w, b: (b, w)), "shapes", r"The two look exchanged: return grad_w, grad_b"),
        (altered(lambda w, b: ([*w, None], [*b, None])), "shapes", "In a list of 2 the first stands for layer 0"),
        (altered(lambda w, b: (dict(enumerate(w)), b)), "shapes", "layer 0, which is the input"),
        (altered(lambda w, b: ([g + 0j for g in w], b)), "shapes", r"grad_w\[1\] is complex"),
        (altered(lambda w, b: (w[::-1], b[::-1])), "shapes", "right and in reverse"),
        (altered(lambda w, b: ([np.round(g, 3) for g in w], [np.round(g, 3) for g in b])), "BP1", "none of the known"),
        (altered(lambda w, b: ([g * (1 + 1e-4) for g in w], b)), "BP4", "look for rounded numbers"),
        (from_zero, "error", r"raised IndexError: w\[0\] does not exist; layer 0 is the input"),
        (mutating, "inputs", r"changes its input w\[1\] in place"),
        (altered(with_nan), "values", r"grad_w\[1\]\[0, 0\] is nan"),
        (altered(lambda w, b: (w[:-1], b)), "shapes", r"grad_w has 0 arrays; the network has layers 1\.\.1"),
        (altered(lambda w, b: (w, [np.diag(g) for g in b])), "shapes", r"shape \(2, 2\); b\[1\] has \(2,\)"),
        (altered(lambda w, b: ({1: w[0]}, b)), "shapes", "no array for layer 2"),
        (random, "error", "Two calls with the same arguments"),
    ],
)
def test_whatever_a_function_does_gets_an_answer(function: Any, first_wrong: str, message: str) -> None:
    check = fastbp.check_backprop(function)
    assert isinstance(check, Check)
    assert not check.passed
    assert check.first_wrong == first_wrong
    flat = re.sub(r"\s+", " ", str(check))
    assert re.search(message, flat), flat


class Guarded:
    """An array of another library that refuses to be read, as a tensor does that requires a gradient."""

    dtype = "float32"

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise RuntimeError("Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.")

    def __repr__(self) -> str:
        raise ValueError("not even printed")


@pytest.mark.parametrize(
    "answer",
    [
        lambda w, b: ([Guarded() for _ in w], b),
        lambda w, b: (w, {l: Guarded() for l, _ in enumerate(b, 1)}),
        lambda w, b: (Guarded(), b),
        lambda w, b: Guarded(),
    ],
)
def test_an_error_while_the_answer_is_read_is_part_of_the_answer(answer: Any) -> None:
    check = fastbp.check_backprop(altered(answer))
    assert not check.passed
    assert check.first_wrong in ("error", "shapes")
    assert re.search("raised (RuntimeError|ValueError)|grad_w is Guarded", str(check)), str(check)


def test_a_tensor_that_requires_a_gradient_is_told_to_detach() -> None:
    check = fastbp.check_backprop(altered(lambda w, b: ([Guarded() for _ in w], b)))
    flat = re.sub(r"\s+", " ", str(check))
    assert "Reading what your function returned raised RuntimeError: Can't call numpy() on Tensor" in flat
    assert "detach()" in flat


def chapter_2(w: Any, b: Any, x: Any, y: Any) -> Any:
    """The book's backprop, columns and negative indices, with its own order of the pair."""
    biases, activation = [v[:, None] for v in b], x[:, None]
    nabla_b, nabla_w = [np.zeros(v.shape) for v in biases], [np.zeros(v.shape) for v in w]
    activations, zs = [activation], []
    for bias, weight in zip(biases, w, strict=True):
        zs.append(np.dot(weight, activation) + bias)
        activation = sigma_of(zs[-1])
        activations.append(activation)
    delta = (activations[-1] - y[:, None]) * sigma_of(zs[-1]) * (1 - sigma_of(zs[-1]))
    nabla_b[-1], nabla_w[-1] = delta, np.dot(delta, activations[-2].transpose())
    for l in range(2, len(w) + 1):
        delta = np.dot(w[-l + 1].transpose(), delta) * sigma_of(zs[-l]) * (1 - sigma_of(zs[-l]))
        nabla_b[-l], nabla_w[-l] = delta, np.dot(delta, activations[-l - 1].transpose())
    return nabla_b, nabla_w


def sigma_of(z: Any) -> Any:
    return 1 / (1 + np.exp(-z))


def test_the_books_code_is_told_that_its_pair_is_exchanged() -> None:
    check = fastbp.check_backprop(chapter_2)
    flat = re.sub(r"\s+", " ", str(check))
    assert check.first_wrong == "shapes"
    assert "exchanged: return grad_w, grad_b" in flat
    assert fastbp.check_backprop(lambda *given: chapter_2(*given)[::-1])


def test_gradients_by_map_and_zip_and_biases_as_columns_or_rows_are_read() -> None:
    assert fastbp.check_backprop(altered(lambda w, b: (map(np.asarray, w), (g for g in b))))
    assert fastbp.check_backprop(altered(lambda w, b: (w, [g[:, None] for g in b])))
    assert fastbp.check_backprop(altered(lambda w, b: (w, [g[None] for g in b])))


def test_an_unknown_mistake_is_called_unknown() -> None:
    check = fastbp.check_backprop(altered(lambda w, b: ([1.001 * g for g in w], [1.001 * g for g in b])))
    assert check.first_wrong == "BP1"
    assert check.mistake is None
    assert "none of the known mistakes" in str(check)
    wrong_mean = fastbp.check_backprop(
        lambda w, b, x, y: tuple([g * len(x) ** 0.5 for g in part] for part in minibatch(w, b, x, y)), batch=True
    )
    assert wrong_mean.first_wrong == "averaging"
    assert wrong_mean.mistake is None


def test_check_refuses_what_is_no_function() -> None:
    with pytest.raises(TypeError, match="without calling it"):
        fastbp.check_backprop(([], []))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="Did you mean"):
        fastbp.check_backprop(mine(""), activations="sigmoids")


# The worked example that was published with wrong later digits


def steps(n: int, order: str) -> tuple[float, list[float]]:
    """Cost and outputs of the 2-2-2 example after n steps of 0.5 without biases; ``early``: w^2 moved before BP2."""
    x, y = [0.05, 0.10], [0.01, 0.99]
    w = {1: np.array([[0.15, 0.20], [0.25, 0.30]]), 2: np.array([[0.40, 0.45], [0.50, 0.55]])}
    b = {1: [0.35, 0.35], 2: [0.60, 0.60]}

    def outputs() -> tuple[list[float], list[float]]:
        a1 = [sigma(sum(w[1][j, k] * x[k] for k in (0, 1)) + b[1][j]) for j in (0, 1)]
        return a1, [sigma(sum(w[2][j, k] * a1[k] for k in (0, 1)) + b[2][j]) for j in (0, 1)]

    for _ in range(n):
        a1, a2 = outputs()
        d2 = [(a2[j] - y[j]) * a2[j] * (1 - a2[j]) for j in (0, 1)]
        old = w[2].copy()
        w[2] = w[2] - 0.5 * np.outer(d2, a1)
        back = w[2] if order == "early" else old
        d1 = [sum(back[k, j] * d2[k] for k in (0, 1)) * a1[j] * (1 - a1[j]) for j in (0, 1)]
        w[1] = w[1] - 0.5 * np.outer(d1, x)
    a2 = outputs()[1]
    return sum((y[j] - a2[j]) ** 2 for j in (0, 1)) / 2, a2


def test_right_and_published_numbers_of_the_worked_example() -> None:
    assert steps(1, "right")[0] == pytest.approx(0.29102777369359933, rel=1e-13)
    assert steps(1, "early")[0] == pytest.approx(0.29102792390544197, rel=1e-13)  # published: 0.291027924
    cost, outputs = steps(10_000, "right")
    assert cost == pytest.approx(3.510187782978859e-05, rel=1e-9)
    assert outputs == pytest.approx([0.01591362044355068, 0.9840642735146238], rel=1e-10)
    cost, outputs = steps(10_000, "early")
    assert f"{cost:.9f}" == "0.000035085"
    assert [f"{a:.9f}" for a in outputs] == ["0.015912196", "0.984065734"]
    # A later edition prints what the right order gives after 9,999 steps.
    assert f"{steps(9_999, 'right')[0]:.10f}" == "0.0000351085"
