"""Sphinx configuration; writes what comes from the package: equations, functions, playground, lessons."""

from __future__ import annotations

import math
import re
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

import fastbp
from fastbp.checks import CLASSIFYING
from fastbp.cli import reference
from fastbp.equations import EQUATIONS
from fastbp.functions import activations, costs
from fastbp.functions.entry import Parameter
from fastbp.teach.notebooks import lessons
from fastbp.teach.playground import playground

project = "fastbp"
author = "the fastbp authors"
copyright = "2026, the fastbp authors"
release = version = fastbp.__version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.mathjax",
    "sphinx-mathjax-offline",
    "sphinx.ext.viewcode",
    "numpydoc",
]
exclude_patterns = ["build"]
myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence"]
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 600  # the first cell may compile
numpydoc_show_class_members = False
autodoc_member_order = "bysource"
autodoc_typehints = "none"
math_number_all = False
html_theme = "furo"
html_title = "fastbp"
html_static_path = ["static"]
html_css_files = ["print.css"]
html_extra_path = ["extra"]


LABEL = re.compile(r"\b(F1|F2|BP1|BP2|BP3|BP4)\b(?! matrix)")


def anchor(label: str) -> str:
    """Name under which an equation can be linked: {eq}`bp2`."""
    return label.lower().replace("'", "-prime").replace("/", "-").replace(" ", "-")


def equations_page() -> str:
    """The page in MyST Markdown."""
    lines = [
        "# The equations",
        "",
        "Every equation of the notes, under the label that docstrings, tests and explanations use, and those that the",
        "notes leave to the book they follow. The ASCII line begins the docstring of each kernel and textbook loop.",
        "",
    ]
    for equation in EQUATIONS.values():
        lines += [
            f"## {equation.label}",
            "",
            "```{math}",
            f":label: {anchor(equation.label)}",
            equation.latex,
            "```",
            "",
        ]
        lines += [f"`{equation.ascii}`", "", equation.sentence, "", f"*In the notes*: {equation.source}", ""]
        if equation.slip:
            lines += [":::{admonition} A slip in the notes", equation.slip, ":::", ""]
    return "\n".join(lines)


def bounds(p: Parameter | None) -> str:
    """Default and bounds of a cost's parameter, in words."""
    if p is None:
        return ""
    most = "" if p.high == math.inf else f", below {p.high:g}"
    return f"{p.default:g}; {'from' if p.low_included else 'above'} {p.low:g}{most}"


def functions_page() -> str:
    """The page of activations and costs, in MyST Markdown."""
    lines = ["# Activations and costs", "", "Activations of layers, and where their values lie, ends included.", ""]
    lines += ["| name | σ(z) | values | other names |", "|---|---|---|---|"]
    for entry in activations.ACTIVATIONS:
        low, high = (f"{end:.3g}".replace("inf", r"\infty") for end in entry.range)
        also = ", ".join(f"`{name}`" for name in entry.also)
        lines.append(f"| `{entry.name}` | ${entry.latex}$ | ${low}$ to ${high}$ | {also} |")
    lines += [
        "",
        "Costs of networks, the outputs that they go with, and their `cost_parameter` p.",
        "",
        "| name | $C_x$ | outputs | p |",
        "|---|---|---|---|",
    ]
    for cost in costs.NAMED.values():
        formulas = " or ".join(f"${equation.latex}$" for equation in cost.equations)
        lines.append(f"| `{cost.name}` | {formulas} | {cost.needs} | {bounds(cost.parameter)} |")
    lines += [
        "",
        "What `MLPRegressor` calls them, and what it calls p.",
        "",
        "| loss | cost | parameter |",
        "|---|---|---|",
    ]
    for loss, cost in costs.LOSSES.items():
        if not set(CLASSIFYING) & set(cost.outputs or ()):
            lines.append(f"| `{loss}` | `{cost.name}` | {f'`{cost.parameter.name}`' if cost.parameter else ''} |")
    lines += ["", "Others can be registered: [functions of your own](own.md)."]
    return "\n".join([*lines, ""])


def link_labels(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """In a docstring, put an equation's number, which is a link, behind its label."""
    label, colon, rest = lines[0].partition(": ") if lines else ("", "", "")
    if colon and label in EQUATIONS:
        lines[0] = f"{label} :eq:`{anchor(label)}`: {rest}"
    for i, line in enumerate(lines):
        parts = line.split("``")  # every other one is code
        if ":eq:" not in line:
            parts[::2] = [LABEL.sub(lambda m: f"{m[0]} :eq:`{anchor(m[0])}`", part) for part in parts[::2]]
        if not line.lstrip().startswith(("|", "+")):  # a bar in an equation would begin a substitution
            parts[::2] = [re.sub(r"(?<!\\)\|", r"\\|", part) for part in parts[::2]]
        lines[i] = "``".join(parts)


def setup(app: Any) -> None:
    """Sphinx calls it."""
    app.connect("autodoc-process-docstring", link_labels, priority=900)  # after numpydoc


(HERE / "equations.md").write_text(equations_page(), encoding="utf-8")

(HERE / "functions.md").write_text(functions_page(), encoding="utf-8")

(HERE / "commands.md").write_text(reference.page(), encoding="utf-8")

(HERE / "extra").mkdir(exist_ok=True)
(HERE / "extra" / "play.html").write_text(playground(), encoding="utf-8")

(HERE / "lessons").mkdir(exist_ok=True)
for old in (HERE / "lessons").glob("*.md"):
    old.unlink()
for name, text in lessons().items():
    (HERE / "lessons" / f"{name}.md").write_text(text, encoding="utf-8")
