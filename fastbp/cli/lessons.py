"""fastbp learn and fastbp grade: lessons for oneself and for a class, and what came of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from fastbp.checks import check_name, check_real
from fastbp.cli.app import Out, app

if TYPE_CHECKING:
    from fastbp.teach.notebooks import Kind


@app.command()
def learn(
    folder: Annotated[Path, typer.Argument(help="Where to put the lessons.")] = Path("fastbp-lessons"),
    student: Annotated[bool, typer.Option("--student", help="Without answers, to be handed out.")] = False,
    teacher: Annotated[
        bool, typer.Option("--teacher", help="With answers in their places, notes, and a plan of one page.")
    ] = False,
    seed: Annotated[
        str | None, typer.Option(metavar="NAME", help="A learner's name, who gets numbers of his or her own.")
    ] = None,
    format: Annotated[
        str | None, typer.Option(help="nbgrader or otter: teachers' copies with the marks of these tools.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace lessons that are there.")] = False,
) -> None:
    """Copy the lessons, as notebooks, and say how to start."""
    from fastbp.teach.copies import copy_lessons
    from fastbp.teach.formats import FORMATS

    if student and teacher:
        raise ValueError("--student and --teacher were given; a copy is for one of them. Leave one out.")
    form: Any = None if format is None else check_name(format, FORMATS, "--format")
    out = Out()
    kind: Kind = "student" if student else "teacher" if teacher else "both"
    for path in copy_lessons(folder, overwrite=overwrite, kind=kind, seed=seed, format=form):
        out.print(Text(f"Wrote {path}"))
    begin = "Begin with 1-the-notes. Where you see dots, put your answer: the cell below says whether it is right."
    if teacher:
        begin = "plan.md has minutes, exercises and points. Hand out what fastbp learn FOLDER --student writes."
    out.print(
        Text(
            "Open them in any editor that runs notebooks, or:\n"
            f'  pip install jupyterlab scikit-learn && jupyter lab "{folder}"\n' + begin
        )
    )


@app.command()
def grade(
    path: Annotated[Path, typer.Argument(help="A notebook that was handed in, or a folder of them.")],
    csv: Annotated[
        bool,
        typer.Option("--csv", help="file, name, exercise, points, max, equation, mistake, status and message, as CSV."),
    ] = False,
    roster: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Names of the class, a line each: finds borrowed seeds.")
    ] = None,
    seconds: Annotated[float, typer.Option(help="Limit of each exercise.")] = 10.0,
    memory: Annotated[float, typer.Option(help="Limit of each exercise in GiB; kept to on Linux.")] = 1.0,
) -> None:
    """Grade lessons that were handed in, by the checks of this installation.

    NO SANDBOX: what learners wrote runs on this machine, as you. Use a container, or a machine that has nothing else.
    An exercise that goes beyond its limits has no points, and grading goes on. Points are all or none.
    """
    from fastbp.teach.grading import Limits, as_csv, summary
    from fastbp.teach.grading import grade as graded
    from fastbp.teach.grading.roster import read_roster

    limits = Limits(check_real(seconds, "--seconds", above=0.0), int(check_real(memory, "--memory", above=0.0) * 2**30))
    names = None if roster is None else read_roster(roster)
    said = Out(stderr=True)
    rows = graded(
        path,
        roster=names,
        limits=limits,
        progress=lambda file: said.print(Text(f"Grading {file}")) if not csv else None,
    )
    Out().write(as_csv(rows) if csv else summary(rows) + "\n")
