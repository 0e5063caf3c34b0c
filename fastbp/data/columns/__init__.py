"""Columns of a table: what is in them, found from the training rows, and the matrices that a network takes."""

from fastbp.data.columns.learned import Columns
from fastbp.data.columns.record import KINDS, Column
from fastbp.data.columns.table import Table

__all__ = ["KINDS", "Column", "Columns", "Table"]
