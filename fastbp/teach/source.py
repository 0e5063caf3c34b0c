"""An equation four ways: index form, matrix form, the textbook's loop, and the source of the kernel that ran."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from types import FunctionType, ModuleType
from typing import Any

from fastbp import textbook
from fastbp.equations import EQUATIONS
from fastbp.kernels import dense, gemm, updates
from fastbp.teach.numbers import Numbers
from fastbp.teach.render import wrapped
from fastbp.teach.render_html import STYLE, formula
from fastbp.teach.steps import FIRST_LINE

FUSED = (
    "fma(a, b, c) is a b + c, rounded once (a fused multiply-add). The micro-kernel's sums are rounded so too, and its "
    "bits are the textbook's. A product by itself may differ from what it adds to a sum in the last digit."
)
SUMS = re.compile(r"\] \+= .+( \* |\[)|= fma\(|put_\w+\(.+ \+ .+ \* ")
"""Lines of code on which a product, or an element, is added to a sum."""


@dataclass(frozen=True)
class Code:
    """A function as it stands in its file."""

    name: str
    file: str
    line: int
    text: str


def _marked(code: Code) -> str:
    """A function; the lines on which its sum grows are marked."""
    lines = [f"<mark>{escape(line)}</mark>" if SUMS.search(line) else escape(line) for line in code.text.splitlines()]
    return "<pre>" + "\n".join(lines) + "</pre>"


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
        The loops over one sample; what ran, as the functions themselves have it: the equation's kernel and, where it is
        a sum, the gemm that all such sums are, with its micro-kernel.
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
        if any("fma(" in code.text for code in self.textbook):
            lines += ["", *wrapped(FUSED, "")]
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
        """Index form beside matrix form, the textbook's loops beside the kernels'; what these call can be unfolded."""
        forms = [("index form", self.labels), ("matrix form", tuple(f"{label} matrix" for label in self.labels))]
        parts = [
            f'<div class="fastbp source"><style>{STYLE}</style><p class="about">{FIRST_LINE}</p><div class="pair">'
        ]
        for title, labels in forms:
            found = [EQUATIONS[label] for label in labels if label in EQUATIONS]
            lines = [formula(equation.latex, None) for equation in found]
            parts.append(
                f"<section><h4>{title}</h4>{''.join(lines) or '<p>The same: there is no sum in it.</p>'}</section>"
            )
        for title, codes in (("textbook, one sample", self.textbook), ("kernel that ran, all samples", self.kernel)):
            parts.append(f"<section><h4>{title}</h4>")
            for at, code in enumerate(codes):
                name = f"<code>{escape(code.name)}</code>, {escape(code.file)}, line {code.line}"
                if at == 0 or SUMS.search(code.text):
                    parts.append(f'<p class="small">{name}</p>{_marked(code)}')
                else:
                    parts.append(f"<details><summary>{name}</summary>{_marked(code)}</details>")
            parts.append("</section>")
        return "\n".join([*parts, "</div></div>"])


def _function(value: Any) -> FunctionType | None:
    """The Python function behind a compiled one."""
    value = getattr(value, "py_func", value)
    return value if inspect.isfunction(value) else None


def _functions(room: ModuleType) -> Iterator[FunctionType]:
    """The functions of a module, or of all modules of a package."""
    inside = pkgutil.walk_packages(room.__path__, room.__name__ + ".") if hasattr(room, "__path__") else ()
    for module in [room, *(importlib.import_module(found.name) for found in inside)]:
        for value in vars(module).values():
            function = _function(value)
            if function is not None and function.__module__ == module.__name__:
                yield function


def _labelled(room: ModuleType, labels: tuple[str, ...]) -> list[FunctionType]:
    """Functions whose docstring begins with one of these labels, or with a part "of" one."""
    found = []
    for function in _functions(room):
        line = (inspect.getdoc(function) or "").partition("\n")[0]
        if line.partition(": ")[0] in labels or any(line.endswith(f" of {label}.") for label in labels):
            found.append(function)
    return found


def _code(function: FunctionType) -> Code:
    lines, first = inspect.getsourcelines(function)
    module = function.__module__.replace(".", "/") + ".py"
    return Code(function.__qualname__, module, first, "".join(lines).rstrip())


def _kernels(labels: tuple[str, ...]) -> list[FunctionType]:
    """The kernels of these equations; after those that call the gemm or the sums of rows, which have labels, these."""
    equations = [function for room in (dense, updates) for function in _labelled(room, labels)]
    called = {name for function in equations for name in function.__code__.co_names}
    sums = tuple(label for name, label in (("gemm", "Gemm"), ("row_sums", "Row sums")) if name in called)
    return equations + _labelled(gemm, sums)


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
        tuple(map(_code, _kernels(labels))),
    )
