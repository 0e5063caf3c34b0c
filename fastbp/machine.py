"""The machine: its CPU's name, its fast cores, its free memory, as each system tells them."""

from __future__ import annotations

import ctypes
import functools
import os
import platform
import sys
from pathlib import Path
from typing import Any


def cpu_name() -> str:
    """The CPU's name as its maker gives it, or its architecture where the system does not tell."""
    if sys.platform == "darwin":
        text = ctypes.create_string_buffer(256)
        if _ask_macos(b"machdep.cpu.brand_string", text):
            return text.value.decode(errors="replace")
    try:
        with open("/proc/cpuinfo") as lines:
            for line in lines:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


@functools.cache
def performance_cores() -> int | None:
    """Cores without those that are made for saving energy; None where the system does not tell them apart.

    macOS lets no thread choose its core, and a barrier waits for the slowest.
    """
    if sys.platform != "darwin":
        return None
    value = ctypes.c_int(0)
    return value.value if _ask_macos(b"hw.perflevel0.logicalcpu", value) and value.value > 0 else None


def _ask_macos(name: bytes, answer: Any) -> bool:
    """Whether macOS knows something about the machine; it is then in ``answer``."""
    size = ctypes.c_size_t(ctypes.sizeof(answer))
    return not _library().sysctlbyname(name, ctypes.byref(answer), ctypes.byref(size), None, ctypes.c_size_t(0))


def available_memory() -> int | None:
    """Bytes that this process can still get, as far as the system tells; None where it does not."""
    if sys.platform == "win32":
        return _available_on_windows()
    if sys.platform == "darwin":
        return _available_on_macos()
    known = []
    try:
        with open("/proc/meminfo") as lines:
            known += [int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable")]
    except OSError:
        if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
            known.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    try:
        limit = Path("/sys/fs/cgroup/memory.max").read_text().strip()
        used = int(Path("/sys/fs/cgroup/memory.current").read_text())
        if limit != "max":
            known.append(max(0, int(limit) - used))
    except (OSError, ValueError):
        pass
    return min(known) if known else None


@functools.cache
def _library() -> Any:
    """The C library; on Windows the part of the system that tells its memory."""
    return kernel32() if sys.platform == "win32" else ctypes.CDLL(None)


def kernel32() -> Any:
    """The part of Windows that tells its memory and lets threads wait."""
    return getattr(ctypes, "windll").kernel32  # noqa: B009  # only there does ctypes have it


class MemoryStatus(ctypes.Structure):
    """Windows' MEMORYSTATUSEX."""

    _fields_ = [
        ("size", ctypes.c_uint32),
        ("load", ctypes.c_uint32),
        *((name, ctypes.c_uint64) for name in ("physical", "available", "committable", "commit_left")),
        *((name, ctypes.c_uint64) for name in ("virtual", "virtual_left", "extended")),
    ]


def _available_on_windows() -> int | None:
    status = MemoryStatus(size=ctypes.sizeof(MemoryStatus))
    if not _library().GlobalMemoryStatusEx(ctypes.byref(status)):
        return None
    return int(min(status.available, status.commit_left))


class VMStatistics(ctypes.Structure):
    """macOS's vm_statistics64: numbers of pages."""

    _fields_ = [
        *((name, ctypes.c_uint32) for name in ("free", "active", "inactive", "wired")),
        ("events", ctypes.c_uint64 * 9),
        *((name, ctypes.c_uint32) for name in ("purgeable", "speculative")),
        ("swapping", ctypes.c_uint64 * 4),
        ("compressor", ctypes.c_uint32 * 4),
        ("compressed", ctypes.c_uint64),
    ]


HOST_VM_INFO64 = 4


def _available_on_macos() -> int | None:
    """Pages that are free, and those that have not been used of late, most of them of files."""
    library = _library()
    host, pages, page = library.mach_host_self(), VMStatistics(), ctypes.c_size_t(0)
    count = ctypes.c_uint32(ctypes.sizeof(VMStatistics) // 4)
    failed = library.host_statistics64(host, HOST_VM_INFO64, ctypes.byref(pages), ctypes.byref(count))
    failed = failed or library.host_page_size(host, ctypes.byref(page))
    return None if failed else int((pages.free + pages.inactive) * page.value)
