"""The front: which shape something has."""

from __future__ import annotations

from typing import Any

from fastbp.errors import argument_error
from fastbp.teach.answers import described
from fastbp.teach.forms import book, dictionaries, graphs, modules
from fastbp.teach.forms.form import Asked, Form


def recognise(mine: Any, asked: Asked) -> Form:
    """The form that it has; TypeError for none."""
    is_module = modules.fits(mine) or modules.fits_class(mine)
    if asked.loss is not None and not is_module:
        raise argument_error(
            "loss",
            "is given, and mine is no PyTorch module; only these have one apart. Leave it out, and pass cost.",
            TypeError,
        )
    if is_module:
        return modules.form(mine, asked)
    if book.fits(mine):
        return book.form(mine, asked)
    if graphs.is_value(mine) or graphs.is_model(mine):
        return graphs.form(mine, asked)
    if dictionaries.is_pair(mine) or dictionaries.is_function(mine):
        return dictionaries.form(mine, asked)
    if not callable(mine):
        raise TypeError(f"mine is {described(mine)}; a function of w, b, x, y is needed. Pass it without calling it.")
    return Form((mine,))
