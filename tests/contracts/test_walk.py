"""The pages that lead into the kernels are what the code is: the figure of X's way, the four steps to BP2's loop."""

from __future__ import annotations

import ast
import builtins
import itertools
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import fastbp
from fastbp.equations import EQUATIONS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reading.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def figure() -> Iterator[Any]:
    sys.path.insert(0, str(ROOT / "docs"))
    try:
        import walk

        yield walk
    finally:
        sys.path.remove(str(ROOT / "docs"))


@pytest.fixture(scope="module")
def steps(figure: Any) -> Any:
    return figure.walk()


def test_samples_meet_each_room_once_on_the_way_down(figure: Any, steps: Any) -> None:
    assert (steps[0].function, steps[0].samples) == ("train", "X")
    assert (steps[-1].function, steps[-1].samples) == ("micro_kernel", "a")
    assert "weight_gradient" in [step.function for step in steps]
    assert all(step.samples for step in steps), "each function has the samples"
    rooms = [room for room, _ in figure.rooms(steps)]
    assert rooms == [*figure.ROOMS], "none comes twice"
    files = [step.file for step in steps]
    assert all(files[i] not in files[:i] or files[i] == files[i - 1] for i in range(1, len(files)))
    layers = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"][0]["layers"]

    def floor(room: str) -> int:
        package = ".".join(room.split("/")[:2])
        return next(i for i, layer in enumerate(layers) if package in layer.split(" | "))

    assert [floor(room) for room in rooms] == sorted(map(floor, rooms)), "downwards: imports go down only"
    assert len({floor(room) for room in rooms}) == 3


def test_a_room_that_is_entered_again_is_seen(figure: Any, steps: Any) -> None:
    again = [*steps, steps[0]]
    assert [room for room, _ in figure.rooms(again)] != [*figure.ROOMS]


def test_the_figure_is_that_of_the_code(figure: Any, steps: Any) -> None:
    drawn = (ROOT / figure.PICTURE).read_text(encoding="utf-8")
    assert drawn == figure.svg(steps), "draw it anew: python docs/walk.py --draw"
    assert figure.PICTURE.removeprefix("docs/") in (ROOT / "docs" / "kernels.md").read_text(encoding="utf-8")


def included() -> list[tuple[str, ast.FunctionDef, str]]:
    """File, function and section of each function that the page includes."""
    found = []
    for section in PAGE.split("\n## ")[1:]:
        for path, name in re.findall(r"```\{literalinclude\} (\S+)\n:pyobject: (\w+)\n```", section):
            source = (ROOT / "docs" / path).resolve()
            (function,) = (
                node
                for node in ast.parse(source.read_text(encoding="utf-8")).body
                if isinstance(node, ast.FunctionDef) and node.name == name
            )
            found.append((source.relative_to(ROOT).as_posix(), function, section))
    return found


def names(function: ast.FunctionDef) -> set[str]:
    """Parameters and variables of a function: what is no function, type or constant of a module."""
    parameters = {argument.arg for argument in function.args.args}
    assigned = {
        node.id for node in ast.walk(function) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
    return parameters | assigned


def explained(section: str) -> set[str]:
    """What stands in the first column of the section's table."""
    rows = re.findall(r"^\| (`.+?`) \|", section, re.M)
    return {name for row in rows for name in re.findall(r"`(\w+)`", row)}


def test_every_letter_of_the_steps_is_explained() -> None:
    for _, function, section in included():
        assert explained(section) == names(function), function.name
        used = {node.id for node in ast.walk(function) if isinstance(node, ast.Name)}
        unknown = used - names(function) - set(dir(builtins)) - {function.name}
        assert all(re.fullmatch(r"[A-Z_]{2,}|[A-Z]\w+|[a-z_]+", name) for name in unknown), unknown


def test_the_steps_are_those_of_explain() -> None:
    net = fastbp.Network([2, 3, 2], seed=0)
    source = fastbp.explain(net, [1.0, 2.0], 1).source()
    assert [(code.file, code.name) for code in source.kernel] == [(file, f.name) for file, f, _ in included()]
    assert source.labels == ("BP2",)
    assert EQUATIONS["BP2"].latex in PAGE
    line = re.search(r"`(delta\[j\] = fma.+?)`", PAGE.replace("\n", " "))
    assert line is not None
    assert line.group(1) in source.textbook[0].text


def test_the_steps_begin_in_the_readme_and_lead_on() -> None:
    assert "](docs/reading.md)" in (ROOT / "README.md").read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#:]+)\)", PAGE)
    assert len(links) >= 5
    for link in links:
        assert (ROOT / "docs" / link).exists(), link
    for (_, function, _), (_, called, _) in itertools.pairwise(included()):
        reached = {node.id for node in ast.walk(function) if isinstance(node, ast.Name)}
        between = "macro_kernel" if called.name == "micro_kernel" else called.name
        assert between in reached, "each step calls the next, the last by way of macro_kernel"
