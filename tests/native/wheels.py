"""Whether the wheels of a release are whole: ``wheels.py FOLDER FILES``, where FILES lists what is in the package.

Each is small, for all Pythons, has the files of the package and the libraries of its platform, and no other. A library
exports what Python calls and nothing else, asks for nothing that is not in every process there, has no memory that can
be written to and executed, and no trace of the machine that made it. Nothing of fastbp is imported.
"""

from __future__ import annotations

import getpass
import hashlib
import json
import socket
import sys
import zipfile
from pathlib import Path

from binaries import Binary, read

MOST_BYTES = 2_000_000
FOLDER = "fastbp/native/libraries/"
LIBRARIES = {  # by a part of the wheel's name
    "manylinux_2_17_x86_64.": ("fastbp-x86-64-v3.so", "fastbp-x86-64-v4.so"),
    "manylinux_2_17_aarch64.": ("fastbp-aarch64.so",),
    "macosx_11_0_arm64": ("fastbp-arm64.dylib",),
    "macosx_10_15_x86_64": ("fastbp-x86-64-v3.dylib",),
    "win_amd64": ("fastbp-x86-64-v3.dll", "fastbp-x86-64-v4.dll"),
}
OWN = frozenset(f"fastbp_{name}" for name in "call fits objects python runs_here description".split())
KINDS: dict[str, tuple[frozenset[str], frozenset[str], tuple[str, ...]]] = {  # what may be exported besides, and needed
    ".so": (frozenset(), frozenset("memcpy memmove memset sched_yield usleep".split()), ()),
    ".dylib": (
        frozenset(("__dso_handle", "_mh_dylib_header")),
        frozenset("memcpy memmove memset bzero __bzero sched_yield usleep dyld_stub_binder".split()),
        ("/usr/lib/libSystem.B.dylib",),
    ),
    ".dll": (frozenset(), frozenset(("Sleep", "SwitchToThread")), ("KERNEL32.dll",)),
}


def check_library(name: str, data: bytes) -> None:
    """Of a wheel."""
    described = json.loads(data[data.index(b'{"level":') :].split(b"\0", 1)[0])
    known: Binary = read(data)
    besides, imports, libraries = KINDS[Path(name).suffix]
    assert known.exports - besides == OWN | {kernel["symbol"] for kernel in described["kernels"]}, known.exports
    assert len(described["kernels"]) > 20
    assert known.imports <= imports, known.imports
    assert known.libraries == libraries, known.libraries
    assert not known.executable_data
    assert name == f"fastbp-{described['level']}{Path(name).suffix}"
    assert known.machine.replace("_", "-") in name
    for trace in (getpass.getuser(), socket.gethostname(), str(Path.cwd()), "/tmp", "/home/", "/Users/"):
        assert trace.encode() not in data or trace == "root", trace


def check(path: Path, files: set[str]) -> None:
    """A wheel."""
    (libraries,) = (names for part, names in LIBRARIES.items() if part in path.name)
    assert path.name.split("-")[2:4] == ["py3", "none"], path.name
    assert path.stat().st_size < MOST_BYTES, path.stat().st_size
    with zipfile.ZipFile(path) as wheel:
        inside = {name for name in wheel.namelist() if ".dist-info/" not in name}
        made = {FOLDER + name + end for name in libraries for end in ("", ".sha256")}
        assert inside == files | made, inside ^ (files | made)
        for name in libraries:
            data = wheel.read(FOLDER + name)
            checksum = wheel.read(f"{FOLDER}{name}.sha256").decode("ascii").strip()
            assert hashlib.sha256(data).hexdigest() == checksum
            check_library(name, data)
            sys.stdout.write(f"{path.name}: {path.stat().st_size} bytes; {name}: {len(data)} bytes\n")


if __name__ == "__main__":
    folder, names = sys.argv[1:]
    found = sorted(Path(folder).glob("*.whl"))
    assert len(found) == len(LIBRARIES), found
    for each in found:
        check(each, set(Path(names).read_text(encoding="utf-8").split()))
