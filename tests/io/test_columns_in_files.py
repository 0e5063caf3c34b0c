"""What is known of a table's columns, in model files: whole after saving, and never believed."""

from __future__ import annotations

import json

import numpy as np
import pytest
from effort import examples
from hypothesis import given, settings
from hypothesis import strategies as st

import fastbp
from fastbp.data.columns import Columns
from fastbp.errors import LoadError
from fastbp.io.container import pack
from fastbp.io.model_file import Contents, _described

N = 40
TABLE = {
    "v": [f"{i % 7},5" if i % 9 else "" for i in range(N)],
    "c": ["a b c".split()[i % 3] for i in range(N)],
    "d": [f"{1 + i % 12:02}/{1 + i % 28:02}/2024" for i in range(N)],
    "q": ["yes" if i % 2 else "no" for i in range(N)],
    "t": [f"{i % 24}:15" for i in range(N)],
    "name": [f"n{i}" for i in range(N)],
}
COLUMNS = Columns.learn(TABLE)
MODEL = fastbp.Model(fastbp.Network([COLUMNS.n_features, 3, 1], seed=0), columns=COLUMNS)


def written(path, change) -> None:
    description, tensors = _described(MODEL.contents())
    description = json.loads(json.dumps(description))
    change(description)
    path.write_bytes(b"".join(bytes(part) for part in pack(description, tensors)))


def test_columns_are_part_of_the_model_file(tmp_path) -> None:
    assert [column.kind for column in COLUMNS.found] == ["number", "category", "date", "yes/no", "time", "identifier"]
    MODEL.save(tmp_path / "m.fastbp")
    model = fastbp.load(tmp_path / "m.fastbp")
    assert isinstance(model, fastbp.Model)
    assert model.columns == COLUMNS
    assert model.features == ("v", "c", "d", "q", "t")
    np.testing.assert_array_equal(model.predict(TABLE), MODEL.predict(TABLE))
    model.save(tmp_path / "again.fastbp")
    assert (tmp_path / "again.fastbp").read_bytes() == (tmp_path / "m.fastbp").read_bytes()
    several = fastbp.Ensemble([MODEL.net, MODEL.net])
    fastbp.save(fastbp.Model(several, columns=COLUMNS), tmp_path / "e.fastbp")
    assert fastbp.load(tmp_path / "e.fastbp").columns == COLUMNS
    bare = Contents(fastbp.Network([2, 2], meta={"target": ["a", "b"]}, seed=0))
    assert _described(bare)[0]["format_version"] == 4  # several targets, which no earlier version knows


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda d: d.update(columns={"columns": []}), "columns, missing and numbered are needed"),
        (lambda d: d.update(columns=7), "needed"),
        (lambda d: d.update(format_version=3), "description must hold"),
        (lambda d: d["columns"]["columns"].pop(0), "features for"),
        (lambda d: d["columns"]["columns"].append({"name": "v", "kind": "number"}), "two columns have the same name"),
        (lambda d: d["columns"]["columns"][2].update(date_format="%Q"), "date format '%Q'"),
        (lambda d: d["columns"]["columns"][3].update(words=["yes"]), "two are needed"),
        (lambda d: d["columns"]["columns"][0].update(std=0), "above 0"),
        (lambda d: d["columns"]["columns"][0].update(kind="pickle"), "known are number, yes/no"),
        (lambda d: d["meta"].update(features=["f"] * d["sizes"][0]), "features in meta"),
        (lambda d: d.update(steps=None), "no steps"),
    ],
)
def test_columns_that_cannot_be(tmp_path, change, says: str) -> None:
    written(tmp_path / "m.fastbp", change)
    with pytest.raises(LoadError, match=says):
        fastbp.load(tmp_path / "m.fastbp")


@settings(max_examples=examples(150), deadline=None)
@given(
    st.integers(0, 5),
    st.sampled_from(sorted({key for column in COLUMNS.found for key in column.described()} | {"other", "same_as"})),
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=6)
    | st.lists(st.text(max_size=3), max_size=4),
)
def test_any_value_of_a_column_loads_or_is_refused(tmp_path_factory, i: int, key: str, value: object) -> None:
    """And what loads predicts, or says which cell does not fit."""
    path = tmp_path_factory.mktemp("m") / "m.fastbp"
    written(path, lambda description: description["columns"]["columns"][i].update({key: value}))
    try:
        model = fastbp.load(path)
    except LoadError:
        return
    problem = ""
    try:
        model.predict(TABLE)
    except ValueError as error:
        problem = str(error)
    assert not problem or "column" in problem or "finite" in problem
