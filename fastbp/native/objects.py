"""Machine code of a level: LLVM optimises what Numba made, for any target that it knows."""

from __future__ import annotations

import json
import re
from typing import Any

import llvmlite.binding as llvm
from llvmlite.binding import Linkage, StorageClass
from numba.core import config
from numba.core.codegen import JITCPUCodegen

from fastbp.native.levels import Level

DESCRIPTION = "fastbp_description"
"""Symbol of a text, in JSON, that says what the library is and how its functions are called."""


class _Passes(JITCPUCodegen):
    """Numba's choice of LLVM's passes, for another target than this machine."""

    def __init__(self, machine: Any) -> None:
        self._tm, self._loopvect, self._opt_level = machine, False, 0


_OWNERS = re.compile(r"^define [^\n]*@NRT_(?:inc|dec)ref\([^\n]*\{\n.*?^\}\n", re.MULTILINE | re.DOTALL)
_NO_OWNERS = """
define void @NRT_incref(ptr %owner) {
  ret void
}
define void @NRT_decref(ptr %owner) {
  ret void
}
"""
"""In the place of what counts an array's owners: those of kernels have none. Numba's own is code for x86 already."""

OF_THE_SYSTEM = frozenset("memcpy memmove memset fma fmaf sqrt sqrtf sched_yield usleep SwitchToThread Sleep".split())
"""What kernels may call that is not in the library."""


def _export(value: Any, level: Level) -> None:
    """Let a function or variable be found from outside the library, for which Windows has a word of its own."""
    value.linkage = Linkage.external
    if level.system == "win32":
        value.storage_class = StorageClass.dllexport


def _machine(level: Level, cpu: str) -> Any:
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    target = llvm.Target.from_triple(level.triple)
    return target.create_target_machine(cpu=cpu, features="", opt=config.OPT, reloc="pic", codemodel="small")


def _optimised(text: str, level: Level) -> tuple[Any, Any]:
    """The machine that a level is for, and what LLVM makes for it of code whose external functions are entry points."""
    machine = _machine(level, level.cpu)
    module = llvm.parse_assembly((_OWNERS.sub("", text) + _NO_OWNERS) if _OWNERS.search(text) else text)
    module.triple, module.data_layout = level.triple, str(machine.target_data)
    for function in module.functions:
        if not function.is_declaration:
            if function.name.startswith("fastbp_"):
                _export(function, level)
            else:
                function.linkage = Linkage.internal
    for variable in module.global_variables:
        if not variable.is_declaration:
            variable.linkage = Linkage.internal
    passes = _Passes(machine)
    cheap, builder = passes._module_pass_manager(
        loop_vectorize=False, slp_vectorize=False, opt=passes._opt_level, cost="cheap"
    )
    cheap.run(module, builder)
    full, builder = passes._module_pass_manager()
    full.run(module, builder)
    module.verify()
    called = {function.name for function in module.functions if function.is_declaration}
    unknown = sorted(name for name in called - OF_THE_SYSTEM if not name.startswith("llvm."))
    if unknown:
        raise RuntimeError(f"Kernels call {', '.join(unknown)}; no library that a wheel may count on has that.")
    return machine, module


def object_of(text: str, level: Level) -> bytes:
    """Machine code of LLVM code whose external functions are C entry points."""
    machine, module = _optimised(text, level)
    return bytes(machine.emit_object(module))


def assembly_of(text: str, level: Level) -> str:
    """The same machine code, to read."""
    machine, module = _optimised(text, level)
    return str(machine.emit_assembly(module))


def object_of_description(description: dict[str, Any], level: Level) -> bytes:
    """What the library says of itself."""
    data = json.dumps(description, separators=(",", ":")).encode() + b"\0"
    text = "".join(chr(byte) if 32 <= byte < 127 and byte not in (34, 92) else f"\\{byte:02x}" for byte in data)
    code = f'@{DESCRIPTION} = constant [{len(data)} x i8] c"{text}"\n'
    machine = _machine(level, "x86-64" if level.machine == "x86_64" else "generic")
    module = llvm.parse_assembly(code)
    module.triple, module.data_layout = level.triple, str(machine.target_data)
    _export(module.get_global_variable(DESCRIPTION), level)
    module.verify()
    return bytes(machine.emit_object(module))
