"""A right solution is not accused, in any activation, cost, precision or style of writing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from nets import SMALL
from solutions import PAIRS, numpy_solution

import fastbp
from fastbp.teach.matching import FLOAT16, FLOAT32, FLOAT64, precision_of
from fastbp.teach.trials import make_cases

FORMATS = (np.float64, np.float32, np.float16)


@pytest.mark.parametrize("dtype", FORMATS)
@pytest.mark.parametrize(("activation", "cost"), PAIRS)
def test_a_right_solution_passes_in_every_precision(activation: str, cost: str, dtype: Any) -> None:
    for seed in range(1 if SMALL else 3):
        for batch in (False, True):
            mine = numpy_solution(activation, cost, dtype, whole=bool(seed % 2))
            check = fastbp.check_backprop(mine, batch, activations=activation, cost=cost, seed=seed)
            assert check.passed, str(check)
            assert ("in " + np.dtype(dtype).name in check.message) is (dtype is not np.float64)


def test_softmax_by_its_whole_jacobian_passes_where_the_gradient_has_cancelled() -> None:
    mine = numpy_solution("softmax", "cross_entropy", whole=True)
    smallest = 1.0
    for seed in (33, *range(10 if SMALL else 40)):
        for batch in (False, True):
            check = fastbp.check_backprop(mine, batch, activations="softmax", cost="cross_entropy", seed=seed)
            assert check.passed, str(check)
        for case in make_cases(("sigmoid", "softmax"), "cross_entropy", seed, 1):
            right = [np.abs(array.value) for array in case.right.w]
            smallest = min(smallest, *(float(array.min()) for array in right))
    assert smallest < 1e-6


def truncated(answer: Any) -> Any:
    """bfloat16: float32 without its lower half, rounded to nearest."""
    bits = np.asarray(answer, np.float32).view(np.uint32).astype(np.uint64)
    bits = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16 << 16
    return bits.astype(np.uint32).view(np.float32)


def test_bfloat16_passes_and_a_turned_sign_in_it_is_named() -> None:
    right = numpy_solution("sigmoid", "quadratic", np.float32)
    for sign, name in ((1, None), (-1, "y-minus-a")):

        def mine(w: Any, b: Any, x: Any, y: Any, sign: int = sign) -> Any:
            return tuple([sign * truncated(g) for g in part] for part in right(w, b, x, y))

        check = fastbp.check_backprop(mine)
        assert check.passed is (name is None)
        assert name is None or [mistake.name for mistake in check.mistakes] == [name]


def test_precision_is_that_of_the_numbers_not_of_their_array() -> None:
    numbers = np.array([0.1, 2 / 3, 0.0])
    assert precision_of([numbers]) is FLOAT64
    assert precision_of([np.float32(numbers).astype(float)]) is FLOAT32
    assert precision_of([np.float16(numbers).astype(float)]) is FLOAT16
    assert precision_of([truncated(numbers).astype(float)]).name == "bfloat16"
    assert precision_of([np.float32(numbers), numbers]) is FLOAT64
    assert precision_of([np.zeros(3)]) is FLOAT64


def test_single_precision_summed_in_double_is_right() -> None:
    one = numpy_solution("tanh", "quadratic", np.float32)

    def mine(w: Any, b: Any, X: Any, Y: Any) -> Any:
        total_w, total_b = [np.zeros(p.shape) for p in w], [np.zeros(p.shape) for p in b]
        for x, y in zip(X, Y, strict=True):
            part_w, part_b = one(w, b, x, y)
            for total, part in zip((*total_w, *total_b), (*part_w, *part_b), strict=True):
                total += part / len(X)
        return total_w, total_b

    check = fastbp.check_backprop(mine, True, activations="tanh")
    assert check.passed, str(check)
    assert "about 7 digits" in check.message


def test_difference_quotients_are_right() -> None:
    def cost(w: Any, b: Any, x: Any, y: Any) -> float:
        a = x
        for p, q in zip(w, b, strict=True):
            a = 1 / (1 + np.exp(-(p @ a + q)))
        return float(((a - y) ** 2).sum() / 2)

    def mine(w: Any, b: Any, x: Any, y: Any) -> Any:
        w, b, h = [p.copy() for p in w], [q.copy() for q in b], 1e-5
        out: Any = ([np.empty_like(p) for p in w], [np.empty_like(q) for q in b])
        for parameters, grads in zip((w, b), out, strict=True):
            for array, grad in zip(parameters, grads, strict=True):
                for index in np.ndindex(array.shape):
                    kept = array[index]
                    array[index] = kept + h
                    above = cost(w, b, x, y)
                    array[index] = kept - h
                    grad[index] = (above - cost(w, b, x, y)) / (2 * h)
                    array[index] = kept
        return out

    assert fastbp.check_backprop(mine)


@pytest.mark.parametrize("dtype", FORMATS[:2])
def test_an_entry_that_moves_by_more_than_a_thousandth_is_wrong(dtype: Any) -> None:
    right = numpy_solution("sigmoid", "quadratic", dtype)
    for layer, part in ((0, 0), (-1, 1)):

        def mine(w: Any, b: Any, x: Any, y: Any, layer: int = layer, part: int = part) -> Any:
            answer = right(w, b, x, y)
            answer[part][layer] = answer[part][layer] * dtype(1.0015)
            return answer

        check = fastbp.check_backprop(mine, layer == 0)
        assert not check.passed
        assert not check.mistakes
        assert check.first_wrong in ("BP3", "BP4")


def test_a_rounding_difference_is_never_called_averaging() -> None:
    right = numpy_solution("sigmoid", "quadratic")

    def mine(w: Any, b: Any, x: Any, y: Any) -> Any:
        answer = right(w, b, x, y)
        # Right for one sample, off by rounded digits for three.
        return [[g * (1 + 2e-4 * (np.ndim(x) > 1 and len(x) > 1)) for g in part] for part in answer]

    check = fastbp.check_backprop(mine, True)
    assert not check.passed
    assert check.first_wrong == "BP1"
    assert "rounded numbers" in check.message


def test_half_of_relu_at_zero_is_right() -> None:
    for slope_at_zero in (0.0, 0.5):

        def mine(w: Any, b: Any, x: Any, y: Any, slope_at_zero: float = slope_at_zero) -> Any:
            a, z = [x], []
            for p, q in zip(w, b, strict=True):
                z.append(p @ a[-1] + q)
                a.append(np.maximum(z[-1], 0))
            slopes = [np.heaviside(value, slope_at_zero) for value in z]
            delta = [(a[-1] - y) * slopes[-1]]
            for l in range(len(w) - 1, 0, -1):
                delta.insert(0, w[l + 1].T @ delta[0] * slopes[l - 1])
            return [np.outer(d, value) for d, value in zip(delta, a, strict=False)], delta

        assert fastbp.check_backprop(mine, activations="relu")


def test_diagnose_takes_single_precision_for_right() -> None:
    for seed in range(10):
        net = fastbp.Network([4, 6, 3], activations="tanh", seed=seed)
        rng = np.random.default_rng(seed)
        X, Y = rng.standard_normal((3, 4)), rng.random((3, 3)) - 0.5
        w, b = numpy_solution("tanh", "quadratic", np.float32)(net.w, net.b, X, Y)
        assert fastbp.diagnose(net, X, Y, w, b).correct
        single = fastbp.Network([4, 6, 3], activations="tanh", dtype="float32", seed=seed)
        g = single.gradient(X.astype("f4"), Y.astype("f4"))
        assert fastbp.diagnose(single, X.astype("f4"), Y.astype("f4"), g.w, g.b).correct
