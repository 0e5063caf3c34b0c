"""The command line, as a user meets it."""

from __future__ import annotations

import gzip
import os
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from nets import SMALL
from typer.testing import CliRunner

import fastbp
from fastbp.cli import app

EPOCHS = "1" if SMALL else "12"


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")


def fastbp_(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == code, result.output
    return result.output


@pytest.mark.compiled
def test_digits_from_one_command() -> None:
    printed = fastbp_("train", "digits", "--epochs", EPOCHS, "--plot", "run.png")
    assert "1,294 samples to train on, 144 to validate, 359 to test; 64 features, 10 classes" in printed
    assert "precision" in printed
    accuracy = float(printed.split("Test accuracy ")[1].split("%")[0])
    assert accuracy > 93
    assert Path("run.png").read_bytes().startswith(b"\x89PNG")
    net = fastbp.load("model.fastbp")
    assert net.sizes == (64, 30, 10)
    assert net.meta["classes"] == tuple(range(10))
    lines = fastbp_("predict", "model.fastbp", "digits").splitlines()
    assert lines[0] == "prediction"
    from sklearn.datasets import load_digits

    assert np.mean(np.array(lines[1:], int) == load_digits().target) > 0.94
    assert "784" not in fastbp_("info", "model.fastbp")
    assert "64" in fastbp_("info", "model.fastbp")


def write_table(path: str, n: int = 40) -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((n, 2))
    lines = ["height,width,kind,area"]
    for (a, b), kind in zip(x, np.where(x[:, 0] > 0, "tall", "low, flat"), strict=True):
        lines.append(f'{a:.4f},{b:.4f},"{kind}",{2 * a - b + 0.5:.4f}')
    Path(path).write_text("\n".join(lines) + "\n")


def test_classes_of_a_table() -> None:
    write_table("things.csv", 60)
    Path("samples.csv").write_text("width,height\n0.1,2.0\n0.1,-2.0\n")
    lines = Path("things.csv").read_text().splitlines()
    Path("things.csv").write_text("\n".join(",".join([*line.rsplit(",", 1)[:1]]) for line in lines) + "\n")
    printed = fastbp_("train", "things.csv", "--target", "kind", "--hidden", "4", "--epochs", "30", "-q",
                      "--optimizer", "adam", "--learning-rate", "0.05", "--model", "kind.fastbp")  # fmt: skip
    assert "Test accuracy" in printed
    assert fastbp_("predict", "kind.fastbp", "samples.csv").splitlines() == ["prediction", "tall", '"low, flat"']
    fastbp_("predict", "kind.fastbp", "samples.csv", "--probabilities", "--out", "p.npy")
    assert np.load("p.npy").shape == (2, 1)


def test_regression_of_a_table() -> None:
    write_table("things.csv", 60)
    text = Path("things.csv").read_text().splitlines()
    Path("things.csv").write_text("\n".join(",".join([*line.split(",")[:2], line.split(",")[-1]]) for line in text))
    printed = fastbp_("train", "things.csv", "--target", "area", "--hidden", "none", "--epochs", "60",
                      "--learning-rate", "0.1", "--plot", "run.svg")  # fmt: skip
    assert float(printed.split("Test R2 ")[1].split(",")[0]) > 0.99
    assert "<svg" in Path("run.svg").read_text()
    fastbp_("predict", "model.fastbp", "things.csv", "--out", "out.csv")
    assert Path("out.csv").read_text().startswith("output_0\n")


def write_idx(path: Path, array: np.ndarray, *, pack: bool) -> None:
    header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    data = header + array.astype(np.uint8).tobytes()
    path.write_bytes(gzip.compress(data) if pack else data)


@pytest.mark.parametrize("pack", [False, True])
def test_a_folder_of_idx_files(pack: bool) -> None:
    rng = np.random.default_rng(0)
    folder = Path("mnist")
    folder.mkdir()
    for part, n in (("train", 40), ("t10k", 10)):
        labels = np.arange(n) % 2
        images = rng.integers(0, 50, (n, 4, 4)) + 200 * labels[:, None, None]
        end = ".gz" if pack else ""
        write_idx(folder / f"{part}-images-idx3-ubyte{end}", images, pack=pack)
        write_idx(folder / f"{part}-labels-idx1-ubyte{end}", labels, pack=pack)
    printed = fastbp_("train", "mnist", "--hidden", "3", "--epochs", "20", "--learning-rate", "2",
                      "--cost", "quadratic", "--validation", "0", "--schedule", "cosine")  # fmt: skip
    assert "40 samples to train on, 0 to validate, 10 to test; 16 features, 2 classes" in printed
    assert "Test accuracy 100.00%" in printed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "missing.csv"], "missing.csv"),
        (["train", "things.csv", "--target", "colour"], "colour"),
        (["train", "things.csv"], "target"),
        (["train", "broken.npz"], "broken.npz"),
        (["train", "digits", "--hidden", "30,x"], "--hidden is '30,x'"),
        (["train", "digits", "--hidden", "0,30"], "sizes[1] is 0"),
        (["train", "digits", "--activation", "rellu"], "Did you mean 'relu'"),
        (["train", "digits", "--cost", "quadratic", "--output", "softmax"], "cost is 'quadratic'"),
        (["train", "digits", "--optimizer", "adam", "--momentum", "0.9"], "--momentum and --nesterov belong to sgd"),
        (["train", "digits", "--weight-decay", "0.9"], "--weight-decay belongs to adamw"),
        (["train", "digits", "--model", "no/such/model"], "its folder does not exist"),
        (["train", "digits", "--test", "1.5"], "1.5"),
        (["train", "digits", "--learning-rate", "0"], "learning_rate is 0"),
        (["train", "digits", "--learning-rate", "1e9", "--activation", "relu", "--cost", "quadratic", "--output",
          "identity"], "Training diverged in epoch 1"),
        (["predict", "missing.fastbp", "digits"], "missing.fastbp"),
        (["info", "things.csv"], "things.csv"),
    ],
)  # fmt: skip
def test_errors_are_one_message_without_a_traceback(arguments: list[str], message: str) -> None:
    write_table("things.csv")
    Path("broken.npz").write_bytes(b"PK\x03\x04 nothing")
    printed = fastbp_(*arguments, code=1)
    assert "Error: " in printed
    assert message in " ".join(printed.split())
    assert "Traceback" not in printed
    assert not Path("model.fastbp").exists()


def test_doctor() -> None:
    printed = fastbp_("doctor")
    for word in ("CPU", "threads", "cache", "numba", "limited by"):
        assert word in printed


@pytest.mark.compiled
@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no SIGINT to one process")
def test_ctrl_c_saves_what_was_learned(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "fastbp.cli", "train", "digits", "--epochs", "1000000"]
    root = str(Path(fastbp.__file__).parent.parent)
    process = subprocess.Popen(
        command,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": root},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    # The progress bar is drawn on a terminal only: wait until the process has had time to compile and to train.
    fastbp_("train", "digits", "--epochs", "1", "-q")
    time.sleep(8)
    process.send_signal(signal.SIGINT)
    printed, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert "Interrupted after" in printed
    assert "Saved what was learned to model.fastbp" in printed
    assert fastbp.load(tmp_path / "model.fastbp").sizes == (64, 30, 10)
