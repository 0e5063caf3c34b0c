"""Shared by all tests: the order in which Hypothesis looks is fixed, and compiled-only tests are marked."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings

from fastbp import _jit

settings.register_profile(
    "fastbp", derandomize=True, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("fastbp")


@pytest.fixture(params=["float32", "float64"])
def dtype(request: pytest.FixtureRequest) -> str:
    """Each dtype that kernels exist for."""
    return str(request.param)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """As plain Python a net takes a thousand times longer: the marked tests are about compiled code."""
    if _jit.DISABLED:
        items[:] = [item for item in items if item.get_closest_marker("compiled") is None]
