"""Reading data files: every kind, what is inferred from it, and messages that name file, row and column."""

from __future__ import annotations

import gzip
import io
import os
import pickle
import struct
import sys
import tracemalloc
import zipfile

import numpy as np
import pytest

from fastbp.data import tables
from fastbp.data.reading import Data, read, read_features, split, split_indices
from fastbp.data.scaling import Scale, standardise
from fastbp.errors import LoadError
from fastbp.model import Model
from fastbp.network import Network
from fastbp.saving import load, save

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (12, 4, 3), dtype=np.uint8)
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


# ---------------------------------------------------------------------------------------------------- idx


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


# ---------------------------------------------------------------------------------------------------- npz, npy


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


def npy(shape: str, content: bytes = b"", descr: str = "'<f8'") -> bytes:
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}".encode()
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header + content


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


# ---------------------------------------------------------------------------------------------------- tables

CSV = "length,width,kind\n1.5,2,cat\n2.5,3,dog\n-3e-1,4,cat\n"


@pytest.mark.parametrize("target", ["kind", 2, -1, "2", "-1"])
@pytest.mark.parametrize("ending", [".csv", ".csv.gz", ".tsv"])
def test_table(tmp_path, target, ending):
    text = CSV.replace(",", "\t") if ending == ".tsv" else CSV
    content = gzip.compress(text.encode()) if ending.endswith("gz") else text.encode()
    data = read(written(tmp_path / f"pets{ending}", content), target)
    np.testing.assert_array_equal(data.X, [[1.5, 2], [2.5, 3], [-0.3, 4]])
    np.testing.assert_array_equal(data.Y, [0, 1, 0])
    assert data.classes == ("cat", "dog")
    assert data.feature_names == ("length", "width")
    assert data.target == "kind"
    assert data.image is None


@pytest.mark.parametrize(
    "text",
    [
        "\ufeff" + CSV,
        CSV.replace(",", ";"),
        CSV.replace("\n", "\r\n"),
        CSV.replace("\n", "\n\n"),
        CSV.replace(",", ", "),
        CSV.replace("cat", '"cat"').rstrip("\n"),
    ],
    ids=["byte order mark", "semicolons", "CRLF", "blank lines", "spaces", "quotes, no last newline"],
)
def test_dialects(tmp_path, text):
    data = read(written(tmp_path / "pets.csv", text), "kind")
    np.testing.assert_array_equal(data.X, [[1.5, 2], [2.5, 3], [-0.3, 4]])
    assert data.classes == ("cat", "dog")


@pytest.mark.parametrize(
    ("text", "target", "names", "rows"),
    [
        ("1,2,a\n3,4,b\n", 2, None, 2),  # text in a column of text is no header
        ("1,2,3\n3,4,5\n", 2, None, 2),
        ("a,b,c\n1,2,3\n3,4,5\n", "c", ("a", "b"), 2),
        ("0,1,kind\n1,2,a\n3,4,b\n", "kind", ("0", "1"), 2),  # named by the target
        ("0,1,y\n1,2,3\n3,4,5\n", 2, ("0", "1"), 2),  # text over numbers
    ],
)
def test_header_is_recognised(tmp_path, text, target, names, rows):
    data = read(written(tmp_path / "t.csv", text), target, task=None)
    assert data.feature_names == names
    assert data.X.shape == (rows, 2)


BAD_TABLES = {
    "no such column": (CSV, "colour", "no column 'colour': it has the columns 'length', 'width', 'kind'"),
    "no such index": (CSV, 3, "no column 3"),
    "no header": ("1,2\n3,4\n", "kind", "no header and 2 columns, 0 to 1"),
    "no target given": (CSV, None, "needs a target: it has the columns 'length', 'width', 'kind'"),
    "target twice": ("a,b,b\n1,2,3\n", "b", "2 columns named 'b', of index 1, 2"),
    "feature twice": ("a,a,b\n1,2,3\n", "b", "2 columns named 'a', of index 0, 1"),
    "feature twice, target by index": ("a,a,b\n1,2,3\n", 2, "2 columns named 'a'"),
    "no name twice": (",a,,b\n1,2,3,4\n", "b", "2 columns named '', of index 0, 2"),
    "Python's number": ("a,b\n1,2\n1_000,3\n", "b", "the text '1_000' in line 3, column 'a'.*looks like a number"),
    "a price": ('a,b\n1,2\n"$412,345",3\n', "b", r"the text '\$412,345' in line 3, column 'a'.*looks like a number"),
    "text feature": (CSV, "width", "the text 'cat' in line 2, column 'kind'"),
    "missing feature": ("a,b\n1,2\n,3\n", "b", "no value in line 3, column 'a'"),
    "NA": ("a,b\n1,2\n\nNA,3\n", "b", "no value in line 4, column 'a'"),
    "nan": ("a,b\n1,2\nnan,3\n", "b", "no value in line 3, column 'a'"),
    "missing target": ("a,b\n1,2\n3,\n", "b", "no value in line 3, column 'b'"),
    "infinite": ("a,b\n1,2\n1e999,3\n", "b", "infinite value in line 3, column 'a'"),
    "short row": ("a,b\n1,2\n3\n", "b", "1 cells in line 3; 2 are needed"),
    "long row": ("a,b\n1,2\n3,4,5\n", "b", "3 cells in line 3; 2 are needed"),
    "open quote": ('a,b\n1,2\n3,"4\n', "b", "line 3: unexpected end of data"),
    "huge cell": ("a,b\n1," + "2" * 200_000 + "\n", "b", "field larger than field limit"),
    "one column": ("a\n1\n2\n", "a", "no column besides the target"),
    "header only": ("a,b\n", "b", "a header and no rows"),
    "blank": ("\n\n \n", "b", "is empty"),
    "binary": (b"a,b\n\xff\xfe,2\n", "b", "not text in UTF-8"),
    "half a gzip": (gzip.compress(CSV.encode() * 50)[:-20], "kind", "truncated or damaged"),
    "single class": ("a,b\n1,x\n2,x\n", "b", "single class 'x'"),
}


@pytest.mark.parametrize("name", BAD_TABLES)
def test_malformed_table(tmp_path, name):
    content, target, match = BAD_TABLES[name]
    path = written(tmp_path / "t.csv", content)
    with pytest.raises(LoadError, match=match) as caught:
        read(path, target)
    assert repr(str(path)) in str(caught.value)


def test_a_line_without_end_is_not_read_whole(tmp_path):
    path = written(tmp_path / "t.csv", b"")
    os.truncate(path, 50_000_000)
    tracemalloc.start()
    try:
        with pytest.raises(LoadError, match="not a table"):
            read(path, 0)
        assert tracemalloc.get_traced_memory()[1] < 100_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("cells", "task", "classes"),
    [
        ("01 1 01 1", None, ("01", "1")),
        ("01 1 2 02", None, ("01", "02", "1", "2")),
        ("007 7 007 8", "classification", ("007", "7", "8")),
        ("1 +01 1 2", None, ("+01", "1", "2")),
        ("1 2 1 2", None, (1, 2)),
        ("1.0 1 2 2.00", None, (1, 2)),
        ("9223372036854775808 9223372036854775809 9223372036854775808 9223372036854775809", None,
         ("9223372036854775808", "9223372036854775809")),
        ("1_0 10 1_0 10", "classification", ("10", "1_0")),
        ("10% 20% 10% 20%", "classification", ("10%", "20%")),
        ("1 2 10+ 1 2 10+", None, ("1", "10+", "2")),
        ("3/4 1/2 3/4 1/2", None, ("1/2", "3/4")),
    ],
)  # fmt: skip
def test_classes_keep_the_names_they_have(tmp_path, cells, task, classes):
    cells = cells.split()
    text = "".join(f"{i},{cell}\n" for i, cell in enumerate(cells))
    data = read(written(tmp_path / "t.csv", "x,kind\n" + text), "kind", task=task)
    assert data.classes == classes
    assert [str(classes[i]) for i in data.Y] == cells or "1.0" in cells


def test_padded_numbers_are_numbers_where_numbers_are_wanted(tmp_path):
    path = written(tmp_path / "t.csv", "x,day\n" + "".join(f"{i},{i % 9:02}\n" for i in range(30)))
    np.testing.assert_array_equal(read(path, "day", task="regression").Y[:, 0], np.arange(30) % 9)
    np.testing.assert_array_equal(read(path, "x", task="regression").X[:, 0], np.arange(30) % 9)


DISGUISED = ["$412,345", "412,345", "1_000", "3,5", "12%", "12 %", "(7)", "-$5", "1.234.567,89", "1 000", "1'000.5",
             "USD 12", "5 \u20ac", "\u00a33.50", "1,5e3", "+3,0", "\u20b91,10,000", "US$5"]  # fmt: skip


@pytest.mark.parametrize("cell", DISGUISED)
@pytest.mark.parametrize("kind", ["csv", "npz"])
def test_a_target_of_text_that_looks_like_numbers_is_told_so(tmp_path, cell, kind):
    cells = [cell, "17"] * 4
    path = tmp_path / f"t.{kind}"
    if kind == "csv":
        written(path, "x,price\n" + "".join(f'{i},"{c}"\n' for i, c in enumerate(cells)))
    else:
        np.savez(path, X=np.ones((8, 1)), price=np.array(cells))
    place = "line 2" if kind == "csv" else "row 0"
    for task, instead in ((None, "choose the task 'classification'"), ("regression", "regression needs numbers")):
        with pytest.raises(LoadError, match="It looks like a number: write it plainly") as caught:
            read(path, "price", task=task)
        for part in (repr(cell), place, instead, repr(str(path))):
            assert part in str(caught.value)
    assert set(read(path, "price", task="classification").classes) == {cell, "17"}


@pytest.mark.parametrize(
    "cell", ["{} kg", "{}k", "{}.5M", "~{}", "<{}", "{} km/h", "{}cm\u00b2", "{}\u00b0C", "{}.5\u00b10.1", "{} percent"]
)
def test_numbers_with_units_are_no_classes_unless_they_repeat(tmp_path, cell):
    few = [cell.format(i % 3) for i in range(30)]
    many = [cell.format(i) for i in range(30)]
    paths = {
        what: written(tmp_path / f"{what}.csv", "x,y\n" + "".join(f"{i},{c}\n" for i, c in enumerate(cells)))
        for what, cells in (("few", few), ("many", many))
    }
    assert set(read(paths["few"], "y").classes) == set(few)
    assert set(read(paths["many"], "y", task="classification").classes) == set(many)
    for task in (None, "regression"):
        with pytest.raises(LoadError, match=r"in line 2; .*It looks like a number: write it plainly, .* without units"):
            read(paths["many"], "y", task=task)
    with pytest.raises(LoadError, match=r"in line 2, column 'y'; features must be numbers.* without units"):
        read(paths["many"], "x")


def test_a_cell_of_spaces_does_not_take_for_ever(tmp_path):
    cell = "(" + " " * 100_000 + "x"
    path = written(tmp_path / "t.csv", "x,y\n" + f'1,"{cell}"\n2,3\n' * 3)
    assert set(read(path, "y").classes) == {cell, "3"}


def test_classes_of_one_sample_each_are_told(tmp_path):
    path = written(tmp_path / "t.csv", "x,y\n" + "".join(f"{i},user{i}\n" for i in range(30)))
    with pytest.raises(ValueError, match=r"test is 0\.2, and each of the 30 classes has one sample, which stays"):
        split(read(path, "y"))


def test_a_single_number_is_no_data_set(tmp_path):
    for name, array in (("one", np.float64(3)), ("X", np.ones((4, 2))), ("y", np.arange(4))):
        np.save(tmp_path / f"{name}.npy", array)
    for pair, what in ((("one", "y"), "features"), (("X", "one"), "targets")):
        with pytest.raises(LoadError, match=f"has a single number as its {what}"):
            read(tuple(str(tmp_path / f"{name}.npy") for name in pair))


def test_one_target_of_text_among_numbers_is_told(tmp_path):
    cells = [f"{i}.5" for i in range(20)]
    cells[7] = "n. a."
    path = written(tmp_path / "t.csv", "x,price\n" + "".join(f"{i},{c}\n" for i, c in enumerate(cells)))
    with pytest.raises(LoadError, match=r"text 'n\. a\.' as its target in line 9; .*19 of the 20 targets look"):
        read(path, "price")
    np.savez(tmp_path / "t.npz", X=np.ones((20, 1)), y=np.array([f"{i}.5" for i in range(20)]))
    with pytest.raises(LoadError, match=r"text '0\.5' as its target in row 0.*\.astype\(float\)"):
        read(tmp_path / "t.npz")


def zipped(*names: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in names:
            archive.writestr(name, b"content")
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "match"),
    [
        ("t.csv.zip", zipped("t.csv"), r"a zip archive with the table 't\.csv' in it\. Unzip it"),
        ("t.zip", zipped("notes.txt", "data/T.TSV"), r"with the table 'data/T\.TSV' in it"),
        ("t.xlsx", zipped("[Content_Types].xml", "xl/workbook.xml"), r"an Excel workbook\. Save the sheet as \.csv"),
        ("t.csv", zipped("[Content_Types].xml", "xl/workbook.xml"), "an Excel workbook"),
        ("t.ods", zipped("mimetype", "content.xml"), "an OpenDocument file"),
        ("t.docx", zipped("[Content_Types].xml", "word/document.xml"), r"a zip archive with '\[Content_Types\]\.xml'"),
        ("t.pt", zipped("t/data.pkl", "t/data/0"), "a PyTorch file, which means a pickle"),
        ("t.zip", zipped("a.json"), r"a zip archive with 'a\.json' in it, not an \.npz file"),
        ("t.parquet", b"PAR1" + bytes(20), "a Parquet file"),
        ("t.feather", b"ARROW1" + bytes(20), "a Feather file"),
        ("t.xls", b"\xd0\xcf\x11\xe0" + bytes(20), "an old Excel workbook"),
        ("t.csv.bz2", b"BZh9" + bytes(20), "compressed with bzip2"),
        ("t.csv.xz", b"\xfd7zXZ\0" + bytes(20), "compressed with xz"),
        ("t.csv", b"\x28\xb5\x2f\xfd" + bytes(20), "compressed with Zstandard"),
        ("t.h5", b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    ],
)
def test_a_file_of_another_kind_is_named(tmp_path, name, content, match):
    path = written(tmp_path / name, content)
    for call in (lambda: read(path, "y"), lambda: read_features(path)):
        with pytest.raises(LoadError, match=match):
            call()


def test_a_model_file_is_no_data_file(tmp_path):
    save(Network([2, 1], seed=0), tmp_path / "m.fastbp")
    with pytest.raises(LoadError, match="is a model file"):
        read_features(tmp_path / "m.fastbp")


@pytest.mark.parametrize("row", [b"0,0\n", b"\n", b"1,1\n\n\n"])
def test_a_small_file_of_very_many_rows_is_refused(tmp_path, monkeypatch, row):
    assert tables.MOST_TEXT == 16 * 2**20
    monkeypatch.setattr(tables, "MOST_TEXT", 2**17)
    content = b"a,b\n" + row * (2**18 // len(row))
    whole, parts = gzip.compress(content), gzip.compress(content) + gzip.compress(b"0,0\n")  # which ends by saying 4
    for packed in (whole, parts):
        path = written(tmp_path / "t.csv.gz", packed)
        assert path.stat().st_size < 1000
        with pytest.raises(LoadError, match=r"expand to 262\d\d\d or more; .* 100 times its size, or to 131072 bytes"):
            read(path, 0)


def test_a_bomb_is_refused_before_its_rows_are_looked_at(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "MOST_TEXT", 2**17)
    parts = gzip.compress(b"a,b\n") + gzip.compress(b"no number,0\n" * 2**15) + gzip.compress(b"0,0\n")
    with pytest.raises(LoadError, match="looks like a trap"):
        read(written(tmp_path / "t.csv.gz", parts), 1)


def test_a_table_that_gzip_makes_small_is_read(tmp_path):
    text = "a,b\n" + "0,1\n1,2\n" * 5000
    path = written(tmp_path / "t.csv.gz", gzip.compress(text.encode()))
    assert len(text) > 200 * path.stat().st_size
    assert read(path, "b").X.shape == (10_000, 1)


def test_more_than_memory_holds_is_an_error_of_the_file(tmp_path, monkeypatch):
    def full(*arguments, **options):
        raise MemoryError

    monkeypatch.setattr("fastbp.data.sources.read_table", full)
    path = written(tmp_path / "t.csv", CSV)
    for call in (lambda: read(path, "kind"), lambda: read_features(path)):
        with pytest.raises(LoadError, match=r"more than there is memory for\. Pass a smaller file"):
            call()


def test_paths_of_bytes(tmp_path):
    path = os.fsencode(written(tmp_path / "pets.csv", CSV))
    assert read(path, b"kind").classes == ("cat", "dog")
    assert read_features(path, drop="kind").shape == (3, 2)
    with pytest.raises(TypeError, match="path is a list"):
        read([path], "kind")


def test_weights_that_cannot_be_used_are_an_error_of_the_file(tmp_path):
    path = written(tmp_path / "t.csv", "a,s,kind\n1,-1,x\n2,1,y\n")
    with pytest.raises(LoadError, match=r"t\.csv'.*at least 0"):
        read(path, "kind", weight="s")


def test_columns_of_a_file_to_predict_from_may_have_double_names(tmp_path):
    path = written(tmp_path / "t.csv", "a,b,c,c\n1,2,3,4\n")
    np.testing.assert_array_equal(read_features(path, columns=("b", "a")), [[2, 1]])
    with pytest.raises(LoadError, match="2 columns named 'c'; 1 of it is needed"):
        read_features(path, columns=("b", "c"))
    data = read(path, "a", columns=("b",), task="regression")  # for a model that knows its columns
    np.testing.assert_array_equal(data.X, [[2]])
    with pytest.raises(LoadError, match="2 columns named 'c'"):
        read(path, "c", columns=("b",), task="regression")
    # a model trained on double names, as fastbp 0.1.0 allowed
    np.testing.assert_array_equal(read_features(path, columns=("c", "b", "c")), [[3, 2, 4]])


class Named(str):
    """A column's name that counts how often it is compared."""

    compared = 0

    def __eq__(self, other: object) -> bool:
        Named.compared += 1
        return str.__eq__(self, other)

    __hash__ = str.__hash__


@pytest.mark.parametrize("n", [500, 1000])
def test_each_column_is_looked_for_once(n):
    Named.compared = 0
    names = [Named(f"column{j}") for j in range(n)]
    assert tables._by_name("t.csv", [f"column{j}" for j in range(n)][::-1], names) == list(range(n))[::-1]
    assert Named.compared < 10 * n


def test_features_to_predict_from(tmp_path):
    path = written(tmp_path / "t.csv", "b,kind,a\n1,x,2\n3,,4\n")
    np.testing.assert_array_equal(read_features(path, columns=("a", "b")), [[2, 1], [4, 3]])
    np.testing.assert_array_equal(read_features(path, drop="kind"), [[1, 2], [3, 4]])
    with pytest.raises(ValueError, match="no column 'c'"):
        read_features(path, columns=("a", "c"))
    path = written(tmp_path / "n.csv", "1,2\n3,4\n")
    np.testing.assert_array_equal(read_features(path, columns=("a", "b"), drop="2"), [[1, 2], [3, 4]])


def test_nothing_but_load_errors_escapes_from_damaged_files(tmp_path):
    array, archive = io.BytesIO(), io.BytesIO()
    np.save(array, np.ones((4, 2)))
    np.savez(archive, X=np.ones((4, 2)), y=np.array([0, 1, 0, 1]))
    files = {
        "X.npy": array.getvalue(),
        "d.npz": archive.getvalue(),
        "x.idx": GOOD,
        "x.idx.gz": gzip.compress(GOOD),
        "t.csv": CSV.encode(),
        "t.csv.gz": gzip.compress(CSV.encode()),
    }
    rng = np.random.default_rng(0)
    refused = longest = 0
    for i in range(1200):
        name = list(files)[i % len(files)]
        content = bytearray(files[name])
        for at in rng.integers(len(content), size=rng.integers(1, 4)):
            content[at] = rng.choice([0, 9, 10, 34, 44, 57, 128, 255])
        if i % 5 == 0:
            del content[rng.integers(len(content)) :]
        path = written(tmp_path / name, bytes(content))
        try:
            read(path, 2 if name.startswith("t") else None)
        except LoadError as error:
            refused += 1
            longest = max(longest, len(str(error)))
    assert 600 < refused < 1200
    assert longest < 800


# ---------------------------------------------------------------------------------------------------- targets


@pytest.mark.parametrize(
    ("y", "task", "classes"),
    [
        (np.array([0, 1] * 5), "classification", (0, 1)),
        (np.array([1.0, -1.0] * 5), "classification", (-1, 1)),
        (np.array([True, False] * 5), "classification", (False, True)),
        (np.array(["b", "a"] * 5), "classification", ("a", "b")),
        (np.array([b"b", b"a"] * 5), "classification", ("a", "b")),
        (np.array([3, 1, 4, 1, 5, 3, 1, 4, 1, 5]), "classification", (1, 3, 4, 5)),
        (np.eye(2)[[0, 1] * 5], "classification", (0, 1)),
        (np.array([[1], [2]] * 5), "classification", (1, 2)),
        (np.array([0.5, 1.0] * 5), "regression", None),
        (np.arange(10), "regression", None),
        (np.arange(10.0), "regression", None),
        (np.ones((10, 2)), "regression", None),
    ],
)
def test_task_is_chosen_from_the_target(tmp_path, y, task, classes):
    np.savez(tmp_path / "d.npz", X=np.ones((10, 2)), y=y)
    data = read(tmp_path / "d.npz")
    assert (data.task, data.classes) == (task, classes)
    if classes is None:
        assert data.Y.dtype == np.float64
        np.testing.assert_array_equal(data.Y, y.reshape(10, -1))
    else:
        assert data.Y.dtype == np.int64
        names = y.argmax(axis=1) if y.shape == (10, 2) else y.ravel()
        assert [classes[i] for i in data.Y] == [n.decode() if isinstance(n, bytes) else n for n in names.tolist()]


def test_task_can_be_given(tmp_path):
    np.savez(tmp_path / "d.npz", X=np.ones((10, 2)), y=np.arange(10), f=np.arange(10) / 2, m=np.ones((10, 2)))
    assert read(tmp_path / "d.npz", task="classification").classes == tuple(range(10))
    assert read(tmp_path / "d.npz", "f", task="classification").classes == tuple(np.arange(10) / 2)
    np.savez(tmp_path / "e.npz", X=np.ones((4, 2)), y=np.array([0, 1, 0, 1]), t=np.array(["a", "b"] * 2))
    assert read(tmp_path / "e.npz", task="regression").Y.shape == (4, 1)
    with pytest.raises(ValueError, match="the text 'a' as its target in row 0"):
        read(tmp_path / "e.npz", "t", task="regression")
    with pytest.raises(ValueError, match="not one-hot"):
        read(tmp_path / "d.npz", "m", task="classification")
    with pytest.raises(ValueError, match="task is 'cluster'"):
        read(tmp_path / "e.npz", task="cluster")


@pytest.mark.parametrize(
    ("arrays", "match"),
    [
        ({"X": np.array([[1.0, 2], [3, np.nan]]), "y": [0, 1]}, "value nan in row 1, column 1"),
        ({"X": np.array([[1.0, -np.inf]]), "y": [0]}, "value -inf in row 0, column 1"),
        ({"X": np.ones((2, 2)), "y": [0.5, np.nan]}, "target that is missing or infinite in row 1"),
        ({"X": np.ones(4), "y": np.ones(4)}, r"shape \(4,\)"),
        ({"X": np.ones((0, 4)), "y": np.ones(0)}, "no samples"),
        ({"X": np.ones((4, 0)), "y": [0, 1, 0, 1]}, r"shape \(4, 0\)"),
        ({"X": np.ones((2, 2)) * 1j, "y": [0, 1]}, "type complex128"),
        ({"X": np.array([["a"], ["b"]]), "y": [0, 1]}, "type <U1"),
        ({"X": np.ones((2, 2)), "y": np.ones((2, 2, 2))}, r"targets of shape \(2, 2, 2\)"),
        ({"X": np.ones((2, 2)), "y": np.ones(2) * 1j}, "targets of type complex128"),
        ({"X": np.ones((2, 2)), "y": [0, 1], "X_test": np.ones((2, 2)), "y_test": np.eye(2)}, "columns must agree"),
    ],
)
def test_values_that_cannot_be_used(tmp_path, arrays, match):
    np.savez(tmp_path / "d.npz", **arrays)
    with pytest.raises(LoadError, match=match) as caught:
        read(tmp_path / "d.npz")
    assert "d.npz" in str(caught.value)


def test_sources_that_do_not_exist(tmp_path):
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "none.csv", 0)
    with pytest.raises(LoadError, match=r"reads 'digits', MNIST's idx files"):
        read(written(tmp_path / "notes.txt", "hello"))


# ---------------------------------------------------------------------------------------------------- digits


def test_digits():
    sklearn_datasets = pytest.importorskip("sklearn.datasets")
    data = read("digits")
    digits = sklearn_datasets.load_digits()
    np.testing.assert_array_equal(data.X, digits.data)
    np.testing.assert_array_equal(data.Y, digits.target)
    assert (data.classes, data.image, data.task) == (tuple(range(10)), (8, 8), "classification")
    assert data.scaling() == Scale(0.0, 16.0)
    assert repr(data).startswith("Data(task='classification', name='digits'")


def test_digits_without_scikit_learn(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(ModuleNotFoundError, match=r'pip install "fastbp\[sklearn\]"'):
        read("digits")


# ---------------------------------------------------------------------------------------------------- scaling


def test_standardise_gives_mean_0_and_deviation_1():
    X = RNG.normal(3, 5, (500, 4)) * [1, 1e-6, 1e6, 1]
    X[:, 3] = 0.1  # a constant column, whose computed deviation is rounding error
    Z = standardise(X).apply(X)
    np.testing.assert_allclose(Z.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(Z.std(axis=0)[:3], 1, rtol=1e-12)
    np.testing.assert_allclose(Z[:, 3], 0, atol=1e-15)


def test_values_too_large_to_standardise():
    with pytest.raises(ValueError, match=r"Column 1 of X has values .* too large"):
        standardise([[1.0, 1e308], [2.0, -1e308]])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_scaling_rounds_once_and_by_rows(dtype):
    X = RNG.integers(0, 256, (5000, 7), dtype=np.uint8)
    scaling = standardise(X)
    expected = ((X - scaling.subtract) / scaling.divide).astype(dtype)
    Z = scaling.apply(X, dtype)
    assert Z.dtype == dtype
    assert Z.flags.c_contiguous
    assert Z.tobytes() == expected.tobytes()
    assert scaling.apply(X[4990:4991], dtype).tobytes() == Z[4990:4991].tobytes()
    pixels = Scale(0, 255).apply(X, dtype)
    assert pixels.tobytes() == (X / 255).astype(dtype).tobytes()


def test_scaling_of_another_width():
    with pytest.raises(ValueError, match=r"shape \(3, 5\); the scaling was made for 4 columns"):
        standardise(np.ones((2, 4))).apply(np.ones((3, 5)))


def test_scaling_and_back_in_blocks_of_wide_rows(monkeypatch):
    monkeypatch.setattr("fastbp.chunks.CHUNK_BYTES", 80)
    X = RNG.normal(size=(5, 30))
    scaling = standardise(X)
    assert scaling.apply(X).tobytes() == ((X - scaling.subtract) / scaling.divide).tobytes()
    np.testing.assert_allclose(scaling.invert(scaling.apply(X)), X, rtol=1e-13)


@pytest.mark.parametrize(
    ("subtract", "divide", "error", "match"),
    [
        (0, 0, ValueError, "divide holds 0"),
        ([1, 2], [1, 0], ValueError, "divide holds 0"),
        ([1, 2, 3], [1, 2], ValueError, "subtract has 3 numbers and divide 2"),
        (float("nan"), 1, ValueError, "subtract is nan; one finite number"),
        (0, [[1.0]], ValueError, r"divide is \[\[1.0\]\]"),
        ("0", 1, TypeError, "subtract is '0'"),
        (0, None, TypeError, "divide is None"),
        ([[1], [1, 2]], 1, TypeError, "subtract is"),
    ],
)
def test_numbers_that_cannot_scale(subtract, divide, error, match):
    with pytest.raises(error, match=match):
        Scale(subtract, divide)


def test_scaling_and_names_travel_with_the_model(tmp_path):
    data = read(written(tmp_path / "pets.csv", CSV), "kind")
    scaling = data.scaling()
    net = Network([2, data.n_outputs], cost="cross_entropy", seed=0, meta=data.meta())
    save(Model(net, [scaling]), tmp_path / "net.fastbp")
    model = load(tmp_path / "net.fastbp")
    meta = model.meta
    assert meta["task"] == "classification"
    assert list(meta["classes"]) == ["cat", "dog"]
    assert list(meta["features"]) == ["length", "width"]
    assert meta["target"] == "kind"
    assert model.steps == (scaling,)
    assert data.named(data.Y).tolist() == ["cat", "dog", "cat"]


@pytest.mark.parametrize(("low", "high", "peak"), [(0, 1, 1.0), (0, 200, 255.0), (-1, 1, None), (0, 1000, None)])
def test_peak_of_float_images(tmp_path, low, high, peak):
    X = np.full((4, 2, 2), low, dtype=np.float32)
    X[0, 0, 0] = high
    np.savez(tmp_path / "d.npz", X=X, y=[0, 1, 0, 1])
    data = read(tmp_path / "d.npz")
    assert data.peak == peak
    assert (data.scaling() == Scale(0, peak or 1)) is (peak is not None)


# ---------------------------------------------------------------------------------------------------- splitting


@pytest.mark.parametrize("fraction", [0.1, 0.2, 0.25, 0.5, 0.9])
@pytest.mark.parametrize("counts", [(50, 50), (90, 10), (97, 1, 2), (33, 33, 34), (3, 3, 3)])
def test_split_keeps_the_proportions(counts, fraction):
    labels = RNG.permutation(np.repeat(np.arange(len(counts)), counts))
    kept, aside = split_indices(len(labels), fraction, seed=3, labels=labels)
    assert sorted([*kept, *aside]) == list(range(len(labels)))
    assert (np.diff(kept) > 0).all()
    for c, count in enumerate(counts):
        taken = (labels[aside] == c).sum()
        assert abs(taken - count * fraction) <= (1 if min(counts) >= 10 else len(counts))
        assert taken < count
    assert abs(len(aside) - len(labels) * fraction) <= len(counts)


def test_split_is_seeded():
    first, again, other = (split_indices(100, 0.2, seed=s)[1] for s in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert len(first) == 20


def test_split_of_data(tmp_path):
    X = np.arange(40).reshape(20, 2)
    data = Data(X, np.arange(20) % 2, task="classification", name="d", classes=(0, 1))
    parts = split(data, 0.25, seed=0)
    assert (len(parts.X), len(parts.X_test)) == (15, 5)
    np.testing.assert_array_equal(parts.X[:, 0] // 2 % 2, parts.Y)
    np.testing.assert_array_equal(parts.X_test[:, 0] // 2 % 2, parts.Y_test)
    with pytest.raises(ValueError, match="test part of 5 samples already"):
        split(parts)
    for fraction in (0, 1, 1.5, float("nan")):
        with pytest.raises(ValueError, match="between 0 and 1"):
            split(data, fraction)
    with pytest.raises(ValueError, match="one part of 2 samples would be empty"):
        split_indices(2, 0.1)
