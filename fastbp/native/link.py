"""A shared library of objects, by a linker that is there."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from fastbp.native.levels import Level, of_this_machine


class CannotLink(RuntimeError):
    """There is no linker for a level here, or it failed."""

    def __init__(self, level: Level, reason: str) -> None:
        super().__init__(f"No linker here makes a library for {level.triple}: {reason}")


SOURCES = [str(Path(__file__).with_name(name)) for name in ("call.c", "cpu.c", "windows.c")]

_C = ["-O2", "-fPIC", "-ffreestanding", "-fno-stack-protector", "-fvisibility=hidden"]
_ELF = ["-nostdlib", "-s", *(f"-Wl,{flag}" for flag in ("-z,noexecstack", "-z,now", "-z,relro", "--build-id=none"))]
"""The library names no other one: what it takes of the C library is in every process of Python, whichever it is."""
_NAMED = ["-Wl,-install_name,@rpath/fastbp"]
"""A library of macOS holds a name, which otherwise is where it was made."""
_SHARED = {
    "linux": ["-shared", *_ELF],
    "darwin": ["-shared", "-s", *_NAMED],
    "win32": ["-shared", "-s", "-nostdlib", "-lkernel32"],  # windows.c has what is not in the system
}


def _zig() -> list[str] | None:
    """The command of PyPI's ziglang, a compiler of C that links for every system."""
    if importlib.util.find_spec("ziglang") is not None:
        return [sys.executable, "-m", "ziglang", "cc"]
    path = shutil.which("zig")
    return [path, "cc"] if path else None


def _target(level: Level) -> str:
    """What Zig calls it."""
    machine = "aarch64" if level.machine == "arm64" else level.machine
    oldest = level.triple.partition("macosx")[2]
    system = {"linux": "linux-musl", "darwin": f"macos.{oldest}", "win32": "windows-gnu"}[level.system]
    return f"{machine}-{system}"


def commands(level: Level) -> list[list[str]]:
    """Those that can link a level here, the best first; inputs and ``-o`` follow."""
    found = []
    if zig := _zig():  # which makes the same bytes on every machine
        found.append([*zig, "-target", _target(level), "-mcpu=baseline", *_C, *_SHARED[level.system]])
    cc = shutil.which("cc")
    if cc and level in of_this_machine() and level.system != "win32":
        found.append(
            [cc, *_C, *(["-shared", *_ELF] if level.system == "linux" else ["-dynamiclib", "-Wl,-x", *_NAMED])]
        )
    return found


def check_linker(level: Level) -> None:
    """Before anything is compiled: whether there is one.

    Raises
    ------
    CannotLink
    """
    if not commands(level):
        raise CannotLink(level, "there is none; one comes with: pip install ziglang")


def link(objects: Sequence[Path], level: Level, path: Path, *flags: str) -> None:
    """Make the library; ``flags`` are for the compiler of what stands beside the objects.

    Raises
    ------
    CannotLink
    """
    check_linker(level)
    said = []
    for command in commands(level):
        done = subprocess.run(
            [*command, f"-DWIDE={int(level.wide)}", *flags, *SOURCES, *map(str, objects), "-o", str(path)],
            capture_output=True,
            text=True,
        )
        if done.returncode == 0:
            return
        said.append(f"{command[0]} says: {done.stderr.strip()[-2000:]}")
    raise CannotLink(level, "; ".join(said))
