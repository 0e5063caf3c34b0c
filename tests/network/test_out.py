"""`feedforward(X, out=...)`: the bits go where they are told to, and nowhere else."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from nets import SMALL, same_bits, textbook_lists
from scipy.sparse import csr_matrix

import fastbp
from fastbp import textbook


def make_net(dtype: str = "float64") -> fastbp.Network:
    return fastbp.Network([4, 6, 3], activations="tanh", dtype=dtype, seed=0)


def samples(n: int, dtype: str = "float64") -> np.ndarray:
    return np.random.default_rng(3).standard_normal((n, 4)).astype(dtype)


@pytest.mark.parametrize("n", [1, 7] if SMALL else [1, 7, 300])
def test_outputs_are_the_textbooks_and_what_lies_around_them_is_not_touched(n: int, dtype: str) -> None:
    net, X = make_net(dtype), samples(n, dtype)
    weights, biases = textbook_lists(net)
    expected = [textbook.feedforward(weights, biases, x, activations=net.activations)[-1] for x in X]
    for n_threads in (1, 2):
        memory = np.full((n + 2, 3), np.nan, dtype)
        out = memory[1:-1]
        assert net.feedforward(X, out=out, n_threads=n_threads) is out
        assert same_bits(out, expected)
        assert np.isnan(memory[[0, -1]]).all()


def test_a_subclass_is_returned_as_it_is(tmp_path: Any) -> None:
    net, X = make_net(), samples(5)
    mapped = np.memmap(tmp_path / "outputs", np.float64, "w+", shape=(5, 3))
    assert net.feedforward(X, out=mapped) is mapped
    mapped.flush()
    assert same_bits(np.fromfile(tmp_path / "outputs").reshape(5, 3), net.feedforward(X))


def test_outputs_of_one_call_are_the_samples_of_the_next() -> None:
    """Memory that a former call has read, or written, is free again."""
    net = fastbp.Network([3, 3], activations="tanh", seed=0)
    a, b = np.ones((2, 3)), np.empty((2, 3))
    for _ in range(3):
        net.feedforward(a, out=b)
        net.feedforward(b, out=a)
    expected = np.ones((2, 3))
    for _ in range(6):
        expected = net.feedforward(expected)
    assert same_bits(a, expected)


MEMORY = np.zeros((9, 4))
READ_ONLY = np.zeros((5, 3))
READ_ONLY.flags.writeable = False
BAD: list[tuple[Any, str]] = [
    ([[0.0] * 3] * 5, r"out is a list; a NumPy array is needed. Pass np.empty\(\(5, 3\), 'float64'\)"),
    (np.ma.masked_array(np.zeros((5, 3))), "out is a MaskedArray"),
    (np.zeros((4, 3)), r"out has shape \(4, 3\); \(5, 3\) is needed"),
    (np.zeros(15), r"out has shape \(15,\)"),
    (np.zeros((5, 3), "f4"), "out has dtype float32; the outputs are float64"),
    (np.zeros((5, 3), ">f8"), "out has dtype >f8"),
    (np.zeros((3, 5)).T, "out is not C-contiguous"),
    (np.zeros((5, 4))[:, :3], "out is not C-contiguous"),
    (READ_ONLY, "out is read-only"),
    (np.zeros(121, np.uint8)[1:].view("f8").reshape(5, 3), "out is not aligned; its address must be a multiple of 8"),
    (MEMORY[:5].reshape(-1)[:15].reshape(5, 3), "out shares memory with X"),
    (MEMORY.reshape(-1)[19:34].reshape(5, 3), "out shares memory with X"),
]


@pytest.mark.parametrize(("out", "message"), BAD)
def test_what_cannot_be_written_to_is_refused_by_name_and_left_as_it_is(out: Any, message: str) -> None:
    before = np.array(out)
    with pytest.raises((ValueError, TypeError), match=message) as caught:
        make_net().feedforward(MEMORY[:5], out=out)
    assert caught.value.parameter == "out"  # type: ignore[attr-defined]
    assert same_bits(np.array(out), before)


def test_memory_beside_the_samples_is_not_theirs() -> None:
    net = make_net()
    memory = np.zeros(5 * 4 + 5 * 3)
    X, out = memory[:20].reshape(5, 4), memory[20:].reshape(5, 3)
    X[:] = samples(5)
    assert same_bits(net.feedforward(X, out=out), net.feedforward(samples(5)))


def test_neither_the_samples_of_another_layout_nor_the_weights_are_overwritten() -> None:
    net = fastbp.Network([4, 4], activations="identity", seed=0)
    columns = np.zeros((4, 8))
    with pytest.raises(ValueError, match="out shares memory with X"):
        net.feedforward(columns[:, :4], out=columns.reshape(-1)[:16].reshape(4, 4))
    with pytest.raises(ValueError, match="out shares memory with the network's theta"):
        net.feedforward(np.zeros((1, 4)), out=net.theta[:4].reshape(1, 4))


def test_outputs_of_sparse_samples() -> None:
    net, X, out = make_net(), csr_matrix(samples(5)), np.empty((5, 3))
    assert net.feedforward(X, out=out) is out
    assert same_bits(out, net.feedforward(samples(5)))
    with pytest.raises(ValueError, match="out shares memory with X"):
        net.feedforward(X, out=X.data[:15].reshape(5, 3))


def test_outputs_of_an_ensemble_and_of_a_model() -> None:
    X = samples(5)
    ensemble = fastbp.Ensemble([make_net(), make_net("float32")])
    scale, target = fastbp.Scale(1.0, 2.0), fastbp.Scale([0.0, 5.0, 1.0], [1.0, 2.0, 3.0])
    net = fastbp.Network([4, 3], activations="identity", seed=0)
    asked: list[Any] = [ensemble, fastbp.Model(ensemble, [scale]), fastbp.Model(net, [scale], target=target)]
    for one in asked:
        memory = np.full((7, 3), np.nan)
        assert one.feedforward(X, out=memory[1:-1]).base is memory
        assert same_bits(memory[1:-1], one.feedforward(X))
        assert np.isnan(memory[[0, -1]]).all()
        first = one[0] if one is ensemble else one.net[0] if one.net is ensemble else net
        bad = [(np.zeros((4, 3)), "out has shape"), (np.zeros((5, 3), "f4"), "out has dtype float32")]
        for out, message in [*bad, (first.theta[:15].reshape(5, 3), "shares memory with the network's theta")]:
            before = out.copy()
            with pytest.raises(ValueError, match=message):
                one.feedforward(X, out=out)
            assert same_bits(out, before)
    with pytest.raises(ValueError, match="out shares memory with X"):
        asked[-1].feedforward(MEMORY[:5], out=MEMORY.reshape(-1)[:15].reshape(5, 3))
