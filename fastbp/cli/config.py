"""``--config``: options of a command in a TOML file, which every training also writes beside its model."""

from __future__ import annotations

import difflib
import enum
import json
import os
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import typer

import fastbp
from fastbp.io.atomic import write_atomically

MARK = "# Written by fastbp"
"""How a file begins that may be replaced."""

NOT_OPTIONS = ("config", "ctx", "written", "logs")
"""Parameters of a command that are not written."""


def use(ctx: typer.Context, path: Path | None) -> Path | None:
    """Take the options of a file where none are typed: the callback of ``--config``."""
    if path is not None:
        ctx.default_map = {**(ctx.default_map or {}), **read(path, ctx.command.params)}
    return path


def read(path: Path, params: Sequence[Any]) -> dict[str, Any]:
    """The options of a file, by the names of a command's parameters; ValueError for what is none."""
    known: dict[str, Any] = {}
    for part in params:
        if part.name and part.name not in NOT_OPTIONS and part.name != "help":
            known |= {name.lstrip("-").replace("-", "_"): part for name in (*part.opts, part.name)}
    try:
        with open(path, "rb") as file:
            found = tomllib.load(file)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(
            f"--config is {str(path)!r}, which is no TOML: {error}. Write options as name = value, such as epochs = 50."
        ) from None
    options = {}
    for name, value in found.items():
        part = known.get(name.replace("-", "_"))
        if part is None:
            near = difflib.get_close_matches(name.replace("-", "_"), known, 1)
            hint = f"Did you mean {near[0]}?" if near else f"Options are {', '.join([*known][:8])}, ..."
            raise ValueError(f"--config is {str(path)!r}, which has {name!r}; there is no such option. {hint}")
        options[part.name] = _typed(path, name, value, getattr(part, "multiple", False))
    return options


def _typed(path: Path, name: str, value: Any, several: bool) -> Any:
    """A value as it would be typed: ``[128, 64]`` is ``128,64``, unless the option may be given ``several`` times."""
    if isinstance(value, list) and all(isinstance(part, str | int | float) for part in value):
        words = [str(part) for part in value if not isinstance(part, bool)]
        if len(words) == len(value):
            return words if several else ",".join(words)
    if isinstance(value, str | int | float):  # a bool is an int
        return [value] if several else value
    raise ValueError(
        f"--config is {str(path)!r}, which has {name} = {value!r}; a number, text, true, false or a list of these is "
        "needed. Write it as it would be typed."
    )


def path_beside(model: Path) -> Path:
    """Where the options of a model are written."""
    return model.with_name(model.name + ".toml")


class Written:
    """The file of a command's options, which is written beside its model.

    Parameters
    ----------
    command : str
    model : Path
        The model's file.
    chosen, others : mapping
        Options that were given, and all of them.

    Raises
    ------
    ValueError
        There is a file of that name that fastbp has not written.
    """

    def __init__(self, command: str, model: Path, chosen: Mapping[str, Any], others: Mapping[str, Any]) -> None:
        self.path = path_beside(model)
        _require_ours(self.path)
        self.chosen = {**chosen, "seed": others["seed"]}
        self.text = written(command, self.path, self.chosen, others)

    def write(self) -> None:
        """Write it."""
        write_atomically(self.path, [self.text.encode("utf-8")])


def given(ctx: typer.Context, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that were typed or came from a file."""
    sources = {name: ctx.get_parameter_source(name) for name in options if name not in NOT_OPTIONS}
    typed = ("COMMANDLINE", "DEFAULT_MAP", "ENVIRONMENT")
    return {name: options[name] for name, source in sources.items() if source is not None and source.name in typed}


def _require_ours(path: Path) -> None:
    """ValueError for a file of somebody else's, which is not replaced."""
    if not path.exists():
        return
    try:
        with open(path, encoding="utf-8") as file:
            ours = file.readline().startswith(MARK)
    except (OSError, UnicodeDecodeError):
        ours = False
    if not ours:
        raise ValueError(
            f"--model is {path.name.removesuffix('.toml')!r}; its options would be written to {str(path)!r}, which is "
            "there already and was not written by fastbp. Rename that file, or pass another name."
        )


def written(command: str, file: Path, chosen: Mapping[str, Any], others: Mapping[str, Any]) -> str:
    """The text of a file: options that were chosen, and below, as comments, what this version takes for the others."""
    lines = [f"{MARK} {fastbp.__version__}: fastbp {command} --config {file} does this again.", ""]
    lines += [f"{name} = {toml(value)}" for name, value in chosen.items()]
    rest = [(name, value) for name, value in others.items() if name not in chosen and name not in NOT_OPTIONS]
    if rest:
        lines += ["", f"# Not given, and what version {fastbp.__version__} takes for it:"]
        lines += [f"# {name} = {'(none)' if value is None else toml(value)}" for name, value in rest]
    return "\n".join(lines) + "\n"


def toml(value: Any) -> str:
    """A value in TOML."""
    if isinstance(value, enum.Enum):
        value = value.value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return repr(value)  # inf and nan are TOML's words too
    if isinstance(value, list | tuple):
        return "[" + ", ".join(toml(part) for part in value) + "]"
    text = os.fspath(value) if isinstance(value, os.PathLike) else str(value)
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
