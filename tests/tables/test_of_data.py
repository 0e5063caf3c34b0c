"""The preset on what `fastbp.read` returns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import fastbp
from fastbp.tables import Recipe
from fastbp.tables.of_data import fit_data, held_out, suits

QUICK = Recipe(hidden=(6,), epochs=10, least_steps=1)


def _write(path: Path, header: str = "size,colour,price") -> Path:
    rng = np.random.default_rng(0)
    size, colour = rng.normal(50, 10, 90), rng.choice(["red", "green"], 90)
    price = size * 2 + (colour == "red") * 30
    lines = [f"{s:.2f},{c},{p:.2f}" for s, c, p in zip(size, colour, price, strict=True)]
    path.write_text("\n".join([header, *lines] if header else lines), encoding="utf-8")
    return path


def test_regression(tmp_path: Path) -> None:
    data = fastbp.read(_write(tmp_path / "homes.csv"), "price")
    assert suits(data)
    fitted = fit_data(data, n_members=2, recipe=QUICK)
    found = held_out(fitted, data)
    assert found is not None
    assert found.constant == pytest.approx(data.Y.std())
    assert found.loss < found.constant
    assert fitted.model().meta["target"] == "price"


def test_classification(tmp_path: Path) -> None:
    data = fastbp.read(_write(tmp_path / "homes.csv"), "colour")
    fitted = fit_data(data, n_members=2, recipe=QUICK)
    found = held_out(fitted, data)
    assert found is not None
    shares = np.bincount(data.Y) / len(data.Y)
    assert found.constant == pytest.approx(-(shares * np.log(shares)).sum())
    assert list(fitted.model().meta["classes"]) == ["green", "red"]


def test_what_it_is_not_made_for() -> None:
    assert not suits(fastbp.read("digits"))
