"""A small network whose weights are easy to find in a file, and the bytes that its file has."""

from __future__ import annotations

import hashlib

import numpy as np

from fastbp.network import Network


def small(dtype: str = "float32", meta: dict | None = None) -> Network:
    """A 2-2-1 network with weights that are easy to find in a file."""
    net = Network([2, 2, 1], activations=["tanh", "sigmoid"], cost="cross_entropy", dtype=dtype, seed=0, meta=meta)
    net.w[1][...] = [[1, 2], [3, 4]]
    net.b[1][...] = [5, 6]
    net.w[2][...] = [[7, 8]]
    net.b[2][...] = [9]
    return net


def same(a: Network, b: Network) -> bool:
    pairs = [(a.w[i], b.w[i]) for i in range(1, len(a.sizes))] + [(a.b[i], b.b[i]) for i in range(1, len(a.sizes))]
    return (
        tuple(a.sizes) == tuple(b.sizes)
        and tuple(a.activations) == tuple(b.activations)
        and (a.cost, np.dtype(a.dtype)) == (b.cost, np.dtype(b.dtype))
        and all(p.dtype == q.dtype and p.tobytes() == q.tobytes() for p, q in pairs)
    )


GOLDEN_HEADER = (
    r'{"__metadata__":{"fastbp":"{\"format_version\":1,\"sizes\":[2,2,1],\"activations\":[\"tanh\",\"sigmoid\"],'
    r'\"cost\":\"cross_entropy\",\"dtype\":\"float32\",\"meta\":{}}","sha256":"@"},'
    r'"layers.1.weight":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]},'
    r'"layers.1.bias":{"dtype":"F32","shape":[2],"data_offsets":[16,24]},'
    r'"layers.2.weight":{"dtype":"F32","shape":[1,2],"data_offsets":[24,32]},'
    r'"layers.2.bias":{"dtype":"F32","shape":[1],"data_offsets":[32,36]}}'
)


def golden() -> bytes:
    """The file of ``small()`` in format version 1, built by hand from the definition of the format."""
    payload = np.arange(1, 10, dtype="<f4").tobytes()
    header = GOLDEN_HEADER.replace("@", "0" * 64).encode()
    header += b" " * (-(8 + len(header)) % 64)
    head = len(header).to_bytes(8, "little") + header
    digest = hashlib.sha256(head + payload).hexdigest()
    return head.replace(b"0" * 64, digest.encode()) + payload
