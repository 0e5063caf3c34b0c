"""``fastbp train`` says in a line why a training that ended badly did not learn, and nothing of one that did."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from fastbp.cli import app
from fastbp.cli.why import REMEDIES
from fastbp.teach.training.causes import CAUSES


@pytest.fixture(autouse=True)
def _in_a_folder_with_a_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    x = rng.standard_normal((120, 2))
    lines = [f"{a:.4f},{b:.4f},{int(a > b)},{a - 2 * b:.4f}" for a, b in x]
    Path("table.csv").write_text("\n".join(["p,q,kind,price", *lines]))


def printed(*options: str, code: int = 0) -> str:
    common = ("table.csv", "--hidden", "4", "--epochs", "6", "--validation", "0", "--test", "0.1", "--dtype", "float64")
    result = CliRunner().invoke(app, ["train", *common, *options])
    assert result.exit_code == code, result.output
    return result.output


def test_a_line_says_why() -> None:
    lines = printed("--target", "kind", "--learning-rate", "1e-5").splitlines()
    why = [line for line in lines if line.startswith("Why it did not learn: ")]
    assert len(why) == 1
    assert "(learning-rate-too-small, U)" in why[0]
    assert why[0].endswith(REMEDIES["learning-rate-too-small"])


def test_a_training_that_diverges_says_why_too() -> None:
    options = ("--target", "price", "--task", "regression", "--activation", "relu", "--learning-rate", "1e4")
    said = printed(*options, code=1)
    assert "(learning-rate-too-large, U)" in said
    assert said.index("Why it did not learn") < said.index("Error: ")


def test_nothing_is_said_of_a_training_that_learns_or_in_quiet() -> None:
    assert "Why it" not in printed("--target", "kind", "--learning-rate", "1", "--epochs", "60")
    assert "Why it" not in printed("--target", "kind", "--learning-rate", "1e-5", "-q")


def test_options_stand_for_causes() -> None:
    assert set(REMEDIES) <= set(CAUSES)
