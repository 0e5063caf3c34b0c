"""A user's own update of an optimizer, over a run of parameters: kernels call it by its address.

It is compiled once for each dtype, in the process that has it; the kernels, which know it by its address only, are not
compiled again for it.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from fastbp.jit.decorators import Twin
from fastbp.jit.mode import DISABLED, compiler
from fastbp.jit.progress import compiling
from fastbp.jit.rows import as_number

_known: dict[int, Any] = {}
"""Address, or in plain Python a number that stands for it -> what is there. It stays as long as the process lives."""
_numbers = itertools.count(1)


class OwnUpdate:
    """A user's update of one parameter, of all parameters of a run.

    Parameters
    ----------
    function : function
        ``(g, w, *state, eta, t, *constants)`` -> w, or (w, *state), all of them numbers.
    slots : int
        Numbers of the state.
    n_constants : int
    """

    def __init__(self, function: Callable[..., Any], slots: int, n_constants: int) -> None:
        self._function, self._slots, self._n_constants = function, slots, n_constants
        self._addresses: dict[str, int] = {}

    def address(self, dtype: Any) -> int:
        """Where the code for numbers of a dtype is.

        Raises
        ------
        Uncompilable
            It cannot be compiled; the message says why, in Numba's words.
        """
        name = np.dtype(dtype).name
        if name not in self._addresses:
            if DISABLED:
                address, code = next(_numbers), _plain(self._function, self._slots)
            else:
                with compiling(f"an update of your own {name}"):
                    made = compiler("user_updates").compile_update
                    code = made(self._function, self._slots, self._n_constants, name)
                address = int(code.address)
            _known[address] = code
            self._addresses[name] = address
        return self._addresses[name]


@functools.cache
def own_update(function: Callable[..., Any], slots: int, n_constants: int) -> OwnUpdate:
    """The update of a function: the same one for the same function."""
    return OwnUpdate(function, slots, n_constants)


def _plain(function: Any, slots: int) -> Callable[..., int]:
    function = getattr(function, "py_func", function)

    def run(lengths: tuple[int, int], w: Any, g: Any, state: Any, step: tuple[Any, Any, Any], numbers: Any) -> int:
        (n, size), (eta, t, factor), kind, failed = lengths, step, w.dtype.type, 0
        for i in range(n):
            indices = [i + slot * size for slot in range(slots)]
            try:
                made = function(g[i], w[i], *(state[index] for index in indices), eta, t, *numbers)
                values = [kind(as_number(value)) for value in (made if isinstance(made, tuple) else (made,))]
            except Exception:  # a user's update may raise anything: divergence, as in compiled code
                values = [kind(np.nan)]
            if factor != 0:
                values[0] = values[0] - factor * w[i]
            if len(values) == 1 + slots and np.isfinite(values).all():
                w[i] = values[0]
                for index, value in zip(indices, values[1:], strict=True):
                    state[index] = value
            else:
                failed = 1
        return failed

    return run


def _call_update(
    code: int, lengths: tuple[int, int], w: Any, g: Any, state: Any, step: tuple[Any, Any, Any], numbers: Any
) -> int:
    return int(_known[code](lengths, w, g, state, step, numbers))


def _by_address() -> Any:
    if DISABLED:
        return _call_update

    def make() -> Any:
        return compiler("user_updates").type_of_call_update()

    return Twin(_call_update, make)


call_update = _by_address()
"""(code, (n, size), w, g, state, (eta, t, factor), numbers): a user's update, then w <- w - factor w_before.

Overwrites n elements of w and, ``size`` elements apart, of each vector of the state; reads as many of g. What the
update makes of a parameter is left out unless all of it is finite; 1 if any was left out, else 0.
"""
