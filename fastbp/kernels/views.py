"""Views made from an address, without a reference count, and the block of accumulators that lives in vector registers.

Slicing an array that owns its memory bumps an atomic count; in a tile loop that is the largest cost of a small net, and
two threads that do it on one array wait for each other's cache line. So inside a kernel a buffer is its address. Each
function stands here as plain Python, where a buffer is an array; below it, its compiled twin.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from fastbp import jit
from fastbp.kernels.gemm.tiling import BLOCK_VECTORS, CACHE_LINE, STRIP_BYTES, VECTOR_BYTES


class Matrix(NamedTuple):
    """A matrix inside a buffer: its element [i, j] is ``buf[i * self.i + j * self.j]``."""

    buf: Any
    i: int
    j: int


PARTS, LINES, SAMPLE, END, AT, LEFT, X_AT, X_STEP, Y_AT, Y_STEP, LABELS_AT = range(11)


class Ahead(NamedTuple):
    """The samples that come next, and how far fetching them from memory has come."""

    order: Any
    """Sample of each place of the epoch."""
    cursor: Any
    """How many PARTS of samples to fetch at a time, and cache LINES of a part; place of the next SAMPLE and END of the
    places; where to go on (AT) and how many lines are LEFT of the sample before; the addresses of X, Y and labels,
    and bytes from one sample to the next."""


@jit.strict
def shifted(m: Matrix, i: int, j: int) -> Matrix:
    """The matrix from row i and column j on."""
    return Matrix(after(m.buf, i * m.i + j * m.j), m.i, m.j)


@jit.strict
def transposed(m: Matrix) -> Matrix:
    """The same elements, rows and columns exchanged."""
    return Matrix(m.buf, m.j, m.i)


@jit.strict
def matrix(buf: Any, at: int, stride: int) -> Matrix:
    """Rows whose columns are side by side, ``stride`` apart, from ``buf[at]`` on."""
    return Matrix(after(buf, at), stride, 1)


@jit.strict
def repeated(buf: Any, at: int) -> Matrix:
    """One row as every row."""
    return Matrix(after(buf, at), 0, 1)


def pointer(array: Any) -> Any:
    """The address of an array's first element, which knows its dtype: one word instead of an array's seven."""
    return array


def after(buf: Any, n: int) -> Any:
    """The buffer from its element n on."""
    return buf[n:]


def itemsize(buf: Any) -> int:
    """Bytes of an element."""
    return int(buf.itemsize)


def number(buf: Any, value: float) -> Any:
    """A number in the buffer's dtype: a literal would turn float32 arithmetic into float64."""
    return buf.dtype.type(value)


def byte_address(buf: Any) -> int:
    """The address of the buffer's first element as a number; plain Python has no use for it."""
    return 0


def prefetch(at: int) -> None:
    """Bring the cache line of this address nearer, without waiting for it."""


def view(buf: Any, offset: int, n_rows: int, n_columns: int, row_stride: int, column_stride: int) -> Any:
    """Matrix whose element [i, j] is ``buf[offset + i * row_stride + j * column_stride]``; strides count elements.

    Nothing is checked: the caller's offsets must stay inside ``buf``, of any float or integer dtype.
    """
    strides = (row_stride * buf.itemsize, column_stride * buf.itemsize)
    return np.lib.stride_tricks.as_strided(buf.reshape(-1)[offset:], (n_rows, n_columns), strides)


def line(buf: Any, offset: int, n: int) -> Any:
    """Vector whose element [i] is ``buf[offset + i]``."""
    return buf[offset : offset + n]


@jit.strict
def row(m: Matrix, x: int, n: int) -> Any:
    """The first n elements of row x of a matrix whose columns are side by side, as a vector."""
    return line(m.buf, x * m.i, n)


def register_block(R: int, N: int, like: Any) -> Any:
    """Uninitialised block of R rows by N strips of ``like``'s dtype on the stack, which LLVM keeps in registers.

    R and N must be constants once LLVM has inlined the function; the block is at most BLOCK_VECTORS.
    """
    return np.full((R, N * (STRIP_BYTES // itemsize(like))), np.nan, like.dtype)


def copy_row(N: int, out: Any, i: int, source: Any, j: int) -> None:
    """Row i of ``out`` becomes row j of ``source``: N strips, N a constant likewise, rows of unit stride.

    A loop would do; a copy of constant size is what LLVM sees through when one side is a register block. Measured for
    BP4 of 784 x 32 over 10 samples, float32: 40 GFLOP/s with loops, 160 with copies.
    """
    out[i] = source[j]


def copy_line(n: int, out: Any, source: Any) -> None:
    """The first n elements of one vector become those of another, which lies elsewhere.

    A cache line or less in two moves, its beginning and its end, which may overlap; more by the C library. A loop would
    first find out whether the two vectors overlap: measured 20 cycles for four elements, 9 with the library's copy.
    """
    out[:n] = source[:n]


def transpose_tile(out: Any, i: int, source: Any, j: int, n: int) -> None:
    """Square tile of one vector's width: ``out[i + s, t] = source[j + min(t, n - 1), i + s]``.

    Shuffles between registers instead of one element at a time: measured four times as fast.
    """
    V = VECTOR_BYTES // out.itemsize
    for s in range(V):
        for t in range(V):
            out[i + s, t] = source[j + min(t, n - 1), i + s]


def literally(n: int) -> int:
    """Declare that a kernel is compiled anew for each value of this argument."""
    return n


def literal_unroll(values: tuple[int, ...]) -> tuple[int, ...]:
    """Let a loop over these values be written out while compiling, each value a literal."""
    return values


if not jit.DISABLED:
    import numba
    from llvmlite import ir
    from numba.core import cgutils, types
    from numba.core.typing import signature
    from numba.extending import intrinsic
    from numba.np.arrayobj import make_array, populate_array

    def address(context: Any, builder: Any, type_: Any, buf: Any) -> Any:
        """Of an array's first element; of a pointer, itself."""
        return buf if isinstance(type_, types.CPointer) else make_array(type_)(context, builder, buf).data

    @intrinsic
    def _pointer(typing: Any, array: Any) -> Any:
        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            return address(context, builder, sig.args[0], args[0])

        return types.CPointer(array.dtype)(array), codegen

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

    @intrinsic
    def _prefetch(typing: Any, at: Any) -> Any:
        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            where = builder.inttoptr(args[0], cgutils.voidptr_t)
            word = ir.IntType(32)
            function = builder.module.declare_intrinsic(
                "llvm.prefetch", [cgutils.voidptr_t], ir.FunctionType(ir.VoidType(), [cgutils.voidptr_t] + [word] * 3)
            )
            builder.call(function, [where, word(0), word(3), word(1)])  # to read, into the nearest cache, data
            return context.get_dummy_value()

        return signature(types.none, types.intp), codegen

    def _populate(
        context: Any, builder: Any, type_: Any, buf_type: Any, buf: Any, offset: Any, shape: Any, strides: Any
    ) -> Any:
        """An array of ``type_`` on the memory of ``buf`` from ``offset`` on, owned by nobody."""
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
    def _register_block(typing: Any, R: Any, N: Any, like: Any) -> Any:
        type_ = types.Array(like.dtype, 2, "C")
        sig = signature(type_, types.intp, types.intp, like)

        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            element = context.get_data_type(type_.dtype)
            itemsize = context.get_abi_sizeof(element)
            width = builder.mul(args[1], context.get_constant(types.intp, STRIP_BYTES // itemsize))
            size = context.get_constant(types.intp, itemsize)
            with builder.goto_entry_block():
                memory = builder.alloca(ir.ArrayType(element, BLOCK_VECTORS * VECTOR_BYTES // itemsize))
                memory.align = 64  # worth 10-15 %
            array = make_array(type_)(context, builder)
            populate_array(
                array,
                data=builder.bitcast(memory, element.as_pointer()),
                shape=[args[0], width],
                strides=[builder.mul(width, size), size],
                itemsize=size,
                meminfo=None,
            )
            return array._getvalue()

        return sig, codegen

    @intrinsic
    def _copy_row(typing: Any, N: Any, out: Any, i: Any, source: Any, j: Any) -> Any:
        if out.dtype != source.dtype:
            return None
        sig = signature(types.none, types.intp, out, types.intp, source, types.intp)

        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            def row(type_: Any, value: Any, i: Any) -> Any:
                array = make_array(type_)(context, builder, value)
                stride = cgutils.unpack_tuple(builder, array.strides, 2)[0]
                return builder.gep(builder.bitcast(array.data, cgutils.voidptr_t), [builder.mul(i, stride)])

            out, source = row(sig.args[1], args[1], args[2]), row(sig.args[3], args[3], args[4])
            size = builder.mul(args[0], context.get_constant(types.intp, STRIP_BYTES))
            cgutils.raw_memcpy(builder, out, source, size, 1)
            return context.get_dummy_value()

        return sig, codegen

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
                places = [
                    [builder.bitcast(place, several), builder.bitcast(builder.gep(place, [last]), several)]
                    for place in (source, out)
                ]
                values = [builder.load(place, align=1) for place in places[0]]
                for value, place in zip(values, places[1], strict=True):
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

    @intrinsic
    def _transpose_tile(typing: Any, out: Any, i: Any, source: Any, j: Any, n: Any) -> Any:
        sig = signature(types.none, out, types.intp, source, types.intp, types.intp)

        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            out_value, i, source_value, j, n = args
            element = context.get_data_type(sig.args[0].dtype)
            V = VECTOR_BYTES // context.get_abi_sizeof(element)
            vector = ir.VectorType(element, V)
            bits = ir.IntType(32)

            def place(type_: Any, value: Any, i: Any, j: Any) -> Any:
                array = make_array(type_)(context, builder, value)
                strides = cgutils.unpack_tuple(builder, array.strides, 2)
                offset = builder.add(builder.mul(i, strides[0]), builder.mul(j, strides[1]))
                start = builder.gep(builder.bitcast(array.data, cgutils.voidptr_t), [offset])
                return builder.bitcast(start, vector.as_pointer())

            align = context.get_abi_sizeof(element)
            last = builder.sub(n, context.get_constant(types.intp, 1))
            rows = []
            for t in range(V):
                t = context.get_constant(types.intp, t)
                t = builder.select(builder.icmp_signed("<", t, last), t, last)
                rows.append(builder.load(place(sig.args[2], source_value, builder.add(j, t), i), align=align))
            # Swap ever smaller off-diagonal squares: element e of a row keeps its row where bit d of e is clear.
            d = V // 2
            while d:
                upper = ir.Constant(ir.VectorType(bits, V), [e if not e & d else V + e - d for e in range(V)])
                lower = ir.Constant(ir.VectorType(bits, V), [e + d if not e & d else V + e for e in range(V)])
                for t in range(V):
                    if not t & d:
                        a, b = rows[t], rows[t + d]
                        rows[t], rows[t + d] = builder.shuffle_vector(a, b, upper), builder.shuffle_vector(a, b, lower)
                d //= 2
            zero = context.get_constant(types.intp, 0)
            for t in range(V):
                row = builder.add(i, context.get_constant(types.intp, t))
                builder.store(rows[t], place(sig.args[0], out_value, row, zero), align=align)
            return context.get_dummy_value()

        return sig, codegen

    # Without annotations: Numba refuses a twin whose implementation is not annotated alike, and for mypy an intrinsic
    # lacks an argument, the one that Numba passes.
    @jit.overload(pointer)
    def _(array):  # type: ignore[no-untyped-def]
        return lambda array: _pointer(array)

    @jit.overload(after)
    def _(buf, n):  # type: ignore[no-untyped-def]
        return lambda buf, n: _after(buf, n)

    @jit.overload(byte_address)
    def _(buf):  # type: ignore[no-untyped-def]
        return lambda buf: _byte_address(buf)

    @jit.overload(itemsize)
    def _(buf):  # type: ignore[no-untyped-def]
        size = buf.dtype.bitwidth // 8
        return lambda buf: size

    @jit.overload(number)
    def _(buf, value):  # type: ignore[no-untyped-def]
        kind = buf.dtype
        return lambda buf, value: kind(value)

    @jit.overload(prefetch)
    def _(at):  # type: ignore[no-untyped-def]
        return lambda at: _prefetch(at)

    @jit.overload(view)
    def _(buf, offset, n_rows, n_columns, row_stride, column_stride):  # type: ignore[no-untyped-def]
        return lambda buf, offset, n_rows, n_columns, row_stride, column_stride: _view(
            buf, offset, n_rows, n_columns, row_stride, column_stride
        )

    @jit.overload(line)
    def _(buf, offset, n):  # type: ignore[no-untyped-def]
        return lambda buf, offset, n: _line(buf, offset, n)

    literally, literal_unroll = numba.literally, numba.literal_unroll
    # An alloca or an attribute belongs to the function that calls: these are the intrinsics themselves.
    register_block = _register_block
    copy_row = _copy_row
    copy_line = _copy_line
    transpose_tile = _transpose_tile
