"""Data files taken apart: idx, ``.npy`` and ``.npz``, each with its sizes checked before it is read.

Every function takes a path and returns plain arrays, from which ``sources`` makes a `Raw`; what they mean for training
is the business of ``reading``. A file that is not what it should be raises ``LoadError``.
"""

from __future__ import annotations

import math
import os
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from fastbp.data.columns import Table
from fastbp.data.compressed import CHUNK, MOST_ARRAYS, check_growth, opened
from fastbp.errors import LoadError

Array = npt.NDArray[Any]

IDX_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


@dataclass(frozen=True)
class Raw:
    """A data set as it was found; ``X`` may still be images or a `Table`, ``y`` text."""

    where: str
    name: str
    X: Any
    y: Array | None = None
    X_test: Array | None = None
    y_test: Array | None = None
    names: tuple[str, ...] | None = None
    target: str | tuple[str, ...] | None = None
    image: tuple[int, ...] | None = None
    peak: float | None = None
    hint: str = ""
    weight: Array | None = None
    lines: Sequence[int] = ()
    table: Table | None = None
    group: Array | None = None


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
    if "mimetype" in names and "content.xml" in names:
        return "an OpenDocument file, and no sheet. Save the sheet as .csv."
    if any(name.endswith("data.pkl") for name in names):
        return "a PyTorch file, which means a pickle; fastbp never unpickles. Save its arrays with np.savez."
    if names and not any(name.endswith(".npy") for name in names):
        return f"a zip archive with {names[0][:60]!r} in it, not an .npz file or a table. Unzip it."
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
