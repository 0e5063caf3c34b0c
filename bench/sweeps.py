"""Nets of two equal hidden layers, for the pictures of time against a size."""

from __future__ import annotations

from fastbp.compare.nets import Case, parse

WIDTHS = (8, 16, 32, 64, 128, 256, 512, 1024, 2048)
BATCHES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)


def square(width: int, batch: int) -> Case:
    """Two hidden layers of ``width``."""
    return parse(f"{width}-{width}-{width}-10 b{batch}")


def sweep(kind: str) -> list[tuple[int, Case]]:
    """Cases of the picture of time against ``"width"`` (batch 64) or ``"batch"`` (width 128)."""
    if kind == "width":
        return [(width, square(width, 64)) for width in WIDTHS]
    return [(batch, square(128, batch)) for batch in BATCHES]
