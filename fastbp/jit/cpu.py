"""What the code is compiled for: the CPU's vector registers, and its cache lines."""

from __future__ import annotations

from fastbp.jit.decorators import DISABLED


def cpu_features() -> str:
    """LLVM's features of the CPU that Numba compiles for, which NUMBA_CPU_NAME and NUMBA_CPU_FEATURES may change."""
    if DISABLED:
        return ""
    from numba.core.registry import cpu_target

    return str(cpu_target.target_context.codegen().magic_tuple()[2])


AVX512 = "+avx512f" in cpu_features().split(",")

VECTOR_BYTES = 64 if AVX512 else 32
"""One vector register. AVX2; assumed for the rest (two NEON registers)."""

VECTOR_REGISTERS = 32 if AVX512 else 16

CACHE_LINE = 64
"""Bytes. Rows of every matrix start on one."""

LINE_PAIR = 2 * CACHE_LINE
"""Bytes of which no two threads should write to parts: Intel's CPUs fetch lines in pairs, Apple's are that long."""

HALF_LINE = 32
"""Bytes: as much of a row as a layer of few neurons fills, and the unit of a register block's width."""
