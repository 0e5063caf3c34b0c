"""Options with values that cannot be: every message names the option that was typed, and nothing is written."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import run

import fastbp
from fastbp.errors import argument_error, called


@pytest.fixture(autouse=True)
def _in_a_folder_with_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    rows = np.random.default_rng(0).random((40, 2))
    lines = ["a,b,kind,less", *(f"{a:.3f},{b:.3f},{'up' if a < b else 'down'},{-a - b:.3f}" for a, b in rows)]
    Path("t.csv").write_text("\n".join(lines) + "\n")
    fastbp.save(fastbp.Network([2, 2], seed=0), "two.fastbp")
    np.save("X.npy", rows)
    np.savez("two.npz", X=rows, y=(rows[:, 0] < rows[:, 1]).astype(int))


TRAIN = """
--early-stopping -1 | --test 5 | --test 0 | --test nan | --test 0.001 | --monitor foo --early-stopping 2
--monitor loss | --min-delta 0.1 | --no-restore-best | --restore-best | --monitor loss --early-stopping 0
--min-delta nan --early-stopping 2 | --monitor val_r2 --early-stopping 2 | --min-delta -1 --early-stopping 2
--validation 1 | --validation 0.0001 | --validation nan
--epochs -1 | --batch-size 0 | --l1 -1 | --l2 nan | --l2 1e300 | --clip-norm 0
--clip-norm nan | --class-weight foo | --dropout 1 | --dropout -0.1
--memory 3 | --tol -1 --optimizer lbfgs | --memory 0 --optimizer lbfgs | --max-evaluations 0 --optimizer lbfgs
--batch-size 3 --optimizer lbfgs | --l1 0.1 --optimizer lbfgs | --dropout 0.5 --optimizer lbfgs
--clip-norm 1 --optimizer lbfgs | --schedule cosine --optimizer lbfgs | --layer-rates 1,2 --optimizer lbfgs
--learning-rate 1 --optimizer lbfgs
--frozen 3 | --frozen 0 | --frozen 1,2 | --frozen x | --layer-rates 1 | --layer-rates 1,0 | --layer-rates 1,x
--dropout x | --dropout 0.5,0.5 | --dropout 0.5, | --seed -1
--threads 0 | --threads 65 | --hidden 1e3 | --hidden 99999999999 | --hidden 30, | --activation softmax
--activation foo | --output foo | --output relu | --output softmax
--output linear | --cost foo | --cost poisson | --cost-parameter 2
--cost-parameter 0 --cost huber | --output-weight x | --output-weight 1,2,3 --cost quadratic | --output-weight 1,2
--missing-targets drop | --init foo | --learning-rate -1
--learning-rate inf | --learning-rate 1e38 | --momentum 1 | --nesterov | --beta-1 0.5 | --beta-1 1 --optimizer adam
--beta-2 -1 --optimizer adam | --epsilon 0 --optimizer adam | --epsilon 1e-30 --optimizer adam
--rho 3 --optimizer rmsprop | --weight-decay -1 | --weight-decay 5 | --l2 5 | --schedule foo | --schedule step:every=0
--schedule step:every=x | --schedule cosine:warmup=-1 | --schedule cosine:final=nan | --schedule plateau:monitor=foo
--schedule plateau:patience=0 | --schedule plateau:factor=2 | --schedule plateau:min_delta=-1
--schedule exponential:rate=-1 | --schedule warmup:epochs=0 | --sample-weight zz | --test 2 --sample-weight a
--targets y.npy | --model /no/such/model | --model . | --model /dev/null | --plot x.foo | --plot /no/such.png
--plot .
"""
EXPLAIN = """
--row 5,x | --row -1 | --row 999 | --layer 0 | --layer 3 | --layer -1 | --neuron 2 | --neuron -1 | --of foo
--of weight | --k 1 | --k 9 --of weight | --learning-rate 0 | --l1 -1 --of bias | --l2 -1 --of weight --k 0 | --l1 1
--notation foo | --digits 0 | --digits 18 | --terms -1 | --format foo | --html /no/such.html | --html . | --nudge 0
--nudge nan | --nudge 11 | --sample-weight s
"""


def cases(text: str) -> list[list[str]]:
    return [case.split() for line in text.strip().splitlines() for case in line.split(" | ")]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            "--layer-rates 0,1",
            "--layer-rates has 0 for layer 1; a layer that is not to be trained is frozen. Pass --frozen 1.",
        ),
        ("--layer-rates=-1,1", "--layer-rates has -1 for layer 1; it must have a finite number > 0 for each."),
        ("--loss mse", "--loss is 'mse'; it must be one of quadratic,"),
        ("--loss=mse", "Pass --loss quadratic, which is C_x = 1/2 sum_j (a_j - y_j)^2"),
        ("--cost mse", "Pass --cost quadratic, which is"),
        ("--cost huber --loss-parameter -1", "--loss-parameter is -1; it must be a finite number > 0."),
        ("--cost huber --cost-parameter -1", "--cost-parameter is -1;"),
        ("--sample-weight a --l2 1e300", "or use --dtype float64."),
        ("--sample-weight less", "'t.csv': --sample-weight has -"),
        (
            "--nesterov",
            "Error: --nesterov is given and momentum is 0; it looks ahead along the momentum. Pass --momentum 0.9",
        ),
        ("--checkpoint no.ckpt --resume", "there is no such file, and --resume is given. Leave --resume out to begin"),
        (
            "--checkpoint two.fastbp --no-resume",
            "the file is there, and --no-resume is given. Leave --no-resume out to",
        ),
        ("--optimizer lbfgs --schedule cosine", "--schedule is given; L-BFGS has no learning rate. Leave it out"),
        (
            "--optimizer lbfgs --checkpoint x.ckpt",
            "--checkpoint is given; what L-BFGS knows is in SciPy, and in no file.",
        ),
        ("--output linear", "Pass 'sigmoid' or 'softmax' as --output, or --cost quadratic."),
        ("--output softmax", "softmax makes 1, whatever it is given. Pass --output sigmoid, or leave it out."),
        ("--output-weight 1,2", "--output-weight has shape (2,); this network has 1 output. Pass a number for each."),
        ("--no-restore-best", "--no-restore-best is about early stopping, and there is none. Pass --early-stopping 10"),
        ("--missing-targets drop", "--missing-targets is 'drop'; it must be 'ignore'. Pass that."),
        ("--target=", "--target is ''; 't.csv' has no column ''"),
    ],
)
def test_messages_speak_as_the_user_has_typed(options: str, message: str) -> None:
    printed = " ".join(run("train", "t.csv", "--target", "kind", "-q", *options.split(), code=1).split())
    assert message in printed, printed


@pytest.mark.parametrize("options", cases(TRAIN), ids=" ".join)
def test_train_names_the_option(options: list[str]) -> None:
    before = sorted(os.listdir())
    printed = " ".join(run("train", "t.csv", "--target", "kind", "-q", *options, code=1).split())
    assert printed.startswith("Error: "), printed
    assert options[0] in printed
    # No other option is blamed, and no name that only the library knows is.
    others = {"--learning-rate"} if " * " in printed else {"--target"} if "--targets" in options else set()
    assert set(re.findall(r"^Error: (--[\w-]+)", printed)) <= {*options} | others
    assert not re.match(r"Error: [a-z_]+ (is|has)\b", printed)
    assert sorted(os.listdir()) == before


@pytest.mark.parametrize("options", cases(EXPLAIN), ids=" ".join)
def test_explain_names_the_option(options: list[str]) -> None:
    file = ("two.fastbp", "two.npz") if options[0] == "--row" else ()
    printed = " ".join(run("explain", *file, *options, code=1).split())
    assert printed.startswith("Error: "), printed
    assert options[0] in printed
    assert not re.match(r"Error: [a-z_0-9]+ (is|has)\b", printed)


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        (["train", "t.csv", "--target", "zz"], "--target is 'zz'"),
        (["train", "t.csv", "--target", "9"], "--target is 9"),
        (["train", "digits", "--target", "x"], "--target is 'x'"),
        (["train", "two.npz", "--target", "zz"], "--target is 'zz'"),
        (["train", "two.npz", "--sample-weight", "zz"], "--sample-weight is 'zz'"),
        (
            ["train", "X.npy", "--targets", "X.npy", "--class-weight", "balanced"],
            "--class-weight is 'balanced'; the task is",
        ),
        (["explain", "two.fastbp", "two.npz", "--sample-weight", "zz"], "--sample-weight is 'zz'"),
        (["train", "digits", "--sample-weight", "no.npy"], "--sample-weight is 'no.npy'; there is no such file"),
        (["train", "X.npy", "--targets", "no.npy"], "--targets is 'no.npy'; there is no such file"),
        (["predict", "two.fastbp", "two.npz", "--out", "/no/such.csv"], "--out is '/no/such.csv'"),
        (["predict", "two.fastbp", "two.npz", "--out", "/dev/null"], "--out is '/dev/null'"),
        (["explain", "--row", "5"], "--row is '5'"),
        (["explain", "--target", "a"], "--target is 'a'"),
        (["explain", "--targets", "y.npy"], "--targets is 'y.npy'"),
        (["learn", "t.csv"], "t.csv: File exists; the folder of the lessons cannot be made"),
        (["learn", "t.csv/lessons"], "t.csv/lessons: Not a directory; the folder of the lessons cannot be made"),
        pytest.param(["bench", "--peers", "numpie"], "--peers has 'numpie'", marks=pytest.mark.compiled),
        (["bench", "--threads", "0"], "--threads is 0"),
        (["bench", "--threads", "one"], "--threads is 'one'"),
        (["bench", "--json", "/no/such.json"], "--json is '/no/such.json'"),
    ],
)
def test_other_commands_and_columns_name_the_option(arguments: list[str], option: str) -> None:
    assert f"Error: {option}" in run(*arguments, code=1)


def test_an_exception_about_an_argument_carries_its_name() -> None:
    net = fastbp.Network([2, 1], seed=0)
    X, y = [[0.0, 1.0]], [[1.0]]
    for parameter, wrong in {
        "epochs": lambda: fastbp.train(net, X, y, epochs=-1),
        "batch_size": lambda: fastbp.train(net, X, y, batch_size=0),
        "learning_rate": lambda: fastbp.Adam(-1),
        "patience": lambda: fastbp.EarlyStopping(patience=0),
        "n_threads": lambda: fastbp.train(net, X, y, n_threads=0),
        "activations": lambda: fastbp.Network([2, 1], activations="foo"),
        "activations[1]": lambda: fastbp.Network([2, 2, 1], activations=["tanh", "foo"]),
        "cost": lambda: fastbp.Network([2, 1], cost="foo"),
        "X": lambda: net.predict([[1.0]]),
        "layer": lambda: fastbp.explain(net, X[0], y[0], layer=2),
        "notation": lambda: fastbp.explain(net, X[0], y[0], notation="foo"),
        "learning_rate * l2": lambda: fastbp.train(net, X, y, l2=1e3),
    }.items():
        with pytest.raises((ValueError, TypeError)) as caught:
            wrong()
        error: Any = caught.value
        assert error.parameter == parameter
        assert str(error).endswith(error.problem)
        assert type(error) in (ValueError, TypeError)


def test_a_caller_speaks_of_its_own_names() -> None:
    with pytest.raises(TypeError, match=r"^--speed is 0") as caught, called({"eta": "--speed"}):
        raise argument_error("eta", "is 0; it must be more.", TypeError)
    assert caught.value.__dict__ == {"parameter": "--speed", "problem": "is 0; it must be more."}
    with pytest.raises(ValueError, match=r"^--speed \* --decay is 9"), called({"eta": "--speed", "mu": "--decay"}):
        raise argument_error("eta * mu", "is 9; it must be less.")
    with pytest.raises(ValueError, match=r"^eta is lost"), called({"eta": "--speed"}):
        raise ValueError("eta is lost")


def test_early_stopping_of_0_is_off(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, Any] = {}
    train = fastbp.train
    monkeypatch.setattr(fastbp, "train", lambda *args, **options: seen.update(options) or train(*args, **options))
    options = ("--target", "kind", "-q", "--epochs", "1", "--validation", "0")
    assert "Saved" in run("train", "t.csv", *options, "--early-stopping", "0")
    assert seen["early_stopping"] is None


def test_version() -> None:
    assert run("--version") == f"fastbp {fastbp.__version__}\n"


def limited(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run with files of at most 4 kB, which stands for a full disk: more is refused in the middle of a write."""
    code = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "import fastbp.cli, matplotlib.pyplot;"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)); fastbp.cli.main()"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(fastbp.__file__).parent.parent), "FASTBP_DISABLE_JIT": "1"}
    return subprocess.run([sys.executable, "-c", code, *arguments], env=environment, capture_output=True, text=True)


@pytest.mark.skipif(sys.platform != "linux", reason="limits of the size of a file, and /dev/full")
@pytest.mark.parametrize(
    ("arguments", "file"),
    [
        ("train t.csv --target kind -q --epochs 0 --hidden 500 --model m.fastbp", "m.fastbp"),
        ("train t.csv --target kind -q --epochs 0 --hidden 2 --plot run.png", "run.png"),
        ("predict two.fastbp many.npy --out out.csv", "out.csv"),
        ("predict two.fastbp many.npy --out out.npy", "out.npy"),
        ("explain --html step.html", "step.html"),
        ("learn lessons", "1-the-notes.ipynb"),
    ],
)
def test_a_write_that_fails_names_the_file_and_the_reason(arguments: str, file: str) -> None:
    np.save("many.npy", np.zeros((3000, 2)))
    old = Path(file)
    if "lessons" not in arguments:
        old.write_bytes(b"old")
    done = limited(*arguments.split())
    assert done.returncode == 1
    assert re.fullmatch(rf"Error: \S*{file}: File too large[^\n]*\.", done.stderr.strip())
    assert "None" not in done.stderr
    assert "lessons" in arguments or old.read_bytes() == b"old"
    left = {path.name for path in Path().rglob("*")} - {
        "lessons",
        "model.fastbp",
        "model.fastbp.toml",
        "many.npy",
        file,
    }
    assert left == {"t.csv", "two.fastbp", "two.npz", "X.npy"}


@pytest.fixture
def full() -> Iterator[Any]:
    with open("/dev/full", "w") as stream:
        yield stream


@pytest.mark.skipif(sys.platform != "linux", reason="/dev/full")
@pytest.mark.parametrize(
    "command", ["info two.fastbp", "predict two.fastbp two.npz", "explain", "--version", "--help", "learn x"]
)
def test_a_standard_output_that_is_full_is_named(command: str, full: Any) -> None:
    done = fastbp_process(command, stdout=full, stderr=subprocess.PIPE)
    assert (done.returncode, done.stderr) == (1, "Error: standard output: No space left on device.\n")


@pytest.mark.skipif(sys.platform == "win32", reason="closes a descriptor of the child")
@pytest.mark.parametrize("command", ["info two.fastbp", "predict two.fastbp two.npz", "explain"])
@pytest.mark.filterwarnings("ignore:os.fork.. was called:RuntimeWarning")  # JAX's, where another test has imported it
def test_a_standard_output_that_is_closed_is_named(command: str) -> None:
    done = fastbp_process(command, preexec_fn=lambda: os.close(1), stderr=subprocess.PIPE)
    assert (done.returncode, done.stderr) == (1, "Error: standard output: Bad file descriptor.\n")


@pytest.mark.skipif(sys.platform != "linux", reason="/dev/full")
def test_a_progress_bar_that_cannot_be_drawn_costs_no_training(full: Any) -> None:
    command = "train t.csv --target kind --epochs 2 --hidden 2"
    done = fastbp_process(command, stdout=subprocess.PIPE, stderr=full)
    assert "Saved what was learned to model.fastbp." in done.stdout
    assert done.returncode == 0
    assert fastbp.load("model.fastbp") is not None


@pytest.mark.skipif(sys.platform == "win32", reason="pipes of POSIX")
def test_a_reader_that_leaves_costs_no_training() -> None:
    """``fastbp train ... 2>&1 | head -1``: the model is what the command is for."""
    read, write = os.pipe()
    os.close(read)
    try:
        done = fastbp_process("train t.csv --target kind --epochs 2 --hidden 2", stdout=write, stderr=write)
    finally:
        os.close(write)
    assert done.returncode == 0
    assert fastbp.load("model.fastbp") is not None


def fastbp_process(command: str, **options: Any) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(Path(fastbp.__file__).parent.parent), "FASTBP_DISABLE_JIT": "1"}
    return subprocess.run(
        [sys.executable, "-m", "fastbp", *command.split()], env=environment, text=True, check=False, **options
    )


def test_the_command_line_starts_without_numba() -> None:
    """``fastbp --help`` and a mistyped option do not wait for what only a training needs."""
    code = "import sys, fastbp.cli; sys.exit('numba' in sys.modules)"
    environment = os.environ | {"PYTHONPATH": str(Path(fastbp.__file__).parent.parent)}
    assert subprocess.run([sys.executable, "-c", code], env=environment, check=False).returncode == 0
