"""Every term of an index sum is fused with the sum it feeds, whatever LLVM makes of the loop around it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from fastbp import textbook
from fastbp.functions.activations import CODES
from fastbp.runtime import explained, tangents


def exact_fma(a: Any, b: Any, c: Any) -> Any:
    """The number of c's dtype that is nearest to a b + c, by way of whole numbers and a float64 quotient."""
    exact = Fraction(float(a)) * Fraction(float(b)) + Fraction(float(c))
    return c.dtype.type(exact.numerator / exact.denominator)


def chain(start: np.ndarray, *pairs: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """start[j] + sum_r first[r, j] second[r, j], r in order, each term of each pair rounded as its sum is."""
    total = start.copy()
    for j in range(start.size):
        for r in range(len(pairs[0][0])):
            for first, second in pairs:
                total[j] = exact_fma(first[r, j], second[r, j], total[j])
    return total


def check_sums() -> None:
    """Compare the sums over k, over x and of an explanation with chains of exact multiply-adds."""
    rng = np.random.default_rng(5)
    for dtype in np.float32, np.float64:
        J, K = 3, 37

        def draw(*shape: int, dtype: Any = dtype) -> np.ndarray:
            return rng.standard_normal(shape).astype(dtype)

        def spread(vector: np.ndarray, n: int = J) -> np.ndarray:
            return np.repeat(vector[:, None], n, 1)

        w, v, b, a, Ra, zero = draw(J, K), draw(J, K), draw(J), draw(K), draw(K), np.zeros(J, dtype)
        F1 = chain(b, (w.T, spread(a)))
        moving = chain(b, (v.T, spread(a)), (w.T, spread(Ra)))
        z, Rz = tangents.index_sums(a[None], w.T, b), tangents.moving_sums(a[None], Ra[None], w.T, v.T, b)
        BP2 = chain(zero, (w.T, spread(a)))
        moving_BP2 = chain(zero, (v.T, spread(a)), (w.T, spread(Ra)))
        w_next, v_next, identity = np.ascontiguousarray(w.T), np.ascontiguousarray(v.T), CODES["identity"]
        out, Ru = tangents.index_sums(a[None], w_next), tangents.moving_sums(a[None], Ra[None], w_next, v_next, None)
        g = draw(J, K)
        before = g.copy()
        textbook.weight_gradient(a, b, g)
        got = {
            "F1": (textbook.weighted_input(w, b, a), F1),
            "F1 of many samples": (z[0], F1),
            "R of F1": (textbook.moving_input(w, v, b, a, Ra), moving),
            "R of F1, of many samples": (Rz[0], moving),
            "BP2": (textbook.hidden_error(w_next, a, identity, b), BP2),
            "BP2 by links": (textbook.hidden_error_by_links(w_next, a), BP2),
            "BP2 of many samples": (out[0], BP2),
            "R of BP2": (textbook.moving_sum(w_next, v_next, a, Ra), moving_BP2),
            "R of BP2, of many samples": (Ru[0], moving_BP2),
            "BP4": (g.ravel(), chain(before.ravel(), (np.tile(a, J)[None], np.repeat(b, K)[None]))),
            "partial sums": (explained.partial_sums(b[0], w[0], a)[-1:], F1[:1]),
        }
        wrong = [name for name, (fast, right) in got.items() if fast.tobytes() != right.tobytes()]
        assert not wrong, (np.dtype(dtype).name, wrong)


@pytest.mark.compiled
def test_terms_are_fused_with_their_sums() -> None:
    check_sums()


@pytest.mark.compiled
def test_terms_are_fused_where_llvm_makes_a_vector_of_one_sum() -> None:
    """As it does on ARM by itself: the products of several terms of one sum are then taken together."""
    _in_a_process_of_its_own(check_sums)


def _in_a_process_of_its_own(function: Callable[[], None]) -> None:
    code = (
        "import llvmlite.binding; llvmlite.binding.set_option('', '-force-ordered-reductions=true')\n"
        f"import {function.__module__}; {function.__module__}.{function.__name__}()"
    )
    environment = {"FASTBP_NO_CACHE": "1", "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    subprocess.run([sys.executable, "-c", code], check=True, env=os.environ | environment)


def test_the_comparison_sees_a_product_that_was_rounded() -> None:
    rng = np.random.default_rng(1)
    a, b, c = rng.standard_normal((3, 40))
    assert any(exact_fma(*term) != term[0] * term[1] + term[2] for term in zip(a, b, c, strict=True))
