"""What the command line counts and shows, by hand."""

from __future__ import annotations

import numpy as np
from rich.console import Console

from fastbp.cli.plot import worst_mistakes
from fastbp.cli.report import class_table, confusion

KNOWN, DECIDED = np.array([0, 0, 0, 1, 1, 2]), np.array([0, 1, 1, 1, 2, 2])


def test_rows_are_what_is_and_columns_what_is_decided() -> None:
    assert confusion(KNOWN, DECIDED, 3).tolist() == [[1, 2, 0], [0, 1, 1], [0, 0, 1]]


def test_the_table_of_classes() -> None:
    console = Console(width=120)
    with console.capture() as capture:
        console.print(class_table(confusion(KNOWN, DECIDED, 3), ["ant", "bee", "cow"]))
    rows = {line.split()[0]: line.split()[1:] for line in capture.get().splitlines()}
    assert rows["ant"] == ["100.0%", "33.3%", "50.0%", "3", "bee", "(2)"]
    assert rows["bee"] == ["33.3%", "50.0%", "40.0%", "2", "cow", "(1)"]
    assert rows["cow"] == ["50.0%", "100.0%", "66.7%", "1"]


def test_the_worst_mistakes_are_the_most_certain() -> None:
    out = np.array([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8], [0.3, 0.7]])
    known, decided = np.array([0, 0, 0, 0]), out.argmax(axis=1)
    assert worst_mistakes(out, known, decided, 2).tolist() == [2, 3]
    single = np.array([[0.9], [0.1], [0.45]])
    assert worst_mistakes(single, np.array([0, 1, 1]), np.array([1, 0, 0]), 3).tolist() == [0, 1, 2]
