"""What libraries are built for: a system, and a CPU with all that the code uses."""

from __future__ import annotations

import platform
import sys
from typing import NamedTuple


class Level(NamedTuple):
    """One library."""

    name: str
    triple: str
    """LLVM's name of the machine."""
    cpu: str
    """LLVM's name of the CPU."""
    wide: bool
    """Whether it has AVX-512: the kernels are written for registers of 64 bytes, 32 of them, else of 32 bytes, 16."""
    system: str
    """``sys.platform`` there."""
    suffix: str
    tag: str
    """Platforms of the wheel."""

    @property
    def file_name(self) -> str:
        """Of the library."""
        return f"fastbp-{self.name}{self.suffix}"

    @property
    def platform(self) -> str:
        """System and kind of machine: a wheel has all levels of one."""
        return f"{self.system}-{self.machine}"

    @property
    def machine(self) -> str:
        """The kind of machine."""
        return self.triple.split("-")[0]


_LINUX = "manylinux_2_17_{0}.manylinux2014_{0}.musllinux_1_1_{0}"
"""The library names no other one: what it takes of the C library, of either kind, is in every process of Python."""

LEVELS = (
    Level("x86-64-v4", "x86_64-unknown-linux-gnu", "x86-64-v4", True, "linux", ".so", _LINUX.format("x86_64")),
    Level("x86-64-v3", "x86_64-unknown-linux-gnu", "x86-64-v3", False, "linux", ".so", _LINUX.format("x86_64")),
    Level("aarch64", "aarch64-unknown-linux-gnu", "generic", False, "linux", ".so", _LINUX.format("aarch64")),
    Level("arm64", "arm64-apple-macosx11.0.0", "apple-m1", False, "darwin", ".dylib", "macosx_11_0_arm64"),
    Level("x86-64-v3", "x86_64-apple-macosx10.15.0", "x86-64-v3", False, "darwin", ".dylib", "macosx_10_15_x86_64"),
    Level("x86-64-v4", "x86_64-pc-windows-msvc", "x86-64-v4", True, "win32", ".dll", "win_amd64"),
    Level("x86-64-v3", "x86_64-pc-windows-msvc", "x86-64-v3", False, "win32", ".dll", "win_amd64"),
)
"""The better one of a platform first."""

PLATFORMS = tuple(dict.fromkeys(level.platform for level in LEVELS))


def of_this_machine() -> tuple[Level, ...]:
    """Of this system and kind of machine, whatever its CPU has; none if there is no level for them."""
    machine = {"AMD64": "x86_64", "x64": "x86_64", "arm64": "arm64" if sys.platform == "darwin" else "aarch64"}
    known = platform.machine()
    known = machine.get(known, known)
    return tuple(level for level in LEVELS if level.system == sys.platform and level.machine == known)
