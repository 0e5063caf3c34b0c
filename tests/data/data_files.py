"""Data files by their formats' own descriptions: idx, .npy, a table."""

from __future__ import annotations

import gzip
import struct

import numpy as np

CSV = "length,width,kind\n1.5,2,cat\n2.5,3,dog\n-3e-1,4,cat\n"
IMAGES = np.random.default_rng(0).integers(0, 256, (12, 4, 3), dtype=np.uint8)
LABELS = np.array([0, 1, 2] * 4, dtype=np.uint8)


def idx(array: np.ndarray, code: int = 0x08) -> bytes:
    """An idx file written from the format's own description."""
    head = struct.pack(f">BBBB{array.ndim}I", 0, 0, code, array.ndim, *array.shape)
    return head + array.astype(array.dtype.newbyteorder(">")).tobytes()


def mnist(folder, ending: str = "", zipped: bool = False) -> None:
    pack = gzip.compress if zipped else bytes
    for part, n in (("train", 9), ("t10k", 3)):
        rows = slice(0, 9) if n == 9 else slice(9, 12)
        (folder / f"{part}-images-idx3-ubyte{ending}").write_bytes(pack(idx(IMAGES[rows])))
        (folder / f"{part}-labels-idx1-ubyte{ending}").write_bytes(pack(idx(LABELS[rows])))


def written(path, content: str | bytes):
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def npy(shape: str, content: bytes = b"", descr: str = "'<f8'") -> bytes:
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}".encode()
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header + content
