"""Prediction: the latency of one row, and the rate of many."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from fastbp.compare import nets
from fastbp.compare.measure import race, repeated, sgemm

ROWS = 4096

WIDE = ("784-512-512-10 b128 float32", "784-1024-1024-10 b256 float32", "784-128-64-10 b128 float32")


def two_lines(w: list[Any], b: list[Any], a: Any) -> Any:
    """The book's feedforward, without its loop, as tight as NumPy allows: vectors, no function called for sigma."""
    a = 1 / (1 + np.exp(-(w[0] @ a + b[0])))
    return 1 / (1 + np.exp(-(w[1] @ a + b[1])))


def two_lines_in_place(w: list[Any], b: list[Any], a: Any) -> Any:
    """The same with fewer temporaries."""
    for l in (0, 1):
        a = w[l].dot(a)
        a += b[l]
        np.negative(a, a)
        np.exp(a, a)
        a += 1
        np.reciprocal(a, a)
    return a


def _agree(out: Any, expected: Any, who: str) -> None:
    if not np.allclose(out, expected, rtol=0, atol=1e-5):
        raise RuntimeError(f"{who} predicts something else than fastbp: {np.abs(out - expected).max():.1e} apart.")


def single(seconds: float) -> dict[str, Any]:
    """One row through 784-30-10, called from Python."""
    case = nets.NETS[0]
    net = case.network()
    row = case.data()[0][:1].copy()
    w, b = [np.ascontiguousarray(w) for w in net.w], [v.copy() for v in net.b]
    vector = row[0].copy()
    expected = net.feedforward(row)[0]
    calls: dict[str, Callable[[], Any]] = {
        "fastbp": lambda: net.feedforward(row),
        "NumPy": lambda: two_lines(w, b, vector),
        "NumPy in place": lambda: two_lines_in_place(w, b, vector),
    }
    for name, call in calls.items():
        _agree(call(), expected, name)
    racers = {name: repeated(call, 0.01) for name, call in calls.items()}
    race(list(racers.values()), seconds=seconds, least=5)
    return {name: racer.best * 1e6 for name, racer in racers.items()}


def _bulk_peers(net: Any, case: nets.Case, X: Any, n_threads: int) -> dict[str, Callable[[], Any]]:
    """Whole-batch prediction by each library that is there."""
    w, b = [np.ascontiguousarray(w.T) for w in net.w], [v.copy() for v in net.b]

    def numpy() -> Any:
        a = X
        for l in range(case.L):
            a = a @ w[l]
            a += b[l]
            np.negative(a, a)
            np.exp(a, a)
            a += 1
            np.reciprocal(a, a)
        return a

    calls: dict[str, Callable[[], Any]] = {
        "fastbp": lambda: net.feedforward(X, n_threads=n_threads),
        "NumPy": numpy,
    }
    if importlib.util.find_spec("jax"):
        jax = importlib.import_module("jax")
        weights, samples = jax.device_put(list(zip(w, b, strict=True))), jax.device_put(X)

        @jax.jit  # type: ignore[untyped-decorator]
        def forward(weights: Any, a: Any) -> Any:
            for w, b in weights:
                a = jax.nn.sigmoid(a @ w + b)
            return a

        calls["JAX"] = lambda: forward(weights, samples).block_until_ready()
    if importlib.util.find_spec("torch"):
        torch = importlib.import_module("torch")
        torch.set_num_threads(n_threads)
        tensors = [
            (torch.from_numpy(np.ascontiguousarray(w.T)), torch.from_numpy(b)) for w, b in zip(w, b, strict=True)
        ]
        batch = torch.from_numpy(X)

        def pytorch() -> Any:
            with torch.inference_mode():
                a = batch
                for w, b in tensors:
                    a = torch.nn.functional.linear(a, w, b).sigmoid_()
                return a

        calls["PyTorch"] = pytorch
    return calls


def bulk(case: nets.Case, seconds: float, n_threads: int) -> dict[str, Any]:
    """Many rows through one net, as parts of the matrix product's rate in the same run."""
    net = case.network()
    X = np.random.default_rng(0).random((ROWS, case.sizes[0]), dtype=np.float32).astype(case.dtype)
    calls = _bulk_peers(net, case, X, n_threads)
    expected = net.feedforward(X[:64])
    for name, call in calls.items():
        _agree(np.asarray(call())[:64], expected, name)
    racers = {name: repeated(call, 0.02) for name, call in calls.items()}
    dot, dot_flops = sgemm(case.dtype)
    machine = repeated(dot, 0.01)
    race([machine, *racers.values()], seconds=seconds, least=5)
    flops = case.flops(training=False) / case.batch * ROWS
    rate = dot_flops / machine.best
    return {name: flops / racer.best / rate for name, racer in racers.items()}


def measure(seconds: float, n_threads: int) -> Iterator[dict[str, Any]]:
    """Both; runs in a fresh process (`pin.task`)."""
    yield {"kind": "single", "threads": n_threads, "us": single(seconds)}
    for case in nets.find(WIDE):
        yield {"kind": "bulk", "net": case.name, "threads": n_threads, "parts": bulk(case, seconds, n_threads)}
