"""Text that is split by NumPy has the cells that Python's reader finds, and only plain text is split so."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fastbp.data import blocks, text
from fastbp.data.dialects import Dialect
from fastbp.errors import LoadError

PIECES = (
    *("a", "1.5", "", " ", '"', '""', "\n", "\r\n", ",", ";", "x,y", '"q"', '"p, q"', '"two\nlines"', '"two\r\nlines"'),
    *(" b", "c ", "ü", "\u2003", "\ufeff", "\t", "#", "\r", "\0", "long" * 20, '"ü\n"'),
)


def read(path: Path) -> Any:
    try:
        return text.read_text(str(path), Dialect())
    except LoadError as error:
        return str(error)


def assert_same(a: Any, b: Any) -> None:
    if isinstance(a, str) or isinstance(b, str):
        assert a == b
        return
    assert a.names == b.names
    np.testing.assert_array_equal(a.lines, b.lines)
    for one, other in zip(a.columns, b.columns, strict=True):
        assert one.dtype == other.dtype
        assert one.tolist() == other.tolist()


@pytest.mark.parametrize("size", [24, 1 << 24])
def test_cells_are_those_of_pythons_reader(size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows of few cells in all sorts of disorder: some are plain, others are not, and what is read is the same."""
    monkeypatch.setattr(blocks, "SIZE", size)
    by_blocks = text._of_blocks
    plain = []

    def noted(*given: Any) -> Any:
        found = by_blocks(*given)
        plain.append(found is not None)
        return found

    rng, path = np.random.default_rng(size), tmp_path / "t.csv"
    for trial in range(400):
        common = [*PIECES[: int(rng.integers(1, len(PIECES) + 1))]]
        n, end = int(rng.integers(1, 4)), rng.choice(["\n", "\r\n"])
        cells = [c for c in common if c not in (",", ";", '"', "\n", "\r\n", "\r")] or ["a"]
        rows = [",".join(rng.choice(cells, n).tolist()) for _ in range(int(rng.integers(1, 9)))]
        if trial % 2:  # anything anywhere
            rows.insert(int(rng.integers(len(rows) + 1)), "".join(rng.choice(common, int(rng.integers(4))).tolist()))
        path.write_bytes((end.join(rows) + rng.choice(["", end])).encode())
        monkeypatch.setattr(text, "_of_blocks", noted)
        found = read(path)
        monkeypatch.setattr(text, "_of_blocks", lambda *_: None)
        assert_same(found, read(path))
    assert 100 < sum(plain) < len(plain) - 50


@pytest.mark.parametrize(
    "raw",
    [
        b"a,b\n1,2\n\n3,4\n , \n5,6",
        b'a,b\r\n"x\r\ny", 2\r\n3,"4"\r\n',
        b"\xef\xbb\xbfa;b\n1;2\n3;4\n",
        b"# note\nsize,kind\n1,x\n2,y\n",
        b"sep=;\nsize;kind\n1;x\n2;y\n",
        b"size\n1\n\n2\n",
    ],
)
def test_these_are_plain(raw: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(raw)
    monkeypatch.setattr(text, "_columns", lambda *_: pytest.fail("read row by row"))
    found = read(path)
    monkeypatch.undo()
    monkeypatch.setattr(text, "_of_blocks", lambda *_: None)
    assert_same(found, read(path))


@pytest.mark.parametrize(
    "raw",
    [b'a,b\n5" pipe,2\n', b'a,b\n"x""y",2\n', b"a,b\n1,2\rc,d\n", b"a,b\nx\0y,2\n", b'a,b\n"x" ,2\n', b"a,b\n\xff,2\n"],
)
def test_these_are_not(raw: bytes) -> None:
    assert list(blocks.blocks(io.BytesIO(raw), ",", 2))[-1] is None


def test_lines_before_the_table_that_end_otherwise(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(b"#\r#\na,b\n1,2\n")
    assert read(path).lines.tolist() == [4]


def test_a_cell_or_a_line_that_is_too_long_is_for_pythons_reader() -> None:
    assert list(blocks.blocks(io.BytesIO(b"a,b\n" + b"x" * 131_073 + b",2\n"), ",", 2))[-1] is None
