"""Ready-made code beside compiled code: processes in turns, the median of neighbours' ratios."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from bench import ready_made
from fastbp.compare import nets

CASES = nets.find(["4-16-16-1", "64-32-10"])


def test_neighbours_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, bool]] = []
    compiled, made = iter([10.0, 40.0, 10.0]), iter([10.2, 44.0, 9.0])  # the second pair met a busy machine

    def task(function: str, n_threads: int, **arguments: Any) -> list[dict[str, float]]:
        ready = os.environ["FASTBP_MACHINE_CODE"] != "0"
        assert os.environ["FASTBP_TUNE"] == "0"
        seen.append((n_threads, ready))
        if ready:
            return [{"us": next(made)}, {"us": 3.0}]
        return [{"us": next(compiled)}, {"us": 2.0}]

    monkeypatch.setattr(ready_made.pin, "task", task)
    monkeypatch.setattr(ready_made.build, "build_here", lambda folder: ([Path(folder) / "library"], "any"))
    found = ready_made.measure(CASES, n_threads=2, rounds=3, seconds=0)
    assert [ready for _, ready in seen] == [False, True, True, False, False, True]
    assert {n_threads for n_threads, _ in seen} == {2}
    assert found[0] == {"ready": 9.0, "compiled": 10.0, "ratio": 1.02}
    assert found[1] == {"ready": 3.0, "compiled": 2.0, "ratio": 1.5}
    assert ready_made.describe(CASES, found).endswith("| 2.00 | 3.00 | 1.500 |")


def test_the_fastest_epoch_counts() -> None:
    small = nets.parse("3-2-1 b2")
    (found,) = ready_made.fastest([asdict(small)], 0.0, 1)
    assert 0 < found["us"] < 1e6
