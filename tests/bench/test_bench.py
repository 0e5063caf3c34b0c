"""The instrument: what is measured beside the races, and reports, pictures and suites that say what was measured."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from results import CACHE, PRICES, results
from typer.testing import CliRunner

import fastbp
from bench import (
    estimators,
    files,
    forward,
    full,
    held,
    memory,
    mnist,
    peak,
    pictures,
    report,
    scaling,
    start,
    sweeps,
    threads,
)
from bench import test_nielsen as nielsen
from fastbp import jit
from fastbp.cli import app
from fastbp.compare import nets, pin
from fastbp.compare import results as races

ROOT = Path(__file__).parents[2]

SMALL = [nets.Case(f"6-{J}-3 b4", (6, J, 3), 4, 12, learning_rate=0.5) for J in range(4, 9)]


# The other figures


@pytest.mark.compiled
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_chains_of_multiply_adds_add_up(dtype: str) -> None:
    """The peak's kernel computes what its operations say: one chain for each sum."""
    V = 8  # on every machine at least
    coef = np.arange(peak.ROWS, dtype=dtype)
    rows = np.full(64, 0.5, dtype)
    sums = np.ones(peak.ROWS * 64, dtype)
    peak._peak(6, coef, rows, sums)
    assert set(sums[: peak.ROWS * V]) <= {1.0 + 3.0 * i for i in range(peak.ROWS)}
    function, flops = peak.peak(dtype)
    function()
    assert flops > 1e6


def test_two_lines_of_numpy_are_the_net() -> None:
    net = nets.NETS[0].network()
    w, b = [np.ascontiguousarray(w) for w in net.w], list(net.b)
    row = np.random.default_rng(0).random(784, np.float32)
    expected = net.feedforward(row[None])[0]
    for two_lines in (forward.two_lines, forward.two_lines_in_place):
        np.testing.assert_allclose(two_lines(w, b, row.copy()), expected, atol=1e-6)
    with pytest.raises(RuntimeError, match="predicts something else"):
        forward._agree(expected + 1e-3, expected, "It")


def test_expected_memory_by_hand() -> None:
    case = nets.Case("hand", (3, 2, 1), 4, 4)
    assert memory.expected(case) == 4 * (11 * 3 + 4 * 6)
    assert memory.expected(replace(case, optimizer="adam", dtype="float64")) == 8 * (11 * 5 + 4 * 6)


@pytest.mark.compiled
def test_contiguous_data_of_the_nets_dtype_is_not_copied() -> None:
    """And the measure sees a copy where there is one: of Fortran order, or of another dtype."""
    case = nets.Case("wide", (300, 4, 2), 64, 6_400)
    X, Y = case.data()
    assert memory.python_peak(case, X, Y) < X.nbytes / 2
    assert memory.python_peak(case, np.asfortranarray(X), Y) >= X.nbytes
    assert memory.python_peak(case, X.astype("float64"), Y) >= X.nbytes


@pytest.mark.compiled
def test_steps_do_not_allocate() -> None:
    """Entering a kernel does, once for each array it is handed; that is a few times in 5,000 steps."""
    case = nets.Case("small", (20, 10, 3), 10, 50_000)
    assert memory.allocations(case, 1) < 5_000 / 4
    w, b, a = np.ones((2, 3)), np.ones(2), np.ones(3)
    assert memory.compiled_allocations(lambda: fastbp.textbook.weighted_input(w, b, a)) == 3 + 1  # it returns an array


@pytest.mark.compiled
@pytest.mark.skipif(not memory.supported(), reason="the system does not tell a process its peak")
def test_peak_memory_counts_what_training_holds() -> None:
    (found,) = pin.task("bench.memory:measure", 1, case=0)
    n_parameters = 785 * 1024 + 1025 * 1024 + 1025 * 10
    assert found["expected"] == 4 * (3 * n_parameters + 256 * (784 + 1024 + 1024 + 10))
    assert found["bytes"] > 4 * n_parameters


def test_import_is_timed_in_fresh_processes() -> None:
    found = start.imports(turns=1)
    assert set(found) == {"numpy", "fastbp"}
    assert min(found.values()) > 0


@pytest.mark.compiled
def test_first_training_is_timed_from_the_start_of_its_process() -> None:
    seconds = start.first_train("float32")
    assert seconds > start._fresh(start.IMPORT.format(module="numpy"))


def test_an_epoch_of_the_book_is_timed_without_what_a_call_does_once(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    once = iter([100.0, 1.0, 7.0, 50.0])  # a disturbed call makes no epoch of another one shorter

    class Net:
        def __init__(self, sizes: Any) -> None:
            assert sizes == nielsen.SIZES

        def SGD(self, data: list[Any], epochs: int, *_: Any) -> None:
            nonlocal now
            now += next(once)
            for j in range(epochs):
                now += 2.0 if j else 9.0
                sys.stdout.write(f"Epoch {j} complete\n")

    monkeypatch.setattr(nielsen, "time", SimpleNamespace(perf_counter=lambda: now))
    turns = nielsen.Turns(Net, [])
    assert [turns.time(), turns.time()] == [2.0, 2.0]


def test_threads_are_compared_with_the_choice() -> None:
    (found,) = threads.scaling(SMALL[:1], [1, 2, None], seconds=0)
    assert set(found["us"]) == {"1", "2", "None"}
    assert found["chosen"] == 1  # so little work
    assert found["net"] == SMALL[0].name


@pytest.mark.compiled
def test_the_books_run_is_compared_with_its_code() -> None:
    (found,) = threads.book(0, 1)
    assert found["book"] > found["fastbp"] > 0


@pytest.mark.slow
@pytest.mark.compiled
def test_a_file_of_results_from_end_to_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Small nets in place of the table's, through fresh processes, into a file and on into README and page."""
    monkeypatch.delenv("FASTBP_MNIST", raising=False)
    monkeypatch.delenv("OPENBLAS_CORETYPE", raising=False)
    monkeypatch.setattr(nets, "NETS", SMALL[:1])
    monkeypatch.setattr(nets, "FLOAT64", ())
    monkeypatch.setattr(sweeps, "sweep", lambda kind: [(width, sweeps.square(width, 4)) for width in (2, 4)])
    monkeypatch.setattr(nets, "ALL", SMALL)
    monkeypatch.setattr(scaling, "cases", lambda: SMALL)
    monkeypatch.setattr(estimators, "CASES", [(estimators.Net("digits", (4,), 200, 1.0, 1, 1), "sgd", "float32")])
    monkeypatch.setattr(estimators, "data_sets", lambda: {"iris": None})
    path = tmp_path / "r.json"
    suites = ["nets", "sweeps", "threads", "scaling", "mnist", "sklearn"]
    full.main(["--out", str(path), "--only", *suites, "--seconds", "0", "--threads", "1", "--peers", "NumPy"])
    found = json.loads(path.read_text())
    assert set(found) == {"machine", "runs", *suites}
    assert found["nets"][0]["peers"]["NumPy"]["us"] > 0
    assert [point["at"] for point in found["sweeps"]["width"]] == [2, 4]
    assert len(found["scaling"]) == len(SMALL)
    assert "FASTBP_MNIST" in found["mnist"]["reason"]
    assert [row["net"] for row in found["sklearn"]["epochs"]] == ["64-4-10"]
    assert [row["data"] for row in found["sklearn"]["data"]] == ["iris"]
    assert found["runs"]["nets"]["load"] >= 0
    before = found["sweeps"]
    full.main(["--out", str(path), "--only", "mnist"])
    assert json.loads(path.read_text())["sweeps"] == before
    assert f"| {SMALL[0].name} |" in report.page([found])
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")  # at half the rate of an AVX-512 CPU
    full.main(["--out", str(path), "--only", "mnist"])
    assert "OPENBLAS_CORETYPE is Haswell" in capsys.readouterr().err


def test_accuracy_of_the_softmax_net() -> None:
    net = mnist.CASE.network()
    X = np.random.default_rng(0).random((50, 784), np.float32)
    labels = net.predict(X)
    parameters = list(zip(net.w, net.b, strict=True))
    assert mnist.accuracy(parameters, X, labels) == 1
    assert mnist.accuracy(parameters, X, (labels + 1) % 10) == 0


# The model of scaling


def test_counts_by_hand() -> None:
    """3-2-1, 4 samples, two threads: half of the samples, of 4 and of 3 rows of w two each."""
    case = nets.Case("hand", (3, 2, 1), 4, 4)
    one, two = scaling.counts(case, 1, CACHE), scaling.counts(case, 2, CACHE)
    assert one.sums == pytest.approx(2e-3 * 4 * (10 * 5 / 4 + 8))
    assert two.sums == pytest.approx(2e-3 * 4 * (10 / 2 * 5 / 2 + 6 / 2 + 2 * 2 / 3))
    assert (one.barriers, two.barriers) == (0, 2)
    assert (one.weights, two.weights) == (0, pytest.approx(1e-3 * 11 * 4 / 2))
    assert one.beyond == 0
    assert scaling.counts(case, 1, 10).beyond > 0
    owned = scaling.counts(nets.NETS[0], 2, CACHE)  # 784-30-10, 10 samples: two cache lines of neurons
    assert owned.sums == pytest.approx(2e-3 * 10 * (2 * 784 * 30 / 2 + 3 * 300))
    assert (owned.barriers, owned.weights) == (1, 0)
    assert owned.activations == pytest.approx(1e-3 * 10 * 30 * 4 / 2)


def test_the_fit_recovers_the_prices_and_its_residuals_see_what_it_cannot_explain() -> None:
    measured = results()["scaling"]
    model = scaling.fit(measured, CACHE)
    np.testing.assert_allclose(model.prices, PRICES, rtol=1e-6)
    assert np.abs(model.residuals).max() < 1e-9
    assert np.abs(model.held_out).max() < 1e-6
    measured[3]["us"]["2"] *= 1.5
    assert np.abs(scaling.fit(measured, CACHE).residuals).max() > 0.1


def test_where_scaling_stops() -> None:
    model = scaling.fit(results()["scaling"], CACHE)
    small, large = nets.NETS[2], nets.NETS[5]
    T, why = model.stops(small)
    assert T == 1
    assert why == "barriers"
    T, _ = model.stops(large)
    assert T > 8
    assert model.us(large, T) <= 1.05 * min(model.us(large, n) for n in range(1, 65))
    words = scaling.describe(model)
    assert "off by 0%" in words
    assert "| 4-16-16-1 b32 |" in words


# The report

HAND = {
    "net": "3-2-1 b2",
    "dtype": "float32",
    "threads": 1,
    "floor": 2.0,
    "rate": 1.0,
    "peers": {
        "fastbp": {"us": 5.0},
        "JAX": {"us": 4.0},
        "NumPy": {"us": 1234.0},
        "scikit-learn": {"reason": "it has none"},
    },
}


def test_the_table_by_hand() -> None:
    won = HAND | {"net": "other", "peers": HAND["peers"] | {"JAX": {"us": 50.0}}}  # type: ignore[operator]
    text = "\n".join(report.tables({"nets": [HAND, won]}, "nets"))
    assert text == (
        "On 1 core, as multiples of the floor:\n\n"
        "| net | fastbp, a step | fastbp | JAX | NumPy |\n"
        "|---|---:|---:|---:|---:|\n"
        "| 3-2-1 b2 | 5.00 us | 2.50 | **2.00** | 617 |\n"
        "| other | 5.00 us | **2.50** | 25.0 | 617 |\n\n"
        "fastbp loses 1 of 2 races: to JAX on 3-2-1 b2 (in 0.80 of the time).\n"
    )
    assert report.reasons([HAND]) == ["scikit-learn: it has none"]
    assert "wins all 1 races" in "\n".join(report.tables({"nets": [won]}, "nets"))


def test_the_page_has_every_figure() -> None:
    page = report.page([results()])
    for words in (
        "### Imagined CPU\n",
        "**45 times** faster",
        "3.20 us; NumPy's two lines 6.10 us, into arrays that are already there 5.90 us",
        "784-512-512-10 93%",
        "takes 4 ms, `import numpy` 81 ms",
        "0.71 s after its start with the compiler's warm cache, 11.2 s with an empty one",
        "1.10 times parameters",
        "fastbp 0.31 s (2 epochs), NumPy not in 30 epochs",
        "torch.compile: not installed",
        "**Other nets.**",
    ):
        assert words in page, words


def test_results_of_a_busy_machine_say_so() -> None:
    found = results() | {"runs": {"nets": {"seconds": 9, "load": 0.2}, "book": {"seconds": 9, "load": 0.4}}}
    assert "busy" not in report.heading(found)
    found["runs"]["nets"]["load"] = 3.1
    assert "**Measured on a busy machine (load 3.1 before the suites began): not to be quoted.**" in report.heading(
        found
    )


def test_estimators_that_miss_a_goal_are_named() -> None:
    row = results()["sklearn"]["epochs"][0]
    assert estimators.missed([row]) == ["64-30-10 b10 adam float64 on 1 (6.0, goal 6)"]
    fast = row | {"seconds": {"scikit-learn": 0.0124, "fastbp": 0.002}}
    assert estimators.missed([fast]) == []
    slower = row | {"threads": 2, "seconds": {"scikit-learn": 1.0, "fastbp": 1.1}}
    assert estimators.missed([slower]) == ["64-30-10 b10 adam float64 on 2 (0.9, goal 1)"]
    assert "Below the goal: 64-30-10 b10 adam float64 on 1" in report.drop_in([results()])


def test_scores_beyond_noise_are_seen() -> None:
    row = results()["sklearn"]["data"][0]
    assert estimators.within_noise(row)
    worse = row | {"scores": row["scores"] | {"fastbp": [0.88, 0.91, 0.89]}}
    assert not estimators.within_noise(worse)
    assert "**not within noise**" in estimators.quality_table([worse])[2]


def test_estimators_are_raced_where_they_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("sklearn")
    net = estimators.Net("digits", (4,), 200, 1.0, 2, 1)
    row = estimators.epoch(net, "adam", "float64", 1)
    assert min(row["seconds"].values()) > 0
    assert row["net"] == "64-4-10"
    honest = estimators.estimator

    def other(library: str, *args: Any, **options: Any) -> Any:
        return honest(library, *args, **options).set_params(alpha=0.1 if library == "fastbp" else 1e-4)

    monkeypatch.setattr(estimators, "estimator", other)
    with pytest.raises(ValueError, match="the loss curves differ by"):
        estimators.epoch(net, "adam", "float64", 1)


@pytest.mark.compiled
def test_quality_is_that_of_scikit_learn() -> None:
    pytest.importorskip("sklearn")
    row = estimators.quality("iris", 1, seeds=2)
    assert row["scores"]["fastbp"] == pytest.approx(row["scores"]["scikit-learn"], abs=1 / 38)
    assert min(row["scores"]["fastbp"]) > 0.8


# The suites for pytest-benchmark


def suites(tmp_path: Path, suite: str, *arguments: str, code: int = 0) -> str:
    """What pytest prints in a process of its own; a suite holds the process before NumPy is imported."""
    where = ["-p", "no:cacheprovider", "-c", str(ROOT / "pyproject.toml"), "--rootdir", str(ROOT), str(ROOT / suite)]
    # Where these tests run in several processes, the one below is none of them, or pytest-benchmark would not measure.
    here = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *where, *arguments],
        capture_output=True,
        text=True,
        cwd=tmp_path,  # where runs are saved
        env={
            **here,
            "COLUMNS": "300",
            "FASTBP_BENCH_THREADS": "1",
            "PYTHONPATH": os.pathsep.join(map(str, (ROOT, tmp_path))),
        },
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.compiled
def test_benchmarks_are_saved_with_readable_parameters_and_ratios_and_compared(tmp_path: Path) -> None:
    chosen = ["bench/test_epoch.py", "--smallest", "-k", "fastbp or NumPy or floor"]
    printed = suites(tmp_path, *chosen, "--benchmark-compare", code=4)
    assert "There is no saved run in ./.benchmarks. Save one first, with --benchmark-autosave." in printed
    assert "Traceback" not in printed
    suites(tmp_path, *chosen, "--benchmark-autosave")
    (path,) = (tmp_path / ".benchmarks").rglob("0001_*.json")
    saved = json.loads(path.read_text())
    assert saved["machine_info"]["threads"] == 1
    of = {one["params"]["peer"]: one for one in saved["benchmarks"]}
    assert set(of) == {"fastbp", "NumPy", "floor"}
    (net,) = {(one["params"]["net"], one["params"]["dtype"], one["params"]["threads"]) for one in of.values()}
    (case,) = nets.find([f"{net[0]} {net[1]}"])
    assert net[2] == 1
    assert {one["group"] for one in of.values()} == {f"{case.key}, 1 thread"}
    assert of["NumPy"]["name"] == f"test_step[{case.key}, NumPy, 1 thread]"
    extra = of["NumPy"]["extra_info"]
    # The columns are seconds of a step.
    assert of["NumPy"]["stats"]["min"] == pytest.approx(extra["step_us"] / 1e6)
    assert extra["of_floor"] == pytest.approx(extra["step_us"] / extra["floor_us"])
    assert extra["of_fastbp"] > 1
    assert of["fastbp"]["extra_info"]["of_fastbp"] == 1
    printed = suites(tmp_path, *chosen, "--benchmark-autosave", "--benchmark-compare=0001")
    assert "do not compare" not in printed
    assert f"test_step[{case.key}, fastbp, 1 thread] (0001" in printed
    assert f"test_step[{case.key}, fastbp, 1 thread] (NOW)" in printed
    assert len(list((tmp_path / ".benchmarks").rglob("0002_*.json"))) == 1

    of["fastbp"]["stats"]["min"] /= 1e3
    path.write_text(json.dumps(saved))
    failing = [*chosen, "--benchmark-compare=0001", "--benchmark-compare-fail=min:10%"]
    printed = suites(tmp_path, *failing, code=1)
    assert "Performance has regressed" in printed
    assert "Traceback" not in printed
    assert "nothing was compared" not in printed
    path.write_text(json.dumps(saved | {"benchmarks": [of["NumPy"] | {"fullname": "another"}]}))
    assert "holds none of these benchmarks; nothing was compared" in suites(tmp_path, *failing)
    saved["machine_info"]["cpu"]["brand_raw"] = "Imagined CPU"
    path.write_text(json.dumps(saved))
    printed = suites(tmp_path, *failing, code=4)
    assert "The saved run is of Imagined CPU on 1 thread; this is" in printed
    assert "Neither times nor multiples of the floor compare." in printed
    assert "regressed" not in printed
    (tmp_path / "elsewhere").mkdir()
    elsewhere = ["--collect-only", f"--benchmark-storage={tmp_path / '.benchmarks'}", "--benchmark-compare=0001"]
    printed = suites(tmp_path / "elsewhere", "bench/test_epoch.py", *elsewhere)
    assert "The saved run is of Imagined CPU on 1 thread; this is" in printed


@pytest.mark.compiled
def test_a_warning_of_a_peers_own_is_no_failure_of_its_race(tmp_path: Path) -> None:
    """torch.compile's are why: in the suites of tests/ a warning is an error."""
    (tmp_path / "warns.py").write_text(
        """
def pytest_collection_finish():  # when the process is held
    import warnings
    from fastbp.compare.peers.numpy_ import PEERS, NumpyTrainer
    def trainer(*arguments):
        warnings.warn("old-fashioned", DeprecationWarning)
        return NumpyTrainer(*arguments)
    PEERS[0].trainer = trainer
"""
    )
    chosen = ["-p", "warns", "--smallest", "-k", "test_step and NumPy"]
    printed = suites(tmp_path, "bench/test_epoch.py", *chosen)
    assert "old-fashioned" in printed
    assert "1 passed" in printed


@pytest.mark.compiled
def test_the_suites_choose_nets_and_peers_by_name(tmp_path: Path) -> None:
    printed = suites(tmp_path, "bench/", "-k", "784-30-10 and (fastbp or JAX)", "--collect-only", "-q")
    found = re.findall(r"::test_step\[(784-30-10 b10) (\w+), (\w+), 1 thread\]", printed)
    assert found == [("784-30-10 b10", dtype, peer) for dtype in ("float32", "float64") for peer in ("fastbp", "JAX")]
    smallest = suites(tmp_path, "bench/", "--smallest", "--collect-only", "-q")
    assert len({line.split("::")[0] for line in smallest.splitlines() if "::" in line}) == 6


def test_the_number_of_threads_of_a_suite_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASTBP_BENCH_THREADS", "1")
    assert held.asked() == 1
    monkeypatch.setenv("FASTBP_BENCH_THREADS", "two")
    with pytest.raises(ValueError, match="FASTBP_BENCH_THREADS is 'two'"):
        held.asked()


def test_a_regression_is_seen_and_a_slower_machine_is_not() -> None:
    slower = json.loads(json.dumps(HAND))
    slower["floor"], slower["peers"]["fastbp"]["us"] = 20.0, 50.0
    assert races.compare([slower], [HAND]) == []
    slower["peers"]["fastbp"]["us"] = 60.0
    ((name, factor),) = races.compare([slower], [HAND])
    assert (name, factor) == ("3-2-1 b2 float32, 1 thread", pytest.approx(1.2))
    assert races.compare([slower], [HAND], tolerance=0.25) == []
    assert races.compare([slower | {"net": "unknown"}], [HAND]) == []


def test_another_cpu_is_no_regression(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither by name nor by architecture, nor one that the file does not tell; and the same CPU is none of them."""
    here = {"cpu": "Imagined CPU", "architecture": "fancy"}
    assert races.other_cpu(here, {"cpu": "Imagined CPU"}, "old") == ""
    assert races.other_cpu(here, here, "old") == ""
    assert "old was measured on Dreamt CPU, this is Imagined CPU (fancy)" in races.other_cpu(
        here, {"cpu": "Dreamt(R) CPU"}, "old"
    )
    assert "Imagined CPU (plain), this is Imagined CPU (fancy)" in races.other_cpu(
        here, here | {"architecture": "plain"}, "old"
    )
    assert "a CPU that it does not name" in races.other_cpu(here, {}, "old")
    old, new = results(), results()
    old["machine"]["cpu"] = "Dreamt CPU"
    new["nets"][0]["peers"]["fastbp"]["us"] *= 3
    for name, found in (("old", old), ("new", new)):
        races.write(tmp_path / name, found)
    assert report.main([str(tmp_path / "new"), "--compare", str(tmp_path / "old")]) == 0
    printed = capsys.readouterr().out
    assert "measured on Dreamt CPU, this is Imagined CPU" in printed
    assert "lower than" not in printed


RACE = {"net": "2-3-1", "dtype": "float32", "threads": 1, "floor": 1.0, "peers": {"fastbp": {"us": 2.0}}}


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\x97\xff",
        b"[1, 2]",
        b"5",
        b"[" * 100_000,
        b'{"nets": 5}',
        b'{"nets": [{}]}',
        b'{"nets": []}',
        json.dumps({"nets": [RACE], "machine": []}).encode(),
        json.dumps({"nets": [RACE], "machine": {"cpu": 5}}).encode(),
        json.dumps({"nets": [RACE | {"floor": 0}]}).encode(),
        json.dumps({"nets": [RACE | {"peers": {"NumPy": {"us": 1.0}}}]}).encode(),
        json.dumps({"nets": [RACE | {"peers": {"fastbp": {"us": "two"}}}]}).encode(),
        json.dumps({"nets": [RACE | {"net": ["2-3-1"]}]}).encode(),
        json.dumps({"nets": [RACE], "more": [RACE | {"peers": {}}]}).encode(),
    ],
    ids=range(15),
)
def test_a_file_without_races_or_results_is_refused_by_its_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: bytes
) -> None:
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    good.write_text(json.dumps({"nets": [RACE], "machine": {"cpu": "Imagined CPU"}}))
    assert report.main([str(good), "--compare", str(good)]) == 0
    bad.write_bytes(text)
    for arguments in ([good, "--compare", bad], [bad, "--compare", good], [bad, "--check"]):
        with pytest.raises(SystemExit):
            report.main([str(one) for one in arguments])
        assert re.search(r"error: .*bad\.json holds no (races|results)", capsys.readouterr().err)
    done = CliRunner().invoke(app, ["bench", "784-30-10", "--compare", str(bad)])
    assert done.exit_code == 1
    assert "holds no races" in str(done.exception) + done.output


def test_a_comparison_of_nothing_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    new = results() | {"more": [], "nets": [results()["nets"][0] | {"net": "another"}]}
    for name, found in (("old", results()), ("new", new)):
        races.write(tmp_path / name, found)
    assert report.main([str(tmp_path / "new"), "--compare", str(tmp_path / "old")]) == 0
    assert "holds none of these races; nothing was compared" in capsys.readouterr().out
    (tmp_path / "wrong").write_text("[1, 2]")
    with pytest.raises(SystemExit):
        report.main([str(tmp_path / "new"), "--compare", str(tmp_path / "wrong")])
    assert "wrong holds no races" in capsys.readouterr().err


def test_each_cpu_has_a_file_and_a_section_of_its_own(tmp_path: Path) -> None:
    assert files.slug("Intel(R) Xeon(R) Platinum 8370C CPU @ 2.80GHz") == "intel-xeon-platinum-8370c"
    assert files.slug("AMD EPYC (znver4)") == "amd-epyc-znver4"
    assert files.slug("...") == "unknown-cpu"
    older, newer = results(), results()
    newer["machine"] |= {"cpu": "Dreamt(TM) CPU", "architecture": "dreamt1", "date": "2026-02-02"}
    del newer["sweeps"]
    for found in (older, newer):
        races.write(tmp_path / f"{files.slug(races.described(found['machine']))}.json", found)
    both = files.load(sorted(tmp_path.glob("*.json")))
    assert [found["machine"]["cpu"] for found in both] == ["Dreamt(TM) CPU", "Imagined CPU"]
    for text in (report.readme(both), report.page(both), report.model(both), report.drop_in(both)):
        assert re.findall("^### .*", text, re.MULTILINE) == ["### Dreamt CPU (dreamt1)", "### Imagined CPU"]
    shown = report.picture(both, "width", "threads")
    assert re.findall(r"\(pictures/(.*?)\.svg\)", shown) == [
        "dreamt-dreamt1/threads",
        "imagined/width",
        "imagined/threads",
    ]


def test_the_short_table_has_the_libraries_and_counts_every_loss() -> None:
    found = results()
    lost = next(row for row in found["nets"] if row["dtype"] == "float64" and row["threads"] == 1)
    lost["peers"]["JAX"]["us"] = lost["peers"]["fastbp"]["us"] / 2
    lost["peers"]["textbook"] = {"us": 1e6}
    found["nets"][0]["peers"]["textbook"] = {"us": 1e6}
    short = "\n".join(report.tables(found, "nets", short=True))
    whole = "\n".join(report.tables(found, "nets"))
    assert "textbook" in whole
    assert "textbook" not in short
    assert whole.count(" float64 |") == 6
    assert " float64 |" not in short
    for text in (short, whole):
        assert f"JAX on {lost['net']} float64 (in 0.50 of the time)" in text


def test_compare_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old, new = results(), results()
    new["nets"][0]["peers"]["fastbp"]["us"] *= 1.3
    for name, found in (("old", old), ("new", new)):
        races.write(tmp_path / name, found)
    assert report.main([str(tmp_path / "old"), "--compare", str(tmp_path / "old")]) == 0
    assert report.main([str(tmp_path / "new"), "--compare", str(tmp_path / "old")]) == 1
    assert "784-30-10 b10 float32, 1 thread, 1.30 times its multiple" in capsys.readouterr().out


def fake_root(tmp_path: Path) -> Path:
    for name in dict.fromkeys(name for name, _, _ in report.BLOCKS):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text((ROOT / name).read_text())
    return tmp_path


def test_the_model_is_printed_in_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    races.write(tmp_path / "here", results())
    assert report.main([str(tmp_path / "here"), "--model"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith(f"{results()['machine']['cpu']}\n\n| term | price |")
    assert "| 4-16-16-1 b32 |" in printed


def test_report_writes_blocks_and_pictures_and_sees_what_is_stale(tmp_path: Path) -> None:
    root, found = fake_root(tmp_path), results()
    report.write([found], root)
    assert report.stale([found], root) == []
    readme = (root / "README.md").read_text()
    assert "| 784-30-10 b10 |" in readme
    assert readme.startswith("# fastbp")
    (root / "README.md").write_text(readme.replace("45 times", "46 times"))
    assert report.stale([found], root) == ["README.md"]
    page = (root / "docs" / "sklearn.md").read_text()
    assert "| 64-30-10 | 10 | 2.07 ms, **6.0** x | 1.53 ms, **8.1** x |" in page
    assert "| iris | 150 | accuracy | 0.950 ± 0.016 | 0.953 ± 0.012 | 25 ms, **4.0** x |" in page
    report.write([found], root)
    (root / "docs" / "sklearn.md").write_text(page.replace("0.953", "0.963"))
    assert report.stale([found], root) == ["docs/sklearn.md"]
    report.write([found], root)
    found["threads"][0]["us"]["2"] += 1
    drawn = [f"docs/pictures/imagined/{name}.svg" for name in report.PICTURES]
    assert report.stale([found], root) == drawn
    with pytest.raises(ValueError, match="no pair of markers"):
        report.replace_block("text", "benchmarks", "block")


def test_readme_and_page_say_what_the_files_of_results_say() -> None:
    found = files.load(files.files())
    assert report.stale(found) == []
    nets_of_the_table = {case.key for case in (*nets.NETS, *nets.FLOAT64)}
    for path, one in zip(files.files(), files.load(files.files()), strict=True):
        assert path.stem in {files.slug(races.described(machine["machine"])) for machine in found}
        assert nets_of_the_table == {f"{r['net']} {r['dtype']}" for r in one["nets"]}


def test_results_are_written_a_line_each_and_kept_where_not_measured_again(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    races.write(path, results())
    assert json.loads(path.read_text()) == results()
    assert max(map(len, path.read_text().splitlines())) < 1_500
    assert races.rounded({"a": [1.23456, "x", 3], "b": {"c": 123456.7}}) == {"a": [1.235, "x", 3], "b": {"c": 123500.0}}


@pytest.mark.parametrize("name", report.PICTURES)
def test_pictures(name: str, tmp_path: Path) -> None:
    path = tmp_path / "picture.svg"
    pictures.draw(name, results(), path, "0123")
    text = path.read_text()
    assert "results 0123" in text
    for words in {"threads": ["n_threads=None"], "scaling": ["784-30-10 b10"]}.get(name, ["fastbp", "JAX", "NumPy"]):
        assert words in text
    pictures.draw(name, {}, path, "0123")


# The command


def invoke(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, ["bench", *arguments], env={"COLUMNS": "200"})
    assert result.exit_code == code, result.output
    return result.output


@pytest.mark.compiled
def test_bench_races_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    printed = invoke(
        "4-3-2 b2", "5-4-3 softmax", "--peers", "NumPy,scikit-learn", "--seconds", "0", "--json", str(path)
    )
    assert "4-3-2 b2 float32, 1 thread: floor" in printed
    assert re.search(r"fastbp +[\d.]+ us +[\d.,]+ +1\.00", printed)
    assert re.search(r"NumPy +[\d.]+ .*gradient agrees to \de-\d\d", printed)
    assert "it has no sigmoid output with the quadratic cost" in printed
    found = json.loads(path.read_text())
    assert [row["net"] for row in found["nets"]] == ["4-3-2 b2", "5-4-3 softmax"]
    assert found["nets"][0]["floor"] == pytest.approx(
        nets.parse("4-3-2 b2").flops() / found["nets"][0]["rate"] / 1e3, rel=1e-2
    )
    again = ["4-3-2 b2", "--peers", "NumPy", "--seconds", "0", "--compare", str(path)]
    assert "Not slower than in" in invoke(*again, "--tolerance", "1e6")
    found["nets"][0]["peers"]["fastbp"]["us"] /= 1e3
    path.write_text(json.dumps(found))
    assert "Slower than in" in invoke(*again, code=1)
    found["machine"]["cpu"] = "Imagined CPU"
    path.write_text(json.dumps(found))
    printed = " ".join(invoke(*again).split())
    assert "was measured on Imagined CPU" in printed
    assert "lower than in" not in printed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["784-31x"], "is no net"),
        (["--peers", "numpie"], "'numpie' is no peer"),
        (["--threads", "two"], "--threads is 'two'"),
        (["--threads", "0"], "--threads is 0"),
        (["--compare", "nothing.json"], "nothing.json"),
    ],
)
def test_errors_of_the_command(arguments: list[str], message: str) -> None:
    if jit.DISABLED and "--peers" in arguments:  # they are loaded only for a race
        message = "a race needs"
    printed = invoke(*arguments, code=1)
    assert message in " ".join(printed.split())
    assert "Traceback" not in printed


def test_bench_is_imported_only_when_used() -> None:
    code = "import sys, fastbp.cli; print([name for name in sys.modules if name.startswith('fastbp.compare')])"
    root = str(Path(fastbp.__file__).parent.parent)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert done.stdout.strip() == "[]"
