"""The container of model files: named arrays and a description, in the safetensors layout, under a SHA-256.

::

    8 bytes     length N of the header, unsigned, little-endian
    N bytes     header, JSON, padded with spaces so that the payload starts at a multiple of 64
    the rest    payload: the arrays one after the other, in C order, little-endian

The header's ``__metadata__`` holds two strings: ``fastbp``, a description that is itself JSON, and ``sha256``, the
SHA-256 in lower-case hexadecimal of the whole file with the 64 characters of this field replaced by ``0``. This
definition holds for every format version, so that damage can be distinguished from novelty.

Messages of ``LoadError`` continue a sentence that begins with the name of the file.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from fastbp.checks import check_memory
from fastbp.chunks import chunks
from fastbp.errors import LoadError

Array = npt.NDArray[Any]

MAX_HEADER = 16_000_000
MAX_DEPTH = 8
TENSOR_TYPES: dict[str, np.dtype[Any]] = {"F32": np.dtype("<f4"), "F64": np.dtype("<f8")}
ZEROS = "0" * 64
REMEDY = "Pass a file that fastbp.save wrote."
AGAIN = "Copy it again or use a backup."
FOREIGN = (
    (b"PK\x03\x04", "a zip archive, such as an .npz file or a PyTorch checkpoint"),
    (b"\x93NUMPY", "a NumPy .npy array"),
    (b"\x89HDF", "an HDF5 file"),
    (b"\x1f\x8b", "compressed with gzip"),
    (b"\x80", "a pickle, which fastbp never reads because a pickle can run any program"),
)
# The text forms of pickle: a global, a tuple or mark and its first operation, an empty container.
TEXT_PICKLE = re.compile(rb"c[\w.]+\n[\w.]+\n|[(\]}][a-zA-Z0-9\]}(.]")


def pack(description: Mapping[str, Any], tensors: Mapping[str, Array]) -> list[bytes | memoryview]:
    """The parts of a file, to be written one after the other.

    Raises ``ValueError`` when the header would be longer than 16 MB.
    """
    head = header(description, tensors)
    payload: list[bytes | memoryview] = []
    for tensor in tensors.values():
        # A copy: what is hashed is what is written. One dimension, because a scalar has no bytes of its own to cast.
        copy = np.array(tensor, tensor.dtype.newbyteorder("<"), order="C").reshape(-1)
        payload.append(copy.data.cast("B"))
    return [head.replace(_field(ZEROS), _field(_digest(head, payload)), 1), *payload]


def header(description: Mapping[str, Any], tensors: Mapping[str, Array]) -> bytes:
    """What stands before the payload, with a digest of zeros."""
    codes = {dtype: code for code, dtype in TENSOR_TYPES.items()}
    entries: dict[str, Any] = {"__metadata__": {"fastbp": _json(description), "sha256": ZEROS}}
    start = 0
    for name, tensor in tensors.items():
        stop, code = start + tensor.nbytes, codes[tensor.dtype.newbyteorder("<")]
        entries[name] = {"dtype": code, "shape": tensor.shape, "data_offsets": (start, stop)}
        start = stop
    text = _json(entries).encode("ascii")
    text += b" " * (-(8 + len(text)) % 64)
    if len(text) > MAX_HEADER:
        raise ValueError(
            f"The header of the model file would take {len(text)} bytes; the most is {MAX_HEADER}. Shorten net.meta: "
            "its longest parts are usually the names of classes and features."
        )
    return len(text).to_bytes(8, "little") + text


def unpack(stream: BinaryIO, length: int) -> tuple[dict[str, Any], dict[str, Array]]:
    """The description and the tensors, read-only views of one buffer, after every check but what the former means.

    The stream is at its start. No more memory than its ``length`` in bytes is asked for; MemoryError where it does not
    fit.
    """
    head = _read_head(stream, length)
    described = strict_json(head[8:], "header")
    text, digest = _metadata(described)
    entries, end = {}, 0
    for name, entry in described.items():
        if name != "__metadata__":
            entries[name] = _entry(name, entry, end)
            end = entries[name][-1]
    held = length - len(head)
    if held < end:
        raise LoadError(f"is truncated: it holds {held} of the {end} bytes of its payload. {AGAIN}")
    if held > end:
        raise LoadError(f"is damaged: {held - end} bytes follow its payload. {AGAIN}")
    check_memory(2 * end, "Its arrays, and the network made of them,")
    content = bytearray()
    for part in chunks(end, 1):
        content += stream.read(part.stop - part.start)
    if len(content) != end or stream.read(1):
        raise LoadError("changed while it was being read. Load it again.")
    payload = memoryview(content).toreadonly()
    if head.count(_field(digest)) != 1 or _digest(head.replace(_field(digest), _field(ZEROS)), [payload]) != digest:
        raise LoadError(f"is damaged: its SHA-256 does not match its bytes. {AGAIN}")
    tensors = {
        name: np.frombuffer(payload, dtype, math.prod(shape), start).reshape(shape)
        for name, (dtype, shape, start, _) in entries.items()
    }
    return strict_json(text, "description"), tensors


def strict_json(raw: bytes | str, what: str) -> dict[str, Any]:
    """A JSON object with one meaning: no duplicate keys, no NaN, no number or nesting that only an attacker needs."""

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        result = dict(items)
        if len(result) != len(items):
            raise ValueError("it has a duplicate key")
        return result

    def integer(digits: str) -> int:
        if len(digits) > 19:
            raise ValueError(f"it has an integer of {len(digits)} digits")
        return int(digits)

    def number(digits: str) -> float:
        if not math.isfinite(value := float(digits)):
            raise ValueError("it has a number that float64 cannot hold")
        return value

    def constant(name: str) -> float:
        raise ValueError(f"it has the number {name}")

    try:
        text = raw if isinstance(raw, str) else raw.decode("utf-8")
        value = json.loads(
            text, object_pairs_hook=pairs, parse_int=integer, parse_float=number, parse_constant=constant
        )
        if not isinstance(value, dict):
            raise ValueError("it is not an object")
        if depth(value) > MAX_DEPTH:
            raise RecursionError
    except RecursionError:
        raise LoadError(f"is damaged: its {what} is nested too deeply. {AGAIN}") from None
    except ValueError as error:  # UnicodeDecodeError and JSONDecodeError are ValueErrors
        raise LoadError(f"is damaged: its {what} cannot be read: {error}. {AGAIN}") from None
    return value


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))


def _field(digest: str) -> bytes:
    # Inside the description every quote is escaped, so these bytes occur once in a header.
    return f'"sha256":"{digest}"'.encode("ascii")


def _digest(head: bytes, payload: Sequence[bytes | memoryview]) -> str:
    h = hashlib.sha256(head)
    for part in payload:
        for piece in chunks(len(part), 1):
            h.update(part[piece])
    return h.hexdigest()


def depth(value: Any) -> int:
    """How deeply lists and mappings are nested."""
    depth, level = 0, [value]
    while level := [item for item in level if isinstance(item, dict | list)]:
        depth += 1
        level = [inner for item in level for inner in (item.values() if isinstance(item, dict) else item)]
    return depth


def _read_head(stream: BinaryIO, length: int) -> bytes:
    """The length field and the header; a ``LoadError`` that names what the file is instead."""
    start = stream.read(9)
    if length == 0 or not start:
        raise LoadError(f"is empty. {REMEDY}")
    n = int.from_bytes(start[:8], "little")
    if len(start) < 9 or start[8:] != b"{":
        _refuse_foreign(start + stream.read(64), length)
    if not 2 <= n <= MAX_HEADER:
        raise LoadError(f"is damaged or foreign: it announces a header of {n} bytes; the most is {MAX_HEADER}. {AGAIN}")
    if 8 + n > length:
        raise LoadError(f"is truncated: its header ends at byte {8 + n} and the file at {length}. {AGAIN}")
    return start + stream.read(n - 1)


def _refuse_foreign(start: bytes, length: int) -> None:
    if start.startswith(b"PK\x03\x04") and b".npy" in start:
        raise LoadError(f"is a NumPy .npz archive. {REMEDY}")
    for magic, kind in FOREIGN:
        if start.startswith(magic) and length > 8:
            raise LoadError(f"is {kind}. {REMEDY}")
    if TEXT_PICKLE.match(start):
        raise LoadError(f"looks like a pickle, which fastbp never reads. {REMEDY}")
    if length <= 8:
        raise LoadError(f"is truncated or foreign: it has only {length} bytes. {REMEDY}")
    raise LoadError(f"is not a fastbp model file, or its first bytes are damaged. {REMEDY}")


def _metadata(header: dict[str, Any]) -> tuple[str, str]:
    metadata = header.get("__metadata__")
    if not isinstance(metadata, dict) or not isinstance(metadata.get("fastbp"), str):
        names = ", ".join(name[:40] for name in list(header)[:3] if name != "__metadata__")
        raise LoadError(
            f"has the safetensors layout but no description of a fastbp network (it holds: {names}). {REMEDY}"
        )
    digest = metadata.get("sha256")
    if set(metadata) != {"fastbp", "sha256"} or not isinstance(digest, str) or not re.fullmatch("[0-9a-f]{64}", digest):
        raise LoadError(f"is damaged: its metadata must be a description and a SHA-256. {AGAIN}")
    return metadata["fastbp"], digest


def _entry(name: str, entry: Any, end: int) -> tuple[np.dtype[Any], tuple[int, ...], int, int]:
    """dtype, shape, first and last + 1 byte of one tensor, which begins where the one before it ends."""
    where = f"the entry of tensor {name[:60]!r}"
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise LoadError(f"is damaged: {where} must hold dtype, shape and data_offsets. {AGAIN}")
    if not isinstance(entry["dtype"], str) or entry["dtype"] not in TENSOR_TYPES:
        raise LoadError(f"is damaged or foreign: {where} has a dtype other than {', '.join(TENSOR_TYPES)}. {REMEDY}")
    shape, offsets = entry["shape"], entry["data_offsets"]
    for numbers, low in ((shape, 1), (offsets, 0)):  # no layer has no neuron, and NumPy has its own limits for (0, n)
        if not isinstance(numbers, list) or len(numbers) > 2 or any(type(n) is not int or n < low for n in numbers):
            raise LoadError(f"is damaged: {where} has a shape or offsets that are not sizes. {AGAIN}")
    dtype = TENSOR_TYPES[entry["dtype"]]
    if len(offsets) != 2 or offsets[1] - offsets[0] != math.prod(shape) * dtype.itemsize:
        raise LoadError(f"is damaged: {where} has offsets that do not fit its shape. {AGAIN}")
    if offsets[0] != end:  # a hole, or an overlap
        raise LoadError(f"is damaged: tensor {name[:60]!r} starts at byte {offsets[0]}, not {end}. {AGAIN}")
    return dtype, tuple(shape), offsets[0], offsets[1]
