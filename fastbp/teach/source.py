"""An equation four ways: index form, matrix form, the textbook's loop, and the source of the kernel that ran."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass
from types import FunctionType, ModuleType
from typing import Any

from fastbp import kernels, textbook
from fastbp.equations import EQUATIONS
from fastbp.teach.numbers import Numbers
from fastbp.teach.steps import FIRST_LINE

DEPTH = 4
"""Calls from an equation's kernel down to the loop over its sum."""


@dataclass(frozen=True)
class Code:
    """A function as it stands in its file."""

    name: str
    file: str
    line: int
    text: str


@dataclass(frozen=True)
class Source:
    """The equation and the code that computes it.

    Attributes
    ----------
    labels : tuple of str
        Of `fastbp.equations`.
    index_form, matrix_form : str
        ASCII; the second empty where there is none.
    textbook, kernel : tuple of Code
        The loops over one sample; what ran, from the equation down to the blocked sum, as the functions themselves
        have it.
    """

    labels: tuple[str, ...]
    index_form: str
    matrix_form: str
    textbook: tuple[Code, ...]
    kernel: tuple[Code, ...]

    def __repr__(self) -> str:
        return f"<Source of {', '.join(self.labels)}: {len(self.textbook)} textbook loops, {len(self.kernel)} kernels>"

    def __str__(self) -> str:
        lines = [FIRST_LINE, f"index form   {self.index_form}"]
        lines += [f"matrix form  {self.matrix_form}"] if self.matrix_form else []
        for title, codes in (("textbook, one sample", self.textbook), ("kernel that ran, all samples", self.kernel)):
            for code in codes:
                lines += ["", f"--- {title}: {code.name} ({code.file}, line {code.line})", code.text]
        return "\n".join(lines)

    def _repr_markdown_(self) -> str:
        parts = [f"**{FIRST_LINE}**"]
        for label in self.labels:
            parts.append(f"**{label}** $${EQUATIONS[label].latex}$$")
        for title, codes in (("textbook", self.textbook), ("kernel that ran", self.kernel)):
            for code in codes:
                parts.append(f"{title}: `{code.name}`, {code.file}, line {code.line}\n\n```python\n{code.text}\n```")
        return "\n\n".join(parts)

    def _repr_html_(self) -> str:
        from fastbp.teach.render_html import source

        return source(self)


def _function(value: Any) -> FunctionType | None:
    """The Python function behind a compiled one."""
    value = getattr(value, "py_func", value)
    return value if inspect.isfunction(value) else None


def _functions(package: ModuleType) -> Iterator[FunctionType]:
    for found in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        module = importlib.import_module(found.name)
        for value in vars(module).values():
            function = _function(value)
            if function is not None and function.__module__ == module.__name__:
                yield function


def _labelled(package: ModuleType, labels: tuple[str, ...]) -> list[FunctionType]:
    """Functions whose docstring begins with one of these equations, or with a part "of" one."""
    found = []
    for function in _functions(package):
        line = (inspect.getdoc(function) or "").partition("\n")[0]
        if line.partition(": ")[0] in labels or any(line.endswith(f" of {label}.") for label in labels):
            found.append(function)
    return found


def _code(function: FunctionType) -> Code:
    lines, first = inspect.getsourcelines(function)
    module = function.__module__.replace(".", "/") + ".py"
    return Code(function.__qualname__, module, first, "".join(lines).rstrip())


def _called(function: FunctionType, depth: int, seen: dict[str, FunctionType]) -> None:
    """Kernels that a function names, and those that they name, in the order of the calls."""
    if depth == 0:
        return
    inner = [
        called
        for name in function.__code__.co_names
        if (called := _function(function.__globals__.get(name))) is not None
        and called.__module__ in ("fastbp.kernels.dense", "fastbp.kernels.blocks")
        and called.__qualname__ not in seen
    ]
    for called in inner:
        seen[called.__qualname__] = called
    for called in inner:
        _called(called, depth - 1, seen)


def _loops(labels: tuple[str, ...]) -> list[FunctionType]:
    first = _labelled(kernels, labels)
    seen = {function.__qualname__: function for function in first}
    for function in first:
        _called(function, DEPTH, seen)
    return list(seen.values())


def _labels(numbers: Numbers) -> tuple[str, ...]:
    if numbers.of == "z":
        return ("F1", "F2")
    if numbers.of == "delta":
        return ("BP1",) if numbers.is_output else ("BP2",)
    gradient = "BP3" if numbers.k is None else "BP4"
    return (gradient,) if numbers.of != "update" else (gradient, "U")


def find_source(numbers: Numbers) -> Source:
    """The equations of an explanation and their code."""
    labels = _labels(numbers)
    matrix = [EQUATIONS[f"{label} matrix"].ascii for label in labels if f"{label} matrix" in EQUATIONS]
    return Source(
        labels,
        "; ".join(EQUATIONS[label].ascii for label in labels),
        "; ".join(matrix),
        tuple(map(_code, _labelled(textbook, labels))),
        tuple(map(_code, _loops(labels))),
    )
