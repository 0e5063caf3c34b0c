"""The command line in tests: commands run in this process."""

from __future__ import annotations

from typer.testing import CliRunner

from fastbp.cli import app


def run(*arguments: str, code: int = 0, stdin: bytes | None = None) -> str:
    """What a command prints, which must end with this code."""
    result = CliRunner().invoke(app, arguments, input=stdin)
    assert result.exit_code == code, result.output
    return result.output


def run_flat(*arguments: str, code: int = 0, stdin: bytes | None = None) -> str:
    """The same in one line, however it was folded."""
    return " ".join(run(*arguments, code=code, stdin=stdin).split())
