"""A file of results by a formula: what the report and the pictures are tested on, without measuring anything."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import numpy as np

from bench import estimators, scaling
from bench.sweeps import sweep
from fastbp.compare import nets

PRICES = scaling.Terms(1 / 90, 0.4, 0.6, 0.2, 0.3, 0.012, 0.02, 0.01)
"""Of the model of scaling: a step is what they say, times some noise."""

CACHE = 1 << 20


def us(case: nets.Case, T: int) -> float:
    """A step of fastbp."""
    return float(sum(p * c for p, c in zip(PRICES, scaling.counts(case, T, CACHE), strict=True)))


def race(case: nets.Case, T: int, rng: np.random.Generator) -> dict[str, Any]:
    """A row of a table."""
    floor = case.flops() / (100e3 * T)
    ours = us(case, T)
    overhead = {"fastbp": 0.0, "JAX": 12.0, "PyTorch": 280.0, "NumPy": 24.0}
    peers: dict[str, Any] = {
        name: {"us": (ours + more) * (0.97 if more else 1.0) * rng.uniform(1, 1.03), "cores": 1.0, "error": 1e-6}
        for name, more in overhead.items()
    }
    peers["scikit-learn"] = {"reason": "it has no sigmoid output with the quadratic cost"}
    peers["torch.compile"] = {"reason": "not installed"}
    return {"net": case.name, "dtype": case.dtype, "threads": T, "floor": floor, "rate": 100.0 * T, "peers": peers}


def results() -> dict[str, Any]:
    """Every suite."""
    rng = np.random.default_rng(0)
    machine = {
        "cpu": "Imagined CPU",
        "cores": 2,
        "cache": CACHE,
        "system": "Linux x86_64",
        "python": "3.12.0",
        "date": "2026-01-01",
        "versions": {"fastbp": "0.1.0", "NumPy": "2.0.0", "torch.compile": None},
        "pinning": {},
    }
    sweeps: dict[str, Any] = {}
    for kind in ("width", "batch"):
        rows = [(at, race(case, T, rng)) for T in (1, 2) for at, case in sweep(kind)]
        sweeps[kind] = [
            {
                "at": at,
                "threads": row["threads"],
                "floor": row["floor"],
                "us": {name: peer["us"] for name, peer in row["peers"].items() if "us" in peer},
            }
            for at, row in rows
        ]

    def scaled(case: nets.Case) -> dict[str, Any]:
        return {"net": case.name, "dtype": case.dtype, "us": {str(T): us(case, T) for T in (1, 2)}}

    threads = [scaled(case) for case in nets.ALL]
    for row in threads:
        row["us"]["None"] = min(row["us"].values())
    epochs = [
        {"net": net.sizes, "batch": net.batch, "solver": solver, "dtype": dtype, "threads": T, "goal": net.goal}
        | {"seconds": {"scikit-learn": 0.0124, "fastbp": 0.00153 / T if dtype == "float32" else 0.00207 / T}}
        for T in (1, 2)
        for net, solver, dtype in estimators.CASES
    ]
    quality = {
        "data": "iris",
        "samples": 150,
        "measure": "accuracy",
        "scores": {"scikit-learn": [0.93, 0.97, 0.95], "fastbp": [0.94, 0.97, 0.95]},
        "seconds": {"scikit-learn": 0.1, "fastbp": 0.025},
    }
    return {
        "machine": machine,
        "nets": [race(case, T, rng) for T in (1, 2) for case in (*nets.NETS, *nets.FLOAT64)],
        "more": [race(case, T, rng) for T in (1, 2) for case in nets.MORE],
        "sweeps": sweeps,
        "forward": [
            {"kind": "single", "threads": 1, "us": {"fastbp": 3.2, "NumPy": 6.1, "NumPy in place": 5.9}},
            {"kind": "bulk", "net": "784-512-512-10 b128", "threads": 1, "parts": {"fastbp": 0.93, "NumPy": 0.88}},
        ],
        "book": [{"threads": 1, "fastbp": 0.09, "book": 4.05}],
        "scaling": [scaled(case) for case in scaling.cases()],
        "threads": threads,
        "start": {
            "import": {"numpy": 0.081, "fastbp": 0.004},
            "cold": {"float32": 11.2, "float64": 10.1},
            "warm": {"float32": 0.71, "float64": 0.72},
        },
        "memory": [{"net": "784-1024-1024-10 b256", "threads": 1, "bytes": 11.0e6, "expected": 10.0e6}],
        "mnist": [
            {"peer": "fastbp", "threads": 1, "seconds": 0.31, "epochs": 2, "accuracy": 0.951, "reached": True},
            {"peer": "NumPy", "threads": 1, "seconds": 9.0, "epochs": 30, "accuracy": 0.94, "reached": False},
            {"peer": "JAX", "threads": 1, "reason": "not installed"},
        ],
        "sklearn": {"epochs": epochs, "data": [quality]},
    }


def where(n_threads: int) -> Iterator[dict[str, Any]]:
    """What a held process finds; runs in one."""
    import threadpoolctl

    from fastbp.compare import pin

    np.dot(np.ones((64, 64)), np.ones((64, 64)))
    yield {
        "cores": len(pin.cores()),
        "variables": {name: os.environ[name] for name in pin.VARIABLES},
        "pools": [pool["num_threads"] for pool in threadpoolctl.threadpool_info()],
    }
