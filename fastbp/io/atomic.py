"""Files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import stat
import sys
import warnings
import zlib
from collections.abc import Callable, Sequence
from typing import Any

fcntl: Any = None
if sys.platform not in ("win32", "emscripten"):  # which have none
    import fcntl

# Some file systems cannot sync a directory; there the rename is as durable as they make it.
CANNOT_SYNC = {errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.EACCES}


TEMPORARY = re.compile(r"\.fastbp-\d+-[0-9a-f]{8}\.tmp")
STALE = 24 * 3600.0
"""Seconds without a write after which a temporary file belongs to nobody: its process was killed."""


def write_atomically(path: str | os.PathLike[str], parts: Sequence[bytes | memoryview], *, alone: bool = False) -> None:
    """Write a file so that its name always means the old content or the new, never a mix.

    The parts go into a temporary file in the same directory, which is synced and then renamed over the target. A link
    is followed, and an existing file keeps its permission bits and, where that is allowed, its owner and group. The
    temporary file is removed on any failure, OSError of the usual kinds among them. Only a process that is killed
    leaves its own behind; the first save in the same directory a day later removes it. A UserWarning says that the
    existing file was another user's or group's, and that only somebody else may keep it so.

    Where this process is the only one that writes to the file, ``alone``, what killed ones have left of it is removed
    at once.
    """
    name = os.fspath(path)
    target = os.path.realpath(name)
    old = _existing(target)
    token = f"{zlib.crc32(os.fsencode(os.path.basename(target))):08x}" if alone else secrets.token_hex(4)
    temporary = os.path.join(os.path.dirname(target), f".fastbp-{os.getpid()}-{token}.tmp")
    try:
        if alone:
            _remove(os.path.dirname(target), lambda entry: entry.name.endswith(f"-{token}.tmp"))
        kept = _write(temporary, old, parts)
        _replace(temporary, target, old)
    except BaseException as error:  # KeyboardInterrupt too
        _unlink(temporary)
        if isinstance(error, OSError):
            size = sum(len(part) for part in parts)
            reason = f"{error.strerror} while saving {size} bytes; a file that was there before is unchanged"
            raise OSError(error.errno, reason, name) from error
        raise
    with contextlib.suppress(OSError):  # what others left is no reason to fail
        now = os.stat(target).st_mtime  # by the clock of the file system, which may be another machine's
        _remove(os.path.dirname(target), lambda entry: now - entry.stat(follow_symlinks=False).st_mtime > STALE)
    _sync_directory(os.path.dirname(target))
    if old is not None and not kept:
        warnings.warn(
            f"{name!r} belonged to user {old.st_uid} and group {old.st_gid}; it was replaced, and now belongs to user "
            f"{os.getuid()}, because this user may not give files away. Ask the other for chown if that matters.",
            stacklevel=4,
        )


def _existing(target: str) -> os.stat_result | None:
    """The file to be replaced; None when there is none."""
    try:
        found = os.stat(target)
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, "is a directory; add a file name", target)
    if not stat.S_ISREG(found.st_mode):  # renaming over /dev/null would remove the device
        raise OSError(errno.EINVAL, "is not a regular file; choose another name", target)
    return found


def _write(temporary: str, old: os.stat_result | None, parts: Sequence[bytes | memoryview]) -> bool:
    """Write a new file like an old one; whether it has the same owner and group."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
    fd = os.open(temporary, flags, 0o666)  # the umask applies, as for any new file
    try:
        kept = old is None or _give_away(temporary, os.fstat(fd), old)
        if old is not None and os.name != "nt":  # after the owner, who takes the set-user-ID bit along
            os.chmod(temporary, stat.S_IMODE(old.st_mode))
        for part in parts:
            rest = memoryview(part)
            while rest:  # a write may be short, near a full disk or above 2 GB
                written = os.write(fd, rest)
                if written == 0:
                    raise OSError(errno.EIO, os.strerror(errno.EIO))
                rest = rest[written:]
        _sync(fd)
    finally:
        os.close(fd)
    return kept


def _replace(temporary: str, target: str, old: os.stat_result | None) -> None:
    """Rename a file over another. Windows has one bit of a mode, read-only, and replaces no file that has it set."""
    if os.name != "nt" or old is None or old.st_mode & stat.S_IWRITE:
        os.replace(temporary, target)
        return
    os.chmod(target, stat.S_IREAD | stat.S_IWRITE)
    try:
        os.replace(temporary, target)
    finally:  # of the new file, or of the old one if another program has it open
        os.chmod(target, stat.S_IREAD)


def _unlink(path: str) -> None:
    """Remove a temporary file if that can be done."""
    with contextlib.suppress(OSError):  # another's, or just removed by another
        if os.name == "nt":  # versions up to 0.1 left some that are read-only, which Windows does not remove
            os.chmod(path, stat.S_IREAD | stat.S_IWRITE)
        os.unlink(path)


def _give_away(temporary: str, new: os.stat_result, old: os.stat_result) -> bool:
    """Give a file the owner and group of another, as far as this user may; whether it has them."""
    if (new.st_uid, new.st_gid) == (old.st_uid, old.st_gid):
        return True
    for uid in (old.st_uid, -1):  # a user may at least choose among groups of their own
        with contextlib.suppress(OSError):
            os.chown(temporary, uid, old.st_gid)
            return uid >= 0 or new.st_uid == old.st_uid
    return False


def _remove(directory: str, belongs_to_nobody: Callable[[os.DirEntry[str]], bool]) -> None:
    """Remove what killed processes left.

    Of most files age decides, because a process of another machine or container cannot be asked whether it lives. One
    that was only stopped for so long finds its temporary file gone: its save fails and says so, and the old file is
    unchanged.
    """
    with os.scandir(directory) as entries:
        for entry in entries:
            if TEMPORARY.fullmatch(entry.name) and entry.is_file(follow_symlinks=False) and belongs_to_nobody(entry):
                _unlink(entry.path)


def _sync_directory(directory: str) -> None:
    """Make the rename itself survive a power loss."""
    if os.name == "nt":
        return
    fd = os.open(directory, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
    try:
        _sync(fd)
    except OSError as error:
        if error.errno not in CANNOT_SYNC:
            raise
    finally:
        os.close(fd)


def _sync(fd: int) -> None:
    """Wait until what was written is where a power loss does not reach it.

    On macOS ``fsync`` waits only until the drive has it, which may keep it in memory; F_FULLFSYNC asks the drive too.
    Not every file system knows it.
    """
    full = getattr(fcntl, "F_FULLFSYNC", None)
    if full is not None:
        with contextlib.suppress(OSError):
            fcntl.fcntl(fd, full)
            return
    os.fsync(fd)
