"""The book's MNIST: 50,000 samples to train, 10,000 to validate, 10,000 to test, from the idx files.

The book reads a pickle; pickles can run any code, so this reads the four files that MNIST is published as, gzipped or
not: put them in one folder.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from fastbp.data.reading import read
from fastbp.nielsen._book import vectorized_result

__all__ = ["load_data", "load_data_wrapper", "vectorized_result"]

Part = tuple[np.ndarray, np.ndarray]


def load_data(folder: str | os.PathLike[str] = "../data", n_validation: int = 10_000) -> tuple[Part, Part, Part]:
    """Training, validation and test data, each a pair of arrays.

    Parameters
    ----------
    folder : path
        With train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte.
    n_validation : int
        The last training samples, kept for validation as the book does.

    Returns
    -------
    training, validation, test : tuples
        Images, shape (n, 784), float32 in 0..1 (pixels / 256, the book's scale), and digits, shape (n,).
    """
    if not os.path.isdir(folder):
        raise FileNotFoundError(
            f"{os.fspath(folder)!r} is no folder; it must hold the four idx files of MNIST, gzipped or not. Pass the "
            "folder in which train-images-idx3-ubyte lies."
        )
    data = read(os.fspath(folder))
    if data.X_test is None or data.Y_test is None:
        raise ValueError(
            f"{os.fspath(folder)!r} has no test files; all four of MNIST's are needed. Add t10k-images-idx3-ubyte and "
            "t10k-labels-idx1-ubyte."
        )
    if not 0 < n_validation < len(data.X):
        raise ValueError(
            f"n_validation is {n_validation}; there are {len(data.X)} training samples. Pass a number between."
        )
    X, X_test = (np.asarray(part, np.float32) / np.float32(256) for part in (data.X, data.X_test))
    y, y_test = (np.asarray(part, np.int64) for part in (data.Y, data.Y_test))
    return (X[:-n_validation], y[:-n_validation]), (X[-n_validation:], y[-n_validation:]), (X_test, y_test)


def load_data_wrapper(folder: str | os.PathLike[str] = "../data", n_validation: int = 10_000) -> tuple[Any, Any, Any]:
    """The same data as the networks take it: lists of (x, y), x of shape (784, 1).

    y is a column of 10 in the training data, and a digit in the validation and test data.
    """
    # A function put in place of this module's may take no argument, as the book's own does.
    arguments = () if (folder, n_validation) == ("../data", 10_000) else (folder, n_validation)
    training, validation, test = load_data(*arguments)
    columns = [[np.reshape(x, (-1, 1)) for x in part[0]] for part in (training, validation, test)]
    targets = [vectorized_result(int(digit)) for digit in training[1]]
    return (
        list(zip(columns[0], targets, strict=True)),
        list(zip(columns[1], validation[1], strict=True)),
        list(zip(columns[2], test[1], strict=True)),
    )
