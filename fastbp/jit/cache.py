"""Where compiled code is kept: a directory named after all that ends up in it, writable by this user alone."""

from __future__ import annotations

import contextlib
import hashlib
import os
import pathlib
import re
import secrets
import shutil
import stat
import sys
import tempfile
import time

PACKAGE = pathlib.Path(__file__).resolve().parents[1]
# Everything that ends up in machine code. Numba notices a change of the file that holds a function, not of the files
# that hold its callees; a directory named after the digest of all of them notices both.
SOURCES = ("jit/*.py", "functions/*.py", "textbook/*.py", "kernels/**/*.py")

DAY = 24 * 3600.0
UNUSED = 30 * DAY
"""Seconds after which a directory that no process has asked for belongs to a version that is gone."""
DIRECTORY = re.compile(r"fastbp-[0-9a-f]{16}")

CHECKSUM = hashlib.sha256


def flag(name: str) -> bool:
    """Whether an environment variable says yes."""
    return os.environ.get(name, "").strip().lower() not in ("", "0", "false", "no", "off")


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
    """Whether compiled code may be kept here: writable, and by nobody else, because cached code is executed.

    Who may write to the directory around it could put another one in its place, after it was looked at.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.mkdir(mode=0o700, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
        status, around = path.stat(), path.parent.stat()
    except OSError:
        return False
    if not hasattr(os, "getuid"):
        return True
    root = 0
    of_others = around.st_uid not in (os.getuid(), root)
    open_to_all = around.st_mode & stat.S_IWOTH and not around.st_mode & stat.S_ISVTX
    ours = status.st_uid == os.getuid() and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return ours and not of_others and not open_to_all


def find(name: str) -> pathlib.Path | None:
    """The first directory that can be used: FASTBP_CACHE_DIR, NUMBA_CACHE_DIR, the user's cache; else None."""
    if flag("FASTBP_NO_CACHE"):
        return None
    named = [os.environ.get(variable, "").strip() for variable in ("FASTBP_CACHE_DIR", "NUMBA_CACHE_DIR")]
    for base in [pathlib.Path(place) for place in named if place] or [_user_cache() / "fastbp"]:
        try:
            path = base.expanduser().absolute() / f"fastbp-{name}"
        except RuntimeError:  # no home directory
            continue
        if usable(path):
            keep(path)
            return path
    return None


def keep(path: pathlib.Path) -> None:
    """Note, once a day, that a directory is in use, and remove those beside it that have long been in nobody's.

    Whoever has one of them open loses a compilation by that, and nothing else.
    """
    with contextlib.suppress(OSError):
        now = time.time()
        if abs(now - _used(path)) < DAY and (path / _MARK).exists():
            return
        (path / _MARK).write_bytes(b"")
        for other in path.parent.iterdir():
            if other != path and DIRECTORY.fullmatch(other.name) and now - _used(other) > UNUSED:
                shutil.rmtree(other, ignore_errors=True)  # of links it removes nothing


_MARK = "used"
"""The file whose time is that of a directory's last use. The directory's own is that of the last change in it."""


def _used(path: pathlib.Path) -> float:
    """When a directory was last used; what has no mark yet was made by a version that set none."""
    try:
        return (path / _MARK).stat().st_mtime
    except FileNotFoundError:
        return path.stat().st_mtime


def write(path: pathlib.Path, data: bytes) -> None:
    """Write a file that is there whole or not at all, and begins with a checksum of its name and content.

    Raises
    ------
    OSError
        The disk is full, say; nothing is left of the file then.
    """
    path.parent.mkdir(0o700, parents=True, exist_ok=True)  # another process may have removed it as long unused
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(8)}.tmp")
    try:
        with open(temporary, "xb", opener=_for_this_user) as file:
            file.write(_checksum(path, data) + data)
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def _for_this_user(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def read(path: pathlib.Path) -> bytes | None:
    """What `write` wrote; None where it is not there or damaged: one wrong bit of machine code may end the process."""
    try:
        whole = path.read_bytes()
    except OSError:
        return None
    size = CHECKSUM().digest_size
    kept, data = whole[:size], whole[size:]
    return data if kept == _checksum(path, data) else None


def _checksum(path: pathlib.Path, data: bytes) -> bytes:
    return CHECKSUM(path.name.encode() + b"\0" + data).digest()
