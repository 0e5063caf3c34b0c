"""Data files of arrays, idx, .npy and .npz: every kind, which belong together, and whatever can be wrong with one."""

from __future__ import annotations

import gzip
import io
import os
import pickle
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest
from data_files import IMAGES, LABELS, idx, mnist, npy, written

from fastbp.data.reading import read, read_features
from fastbp.data.scaling import Scale
from fastbp.errors import LoadError

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(("ending", "zipped"), [("", False), (".gz", True), (".gz", False)])
def test_folder_of_four_idx_files(tmp_path, ending, zipped):
    mnist(tmp_path, ending, zipped)
    data = read(tmp_path)
    assert data.task == "classification"
    assert data.classes == (0, 1, 2)
    assert data.image == (4, 3)
    assert data.n_outputs == 3
    assert data.name == tmp_path.name
    assert data.X.dtype == np.uint8
    np.testing.assert_array_equal(data.X, IMAGES[:9].reshape(9, 12))
    np.testing.assert_array_equal(data.X_test, IMAGES[9:].reshape(3, 12))
    np.testing.assert_array_equal(data.Y, LABELS[:9])
    np.testing.assert_array_equal(data.Y_test, LABELS[9:])
    assert data.scaling() == Scale(0.0, 255.0)
    np.testing.assert_array_equal(read_features(tmp_path), data.X_test)


def test_labels_are_found_beside_a_single_file_or_given(tmp_path):
    mnist(tmp_path)
    images, labels = tmp_path / "train-images-idx3-ubyte", tmp_path / "train-labels-idx1-ubyte"
    for data in (read(images), read(str(images), str(labels)), read((images, labels))):
        np.testing.assert_array_equal(data.Y, LABELS[:9])
        assert data.X_test is None
    labels.unlink()
    with pytest.raises(ValueError, match=r"no targets.*train-labels-idx1-ubyte"):
        read(images)
    assert read_features(images).shape == (9, 12)


@pytest.mark.parametrize(
    ("code", "dtype"), [(0x08, "u1"), (0x09, "i1"), (0x0B, "i2"), (0x0C, "i4"), (0x0D, "f4"), (0x0E, "f8")]
)
def test_every_element_type_of_idx(tmp_path, code, dtype):
    values = np.array([[1, 2], [3, 100]], dtype=dtype)
    X = read_features(written(tmp_path / "x.idx", idx(values, code)))
    assert X.dtype.isnative
    np.testing.assert_array_equal(X, values)


GOOD = idx(IMAGES)
BAD_IDX = {
    "text": (b"hello world", "starts with 68 65 6c 6c"),
    "unknown type": (b"\0\0\x07" + GOOD[3:], "starts with 00 00 07"),
    "no dimensions": (b"\0\0\x08\0" + GOOD[4:], "starts with 00 00 08 00"),
    "three bytes": (GOOD[:3], "starts with"),
    "header cut": (GOOD[:9], "header alone takes 16"),
    "255 dimensions": (b"\0\0\x08\xff" + b"\xff" * 1020, "needs"),
    "one byte short": (GOOD[:-1], "needs 144"),
    "one byte more": (GOOD + b"\0", "has 145 bytes after its header"),
    "lying header": (b"\0\0\x0e\3" + b"\xff" * 12 + bytes(20), "has 20 bytes after its header"),
    "labels": (idx(LABELS), "holds 1 dimension"),
    "gzip cut": (gzip.compress(GOOD)[:-9], "truncated or damaged"),
    "gzip checksum": (gzip.compress(GOOD)[:-8] + b"\0" * 8, "truncated or damaged"),
    "gzip one byte short": (gzip.compress(GOOD[:-1]), "needs 144 bytes of content and has 143"),
    "gzip one byte more": (gzip.compress(GOOD + b"\0"), "has more than that"),
    "gzip bomb": (gzip.compress(GOOD[:16] + bytes(30_000_000)), "has more than that"),
    "gzip with a lying header": (gzip.compress(b"\0\0\x0e\3" + b"\xff" * 12 + bytes(20)), "would expand to"),
    "empty": (b"", "is empty"),
}


@pytest.mark.parametrize("name", BAD_IDX)
def test_malformed_idx(tmp_path, name):
    content, match = BAD_IDX[name]
    path = written(tmp_path / "train-images-idx3-ubyte", content)
    tracemalloc.start()
    try:
        with pytest.raises(LoadError, match=match) as caught:
            read(path)
        assert tracemalloc.get_traced_memory()[1] < 2**23
    finally:
        tracemalloc.stop()
    assert repr(str(path)) in str(caught.value)


def test_parts_that_do_not_belong_together(tmp_path):
    mnist(tmp_path)
    written(tmp_path / "train-labels-idx1-ubyte", idx(LABELS[:8]))
    with pytest.raises(ValueError, match="9 samples and 8 targets"):
        read(tmp_path)
    mnist(tmp_path)
    written(tmp_path / "t10k-images-idx3-ubyte", idx(IMAGES[9:, :2]))
    with pytest.raises(ValueError, match=r"\(4, 3\) to train on and \(2, 3\)"):
        read(tmp_path)
    with pytest.raises(LoadError, match="no file train-images-idx3-ubyte"):
        read(tmp_path.parent)


def test_npz_with_the_usual_keys(tmp_path):
    X, y = RNG.normal(size=(10, 3)), np.arange(10) % 2
    for kx, ky in (("X", "y"), ("data", "target"), ("x_train", "y_train")):
        np.savez(tmp_path / "d.npz", **{kx: X, ky: y})
        data = read(tmp_path / "d.npz")
        np.testing.assert_array_equal(data.X, X)
        np.testing.assert_array_equal(data.Y, y)
        assert (data.task, data.classes, data.n_outputs) == ("classification", (0, 1), 1)
    np.savez_compressed(
        tmp_path / "d.npz", x_train=IMAGES[:9], y_train=LABELS[:9], x_test=IMAGES[9:], y_test=LABELS[9:]
    )
    data = read(tmp_path / "d.npz")
    assert (data.X.shape, data.X_test.shape, data.image, data.peak) == ((9, 12), (3, 12), (4, 3), 255.0)
    np.savez(tmp_path / "d.npz", X=X, price=X[:, 0])
    assert read(tmp_path / "d.npz", "price").task == "regression"
    assert read_features(tmp_path / "d.npz").shape == (10, 3)
    with pytest.raises(ValueError, match="no key 'cost': it has 'X', 'price'"):
        read(tmp_path / "d.npz", "cost")
    with pytest.raises(ValueError, match=r"no targets.*'X', 'price'"):
        read(tmp_path / "d.npz")
    np.savez(tmp_path / "d.npz", weights=X)
    with pytest.raises(ValueError, match="has the keys 'weights'"):
        read(tmp_path / "d.npz")


def test_npy_pairs(tmp_path):
    X, y = np.asfortranarray(RNG.normal(size=(6, 2))), RNG.normal(size=(6, 2))
    np.save(tmp_path / "X.npy", X)
    with pytest.raises(ValueError, match=r"no targets.*y\.npy"):
        read(tmp_path / "X.npy")
    np.save(tmp_path / "y.npy", y)
    for data in (read(tmp_path / "X.npy"), read(tmp_path / "X.npy", tmp_path / "y.npy")):
        np.testing.assert_array_equal(data.X, X)
        np.testing.assert_array_equal(data.Y, y)
        assert (data.task, data.n_outputs) == ("regression", 2)
    np.save(tmp_path / "set-x-1.npy", X)
    np.save(tmp_path / "set-y-1.npy", y)
    assert read(tmp_path / "set-x-1.npy").Y.shape == (6, 2)
    np.save(tmp_path / "y.npy", np.arange(5))
    with pytest.raises(ValueError, match="6 samples and 5 targets"):
        read(tmp_path / "X.npy")


class Canary:
    """Unpickling it would create a folder."""

    def __init__(self, path) -> None:
        self.path = str(path)

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (self.path,)


def test_pickles_in_data_files_are_never_executed(tmp_path):
    evil = np.array([Canary(tmp_path / "executed")], dtype=object)
    np.save(tmp_path / "X.npy", evil)
    np.savez(tmp_path / "d.npz", X=evil, y=evil)
    written(tmp_path / "p.npy", pickle.dumps(evil))
    for name in ("X.npy", "d.npz"):
        with pytest.raises(LoadError, match="never unpickles"):
            read(tmp_path / name)
    with pytest.raises(LoadError, match="is a pickle"):
        read(tmp_path / "p.npy")
    assert not (tmp_path / "executed").exists()


BAD_NPY = {
    "lying header": (npy("(1000000, 1000000)", bytes(80)), "has 80 bytes for an array"),
    "negative": (npy("(-2, -5)", bytes(80)), "for an array of shape"),
    "short": (npy("(2, 5)", bytes(79)), "needs 80"),
    "long": (npy("(2, 5)", bytes(81)), "needs 80"),
    "code": (npy("__import__('os').getpid()", bytes(80)), "no NumPy array"),
    "deep": (npy("(" * 4000 + ")" * 4000), "no NumPy array"),
    "structured": (npy("(1,)", bytes(8), "[('a', '<f8')]"), "needed are numbers"),
    "dates": (npy("(1,)", bytes(8), "'<M8[s]'"), "needed are numbers"),
    "empty strings": (npy("(1,)", b"", "'<U0'"), "needed are numbers"),
    "version 9": (b"\x93NUMPY\x09\0" + bytes(100), "no NumPy array"),
    "cut": (b"\x93NUMPY\1\0\xff", "no NumPy array"),
}


@pytest.mark.parametrize("name", BAD_NPY)
@pytest.mark.parametrize("kind", ["npy", "npz"])
def test_malformed_arrays(tmp_path, name, kind):
    content, match = BAD_NPY[name]
    if kind == "npz":
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("X.npy", content)
        content = file.getvalue()
    with pytest.raises(LoadError, match=match):
        read_features(written(tmp_path / f"X.{kind}", content))


def test_malformed_archives(tmp_path):
    file = io.BytesIO()
    np.savez_compressed(file, X=RNG.normal(size=(20, 2)), y=np.zeros(20))
    good = file.getvalue()
    for content in (good[:-30], good[: len(good) // 2], good[:200] + b"\0\0\0\0" + good[204:]):
        with pytest.raises(LoadError, match="damaged"):
            read(written(tmp_path / "d.npz", content))
    with pytest.raises(LoadError, match=r"no \.npz file"):
        read(written(tmp_path / "d.npz", "a,b\n1,2\n"))


def test_zip_bomb_is_not_expanded(tmp_path):
    with zipfile.ZipFile(tmp_path / "d.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        for i in range(11):
            archive.writestr(f"x{i}.npy", b"")
    content = bytearray((tmp_path / "d.npz").read_bytes())
    at = 0
    while (at := content.find(b"PK\x01\x02", at + 1)) > 0:  # the directory then claims 100 MB for each
        content[at + 24 : at + 28] = struct.pack("<I", 100_000_000)
    with pytest.raises(LoadError, match="trap"):
        read(written(tmp_path / "d.npz", bytes(content)))
