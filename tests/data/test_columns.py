"""Kinds of columns, and the matrices that they become, against values worked out by hand."""

from __future__ import annotations

import datetime
import json
import math

import numpy as np
import pandas as pd
import polars as pl
import pytest

from fastbp.data.columns import Column, Columns, Table, dates


def kind_of(cells, name: str = "x", **options) -> Column:
    """What is found of one column, beside one that is always used."""
    n = len(cells)
    table = {name: cells, "other number": np.linspace(0.5, 7.25, n) ** 2}
    return Columns.learn(table, **options).found[0]


def cycle(*cells, n: int = 40) -> list:
    return [cells[i % len(cells)] for i in range(n)]


@pytest.mark.parametrize(
    ("cells", "name", "kind"),
    [
        (cycle("1.5", "2", "-3e-1"), "x", "number"),
        (cycle("1.5", "", "NA", "?", "-3e-1"), "x", "number"),
        (cycle(1.5, math.nan, 2.5), "x", "number"),
        (cycle("3,5", "12", "1.234,5"), "x", "number"),
        (cycle("1,234", "1,234,567"), "x", "number"),
        (cycle("1 234", "7"), "x", "number"),
        (cycle("yes", "No"), "x", "yes/no"),
        (cycle("TRUE", "FALSE", ""), "x", "yes/no"),
        (cycle("0", "1"), "x", "yes/no"),
        (cycle(0.0, 1.0), "x", "yes/no"),
        (cycle(True, False), "x", "yes/no"),
        (cycle("yes", "false"), "x", "category"),
        (cycle("red", "green", "blue"), "x", "category"),
        (cycle("0", "1", "2", "3+"), "x", "category"),
        (cycle("2025-03-04", "2025-11-30T12:30"), "x", "date"),
        (cycle("13/04/2025", "03/04/2025"), "x", "date"),
        (cycle("04.13.2025", "03.04.2025"), "x", "date"),
        (cycle(datetime.date(2025, 3, 4), datetime.date(2025, 3, 9), None), "x", "date"),
        (cycle("12:30", "23:59:59"), "x", "time"),
        ([f"name {i}" for i in range(40)], "x", "identifier"),
        ([f"text {i}" for i in range(60)] * 2, "x", "text"),
        ([str(i + 7) for i in range(40)], "x", "identifier"),
        ([i for i in range(100) if i % 3], "x", "identifier"),
        ([float(i) for i in range(40)], "x", "number"),
        ([f"{i}.0" for i in range(40)], "x", "number"),
        ([i * i for i in range(40)], "x", "number"),
        (cycle("4", "8", "9"), "shop_id", "identifier"),
        (cycle("4", "8", "9"), "Unnamed: 0", "identifier"),
        (cycle("4", "8", "9"), "Index", "identifier"),
        (cycle(1.5, 2.5), "id", "number"),
        (cycle("4", "8", "9"), "width", "number"),
        (cycle("a"), "x", "constant"),
        (cycle("", "NA"), "x", "constant"),
        (cycle("7", "7.0"), "x", "constant"),
        (cycle("a", ""), "x", "category"),
    ],
)
def test_kinds(cells, name: str, kind: str) -> None:
    found = kind_of(cells, name)
    assert (found.kind, bool(found.why)) == (kind, True)
    assert found.is_used == (kind in ("number", "yes/no", "category", "date", "time"))


def test_many_levels_are_text_unless_there_are_very_many_rows() -> None:
    cells = [f"t{i % 60}" for i in range(1500)]
    assert kind_of(cells[:1100]).kind == "text"
    assert kind_of(cells[:1200]).kind == "category"


def test_levels_that_are_rare_and_those_never_seen_are_one() -> None:
    columns = Columns.learn({"c": ["b"] * 5 + ["a"] * 6 + ["rare"] * 4 + [""]})
    assert columns.found[0].levels == ("a", "b")
    numbers, codes = columns.values({"c": ["a", "b", "rare", "never", None, "NA"]})
    assert numbers.shape == (6, 0)
    np.testing.assert_array_equal(codes[:, 0], [2, 3, 1, 1, 0, 0])
    assert columns.n_levels == (4,)
    assert columns.feature_names == ("c = a", "c = b", "c is another", "c is missing")
    np.testing.assert_array_equal(
        columns.encode({"c": ["a", "b", "rare", "never", None]}),
        [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 1, 0], [0, 0, 0, 1]],
    )


def test_a_number_is_scaled_and_a_missing_one_is_the_median() -> None:
    columns = Columns.learn({"v": ["1", "2", "", "9"], "w": [1.0, 2.0, 4.0, 5.0]})
    assert columns.number_names == ("v", "v is missing", "w")
    numbers, _ = columns.values({"w": ["3", ""], "v": [None, 5]})
    np.testing.assert_array_equal(numbers, [[math.nan, 1, 3], [5, 0, math.nan]])
    std = math.sqrt(((1 - 4) ** 2 + (2 - 4) ** 2 + (9 - 4) ** 2) / 3)
    deviation = math.sqrt((4 + 1 + 1 + 4) / 4)
    np.testing.assert_allclose(
        columns.encode({"v": [None, 5], "w": ["3", ""]}), [[(2 - 4) / std, 1, 0], [1 / std, 0, 0]], atol=1e-15
    )
    assert columns.found[1].std == deviation


def test_dates_are_days_and_what_comes_round_again() -> None:
    columns = Columns.learn({"d": ["2025-01-06", "2025-07-07T18:00", "2025-01-09"]})
    assert columns.number_names[:2] == ("d", "d: month sin")
    numbers, _ = columns.values({"d": ["2025-04-01 06:00", None]})
    # 2025-04-01 is a Tuesday, 85 days after 2025-01-06.
    expected = [85.25, 1, 0, math.sin(2 * math.pi / 7), math.cos(2 * math.pi / 7), 1, 0]
    np.testing.assert_allclose(numbers[0], expected, atol=1e-12)
    assert np.isnan(numbers[1]).all()
    assert np.isfinite(columns.encode({"d": [None]})).all()


def test_a_date_means_the_same_however_it_is_held() -> None:
    text = ["2025-01-06", "2025-07-07", "2024-12-31"]
    frames = [
        {"d": text},
        {"d": np.array(text, "datetime64[D]")},
        pd.DataFrame({"d": pd.to_datetime(text)}),
        pl.DataFrame({"d": text}).with_columns(pl.col("d").str.to_date()),
        {"d": ["06/01/2025", "07/07/2025", "31/12/2024"]},
        {"d": [datetime.datetime.fromisoformat(t + "T00:00:00+00:00") for t in text]},
    ]
    expected = Columns.learn(frames[0]).values(frames[0])[0]
    for frame in frames[1:]:
        np.testing.assert_array_equal(Columns.learn(frame).values(frame)[0], expected)
    np.testing.assert_array_equal(Columns.learn(frames[0]).values(frames[3])[0], expected)


@pytest.mark.parametrize(
    ("cells", "parameter", "says"),
    [
        (cycle("1,234", "5,678"), "decimal", "'1,234' in row 0, counting from 0 may be 1.234 or 1234"),
        (cycle("1.5", "2,5"), "decimal", "a comma for '2,5'"),
        (cycle("03/04/2025", "05/06/2025"), "date_format", "'03/04/2025'"),
        (cycle("13/04/25", "05/06/25"), "date_format", "'13/04/25'"),
        ([*map(str, np.linspace(0, 1, 99)), "oops"], "missing", "'oops', which is in row 99"),
        ([*(f"2025-01-{d:02}" for d in range(1, 31)), "soon"], "missing", "'soon'"),
    ],
)
def test_what_may_mean_two_things_is_refused(cells, parameter: str, says: str) -> None:
    with pytest.raises(ValueError, match=parameter) as caught:
        kind_of(cells)
    assert caught.value.__dict__["parameter"] == parameter
    assert says in str(caught.value)
    assert "'x'" in str(caught.value)


def test_and_taken_as_it_is_said() -> None:
    assert kind_of(cycle("1,234", "5,678"), decimal=",").mean == pytest.approx(3.456)
    assert kind_of(cycle("1,234", "5,678"), decimal={"x": "."}).mean == pytest.approx(3456)
    assert kind_of(cycle("1.234", "5.678"), decimal=",").mean == pytest.approx(3456)
    day = kind_of(cycle("03/04/2025", "05/06/2025"), date_format="%d/%m/%Y")
    assert datetime.datetime.fromtimestamp(day.first / 1e6, datetime.UTC).month == 4
    oops = [*map(str, np.linspace(0, 1, 99)), "oops"]
    assert kind_of(oops, missing=["oops"]).n_missing == 1
    assert kind_of(cycle(4.0, 8.5, -999.0), missing=["-999"]).mean == pytest.approx(6.25, abs=0.1)
    assert kind_of(cycle("04", "4", "08"), kinds={"x": "category"}).levels == ("04", "08", "4")
    assert kind_of(cycle(4, 8), kinds={"x": "category"}).levels == ("4", "8")
    assert kind_of(cycle("male", "female"), kinds={"x": "yes/no"}).words == ("female", "male")
    assert kind_of(cycle("4", "8"), "id", kinds={"id": "number"}).kind == "number"
    assert kind_of(cycle("4", "8"), drop=["x"]).kind == "left out"
    assert kind_of(cycle("4", "8"), only=["other number"]).kind == "left out"
    with pytest.raises(ValueError, match="of kind 'number'; 'b' in row 1"):
        kind_of(cycle("4", "b"), kinds={"x": "number"})
    with pytest.raises(ValueError, match=r"no such column: it has 'x', 'other number'"):
        kind_of(cycle("4", "b"), kinds={"y": "number"})
    with pytest.raises(ValueError, match="inf"):
        kind_of(cycle("4", "inf"))
    with pytest.raises(ValueError, match="no column to learn from: 'a': constant"):
        Columns.learn({"a": [1, 1]})


def test_one_of_two_equal_columns_is_dropped() -> None:
    c = cycle("a", "b", "b")
    columns = Columns.learn({"v": ["1", "2.5"] * 20, "w": [1.0, 2.5] * 20, "c": c, "d": c, "e": cycle("a", "b", "a")})
    assert [column.kind for column in columns.found] == ["number", "duplicate", "category", "duplicate", "category"]
    assert columns.found[1].same_as == "v"


def test_columns_through_json() -> None:
    table = {
        "v": cycle("1,5", "2", ""),
        "c": cycle("a", "b", None),
        "d": cycle("2025-03-04", "2025-11-30T12:30"),
        "q": cycle("yes", "no", ""),
        "t": cycle("12:30", "1:00"),
        "name": [f"n{i}" for i in range(40)],
    }
    columns = Columns.learn(table, missing=["-"])
    again = Columns.from_described(json.loads(json.dumps(columns.described())))
    assert again == columns
    np.testing.assert_array_equal(again.encode(table), columns.encode(table))
    described = columns.described()
    for change in (
        {"kind": "letters"},
        {"std": 0.0},
        {"std": -1.0},
        {"median": math.inf},
        {"levels": ["a", "a"]},
        {"levels": "a"},
        {"more": 1},
        {"n_missing": 1.5},
        {"decimal": "x"},
    ):
        damaged = {**described, "columns": [{**described["columns"][0], **change}, *described["columns"][1:]]}
        with pytest.raises(ValueError, match="column"):
            Columns.from_described(damaged)


def test_columns_are_found_by_name() -> None:
    columns = Columns.learn({"v": [1.5, 2.5, 4.0], "w": [1.0, 3.0, 9.5]})
    wanted = columns.encode({"v": [1.5], "w": [9.5]})
    np.testing.assert_array_equal(columns.encode(pl.DataFrame({"w": [9.5], "u": ["?"], "v": [1.5]})), wanted)
    np.testing.assert_array_equal(columns.encode(np.array([[1.5, 9.5]])), wanted)
    with pytest.raises(ValueError, match="no column 'w', one of 1 that are missing"):
        columns.encode(pd.DataFrame({"v": [1.0]}))
    with pytest.raises(ValueError, match="needs a number there"):
        columns.encode({"v": ["x"], "w": [1.0]})
    with pytest.raises(ValueError, match="3 columns without names"):
        columns.encode(np.ones((1, 3)))


def test_a_number_that_was_0_or_1_may_be_another_later() -> None:
    columns = Columns.learn({"x": [0, 1] * 20, "y": cycle("no", "yes", "no")})
    new = {"x": ["2", "0", "1.0", "-0.5", "true"], "y": ["yes"] * 5}
    assert columns.encode(new)[:, 0].tolist() == [2, 0, 1, -0.5, 1]
    assert columns.encode({"x": [3, 0], "y": ["no", "no"]})[:, 0].tolist() == [3, 0]
    with pytest.raises(ValueError, match=r"'often' in row 0.*needs '0' or '1' there"):
        columns.encode({"x": ["often"], "y": ["no"]})
    with pytest.raises(ValueError, match=r"'inf' in row 0.*must be finite"):
        columns.encode({"x": ["inf"], "y": ["no"]})
    with pytest.raises(ValueError, match=r"'2' in row 0.*needs 'no' or 'yes' there"):
        columns.encode({"x": ["1"], "y": ["2"]})


def test_the_same_columns_of_every_kind_of_table() -> None:
    rows = {"v": [1.5, None, 3.0] * 9, "c": ["a", "b", None] * 9, "k": [1, 2, 4] * 9, "q": [True, False, None] * 9}
    text = {name: ["" if cell is None else str(cell) for cell in cells] for name, cells in rows.items()}
    expected = Columns.learn(text)
    for frame in (rows, pd.DataFrame(rows), pd.DataFrame(rows).convert_dtypes(), pl.DataFrame(rows)):
        columns = Columns.learn(frame)
        assert [column.kind for column in columns.found] == ["number", "category", "number", "yes/no"]
        np.testing.assert_array_equal(columns.encode(frame), expected.encode(text))
        np.testing.assert_array_equal(expected.encode(frame), expected.encode(text))


def test_tables() -> None:
    table = Table.of({"a": [1, 2, 3], "b": ["x", None, "z"]})
    assert (table.names, table.n_rows, table.shape) == (("a", "b"), 3, (3, 2))
    assert table.rows(np.array([2, 0]))["b"].tolist() == ["z", "x"]
    assert table.without(["a"]).names == ("b",)
    with pytest.raises(ValueError, match="2 cells in column 'b'"):
        Table({"a": [1, 2, 3], "b": [1, 2]})
    with pytest.raises(ValueError, match="2 columns named 'a'"):
        Table.of(pd.DataFrame([[1, 2]], columns=["a", "a"]))
    with pytest.raises(TypeError, match="columns are needed"):
        Table.of(3)
    with pytest.raises(TypeError, match="has a list in row 1"):
        Columns.learn({"a": [1, [2]], "b": [1.5, 2.5]})
    with pytest.raises(TypeError, match="complex"):
        Table({"a": np.ones(2, complex)})


def test_plain_dates_are_read_all_at_once_with_the_instants_of_each() -> None:
    """Some cells that are one day, or one second, too many among them."""
    rng = np.random.default_rng(0)
    read = 0
    for trial in range(600):
        year, month, day = rng.integers((0, 1, 1), (10_000, 13, 30), (4, 3)).T
        hour, minute, second = rng.integers(0, (24, 60, 60), (4, 3)).T
        if trial % 3 == 0:
            month[0], day[0], hour[0], second[0] = rng.integers((0, 0, 22, 58), (14, 34, 26, 62))
        form = ("{:04}-{:02}-{:02}", "{:04}-{:02}-{:02} {:02}:{:02}", "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}")[trial % 3]
        cells = [form.format(*parts) for parts in zip(year, month, day, hour, minute, second, strict=True)]
        if trial % 7 == 0:
            cells[1] = cells[1][: trial % 10] + "x" + cells[1][trial % 10 + 1 :]
        at_once = dates.instants_in(cells, dates.ISO)
        each = [dates.instant_of(cell, dates.ISO) for cell in cells]
        assert (at_once is None) == (None in each)
        if at_once is not None:
            read += 1
            assert at_once.tolist() == each
    assert 100 < read < 580
