"""Files as streams of bytes: plain, compressed with gzip, bzip2 or xz, a table in a zip archive, standard input.

None may hold so much more than its size that it looks like a trap.
"""

from __future__ import annotations

import contextlib
import gzip
import importlib
import io
import os
import shutil
import stat
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO, Any, cast

from fastbp.errors import LoadError

bz2: Any = None
lzma: Any = None
with contextlib.suppress(ModuleNotFoundError):  # a Python may have been built without
    bz2 = importlib.import_module("bz2")
with contextlib.suppress(ModuleNotFoundError):
    lzma = importlib.import_module("lzma")
STDIN = "-"
MOST_GROWTH = 100
"""Times its size that any compressed file may grow to; the next two are what a small one may in any case."""
MOST_ARRAYS = 1 << 30
"""Bytes of arrays."""
MOST_TEXT = 1 << 24
"""Bytes of a table, whose cells take several times the memory of their text."""
CHUNK = 1 << 20
MAGIC = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ\x00": "xz", b"PK\x03\x04": "zip"}
ENDINGS = (".gz", ".bz2", ".xz", ".zip")
"""Of compressed files."""
TABLES = (".csv", ".tsv", ".tab", ".txt", ".dat", ".data", ".jsonl", ".ndjson", ".json")
"""Endings of tables of text."""
DAMAGE: tuple[type[Exception], ...] = (EOFError, zlib.error, zipfile.BadZipFile, OSError, RuntimeError)
if lzma is not None:
    DAMAGE += (lzma.LZMAError,)
"""What the readers of compressed files raise; zipfile's RuntimeError asks for a password."""


def check_growth(path: str, compressed: int, content: int, most: int) -> None:
    """LoadError if a compressed file holds so much more than its size that it looks like a trap."""
    if content > max(most, MOST_GROWTH * compressed):
        raise LoadError(
            f"{path!r} has {compressed} bytes and would expand to {content} or more; a compressed file may grow to "
            f"{MOST_GROWTH} times its size, or to {most} bytes. It looks like a trap; if it is yours, save it "
            "uncompressed."
        )


def first_bytes(path: str, n: int = 8) -> bytes:
    """The first bytes of a regular file."""
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise LoadError(f"{path!r} is not a regular file. Pass the path of a data file.")
    with open(path, "rb") as stream:
        return stream.read(n)


def compression(start: bytes) -> str | None:
    """How a file is compressed that begins like this."""
    return next((name for magic, name in MAGIC.items() if start.startswith(magic)), None)


def plain_name(path: str) -> str:
    """The name of a file, in lower case, without the ending of its compression."""
    name = os.path.basename(path).lower()
    return next((name.removesuffix(ending) for ending in ENDINGS if name.endswith(ending)), name)


def table_in_zip(raw: IO[bytes], path: str) -> str:
    """The name of the one table in a zip archive; LoadError if there is none, or more than one."""
    names = [name for name in zipfile.ZipFile(raw).namelist() if not name.endswith("/") and "__MACOSX" not in name]
    tables = [name for name in names if name.lower().endswith(TABLES)]
    if len(tables) != 1:
        has = ", ".join(repr(name[:60]) for name in (tables or names)[:6]) or "nothing"
        raise LoadError(f"{path!r} is a zip archive with {has} in it; one table is needed. Unzip it.")
    return tables[0]


@contextlib.contextmanager
def opened(path: str) -> Iterator[tuple[IO[bytes], int, bool]]:
    """A file as (stream of its content, its length on disk, whether it is compressed)."""
    kind = compression(first_bytes(path, 6))
    with open(path, "rb") as raw:
        length = os.fstat(raw.fileno()).st_size
        if kind is None:
            yield raw, length, False
            return
        try:
            with _expanded(raw, kind, path) as stream:
                yield stream, length, True
        except DAMAGE as error:
            if isinstance(error, OSError) and error.errno is not None and not isinstance(error, gzip.BadGzipFile):
                raise
            raise LoadError(f"{path!r} is truncated or damaged: {error}. Copy it again.") from None


@contextlib.contextmanager
def _expanded(raw: IO[bytes], kind: str, path: str) -> Iterator[IO[bytes]]:
    if kind == "zip":
        name = table_in_zip(raw, path)
        with zipfile.ZipFile(raw) as archive, archive.open(name) as stream:
            yield stream
        return
    module, name = {"gzip": (gzip, "GzipFile"), "bzip2": (bz2, "BZ2File"), "xz": (lzma, "LZMAFile")}[kind]
    if module is None:
        raise LoadError(f"{path!r} is compressed with {kind}, which this Python cannot read. Save it uncompressed.")
    opener: Any = getattr(module, name)
    with opener(fileobj=raw) if kind == "gzip" else opener(raw) as stream:
        yield cast(IO[bytes], stream)


def refuse_bomb(path: str, most: int) -> int:
    """The bytes in a compressed file; LoadError if there are too many, before its rows are looked at."""
    with opened(path) as (stream, length, _):
        held = 0
        while part := stream.read(CHUNK):
            held += len(part)
            check_growth(path, length, held, most)
    return held


@contextlib.contextmanager
def on_disk(path: str) -> Iterator[str]:
    """The path, or that of a file with all there is on standard input, so that it can be read more than once."""
    if path != STDIN:
        yield path
        return
    file, name = tempfile.mkstemp(prefix="fastbp-")
    try:
        with os.fdopen(file, "wb") as copy:
            shutil.copyfileobj(sys.stdin.buffer, copy, CHUNK)
        yield name
    except Exception as error:  # whatever it is: it speaks of the copy, which the user does not know
        error.args = tuple(a.replace(name, STDIN) if isinstance(a, str) else a for a in error.args)
        if "problem" in error.__dict__:
            error.__dict__["problem"] = error.__dict__["problem"].replace(name, STDIN)
        raise
    finally:
        os.unlink(name)


def content(path: str) -> io.BytesIO:
    """All bytes of a file, expanded."""
    with opened(path) as (stream, length, compressed):
        held = io.BytesIO()
        while part := stream.read(CHUNK):
            held.write(part)
            if compressed:
                check_growth(path, length, held.tell(), MOST_TEXT)
    held.seek(0)
    return held
