"""The cosine-log schedule."""

from __future__ import annotations

import numpy as np
import pytest
from fastbp.schedules import CosineLog


def test_cycles_twice_as_long_each_time() -> None:
    schedule = CosineLog(cycles=4)
    ends = np.array([0, 1, 3, 7, 15]) * 100 / 15
    np.testing.assert_allclose(schedule(ends, 100), 0, atol=1e-12)
    halves = (2 ** (np.arange(4) + 0.5) - 1) * 100 / 15
    np.testing.assert_allclose(schedule(halves, 100), 1, atol=1e-12)
    assert CosineLog(epochs=50)(25.0, 100) == schedule(50.0, 100)
    with pytest.raises(ValueError, match="cycles"):
        CosineLog(cycles=0)
