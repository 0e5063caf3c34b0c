"""Compiled functions on disk: what a function that Python calls asks before it is compiled, and tells afterwards."""

from __future__ import annotations

import functools
import hashlib
import inspect
import pickle
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from numba.core.caching import NullCache
from numba.core.compiler import CompileResult
from numba.core.serialize import dumps

from fastbp.jit import cache, progress

_DTYPES = re.compile(r"float(?:32|64)")


@functools.cache
def _source(path: str) -> bytes | None:
    """What names the content of a source file, or None where there is no file. Its time is that of the installation."""
    try:
        return hashlib.sha256(Path(path).read_bytes()).digest()
    except OSError:
        return None


class DiskCache(NullCache):  # type: ignore[misc]
    """In the place of Numba's own cache: a file for each signature. Damage, or a full disk, costs a compilation.

    A file is named after all that its code depends on and that the folder is not named after. The place of the
    installation is not among it: one made anew compiles nothing. Numba numbers its files and keeps the numbers in an
    index: two processes that compile at the same time, one dtype each, then give both the same number, and each later
    process runs the code of one with the data of the other.

    Parameters
    ----------
    function : callable
        Python's function.
    folder : Path or None
        Named after a digest of all sources; without one nothing is kept.
    options : str
        Of the compilation.
    """

    def __init__(self, function: Callable[..., Any], folder: Path | None, options: str) -> None:
        file, code = inspect.getfile(function), function.__code__
        source = _source(file)
        self._folder = None if source is None else folder
        closure = [cell.cell_contents for cell in function.__closure__ or ()]
        parts = [source or b"", code.co_code, str(code.co_firstlineno).encode(), dumps(closure), options.encode()]
        self._function = hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).digest()
        self._function_name = function.__qualname__
        python = f"py{sys.version_info[0]}{sys.version_info[1]}{getattr(sys, 'abiflags', '')}"
        self._name = f"{Path(file).stem}.{function.__qualname__}-{python}".replace("<", "").replace(">", "")

    @property
    def cache_path(self) -> str | None:
        """The folder."""
        return None if self._folder is None else str(self._folder)

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The compiled function for a signature; None where it has to be compiled."""
        found = None if self._folder is None else self._load(self._folder, sig, target_context)
        name = " ".join([self._function_name, *_DTYPES.findall(str(sig))[:1]])
        if found is None:
            progress.begin(name)
        else:
            progress.is_ready(name)
        return found

    def _load(self, folder: Path, sig: Any, target_context: Any) -> Any:
        target_context.refresh()
        try:
            data = cache.read(self._file(folder, sig, target_context.codegen()))
            return None if data is None else CompileResult._rebuild(target_context, *pickle.loads(data))
        except Exception:  # of another version of what was pickled, say
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep a compiled function, if that can be."""
        if self._folder is None or data.lifted or data.library.has_dynamic_globals:
            return
        try:
            cache.write(self._file(self._folder, sig, data.codegen), dumps(data._reduce()))
        except Exception:  # a disk that is full or lost
            return

    def _file(self, folder: Path, sig: Any, codegen: Any) -> Path:
        key = hashlib.sha256(self._function + repr((sig, codegen.magic_tuple())).encode()).hexdigest()
        return folder / f"{self._name}.{key[:16]}.nbc"
