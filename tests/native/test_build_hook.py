"""What FASTBP_BUILD asks of the build hook. The hook's base class is hatchling's, which tests do without."""

from __future__ import annotations

import runpy
import sys
import tempfile
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


class Base:
    """In the place of hatchling's class."""

    def __class_getitem__(cls, _: Any) -> type:
        return cls


class Aborted(Exception):
    """What the builder prints before it ends."""


def abort(message: str) -> None:
    raise Aborted(message)


def hook(monkeypatch: pytest.MonkeyPatch, asked: str | None) -> Any:
    """The hook, as a build with this in the environment makes it."""
    name = "hatchling.builders.hooks.plugin.interface"
    parts = name.split(".")
    for i in range(1, len(parts) + 1):
        monkeypatch.setitem(sys.modules, ".".join(parts[:i]), ModuleType(".".join(parts[:i])))
    monkeypatch.setattr(sys.modules[name], "BuildHookInterface", Base, raising=False)
    monkeypatch.delenv("FASTBP_BUILD", raising=False)
    if asked is not None:
        monkeypatch.setenv("FASTBP_BUILD", asked)
    made = runpy.run_path(str(ROOT / "hatch_build.py"))["MachineCode"]()
    made.root, made.app = str(ROOT), SimpleNamespace(abort=abort)
    made.metadata = SimpleNamespace(core=SimpleNamespace(dependencies=["numpy>=1.26", "numba>=0.67"]))
    return made


@pytest.mark.parametrize("asked", ["0", "no", "False", "off"])
def test_it_is_left_out_and_the_wheel_says_so(monkeypatch: pytest.MonkeyPatch, asked: str) -> None:
    made = hook(monkeypatch, asked)
    assert made.dependencies() == []
    assert made._missing() == f"FASTBP_BUILD={asked} was set when the wheel was built"


@pytest.mark.parametrize("asked", [None, "", " ", "1", "yes", "TRUE", "on"])
def test_it_is_made_for_this_machine(monkeypatch: pytest.MonkeyPatch, asked: str | None) -> None:
    """An empty variable is one that is not set."""
    made = hook(monkeypatch, asked)
    assert made._missing() == hook(monkeypatch, None)._missing()
    assert made.dependencies() == hook(monkeypatch, None).dependencies()


@pytest.mark.parametrize("asked", ["2", "linux", "linux-x86_64-musl"])
def test_what_is_no_platform_is_refused_before_anything_is_downloaded(
    monkeypatch: pytest.MonkeyPatch, asked: str
) -> None:
    with pytest.raises(Aborted, match=f"FASTBP_BUILD is {asked!r}; it must be 0 .* linux-aarch64, .* leave it unset"):
        hook(monkeypatch, asked).dependencies()


def test_a_platform_needs_a_linker_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    needed = hook(monkeypatch, "win32-x86_64").dependencies()
    assert needed[0].startswith("numpy")
    assert needed[-1] == "ziglang"


def test_a_build_that_fails_leaves_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from fastbp.native import build

    def fail(platform: str, folder: Path) -> None:
        raise RuntimeError(f"no linker for {platform}")

    monkeypatch.setattr(build, "build_platform", fail)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(RuntimeError, match="no linker for linux-aarch64"):
        hook(monkeypatch, "linux-aarch64").initialize("standard", {"force_include": {}})
    assert not list(tmp_path.iterdir())
