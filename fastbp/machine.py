"""The machine: what its CPU calls itself."""

from __future__ import annotations

import platform


def cpu_name() -> str:
    """The CPU's name as its maker gives it, or its architecture where the system does not tell."""
    try:
        with open("/proc/cpuinfo") as lines:
            for text in lines:
                if text.startswith("model name"):
                    return text.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
