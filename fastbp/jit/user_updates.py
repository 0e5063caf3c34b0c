"""The compiler of a user's own updates, and the call by address that compiled code makes of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir as llvm
from numba.core import cgutils, types
from numba.core.ccallback import CFunc
from numba.core.typing import signature
from numba.extending import intrinsic

from fastbp.jit.addresses import Buffer, address, line
from fastbp.jit.compiling import engine, type_of_intrinsic
from fastbp.jit.decorators import Uncompilable
from fastbp.jit.user_code import compiled_for, dispatcher_of


def _kinds(result: Any) -> tuple[Any, ...]:
    return tuple(result.types) if isinstance(result, types.BaseTuple) else (result,)


def _check_result(result: Any, slots: int) -> None:
    parts = _kinds(result)
    if len(parts) != 1 + slots or not all(
        isinstance(part, types.Float | types.Integer | types.Boolean) for part in parts
    ):
        need = "w, a number" if slots == 0 else f"w and {slots} of the state, numbers"
        raise Uncompilable(f"it returns {result}; needed are {need}")


def _element(dispatcher: Any, slots: int) -> Any:
    """Intrinsic of one parameter: its state is overwritten; its new value, and whether something was not finite."""

    @intrinsic
    def element(typing: Any, g: Any, w: Any, state: Any, i: Any, size: Any, numbers: Any, factor: Any) -> Any:
        number = w
        eta_t, constants = numbers.types[:2], numbers.types[2:]
        given = [number, number, *[number] * slots, *eta_t, *constants]
        sig = dispatcher.get_call_type(typing, given, {})

        def codegen(context: Any, builder: Any, outer: Any, args: Any) -> Any:
            g_i, w_i, start, at, step, known, decay = args
            compiled = dispatcher.dispatcher.overloads[tuple(sig.args)]
            context.add_linking_libs([compiled.library])
            word = llvm.IntType(64)
            cells = [builder.gep(start, [builder.add(at, builder.mul(step, word(k)))]) for k in range(slots)]
            before = [builder.load(cell) for cell in cells]
            values = [g_i, w_i, *before, *cgutils.unpack_tuple(builder, known)]
            status, result = context.call_internal_no_propagate(builder, compiled.fndesc, sig, values)
            kinds = _kinds(sig.return_type)
            parts = cgutils.unpack_tuple(builder, result) if isinstance(sig.return_type, types.BaseTuple) else [result]
            made = [context.cast(builder, part, kind, number) for part, kind in zip(parts, kinds, strict=True)]
            zero = context.get_constant(number, 0.0)
            decayed = builder.fsub(made[0], builder.fmul(decay, w_i))
            made[0] = builder.select(builder.fcmp_ordered("==", decay, zero), made[0], decayed)
            fine = builder.not_(status.is_error)
            for value in made:  # what is not finite is not 0 less itself
                fine = builder.and_(fine, builder.fcmp_ordered("==", builder.fsub(value, value), zero))
            for cell, new, old in zip(cells, made[1:], before, strict=True):
                builder.store(builder.select(fine, new, old), cell)
            failed = builder.select(fine, word(0), word(1))
            return context.make_tuple(builder, outer.return_type, [builder.select(fine, made[0], w_i), failed])

        result = types.Tuple((number, types.int64))
        return result(g, w, state, types.int64, types.int64, numbers, factor), codegen

    return element


def _loaded(n: int) -> Any:
    """Intrinsic of eta and t, which are the first of a step's numbers, and of n constants: a tuple of them all."""

    @intrinsic
    def loaded(typing: Any, step: Any, numbers: Any) -> Any:
        result = types.UniTuple(step.dtype, 2 + n)

        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            cells = [(args[0], 0), (args[0], 1), *((args[1], k) for k in range(n))]
            values = [builder.load(builder.gep(start, [llvm.IntType(64)(k)])) for start, k in cells]
            return context.make_tuple(builder, result, values)

        return result(step, numbers), codegen

    return loaded


def compile_update(function: Callable[..., Any], slots: int, n_constants: int, dtype: str) -> Any:
    """A user's update over a run of parameters as machine code of a C function, with its ``address``.

    Raises
    ------
    Uncompilable
        It cannot be compiled; the message says why, in Numba's words.
    """
    number = getattr(types, dtype)
    vector = types.CPointer(number)
    dispatcher = dispatcher_of(getattr(function, "py_func", function))
    # By itself first: the messages are about the function then, and not about the loop that calls it.
    _check_result(compiled_for(dispatcher, (number,) * (4 + slots + n_constants)), slots)
    element, loaded = _element(dispatcher._numba_type_, slots), _loaded(n_constants)

    def run(n: int, size: int, w: Buffer, g: Buffer, state: Buffer, step: Buffer, numbers: Buffer) -> int:
        known, factor = loaded(step, numbers), line(step, 0, 3)[2]
        w_n, g_n = line(w, 0, n), line(g, 0, n)
        failed = 0
        for i in range(n):
            new, bad = element(g_n[i], w_n[i], state, i, size, known, factor)
            w_n[i] = new
            failed |= bad
        return failed

    parts = types.int64, types.int64, vector, vector, vector, vector, vector
    options = {"error_model": "numpy", "nogil": True, "fastmath": set(), "forceinline": False}
    compiled = CFunc(run, (parts, types.int64), locals={}, options=options, pipeline_class=engine.LinkingCompiler)
    try:
        compiled.compile()  # in this thread, as rows of functions are
    except Exception as error:  # not all of Numba's are its own
        raise Uncompilable(str(error)) from error
    return compiled


@intrinsic
def _call_update(typing: Any, code: Any, lengths: Any, w: Any, g: Any, state: Any, step: Any, numbers: Any) -> Any:
    number = w.dtype

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        word, real = llvm.IntType(64), context.get_data_type(number)
        vector = real.as_pointer()
        given = cgutils.alloca_once(builder, real, 3)
        for k, value in enumerate(cgutils.unpack_tuple(builder, args[5])):
            builder.store(value, builder.gep(given, [word(k)]))
        cells = [address(context, builder, sig.args[k], args[k]) for k in (2, 3, 4)]
        constants = address(context, builder, sig.args[6], args[6])
        function = builder.inttoptr(args[0], llvm.FunctionType(word, [word, word, *[vector] * 5]).as_pointer())
        return builder.call(function, [*cgutils.unpack_tuple(builder, args[1]), *cells, given, constants])

    sizes, step = types.UniTuple(types.int64, 2), types.UniTuple(number, 3)
    return signature(types.int64, types.int64, sizes, w, g, state, step, numbers), codegen


def type_of_call_update() -> Any:
    """Of the call of a user's update."""
    return type_of_intrinsic(_call_update)
