"""Model files from an enemy: every bit flipped, every length, files made by hand. Only ``LoadError`` may come out."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import pickle
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from effort import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from model_files import golden, same, small

import fastbp
from fastbp.errors import LoadError
from fastbp.io import container
from fastbp.io.description import FORMAT_VERSION, check_description
from fastbp.saving import load

ENVIRONMENT = os.environ | {"PYTHONPATH": str(Path(fastbp.__file__).parent.parent)}
TENSORS = {
    "layers.1.weight": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]},
    "layers.1.bias": {"dtype": "F32", "shape": [2], "data_offsets": [16, 24]},
    "layers.2.weight": {"dtype": "F32", "shape": [1, 2], "data_offsets": [24, 32]},
    "layers.2.bias": {"dtype": "F32", "shape": [1], "data_offsets": [32, 36]},
}
DESCRIPTION = {
    "format_version": 1,
    "sizes": [2, 2, 1],
    "activations": ["tanh", "sigmoid"],
    "cost": "cross_entropy",
    "dtype": "float32",
    "meta": {},
}
PAYLOAD = np.arange(1, 10, dtype="<f4").tobytes()


def sealed(header: str, payload: bytes = PAYLOAD) -> bytes:
    """A file whose SHA-256 is right, whatever else is wrong: the digest is no defence against an enemy."""
    raw = header.encode("utf-8", "surrogatepass")
    head = len(raw).to_bytes(8, "little") + raw
    zeros = b'"sha256":"' + b"0" * 64
    return head.replace(zeros, zeros[:10] + hashlib.sha256(head + payload).hexdigest().encode()) + payload


def made(description: object = DESCRIPTION, tensors: object = TENSORS, payload: bytes = PAYLOAD) -> bytes:
    text = description if isinstance(description, str) else json.dumps(description)
    header = {"__metadata__": {"fastbp": text, "sha256": "0" * 64}, **tensors}
    return sealed(json.dumps(header, separators=(",", ":")), payload)


def described(**changes: object) -> bytes:
    return made({**DESCRIPTION, **changes})


def entry(shape: list[int], start: int, stop: int) -> dict[str, object]:
    return {"dtype": "F32", "shape": shape, "data_offsets": [start, stop]}


def empty(shape: list[int]) -> bytes:
    """A file whose last tensor has no bytes, which fits its shape."""
    return made(tensors={**TENSORS, "layers.2.bias": entry(shape, 32, 32)}, payload=PAYLOAD[:32])


def tensor(name: str, **changes: object) -> bytes:
    return made(tensors={**TENSORS, name: {**TENSORS[name], **changes}})


def model(scale: object = ([0.0, 0.0], [1.0, 1.0]), **changes: object) -> bytes:
    """A file of version 2, with one step."""
    description = {**DESCRIPTION, "format_version": 2, "steps": [{"step": "scale"}], "target": None, **changes}
    tensors, payload = dict(TENSORS), PAYLOAD
    for name, numbers in zip(("subtract", "divide"), scale or (), strict=False):
        content = np.array(numbers, "<f8").tobytes()
        offsets = [len(payload), len(payload) + len(content)]
        tensors[f"steps.0.{name}"] = {"dtype": "F64", "shape": [len(numbers)], "data_offsets": offsets}
        payload += content
    return made(description, tensors, payload)


def later(**changes: object) -> bytes:
    """A file of version 3, of a network; ``...`` leaves a key out."""
    description = {**DESCRIPTION, "format_version": 3, "steps": None, "target": None, "cost_parameter": None, **changes}
    return made({key: value for key, value in description.items() if value is not ...})


def loaded(tmp_path, content: bytes, **options: object):
    path = tmp_path / "model.fastbp"
    path.write_bytes(content)
    return load(path, **options)


def test_the_files_made_here_would_load_if_nothing_were_wrong(tmp_path):
    assert same(loaded(tmp_path, made()), small())
    assert same(loaded(tmp_path, golden()), small())
    assert loaded(tmp_path, made(payload=b"\0" * 36)).w[1][0, 0] == 0
    assert same(loaded(tmp_path, model()).net, small())
    assert same(loaded(tmp_path, later()), small())
    assert loaded(tmp_path, later(cost="quantile", cost_parameter=0.25)).cost_parameter == 0.25


def decoded(content: bytes) -> None:
    """What ``load`` does before it builds a network."""
    description, _ = container.unpack(io.BytesIO(content), len(content))
    check_description(description)


def test_every_single_bit_flip_is_noticed():
    content = golden()
    decoded(content)
    for i in range(8 * len(content)):
        flipped = bytearray(content)
        flipped[i // 8] ^= 1 << i % 8
        with pytest.raises(LoadError):
            decoded(bytes(flipped))


def test_some_bit_flips_through_load(tmp_path):
    content = golden()
    for i in range(0, 8 * len(content), 97):
        flipped = bytearray(content)
        flipped[i // 8] ^= 1 << i % 8
        with pytest.raises(LoadError, match=r"model\.fastbp"):
            loaded(tmp_path, bytes(flipped))


def test_every_truncation_is_named(tmp_path):
    content = golden()
    for n in range(len(content)):
        with pytest.raises(LoadError, match="is truncated" if n else "is empty"):
            loaded(tmp_path, content[:n])


def npz(**arrays: object) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def npy(array: object) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def other_safetensors() -> bytes:
    header = json.dumps({"weight": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    return len(header).to_bytes(8, "little") + header + b"\0\0\0\0"


def header_with(old: str, new: str) -> bytes:
    """The good file with one change in the text of its header."""
    text = made()[8 : -len(PAYLOAD)].decode()
    text = text.replace(json.loads(text)["__metadata__"]["sha256"], "0" * 64)
    assert old in text
    return sealed(text.replace(old, new, 1))


DEEP = "[" * 100_000 + "]" * 100_000
HUGE = 2**62
HOSTILE = {
    # another kind of file
    "empty": (b"", "is empty"),
    "one byte": (b"\x10", "truncated or foreign"),
    "text": (b"hello, this is not a model file at all", "not a fastbp model file"),
    "json": (b'{"sizes": [1, 2]}' * 10, "not a fastbp model file"),
    "zeros": (bytes(1000), "not a fastbp model file"),
    "ones": (b"\xff" * 1000, "not a fastbp model file"),
    "pickle": (pickle.dumps({"w": [1.0] * 50}), "is a pickle"),
    "pickle, protocol 0": (pickle.dumps({"w": [1.0] * 50}, protocol=0), "looks like a pickle"),
    "pickle of a call": (b"cos\nsystem\n(S'true'\ntR.", "looks like a pickle"),
    "npz": (npz(w=np.ones(3)), r"\.npz"),
    "npy": (npy(np.ones(3)), r"\.npy"),
    "zip": (b"PK\x03\x04" + bytes(100), "zip archive"),
    "gzip": (gzip.compress(golden()), "gzip"),
    "hdf5": (b"\x89HDF\r\n\x1a\n" + bytes(100), "HDF5"),
    "safetensors of others": (other_safetensors(), "no description of a fastbp network"),
    # framing
    "header of 2^63": ((2**63).to_bytes(8, "little") + b"{" + bytes(100), "announces a header"),
    "header above 16 MB": ((20_000_000).to_bytes(8, "little") + b"{" + b" " * 20_000_100, "announces a header"),
    "header longer than the file": ((1000).to_bytes(8, "little") + b"{" + bytes(100), "truncated"),
    "header of nothing": ((1).to_bytes(8, "little") + b"{}" + bytes(100), "announces a header"),
    "bytes after the payload": (golden() + b"\0", "1 bytes follow"),
    "two files in one": (golden() * 2, "follow its payload"),
    # JSON
    "not UTF-8": (sealed("{}")[:8] + b"{\xff" + b"}" * 10, "header cannot be read"),
    "header is cut JSON": (sealed('{"__metadata__":'), "header cannot be read"),
    "duplicate key": (header_with('"layers.2.bias"', '"layers.1.bias"'), "duplicate key"),
    "NaN": (header_with("[0,16]", "[NaN,16]"), "the number NaN"),
    "infinity": (header_with("[0,16]", "[-Infinity,16]"), "the number -Infinity"),
    "1e999": (header_with("[0,16]", "[1e999,16]"), "float64 cannot hold"),
    "30 digits": (header_with("[0,16]", f"[{'9' * 30},16]"), "integer of 30 digits"),
    "5000 digits": (header_with("[0,16]", f"[{'9' * 5000},16]"), "5000 digits"),
    "100 000 levels": (header_with("[0,16]", DEEP), "nested too deeply"),
    "9 levels": (header_with("[0,16]", "[[[[[[[0]]]]]]]"), "nested too deeply"),
    "description of 100 000 levels": (made(DEEP), "nested too deeply"),
    "description is a list": (made("[1]"), "not an object"),
    "description is not JSON": (made("import os"), "description cannot be read"),
    "description has a duplicate": (made('{"cost":1,"cost":2}'), "duplicate key"),
    "description is a lone surrogate": (made("\ud800"), "description cannot be read"),
    # metadata and digest
    "metadata is a number": (sealed('{"__metadata__":3}', b""), "no description"),
    "no digest": (sealed('{"__metadata__":{"fastbp":"{}"}}', b""), "SHA-256"),
    "digest in capitals": (header_with('"sha256":"' + "0" * 64, '"sha256":"' + "A" * 64), "SHA-256"),
    "digest after a space": (header_with('"sha256":"', '"sha256": "'), "SHA-256"),
    "wrong digest": (golden()[:-1] + b"\1", "SHA-256"),
    "more metadata": (header_with('"sha256"', '"more":"x","sha256"'), "must be a description and a SHA-256"),
    # tensors
    "tensor is a number": (header_with('{"dtype":"F32","shape":[1],"data_offsets":[32,36]}', "7"), "must hold dtype"),
    "tensor of objects": (tensor("layers.1.bias", dtype="O"), "dtype other than"),
    "tensor with a dtype that is a list": (tensor("layers.1.bias", dtype=["F32"]), "dtype other than"),
    "negative shape": (tensor("layers.1.weight", shape=[-2, -2]), "not sizes"),
    "fractional shape": (tensor("layers.1.weight", shape=[2.0, 2]), "not sizes"),
    "true as a shape": (tensor("layers.2.bias", shape=[True]), "not sizes"),
    "huge shape": (tensor("layers.1.weight", shape=[HUGE, HUGE]), "do not fit its shape"),
    "huge shape that wraps to 16 bytes": (tensor("layers.1.weight", shape=[HUGE + 1, 4]), "do not fit its shape"),
    "huge payload": (
        tensor("layers.2.bias", shape=[HUGE // 4], data_offsets=[32, 32 + HUGE]),
        "is truncated",
    ),
    "five dimensions": (tensor("layers.2.bias", shape=[1, 1, 1, 1, 1]), "not sizes"),
    "overlap": (tensor("layers.1.bias", data_offsets=[8, 16]), "starts at byte 8, not 16"),
    "hole": (tensor("layers.1.bias", data_offsets=[20, 28]), "starts at byte 20, not 16"),
    "backwards": (tensor("layers.1.bias", data_offsets=[24, 16]), "do not fit"),
    "three offsets": (tensor("layers.1.bias", data_offsets=[16, 20, 24]), "not sizes"),
    "path as a name": (header_with('"layers.2.bias"', '"../../etc/passwd"'), "holds the tensors"),
    "a tensor too many": (
        made(tensors={**TENSORS, "x": entry([1], 36, 40)}, payload=PAYLOAD + b"1234"),
        "holds the tensors",
    ),
    "nothing, of a huge shape": (empty([0, 2**63 - 1]), "not sizes"),
    "nothing, of another huge shape": (empty([10**18, 0]), "not sizes"),
    "nothing": (made(tensors={"layers.1.weight": entry([0, 1], 0, 0)}), "not sizes"),
    "no tensors": (made(tensors={}, payload=b""), "holds the tensors"),
    "transposed": (tensor("layers.2.weight", shape=[2, 1]), "needs float32 of shape"),
    # description
    "newer": (
        described(format_version=FORMAT_VERSION + 1),
        rf"newer fastbp.*version {FORMAT_VERSION + 1}.*pip install --upgrade",
    ),
    "much newer, with other keys": (made({"format_version": 9, "graph": []}), "newer fastbp"),
    "version 0": (described(format_version=0), "format_version"),
    "version true": (described(format_version=True), "format_version"),
    "version 1.0": (described(format_version=1.0), "format_version"),
    "no version": (made({"sizes": [1, 1]}), "format_version"),
    "a key too many": (described(constructor="os.system"), "nothing else"),
    "other sizes": (described(sizes=[2, 3, 1]), "needs float32 of shape"),
    "huge sizes": (described(sizes=[10**18, 2, 1]), "needs float32 of shape"),
    "huge sizes and a scaling": (
        described(sizes=[10**18, 2, 1], meta={"input": {"subtract": 0, "divide": 1}}),
        "needs float32 of shape",
    ),
    "zero width": (described(sizes=[2, 0, 1]), "whole numbers from 1"),
    "negative width": (described(sizes=[2, -2, 1]), "whole numbers from 1"),
    "fractional width": (described(sizes=[2, 2.0, 1]), "whole numbers from 1"),
    "sizes of text": (described(sizes="221"), "whole numbers from 1"),
    "one size": (described(sizes=[2]), "two or more"),
    "unknown activation": (described(activations=["tanh", "os.system"]), "activation 'os.system'"),
    "activation that is a list": (described(activations=["tanh", ["sigmoid"]]), "activation"),
    "too few activations": (described(activations=["tanh"]), "2 names are needed"),
    "hidden softmax": (described(activations=["softmax", "sigmoid"]), "cannot be"),
    "softmax with quadratic cost": (described(activations=["tanh", "softmax"], cost="quadratic"), "cannot be"),
    "unknown cost": (described(cost="__import__"), "cost '__import__'"),
    "half precision": (described(dtype="float16"), "dtype 'float16'"),
    "another dtype": (described(dtype="float64"), "needs float64"),
    "meta is a list": (described(meta=[]), "must be a mapping"),
    "unknown task": (described(meta={"task": "rm -rf"}), "task"),
    "task is a list": (described(meta={"task": ["regression"]}), "task"),
    "classes are objects": (described(meta={"classes": [{}]}), "classes"),
    "scaling without divide": (described(meta={"input": {"subtract": 0}}), "subtract and divide"),
    "scaling by zero": (described(meta={"input": {"subtract": 0, "divide": [1, 0]}}), "none of them 0"),
    "scaling of another width": (described(meta={"input": {"subtract": [0] * 3, "divide": 1}}), "each of the 2"),
    "scaling by text": (described(meta={"input": {"subtract": "0", "divide": 1}}), "one number"),
    # preprocessing of a later version
    "model without steps": (described(format_version=2), "must hold .*steps, target"),
    "steps of an earlier version": (described(steps=[], target=None), "nothing else"),
    "steps twice": (model(meta={"input": {"subtract": 0, "divide": 1}}), "steps of an earlier version"),
    "unknown step": (model(steps=[{"step": "exec"}]), "steps .*known are scale"),
    "step with more": (model(steps=[{"step": "scale", "code": "x"}]), "known are scale"),
    "steps are a mapping": (model(steps={"step": "scale"}), "known are scale"),
    "target is a list": (model(target=[]), "for targets; known are scale"),
    "scaled target of another cost": (model(target={"step": "scale"}), "'cross_entropy', which cannot be"),
    "step without numbers": (model(scale=None), "holds the tensors"),
    "step divides by zero": (model(scale=([0.0, 0.0], [1.0, 0.0])), "divide holds 0"),
    "step of another width": (model(scale=([0.0] * 3, [1.0] * 3)), r"needs float64 of shape \(\) or \(2,\)"),
    "step that is not finite": (model(scale=([0.0, np.nan], [1.0, 1.0])), r"not finite: steps\.0\.subtract\[1\]"),
    "step that overflows": (model(scale=([0.0, np.inf], [1.0, 1.0])), r"not finite: steps\.0\.subtract\[1\]"),
    # the parameter of a cost
    "cost of a later version": (described(cost="huber"), "cost 'huber'; format version 1 knows quadratic"),
    "parameter of an earlier version": (described(cost_parameter=None), "nothing else"),
    "no key for the parameter": (later(cost="absolute", cost_parameter=...), "must hold .*cost_parameter"),
    "parameter of a cost that has none": (later(cost_parameter=1.0), "'cross_entropy' has none"),
    "no parameter": (later(cost="huber", cost_parameter=None), "no parameter for the cost 'huber'"),
    "parameter out of bounds": (later(cost="quantile", cost_parameter=1.0), "a finite number > 0 and < 1"),
    "parameter of text": (later(cost="huber", cost_parameter="1"), "a finite number > 0"),
    "parameter true": (later(cost="huber", cost_parameter=True), "a finite number > 0"),
    # what fastbp reads in meta
    "one class": (described(meta={"classes": ["yes"]}), "2 different names"),
    "a class twice": (described(meta={"classes": ["yes", "yes"]}), "2 different names"),
    "True beside 1": (described(meta={"classes": [1, True]}), "2 different names"),
    "three classes of one output": (described(meta={"classes": [1, 2, 3]}), "2 different names"),
    "classes are text": (described(meta={"classes": "ab"}), "2 different names"),
    "classes are a number": (described(meta={"classes": 2}), "2 different names"),
    "a class that is a list": (described(meta={"classes": [[], 1]}), "2 different names"),
    "features are text": (described(meta={"features": "ab"}), "the name of each of the 2 inputs"),
    "features are numbers": (described(meta={"features": [1, 2]}), "the name of each of the 2 inputs"),
    "one feature": (described(meta={"features": ["a"]}), "the name of each of the 2 inputs"),
    "target is a number": (described(meta={"target": 2}), "the name of a column"),
    "scaling is a list": (described(meta={"input": [0, 1]}), "subtract and divide"),
    "scaling by true": (described(meta={"input": {"subtract": 0, "divide": True}}), "one number"),
    # payload
    "NaN in the weights": (made(payload=PAYLOAD[:-4] + b"\0\0\xc0\x7f"), r"not finite: layers\.2\.bias\[0\]"),
    "infinity in the weights": (made(payload=b"\0\0\x80\xff" + PAYLOAD[4:]), r"layers\.1\.weight\[0, 0\]"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_file(tmp_path, name):
    content, match = HOSTILE[name]
    tracemalloc.start()
    try:
        with pytest.raises(LoadError, match=match) as caught:
            loaded(tmp_path, content)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert str(caught.value).startswith(repr(str(tmp_path / "model.fastbp")))
    assert len(str(caught.value)) < 800
    assert peak < 2 * len(content) + 2**23


class Canary:
    """Unpickling it would create a file."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str, ...]]:
        return os.mkdir, (self.path,)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_is_never_executed(tmp_path, protocol):
    canary = tmp_path / "executed"
    content = pickle.dumps(Canary(str(canary)), protocol=protocol)
    array = np.array([Canary(str(canary))], dtype=object)
    for hostile in (content, npy(array), npz(w=array), content + golden()):
        with pytest.raises(LoadError):
            loaded(tmp_path, hostile)
    assert not canary.exists()
    pickle.loads(content)
    assert canary.exists()  # the canary sings when it is let out


@settings(max_examples=examples(300))
@given(st.binary(max_size=300), st.integers(0, len(golden())), st.integers(0, 40))
def test_spliced_bytes(junk, at, removed):
    content = golden()[:at] + junk + golden()[at + removed :]
    if content != golden():
        with pytest.raises(LoadError):
            decoded(content)


@settings(max_examples=examples(300))
@given(
    st.sampled_from(sorted(DESCRIPTION)),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=6,
    ),
)
def test_any_value_in_the_description(key, value):
    content = made({**DESCRIPTION, key: value})
    try:
        decoded(content)
    except LoadError:
        return
    assert key == "meta" or value == DESCRIPTION[key] or (key == "sizes" and all(n >= 1 for n in value))


SPARSE = r"""
import json, resource, sys
import fastbp, fastbp.data, fastbp.io, fastbp.network

def sparse(path, start, size):
    with open(path, "wb") as file:
        file.write(start)
        file.truncate(len(start) + size)

shapes = {"layers.1.weight": [50_000, 50_000], "layers.1.bias": [50_000]}
header = {"__metadata__": {"fastbp": json.dumps(dict(format_version=1, sizes=[50_000, 50_000], activations=["tanh"],
                           cost="quadratic", dtype="float32", meta={})), "sha256": "0" * 64}}
end = 0
for name, shape in shapes.items():
    start, end = end, end + 4 * shape[0] * (shape[1] if len(shape) > 1 else 1)
    header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [start, end]}
text = json.dumps(header, separators=(",", ":")).encode()
sparse("m.fastbp", len(text).to_bytes(8, "little") + text, end)
describe = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1250, 1000000)}"
sparse("X.npy", b"\x93NUMPY\x01\x00" + len(describe).to_bytes(2, "little") + describe, 10**10)
sparse("x.idx", b"\0\0\x08\x02" + (10**5).to_bytes(4, "big") * 2, 10**10)
with open("/proc/self/statm") as pages:
    used = int(pages.read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 100_000_000,) * 2)
for path in ("m.fastbp", "X.npy", "x.idx"):
    try:
        (fastbp.load if path == "m.fastbp" else fastbp.data.read_features)(path)
    except fastbp.LoadError as error:
        print(error)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits of memory are Linux's")
def test_a_sparse_file_larger_than_memory_is_refused(tmp_path):
    done = subprocess.run([sys.executable, "-c", SPARSE], cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["'m.fastbp'", "'X.npy'", "'x.idx'"]
    assert all("holds more than there is memory for" in line for line in lines)
