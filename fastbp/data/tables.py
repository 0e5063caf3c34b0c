"""Tables: which columns are features, targets, weights and groups, and what the targets' cells say.

A table without the columns asked for raises ``LoadError``, which names the columns.
"""

from __future__ import annotations

import collections
import os
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fastbp.data.cells import is_missing
from fastbp.data.columns import Table
from fastbp.data.columns.numbers import check_decimal
from fastbp.data.columns.plain import matrix_of
from fastbp.data.formats import Raw
from fastbp.data.targets import Task, from_text
from fastbp.data.text import Columns
from fastbp.errors import LoadError, argument_error

Array = npt.NDArray[Any]
Names = str | int | Sequence[str | int] | None


def arrange(
    held: Columns,
    target: Names = None,
    *,
    columns: Sequence[str] | None = None,
    drop: str | int | None = None,
    weight: str | int | None = None,
    group: str | int | None = None,
    task: Task | None = None,
    targets: bool = False,
    missing_targets: bool = False,
    decimal: Any = None,
) -> Raw:
    """The features of a table, and the targets if they are named, as ``task`` or their cells say; ``targets`` demands
    them.

    Columns are names or indices, negative ones from the end. ``columns`` are the features wanted, in this order, of a
    table with a header; None means all but the targets, the ``weight`` and ``group`` of the samples, and ``drop``, if
    it exists. With ``missing_targets`` a row without a target is left out, and one of several targets may be NaN.
    """
    check_decimal(decimal)
    path, names, header = held.where, held.names, held.header
    if targets and target is None:
        raise LoadError(f"{path!r} needs a target: it has {_have(names, header)}. Pass one of these as target.")
    if header and target is not None and columns is None:
        _refuse_doubles(path, names)
    ts = _targets(path, target, names, header)
    roles = {
        what: _find(path, what, name, names, header)
        for what, name in (("weight", weight), ("group", group))
        if name is not None
    }
    for what, j in roles.items():
        if j in ts or list(roles.values()).count(j) > 1:
            raise LoadError(f"{path!r} has one column for both target and {what}, {names[j]!r}. Name two columns.")
    others = {*ts, *roles.values(), _index(drop, names)}
    wanted = [j for j in range(len(names)) if j not in others]
    if columns is not None and header:
        wanted = _by_name(path, columns, names)
    if not wanted:
        raise LoadError(f"{path!r} has no column besides the target. Add at least one column.")
    whole = Table({str(j): column for j, column in enumerate(held.columns)}, where=repr(path), lines=held.lines)
    y = None
    if ts:
        y, kept = _targets_of(whole, ts, names, task, missing_targets, decimal)
        if kept is not None:
            whole = whole.rows(kept)
    features = whole.only([str(j) for j in wanted])
    X = matrix_of(features)
    labels = [names[j] for j in wanted]
    table = None
    if X is None or len(set(labels)) == len(labels):
        _refuse_doubles(path, labels)
        table = Table(
            {name: whole[str(j)] for name, j in zip(labels, wanted, strict=True)},
            where=repr(path),
            lines=whole.lines,
            numbered=not header,
        )
    told = None if not ts else names[ts[0]] if len(ts) == 1 else tuple(names[t] for t in ts)
    return Raw(
        path,
        os.path.basename(path),
        table if X is None else X,
        y,
        names=tuple(labels) if header else None,
        target=told,
        weight=_weights(whole, roles["weight"], names) if "weight" in roles else None,
        lines=() if whole.lines is None else whole.lines.tolist() if y is not None else (),
        table=table,
        group=_groups(whole, roles["group"], names) if "group" in roles else None,
    )


def table_of(held: Columns, where: str) -> Table:
    """All columns; of two with the same name, the second has its index behind it."""
    names: dict[str, Any] = {}
    for j, (name, column) in enumerate(zip(held.names, held.columns, strict=True)):
        names[f"{name} ({j})" if name in names else name] = column
    return Table(names, where=where, lines=held.lines, numbered=not held.header)


def _targets(path: str, target: Names, names: list[str], header: bool) -> list[int]:
    """Indices of the targets' columns; a text may name several, with commas between."""
    if target is None:
        return []
    given = [target] if isinstance(target, str | int) else list(target)
    if isinstance(target, str) and _index(target, names) is None and "," in target:
        given = [part.strip() for part in target.split(",")]
    found = [_find(path, "target", name, names, header) for name in given]
    if not found or len(set(found)) < len(found):
        raise argument_error("target", f"is {target!r}; different columns are needed. Pass their names.", LoadError)
    return found


def cells_of(values: Array) -> list[str]:
    """The cells of a column as text."""
    if values.dtype.kind == "S":
        raw = values.tolist()
        known = {cell: cell.decode().strip() for cell in set(raw)}
        return [known[cell] for cell in raw]
    if values.dtype.kind == "M":
        return ["" if cell == "NaT" else cell for cell in values.astype(str).tolist()]
    return ["" if cell is None or cell != cell else str(cell).strip() for cell in values.tolist()]


def _targets_of(
    table: Table, ts: list[int], names: list[str], task: Task | None, missing: bool, decimal: Any
) -> tuple[Array, Array | None]:
    """The targets, (n,) or (n, n_targets), and the rows that have any, or None for all."""
    parts: list[Array] = []
    absent = np.zeros((table.n_rows, len(ts)), bool)
    columns: list[Any] = []
    for k, t in enumerate(ts):
        values = table[str(t)]
        if values.dtype.kind in "biuf":
            absent[:, k] = np.isnan(values) if values.dtype.kind == "f" else False
            columns.append(values)
        else:
            cells = cells_of(values)
            nothing = {cell for cell in set(cells) if is_missing(cell)}
            absent[:, k] = [cell in nothing for cell in cells]
            columns.append(cells)
    if absent.any() and not missing:
        row, k = np.argwhere(absent)[0]
        raise argument_error(
            "missing_targets",
            f"is not given, and {table.where} has no value in {table.place(int(row))}, column {names[ts[k]]!r}, which "
            "is a target. Fill it in, remove the row, or pass missing_targets='ignore', which leaves it out.",
            LoadError,
        )
    kept = np.flatnonzero(~absent.all(axis=1)) if absent.all(axis=1).any() else None
    rows = np.arange(table.n_rows) if kept is None else kept
    if not rows.size:
        raise LoadError(f"{table.where} has no target in any row. Pass another target.")
    for k, column in enumerate(columns):
        mark = decimal.get(names[ts[k]]) if isinstance(decimal, dict) else decimal
        if isinstance(column, np.ndarray):
            parts.append(column[rows])
            continue
        there = [i for i in rows.tolist() if not absent[i, k]]
        alone: Task | None = "regression" if len(ts) > 1 else task
        found = from_text([column[i] for i in there], alone, mark, where=table.where, name=names[ts[k]])
        if len(ts) > 1 and found.dtype.kind == "U":
            i = next(i for i in there if not _is_number(column[i]))
            raise LoadError(
                f"{table.where} has {column[i][:40]!r} in {table.place(i)}, column {names[ts[k]]!r}; several targets "
                "must be numbers. Name one target, or others."
            )
        if len(there) < len(rows):
            full = np.full(len(rows), np.nan)
            full[~absent[rows, k]] = found
            found = full
        parts.append(found)
    return (parts[0] if len(parts) == 1 else np.stack([part.astype(np.float64) for part in parts], axis=1)), kept


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _weights(table: Table, j: int, names: list[str]) -> Array:
    """The weights of the samples."""
    values = table[str(j)]
    if values.dtype.kind in "biuf":
        return values.astype(np.float64)
    weights = np.empty(table.n_rows)
    for row, cell in enumerate(cells_of(values)):
        try:
            weights[row] = float(cell)
        except ValueError:
            raise argument_error(
                "weight",
                f"is column {names[j]!r}; {table.where} has {cell[:40]!r} in {table.place(row)}, and a number of at "
                "least 0 is needed. Correct the cell, or pass another column.",
                LoadError,
            ) from None
    return weights


def _groups(table: Table, j: int, names: list[str]) -> Array:
    """The number of each sample's group."""
    cells = cells_of(table[str(j)])
    for row, cell in enumerate(cells):
        if is_missing(cell):
            raise argument_error(
                "group",
                f"is column {names[j]!r}; {table.where} has no value in {table.place(row)}. Fill it in, or pass "
                "another column.",
                LoadError,
            )
    known: dict[str, int] = {}
    return np.array([known.setdefault(cell, len(known)) for cell in cells], np.int64)


def _have(names: list[str], header: bool) -> str:
    shown = ", ".join(repr(name) for name in names[:12]) + (", ..." if len(names) > 12 else "")
    return f"the columns {shown}" if header else f"no header and {len(names)} columns, 0 to {len(names) - 1}"


def _index(column: str | int | None, names: list[str]) -> int | None:
    """Index of a column given by name or by index; None when there is no such column."""
    if isinstance(column, str):
        if column in names:
            return names.index(column)
        if not re.fullmatch(r"-?[0-9]{1,9}", column):
            return None
    if column is None or not -len(names) <= int(column) < len(names):
        return None
    return int(column) % len(names)


def _find(path: str, what: str, column: str | int, names: list[str], header: bool) -> int:
    if isinstance(column, str) and names.count(column) > 1:
        raise LoadError(f"{path!r} has {names.count(column)} columns named {column!r}. Rename them or pass an index.")
    index = _index(column, names)
    if index is not None:
        return index
    problem = f"is {column!r}; {path!r} has no column {column!r}: it has {_have(names, header)}. Pass one of these."
    raise argument_error(what, problem, LoadError)


def _refuse_doubles(path: str, names: list[str]) -> None:
    """LoadError for a header with a name twice: the model would not find its columns again."""
    counts = collections.Counter(names)
    if len(counts) < len(names):
        name, n = counts.most_common(1)[0]
        indices = [str(j) for j, other in enumerate(names) if other == name][:6]
        raise LoadError(
            f"{path!r} has {n} columns named {name!r}, of index {', '.join(indices)}; samples to predict are found by "
            "their columns' names. Rename or remove all but one of them."
        )


def _by_name(path: str, wanted: Sequence[str], names: list[str]) -> list[int]:
    """Index of each wanted column. Where a name is wanted as often as it is there, the columns follow each other."""
    columns: dict[str, list[int]] = {}
    for j, name in enumerate(names):
        columns.setdefault(name, []).append(j)
    counts = collections.Counter(wanted)
    for name, n in counts.items():
        there = len(columns.get(name, ()))
        if not there:
            raise LoadError(f"{path!r} has no column {name!r}: it has {_have(names, True)}. Add it.")
        if there != n:
            raise LoadError(f"{path!r} has {there} columns named {name!r}; {n} of it is needed. Rename the others.")
    following = {name: iter(indices) for name, indices in columns.items()}
    return [next(following[name]) for name in wanted]
