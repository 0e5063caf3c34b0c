"""What the code is compiled for: the CPU's vector registers, and its cache lines."""

from __future__ import annotations

from fastbp.jit.asked import BUILD_FOR
from fastbp.jit.library import LIBRARY
from fastbp.jit.mode import DISABLED, needing_numba
from fastbp.jit.shape import CACHE_LINE, HALF_LINE, LINE_PAIR, shape

__all__ = [
    "AVX512",
    "CACHE_LINE",
    "HALF_LINE",
    "LINE_PAIR",
    "SHAPE",
    "VECTOR_BYTES",
    "VECTOR_REGISTERS",
    "cpu_features",
]


def cpu_features() -> str:
    """LLVM's features of the CPU that Numba compiles for, which NUMBA_CPU_NAME and NUMBA_CPU_FEATURES may change."""
    if DISABLED:
        return ""
    cpu_target = needing_numba("numba.core.registry").cpu_target
    return str(cpu_target.target_context.codegen().magic_tuple()[2])


def _has_avx512() -> bool:
    """As the machine code that is there was made for it, or as it is asked for, or as the CPU has it."""
    if LIBRARY is not None:
        return bool(LIBRARY.constants["AVX512"])
    return BUILD_FOR[1] == "wide" if BUILD_FOR else "+avx512f" in cpu_features().split(",")


AVX512 = _has_avx512()

SHAPE = shape(AVX512)

VECTOR_BYTES = SHAPE["VECTOR_BYTES"]
"""One vector register. AVX2; assumed for the rest (two NEON registers)."""

VECTOR_REGISTERS = SHAPE["VECTOR_REGISTERS"]
