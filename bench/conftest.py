"""Each suite runs in a process of FASTBP_BENCH_THREADS threads (1 if not set), peers and fastbp alike."""

from __future__ import annotations

import os
from typing import Any

import pytest

from fastbp.bench import pin

THREADS = int(os.environ.get("FASTBP_BENCH_THREADS", "1"))
pin.hold(THREADS)


@pytest.fixture
def n_threads() -> int:
    return THREADS


def pytest_benchmark_update_machine_info(config: Any, machine_info: dict[str, Any]) -> None:
    machine_info["threads"] = THREADS
