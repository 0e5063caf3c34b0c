"""The command line as a whole: its commands hang on ``app``, and what goes wrong in them is told by ``fail``."""

from __future__ import annotations

import enum
import sys
from typing import NoReturn

try:
    import typer
    from rich.console import Console
    from rich.text import Text
except ModuleNotFoundError as missing:
    sys.exit(f'fastbp: {missing.name} is not installed. Install the command line with pip install "fastbp[cli]".')

import fastbp
from fastbp.cli.options import in_options

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Backpropagation in index form, at hardware speed.",
)


class DType(enum.StrEnum):
    """Of weights and activations."""

    float32 = "float32"
    float64 = "float64"


EXPECTED = (ValueError, TypeError, OSError, MemoryError, ArithmeticError, ModuleNotFoundError)
"""Errors whose message is written for the user."""


def fail(error: BaseException) -> NoReturn:
    """Print an expected error to standard error, and end."""
    match error:
        case fastbp.DivergenceError():
            message = (
                f"Training diverged in epoch {error.epoch}, minibatch {error.minibatch}: its gradient is not finite or "
                "too large to apply. No model is written. Pass a smaller --learning-rate."
            )
        case FileNotFoundError(filename=str(name)):
            message = f"{name!r} does not exist. Pass the path of a file that does."
        case OSError(strerror=str(reason)):
            message = f"{error.filename}: {reason}."
        case _:
            message = in_options(str(error))
    Console(stderr=True, highlight=False).print(Text.assemble(("Error: ", "bold red"), message))
    raise typer.Exit(1)
