"""Values come from a submission as data, within bounds, and never as code."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from fastbp.teach.grading.values import DEEPEST, Damaged, Writer
from fastbp.teach.grading.values import read as read_value


def test_values_travel_as_data() -> None:
    import math
    from fractions import Fraction

    sent = [
        1, -2.5, True, None, "text", (1, [2.0]), {1: np.arange(3.0), "b": np.float32(0.1)}, np.eye(2, dtype=">f4"),
        np.bool_(True), 1j, math.inf, Fraction(1, 2), np.array(["a", 1], object), ..., 2**80, {1, 2}.__class__,
    ]  # fmt: skip
    writer = Writer()
    found = [read_value(json.loads(json.dumps(writer.write(one))), lambda number: f"function {number}") for one in sent]
    assert found[:6] == sent[:6]
    assert type(found[5]) is tuple
    assert found[6][1].tolist() == [0, 1, 2]
    assert found[6]["b"].dtype == np.float32
    assert found[7].tolist() == [[1, 0], [0, 1]]
    assert found[10] == math.inf
    assert found[12] == ["a", 1]
    assert found[13] is ...
    assert repr(found[14]).startswith("a whole number")
    assert found[15] == "function 0"
    assert [*read_value(writer.write(iter([1, 2])))] == [1, 2]


@pytest.mark.parametrize(
    "forged",
    [
        {"array": ["|O", [1], ""]},
        {"array": ["<f8", [10**9], "AAAA"]},
        {"array": ["<f8", [-1], ""]},
        {"array": ["<f8", [1], "!!"]},
        {"function": 0},
        {"text": 1},
        {"dict": [[{"list": []}, 1]]},
        {"float": "0x1"},
        {"list": 3},
        [1],
        {},
        {"pickle": "gASVAA=="},
    ],
)
def test_forged_values_are_refused(forged: Any) -> None:
    with pytest.raises(Damaged):
        read_value(forged)


def test_values_have_bounds() -> None:
    deep: Any = 1.0
    for _ in range(DEEPEST + 2):
        deep = [deep]
    with pytest.raises(ValueError, match="nested"):
        Writer().write(deep)
    with pytest.raises(ValueError, match="bytes"):
        Writer().write(np.zeros(10**6))
    endless = iter(int, 1)
    with pytest.raises(ValueError, match="bytes"):
        Writer().write(endless)
