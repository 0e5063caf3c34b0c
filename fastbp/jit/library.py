"""Ready-made machine code: a shared library beside the sources, with a C function for each kernel that Python calls.

A library belongs to the sources that it was made of, whose digest it holds, and to CPUs of a level, which a function of
its own knows. One that is missing, foreign, damaged or of other sources is left alone, and Numba compiles as it would
without. ``FASTBP_MACHINE_CODE=0`` leaves all of them alone; a folder in its place is where they are looked for.

`fastbp.native` makes libraries, and says how their functions are called.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import json
import os
import struct
import sys
from pathlib import Path
from typing import Any

import numpy as np

from fastbp.jit.asked import BUILD_FOR, PLAIN
from fastbp.jit.cache import PACKAGE, digest
from fastbp.jit.extent import extent
from fastbp.jit.shape import shape

FOLDER = PACKAGE / "native" / "libraries"

NONE = "none.txt"
"""In their place, of a wheel without libraries: why it has none."""

SUFFIX = {"win32": ".dll", "darwin": ".dylib"}.get(sys.platform, ".so")

_PYTHON = (
    "PyLong_AsLongLong",
    "PyLong_AsVoidPtr",
    "PyFloat_AsDouble",
    "PyTuple_Size",
    "PyTuple_GetItem",
    "PyType_IsSubtype",
    "PyObject_RichCompareBool",
    "PyErr_Occurred",
    "PyErr_Clear",
    "PyErr_SetString",
    "PyLong_FromLongLong",
    "PyLong_FromUnsignedLongLong",
    "PyFloat_FromDouble",
    "PyBool_FromLong",
    "PyEval_SaveThread",
    "PyEval_RestoreThread",
    "Py_IncRef",
)
"""What the library calls of Python's stable interface, in the order of `fastbp_python` in call.c."""

_KINDS = {"word": 0, "real": 1, "tuple": 3}
_ARRAY = 2
_RESULTS = {"None": 0, "int": 1, "np.uint64": 2, "float": 3, "bool": 4}
"""As call.c has them."""

_METH_FASTCALL = 0x80


class Unusable(Exception):
    """A library cannot be used here; the message says why."""


def _array_fields() -> tuple[int, int]:
    """Where an object's type stands, and where the fields of a NumPy array begin, as call.c reads them.

    Raises
    ------
    Unusable
        They are not where they are in every NumPy so far.
    """
    array = np.zeros((2, 3))
    words = struct.unpack("=14q", ctypes.string_at(id(array), 112))
    expected = (array.ctypes.data, 2)
    for at in range(2, 8):
        data, nd, dimensions, strides, _, dtype, flags = words[at : at + 7]
        if (data, nd & 0xFFFF_FFFF, dtype) == (*expected, id(array.dtype)) and flags & 0x101 == 0x101:
            shape = struct.unpack("=4q", ctypes.string_at(dimensions, 16) + ctypes.string_at(strides, 16))
            if shape == (2, 3, 24, 8) and id(np.ndarray) in words[:at]:
                return 8 * words.index(id(np.ndarray)), 8 * at
    raise Unusable("NumPy's arrays are not laid out as it expects")


class _MethodDef(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("function", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    )


_kept: list[Any] = []
"""What Python's functions refer to by address, as long as the process lives."""


def _builtin(name: str, address: int, bound_to: int) -> Any:
    """A function of Python's, of a C function with the signature of METH_FASTCALL."""
    known = _MethodDef(name.encode(), address, _METH_FASTCALL, None)
    _kept.append(known)
    new = ctypes.pythonapi.PyCFunction_NewEx
    new.restype, new.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p]
    return new(_address_of(known), bound_to, None)


_address_of = ctypes.addressof


def _address(function: Any) -> int:
    return int(ctypes.cast(function, ctypes.c_void_p).value or 0)


def _prepare(library: Any) -> None:
    """Tell the library of Python and NumPy in this process."""
    places = _array_fields()
    python = (ctypes.c_void_p * len(_PYTHON)).in_dll(library, "fastbp_python")
    for i, name in enumerate(_PYTHON):
        python[i] = _address(ctypes.pythonapi[name])
    objects = (ctypes.c_int64 * 6).in_dll(library, "fastbp_objects")
    objects[:] = [*map(id, (np.ndarray, None, TypeError, RuntimeError)), *places]


class Function:
    """A C function of the library: a kernel for arguments of some dtypes.

    Attributes
    ----------
    call : function
        Called as the kernel is; TypeError, before anything is done, if the function is not for such arguments.
    fits : function
        Whether it is for such arguments.
    """

    def __init__(self, library: Any, described: dict[str, Any], dtypes: dict[str, Any]) -> None:
        steps: list[int] = []
        for _, kind, n in described["words"]:
            if kind in _KINDS:
                steps += [_KINDS[kind], n, 0, 0]
            else:
                dtype = dtypes.get(kind) or np.dtype(kind)
                _kept.append(dtype)
                steps += [_ARRAY, n, id(dtype), n]
        n_arguments, n_numbers = len(described["arguments"]), len(described["numbers"])
        head = [_address(library[described["symbol"]]), _RESULTS[described["result"]], n_arguments, n_numbers]
        plan = (ctypes.c_int64 * (4 + len(steps)))(*head, *steps)
        _kept.append(plan)
        name = described["kernel"].rpartition(".")[2]
        self.call, self.fits = (
            _builtin(name, _address(function), _address_of(plan))
            for function in (library.fastbp_call, library.fastbp_fits)
        )


class Library:
    """A library that can be used here.

    Parameters
    ----------
    path : Path

    Raises
    ------
    Unusable
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            beside = path.with_name(path.name + ".sha256")
            if not beside.is_file():  # of a queue, reading waits for a writer
                raise Unusable(f"there is no file {beside.name} beside it")
            checksum = beside.read_text(encoding="ascii").split()[:1]
            data = path.read_bytes()
            if [hashlib.sha256(data).hexdigest()] != [word.lower() for word in checksum]:
                raise Unusable("it is damaged")
            if extent(data) > len(data):  # which would end the process when it is loaded
                raise Unusable("its end is missing")
            known = ctypes.CDLL(str(path))
            text = ctypes.string_at(_address_of(ctypes.c_char.in_dll(known, "fastbp_description")))
            described = json.loads(text)
            if described["digest"] != digest([]):
                here = any((PACKAGE / "jit").glob("*.py"))
                raise Unusable(
                    "it was made of other sources" if here else "the sources, to compare it with, are missing"
                )
            if not known.fastbp_runs_here():
                raise Unusable("this CPU, or this system, lacks some of its instructions")
            self.level, self.numba = str(described["level"]), str(described["numba"])
            self.constants: dict[str, int] = described["constants"]
            if self.constants != shape(bool(self.constants["AVX512"])):
                raise Unusable("it was made for other vectors or cache lines")
            _prepare(known)
            dtypes = {name: np.dtype(table, align=True) for name, table in described["tables"].items()}
            self._functions: dict[str, list[Function]] = {}
            for kernel in described["kernels"]:
                function = Function(known, kernel, dtypes)
                self._functions.setdefault(kernel["kernel"], []).append(function)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise Unusable(f"it cannot be loaded: {error}") from error

    def functions(self, kernel: str) -> tuple[Function, ...]:
        """Of a kernel, by its module and name; none if it is not in the library."""
        return tuple(self._functions.get(kernel, ()))


def find() -> tuple[Library | None, str]:
    """The best library that can be used here; why no better one is, or why there is none."""
    named = os.environ.get("FASTBP_MACHINE_CODE", "").strip()
    if PLAIN:
        return None, "FASTBP_DISABLE_JIT is set"
    if BUILD_FOR or named.lower() in ("0", "false", "no", "off"):
        return None, f"FASTBP_MACHINE_CODE={named or 0} is set"
    reasons: list[str] = []
    try:
        # With a name that is whole, the file that is compared with its checksum is the one that is loaded.
        folder = FOLDER if named.lower() in ("", "1", "true", "yes", "on") else Path(named).expanduser().resolve()
        if folder != FOLDER and not folder.is_dir():
            return None, f"{folder} is no directory; FASTBP_MACHINE_CODE names one of libraries, or is 0"
    except (OSError, RuntimeError) as error:
        return None, f"FASTBP_MACHINE_CODE names no directory: {error}"
    try:
        found = folder.iterdir() if folder.is_dir() else ()  # of one that it may not read, glob says nothing
        # Of x86-64-v3 and x86-64-v4 the latter first.
        paths = sorted((path for path in found if path.match(f"fastbp-*{SUFFIX}") and path.is_file()), reverse=True)
    except OSError as error:
        return None, f"{folder} cannot be read: {error.strerror}"
    for path in paths:
        try:
            return Library(path), "; ".join(reasons)
        except Unusable as error:
            reasons.append(f"{path.name} is not used: {error}")
    if not reasons:
        with contextlib.suppress(OSError):
            return None, (folder / NONE).read_text(encoding="utf-8").strip()
        if folder == FOLDER and (PACKAGE.parent / "hatch_build.py").is_file():
            return None, (
                f"{PACKAGE} is that of a clone, which has no library; where pip installed one, start Python in another "
                "directory to import it"
            )
    return None, "; ".join(reasons) or f"there is no library in {folder}"


LIBRARY, REASON = find()
"""The library that is in use, or None; and why there is none, or no better one."""
