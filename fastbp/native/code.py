"""LLVM code of kernels, with C entry points: what Numba makes of them, neither optimised nor for any CPU yet.

    int32_t fastbp_work_float32(const int64_t *words, const int64_t *numbers, int64_t *result)

The arguments stand in a table of words, one after the other, records field by field: a whole number is a word, a real
one the bits of its float64; an array is its address and, if the kernel wants arrays, its shape; the elements are
contiguous. Numbers that change from call to call, the last arguments, stand in a table of their own. The result is one
word too, a real one again as bits, and is not written where there is none. The function returns 0; whatever else would
be an error of the kernel.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.core.registry import cpu_target
from numba.core.typing import signature
from numba.core.typing.typeof import typeof
from numba.extending import intrinsic
from numba.np.arrayobj import make_array, populate_array

from fastbp.jit.addresses import type_of_addressed
from fastbp.jit.compiling import inner
from fastbp.jit.linking import Bitcode
from fastbp.native.entries import TABLES, Specimen

WORD, STATUS = ir.IntType(64), ir.IntType(32)


def types_of(specimen: Specimen) -> list[Any]:
    """Numba's types of the arguments."""
    known = [typeof(value) for value in specimen.arguments.values()]
    return [type_of_addressed(type_) for type_ in known] if specimen.by_address else known


def _name_of(dtype: Any) -> str:
    return next((name for name, table in TABLES.items() if table == dtype), np.dtype(dtype).name)


def leaves(name: str, value: Any, by_address: bool) -> Iterator[tuple[str, str, int]]:
    """What stands in the table for an argument: name, kind and how many numbers of a shape follow an address.

    The kind is ``word``, ``real``, or the dtype of an array's elements, by a table's name if it is one. Before those of
    a tuple comes itself, with the number of its items.
    """
    if isinstance(value, np.ndarray):
        yield name, _name_of(value.dtype), 0 if by_address else value.ndim
    elif isinstance(value, tuple):
        yield name, "tuple", len(value)
        names = getattr(value, "_fields", range(len(value)))
        for part, item in zip(names, value, strict=True):
            yield from leaves(f"{name}.{part}", item, by_address)
    else:
        yield name, "real" if isinstance(value, float | np.floating) else "word", 0


def described(specimen: Specimen) -> dict[str, Any]:
    """What a caller has to know of a C function."""
    names = list(specimen.arguments)
    in_table = names[: len(names) - specimen.n_numbers]
    table = [leaf for name in in_table for leaf in leaves(name, specimen.arguments[name], specimen.by_address)]
    return {
        "kernel": specimen.name,
        "symbol": specimen.symbol,
        "arguments": in_table,
        "words": table,
        "numbers": names[len(in_table) :],
        "result": specimen.kernel.py_func.__annotations__["return"],
    }


class _Words:
    """Reads one word after the other where LLVM code is being built."""

    def __init__(self, builder: Any, start: Any) -> None:
        self._builder, self._start, self._at = builder, start, 0

    def next(self) -> Any:
        place = self._builder.gep(self._start, [WORD(self._at)])
        self._at += 1
        return self._builder.load(place)


def _argument(context: Any, builder: Any, type_: Any, words: _Words) -> Any:
    """Of a type, from the next words."""
    if isinstance(type_, types.BaseTuple):
        return context.make_tuple(builder, type_, [_argument(context, builder, part, words) for part in type_.types])
    if isinstance(type_, types.CPointer):
        return builder.inttoptr(words.next(), context.get_value_type(type_))
    if isinstance(type_, types.Array):
        data = builder.inttoptr(words.next(), context.get_data_type(type_.dtype).as_pointer())
        shape = [words.next() for _ in range(type_.ndim)]
        itemsize = context.get_constant(types.intp, context.get_abi_sizeof(context.get_data_type(type_.dtype)))
        strides = [itemsize]
        for n in reversed(shape[1:]):
            strides.insert(0, builder.mul(strides[0], n))
        array = make_array(type_)(context, builder)
        populate_array(array, data=data, shape=shape, strides=strides, itemsize=itemsize, meminfo=None)
        return array._getvalue()
    if isinstance(type_, types.Float):
        return context.cast(builder, builder.bitcast(words.next(), ir.DoubleType()), types.float64, type_)
    return context.cast(builder, words.next(), types.int64, type_)


def _given(types_: Sequence[Any], n_numbers: int) -> Any:
    """Intrinsic of the arguments, from the table and the numbers that follow it."""

    @intrinsic
    def given(typing: Any, words: Any, numbers: Any) -> Any:
        result = types.Tuple(types_)

        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            table, following = (_Words(builder, start) for start in args)
            n = len(types_) - n_numbers
            values = [_argument(context, builder, type_, table) for type_ in types_[:n]]
            values += [_argument(context, builder, type_, following) for type_ in types_[n:]]
            return context.make_tuple(builder, result, values)

        return signature(result, words, numbers), codegen

    return given


def _compiled(specimen: Specimen) -> Any:
    """Numba's result for a function of the table and of the numbers."""
    kernel = inner(specimen.kernel.py_func, set(), False)
    given = _given(types_of(specimen), specimen.n_numbers)

    def of_words(words, numbers):  # type: ignore[no-untyped-def]
        return kernel(*given(words, numbers))

    pointer = types.CPointer(types.int64)
    dispatcher = inner(of_words, set(), False)
    dispatcher.compile((pointer, pointer))
    return dispatcher.overloads[pointer, pointer]


def _add_entry(module: ir.Module, specimen: Specimen, compiled: Any) -> None:
    """The C function, which calls what Numba made."""
    context: Any = cpu_target.target_context
    kind = ir.FunctionType(STATUS, [WORD.as_pointer()] * 3)
    function = ir.Function(module, kind, specimen.symbol)
    builder = ir.IRBuilder(function.append_basic_block())
    words, numbers, result = function.args
    declared = context.declare_function(module, compiled.fndesc)
    returned = compiled.signature.return_type
    status, value = context.call_conv.call_function(
        builder, declared, returned, compiled.signature.args, [words, numbers]
    )
    if returned is not types.none:
        wide = types.float64 if isinstance(returned, types.Float) else types.int64
        value = context.cast(builder, value, returned, wide)
        builder.store(builder.bitcast(value, WORD), result)
    builder.ret(status.code)


def code_of(specimens: Sequence[Specimen]) -> str:
    """LLVM code, as text, of the kernels and all that they call."""
    library = Bitcode(cpu_target.target_context.codegen(), "fastbp")
    module = library.create_ir_module("entries")
    for specimen in specimens:
        compiled = _compiled(specimen)
        _add_entry(module, specimen, compiled)
        library.add_linking_library(compiled.library)
    library.add_ir_module(module)
    return library.whole()
