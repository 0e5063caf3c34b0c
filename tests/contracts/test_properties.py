"""What holds for any network and any data: equal bits, symmetries of the sums, and an answer to whatever is passed."""

from __future__ import annotations

from typing import Any

import numpy as np
from effort import examples
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from nets import HIDDEN, SMALL, random_data, same_bits, textbook_gradient

import fastbp

WIDEST, MOST = (6, 5) if SMALL else (40, 70)
LEGAL = [("sigmoid", "cross_entropy"), ("softmax", "cross_entropy"), *((name, "quadratic") for name in HIDDEN)]


@st.composite
def nets(draw: st.DrawFn) -> tuple[fastbp.Network, np.ndarray, np.ndarray, np.random.Generator]:
    """A network of any shape, and samples with targets."""
    sizes = draw(st.lists(st.integers(1, WIDEST), min_size=2, max_size=5))
    output, cost = draw(st.sampled_from(LEGAL))
    hidden = draw(st.lists(st.sampled_from(HIDDEN), min_size=len(sizes) - 2, max_size=len(sizes) - 2))
    dtype = draw(st.sampled_from(["float32", "float64"]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    net = fastbp.Network(
        sizes, activations=[*hidden, output], cost=cost, dtype=dtype, seed=rng, init="nielsen_unit_bias"
    )
    return net, *random_data(rng, net, draw(st.integers(1, MOST))), rng


def close(a: Any, b: Any, net: fastbp.Network, factor: float = 1e3) -> bool:
    """Norm by norm, to some hundred roundings."""
    bound = factor * np.finfo(net.dtype).eps * max(np.linalg.norm(part) for part in (*a.w, *a.b))
    return all(np.linalg.norm(p - q) <= bound for p, q in zip((*a.w, *a.b), (*b.w, *b.b), strict=True))


@settings(max_examples=examples(10 if SMALL else 150))
@given(nets(), st.sampled_from([0.0, 0.01]), st.sampled_from([0.0, 0.5]), st.booleans())
def test_the_gradient_has_the_bits_of_the_textbook(case: Any, l1: float, l2: float, weighted: bool) -> None:
    net, X, Y, rng = case
    s = rng.random(len(X)).astype(net.dtype) + net.dtype.type(0.1) if weighted else None
    g = net.gradient(X, Y, sample_weight=s, l1=l1, l2=l2)
    expected = textbook_gradient(net, X, Y, sample_weight=s, l1=l1, l2=l2)
    for l in range(1, net.L + 1):
        assert same_bits(g.w[l], expected.w[l - 1]), l
        assert same_bits(g.b[l], expected.b[l - 1]), l


@settings(max_examples=examples(10 if SMALL else 100))
@given(nets())
def test_a_row_has_the_same_bits_alone(case: Any) -> None:
    net, X, _, rng = case
    i = int(rng.integers(len(X)))
    assert same_bits(net.feedforward(X)[i : i + 1], net.feedforward(X[i : i + 1]))
    padded = np.full((2 * len(X), 2 * X.shape[1]), np.nan, X.dtype)
    padded[::2, ::2] = X
    strided = padded[::2, ::2]
    strided.setflags(write=False)
    for layout in (np.asfortranarray(X), strided):
        assert same_bits(net.feedforward(layout), net.feedforward(X))


@settings(max_examples=examples(10 if SMALL else 150))
@given(nets())
def test_symmetries_of_the_sums(case: Any) -> None:
    """Samples may come in any order and weigh as much as copies; a batch is the mean of its parts."""
    net, X, Y, rng = case
    g = net.gradient(X, Y)
    assume(all(np.linalg.norm(part) > 0 for part in g.w))
    order = rng.permutation(len(X))
    assert close(g, net.gradient(X[order], Y[order]), net)
    copies = rng.integers(0, 3, len(X))
    copies[0] += 1
    repeated = np.repeat(np.arange(len(X)), copies)
    assert close(net.gradient(X[repeated], Y[repeated]), net.gradient(X, Y, sample_weight=copies), net)
    cut = int(rng.integers(len(X))) + 1
    parts = [net.gradient(X[part], Y[part]) for part in (slice(0, cut), slice(cut, None)) if len(X[part])]
    shares = [cut / len(X), 1 - cut / len(X)]
    mixed = net.gradient(X, Y)
    for mine, *theirs in zip((*mixed.w, *mixed.b), *((*part.w, *part.b) for part in parts), strict=True):
        mine[...] = sum(share * part for share, part in zip(shares, theirs, strict=False))
    assert close(g, mixed, net)


@settings(max_examples=examples(10 if SMALL else 100))
@given(nets())
def test_hidden_neurons_may_change_places(case: Any) -> None:
    net, X, Y, rng = case
    assume(net.L > 1)
    l = int(rng.integers(1, net.L))
    order = rng.permutation(net.sizes[l])
    twin = net.copy()
    twin.w[l], twin.b[l], twin.w[l + 1] = net.w[l][order], net.b[l][order], net.w[l + 1][:, order]
    g, h = net.gradient(X, Y), twin.gradient(X, Y)
    h.w[l + 1][:, order] = h.w[l + 1].copy()
    h.w[l][order], h.b[l][order] = h.w[l].copy(), h.b[l].copy()
    assert close(g, h, net)


ANYTHING = st.one_of(
    arrays.arrays(arrays.scalar_dtypes(), arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)),
    arrays.arrays(
        object, arrays.array_shapes(max_side=3), elements=st.none() | st.integers() | st.text() | st.floats()
    ),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(), st.lists, max_leaves=12
    ),
    arrays.arrays(float, (3, 2), elements=st.floats(-1e300, 1e300)),
)


@settings(max_examples=examples(100 if SMALL else 800))
@given(ANYTHING, ANYTHING, st.none() | ANYTHING, st.sampled_from(LEGAL), st.sampled_from(["float32", "float64"]))
def test_whatever_is_passed_gets_an_answer(X: Any, Y: Any, s: Any, legal: tuple[str, str], dtype: str) -> None:
    """A finite result, a warning that names an overflow, or one sentence that begins with the argument."""
    net = fastbp.Network([2, 3, 2], activations=["tanh", legal[0]], cost=legal[1], dtype=dtype, seed=0)
    before = net.theta.copy()
    good = [[1.0, 2.0], [0.0, 1.0], [3.0, 1.0]]
    targets = [[0.0, 1.0]] * 3
    for call in (
        lambda: net.feedforward(X),
        lambda: net.gradient(good, Y),
        lambda: net.gradient(good, targets, sample_weight=s),
        lambda: fastbp.train(net, X, Y, sample_weight=s, epochs=1, batch_size=None),
    ):
        try:
            call()
            continue
        except fastbp.DivergenceError:
            message = "X ."
        except (ValueError, TypeError) as error:
            message = str(error)
        assert message.startswith(("X ", "Y ", "sample_weight ")), message
        assert message.endswith(".")
        assert np.array_equal(net.theta, before)
    assert np.isfinite(net.theta).all()
