"""The build hook of the wheel: machine code of the kernels for the machine that installs, or for a platform by name.

``FASTBP_BUILD=0`` leaves it out; with the name of a platform, such as ``linux-aarch64``, the wheel is for that one, and
cannot be made without it. An editable installation has none: there Numba compiles what is being changed.

A wheel without machine code is for every machine, and has a file that says why; ``fastbp doctor`` shows it.
"""

from __future__ import annotations

import os
import platform
import runpy
import shutil
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SET = os.environ.get("FASTBP_BUILD", "").strip()
_WORDS = {"": "1", "true": "1", "yes": "1", "on": "1", "false": "0", "no": "0", "off": "0"}
ASKED = _WORDS.get(SET.lower(), SET)
"""1 for this machine, 0 for nothing, or a platform."""


class MachineCode(BuildHookInterface[Any]):
    """Adds libraries to the wheel."""

    PLUGIN_NAME = "custom"

    def _constants(self, path: str) -> dict[str, Any]:
        """Of a module that needs no other one: NumPy need not be there yet."""
        return runpy.run_path(str(Path(self.root, "fastbp", path)))

    def _missing(self) -> str | None:
        """Why nothing is built; None if it can be tried."""
        if ASKED == "0":
            return f"FASTBP_BUILD={SET} was set when the wheel was built"
        if ASKED != "1":
            return None
        here = self._constants("native/levels.py")["of_this_machine"]()
        if not here or sys.maxsize < 2**32:
            return f"there is no machine code for {sysconfig.get_platform()}"
        musl = sys.platform == "linux" and platform.libc_ver()[0] != "glibc"
        if musl or here[0].platform == "darwin-x86_64":
            return f"{sysconfig.get_platform()} has no Numba to build it with; take a wheel that was built elsewhere"
        return None

    def dependencies(self) -> list[str]:
        """What the build needs beside hatchling: NumPy, a Numba that was tried, and a linker if there is none."""
        platforms = self._constants("native/levels.py")["PLATFORMS"]
        if ASKED not in ("0", "1", *platforms):  # before anything is downloaded for it
            self.app.abort(
                f"FASTBP_BUILD is {SET!r}; it must be 0 for no machine code, 1 for that of this machine, or one of "
                f"{', '.join(platforms)}. Set one of these, or leave it unset."
            )
        if self._missing():
            return []
        numba = self._constants("jit/tried.py")["TRIED"][-1]
        linker = [] if shutil.which("cc") and ASKED == "1" and sys.platform != "win32" else ["ziglang"]
        others = [needed for needed in self.metadata.core.dependencies if not needed.startswith("numba")]
        return [*others, f"numba=={numba}*", *linker]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the libraries, and say in the wheel's name what they are for."""
        if version == "editable":
            return
        self._folder = Path(tempfile.mkdtemp())
        missing = self._missing()
        if missing is None:
            missing = self._add_libraries(build_data)
        if missing:
            self.app.display_warning(f"The wheel has no machine code: {missing}")
            said = self._folder / "none.txt"
            said.write_text(f"{missing}\n", encoding="utf-8")
            build_data["force_include"][str(said)] = f"fastbp/native/libraries/{said.name}"

    def _add_libraries(self, build_data: dict[str, Any]) -> str | None:
        sys.path.insert(0, self.root)
        try:
            from fastbp.native import build

            if ASKED == "1":
                paths, tag = build.build_here(self._folder)
            else:
                paths, tag = build.build_platform(ASKED, self._folder)
        except (ImportError, OSError, RuntimeError) as error:
            if ASKED != "1":
                shutil.rmtree(self._folder, ignore_errors=True)
                raise
            return f"the build found: {error}"
        for path in paths:
            for file in (path, path.with_name(path.name + ".sha256")):
                build_data["force_include"][str(file)] = f"fastbp/native/libraries/{file.name}"
        build_data["tag"] = f"py3-none-{tag}"
        build_data["pure_python"] = False
        return None

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove what was built beside the wheel."""
        if hasattr(self, "_folder"):
            shutil.rmtree(self._folder, ignore_errors=True)
