"""The page of the command line has every command and option that the program has."""

from __future__ import annotations

import inspect
import re
from typing import Annotated, get_args, get_origin, get_type_hints

import pytest
import typer

from fastbp.cli import app, reference

PAGE = reference.page()


@pytest.mark.parametrize("command", app.registered_commands, ids=reference.names())
def test_every_option_is_on_the_page(command: typer.models.CommandInfo) -> None:
    """Compared with the parameters of the function behind it, and their help."""
    function = command.callback
    assert function is not None
    name = command.name or function.__name__
    section = " ".join(re.sub("[│╭╮╰╯─]", " ", PAGE.split(f"\n## fastbp {name}\n")[1].split("\n## ")[0]).split())
    hints = get_type_hints(function, include_extras=True)
    for parameter in inspect.signature(function).parameters:
        if get_origin(hints[parameter]) is not Annotated:
            assert hints[parameter] is typer.Context
            continue
        found = next(part for part in get_args(hints[parameter]) if isinstance(part, typer.models.ParameterInfo))
        words = section.replace(" ", "").replace("\n", "")
        if isinstance(found, typer.models.OptionInfo):
            # In an annotation the first name stands where a default would.
            given = [d for d in (found.default, *(found.param_decls or ())) if isinstance(d, str) and d[:1] == "-"]
            spelled = [d for d in given for d in d.split("/")] or ["--" + parameter.replace("_", "-")]
            for option in spelled:
                assert option in section, option
        # A help is broken into lines between other columns: its words are there, in order.
        at = 0
        for word in str(found.help).split():
            at = words.find(word, at)
            assert at >= 0, f"{parameter}: {word}"


def test_it_begins_with_all_commands() -> None:
    first = PAGE.split("\n## ")[0]
    for name in reference.names():
        assert f" {name} " in first
    assert "\x1b" not in PAGE
    assert max(map(len, PAGE.splitlines())) <= 170
