"""Whether the book's code would run what this package ships, or something that the user has put in its place."""

from __future__ import annotations

import random
import types
from collections.abc import Sequence
from typing import Any


class Originals:
    """The functions of a module and the methods of its ``Network``, as the module was imported.

    Parameters
    ----------
    module : dict
        The module's namespace.
    state : sequence of str
        The attributes of a net that its methods read and assign.
    """

    def __init__(self, module: dict[str, Any], state: Sequence[str]) -> None:
        self._module = module
        self._state = tuple(state)
        self._numpy = module["np"]
        self._functions = self._among(module)
        self._methods = self._among(vars(module["Network"]))

    @staticmethod
    def _among(names: Any) -> dict[str, Any]:
        return {name: value for name, value in names.items() if isinstance(value, types.FunctionType)}

    def run(self, net: Any, *names: str) -> bool:
        """Whether these methods of the net, and functions of the module, are the originals, and are all that runs.

        They are not where they have been replaced on the object, in a subclass, on the class or in the module, nor
        where a property or ``__setattr__`` listens when weights are read or assigned.
        """
        kind: Any = type(net)
        return (
            kind.__setattr__ is object.__setattr__
            and kind.__getattribute__ is object.__getattribute__
            and self._module["np"] is self._numpy
            and not any(hasattr(kind, name) for name in self._state)
            and all(self._is_original(net, name) for name in names)
        )

    def _is_original(self, net: Any, name: str) -> bool:
        if name in self._methods:
            method: Any = getattr(net, name, None)
            return getattr(method, "__func__", None) is self._methods[name] and method.__self__ is net
        return self._module.get(name) is self._functions[name]


def only_shuffles(shuffle: Any) -> bool:
    """Whether this is Python's own ``random.shuffle``, which looks at no sample."""
    return getattr(shuffle, "__func__", None) is random.Random.shuffle
