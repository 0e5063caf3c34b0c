"""How hard tests look: FASTBP_TEST_EFFORT times as many random examples; beyond 1, other ones each time, and the slow
tests too.
"""

from __future__ import annotations

import os

EFFORT = int(os.environ.get("FASTBP_TEST_EFFORT", "1"))


def examples(n: int) -> int:
    """Of Hypothesis, for a test that takes ``n`` in the suite."""
    return n * EFFORT
