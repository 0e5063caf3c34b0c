"""The build: a process for each dtype makes objects of all kernels, and the linker a library of them."""

from __future__ import annotations

import contextlib
import hashlib
import os
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterable, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from fastbp.jit import cache
from fastbp.jit.tried import TRIED
from fastbp.native.levels import LEVELS, PLATFORMS, Level, of_this_machine
from fastbp.native.link import check_linker, link

DTYPES = ("float32", "float64")


def environment(level: Level) -> dict[str, str]:
    """Of a process that compiles for a level, whose constants are those of the kernels there."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("NUMBA_", "FASTBP_"))}
    root = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join([root, *filter(None, [kept.get("PYTHONPATH")])])
    return kept | {
        "FASTBP_MACHINE_CODE": "0",
        "FASTBP_NO_CACHE": "1",
        "FASTBP_BUILD_FOR": f"{level.system} {'wide' if level.wide else 'narrow'}",
        "PYTHONPATH": path,
    }


def _check_numba() -> None:
    """Refuse a version that is not known to make these kernels well: it would be asked for what it does not promise."""
    try:
        known = metadata.version("numba")
    except metadata.PackageNotFoundError:
        raise RuntimeError("Numba, which makes machine code of the kernels, is not installed.") from None
    if not known.startswith(TRIED):
        tried = " or ".join(f"{version}x" for version in TRIED)
        raise RuntimeError(
            f"Numba {known} is installed; machine code for a wheel is made with one that was tried, {tried}. "
            f"Run: pip install 'numba=={TRIED[-1]}*'."
        )


def _kept(level: Level) -> Path | None:
    """Where a library is kept that was made of these sources by these compilers; None where nothing can be kept."""
    known = hashlib.sha256(level.name.encode() + level.triple.encode())
    for name in ("numba", "llvmlite"):
        known.update(metadata.version(name).encode())
    for path in sorted(Path(__file__).parent.glob("*.[pc]*")):
        if path.is_file():
            known.update(path.read_bytes())
    folder = cache.find(cache.digest([known.hexdigest()]))
    return folder and folder / level.file_name


def build(level: Level, folder: Path) -> Path:
    """The library of a level, in a folder. What was built once is kept beside compiled code, and found there.

    Raises
    ------
    RuntimeError
        The kernels could not be compiled, or this version of Numba was not tried.
    CannotLink
    """
    _check_numba()
    kept = _kept(level)
    data = kept and cache.read(kept)
    if not data:
        check_linker(level)
        data = _built(level)
        if kept:
            with contextlib.suppress(OSError):
                cache.write(kept, data)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / level.file_name
    checksum = hashlib.sha256(data).hexdigest()
    path.with_name(path.name + ".sha256").write_text(checksum + "\n", encoding="ascii")
    path.write_bytes(data)
    return path


def _built(level: Level) -> bytes:
    with tempfile.TemporaryDirectory() as name:
        command = [sys.executable, "-m", "fastbp.native.build", str(LEVELS.index(level)), name]
        processes = [
            subprocess.Popen(
                [*command, dtype], env=environment(level), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
            )
            for dtype in DTYPES
        ]
        said = [process.communicate()[1] for process in processes]
        for process, errors in zip(processes, said, strict=True):
            if process.returncode:
                raise RuntimeError(f"The kernels could not be compiled: {errors.decode(errors='replace')[-2000:]}")
        made = Path(name) / level.file_name
        link(sorted(Path(name).glob("*.o")), level, made)
        return made.read_bytes()


def _runs_here(level: Level) -> bool:
    """Whether this CPU has the instructions, as far as LLVM knows it; the library looks for itself."""
    import llvmlite.binding as llvm

    known = llvm.get_host_cpu_features()
    needed = ["avx2", "fma", "bmi2"] if level.machine == "x86_64" else []
    needed += [f"avx512{part}" for part in ("f", "bw", "cd", "dq", "vl")] if level.wide else []
    return all(known.get(name, False) for name in needed)


def build_here(folder: Path) -> tuple[list[Path], str]:
    """The best library for this machine, tried here, and the tag of a wheel with it.

    Raises
    ------
    RuntimeError
        There is none for this kind of machine, or what was built does not run.
    CannotLink
    """
    from fastbp.jit.library import Library, Unusable

    level = next((level for level in of_this_machine() if _runs_here(level)), None)
    if level is None:
        raise RuntimeError(f"there is none for this CPU; there is for {', '.join(PLATFORMS)}, from AVX2 on")
    path = build(level, folder)
    try:
        Library(path)
    except Unusable as error:
        raise RuntimeError(f"{path.name} was built, but {error}") from error
    of_python = sysconfig.get_platform().replace("-", "_").replace(".", "_")
    return [path], level.tag if level.system == "darwin" else of_python  # Python's own may be of both kinds of Macs


def build_platform(platform: str, folder: Path) -> tuple[list[Path], str]:
    """All libraries of a platform, and the tag of a wheel with them.

    Raises
    ------
    ValueError
        There is no such platform.
    RuntimeError
        The kernels could not be compiled.
    CannotLink
    """
    levels = [level for level in LEVELS if level.platform == platform]
    if not levels:
        raise ValueError(f"There is no platform {platform!r}; take one of {', '.join(PLATFORMS)}.")
    return [build(level, folder) for level in levels], levels[0].tag


def digest_of_sources() -> str:
    """What the library holds, and is compared when it is loaded."""
    from fastbp.jit.cache import digest

    return digest([])


def _descriptions(dtypes: Iterable[str]) -> list[Any]:
    from fastbp.native.code import described
    from fastbp.native.entries import specimens

    return [described(specimen) for dtype in dtypes for specimen in specimens(dtype)]


def compile_objects(level: Level, folder: Path, dtype: str) -> None:
    """In a process of its own: the objects of the kernels for nets of a dtype, and with one of them the description."""
    import numba

    from fastbp.jit import cpu
    from fastbp.native.code import code_of
    from fastbp.native.entries import TABLES, specimens
    from fastbp.native.objects import object_of, object_of_description

    if dtype == DTYPES[0]:
        tables: dict[str, Any] = {
            name: {
                "names": list(table.names or ()),
                "formats": [table[field].str for field in table.names or ()],
                "offsets": [table.fields[field][1] for field in table.names or ()],  # type: ignore[index]
                "itemsize": table.itemsize,
            }
            for name, table in TABLES.items()
        }
        description = {
            "level": level.name,
            "digest": digest_of_sources(),
            "numba": numba.__version__,
            "constants": cpu.SHAPE,
            "tables": tables,
            "kernels": _descriptions(DTYPES),
        }
        (folder / "description.o").write_bytes(object_of_description(description, level))
    known = list(specimens(dtype))
    for group in dict.fromkeys(specimen.group for specimen in known):
        code = code_of([specimen for specimen in known if specimen.group == group])
        (folder / f"{group}-{dtype}.o").write_bytes(object_of(code, level))


def _main(arguments: Sequence[str]) -> None:
    number, folder, dtype = arguments
    compile_objects(LEVELS[int(number)], Path(folder), dtype)


if __name__ == "__main__":
    _main(sys.argv[1:])
