"""Data files taken apart: idx, ``.npy`` and ``.npz``, each with its sizes checked before it is read.

Every function takes a path and returns plain arrays, from which ``sources`` makes a `Raw`; what they mean for training
is the business of ``reading``. A file that is not what it should be raises ``LoadError``.
"""

from __future__ import annotations

import contextlib
import gzip
import math
import os
import stat
import sys
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from fastbp.errors import LoadError

Array = npt.NDArray[Any]

IDX_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
STDIN = "-"
MOST_GROWTH = 100
"""Times its size that any compressed file may grow to; the next two are what a small one may in any case."""
MOST_ARRAYS = 1 << 30
"""Bytes of arrays."""
MOST_TEXT = 1 << 24
"""Bytes of a table, whose cells take several times the memory of their text."""
CHUNK = 1 << 20


@dataclass(frozen=True)
class Raw:
    """A data set as it was found; ``X`` may still be images, ``y`` text."""

    where: str
    name: str
    X: Array
    y: Array | None = None
    X_test: Array | None = None
    y_test: Array | None = None
    names: tuple[str, ...] | None = None
    target: str | None = None
    image: tuple[int, ...] | None = None
    peak: float | None = None
    hint: str = ""
    weight: Array | None = None
    lines: Sequence[int] = ()


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


@contextlib.contextmanager
def opened(path: str) -> Iterator[tuple[IO[bytes], int, bool]]:
    """A plain or gzip file as (stream of its content, its length on disk, whether it is compressed)."""
    if path == STDIN:
        yield sys.stdin.buffer, 0, False
        return
    compressed = first_bytes(path, 2) == b"\x1f\x8b"
    with open(path, "rb") as raw:
        length = os.fstat(raw.fileno()).st_size
        if not compressed:
            yield raw, length, False
            return
        try:
            with gzip.GzipFile(fileobj=raw) as stream:
                yield stream, length, True  # type: ignore[misc]
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise LoadError(f"{path!r} is truncated or damaged: {error}. Copy it again.") from None


def refuse_bomb(path: str, most: int) -> None:
    """Refuse a gzip file that holds too much, without a look at its rows, which would take a hundred times as long."""
    with opened(path) as (stream, length, _):
        held = 0
        while part := stream.read(CHUNK):
            held += len(part)
            check_growth(path, length, held, most)


def read_idx(path: str) -> Array:
    """An idx file, the format of MNIST: magic, sizes, then the elements in big-endian C order."""
    with opened(path) as (stream, length, compressed):
        magic = stream.read(4)
        if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in IDX_TYPES or not magic[3]:
            raise LoadError(
                f"{path!r} starts with {magic.hex(' ') or 'nothing'}; an idx file starts with 00 00, a type (08 for "
                "bytes) and the number of dimensions. Pass one of MNIST's files, plain or .gz."
            )
        dtype, head = np.dtype(IDX_TYPES[magic[2]]), 4 + 4 * magic[3]
        sizes = stream.read(head - 4)
        if len(sizes) < head - 4:
            raise LoadError(f"{path!r} is truncated: its header alone takes {head} bytes. Copy it again.")
        shape = tuple(int.from_bytes(sizes[i : i + 4], "big") for i in range(0, len(sizes), 4))
        need = math.prod(shape) * dtype.itemsize
        if compressed:
            check_growth(path, length, need, MOST_ARRAYS)
        elif need != length - head:
            raise LoadError(
                f"{path!r} has {length - head} bytes after its header; the header, shape {shape} of {dtype.name}, "
                f"needs {need}. Copy it again: it is truncated or damaged."
            )
        content = _read_exactly(stream, need, path)
    values: Array = np.frombuffer(content, dtype).reshape(shape)
    return values.astype(dtype.newbyteorder("="), copy=False)


def _read_exactly(stream: IO[bytes], need: int, path: str) -> bytearray:
    """``need`` bytes and then the end; memory grows only with what is really there."""
    content = bytearray()
    while part := stream.read(min(CHUNK, need + 1 - len(content))):
        content += part
    if len(content) != need:
        found = "more than that" if len(content) > need else str(len(content))
        raise LoadError(f"{path!r} needs {need} bytes of content and has {found}. Copy it again: it is damaged.")
    return content


def read_npy(path: str) -> Array:
    """A ``.npy`` file."""
    with open(path, "rb") as stream:
        return _npy(stream, os.fstat(stream.fileno()).st_size, path)


def read_npz(path: str) -> dict[str, Array]:
    """Every array of an ``.npz`` file, by its key."""
    arrays = {}
    size = os.path.getsize(path)
    try:
        with open(path, "rb") as raw, zipfile.ZipFile(raw) as archive:
            members = archive.infolist()
            foreign = _other_archive([member.filename for member in members])
            if foreign is not None:
                raise LoadError(f"{path!r} is {foreign}")
            check_growth(path, size, sum(member.file_size for member in members), MOST_ARRAYS)
            for member in members:
                with archive.open(member) as stream:
                    arrays[member.filename.removesuffix(".npy")] = _npy(stream, member.file_size, path)
    except (LoadError, MemoryError):
        raise
    except Exception as error:  # zipfile meets damage with a dozen kinds of exception
        raise LoadError(
            f"{path!r} is not an .npz archive, or it is damaged: {str(error)[:200]}. Save it again."
        ) from None
    return arrays


def _other_archive(names: list[str]) -> str | None:
    """What a zip archive is if it holds no arrays, and what to do with it."""
    tables = [name for name in names if name.lower().endswith((".csv", ".tsv"))]
    if any(name.startswith("xl/") for name in names):
        return "an Excel workbook. Save the sheet as .csv."
    if "mimetype" in names and "content.xml" in names:
        return "an OpenDocument file. Save the sheet as .csv."
    if any(name.endswith("data.pkl") for name in names):
        return "a PyTorch file, which means a pickle; fastbp never unpickles. Save its arrays with np.savez."
    if tables:
        return f"a zip archive with the table {tables[0][:60]!r} in it. Unzip it, or compress the table with gzip."
    if names and not any(name.endswith(".npy") for name in names):
        return f"a zip archive with {names[0][:60]!r} in it, not an .npz file. Unzip it."
    return None


def _npy(stream: IO[bytes], length: int, path: str) -> Array:
    """One array; its header is compared with the bytes there are before any memory is asked for."""
    try:
        version = np.lib.format.read_magic(stream)
        readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
        if version not in readers:
            raise ValueError(f"its format version {version} is for structured arrays")
        shape, fortran, dtype = readers[version](stream)
    except Exception as error:  # NumPy parses the header as a Python literal, which fails in many ways
        raise LoadError(f"{path!r} is damaged or holds no NumPy array: {str(error)[:200]}. Use np.save.") from None
    if dtype.hasobject:
        raise LoadError(
            f"{path!r} holds Python objects, which means a pickle; fastbp never unpickles. Convert the array with "
            ".astype(float) or .astype(str) and save it again."
        )
    if dtype.kind not in "biufcUS" or dtype.itemsize == 0:
        raise LoadError(f"{path!r} holds values of type {dtype}; needed are numbers. Convert and save them.")
    need, held = math.prod(shape) * dtype.itemsize, length - stream.tell()
    if min(shape, default=0) < 0 or need != held:
        raise LoadError(f"{path!r} has {held} bytes for an array of shape {shape} that needs {need}. Copy it again.")
    content = _read_exactly(stream, need, path)
    return np.frombuffer(content, dtype).reshape(shape, order="F" if fortran else "C")
