"""What fastbp asks other systems for, with their calls simulated: nothing here was run on Windows or macOS."""

from __future__ import annotations

import ctypes
import errno
import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import fastbp
from fastbp import checks, machine
from fastbp.io import atomic
from fastbp.kernels import layout, team
from fastbp.kernels.records import FLAGS, THREAD
from fastbp.kernels.team import GATE
from fastbp.runtime import pool

ROOT = Path(fastbp.__file__).parents[1]

Simulate = Callable[[str, Any], None]


@pytest.fixture
def simulate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulate]:
    """Another system, and its library."""

    def on(platform: str, library: Any) -> None:
        machine.performance_cores.cache_clear()
        monkeypatch.setattr(machine, "sys", SimpleNamespace(platform=platform))
        monkeypatch.setattr(machine, "_library", lambda: library)

    yield on
    machine.performance_cores.cache_clear()


class MacOS:
    """Some calls of macOS's C library, with the layout of its headers written out by hand."""

    def __init__(self, cores: int | None, name: str | None) -> None:
        numbers = {} if cores is None else {b"hw.perflevel0.logicalcpu": cores.to_bytes(4, sys.byteorder)}
        self.known = numbers | ({} if name is None else {b"machdep.cpu.brand_string": name.encode() + b"\0"})

    def sysctlbyname(self, name: bytes, value: Any, size: Any, new: Any, new_size: Any) -> int:
        if name not in self.known:
            return -1
        assert (new, new_size.value) == (None, 0)
        assert size._obj.value >= len(self.known[name])
        ctypes.memmove(value, self.known[name], len(self.known[name]))
        size._obj.value = len(self.known[name])
        return 0

    def mach_host_self(self) -> int:
        return 42

    def host_statistics64(self, host: int, flavor: int, out: Any, count: Any) -> int:
        assert (host, flavor, count._obj.value) == (42, 4, 38)  # HOST_VM_INFO64, HOST_VM_INFO64_COUNT
        free, active, inactive = 1000, 77777, 500
        words = [free, active, inactive] + [99999] * 35
        ctypes.memmove(out, (ctypes.c_uint32 * 38)(*words), 4 * 38)
        return 0

    def host_page_size(self, host: int, size: Any) -> int:
        assert host == 42
        size._obj.value = 16384
        return 0


class Windows:
    """GlobalMemoryStatusEx, by the offsets of MEMORYSTATUSEX."""

    def __init__(self, physical: int, commit: int) -> None:
        self.physical, self.commit = physical, commit

    def GlobalMemoryStatusEx(self, status: Any) -> int:
        raw = (ctypes.c_uint8 * 64).from_address(ctypes.addressof(status._obj))
        assert int.from_bytes(bytes(raw[:4]), sys.byteorder) == 64  # dwLength
        for at, value in ((16, self.physical), (32, self.commit)):  # ullAvailPhys, ullAvailPageFile
            raw[at : at + 8] = value.to_bytes(8, sys.byteorder)
        return 1


def test_macos_tells_its_memory_cores_and_name(simulate: Simulate) -> None:
    simulate("darwin", MacOS(6, "Apple M2 Pro"))
    assert machine.available_memory() == 1500 * 16384
    assert machine.performance_cores() == 6
    assert machine.cpu_name() == "Apple M2 Pro"


def test_a_mac_that_does_not_tell(simulate: Simulate, monkeypatch: pytest.MonkeyPatch) -> None:
    silent = MacOS(None, None)
    monkeypatch.setattr(silent, "host_statistics64", lambda *args: 5)
    simulate("darwin", silent)
    assert machine.available_memory() is None
    assert machine.performance_cores() is None
    assert machine.cpu_name()


def test_threads_of_a_mac_are_as_many_as_its_fast_cores(simulate: Simulate, monkeypatch: pytest.MonkeyPatch) -> None:
    class WithoutAffinity:
        def __getattr__(self, name: str) -> object:
            if name == "sched_getaffinity":
                raise AttributeError(name)
            return (lambda: 10) if name == "cpu_count" else getattr(os, name)

    monkeypatch.setattr(pool, "os", WithoutAffinity())
    simulate("darwin", MacOS(6, "Apple M2 Pro"))
    assert pool.limits()["cores this process may use"] == 6
    simulate("win32", Windows(0, 0))
    assert pool.limits()["cores this process may use"] == 10


@pytest.mark.parametrize(("physical", "commit"), [(5 << 30, 9 << 30), (5 << 30, 1 << 30)])
def test_windows_tells_its_memory(
    simulate: Simulate, monkeypatch: pytest.MonkeyPatch, physical: int, commit: int
) -> None:
    simulate("win32", Windows(physical, commit))
    least = min(physical, commit)
    assert machine.available_memory() == least
    checks.check_memory(least, "The weights")
    with pytest.raises(MemoryError, match=f"{least / 1e9:.3g} GB are free"):
        checks.check_memory(least + 1, "The weights")


def test_this_system_tells_its_memory() -> None:
    available = machine.available_memory()
    assert available is not None
    assert 1 << 20 < available < 1 << 50


class WindowsFiles:
    """``os`` as Windows has it for files: read-only is the one bit of a mode, and such a file stays where it is."""

    name = "nt"

    def __init__(self, *, busy: bool = False) -> None:
        self.busy = busy  # whether another program has the file open
        self.calls: list[tuple[str, str]] = []

    def __getattr__(self, name: str) -> object:
        if name in ("chown", "getuid", "O_DIRECTORY", "O_CLOEXEC"):
            raise AttributeError(name)
        return getattr(os, name)

    def _writable(self, path: str) -> None:
        if not os.stat(path).st_mode & stat.S_IWUSR:
            raise PermissionError(errno.EACCES, "Access is denied", path)

    def chmod(self, path: str, mode: int) -> None:
        self.calls.append(("chmod", "read-only" if not mode & stat.S_IWRITE else "writable"))
        os.chmod(path, 0o666 if mode & stat.S_IWRITE else 0o444)

    def replace(self, source: str, target: str) -> None:
        self.calls.append(("replace", ""))
        if os.path.exists(target):
            self._writable(target)
            if self.busy:
                raise PermissionError(errno.EACCES, "The process cannot access the file", target)
        os.replace(source, target)

    def unlink(self, path: str) -> None:
        self._writable(path)
        os.unlink(path)


@pytest.fixture
def read_only(tmp_path: Path) -> Path:
    """A file that its user has protected."""
    path = tmp_path / "net.fastbp"
    path.write_bytes(b"old")
    path.chmod(0o444)
    return path


def test_windows_saves_over_a_read_only_file(read_only: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    windows = WindowsFiles()
    monkeypatch.setattr(atomic, "os", windows)
    atomic.write_atomically(read_only, [b"new"])
    assert read_only.read_bytes() == b"new"
    assert not read_only.stat().st_mode & stat.S_IWUSR
    assert windows.calls == [("chmod", "writable"), ("replace", ""), ("chmod", "read-only")]
    assert [found.name for found in read_only.parent.iterdir()] == ["net.fastbp"]


def test_windows_keeps_a_read_only_file_that_is_open_elsewhere(
    read_only: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(atomic, "os", WindowsFiles(busy=True))
    with pytest.raises(OSError, match="cannot access"):
        atomic.write_atomically(read_only, [b"new"])
    assert read_only.read_bytes() == b"old"
    assert not read_only.stat().st_mode & stat.S_IWUSR
    assert [found.name for found in read_only.parent.iterdir()] == ["net.fastbp"]


def test_windows_removes_what_older_versions_left_read_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left = tmp_path / ".fastbp-1-0123abcd.tmp"
    left.write_bytes(b"half")
    left.chmod(0o444)
    os.utime(left, (0, 0))
    monkeypatch.setattr(atomic, "os", WindowsFiles())
    atomic.write_atomically(tmp_path / "net.fastbp", [b"new"])
    assert [found.name for found in tmp_path.iterdir()] == ["net.fastbp"]


@pytest.mark.parametrize("known", [True, False])
def test_macos_waits_for_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, known: bool) -> None:
    """By F_FULLFSYNC, file and directory; by ``fsync`` on a file system that does not know it."""
    order: list[str] = []

    def full(fd: int, command: int) -> None:
        assert command == 51
        order.append("full")
        if not known:
            raise OSError(errno.ENOTSUP, "Operation not supported")

    class Watched:
        def __getattr__(self, name: str) -> object:
            real = getattr(os, name)

            def call(*args: Any, **kwargs: Any) -> Any:
                order.append(name)
                return real(*args, **kwargs)

            return call if name in ("fsync", "replace") else real

    monkeypatch.setattr(atomic, "fcntl", SimpleNamespace(F_FULLFSYNC=51, fcntl=full))
    monkeypatch.setattr(atomic, "os", Watched())
    atomic.write_atomically(tmp_path / "net.fastbp", [b"new"])
    synced = ["full"] if known else ["full", "fsync"]
    assert order == [*synced, "replace", *synced]
    assert (tmp_path / "net.fastbp").read_bytes() == b"new"


def test_what_threads_write_to_lies_in_lines_of_128_bytes_of_its_own() -> None:
    """Those of Apple's processors; and the pairs of 64 that Intel's fetch."""
    for table in (GATE, THREAD, FLAGS):
        assert table.itemsize % 128 == 0
    assert layout.aligned(3, GATE).__array_interface__["data"][0] % 128 == 0
    for dtype, itemsize in (("float32", 4), ("float64", 8)):
        net = fastbp.Network([37, 45, 19, 10], dtype=dtype, seed=0)
        for schedule in (False, True):
            _, offsets, _ = layout.workspace_layout(net._layers, 23, 3, 3, itemsize, column_parallel=schedule)
            for name in ("panels", "gradients", *(["slabs"] if schedule else [])):
                assert offsets[name][0] * itemsize % 128 == 0
                assert offsets[f"{name}_step"][0] * itemsize % 128 == 0


WINDOWS_TEAM = """
import collections, ctypes, hashlib, sys, threading, types
import numba, llvmlite.binding, numpy as np
libc = ctypes.CDLL(None)
calls, cell = collections.Counter(), np.ones(1, np.int64)
if sys.argv[1] == "windows":
    @ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int)
    def Sleep(ms):
        calls[f"Sleep({ms})"] += 1
        cell[0] = 1  # what the waiting function below waits for
        return libc.usleep(1000 * ms)
    @ctypes.CFUNCTYPE(ctypes.c_int)
    def SwitchToThread():
        calls["SwitchToThread()"] += 1
        return libc.sched_yield()
    ctypes.windll = types.SimpleNamespace(kernel32=types.SimpleNamespace(SwitchToThread=SwitchToThread, Sleep=Sleep))
    import fastbp.functions, fastbp.jit.asked, fastbp.jit.records, fastbp.kernels.records
    fastbp.jit.asked.SYSTEM = "win32"
    import fastbp.kernels.team
    fastbp.jit.asked.SYSTEM = "linux"
import fastbp
from fastbp.jit import strict
from fastbp.jit.addresses import pointer
from fastbp.kernels import team

@strict
def wait(cell):
    team.wait_for(pointer(cell), 1)

net = fastbp.Network([20, 30, 10], seed=0, dtype="float32")
X, Y = np.random.default_rng(0).standard_normal((400, 20)), np.arange(400) % 10
run = fastbp.train(net, X, Y, epochs=4, batch_size=40, seed=0, n_threads=2)
assert run.n_threads == 2
wait(cell)  # compiled now
if sys.argv[1] == "windows":
    calls.clear()
    cell[0] = 0
    otherwise = threading.Timer(60, lambda: cell.__setitem__(0, 1))
    otherwise.start()
    wait(cell)
    otherwise.cancel()
print(hashlib.sha256(net.theta.tobytes()).hexdigest(), *(f"{n} {name}" for name, n in calls.items()), sep=";")
"""


@pytest.mark.slow
@pytest.mark.compiled
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Windows is simulated by calls of Linux")
def test_a_team_on_windows_waits_by_its_calls(tmp_path: Path) -> None:
    """It ends to wait when it sleeps for the first time, so that the number of calls is known."""

    def said(system: str, **environment: str) -> list[str]:
        done = subprocess.run(
            [sys.executable, "-c", WINDOWS_TEAM, system],
            env=os.environ | {"PYTHONPATH": str(ROOT), "NUMBA_NUM_THREADS": "2"} | environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip().split(";")

    theta, *calls = said("windows", FASTBP_CACHE_DIR=str(tmp_path), FASTBP_MACHINE_CODE="0")
    assert [theta] == said("linux")
    assert calls == [f"{team.YIELDS} SwitchToThread()", "1 Sleep(1)"]
