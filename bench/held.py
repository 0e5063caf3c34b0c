"""How many threads the suites are held to."""

from __future__ import annotations

import os

from fastbp.compare.pin import cores


def asked() -> int:
    """How many threads FASTBP_BENCH_THREADS asks for; 1 where it is not set."""
    text = os.environ.get("FASTBP_BENCH_THREADS", "1")
    if not text.isdigit() or not 1 <= int(text) <= len(cores()):
        raise ValueError(
            f"FASTBP_BENCH_THREADS is {text!r}; it must be a whole number from 1 to {len(cores())}, the cores that "
            "this process may use. Set it, for example, to 1."
        )
    return int(text)
