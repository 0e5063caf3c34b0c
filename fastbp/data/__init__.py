"""Data in: files and tables read as arrays, classes distinguished from numbers, features scaled, samples split."""

from fastbp.data.reading import Data, read, read_features, split, split_indices

__all__ = ["Data", "read", "read_features", "split", "split_indices"]
