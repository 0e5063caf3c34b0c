"""The build hook of the wheel: machine code of the kernels for the machine that installs, or for a platform by name.

``FASTBP_BUILD=0`` leaves it out; with the name of a platform, such as ``linux-aarch64``, the wheel is for that one, and
cannot be made without it. An editable installation has none: there Numba compiles what is being changed.
"""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ASKED = os.environ.get("FASTBP_BUILD", "1").strip()


class MachineCode(BuildHookInterface[Any]):
    """Adds libraries to the wheel."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """What the build needs beside hatchling: the package's own dependencies, and a linker if there is none."""
        if ASKED == "0":
            return []
        linker = [] if shutil.which("cc") and ASKED == "1" and sys.platform != "win32" else ["ziglang"]
        return [*self.metadata.core.dependencies, *linker]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the libraries, and say in the wheel's name what they are for."""
        if ASKED == "0" or version == "editable":
            return
        sys.path.insert(0, self.root)
        from fastbp.native import build

        self._folder = tempfile.mkdtemp()
        try:
            if ASKED == "1":
                paths, tag = [build.build_here(Path(self._folder))], sysconfig.get_platform()
            else:
                paths, tag = build.build_platform(ASKED, Path(self._folder))
        except (ImportError, OSError, RuntimeError) as error:
            if ASKED != "1":
                raise
            self.app.display_warning(f"The wheel has no machine code; Numba will compile the kernels: {error}")
            return
        for path in paths:
            for file in (path, path.with_name(path.name + ".sha256")):
                build_data["force_include"][str(file)] = f"fastbp/native/libraries/{file.name}"
        build_data["tag"] = "py3-none-" + tag.replace("-", "_").replace(".", "_") if ASKED == "1" else f"py3-none-{tag}"
        build_data["pure_python"] = False

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove what was built beside the wheel."""
        if hasattr(self, "_folder"):
            shutil.rmtree(self._folder, ignore_errors=True)
