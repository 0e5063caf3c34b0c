"""From the kernels that Python calls to a shared library: machine code for a wheel, one library for each level of CPU.

`entries` names the kernels and what they are called with; `code` lets Numba make LLVM code of them, with C functions to
call them by; `objects` lets LLVM make machine code of that, for a level of `levels`; `link` makes a library of it, with
what ``call.c`` and ``cpu.c`` have for Python. `build` does all; `fastbp.jit.library` loads it.
"""
