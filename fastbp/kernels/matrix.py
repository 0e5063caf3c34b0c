"""A matrix inside a buffer: an address and two strides."""

from __future__ import annotations

from typing import NamedTuple

from fastbp.jit import strict
from fastbp.jit.addresses import Array, Buffer, after, line


class Matrix(NamedTuple):
    """A matrix inside a buffer: its element [i, j] is ``buf[i * self.i + j * self.j]``."""

    buf: Buffer
    i: int
    j: int


@strict
def shifted(m: Matrix, i: int, j: int) -> Matrix:
    """The matrix from row i and column j on."""
    return Matrix(after(m.buf, i * m.i + j * m.j), m.i, m.j)


@strict
def transposed(m: Matrix) -> Matrix:
    """The same elements, rows and columns exchanged."""
    return Matrix(m.buf, m.j, m.i)


@strict
def matrix(buf: Buffer, at: int, stride: int) -> Matrix:
    """Rows whose columns are side by side, ``stride`` apart, from ``buf[at]`` on."""
    return Matrix(after(buf, at), stride, 1)


@strict
def repeated(buf: Buffer, at: int) -> Matrix:
    """One row as every row."""
    return Matrix(after(buf, at), 0, 1)


@strict
def row(m: Matrix, x: int, n: int) -> Array:
    """The first n elements of row x of a matrix whose columns are side by side, as a vector."""
    return line(m.buf, x * m.i, n)
