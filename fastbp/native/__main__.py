"""All wheels of a release: ``python -m fastbp.native dist``, in the sources, with hatchling and ziglang installed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence

from fastbp.native.levels import PLATFORMS


def main(arguments: Sequence[str]) -> None:
    """Make a wheel for each platform, or for those that are named after the folder."""
    usage = f"Usage: python -m fastbp.native FOLDER [PLATFORM ...]; platforms are {', '.join(PLATFORMS)}."
    if arguments == ["--help"]:
        sys.stdout.write(usage + "\n")
        return
    if not arguments or arguments[0].startswith("-"):
        raise SystemExit(usage)
    folder, *named = arguments
    for platform in named or PLATFORMS:
        command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder]
        subprocess.run(command, env=os.environ | {"FASTBP_BUILD": platform}, check=True)


if __name__ == "__main__":
    main(sys.argv[1:])
