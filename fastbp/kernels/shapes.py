"""Block shapes for this CPU. They change the speed, never the bits: every sum keeps its order."""

from __future__ import annotations

from fastbp import _jit


def cpu_features() -> str:
    """LLVM's features of the CPU that Numba compiles for, which NUMBA_CPU_NAME and NUMBA_CPU_FEATURES may change."""
    if _jit.DISABLED:
        return ""
    from numba.core.registry import cpu_target

    return str(cpu_target.target_context.codegen().magic_tuple()[2])


AVX512 = "+avx512f" in cpu_features().split(",")

VECTOR_BYTES = 64 if AVX512 else 32
"""One vector register. AVX2; assumed for the rest (two NEON registers)."""

ROW_COUNTS: tuple[int, ...] = tuple(range(1, 11 if AVX512 else 6))
"""R of the compiled blocks. A block of R rows and two vectors takes 2 R registers of 32 (AVX-512) or 16 (AVX2)."""

MAX_ROWS = ROW_COUNTS[-1]

PACKING_PAYS = 16
"""Output rows from which copying a strip of ``rows`` side by side costs less than walking its long stride each time."""

CACHE_LINE = 64
"""Bytes. Rows of every matrix start on one."""

LONG_STRIDE = 1024
"""Bytes between rows from which packing is worth while."""
