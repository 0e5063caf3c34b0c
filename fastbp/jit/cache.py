"""Where compiled code is kept: a directory named after all that ends up in it, writable by this user alone."""

from __future__ import annotations

import hashlib
import os
import pathlib
import stat
import sys
import tempfile

PACKAGE = pathlib.Path(__file__).resolve().parents[1]
# Everything that ends up in machine code. Numba notices a change of the file that holds a function, not of the files
# that hold its callees; a directory named after the digest of all of them notices both.
SOURCES = ("jit/*.py", "functions/*.py", "textbook/*.py", "kernels/**/*.py", "teach/sums.py")


def flag(name: str) -> bool:
    """Whether an environment variable says yes."""
    return os.environ.get(name, "").strip().lower() not in ("", "0", "false", "no")


def digest(parts: list[str]) -> str:
    """Name what the compiled code depends on besides the machine, which Numba's own index knows."""
    h = hashlib.sha256("\0".join(parts).encode())
    for pattern in SOURCES:
        for path in sorted(PACKAGE.glob(pattern)):
            h.update(path.relative_to(PACKAGE).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return h.hexdigest()[:16]


def _user_cache() -> pathlib.Path:
    if sys.platform == "win32":
        return pathlib.Path(os.environ.get("LOCALAPPDATA", "~/AppData/Local"))
    if sys.platform == "darwin":
        return pathlib.Path("~/Library/Caches")
    return pathlib.Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache")


def usable(path: pathlib.Path) -> bool:
    """Whether compiled code may be kept here: writable, and by nobody else, because cached code is executed."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
        status = path.stat()
    except OSError:
        return False
    if not hasattr(os, "getuid"):
        return True
    return status.st_uid == os.getuid() and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def find(name: str) -> pathlib.Path | None:
    """The first directory that can be used: FASTBP_CACHE_DIR, NUMBA_CACHE_DIR, the user's cache; else None."""
    if flag("FASTBP_NO_CACHE"):
        return None
    named = [os.environ.get("FASTBP_CACHE_DIR"), os.environ.get("NUMBA_CACHE_DIR")]
    for base in [pathlib.Path(name) for name in named if name] or [_user_cache() / "fastbp"]:
        try:
            path = base.expanduser().absolute() / f"fastbp-{name}"
        except RuntimeError:  # no home directory
            continue
        if usable(path):
            return path
    return None
