"""The only room that knows Numba: the decorators of all compiled code, its cache, and plain Python in its place."""

from fastbp.jit.decorators import (
    CACHE_DIR,
    DISABLED,
    by_dtype,
    constants,
    fused,
    inlined,
    overload,
    parallel,
    prange,
    strict,
)

__all__ = [
    "CACHE_DIR",
    "DISABLED",
    "by_dtype",
    "constants",
    "fused",
    "inlined",
    "overload",
    "parallel",
    "prange",
    "strict",
]
