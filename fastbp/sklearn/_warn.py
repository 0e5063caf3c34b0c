"""The names of modules that warnings carry, by which users filter them.

Those that scikit-learn itself would give carry the name of its module, so that filters go on to work when the import is
changed; fastbp's own carry fastbp's.
"""

from __future__ import annotations

import sys
import warnings
from typing import Any

from sklearn.neural_network import _multilayer_perceptron as theirs

in_their_name: Any = eval(
    compile("lambda function, *args, **options: (lambda: function(*args, **options))()", theirs.__file__, "eval"),
    vars(theirs),
)
"""Call a function from two frames of scikit-learn's module: ``warnings.warn`` takes the name from its caller, and
scikit-learn's own functions from theirs or from the one above."""


def warn_as_scikit_learn(message: str, category: type[Warning]) -> None:
    """A warning of scikit-learn's module."""
    in_their_name(warnings.warn, message, category)


def warn_of_own(message: str, category: type[Warning], *, stacklevel: int) -> None:
    """A warning of fastbp's that points to the line of the caller, counted as ``warnings.warn`` counts."""
    frame = sys._getframe(stacklevel)
    warnings.warn_explicit(
        message,
        category,
        frame.f_code.co_filename,
        frame.f_lineno,
        module="fastbp.sklearn",
        registry=frame.f_globals.setdefault("__warningregistry__", {}),
    )
