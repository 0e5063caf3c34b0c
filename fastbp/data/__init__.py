"""Data in: files and tables read as arrays, classes distinguished from numbers, features scaled, samples split.

What reads files is imported when it is first asked for: a training of arrays begins without it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastbp.data.reading import Data, read, read_features, split, split_indices

__all__ = ["Data", "read", "read_features", "split", "split_indices"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'fastbp.data' has no attribute {name!r}")
    from fastbp.data import reading

    return getattr(reading, name)
