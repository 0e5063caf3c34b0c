"""What kernels are written for: vector registers of one of two kinds, and cache lines."""

from __future__ import annotations

CACHE_LINE = 64
"""Bytes. Rows of every matrix start on one."""

LINE_PAIR = 2 * CACHE_LINE
"""Bytes of which no two threads should write to parts: Intel's CPUs fetch lines in pairs, Apple's are that long."""

HALF_LINE = 32
"""Bytes: as much of a row as a layer of few neurons fills, and the unit of a register block's width."""


def shape(wide: bool) -> dict[str, int]:
    """What kernels, and what is laid out for them, take for granted, with AVX-512 or without."""
    return {
        "AVX512": int(wide),
        "VECTOR_BYTES": 64 if wide else 32,
        "VECTOR_REGISTERS": 32 if wide else 16,
        "CACHE_LINE": CACHE_LINE,
        "HALF_LINE": HALF_LINE,
    }
