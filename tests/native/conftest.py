"""A library of this machine's level, built once for all processes and kept beside compiled code."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fastbp import jit
from fastbp.jit import cache
from fastbp.native import build


def _name() -> str:
    """Of all that the library depends on: the sources of the kernels, and those of the build."""
    known = hashlib.sha256(cache.digest([]).encode())
    for path in sorted(Path(build.__file__).parent.glob("*.[pc]*")):
        if path.is_file():
            known.update(path.read_bytes())
    return f"library-{known.hexdigest()[:16]}"


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
def libraries() -> Path:
    """The folder of the library."""
    kept = Path(jit.CACHE_DIR or Path(tempfile.gettempdir()) / f"fastbp-tests-{os.getuid()}")
    folder = kept / _name()
    kept.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _alone(kept / f"{_name()}.lock"):
        if not folder.exists():
            with tempfile.TemporaryDirectory(dir=kept) as making:
                build.build_here(Path(making))
                Path(making).rename(folder)
                Path(making).mkdir()  # for its end
    return folder
