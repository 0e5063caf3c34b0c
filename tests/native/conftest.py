"""A library of this machine's level, built once for all processes."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fastbp import jit
from fastbp.native import build


@contextlib.contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """While no other process is here; one that was killed an hour ago does not count."""
    while True:
        try:
            os.close(os.open(lock, os.O_CREAT | os.O_EXCL))
            break
        except FileExistsError:
            with contextlib.suppress(FileNotFoundError):
                if time.time() - lock.stat().st_mtime > 3600:
                    lock.unlink()
            time.sleep(0.2)
    try:
        yield
    finally:
        lock.unlink()


@pytest.fixture(scope="session")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the library."""
    folder = tmp_path_factory.mktemp("libraries")
    with _alone(Path(jit.CACHE_DIR or tempfile.gettempdir()) / "fastbp-tests-build.lock"):
        build.build_here(folder)  # found in the cache, if it was built once
    return folder
