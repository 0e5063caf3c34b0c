"""The picture of a training run: curves, confusion matrix, worst mistakes. It needs ``matplotlib``."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from fastbp.cli.report import confusion
from fastbp.data.reading import Data
from fastbp.io.atomic import write_atomically
from fastbp.model import Model
from fastbp.targets import decide
from fastbp.training.history import Run


def _require_matplotlib() -> Any:
    try:
        from matplotlib import figure
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            'The picture is drawn by matplotlib, which is not installed. Install it with pip install "fastbp[plot]".'
        ) from None
    return figure


def check(path: str | os.PathLike[str]) -> None:
    """Refuse, before anything is trained, what could not be drawn: without matplotlib, or with an unknown ending."""
    _require_matplotlib()
    from matplotlib.backend_bases import FigureCanvasBase

    kinds = FigureCanvasBase.get_supported_filetypes()
    ending = os.path.splitext(os.fspath(path))[1].removeprefix(".").lower()
    if ending not in kinds:
        raise ValueError(
            f"--plot is {os.fspath(path)!r}; its ending must name a format, one of {', '.join(kinds)}. Pass for "
            "example run.png."
        )


def _curves(axes: Any, run: Run, names: Sequence[tuple[str, str]], title: str) -> None:
    epochs = np.arange(1, run.epoch + 1)
    known = [(name, label) for name, label in names if name in run.history]
    for name, label in known:
        values = run.history[name][: run.epoch]
        axes.plot(epochs[: len(values)], values, marker="." if run.epoch < 40 else None, label=label)
    if run.best_epoch is not None and known:
        axes.axvline(run.best_epoch, color="gray", linestyle=":", label=f"best epoch: {run.best_epoch}")
    axes.set(title=title, xlabel="epoch")
    axes.grid(alpha=0.3)
    if known:  # not after 0 epochs
        axes.legend(frameon=False)


def _matrix(axes: Any, counts: np.ndarray, names: Sequence[Any]) -> None:
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    if len(names) <= 20:
        axes.set_xticks(range(len(names)), [str(name) for name in names], rotation=90 if len(names) > 10 else 0)
        axes.set_yticks(range(len(names)), [str(name) for name in names])
        for i, j in np.argwhere(counts):
            axes.text(
                j, i, counts[i, j], ha="center", va="center", size=8, color="white" if share[i, j] > 0.5 else "black"
            )
    axes.set(title="confusion matrix (test)", xlabel="decided", ylabel="is")


def worst_mistakes(out: np.ndarray, known: np.ndarray, decided: np.ndarray, n: int) -> np.ndarray:
    """Indices of the wrong samples of which the net was most certain."""
    wrong = np.flatnonzero(known != decided)
    certainty = out.max(axis=1) if out.shape[1] > 1 else np.abs(out[:, 0] - 0.5)
    return wrong[np.argsort(-certainty[wrong], kind="stable")][:n]


def picture(path: str | os.PathLike[str], run: Run, model: Model, data: Data) -> None:
    """Write the picture of a run, and of the test samples of its data, to a file whose ending names the format."""
    X, Y, names, image = data.X_test, data.Y_test, data.classes or (), data.image
    assert X is not None
    assert Y is not None
    figure = _require_matplotlib().Figure(figsize=(12, 8 if image and names else 4.5), layout="constrained")
    classifying = bool(names)
    upper, lower = figure.subfigures(2, 1, height_ratios=(1.3, 1)) if image and classifying else (figure, None)
    axes = upper.subplots(1, 3)
    _curves(axes[0], run, (("loss", "training"), ("val_loss", "validation")), "loss")
    out = model.feedforward(X)
    if not classifying:
        _curves(axes[1], run, (("val_r2", "validation"),), "R2")
        Y, out = Y[~np.isnan(Y)], out[~np.isnan(Y)]
        axes[2].scatter(Y, out, s=6, alpha=0.5)
        low, high = min(Y.min(), out.min()), max(Y.max(), out.max())
        axes[2].plot([low, high], [low, high], color="black", linewidth=0.8)
        axes[2].set(title="test samples", xlabel="target", ylabel="output")
    else:
        _curves(axes[1], run, (("accuracy", "training"), ("val_accuracy", "validation")), "accuracy")
        decided = decide(out)
        _matrix(axes[2], confusion(Y, decided, len(names)), names)
        if lower is not None:
            _mistakes(lower, out, Y, decided, X, names, image)
    ending = os.path.splitext(os.fspath(path))[1].removeprefix(".").lower()
    drawn = io.BytesIO()
    figure.savefig(drawn, dpi=110, format=ending)
    write_atomically(path, [drawn.getbuffer()])


def _mistakes(
    figure: Any, out: np.ndarray, Y: np.ndarray, decided: np.ndarray, raw: np.ndarray, names: Any, image: Any
) -> None:
    chosen = worst_mistakes(out, Y, decided, 12)
    wrong = int((Y != decided).sum())
    figure.suptitle(f"{len(chosen)} worst of {wrong} mistakes" if wrong else "no mistakes")
    for axes, i in zip(figure.subplots(2, 6).flat, range(12), strict=True):
        axes.axis("off")
        if i < len(chosen):
            sample = chosen[i]
            axes.imshow(raw[sample].reshape(image), cmap="gray_r", interpolation="nearest")
            axes.set_title(f"{names[Y[sample]]}, taken for {names[decided[sample]]}", size=9)
