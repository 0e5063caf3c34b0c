"""Vector registers as numbers of their own: sums, differences and products of a vector's width of elements at a time.

LLVM makes vectors of loops by itself where it finds them worth it, and what it finds depends on how long the loops are:
of blocks of less than 64 elements it made sums of single elements, and copied those in and out of vectors. Where a
kernel says vectors, there is nothing to find.

Each function stands here as plain Python, for which a vector is an array; below it, its compiled twin.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fastbp.jit.addresses import Array, Real
from fastbp.jit.cpu import HALF_LINE, VECTOR_BYTES
from fastbp.jit.decorators import overload
from fastbp.jit.mode import when_compiling


def vector(array: Array, i: int, v: int) -> Any:
    """Vector v of row i of a matrix whose rows have unit stride."""
    V = VECTOR_BYTES // array.itemsize
    return array[i, v * V : (v + 1) * V].copy()


def put_vector(array: Array, i: int, v: int, values: Any) -> None:
    """Vector v of row i of such a matrix becomes ``values``."""
    V = VECTOR_BYTES // array.itemsize
    array[i, v * V : (v + 1) * V] = values


def half_line(array: Array, i: int) -> Any:
    """The vector of the first half-line of row i of such a matrix: with AVX-512 half as wide as others."""
    return array[i, : HALF_LINE // array.itemsize].copy()


def put_half_line(array: Array, i: int, values: Any) -> None:
    """The first half-line of row i becomes ``values``."""
    array[i, : HALF_LINE // array.itemsize] = values


def vector_of(like: Array, value: Real) -> Any:
    """Vector whose elements all are ``value``, a number of ``like``'s dtype."""
    return np.full(VECTOR_BYTES // like.itemsize, value, like.dtype)


@when_compiling
def _twins() -> None:
    import operator

    from llvmlite import ir
    from numba.core import cgutils, types
    from numba.core.datamodel.models import PrimitiveModel
    from numba.core.typing import signature
    from numba.core.typing.templates import AbstractTemplate, infer_global
    from numba.extending import intrinsic, lower_builtin, register_model
    from numba.np.arrayobj import make_array

    class Vector(types.Type):
        """Numba's type of a vector of this dtype, as wide as a register or as a half-line."""

        def __init__(self, dtype: Any, width: int = VECTOR_BYTES) -> None:
            self.dtype, self.width = dtype, width
            super().__init__(name=f"Vector({dtype}, {width})")

        @property
        def size(self) -> int:
            """Elements."""
            return self.width * 8 // int(self.dtype.bitwidth)

    @register_model(Vector)
    class _Model(PrimitiveModel):
        def __init__(self, manager: Any, type_: Any) -> None:
            element = manager.lookup(type_.dtype).get_value_type()
            super().__init__(manager, type_, ir.VectorType(element, type_.size))

    def _spread(context: Any, builder: Any, type_: Any, number: Any) -> Any:
        """The vector whose elements all are this number."""
        several = context.get_value_type(type_)
        one = builder.insert_element(ir.Constant(several, ir.Undefined), number, ir.Constant(ir.IntType(32), 0))
        first = ir.Constant(ir.VectorType(ir.IntType(32), type_.size), [0] * type_.size)
        return builder.shuffle_vector(one, one, first)

    def _mark(name: str) -> None:
        function = getattr(operator, name)

        @infer_global(function)
        class _Typing(AbstractTemplate):
            key = function

            def generic(self, args: Any, kws: Any) -> Any:
                """A vector, of vectors or of a vector and a number of the same dtype."""
                for arg in args:
                    if isinstance(arg, Vector) and all(other in (arg, arg.dtype) for other in args):
                        return signature(arg, *args)
                return None

        def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            operands = [
                arg if isinstance(type_, Vector) else _spread(context, builder, sig.return_type, arg)
                for type_, arg in zip(sig.args, args, strict=True)
            ]
            return getattr(builder, "f" + name)(*operands)

        for kinds in ((Vector, Vector), (Vector, types.Float), (types.Float, Vector)):
            lower_builtin(function, *kinds)(lower)

    for _name in ("add", "sub", "mul"):
        _mark(_name)

    def _place(context: Any, builder: Any, type_: Any, kind: Any, array: Any, i: Any, v: Any) -> Any:
        """Where vector v, of a kind, of row i of an array of ``type_`` lies."""
        rows = make_array(type_)(context, builder, array)
        stride = cgutils.unpack_tuple(builder, rows.strides, 2)[0]
        offset = builder.add(builder.mul(i, stride), builder.mul(v, context.get_constant(types.intp, kind.width)))
        start = builder.gep(builder.bitcast(rows.data, cgutils.voidptr_t), [offset])
        return builder.bitcast(start, context.get_value_type(kind).as_pointer())

    def _intrinsics(width: int) -> tuple[Any, Any]:
        """What reads and what writes vectors of a width."""

        @intrinsic
        def read(typing: Any, array: Any, i: Any, v: Any) -> Any:
            kind = Vector(array.dtype, width)

            def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
                place = _place(context, builder, sig.args[0], kind, *args)
                return builder.load(place, align=context.get_abi_sizeof(context.get_data_type(kind.dtype)))

            return signature(kind, array, types.intp, types.intp), codegen

        @intrinsic
        def write(typing: Any, array: Any, i: Any, v: Any, values: Any) -> Any:
            kind = Vector(array.dtype, width)

            def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
                place = _place(context, builder, sig.args[0], kind, *args[:3])
                builder.store(args[3], place, align=context.get_abi_sizeof(context.get_data_type(kind.dtype)))
                return context.get_dummy_value()

            return signature(types.none, array, types.intp, types.intp, kind), codegen

        return read, write

    _vector, _put_vector = _intrinsics(VECTOR_BYTES)
    _half_line, _put_half_line = _intrinsics(HALF_LINE)

    @intrinsic
    def _vector_of(typing: Any, like: Any, value: Any) -> Any:
        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            return _spread(context, builder, sig.return_type, args[1])

        return signature(Vector(like.dtype), like, like.dtype), codegen

    @overload(vector_of)
    def _(like, value):
        return lambda like, value: _vector_of(like, value)

    @overload(vector)
    def _(array, i, v):
        return lambda array, i, v: _vector(array, i, v)

    @overload(put_vector)
    def _(array, i, v, values):
        return lambda array, i, v, values: _put_vector(array, i, v, values)

    @overload(half_line)
    def _(array, i):
        return lambda array, i: _half_line(array, i, 0)

    @overload(put_half_line)
    def _(array, i, values):
        return lambda array, i, values: _put_half_line(array, i, 0, values)
