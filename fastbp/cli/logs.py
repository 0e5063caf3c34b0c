"""``--log``: the callbacks that write a file of the training."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import fastbp
from fastbp.cli.options import check_file


def check(paths: Sequence[Path]) -> list[fastbp.Callback]:
    """The callbacks of these files, before anything is trained.

    Raises
    ------
    ValueError
        The name of a file says no format, or it cannot be written.
    ModuleNotFoundError
        A folder, and nothing is installed that writes events.
    """
    return [_callback(path) for path in paths]


def _callback(path: Path) -> fastbp.Callback:
    ending = path.suffix.lower()
    if ending in (".jsonl", ".csv"):
        check_file(path, "--log")
        return (fastbp.callbacks.JSONLines if ending == ".jsonl" else fastbp.callbacks.CSVLog)(path)
    if ending and not path.is_dir():
        raise ValueError(
            f"--log is {str(path)!r}; its ending must be .jsonl or .csv, and a name without one is a folder for "
            "TensorBoard. Pass for example --log run.jsonl."
        )
    return fastbp.callbacks.TensorBoard(path)
