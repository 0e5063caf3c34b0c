"""Names of files, as users pass them."""

from __future__ import annotations

import os
from typing import Any

from fastbp.errors import argument_error


def as_path(path: Any, example: str = "digits.fastbp") -> str:
    """The path as text; TypeError, with a name for ``example``, if it is none."""
    try:
        return os.fsdecode(path)
    except TypeError:
        problem = f"is {path!r}; the name of a file is needed. Pass {example!r}, say."
        raise argument_error("path", problem, TypeError) from None


def as_new_path(path: Any, example: str = "digits.fastbp") -> str:
    """The path of a file to write, as text; ValueError for a name that no file can have."""
    name = as_path(path, example)
    if not name or "\0" in name:
        raise argument_error("path", f"is {path!r}; the name of a file is needed. Pass {example!r}, say.")
    return name
