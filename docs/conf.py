"""Sphinx configuration; writes the page of equations from fastbp/equations.py, and the lessons from the package."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

import fastbp  # noqa: E402
from fastbp.equations import EQUATIONS  # noqa: E402
from fastbp.teach.notebooks import lessons  # noqa: E402

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


(HERE / "equations.md").write_text(equations_page(), encoding="utf-8")

(HERE / "lessons").mkdir(exist_ok=True)
for old in (HERE / "lessons").glob("*.md"):
    old.unlink()
for name, text in lessons().items():
    (HERE / "lessons" / f"{name}.md").write_text(text, encoding="utf-8")
