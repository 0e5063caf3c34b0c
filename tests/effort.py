"""How hard random tests look: FASTBP_TEST_EFFORT times as many examples; beyond 1, other ones each time."""

from __future__ import annotations

import os

EFFORT = int(os.environ.get("FASTBP_TEST_EFFORT", "1"))


def examples(n: int) -> int:
    """Of Hypothesis, for a test that takes ``n`` in the suite."""
    return n * EFFORT
