"""Tables of text: dialects, headers, columns, what a cell is taken for, and messages that name file, row and column."""

from __future__ import annotations

import gzip
import io
import os
import tracemalloc
import zipfile

import numpy as np
import pytest
from data_files import CSV, IMAGES, idx, written

from fastbp.data import tables, text
from fastbp.data.columns import Table
from fastbp.data.columns.plain import require_matrix
from fastbp.data.reading import read, read_features, split
from fastbp.errors import LoadError
from fastbp.model import Model
from fastbp.network import Network
from fastbp.saving import save


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
    "missing target": ("a,b\n1,2\n3,\n", "b", "no value in line 3, column 'b'"),
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


@pytest.mark.parametrize(
    ("cells", "says"),
    [
        ("a,b\n1,2\n1_000,3\n", "the text '1_000' in line 3, column 'a'.*It looks like a number"),
        ('a,b\n1,2\n"$412,345",3\n', r"the text '\$412,345' in line 3, column 'a'.*It looks like a number"),
        ("a,b\n1,2\n12 kg,3\n", "the text '12 kg' in line 3, column 'a'.* without units"),
        ("a,b\n1,2\nred,3\n", "the text 'red' in line 3, column 'a'.*Pass columns of numbers"),
        ("a,b\n1,2\n,3\n", "no value in line 3, column 'a'"),
        ("a,b\n1,2\n\nNA,3\n", "no value in line 4, column 'a'"),
        ("a,b\n1,2\nnan,3\n", "no value in line 3, column 'a'"),
        ("a,b\n1,2\n1e999,3\n", "infinite value in line 3, column 'a'"),
    ],
)
def test_features_that_are_no_plain_numbers_are_a_table(tmp_path, cells, says):
    """Which a model without columns cannot take, and says why."""
    path = written(tmp_path / "t.csv", cells)
    data = read(path, "b")
    assert (data.X.names, len(data.X), data.X.lines[-1]) == (("a",), 2, cells.count("\n"))
    np.testing.assert_array_equal(data.Y[:, 0] if data.Y.ndim == 2 else data.Y, [0, 1])
    for call in (
        lambda: Model(Network([1, 1], seed=0)).predict(data.X),
        lambda: require_matrix(read_features(path, columns=("a",))),
    ):
        with pytest.raises(ValueError, match=says) as caught:
            call()
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


DISGUISED = ["$412,345", "1_000", "12%", "12 %", "(7)", "-$5", "USD 12", "5 \u20ac", "\u00a33.50", "\u20b91,10,000",
             "US$5"]  # fmt: skip
MARKED = {"3,5": 3.5, "1.234.567,89": 1234567.89, "1 000": 1000, "1'000.5": 1000.5, "1,5e3": 1500, "+3,0": 3}


@pytest.mark.parametrize("cell", MARKED)
def test_targets_with_a_decimal_comma_and_marks_between_thousands(tmp_path, cell):
    cells = [cell, "17", "2"] * 4
    path = written(tmp_path / "t.csv", "x,price\n" + "".join(f'{i},"{c}"\n' for i, c in enumerate(cells)))
    np.testing.assert_array_equal(read(path, "price", task="regression").Y[:3, 0], [MARKED[cell], 17, 2])
    assert set(read(path, "price", task="classification").classes) == {cell, "17", "2"}
    np.savez(tmp_path / "t.npz", X=np.ones((12, 1)), price=np.array(cells))
    with pytest.raises(LoadError, match="It looks like a number: write it plainly"):
        read(tmp_path / "t.npz", "price", task="regression")


def test_a_target_whose_comma_may_be_two_things_needs_to_be_told(tmp_path):
    path = written(tmp_path / "t.csv", "x,price\n" + "".join(f'{i},"412,{i}45"\n' for i in range(9)))
    with pytest.raises(LoadError, match=r"decimal is not given, and the target 'price' of .*'412,045'") as caught:
        read(path, "price")
    assert caught.value.parameter == "decimal"
    assert read(path, "price", decimal=",").Y[1, 0] == 412.145
    assert read(path, "price", decimal=".").Y[1, 0] == 412145
    assert len(read(path, "price", task="classification").classes) == 9


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
    assert isinstance(read(paths["many"], "x", task="regression").X, Table)


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
        (
            "t.zip",
            zipped("notes.md", "a.csv", "data/B.TSV"),
            r"with 'a\.csv', 'data/B\.TSV' in it; one table is needed",
        ),
        ("t.docx", zipped("[Content_Types].xml", "word/document.xml"), r"a zip archive with '\[Content_Types\]\.xml'"),
        ("t.pt", zipped("t/data.pkl", "t/data/0"), "a PyTorch file, which means a pickle"),
        ("t.zip", zipped("a.ini"), r"a zip archive with 'a\.ini' in it, not an \.npz file"),
        ("t.json.zip", zipped("a.json"), "cannot be read as JSON lines: line 1"),
        ("t.parquet", b"PAR1" + bytes(20), "cannot be read as a Parquet file"),
        ("t.feather", b"ARROW1" + bytes(20), "cannot be read as an Arrow file"),
        ("t.csv.bz2", b"BZh9" + bytes(20), "truncated or damaged"),
        ("t.csv.xz", b"\xfd7zXZ\0" + bytes(20), "truncated or damaged"),
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
    assert text.MOST_TEXT == 16 * 2**20
    monkeypatch.setattr(text, "MOST_TEXT", 2**17)
    content = b"a,b\n" + row * (2**18 // len(row))
    whole, parts = gzip.compress(content), gzip.compress(content) + gzip.compress(b"0,0\n")  # which ends by saying 4
    for packed in (whole, parts):
        path = written(tmp_path / "t.csv.gz", packed)
        assert path.stat().st_size < 1000
        with pytest.raises(LoadError, match=r"expand to 262\d\d\d or more; .* 100 times its size, or to 131072 bytes"):
            read(path, 0)


def test_a_bomb_is_refused_before_its_rows_are_looked_at(tmp_path, monkeypatch):
    monkeypatch.setattr(text, "MOST_TEXT", 2**17)
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

    monkeypatch.setattr("fastbp.data.sources.read_text", full)
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
        "x.idx": idx(IMAGES),
        "x.idx.gz": gzip.compress(idx(IMAGES)),
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
