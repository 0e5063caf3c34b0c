"""The only room that knows Numba: the decorators of all compiled code, its cache, and plain Python in its place.

Importing it does not import Numba. Marking a function that Python calls does, unless there is ready-made machine code:
then Numba is imported for what has none.
"""

from __future__ import annotations

import pathlib
from typing import TYPE_CHECKING, Any

from fastbp.jit.decorators import (
    apart,
    by_dtype,
    constants,
    fma,
    fused,
    inlined,
    machine_code,
    overload,
    strict,
)
from fastbp.jit.library import LIBRARY
from fastbp.jit.mode import DISABLED, compiler

if TYPE_CHECKING:
    from fastbp.jit.compiling import parallel, prange

    CACHE_DIR: pathlib.Path | None

__all__ = [
    "CACHE_DIR",
    "DISABLED",
    "LIBRARY",
    "apart",
    "by_dtype",
    "constants",
    "fma",
    "fused",
    "inlined",
    "machine_code",
    "overload",
    "parallel",
    "prange",
    "strict",
]

_PLAIN: dict[str, Any] = {
    "CACHE_DIR": None,
    "parallel": strict,
    "prange": range,
}
"""What plain Python has in place of the compiler's."""


def __getattr__(name: str) -> Any:
    if name not in _PLAIN:
        raise AttributeError(f"module 'fastbp.jit' has no attribute {name!r}")
    if DISABLED:
        return _PLAIN[name]
    return getattr(compiler("compiling"), name)
