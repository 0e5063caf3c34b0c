"""Buffers by their address, and views made from one, without a reference count.

Slicing an array that owns its memory bumps an atomic count; in a tile loop that is the largest cost of a small net, and
two threads that do it on one array wait for each other's cache line. So inside a kernel a buffer is its address. Each
function stands here as plain Python, where a buffer is an array; below it, its compiled twin.
"""

from __future__ import annotations

from typing import Any, TypeAlias, TypeVar

import numpy as np

from fastbp.jit.cpu import CACHE_LINE
from fastbp.jit.decorators import overload
from fastbp.jit.mode import placeholder, when_compiling

Buffer: TypeAlias = Any
"""In compiled code an address that knows the dtype of what lies there; in plain Python a vector."""
Array: TypeAlias = np.ndarray[Any, Any]
"""A vector or a matrix on a buffer, without an owner."""
Real: TypeAlias = Any
"""A number of the net's dtype."""


T = TypeVar("T")


def pointer(array: Array | Buffer) -> Buffer:
    """The address of an array's first element, which knows its dtype: one word instead of an array's seven."""
    return array


def addressed(record: T) -> T:
    """The same NamedTuple with addresses in place of its arrays: no reference counts, and few words.

    The address of an empty array is null, so that ``exists`` knows it.
    """
    return record


def exists(buf: Buffer) -> bool:
    """Whether there is anything: an empty array stands for what is not given."""
    return bool(buf.size > 0)


def after(buf: Buffer, n: int) -> Buffer:
    """The buffer from its element n on."""
    return buf[n:]


def itemsize(buf: Buffer) -> int:
    """Bytes of an element."""
    return int(buf.itemsize)


def number(buf: Buffer, value: float) -> Real:
    """A number in the buffer's dtype: a literal would turn float32 arithmetic into float64."""
    return buf.dtype.type(value)


def byte_address(buf: Buffer) -> int:
    """The address of the buffer's first element as a number; plain Python has no use for it."""
    return 0


def view(buf: Buffer, offset: int, n_rows: int, n_columns: int, row_stride: int, column_stride: int) -> Array:
    """Matrix whose element [i, j] is ``buf[offset + i * row_stride + j * column_stride]``; strides count elements.

    Nothing is checked: the caller's offsets must stay inside ``buf``, of any float or integer dtype.
    """
    strides = (row_stride * buf.itemsize, column_stride * buf.itemsize)
    return np.lib.stride_tricks.as_strided(buf.reshape(-1)[offset:], (n_rows, n_columns), strides)


def line(buf: Buffer, offset: int, n: int) -> Array:
    """Vector whose element [i] is ``buf[offset + i]``."""
    return buf[offset : offset + n]


def flat(array: Array) -> Array:
    """The elements of a contiguous array, one after the other."""
    return array.reshape(-1)


@placeholder
def field(table: Buffer, i: int, name: str) -> Buffer:
    """The buffer that begins with one field, of a constant name, of row i of a table of records."""
    return table[name][i : i + 1]


@placeholder
def copy_line(n: int, out: Array, source: Array) -> None:
    """The first n elements of one vector become those of another, which lies elsewhere.

    A cache line or less in two moves, its beginning and its end, which may overlap; more by the C library. A loop would
    first find out whether the two vectors overlap: measured 20 cycles for four elements, 9 with the library's copy.
    """
    out[:n] = source[:n]


def address(context: Any, builder: Any, type_: Any, buf: Any) -> Any:
    """In LLVM code, of an array's first element; of a pointer, itself."""
    from numba.core import types
    from numba.np.arrayobj import make_array

    return buf if isinstance(type_, types.CPointer) else make_array(type_)(context, builder, buf).data


def type_of_addressed(type_: Any) -> Any:
    """Numba's type of what ``addressed`` makes of a record of this type."""
    from numba.core import types

    if isinstance(type_, types.Array):
        return types.CPointer(type_.dtype)
    if isinstance(type_, types.BaseTuple):
        return types.BaseTuple.from_types([type_of_addressed(item) for item in type_.types], type_.instance_class)
    return type_


@when_compiling
def _twins() -> None:
    from llvmlite import ir
    from numba.core import cgutils, types
    from numba.core.typing import signature
    from numba.extending import intrinsic
    from numba.np.arrayobj import make_array, populate_array

    @intrinsic
    def _pointer(typing: Any, array: Any) -> Any:
        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            return address(context, builder, sig.args[0], args[0])

        return types.CPointer(array.dtype)(array), codegen

    def _addressed_value(context: Any, builder: Any, type_: Any, value: Any) -> Any:
        if isinstance(type_, types.Array):
            array = make_array(type_)(context, builder, value)
            null = context.get_constant_null(types.CPointer(type_.dtype))
            is_empty = builder.icmp_signed("==", array.nitems, context.get_constant(types.intp, 0))
            return builder.select(is_empty, null, array.data)
        if isinstance(type_, types.BaseTuple):
            items = [builder.extract_value(value, i) for i in range(len(type_.types))]
            values = [_addressed_value(context, builder, t, item) for t, item in zip(type_.types, items, strict=True)]
            return context.make_tuple(builder, type_of_addressed(type_), values)
        return value

    @intrinsic
    def _addressed(typing: Any, record: Any) -> Any:
        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            return _addressed_value(context, builder, sig.args[0], args[0])

        return type_of_addressed(record)(record), codegen

    @intrinsic
    def _after(typing: Any, buf: Any, n: Any) -> Any:
        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            return builder.gep(address(context, builder, sig.args[0], args[0]), [args[1]])

        return types.CPointer(buf.dtype)(buf, types.intp), codegen

    @intrinsic
    def _byte_address(typing: Any, buf: Any) -> Any:
        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            return builder.ptrtoint(address(context, builder, sig.args[0], args[0]), ir.IntType(64))

        return types.intp(buf), codegen

    def _populate(
        context: Any, builder: Any, type_: Any, buf_type: Any, buf: Any, offset: Any, shape: Any, strides: Any
    ) -> Any:
        """An array of ``type_`` on the memory of ``buf`` from ``offset`` on, without an owner."""
        itemsize = context.get_constant(types.intp, context.get_abi_sizeof(context.get_data_type(buf_type.dtype)))
        array = make_array(type_)(context, builder)
        populate_array(
            array,
            data=builder.gep(address(context, builder, buf_type, buf), [offset]),
            shape=shape,
            strides=[builder.mul(stride, itemsize) for stride in strides],
            itemsize=itemsize,
            meminfo=None,
        )
        return array._getvalue()

    @intrinsic
    def _view(
        typing: Any, buf: Any, offset: Any, n_rows: Any, n_columns: Any, row_stride: Any, column_stride: Any
    ) -> Any:
        type_ = types.Array(buf.dtype, 2, "A")
        sig = signature(type_, buf, *[types.intp] * 5)

        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            buf, offset, n_rows, n_columns, row_stride, column_stride = args
            return _populate(
                context, builder, type_, sig.args[0], buf, offset, [n_rows, n_columns], [row_stride, column_stride]
            )

        return sig, codegen

    @intrinsic
    def _line(typing: Any, buf: Any, offset: Any, n: Any) -> Any:
        type_ = types.Array(buf.dtype, 1, "C")
        sig = signature(type_, buf, types.intp, types.intp)

        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            buf, offset, n = args
            one = context.get_constant(types.intp, 1)
            return _populate(context, builder, type_, sig.args[0], buf, offset, [n], [one])

        return sig, codegen

    @intrinsic
    def _field(typing: Any, table: Any, i: Any, name: Any) -> Any:
        if not isinstance(name, types.StringLiteral):
            return None
        row, type_ = table.dtype, types.CPointer(table.dtype.typeof(name.literal_value))

        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            start = builder.bitcast(address(context, builder, sig.args[0], args[0]), cgutils.voidptr_t)
            at = builder.mul(args[1], context.get_constant(types.intp, row.size))
            at = builder.add(at, context.get_constant(types.intp, row.offset(name.literal_value)))
            return builder.bitcast(builder.gep(start, [at]), context.get_value_type(type_))

        return signature(type_, table, types.intp, name), codegen

    @intrinsic
    def _copy_line(typing: Any, n: Any, out: Any, source: Any) -> Any:
        if out.dtype != source.dtype:
            return None
        sig = signature(types.none, types.intp, out, source)

        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            out, source = (address(context, builder, sig.args[i], args[i]) for i in (1, 2))
            itemsize = context.get_abi_sizeof(context.get_data_type(sig.args[1].dtype))
            size = builder.mul(args[0], context.get_constant(types.intp, itemsize))
            out, source = (builder.bitcast(place, cgutils.voidptr_t) for place in (out, source))

            def move(n: int) -> None:
                last = builder.sub(size, context.get_constant(types.intp, n))
                several = ir.VectorType(ir.IntType(8), n).as_pointer()
                ends = [
                    [builder.bitcast(place, several), builder.bitcast(builder.gep(place, [last]), several)]
                    for place in (source, out)
                ]
                values = [builder.load(place, align=1) for place in ends[0]]
                for value, place in zip(values, ends[1], strict=True):
                    builder.store(value, place, align=1)

            def move_at_least(n: int) -> None:
                if n == itemsize:
                    move(n)
                    return
                enough = builder.icmp_signed(">=", size, context.get_constant(types.intp, n))
                with builder.if_else(enough) as (then, otherwise):
                    with then:
                        move(n)
                    with otherwise:
                        move_at_least(n // 2)

            # Nothing at all wraps around to very much, which the library knows how to copy.
            before = builder.sub(size, context.get_constant(types.intp, 1))
            few = builder.icmp_unsigned("<", before, context.get_constant(types.intp, CACHE_LINE))
            with builder.if_else(few) as (then, otherwise):
                with then:
                    move_at_least(CACHE_LINE // 2)
                with otherwise:
                    cgutils.raw_memcpy(builder, out, source, size, 1)
            return context.get_dummy_value()

        return sig, codegen

    # Without annotations: Numba refuses a twin whose implementation is not annotated alike, and for mypy an intrinsic
    # lacks an argument, the one that Numba passes.
    @overload(pointer)
    def _(array):
        return lambda array: _pointer(array)

    @overload(addressed)
    def _(record):  # type: ignore[no-untyped-def]
        return lambda record: _addressed(record)

    @overload(exists)
    def _(buf):
        return (lambda buf: buf.size > 0) if isinstance(buf, types.Array) else lambda buf: _byte_address(buf) != 0

    @overload(after)
    def _(buf, n):
        return lambda buf, n: _after(buf, n)

    @overload(byte_address)
    def _(buf):
        return lambda buf: _byte_address(buf)

    @overload(itemsize)
    def _(buf):
        size = buf.dtype.bitwidth // 8
        return lambda buf: size

    @overload(number)
    def _(buf, value):
        kind = buf.dtype
        return lambda buf, value: kind(value)

    @overload(view)
    def _(buf, offset, n_rows, n_columns, row_stride, column_stride):
        return lambda buf, offset, n_rows, n_columns, row_stride, column_stride: _view(
            buf, offset, n_rows, n_columns, row_stride, column_stride
        )

    @overload(line)
    def _(buf, offset, n):
        return lambda buf, offset, n: _line(buf, offset, n)

    @overload(flat)
    def _(array):
        return lambda array: _line(array, 0, array.size)

    # An attribute, and a constant, belongs to the function that calls: these are the intrinsics themselves.
    copy_line.compiled, field.compiled = _copy_line, _field
