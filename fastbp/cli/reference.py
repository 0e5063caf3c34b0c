"""The page of all commands and their options: what the program's ``--help`` prints."""

from __future__ import annotations

from typer.testing import CliRunner

from fastbp.cli import app

WIDTH = 160
"""Columns of the text."""

HEAD = """\
# The command line

This page is what each command prints if it is given `--help`; the program writes it when the pages are built. [First
steps with a table](table.md) shows how the commands belong together; what happens on Ctrl-C, a full disk and so on is
part of the [first steps in Python](start.md).
"""


def names() -> list[str]:
    """The commands, in the order of the help."""
    return [command.name or command.callback.__name__ for command in app.registered_commands if command.callback]


def shown(*arguments: str) -> str:
    """What ``--help`` prints."""
    environment = {"COLUMNS": str(WIDTH), "TERMINAL_WIDTH": str(WIDTH), "NO_COLOR": "1", "TERM": "dumb"}
    done = CliRunner().invoke(app, [*arguments, "--help"], prog_name="fastbp", env=environment)
    return "\n".join(line.rstrip() for line in done.output.strip("\n").splitlines())


def page() -> str:
    """The page in MyST Markdown."""
    parts = [HEAD, "```text", shown(), "```", ""]
    for name in names():
        parts += [f"## fastbp {name}", "", "```text", shown(name), "```", ""]
    return "\n".join(parts)
