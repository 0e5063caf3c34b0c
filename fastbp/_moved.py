"""Modules under the names that they had in version 0.1.0, for imports and pickles of that time."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

MOVED = {
    "fastbp.activations": "fastbp.functions.activations",
    "fastbp.callbacks": "fastbp.training.callbacks",
    "fastbp.optimizers": "fastbp.training.optimizers",
    "fastbp.progress": "fastbp.training.progress",
    "fastbp.scaling": "fastbp.data.scaling",
    "fastbp.schedules": "fastbp.training.schedules",
}
"""Former name -> name."""


class _Finder(MetaPathFinder, Loader):
    """Finds a module by its former name: both names then stand for one module."""

    def find_spec(self, name: str, path: Any, target: ModuleType | None = None) -> ModuleSpec | None:
        return importlib.util.spec_from_loader(name, self) if name in MOVED else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = importlib.import_module(MOVED[spec.name])
        spec.loader_state = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        spec = module.__spec__
        assert spec is not None
        module.__spec__ = spec.loader_state  # importing has put that of the former name in its place


def install() -> None:
    """Let imports find the former names."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.append(_Finder())
