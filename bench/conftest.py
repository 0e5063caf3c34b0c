"""Each suite runs in a process of FASTBP_BENCH_THREADS threads (1 if not set), peers and fastbp alike.

pytest-benchmark's clock is a stopwatch here. It advances by what a turn says it took for one unit, a step or an epoch:
the columns of pytest-benchmark are seconds of that unit, whoever needs how many of them for a turn worth timing, and
without what a peer does once in a run.

``--one-round`` runs what is chosen once and asks for no goal: that it runs is the test. ``--smallest`` does so with the
smallest case of each suite.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from pytest_benchmark.session import PerformanceRegression

from bench.held import asked
from fastbp.compare import pin

THREADS = asked()
pin.hold(THREADS)

_READ = [0.0]
_COMPARED = pytest.StashKey[set[str]]()
_SAID = pytest.StashKey[list[str]]()
_SLOWER = pytest.StashKey[bool]()


def stopwatch() -> float:
    """Seconds of all turns so far."""
    return _READ[0]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--one-round", action="store_true", help="one round of each case, without the goals")
    parser.addoption("--smallest", action="store_true", help="the same, and only the smallest case of each suite")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "smallest: the case that --smallest runs; without a marked one, all run")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        item.add_marker(pytest.mark.filterwarnings("default"))  # a peer's own warnings are no failure of the race
        if "benchmark" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.benchmark(timer=stopwatch))
    if not config.getoption("--smallest"):
        return
    small = [item for item in items if item.get_closest_marker("smallest")]
    functions = {item.nodeid.partition("[")[0] for item in small}
    items[:] = [item for item in items if item in small or item.nodeid.partition("[")[0] not in functions]


def pytest_benchmark_update_machine_info(config: Any, machine_info: dict[str, Any]) -> None:
    machine_info["threads"] = THREADS
    # A clock that changes from run to run would make one machine another one.
    machine_info.get("cpu", {}).pop("hz_actual", None)
    machine_info.get("cpu", {}).pop("hz_actual_friendly", None)


def described(machine_info: dict[str, Any]) -> str:
    """CPU and number of threads of a run."""
    threads = machine_info.get("threads")
    cpu = machine_info.get("cpu", {}).get("brand_raw", "an unknown CPU")
    return f"{cpu} on {threads} thread{'s' * (threads != 1)}"


@pytest.hookimpl(wrapper=True)
def pytest_benchmark_compare_machine_info(
    config: pytest.Config, machine_info: dict[str, Any], compared_benchmark: dict[str, Any]
) -> Any:
    """Times of two machines do not compare: say so, and do not call one of them slower."""
    names = {one["fullname"] for one in compared_benchmark["benchmarks"]}
    config.stash.setdefault(_COMPARED, set()).update(names)
    here, there = described(machine_info), described(compared_benchmark["machine_info"])
    if here != there:
        text = f"The saved run is of {there}; this is {here}. Neither times nor multiples of the floor compare."
        if config.getoption("benchmark_compare_fail"):
            raise pytest.UsageError(f"{text} Save a run here first with --benchmark-autosave, and compare with that.")
        config.stash.setdefault(_SAID, []).append(text)
    try:
        return (yield)
    except ValueError:  # pytest-benchmark 5.3 has no words for saved runs that lie outside the working directory
        return []


def pytest_sessionstart(session: pytest.Session) -> None:
    """A comparison needs something to compare with."""
    asked = session.config.getoption("benchmark_compare")
    if asked and _COMPARED not in session.config.stash:
        which = "no saved run" if asked is True else f"no saved run that matches {asked!r}"
        storage = session.config.getoption("benchmark_storage").removeprefix("file://")
        raise pytest.UsageError(f"There is {which} in {storage}. Save one first, with --benchmark-autosave.")


@pytest.hookimpl(wrapper=True)
def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> Any:
    run = {report.nodeid for report in terminalreporter.stats.get("passed", [])}
    said = config.stash.get(_SAID, [])
    if run and run.isdisjoint(config.stash.get(_COMPARED, run)):
        said = [*said, "The saved run holds none of these benchmarks; nothing was compared."]
    for text in said:
        terminalreporter.write_line(text, yellow=True)
    try:
        return (yield)
    except PerformanceRegression:  # the table and the lines above say which
        config.stash[_SLOWER] = True


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> Any:
    result = yield
    if session.config.stash.get(_SLOWER, False):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    return result


@pytest.fixture
def one_round(request: pytest.FixtureRequest) -> bool:
    """Whether one round is asked for, and no goal."""
    return bool(request.config.getoption("--smallest") or request.config.getoption("--one-round"))


@pytest.fixture
def n_threads() -> int:
    return THREADS


@pytest.fixture
def laps(benchmark: Any, one_round: bool) -> Callable[..., float]:
    """``laps(racer, rounds=7, beside=[...], group=...)``: turns of a `measure.Racer`, each after one of all beside it.

    Its result is the least time of a unit, which is pytest-benchmark's minimum.
    """

    def run(racer: Any, *, rounds: int, group: str, beside: Sequence[Any] = ()) -> float:
        times: list[float] = []

        def turn() -> None:
            times.append(racer.go())
            _READ[0] += times[-1]

        def others() -> None:
            for other in beside:
                other.go()

        benchmark.group = group
        benchmark.pedantic(turn, setup=others, rounds=1 if one_round else rounds)
        return min(times)

    return run
