"""What ``fastbp train`` prints of a result: the model beside its baselines, what to know first, columns."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from rich.table import Table
from rich.text import Text

from fastbp.cli.app import Out
from fastbp.cli.evaluation.judging import Judgement
from fastbp.cli.page.page import best_epoch, worst_rows
from fastbp.cli.page.parts import score
from fastbp.cli.report import class_table


def results_table(judgement: Judgement) -> Table:
    """A row for each model, a column for each metric."""
    outcomes = judgement.outcomes
    names = list(judgement.tested.scores())
    table = Table("", *names, box=None, pad_edge=False)
    for column in table.columns[1:]:
        column.justify = "right"
    for who, outcome in outcomes.items():
        values = outcome.scores()
        shown = [score(name, values.get(name, float("nan"))) for name in names]
        table.add_row(who, *shown, style="bold" if who == "this model" else None)
    return table


def show(console: Out, judgement: Judgement) -> None:
    """Print the result on one screen."""
    data = judgement.prepared.data
    for finding in judgement.findings:
        console.print(Text(finding.text, style="bold red" if finding.serious else "yellow"), soft_wrap=True)
    if len(data.classes or ()) > 1:
        console.print(class_table(judgement.tested.counts, data.classes))
    console.print(results_table(judgement))
    run, best = judgement.run, best_epoch(judgement.run)
    if best is not None and run.best_epoch is None and best < run.epoch:
        least, last = run.history["val_loss"][best - 1], run.history["val_loss"][run.epoch - 1]
        if last > 1.01 * least:
            console.print(
                f"val_loss was least after epoch {best} of {run.epoch}, {least:.4g}, and ended at {last:.4g}: "
                "--early-stopping 10 keeps the best.",
                soft_wrap=True,
            )
    if judgement.importances:
        strongest = [f"{i.name} ({i.mean:+.3g})" for i in judgement.importances[:5] if i.mean > 0]
        if strongest:
            console.print(Text(f"Strongest columns: {', '.join(strongest)}"), soft_wrap=True)
        _worst(console, judgement)


def _worst(console: Out, judgement: Judgement) -> None:
    """The row that the model is most wrong about."""
    chosen = worst_rows(judgement.tested, 1)
    if not chosen:
        return
    i, tested = chosen[0], judgement.tested
    if tested.decided is not None:
        what = f"is {tested.classes[tested.known[i]]!r}, taken for {tested.classes[tested.decided[i]]!r}"
    else:
        what = f"is {tested.known[i, 0]:.6g}, predicted {tested.out[i, 0]:.6g}"
    names = [importance.name for importance in judgement.importances[:4]]
    cells = {name: judgement.rows.cell(name, i) for name in names}
    values = ", ".join(f"{name} {'empty' if cell is None or cell != cell else cell}" for name, cell in cells.items())
    console.print(Text(f"Worst prediction, {judgement.rows.place(i)}: {what}; {values}"), soft_wrap=True)


def is_cheap(n_cells: int, n_parameters: int) -> bool:
    """Whether looking at the columns takes a moment: some hundred million products."""
    return n_cells * n_parameters <= 2e7


@contextlib.contextmanager
def steps(console: Out) -> Iterator[Callable[[str, int], None]]:
    """Context with a bar on a terminal that says what is done, and the time left; it leaves nothing."""
    if not console.is_terminal:
        yield lambda what, n: None
        return
    from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(bar_width=24), TimeRemainingColumn(compact=True))
    with Progress(*columns, console=console, transient=True) as bar:
        tasks: dict[str, TaskID] = {}

        def step(what: str, n: int) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=n)
            bar.advance(tasks[what])

        yield step
