"""What `bench/tables.toml` says."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from bench.files import ROOT

PATH = ROOT / "bench" / "tables.toml"
Role = Literal["dev", "test"]
Task = Literal["regression", "classification"]


@dataclass(frozen=True)
class Described:
    """A table, as the file describes it."""

    name: str
    role: Role
    source: str
    target: str
    task: Task
    drop: Mapping[str, str] = field(default_factory=dict)
    categories: tuple[str, ...] = ()
    dates: tuple[str, ...] = ()
    unit: tuple[str, ...] = ()
    unit_rows: int | None = None
    time: str | None = None
    sample: int | None = None


@dataclass(frozen=True)
class Protocol:
    """The numbers that hold for all tables."""

    split_seeds: tuple[int, ...]
    test_share: float
    time_parts: int
    ablation_seeds: tuple[int, ...]
    members: int
    regression: str
    classification: str


def _read() -> dict[str, Any]:
    return tomllib.loads(PATH.read_text(encoding="utf-8"))


def _frozen(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in entry.items()}


def protocol() -> Protocol:
    """The numbers that hold for all tables."""
    return Protocol(**_frozen(_read()["protocol"]))


def tables(role: Role | None = None) -> dict[str, Described]:
    """The tables of a role, or all, by name."""
    entries = [Described(**_frozen(entry)) for entry in _read()["table"]]
    return {entry.name: entry for entry in entries if role in (None, entry.role)}


def versions() -> dict[str, str]:
    """The packages that hold the tables, and the versions that were read."""
    return dict(_read()["packages"])
