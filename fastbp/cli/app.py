"""The command line as a whole: its commands hang on ``app``, which tells what goes wrong in any of them."""

from __future__ import annotations

import contextlib
import enum
import errno
import os
import re
import sys
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Annotated, Any, NoReturn

try:
    import typer
    from rich.console import Console
    from rich.text import Text
    from typer.core import TyperGroup
except ModuleNotFoundError as missing:
    sys.exit(f'fastbp: {missing.name} is not installed. Install the command line with pip install "fastbp[cli]".')

import fastbp
from fastbp._signals import Phase, signals
from fastbp.errors import renamed

EXPECTED = (ValueError, TypeError, OSError, MemoryError, ArithmeticError, ModuleNotFoundError)
"""Errors whose message is written for the user."""

OTHER_NAMES = {"n_threads": "--threads", "h": "--nudge"}
"""Parameters of the library that are options under another name."""


DType = enum.StrEnum("DType", ["float32", "float64"])


class Out(Console):
    """Console whose errors name what could not be written to, and which goes on in silence when its reader leaves."""

    def __init__(self, *, stderr: bool = False) -> None:
        super().__init__(stderr=stderr, highlight=False)
        self.name = "standard error" if stderr else "standard output"

    def print(self, *objects: Any, **options: Any) -> None:
        """As rich's."""
        with self._named():
            super().print(*objects, **options)

    def write(self, text: str) -> None:
        """Write a text as it is."""
        with self._named():
            try:
                self.file.write(text)
                self.file.flush()
            except BrokenPipeError:
                self.on_broken_pipe()

    def on_broken_pipe(self) -> None:
        """The reader, such as head, has enough: that is no reason to stop a training."""
        self.quiet = True
        _silence(self.file)

    @contextlib.contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            _silence(self.file)
            raise OSError(error.errno, error.strerror, self.name) from error


def _silence(stream: Any) -> None:
    """Send to nowhere what a stream still holds, so that Python does not fail on it once more at its end."""
    with contextlib.suppress(OSError, ValueError):  # a stream of a test has no descriptor
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


class Commands(TyperGroup):
    """The commands, and one place for what goes wrong in them."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Keep what the user typed."""
        ctx.meta["typed"] = [arg.partition("=")[0] for arg in args]
        parsed: list[str] = super().parse_args(ctx, args)
        return parsed

    def invoke(self, ctx: Any) -> Any:
        """Run a command; an expected error becomes one message, which names the option that the user typed."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            signals.phase = Phase.NOTE  # once is enough
            with contextlib.suppress(OSError):
                Out(stderr=True).print(f"{signals.word}.")
            raise typer.Exit(signals.status) from None
        except EXPECTED as error:
            command = self.commands[ctx.invoked_subcommand]
            names = dict(OTHER_NAMES)
            also = self.commands["train"].params if ctx.invoked_subcommand == "tune" else []  # whose options it takes
            for part in [*command.params, *also]:
                if part.name and part.param_type_name == "option":
                    both = (*part.opts, *part.secondary_opts)
                    typed = (option for option in both if option in ctx.meta["typed"])
                    names[part.name] = next(typed, part.opts[0])
            fail(renamed(error, names), names)


def as_options(message: str, names: Mapping[str, str]) -> str:
    """The message, which speaks of what is typed: ``--frozen 1`` in place of ``frozen=[1]``."""

    def typed(match: re.Match[str]) -> str:
        name, value = match.groups()
        if name not in names:  # or it stands in the call of a function, which is no advice to type
            return match.group()
        if value.startswith("{"):
            value = value.strip("{}").replace("': '", "=").replace("', '", ",")
        return f"{names[name]} {value.strip('[]').replace(', ', ',').strip(quotes)}"

    def flag(match: re.Match[str]) -> str:
        name = match.group(1)
        option = names.get(name, name)
        return f"{option} is given" if option.startswith("--") else match.group()

    def bare(match: re.Match[str]) -> str:
        return match.group().replace(match.group(1), names.get(match.group(1), match.group(1)))

    quotes = "'"
    message = re.sub(
        r"\w+\([^()]*\)|\b([a-z]\w*)=(\{[^}]*\}|\[[^]]*\]|'[^']*'|\d[\w.+-]*(?<!\.))(?![\w(\[])", typed, message
    )
    message = re.sub(r"(?<![\w'-])(--[a-z-]+|[a-z]\w*) is (?:True|False)\b", flag, message)
    message = re.sub(r"(?<![\w'-])(?:as|Leave) ([a-z]\w*)\b(?!['=.]\w)", bare, message)
    message = re.sub(r"(?<![\w'.-])([a-z]+_\w+)\b(?!['=(])", bare, message)
    return message.replace("for the last layer", f"as {names['output']}") if "output" in names else message


app = typer.Typer(
    cls=Commands,
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Backpropagation in index form, at hardware speed.",
)


def _version(wanted: bool) -> None:
    if wanted:
        Out().print(f"fastbp {fastbp.__version__}")
        raise typer.Exit


@app.callback()
def _fastbp(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Options of fastbp itself."""


def fail(error: BaseException, names: Mapping[str, str] = MappingProxyType({})) -> NoReturn:
    """Print an expected error to standard error, and end; ``names`` has the options of arguments."""
    match error:
        case fastbp.DivergenceError():
            message = (
                f"{error.problem} No model is written. Pass a smaller --learning-rate, and leave out --no-scale if it "
                "is given."
            )
        case FileNotFoundError(filename=str(name), strerror=reason) if reason == os.strerror(errno.ENOENT):
            message = f"{name!r} does not exist. Pass the path of a file that does."
        case OSError(filename=str(name), strerror=str(reason)):
            message = f"{name}: {reason}."
        case OSError(strerror=str(reason)):
            message = f"{reason}."
        case _:
            message = as_options(str(error), names)
    with contextlib.suppress(OSError):  # if this cannot be said, the exit status says it
        out = Out(stderr=True)
        out.print(Text.assemble(("Error: ", "bold red"), message), soft_wrap=not out.is_terminal)
    raise typer.Exit(1)


def run() -> NoReturn:
    """Run the command that the process was started for."""
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")
    if sys.stdout is None:  # the caller closed it: to write to what is open for reading fails as it should
        sys.stdout = open(os.open(os.devnull, os.O_RDONLY), "w", encoding="utf-8")
    try:
        app()
    except SystemExit as end:
        if signals.received and isinstance(end.code, int):  # Python's own end takes long enough for one more to come
            os._exit(end.code)
        raise
    except OSError as error:  # of a help text, which typer prints itself
        _silence(sys.stdout)
        with contextlib.suppress(OSError):
            Out(stderr=True).print(f"Error: standard output: {error.strerror}.")
        sys.exit(1)
    sys.exit(0)
