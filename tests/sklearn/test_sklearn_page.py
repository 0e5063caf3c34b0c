"""docs/sklearn.md says what is so: its examples run, and each request in its table leads to one of them."""

from __future__ import annotations

import ast
import re
import warnings
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("sklearn")

# loky replaces a worker whose memory has grown, as by a compilation.
pytestmark = pytest.mark.filterwarnings("ignore:A worker stopped while some jobs were given to the executor")

PAGE = (Path(__file__).parents[2] / "docs" / "sklearn.md").read_text(encoding="utf-8")
CELL = re.compile(r"```\{code-cell\}\n(.*?)```", re.DOTALL)


def shown(cell: str, names: dict[str, Any]) -> Any:
    """Run a cell; the value of its last line, if that is an expression."""
    *before, last = ast.parse(cell).body
    exec(compile(ast.Module(before, []), "docs/sklearn.md", "exec"), names)
    if isinstance(last, ast.Expr):
        return eval(compile(ast.Expression(last.value), "docs/sklearn.md", "eval"), names)
    exec(compile(ast.Module([last], []), "docs/sklearn.md", "exec"), names)
    return None


@pytest.mark.compiled
def test_every_example_runs_and_what_it_compares_is_so() -> None:
    pytest.importorskip("pandas")
    pytest.importorskip("sklearn.callback")
    names: dict[str, Any] = {}
    truths = 0
    with warnings.catch_warnings():
        for cell in CELL.findall(PAGE):
            value = shown(cell, names)
            if str(value) in ("True", "False"):
                assert value, cell
                truths += 1
            if "theirs.loss_curve_" in cell:
                assert max(value.values()) <= 1e-8
                truths += 1
    assert truths == 5


def test_each_request_leads_to_an_example() -> None:
    rows = re.findall(r"^\| (.*\(https://github\.com/.*) \| (.*) \|$", PAGE, re.MULTILINE)
    assert len(rows) >= 19
    for asked, here in rows:
        (name,) = re.findall(r"\]\(#(\w+)\)", here)
        _, target, section = PAGE.partition(f"\n({name})=\n### ")
        assert target, asked
        assert CELL.search(re.split(r"^\(\w+\)=$|^## ", section, flags=re.MULTILINE)[0]), asked
