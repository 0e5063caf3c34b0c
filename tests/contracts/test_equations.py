"""Each equation is spelled once; what a loop's docstring begins with is that spelling."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import pathlib
import pkgutil
import re
import subprocess
import sys
from collections.abc import Iterator
from types import ModuleType

import pytest

import fastbp.kernels
import fastbp.textbook
from fastbp.equations import EQUATIONS
from fastbp.kernels import dense
from fastbp.kernels.gemm import gemm, microkernel, problem


def modules() -> list[ModuleType]:
    rooms = (fastbp.kernels, fastbp.textbook)
    found = [f.name for room in rooms for f in pkgutil.walk_packages(room.__path__, room.__name__ + ".")]
    return [importlib.import_module(name) for name in found]


def claims(module: ModuleType) -> Iterator[tuple[str, str, str]]:
    """Function, label and equation of every docstring that begins with a known label."""
    for name, function in vars(module).items():
        function = getattr(function, "py_func", function)
        if not inspect.isfunction(function) or function.__module__ != module.__name__:
            continue
        label, colon, rest = (inspect.getdoc(function) or "").partition("\n")[0].partition(": ")
        if colon and label in EQUATIONS:
            yield name, label, rest


def wrong(module: ModuleType) -> list[str]:
    return [name for name, label, rest in claims(module) if rest != EQUATIONS[label].ascii]


@pytest.mark.parametrize("module", modules(), ids=lambda module: module.__name__)
def test_docstrings_quote_the_equations(module: ModuleType) -> None:
    assert wrong(module) == []


def test_the_walk_finds_the_loops() -> None:
    found = {module.__name__: {label for _, label, _ in claims(module)} for module in modules()}
    assert found["fastbp.kernels.dense"] >= {"F1", "F2", "BP1", "BP2", "BP3", "BP4"}
    # What remains is a definition, the scalar functions of fastbp.activations, and a composition.
    textbook = set().union(*(labels for name, labels in found.items() if name.startswith("fastbp.textbook.")))
    assert set(EQUATIONS) - textbook == {"delta", "sigma", "sigma'", "C total"}


def test_the_gemm_is_spelled_once() -> None:
    """The record, the loops around and the micro-kernel begin with the same sum, which the gemm's module shows."""
    spelled = [inspect.getdoc(what) or "" for what in (gemm.gemm.py_func, microkernel.micro_kernel, problem.Gemm)]
    sums = [re.match(r"(?:Gemm: )?(c\[i, j\] = \S+ \* .*b\[k, j\]\)+)", text).group(1) for text in spelled]
    assert sums == sums[:1] * 3
    assert f"    {sums[0]}\n" in (inspect.getdoc(gemm) or "") + "\n"
    for name, function in vars(dense).items():  # who fills the gemm says of which equation
        function = getattr(function, "py_func", function)
        if inspect.isfunction(function) and "gemm" in function.__code__.co_names:
            label, separator, _ = re.split("(: | of )", inspect.getdoc(function) or "", maxsplit=1)
            assert label in EQUATIONS, name
            assert separator == ": " or name.endswith("_of_one"), name


def test_a_misquoted_equation_is_found() -> None:
    planted = ModuleType("planted")

    def loop() -> None:
        """BP2: delta_j^l = sigma'(z_j^l) * sum_k w_jk^{l+1} delta_k^{l+1}"""

    loop.__module__ = "planted"
    planted.loop = loop  # type: ignore[attr-defined]
    assert wrong(planted) == ["loop"]


def test_all_equations_of_the_notes() -> None:
    for label, equation in EQUATIONS.items():
        assert equation.label == label
        texts = [value for value in dataclasses.astuple(equation) if value is not None]
        assert all(text.strip() and text.isascii() for text in texts), label
        assert equation.sentence.endswith("."), label
        assert equation.latex.count("{") == equation.latex.count("}"), label
    assert [label for label in EQUATIONS if EQUATIONS[label].slip] == [
        "delta",
        "F1",
        "I",
        "BP2 sum",
        "BP2",
        "BP2 matrix",
    ]


@pytest.mark.parametrize("label", [label for label in EQUATIONS if "matrix" not in label])
def test_latex_has_the_letters_of_the_ascii_form(label: str) -> None:
    """Subscripts, in order: an index slip of ours would show in one of the two spellings."""
    ascii_, latex = EQUATIONS[label].ascii, EQUATIONS[label].latex
    bare = {re.sub(r"[{}]", "", index) for index in re.findall(r"_([jkx]+)", ascii_)}
    assert bare == {re.sub(r"[{}]", "", index) for index in re.findall(r"_\{?([jkx]+)\}?", latex)}


def test_equations_are_frozen_and_stand_alone() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        EQUATIONS["BP2"].ascii = ""  # type: ignore[misc]
    with pytest.raises(TypeError):
        EQUATIONS["BP2"] = EQUATIONS["BP1"]  # type: ignore[index]
    code = (
        "import sys, fastbp.equations; print([m for m in sys.modules if m.startswith(('fastbp.', 'numba', 'numpy'))])"
    )
    root = pathlib.Path(fastbp.__file__).parents[1]
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert run.stdout.strip() == "['fastbp._moved', 'fastbp.equations']"
