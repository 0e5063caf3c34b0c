"""What LLVM makes of vector registers: blocks of sums that live in them, copies of constant size, transposition.

Each function stands here as plain Python; below it, its compiled twin.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fastbp.jit.addresses import itemsize
from fastbp.jit.cpu import HALF_LINE, VECTOR_BYTES, VECTOR_REGISTERS
from fastbp.jit.decorators import overload
from fastbp.jit.mode import placeholder, when_compiling


@placeholder
def register_block(MR: int, NR: int, like: Any) -> Any:
    """Uninitialised block of MR rows by NR half-lines of ``like``'s dtype on the stack, which LLVM keeps in registers.

    MR and NR must be constants once LLVM has inlined the function; the block takes at most VECTOR_REGISTERS.
    """
    return np.full((MR, NR * (HALF_LINE // itemsize(like))), np.nan, like.dtype)


@placeholder
def copy_row(NR: int, out: Any, i: int, source: Any, j: int) -> None:
    """Row i of ``out`` becomes row j of ``source``: NR half-lines, NR a constant likewise, rows of unit stride.

    A loop would do; a copy of constant size is what LLVM sees through when one side is a register block. Measured for
    BP4 of 784 x 32 over 10 samples, float32: 40 GFLOP/s with loops, 160 with copies.
    """
    out[i] = source[j]


@placeholder
def transpose_tile(out: Any, i: int, source: Any, j: int, n: int) -> None:
    """Square tile of one vector's width: ``out[i + s, t] = source[j + min(t, n - 1), i + s]``.

    Shuffles between registers instead of one element at a time: measured four times as fast.
    """
    V = VECTOR_BYTES // out.itemsize
    for s in range(V):
        for t in range(V):
            out[i + s, t] = source[j + min(t, n - 1), i + s]


def prefetch_line(at: int) -> None:
    """Bring the cache line of this address nearer, without waiting for it."""


@placeholder
def literally(n: int) -> int:
    """Declare that a kernel is compiled anew for each value of this argument."""
    return n


@placeholder
def literal_unroll(values: tuple[int, ...]) -> tuple[int, ...]:
    """Let a loop over these values be written out while compiling, each value a literal."""
    return values


@when_compiling
def _twins() -> None:
    import numba
    from llvmlite import ir
    from numba.core import cgutils, types
    from numba.core.typing import signature
    from numba.extending import intrinsic
    from numba.np.arrayobj import make_array, populate_array

    @intrinsic
    def _register_block(typing: Any, MR: Any, NR: Any, like: Any) -> Any:
        type_ = types.Array(like.dtype, 2, "C")
        sig = signature(type_, types.intp, types.intp, like)

        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            element = context.get_data_type(type_.dtype)
            itemsize = context.get_abi_sizeof(element)
            width = builder.mul(args[1], context.get_constant(types.intp, HALF_LINE // itemsize))
            size = context.get_constant(types.intp, itemsize)
            with builder.goto_entry_block():
                memory = builder.alloca(ir.ArrayType(element, VECTOR_REGISTERS * VECTOR_BYTES // itemsize))
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
    def _copy_row(typing: Any, NR: Any, out: Any, i: Any, source: Any, j: Any) -> Any:
        if out.dtype != source.dtype:
            return None
        sig = signature(types.none, types.intp, out, types.intp, source, types.intp)

        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            def row(type_: Any, value: Any, i: Any) -> Any:
                array = make_array(type_)(context, builder, value)
                stride = cgutils.unpack_tuple(builder, array.strides, 2)[0]
                return builder.gep(builder.bitcast(array.data, cgutils.voidptr_t), [builder.mul(i, stride)])

            out, source = row(sig.args[1], args[1], args[2]), row(sig.args[3], args[3], args[4])
            size = builder.mul(args[0], context.get_constant(types.intp, HALF_LINE))
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

    @intrinsic
    def _prefetch_line(typing: Any, at: Any) -> Any:
        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            where = builder.inttoptr(args[0], cgutils.voidptr_t)
            word = ir.IntType(32)
            function = builder.module.declare_intrinsic(
                "llvm.prefetch", [cgutils.voidptr_t], ir.FunctionType(ir.VoidType(), [cgutils.voidptr_t] + [word] * 3)
            )
            builder.call(function, [where, word(0), word(3), word(1)])  # to read, into the nearest cache, data
            return context.get_dummy_value()

        return signature(types.none, types.intp), codegen

    @overload(prefetch_line)
    def _(at):
        return lambda at: _prefetch_line(at)

    literally.compiled, literal_unroll.compiled = numba.literally, numba.literal_unroll
    # An alloca belongs to the function that calls: these are the intrinsics themselves.
    register_block.compiled, copy_row.compiled, transpose_tile.compiled = _register_block, _copy_row, _transpose_tile
