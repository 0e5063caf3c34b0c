"""Tables of other formats: Parquet, Arrow, workbooks, read by polars, and JSON lines."""

from __future__ import annotations

import importlib.util
import io
import json
from collections.abc import Callable
from typing import Any

import numpy as np

from fastbp.data.compressed import content
from fastbp.data.dialects import Dialect
from fastbp.data.text import Columns
from fastbp.errors import LoadError, argument_error

BINARY = {
    b"PAR1": "parquet",
    b"ARROW1": "arrow",
    b"\xd0\xcf\x11\xe0": "workbook",
}
"""First bytes of files that polars reads; newer workbooks are zip archives."""
WORDS = {"parquet": "a Parquet file", "arrow": "an Arrow file", "workbook": "a workbook"}


def read_binary(path: str, kind: str, dialect: Dialect) -> Columns:
    """The columns of a file that polars reads."""
    polars = _polars(path, kind)
    readers: dict[str, Callable[..., Any]] = {
        "parquet": polars.read_parquet,
        "arrow": polars.read_ipc,
        "workbook": polars.read_excel,
    }
    options: dict[str, Any] = {}
    if kind == "workbook":
        _require_fastexcel(path)
        options = {"infer_schema_length": None, "engine": "calamine"}
        if dialect.sheet is not None:
            options["sheet_name"] = dialect.sheet
        if dialect.header is False:
            options["has_header"] = False
    elif dialect.sheet is not None:
        raise argument_error("sheet", f"is {dialect.sheet!r}; {path!r} is {WORDS[kind]} without sheets. Leave it out.")
    with open(path, "rb") as file:
        stream = io.BytesIO(file.read())
    try:
        frame = readers[kind](stream, **options)
    except MemoryError:
        raise
    except BaseException as error:  # a panic of the reader is no Exception
        if isinstance(error, KeyboardInterrupt | SystemExit | GeneratorExit):
            raise
        raise LoadError(
            f"{path!r} cannot be read as {WORDS[kind]}: {str(error)[:200]}. Copy it again, or save it as .csv."
        ) from None
    if not frame.width or not frame.height:
        raise LoadError(f"{path!r} has no rows. Pass a table with at least one.")
    if dialect.header is False:
        return Columns(path, [str(j) for j in range(frame.width)], frame.get_columns(), False)
    return Columns(path, list(frame.columns), frame.get_columns(), True)


def _polars(path: str, kind: str) -> Any:
    try:
        import polars
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"{path!r} is {WORDS[kind]}, which polars reads; it is not installed. Install it with pip install "
            '"fastbp[tables]", or save the table as .csv.',
            name=error.name,
        ) from None
    return polars


def _require_fastexcel(path: str) -> None:
    if importlib.util.find_spec("fastexcel") is None:
        raise ModuleNotFoundError(
            f"{path!r} is a workbook, which polars reads with fastexcel; it is not installed. Install it with pip "
            'install "fastbp[tables]", or save the sheet as .csv.',
            name="fastexcel",
        )


def read_json(path: str, dialect: Dialect) -> Columns:
    """The columns of a file with one JSON object in each line, or one list of them."""
    raw = content(path).getvalue()
    try:
        text = raw.decode(dialect.encoding_of(raw[:4]))
    except UnicodeDecodeError as error:
        raise LoadError(f"{path!r} is not text in UTF-8: {error}. Pass the encoding that it has.") from None
    if text.lstrip().startswith("["):
        rows, lines = _parsed(path, text, 1), None
    else:
        numbered = [(i, line) for i, line in enumerate(io.StringIO(text), 1) if line.strip()]
        rows, lines = [_parsed(path, line, i) for i, line in numbered], np.array([i for i, _ in numbered], np.int64)
    names: dict[str, None] = {}
    for i, row in enumerate(rows):
        if not isinstance(row, dict):
            place = f"item {i}, counting from 0" if lines is None else f"line {lines[i]}"
            raise LoadError(f"{path!r} has a {type(row).__name__} in {place}; each row must be an object, {{...}}.")
        names |= dict.fromkeys(row)
        for name, value in row.items():
            if isinstance(value, dict | list):
                place = f"item {i}, counting from 0" if lines is None else f"line {lines[i]}"
                raise LoadError(
                    f"{path!r} has a {'list' if isinstance(value, list) else 'mapping'} in {place}, column {name!r}; a "
                    "cell is a number, a text, true, false or null. Make columns of its parts, or remove it."
                )
    if not rows or not names:
        raise LoadError(f"{path!r} has no rows. Pass a table with at least one.")
    return Columns(path, list(names), [[row.get(name) for row in rows] for name in names], True, lines)


def _parsed(path: str, text: str, line: int) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        at = f"line {line + error.lineno - 1}: {error.msg}" if isinstance(error, json.JSONDecodeError) else str(error)
        raise LoadError(f"{path!r} cannot be read as JSON lines: {at}. Correct the line.") from None
