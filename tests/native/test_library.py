"""Ready-made machine code: the bits of compiled code, no Numba, and a way back where a library cannot be used."""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import pkgutil
import re
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import binaries
import numpy as np
import pytest
import wheels

import fastbp
from fastbp import kernels
from fastbp.jit import cpu, library
from fastbp.jit.extent import extent
from fastbp.jit.linking import Entry
from fastbp.native import build, levels, link
from fastbp.native.entries import specimens
from fastbp.native.objects import object_of_description

pytestmark = [
    pytest.mark.compiled,
    pytest.mark.skipif(
        not any(map(link.commands, levels.of_this_machine())),
        reason="NO MACHINE CODE IS TRIED: there is no level for this machine, or neither cc nor zig",
    ),
]

TESTS = Path(__file__).parents[1]
PACKAGE = Path(fastbp.__file__).parent
CODE = """
import sys
import numpy as np
import fastbp
net = fastbp.Network([3, 4, 2], seed=0, dtype="float32")
print(float(net.feedforward(np.ones((1, 3)))[0, 0]), "numba" in sys.modules)
"""
REASON = "from fastbp.jit import library; print(library.REASON or library.LIBRARY.level)"


def python(*command: str, code: Path | str, site: Path = PACKAGE.parent, **environment: str) -> str:
    """What a process prints that looks for libraries in a folder, or not at all."""
    kept = {name: value for name, value in os.environ.items() if name not in ("FASTBP_DISABLE_JIT",)}
    named = kept | {"PYTHONPATH": str(site), "FASTBP_MACHINE_CODE": str(code)} | environment
    done = subprocess.run([sys.executable, *command], env=named, capture_output=True, text=True, check=False, cwd="/")
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_every_kernel_that_python_calls_is_in_it() -> None:
    """In both dtypes, if it is about a net's numbers."""
    called = set()
    for module in pkgutil.walk_packages(kernels.__path__, "fastbp.kernels."):
        for value in vars(import_module(module.name)).values():
            if isinstance(value, Entry):
                called.add(f"{value.py_func.__module__}.{value.py_func.__qualname__}")
    known = [{specimen.name for specimen in specimens(dtype)} for dtype in build.DTYPES]
    assert len(called) > 5
    assert called == known[0] | known[1]
    assert known[1] - known[0] == {"fastbp.kernels.fingerprint.fingerprint"}


def test_trainings_have_the_bits_of_compiled_code(libraries: Path) -> None:
    """Nets, activations, dtypes, schedules and threads; and a wrong bit would be seen."""
    ready, compiled = (json.loads(python(str(TESTS / "native" / "trainings.py"), code=code)) for code in (libraries, 0))
    assert (ready["numba"], compiled["numba"]) == (False, True)
    assert len(ready["weights"]) >= 200
    assert ready["weights"] == compiled["weights"]
    assert len(set(ready["weights"].values())) > 20


def test_golden_bits(libraries: Path) -> None:
    printed = python(
        str(TESTS / "contracts" / "test_golden.py"), code=libraries, site=Path(f"{PACKAGE.parent}:{TESTS}")
    )
    differing, _, n, *_ = printed.splitlines()[-1].split()
    assert (differing, int(n) > 500) == ("0", True), printed


def test_everything_but_own_functions_does_without_numba(libraries: Path) -> None:
    """Costs, sparse samples, dropout, optimizers, Jacobians, predictions, estimators, the book: every configuration."""
    printed = python(
        str(TESTS / "native" / "without_numba.py"), str(TESTS), code=libraries, site=Path(f"{PACKAGE.parent}:{TESTS}")
    )
    n, refused = map(int, printed.split())
    assert n > 500
    assert 0 < refused < 10


def said(path: str, *arguments: str, code: Path | str, **environment: str) -> dict[str, Any]:
    """What a script beside this file writes as JSON."""
    known: dict[str, Any] = json.loads(python(str(TESTS / "native" / path), *arguments, code=code, **environment))
    return known


def test_explanations_without_numba_have_the_kernels_numbers(libraries: Path) -> None:
    """All digits; the textbook's loops run as plain Python, and what is to be compiled says that it needs Numba."""
    ready, compiled = said("taught.py", "absent", code=libraries), said("taught.py", code=0)
    assert (ready["plain"], ready["numba"], ready["warnings"]) == (False, False, [])
    assert (compiled["plain"], compiled["numba"]) == (False, True)
    for name in ("trained", "explained", "checks", "found", "equations"):
        assert ready[name] == compiled[name], name
    assert len(ready["explained"]) > 100
    assert (ready["checks"], "sign" in ready["found"]) == ([True, False], True)
    for name, values in compiled["textbook"].items():
        np.testing.assert_allclose(ready["textbook"][name], values, rtol=1e-14, err_msg=name)
    assert ready["textbook"] != compiled["textbook"]
    assert "pip install numba" in ready["own"]


def test_without_numba_and_without_a_library_everything_is_plain_python() -> None:
    """As if it had been asked for; but for one warning that says what to do."""
    alone, asked = said("taught.py", "absent", code=0), said("taught.py", code=0, FASTBP_DISABLE_JIT="1")
    (warning,) = alone.pop("warnings")
    assert warning.startswith("Everything runs as plain Python")
    assert "FASTBP_MACHINE_CODE=0 is set. Run: pip install numba." in warning
    assert asked.pop("warnings") == []
    assert alone == asked
    assert alone["plain"]


DOCTOR = """
import sys
sys.modules.update(numba=None, llvmlite=None)
from fastbp.__main__ import main
sys.argv = ["fastbp", "doctor"]
main()
"""


def test_doctor_does_without_numba(libraries: Path) -> None:
    """With a library and without: its whole table, which code runs, why, and what to do."""
    ready, plain = (
        "".join(python("-W", "ignore", "-c", DOCTOR, code=code, COLUMNS="300").split()) for code in (libraries, 0)
    )
    for table in (ready, plain):
        assert all(name in table for name in ("Python", "numpy", "CPU", "threads", "environment"))
    assert "machinecodeready-made," in ready
    assert "thetextbookrunsasplainPython,andfunctionsofyourownneedNumba.Run:pipinstallnumba" in ready
    assert "everykernelrunsasplainPython:Numbaisnotinstalled,andFASTBP_MACHINE_CODE=0isset.Run:pipinstallnumba" in plain


OWN = """
import sys
import numpy as np
import fastbp
fastbp.activation("cube", lambda z: z * z * z / 8, lambda z: 3 * z * z / 8)
net = fastbp.Network([3, 4, 2], activations=["cube", "sigmoid"], seed=0)
X, Y = np.eye(3), np.ones((3, 2))
fastbp.train(net, X, Y, epochs=3, batch_size=2, seed=1)
print(net.theta.tobytes().hex())
from fastbp import textbook
print(textbook.activation(0, np.ones(1))[0], "numba" in sys.modules)
"""


def test_own_functions_and_the_textbook_are_compiled_when_they_are_needed(libraries: Path) -> None:
    assert python("-c", OWN, code=libraries) == python("-c", OWN, code=0)
    assert python("-c", OWN, code=libraries).endswith("True")


def test_other_arguments_are_compiled(libraries: Path) -> None:
    printed = python(
        "-c",
        "import numpy as np\n"
        "from fastbp.kernels import finite\n"
        "print(finite.largest_magnitude(np.arange(-6.0, 3.0)[::2]), finite.largest_magnitude(np.zeros(0, 'f4')))\n"
        "try: finite.largest_magnitude.functions[0].call(np.arange(3))\n"
        "except TypeError as error: print(error)\n",
        code=libraries,
    )
    assert printed.split("\n") == ["6.0 0.0", "the machine code is for arguments of other types"]


def test_it_can_be_switched_off(libraries: Path) -> None:
    ready, off = (python("-c", CODE, code=code).split() for code in (libraries, 0))
    assert ready[0] == off[0]
    assert (ready[1], off[1]) == ("False", "True")
    assert python("-c", REASON, code=0) == "FASTBP_MACHINE_CODE=0 is set"


def test_doctor_says_which_code_runs(libraries: Path, tmp_path: Path) -> None:
    """And what will be compiled where nothing is yet."""
    path = next(libraries.glob(f"fastbp-*{library.SUFFIX}"))
    tmp_path.chmod(0o700)
    ready, compiled = (
        "".join(python("-m", "fastbp", "doctor", code=code, COLUMNS="300", FASTBP_CACHE_DIR=str(tmp_path)).split())
        for code in (libraries, 0)
    )
    assert f"machinecodeready-made,{path}" in ready
    assert "empty:functionsofyourown,thetextbookandthelessonsarecompiledwhen" in ready
    assert "compiledherebyNumba,whenitisfirstneeded:FASTBP_MACHINE_CODE=0isset" in compiled
    assert "empty:thefirstruncompiles" in compiled


def test_doctor_says_why_a_better_library_is_not_used(libraries: Path, tmp_path: Path) -> None:
    """One for wider registers that is damaged, say: what runs is slower, and nothing else shows it."""
    path = copied(libraries, tmp_path / "two")
    better = path.with_name(f"fastbp-z{library.SUFFIX}")
    better.write_bytes(b"damaged")
    better.with_name(f"{better.name}.sha256").write_text("0" * 64, encoding="ascii")
    said = "".join(python("-m", "fastbp", "doctor", code=path.parent, COLUMNS="300").split())
    assert f"ready-made,{path}" in said
    assert f"nothingiscompiled;{better.name}isnotused:itisdamaged" in said


def copied(libraries: Path, folder: Path) -> Path:
    """The library in a folder of its own, to be changed."""
    shutil.copytree(libraries, folder)
    return next(folder.glob(f"fastbp-*{library.SUFFIX}"))


def rewrite(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    path.with_name(path.name + ".sha256").write_text(hashlib.sha256(data).hexdigest(), encoding="ascii")


def test_damage_other_sources_and_other_shapes_are_refused(libraries: Path, tmp_path: Path) -> None:
    """And then the kernels are compiled: nothing is an error."""
    path = copied(libraries, tmp_path / "changed")
    good = path.read_bytes()
    assert python("-c", REASON, code=path.parent).startswith("x86-64" if "x86" in path.name else "a")
    for changed, reason in (
        (good.replace(b'"HALF_LINE":32', b'"HALF_LINE":64'), "it was made for other vectors or cache lines"),
        (good.replace(build.digest_of_sources().encode(), b"0" * 16), "it was made of other sources"),
        (b"no library", "it cannot be loaded"),
    ):
        assert changed != good
        rewrite(path, changed)
        assert reason in python("-c", REASON, code=path.parent)
    for at in (0, 1000, len(good) // 2, len(good) - 1):
        path.write_bytes(good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :])
        path.with_name(path.name + ".sha256").write_text(hashlib.sha256(good).hexdigest(), encoding="ascii")
        assert "it is damaged" in python("-c", REASON, code=path.parent)
    path.write_bytes(good[: len(good) // 2])
    assert "it is damaged" in python("-c", REASON, code=path.parent)
    for end in (len(good) - 1, len(good) // 2, 5000, 70, 10):  # which ended the process when the checksum was new too
        rewrite(path, good[:end])
        assert re.search("its end is missing|it cannot be loaded", python("-c", REASON, code=path.parent)), end
    compiled = python("-c", CODE, code=path.parent).split()
    assert compiled == python("-c", CODE, code=0).split()
    path.unlink()
    assert "there is no library in" in python("-c", REASON, code=path.parent)


def test_a_level_that_this_cpu_lacks_is_refused(tmp_path: Path) -> None:
    """A library without kernels, whose level is one that no CPU has."""
    level = levels.of_this_machine()[-1]
    if level.machine != "x86_64":
        pytest.skip("there is one level of this kind of machine, which every one has")
    description: dict[str, Any] = {
        "level": level.name,
        "digest": build.digest_of_sources(),
        "numba": "",
        "constants": cpu.SHAPE,
        "tables": {},
        "kernels": [],
    }
    (tmp_path / "description.o").write_bytes(object_of_description(description, level))
    for flag, works in (("-DNOTHING", True), ("-DLEAF_7_B=0xffffffffu", False)):
        path = tmp_path / f"{works}-{level.file_name}"  # a library of a known name is not loaded again
        link.link([tmp_path / "description.o"], level, path, flag)
        rewrite(path, path.read_bytes())
        if works:
            assert library.Library(path).level == level.name
        else:
            with pytest.raises(library.Unusable, match="lacks some of its instructions"):
                library.Library(path)


def test_a_library_of_an_edited_package_is_left_alone(libraries: Path, tmp_path: Path) -> None:
    shutil.copytree(PACKAGE, tmp_path / "fastbp", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(libraries, tmp_path / "fastbp" / "native" / "libraries", dirs_exist_ok=True)
    assert python("-c", REASON, code="", site=tmp_path).startswith(("x86-64", "a"))
    edited = tmp_path / "fastbp" / "kernels" / "finite.py"
    edited.write_text(edited.read_text(encoding="utf-8") + "\n# edited\n", encoding="utf-8")
    assert "it was made of other sources" in python("-c", REASON, code="", site=tmp_path)


def test_no_linker_is_an_error_that_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "commands", lambda level: [])
    with pytest.raises(link.CannotLink, match="pip install ziglang"):
        link.link([], levels.LEVELS[0], tmp_path / "nothing.so")


def test_numba_that_was_not_tried_makes_no_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build.metadata, "version", lambda name: "9.1.0")
    with pytest.raises(RuntimeError, match=r"Numba 9\.1\.0 is installed; .* tried, .* pip install 'numba=="):
        build.build(levels.LEVELS[0], tmp_path)


def test_odd_places_are_named_and_never_an_error(
    libraries: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A directory that is named from where one stands, files in its place, a queue in a library's."""
    for name, reason in (
        (str(next(libraries.glob("*.so"), tmp_path / "no")), "no directory"),
        ("x" * 5000, "no directory"),
        ("off", "FASTBP_MACHINE_CODE=off is set"),
        (str(tmp_path), "there is no library"),
    ):
        assert reason in python("-c", REASON, code=name), name[:80]
    copied = tmp_path / "copied"
    shutil.copytree(libraries, copied)
    for known in copied.glob("*.sha256"):
        known.write_text(f"{known.read_text().strip().upper()}  {known.stem}\n")
    if hasattr(os, "mkfifo"):
        os.mkfifo(copied / f"fastbp-zzz{library.SUFFIX}")
    assert python("-c", REASON, code=copied.relative_to("/")).startswith(("x86-64", "a"))  # from where it stands: /


def test_a_wheel_without_libraries_says_why(tmp_path: Path) -> None:
    (tmp_path / library.NONE).write_text("FASTBP_BUILD=0 was set\n", encoding="utf-8")
    assert python("-c", REASON, code=tmp_path) == "FASTBP_BUILD=0 was set"


def whole(data: bytes) -> bool:
    """Whether all parts of a library are there."""
    try:
        return extent(data) <= len(data)
    except ValueError:
        return False


@pytest.mark.parametrize("level", levels.LEVELS, ids=lambda level: f"{level.name}-{level.system}")
def test_libraries_have_nothing_but_what_is_called(level: levels.Level, tmp_path: Path) -> None:
    """For every platform that can be linked for here, without kernels: names, what is needed, no place or time."""
    if not link.commands(level):
        pytest.skip("a linker for other systems comes with: pip install ziglang")
    (tmp_path / "description.o").write_bytes(object_of_description({"level": level.name}, level))
    made = []
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
        link.link([tmp_path / "description.o"], level, tmp_path / name / level.file_name)
        made.append((tmp_path / name / level.file_name).read_bytes())
    known = binaries.read(made[0])
    assert extent(made[0]) in range(len(made[0]) - 16, len(made[0]) + 1)
    assert all(not whole(made[0][:end]) for end in (extent(made[0]) - 1, len(made[0]) // 2, 200, 40))
    assert known.machine == level.machine
    assert {name for name in known.exports if name.startswith("fastbp")} == wheels.OWN
    assert known.exports <= wheels.OWN | {"__dso_handle", "_mh_dylib_header"}
    assert not known.executable_data
    assert known.imports <= {"memcpy", "memset", "dyld_stub_binder"}
    assert made[0] == made[1]
    assert str(tmp_path).encode() not in made[0]
    changed = made[0].replace(b"fastbp_fits", b"fastbp_gits")
    assert binaries.read(changed).exports != known.exports


def test_arrays_are_where_the_library_looks_for_them() -> None:
    """The fields of NumPy's arrays, which call.c reads in place."""
    type_, fields = library._array_fields()
    assert (type_ % 8, fields % 8, fields > type_) == (0, 0, True)
    known = np.zeros(3)
    data, type_of = (ctypes.c_int64.from_address(id(known) + place).value for place in (fields, type_))
    assert (data, type_of) == (known.ctypes.data, id(np.ndarray))
