"""The instrument of the kinds of vectors."""

from __future__ import annotations

import os
from typing import Any

import pytest

from bench import levels
from fastbp.compare import nets, pin

CASES = [nets.Case("6-4-3 b4", (6, 4, 3), 4, 12)]


def test_levels_of_vectors_have_floors_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """The least of all rounds of a level, of which processes are told by their environment; it is left as it was."""
    before, told = dict(os.environ), []

    def task(function: str, n_threads: int, **arguments: Any) -> list[dict[str, Any]]:
        told.append((os.environ.get("NUMBA_CPU_NAME"), os.environ["OPENBLAS_CORETYPE"], n_threads))
        us, floor = [(6.0, 4.0), (22.0, 10.0), (7.0, 3.0), (20.0, 12.0)][len(told) - 1]
        return [{"peers": {"fastbp": {"us": us}}, "floor": floor} for _ in arguments["cases"]]

    monkeypatch.setattr(pin, "task", task)
    monkeypatch.delenv("NUMBA_CPU_NAME", raising=False)
    found = levels.measure(CASES, rounds=2, seconds=0)
    assert told == [(None, "SkylakeX", 1), ("x86-64-v3", "Haswell", 1)] * 2
    assert found == {
        "AVX-512": [{"us": 6.0, "floor": 3.0, "of_floor": 2.0}],
        "AVX2": [{"us": 20.0, "floor": 10.0, "of_floor": 2.0}],
    }
    assert levels.describe(CASES, found).endswith("| 6.00 | 2.00 | 20.00 | 2.00 | 1.00 |")
    assert dict(os.environ) == {name: value for name, value in before.items() if name != "NUMBA_CPU_NAME"}
