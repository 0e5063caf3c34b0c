"""Small tables of every kind: each trains, or is refused with the column, the value and the option that helps."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
from pathlib import Path

import numpy as np
import pytest
from command_line import run_flat as run
from small_tables import KIND, SHORT, A, B, N, cycle, table

import fastbp


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "220")


def zipped(text: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("inside.csv", text)
    return file.getvalue()


PLAIN = table()
QUOTED = table(name=[f'"Doe, ""J."" {i}"' for i in range(N)])
TRAINS: dict[str, tuple[str, str | bytes, tuple[str, ...], str]] = {
    # file name, content, options, what is printed of it
    "a name": ("t.csv", QUOTED, (), "name identifier no two cells are the same dropped"),
    "an id": ("t.csv", table(id=[*range(1, N + 1)]), (), "id identifier its name is 'id' dropped"),
    "rows that are counted": (
        "t.csv",
        table(nr=[*range(1, N + 1)]),
        (),
        "nr identifier its whole numbers count the rows",
    ),
    "an index without a name": ("t.csv", table(**{"": [*range(9, N + 9)]}), (), "identifier it has no name"),
    "ISO dates": (
        "t.csv",
        table(d=[f"2025-0{1 + i % 9}-1{i % 9}" for i in range(N)]),
        (),
        "d date every cell is a date",
    ),
    "dates that one cell decides": (
        "t.csv",
        table(d=cycle("03/04/2025", "17/04/2025")),
        (),
        "every cell is a date, day first",
    ),
    "dates of a format": (
        "t.csv",
        table(d=cycle("3.4.25", "7.4.25")),
        ("--date-format", "%d.%m.%y"),
        "a date, %d.%m.%y",
    ),
    "times": ("t.csv", table(d=cycle("12:30", "7:05")), (), "d time"),
    "a category": (
        "t.csv",
        table(c=cycle("red", "blue", "green")),
        (),
        "c category text of 3 levels 3 columns of 0 and 1",
    ),
    "codes": (
        "t.csv",
        table(zip=cycle("04103", "80331")),
        ("--kind", "zip=category"),
        "zip category as you say 2 columns",
    ),
    "rare levels": ("t.csv", table(c=[f"c{i % 9 if i % 7 else i}" for i in range(N)]), (), "c category text of"),
    "empty cells": ("t.csv", table(x=cycle("", 1.5, 2)), (), "x number every cell is a number 2 numbers"),
    "words for nothing": ("t.csv", table(x=cycle("NA", "?", "null", "None", "n/a", 1.5, 2)), (), "x number"),
    "a word of one's own": ("t.csv", table(x=cycle("-", 1.5, 2)), ("--missing", "-"), "x number"),
    "an empty column": ("t.csv", table(x=cycle("")), (), "x constant every cell is empty dropped"),
    "one value": ("t.csv", table(x=cycle(7)), (), "x constant every cell is the same dropped"),
    "a column twice": ("t.csv", table(x=list(A)), (), "x duplicate the same as 'a' dropped"),
    "TRUE and FALSE": ("t.csv", table(x=cycle("TRUE", "FALSE")), (), "x yes/no true or false 1 number"),
    "yes and no, some missing": ("t.csv", table(x=cycle("Yes", "no", "")), (), "x yes/no yes or no 2 numbers"),
    "decimal commas": ("t.csv", table(";", ","), (), "a number every cell is a number, with a decimal comma"),
    "thousands": ("t.csv", table(";", x=cycle("1,234", "1,234,567")), (), "x number every cell is a number 1 number"),
    "thousands that are told": ("t.csv", table(";", x=cycle("1,234", "5,678")), ("--decimal", "."), "x number"),
    "prices": (
        "t.csv",
        table(";", x=[f"${i * 7},50" for i in range(N)]),
        (),
        "would be numbers if they were written plainly",
    ),
    "long texts": (
        "t.csv",
        table(x=[f"some words {i % 55}" for i in range(N)]),
        (),
        "x text none of its 45 levels occurs 5 times dropped",
    ),
    "tabs": ("t.txt", table("\t"), (), "2 features"),
    "bars": ("t.csv", table("|"), (), "2 features"),
    "spaces": ("t.dat", table("   "), (), "2 features"),
    "carets": ("t.csv", table("^"), ("--delimiter", "^"), "2 features"),
    "single quotes": ("t.csv", table(quote="'"), ("--quote", "'"), "2 features"),
    "comments": ("t.csv", "# from the lab\n#\n" + PLAIN, (), "2 features"),
    "comments everywhere": ("t.csv", PLAIN.replace("\n", "\n% hm\n"), ("--comment", "%"), "2 features"),
    "a header that is a comment": ("t.csv", "# " + PLAIN, (), "a number"),
    "a line that names the mark": ("t.csv", "sep=;\n" + table(";"), (), "2 features"),
    "no header": ("t.csv", PLAIN.partition("\n")[2], ("--target", "2"), "0 number every cell is a number"),
    "Latin letters": ("t.csv", table(c=cycle("rosé", "weiß")).encode("cp1252"), ("--encoding", "cp1252"), "c category"),
    "UTF-16": ("t.csv", table(c=cycle("rosé", "weiß")).encode("utf-16"), (), "c category"),
    "a mark of the byte order": ("t.csv", "\ufeff" + PLAIN, (), "a number"),
    "gzip": ("t.csv.gz", gzip.compress(PLAIN.encode()), (), "2 features"),
    "bzip2": ("t.csv.bz2", bz2.compress(PLAIN.encode()), (), "2 features"),
    "xz": ("t.csv.xz", lzma.compress(PLAIN.encode()), (), "2 features"),
    "zip": ("t.zip", zipped(PLAIN), (), "2 features"),
    "several numbers to learn": ("t.csv", table(y=list(B)), ("--target", "a,b"), "2 target columns"),
    "targets with commas": (
        "t.csv",
        table(";", y=[f"{x};5".replace(";", ",") for x in range(N)]),
        ("--target", "y"),
        "1 target column",
    ),
    "truth as target": ("t.csv", table(q=cycle("TRUE", "FALSE")), ("--target", "q"), "2 classes"),
    "rows without a target": (
        "t.csv",
        table(q=cycle("yes", "no", "")),
        ("--target", "q", "--missing-targets", "ignore"),
        "32 samples to train on",
    ),
    "a column of errors, dropped": (
        "t.csv",
        table(x=[*A[1:], "oops"]),
        ("--drop", "x"),
        "x left out as you say dropped",
    ),
    "only some": ("t.csv", table(x=cycle("?")), ("--only", "a"), "b left out not among those to use dropped"),
}


@pytest.mark.parametrize("case", TRAINS)
def test_a_table_that_trains(case: str) -> None:
    """And whose model predicts the same from the file and from Python."""
    name, content, options, says = TRAINS[case]
    Path(name).write_bytes(content.encode() if isinstance(content, str) else content)
    target = () if "--target" in options else ("--target", "kind")
    printed = run("train", name, *target, *options, *SHORT)
    assert says in printed, printed
    reading = [part for flag in ("--encoding", "--delimiter", "--quote", "--comment") if flag in options
               for part in (flag, options[options.index(flag) + 1])]  # fmt: skip
    written = run("predict", "model.fastbp", name, *reading).split()
    model = fastbp.load("model.fastbp")
    how = {flag.strip("-"): value for flag, value in zip(reading[::2], reading[1::2], strict=True)}
    from fastbp.data.reading import read_table

    predicted = model.predict(read_table(name, **how))
    assert len(written) - 1 == len(predicted) == N
    assert written[1] == ",".join(map(str, np.atleast_1d(predicted[0])))


REFUSED: dict[str, tuple[str | bytes, tuple[str, ...], tuple[str, ...]]] = {
    "a comma that may be two things": (
        table(";", x=cycle("1,234", "5,678")),
        (),
        ("--decimal is not given", "'x'", "'1,234' in line 2", "--decimal , for 1.234", "--decimal . for 1234"),
    ),
    "a point and a comma": (
        table(";", x=cycle("1.5", "2,5")),
        (),
        ("'x'", "'1.5' in line 2", "'2,5' in line 3", "--kind x=category", "--drop x"),
    ),
    "a date that may be two": (table(d=cycle("03/04/2025")), (), ("same",)),
    "dates that may be two": (
        table(d=cycle("03/04/2025", "05/06/2025")),
        (),
        ("--date-format is not given", "'d'", "'03/04/2025' in line 2", "--date-format %d/%m/%Y"),
    ),
    "one error among numbers": (
        table(x=[*A[1:], "oops"]),
        (),
        ("--missing", "'oops'", "line 61", "'x'", "--missing oops", "--kind x=category", "--drop x"),
    ),
    "an infinite number": (table(x=[*A[1:], "inf"]), (), ("'inf' in line 61", "column 'x'", "--drop x")),
    "no number where one is said to be": (
        table(x=cycle("1", "b")),
        ("--kind", "x=number"),
        ("--kind says", "'x'", "'b' in line 3"),
    ),
    "a column that is not there": (PLAIN, ("--drop", "c"), ("--drop names the column 'c'", "'a', 'b'")),
    "a kind that is not there": (PLAIN, ("--kind", "a=nominal"), ("--kind says 'nominal'", "category")),
    "a kind of nothing": (PLAIN, ("--kind", "a"), ("--kind is 'a'", "--kind zip=category")),
    "no target in a row": (
        table(q=cycle("yes", "no", "")),
        ("--target", "q"),
        ("--missing-targets", "line 4", "'q'", "--missing-targets ignore"),
    ),
    "a target whose comma may be two things": (
        table(";", y=cycle("1,234", "5,678", "9,876")),
        ("--target", "y"),
        ("--decimal is not given", "'y'", "'1,234'"),
    ),
    "a line too long": (PLAIN + "1,2,3,4\n", (), ("4 cells in line 62", "--comment")),
    "letters of another encoding": (
        table(c=cycle("rosé")).encode("cp1252"),
        (),
        ("not text in UTF-8", "--encoding cp1252"),
    ),
    "two columns of one name": (PLAIN.replace("a,b", "a,a"), (), ("2 columns named 'a'", "Rename")),
    "nothing to learn from": ("x,kind\n" + "7,y\n7,n\n" * 9, (), ("no column to learn from", "'x': constant")),
    "a date format that is none": (PLAIN, ("--date-format", "dd/mm"), ("--date-format", "'dd/mm'")),
    "a decimal mark that is none": (PLAIN, ("--decimal", ";"), ("--decimal is ';'",)),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_table_that_is_refused(case: str) -> None:
    content, options, says = REFUSED[case]
    Path("t.csv").write_bytes(content.encode() if isinstance(content, str) else content)
    target = () if "--target" in options else ("--target", "kind")
    if says == ("same",):  # every cell is the same
        assert "d constant" in run("train", "t.csv", *target, *options, *SHORT)
        return
    printed = run("train", "t.csv", *target, *options, *SHORT, code=1)
    for part in says:
        assert part in printed, printed
    assert not Path("model.fastbp").exists()


def test_parquet_workbooks_and_json_lines() -> None:
    import polars

    frame = polars.DataFrame({"a": A, "c": cycle("x", "y", None), "d": cycle("2025-01-02", "2025-03-04"), "kind": KIND})
    frame = frame.with_columns(polars.col("d").str.to_date())
    frame.write_parquet("t.parquet")
    frame.write_ipc("t.arrow")
    frame.write_ndjson("t.jsonl")
    frame.write_csv("t.csv")
    Path("t.json").write_text("[" + ",".join(Path("t.jsonl").read_text().splitlines()) + "]")
    models = []
    for ending in ("parquet", "arrow", "jsonl", "json", "csv"):
        printed = run("train", f"t.{ending}", "--target", "kind", *SHORT)
        for says in ("a number", "c category text of 2 levels 3 columns of 0 and 1, ", "d date every cell is a date"):
            assert says in printed
        models.append(fastbp.load("model.fastbp"))
        assert models[-1].columns == models[0].columns
        assert run("predict", "model.fastbp", "t.parquet") == run("predict", "model.fastbp", f"t.{ending}")
    data = fastbp.read(frame, "kind")
    assert (data.X.names, data.classes) == (("a", "c", "d"), ("cheap", "dear"))
    np.testing.assert_array_equal(models[0].predict(frame), models[0].predict(frame.to_dict(as_series=False)))


def test_a_workbook() -> None:
    pytest.importorskip("fastexcel")
    from workbooks import workbook

    rows = [
        ["a", "c", "kind"],
        *([float(a), c, str(k)] for a, c, k in zip(A, cycle("x", "y", None), KIND, strict=True)),
    ]
    Path("t.xlsx").write_bytes(workbook({"first": [["nothing"], ["here"]], "data": rows}))
    printed = run("train", "t.xlsx", "--target", "kind", "--sheet", "data", *SHORT)
    assert "c category text of 2 levels 3 columns of 0 and 1" in printed
    assert len(run("predict", "model.fastbp", "t.xlsx", "--sheet", "data").split()) == N + 1
    assert "cannot be read as a workbook" in run("train", "t.xlsx", "--target", "kind", "--sheet", "none", code=1)
    assert "--sheet is 'x'" not in run("train", "t.xlsx", "--target", "kind", code=1)


def test_standard_input() -> None:
    Path("t.csv").write_text(PLAIN)
    run("train", "-", "--target", "kind", *SHORT, stdin=gzip.compress(PLAIN.encode()))
    assert run("predict", "model.fastbp", "-", stdin=PLAIN.encode()) == run("predict", "model.fastbp", "t.csv")
    printed = run("train", "-", "--target", "kind", *SHORT, stdin=(PLAIN + "1,2\n").encode(), code=1)
    assert "'-' has 2 cells in line 62" in printed


@pytest.mark.parametrize("missing", ["polars", "fastexcel"])
def test_what_is_not_installed_is_named(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, missing, None)
    Path("t.parquet").write_bytes(b"PAR1" + bytes(9))
    Path("t.xls").write_bytes(b"\xd0\xcf\x11\xe0" + bytes(9))
    printed = run("train", "t.parquet" if missing == "polars" else "t.xls", "--target", "kind", code=1)
    assert 'pip install "fastbp[tables]"' in printed
    Path("t.csv").write_text(table(c=cycle("x", "y")))
    run("train", "t.csv", "--target", "kind", *SHORT)
