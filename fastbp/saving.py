"""Networks and models into files and back."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from fastbp.ensemble import Ensemble
from fastbp.errors import argument_error
from fastbp.functions.entry import ActivationFunction, CostFunction
from fastbp.io import model_file
from fastbp.io.paths import as_path
from fastbp.model import Model
from fastbp.network import Network


def save(net: Network | Model | Ensemble, path: str | bytes | os.PathLike[Any]) -> None:
    """Write a network, a model or an ensemble to a model file.

    The file appears whole or not at all: on any failure (disk full, interruption, power loss) an older file of that
    name stays as it was.

    Parameters
    ----------
    net : Network, Model or Ensemble
        Weights, biases, ``meta`` and, of a model, its preprocessing are stored; ``save(model.net, path)`` drops it.
        Values of ``meta`` may be strings, numbers, booleans, None, and lists, arrays or mappings of these. Weights that
        are not finite are written as they are; ``load`` then asks for ``allow_nonfinite=True``.
    path : str, bytes or path-like
        The file; ``.fastbp`` is the usual ending. An older file keeps its permissions and, where that is allowed, its
        owner.

    Raises
    ------
    TypeError, ValueError
        ``net.meta`` holds something that a model file cannot, or more than fits into the 16 MB of the header.
    OSError
        The file cannot be written.

    Warns
    -----
    UserWarning
        The older file was another user's, and now is yours.
    """
    name = as_path(path)
    if not isinstance(net, Network | Model | Ensemble):
        raise TypeError(f"net is {net!r}; a network, a model or an ensemble is needed. Pass fastbp.save(net, path).")
    model_file.write(name, net.contents() if isinstance(net, Model) else model_file.Contents(net))


def load(
    path: str | bytes | os.PathLike[Any],
    *,
    allow_nonfinite: bool = False,
    functions: Sequence[ActivationFunction | CostFunction] = (),
) -> Network | Model | Ensemble:
    """Read what `save` wrote: a model if the file has preprocessing, else a network, or an ensemble.

    Parameters
    ----------
    path : str, bytes or path-like
        A file that ``save`` wrote. It may come from anywhere: reading it runs nothing that it contains.
    allow_nonfinite : bool
        Accept weights and biases that are NaN or infinite.

    functions : sequence
        What `activation` and `cost` have returned for functions of your own that the file names; it holds nothing else
        of them. Those that this process has registered already are known.

    Returns
    -------
    Network, Model or Ensemble
        ``fastbp train`` writes models. A file of fastbp 0.1.0 is one if it has a scaling of its inputs; the scaling of
        targets is part of its last layer.

    Raises
    ------
    LoadError
        The file is empty, truncated, damaged, of another kind or program, of a newer format, or larger than the memory
        there is, or names a function that is not known here; the message says which.
    OSError
        The file does not exist or cannot be read.
    TypeError
        ``functions`` is something else.
    """
    given = functions if isinstance(functions, Sequence) else [functions]
    if not all(isinstance(entry, ActivationFunction | CostFunction) for entry in given):
        raise argument_error(
            "functions",
            f"is {functions!r}; needed is a list of what fastbp.activation and fastbp.cost return, which register a "
            "function. Pass [fastbp.activation(name, f, f_prime)].",
            TypeError,
        )
    net, steps, target, columns = model_file.read(path, allow_nonfinite=allow_nonfinite)
    return net if steps is None else Model(net, steps, target=target, columns=columns)
