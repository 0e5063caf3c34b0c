"""The compiler of a user's functions, and the calls by address that compiled code makes of them."""

from __future__ import annotations

import inspect
import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir as llvm
from numba.core import cgutils, ir, types
from numba.core.ccallback import CFunc
from numba.core.compiler import Compiler
from numba.core.compiler_machinery import FunctionPass, register_pass
from numba.core.typing import signature
from numba.core.untyped_passes import IRProcessing
from numba.extending import intrinsic

from fastbp.jit.addresses import Buffer, address, line
from fastbp.jit.compiling import engine, options_of, type_of_intrinsic, type_of_twin
from fastbp.jit.decorators import Uncompilable
from fastbp.jit.of_numbers import of_numbers

_WEAK = (
    operator.add, operator.sub, operator.mul, operator.truediv,
    operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne,
)  # fmt: skip


def _value_of(func_ir: Any, value: Any) -> Any:
    """What a name in a function stands for, if that is known when it is compiled: a constant, or a module's."""
    if isinstance(value, ir.Const | ir.Global | ir.FreeVar):
        return value.value
    if isinstance(value, ir.Expr) and value.op == "getattr":
        try:
            base = func_ir.get_definition(value.value)
        except KeyError:
            return None
        if isinstance(base, ir.Global | ir.FreeVar) and inspect.ismodule(base.value):
            return getattr(base.value, value.attr, None)
    return None


@register_pass(mutates_CFG=False, analysis_only=False)
class _AsInPython(FunctionPass):  # type: ignore[misc]
    """A function means with the compiler what it means without it.

    Python's numbers take the dtype of what they meet, as they do in NumPy: Numba takes ``1 / (1 + exp(-z))`` of a
    float32 for float64, and twice the time. Functions of NumPy that Numba does not know for numbers are `of_numbers`.
    """

    _name = "fastbp_as_in_python"

    def __init__(self) -> None:
        FunctionPass.__init__(self)

    def run_pass(self, state: Any) -> bool:
        """Of float32, floats become float32; integers do where one of them meets a variable in an operation."""
        func_ir, single = state.func_ir, state.args[0] == types.float32
        integers, operations, changed = {}, [], False
        for block in func_ir.blocks.values():
            for statement in block.find_insts(ir.Assign):
                value = statement.value
                known = _value_of(func_ir, value)
                ours = of_numbers(known)
                if ours is not None:
                    statement.value, changed = ir.Global(ours.__name__, ours, value.loc), True
                elif single and type(known) is float:
                    with np.errstate(over="ignore"):  # infinite then, as in NumPy
                        statement.value, changed = ir.Const(np.float32(known), value.loc), True
                elif single and type(known) is int:
                    integers[statement.target.name] = statement
                elif isinstance(value, ir.Expr) and value.op in ("binop", "inplace_binop"):
                    operations.append(value)
        for operation in operations:
            met = [integers[part.name] for part in (operation.lhs, operation.rhs) if part.name in integers]
            kind = operation.immutable_fn if operation.op == "inplace_binop" else operation.fn
            if kind in _WEAK and len(met) == 1:
                met[0].value = ir.Const(np.float32(met[0].value.value), met[0].value.loc)
                changed = True
        return changed


class _UserCompiler(engine.BitcodeCompiler):  # type: ignore[misc]
    """Numba's compiler, all of its passes, with the pass above."""

    def define_pipelines(self) -> list[Any]:
        """Numba's own and one more."""
        pipelines: list[Any] = Compiler.define_pipelines(self)
        for pipeline in pipelines:
            pipeline._finalized = False
            pipeline.add_pass_after(_AsInPython, IRProcessing)
            pipeline.finalize()
        return pipelines


@intrinsic
def _guarded(typing: Any, function: Any, numbers: Any) -> Any:
    number = numbers.types[0]
    sig = function.get_call_type(typing, numbers.types, {})

    def codegen(context: Any, builder: Any, outer: Any, args: Any) -> Any:
        compiled = function.dispatcher.overloads[tuple(sig.args)]
        context.add_linking_libs([compiled.library])
        given = cgutils.unpack_tuple(builder, args[1])
        status, result = context.call_internal_no_propagate(builder, compiled.fndesc, sig, given)
        result = context.cast(builder, result, sig.return_type, number)
        return builder.select(status.is_error, context.get_constant(number, math.nan), result)

    return number(function, numbers), codegen


def dispatcher_of(function: Callable[..., Any]) -> Any:
    """Numba's object of a user's function, whose constants are weak and whose indices are looked at."""
    return engine.inner(function, options_of(set(), False) | {"boundscheck": True}, _UserCompiler)


def compiled_for(dispatcher: Any, numbers: tuple[Any, ...]) -> Any:
    """Compile a user's function, and say what it returns, in Numba's words.

    In this thread, though an interrupt may meet Numba at work: it imports the module of the function, which may be
    importing still, and another thread would wait for that forever.
    """
    try:
        dispatcher.compile(numbers)
    except Exception as error:  # not all of Numba's are its own
        raise Uncompilable(str(error)) from error
    return dispatcher.overloads[numbers].signature.return_type


def type_of_guarded(function: Any, n: int) -> Any:
    """Of a user's function of n numbers that gives NaN where it raises an exception, as an index beyond an array does.

    What is no function of exactly these, being of C or having defaults, is called by one that is.
    """
    is_python = inspect.isfunction(function)
    known = dispatcher_of(function) if is_python else function
    dispatcher = known
    if not is_python or len(inspect.signature(function).parameters) != n or function.__defaults__:
        dispatcher = dispatcher_of((lambda z: known(z)) if n == 1 else (lambda a, y: known(a, y)))
    for number in types.float32, types.float64:
        try:
            returned = compiled_for(dispatcher, (number,) * n)
        except Uncompilable as error:
            if is_python or "'known'" not in error.reason:
                raise
            raise Uncompilable(f"it is a {type(function).__name__}, which only Python can call") from error
        if not isinstance(returned, types.Float | types.Integer | types.Boolean):
            raise Uncompilable(f"it returns {returned}, not a number")

    def twin(*numbers):  # type: ignore[no-untyped-def]
        return lambda *numbers: _guarded(dispatcher, numbers)  # type: ignore[call-arg]

    return type_of_twin(twin)


def compile_row(function: Any, dtype: str) -> Any:
    """A row function as machine code of a C function, with its ``address``."""
    vector = types.CPointer(getattr(types, dtype))

    def row(n: int, u: Buffer, v: Buffer, w: Buffer) -> None:
        function(n, line(u, 0, n), line(v, 0, n), line(w, 0, n))

    options = {"error_model": "numpy", "nogil": True, "fastmath": set(), "forceinline": False}
    parts = (types.int64, vector, vector, vector), types.void
    compiled = CFunc(row, parts, locals={}, options=options, pipeline_class=engine.LinkingCompiler)
    compiled.compile()
    return compiled


def _function(context: Any, builder: Any, code: Any, which: Any, number: Any) -> Any:
    """The address of a row function, out of the table at ``code``."""
    word = llvm.IntType(64)
    size = context.get_abi_sizeof(context.get_data_type(number))
    place = builder.add(builder.mul(which, word(2)), word(size // 8))
    table = builder.inttoptr(code, word.as_pointer())
    vector = context.get_data_type(number).as_pointer()
    type_ = llvm.FunctionType(llvm.VoidType(), [word, vector, vector, vector])
    return builder.inttoptr(builder.load(builder.gep(table, [place])), type_.as_pointer())


@intrinsic
def _call_row(typing: Any, code: Any, which: Any, n: Any, u: Any, v: Any, w: Any) -> Any:
    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        function = _function(context, builder, args[0], args[1], u.dtype)
        vectors = [address(context, builder, type_, given) for type_, given in zip(sig.args[3:], args[3:], strict=True)]
        builder.call(function, [args[2], *vectors])
        return context.get_dummy_value()

    return signature(types.none, types.int64, types.int64, types.int64, u, v, w), codegen


@intrinsic
def _call_once(typing: Any, code: Any, which: Any, u: Any, v: Any, w: Any) -> Any:
    result = types.UniTuple(u, 3)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        function = _function(context, builder, args[0], args[1], u)
        cells = [cgutils.alloca_once_value(builder, number) for number in args[2:]]
        builder.call(function, [llvm.IntType(64)(1), *cells])
        return context.make_tuple(builder, result, [builder.load(cell) for cell in cells])

    return signature(result, types.int64, types.int64, u, u, u), codegen


def type_of_call_row() -> Any:
    """Of the call of a row function on vectors."""
    return type_of_intrinsic(_call_row)


def type_of_call_once() -> Any:
    """Of the call of a row function on numbers."""
    return type_of_intrinsic(_call_once)
