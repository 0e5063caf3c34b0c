"""Golden bits: training and every answer of a network, configuration by configuration, beside what they were before.

``python tests/contracts/test_golden.py`` prints which configurations differ from ``golden/bits.json``; with ``--write``
it writes what they are now into that file. The commit that does so says why they changed. Beginnings of names limit
both to those configurations.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import platform
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
from golden_cases import Case, Result, cases, training

import fastbp
from fastbp import jit
from fastbp.jit.cpu import HALF_LINE, cpu_features
from fastbp.kernels import layout
from fastbp.kernels.gemm.tiling import CROWDING_STRIDE, PASS_ROWS
from fastbp.kernels.records import SCHEDULES, Training
from fastbp.runtime.team import ThreadTeam

FILE = Path(__file__).parent / "golden" / "bits.json"
GROUPS = ("schedules", "optimizers", "functions", "options", "questions", "estimators", "book")
ROUNDING = 1e-12
"""How far what is near may be off, beside the largest number of its kind."""


def has_fma() -> bool:
    """Whether compiled code multiplies and adds in one rounding, as it did when the bits were written."""
    if jit.DISABLED:
        return False
    return platform.machine().lower() not in ("x86_64", "amd64", "i686") or "+fma" in cpu_features().split(",")


pytestmark = [
    pytest.mark.compiled,
    pytest.mark.skipif(
        not has_fma(), reason="GOLDEN BITS ARE NOT COMPARED: this CPU has no FMA, and rounds differently"
    ),
]


def digest(parts: list[Any]) -> str:
    """Of the bytes of arrays in C order, numbers and words, and of their types and shapes."""
    known = hashlib.sha256()
    for part in parts:
        array = np.asarray(part)
        assert array.dtype.kind in "biuU" or np.isfinite(array).all(), "NaN would hide what the numbers were"
        array = array.astype(array.dtype.newbyteorder("<"), order="C")
        known.update(f"{array.dtype.str}{array.shape}".encode() + array.tobytes())
    return known.hexdigest()[:16]


def recorded(result: Result) -> dict[str, Any]:
    """What the file holds of a result: a hash for bits, the numbers themselves for what is near."""
    numbers = {what: [float(x) for part in parts for x in np.ravel(part)] for what, parts in result.near.items()}
    return {**{what: digest(parts) for what, parts in result.bits.items()}, **numbers}


def is_same(now: Any, then: Any) -> bool:
    if isinstance(now, str) or isinstance(then, str) or then is None or len(now) != len(then):
        return bool(now == then)
    a, b = np.array(now), np.array(then)
    return bool(np.allclose(a, b, rtol=0, atol=ROUNDING * max([0.0, *np.abs(b)]), equal_nan=True))


def differences(now: dict[str, Any], then: dict[str, Any]) -> list[str]:
    """A line for each configuration that is not what it was."""
    lines = []
    for name, result in now.items():
        before = then.get(name, {})
        changed = [what for what in {**result, **before} if not is_same(result.get(what, ""), before.get(what))]
        if changed:
            lines.append(f"{name}: {', '.join(changed) if before else 'not in the file'}")
    return lines


@functools.cache
def golden() -> dict[str, Any]:
    return dict(json.loads(FILE.read_text(encoding="utf-8")))


@functools.cache
def table() -> dict[str, Case]:
    made = cases()
    by_name = {case.name: case for case in made}
    assert len(by_name) == len(made), "two configurations have one name"
    return by_name


def outcomes(chosen: list[Case]) -> dict[str, Any]:
    """What the file should hold of some configurations."""
    known = {}
    for case in chosen:
        try:
            known[case.name] = recorded(case.run())
        except Exception as error:
            error.add_note(f"in the configuration: {case.name}")
            raise
    return known


def members(group: str) -> list[Case]:
    return [case for case in table().values() if case.group == group]


@pytest.mark.parametrize("group", GROUPS)
def test_golden_bits(group: str) -> None:
    if group == "estimators":
        pytest.importorskip("sklearn")
    changed = differences(outcomes(members(group)), golden())
    assert not changed, "\n".join(
        [f"{len(changed)} configurations are not what they were (python tests/contracts/test_golden.py):", *changed]
    )


def test_every_configuration_is_in_the_file_and_the_other_way_round() -> None:
    assert list(golden()) == list(table())
    assert len(golden()) >= 250
    assert {case.group for case in table().values()} == set(GROUPS)


SMALL_CASE: dict[str, Any] = {"group": "schedules", "sizes": "21-64-12-10", "n": 43, "batch": 7, "dtype": "float32"}


def test_a_flipped_bit_is_caught() -> None:
    case = training(**SMALL_CASE)
    result = case.run()
    assert not differences({case.name: recorded(result)}, golden())
    result.bits["weights"][1].view(np.uint32)[3, 5] ^= 1
    assert differences({case.name: recorded(result)}, golden()) == [f"{case.name}: weights"]


def test_a_step_size_one_ulp_off_is_caught() -> None:
    case = training(**{**SMALL_CASE, "dtype": "float64"})
    other = training(**{**SMALL_CASE, "dtype": "float64"}, optimizer=fastbp.SGD(float(np.nextafter(0.125, 1))))
    assert not differences(outcomes([case]), golden())
    (line,) = differences({case.name: recorded(other.run())}, golden())
    assert line.startswith(f"{case.name}: weights")


def test_what_is_near_may_be_rounded_and_no_more() -> None:
    name = next(name for name in golden() if "lbfgs" in name)
    then = golden()[name]
    for factor, caught in (1 + ROUNDING / 4, False), (1 + 4 * ROUNDING, True):
        now = {**then, "weights": [x * factor for x in then["weights"]]}
        assert differences({name: now}, golden()) == [f"{name}: weights"] * caught
    assert differences({name: {**then, "weights": then["weights"][:-1]}}, golden())


def traits(training: Training) -> set[str]:
    """What the engine does in a training: how threads share it, and which ways of storing and summing it takes.

    The one place here that knows the engine's own records.
    """
    layers, data, optimizer, workspace, control = training
    size, T, tile = layers.theta.itemsize, control.n_threads, int(workspace.offsets[0].tile)
    strides, rows, J = layers.table["stride"][1:], layers.table["row"], layers.table["J"]
    schedule = SCHEDULES[control.schedule]
    fused = schedule == "column_parallel"
    serial = "fused update" if fused else "serial"
    X = min(tile, control.batch) // (T if schedule == "data_parallel" else 1)
    found = {
        f"{schedule} on {T}" if T > 1 else serial: True,
        "fused update with l2": fused and optimizer.settings[0].l2 > 0,
        "fused update of single samples": fused and control.batch == 1,
        "fused update and a rest": fused and J[0] % PASS_ROWS,
        "several tiles": tile < control.batch,
        "one output": strides[-1] == 1,
        "half-line strips": (strides * size == HALF_LINE).any(),
        "prefetch": control.fetching,
        "packed b": any(layout.packs_b(X, stride, size) for stride in strides),
        "packed a": any(layout.packs_a(row, n_out, size) for row, n_out in zip(rows[:-1], J[1:], strict=True)),
        "rows that would crowd": any(J * size % CROWDING_STRIDE == 0),
        "weighted": data.weights.size > 0,
        "labels": data.Y.size == 0,
    }
    return {name for name, is_there in found.items() if is_there}


TRAITS = {
    "serial",
    "fused update",
    "fused update with l2",
    "fused update of single samples",
    "fused update and a rest",
    *(f"{way} on {T}" for way in SCHEDULES for T in (2, 3, 4)),
    *("several tiles", "one output", "half-line strips", "prefetch", "packed b", "packed a"),
    *("rows that would crowd", "weighted", "labels"),
}


@contextlib.contextmanager
def watched() -> Iterator[list[set[str]]]:
    """The traits of the trainings inside."""
    seen: list[set[str]] = []
    start = ThreadTeam.start

    def note(team: Any, training: Training) -> None:
        seen.append(traits(training))
        start(team, training)

    with mock.patch.object(ThreadTeam, "start", note):
        yield seen


def test_every_schedule_is_among_them(dtype: str) -> None:
    with watched() as seen:
        for case in members("schedules"):
            if dtype in case.name:
                case.run()
    assert set().union(*seen) == TRAITS


def test_what_is_not_asked_for_stays_in_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy, whole = tmp_path / "bits.json", FILE.read_text(encoding="utf-8")
    changed = re.sub(r'^("predict.*?: )"\w+"', r'\1"other"', whole, flags=re.MULTILINE)
    assert changed != whole
    copy.write_text(changed, encoding="utf-8")
    monkeypatch.setattr(sys.modules[__name__], "FILE", copy)
    monkeypatch.setattr(sys.modules[__name__], "golden", golden.__wrapped__)  # other tests have read the real file
    assert main(["feedforward"]) == 0
    assert main(["predict"]) == 1
    assert main(["predict", "--write"]) == 0
    assert copy.read_text(encoding="utf-8") == whole


def main(arguments: list[str]) -> int:
    if not has_fma():
        sys.exit("Golden bits are those of compiled code on a CPU with FMA: run without FASTBP_DISABLE_JIT, elsewhere.")
    beginnings = tuple(argument for argument in arguments if argument != "--write") or ("",)
    now = outcomes([case for name, case in table().items() if name.startswith(beginnings)])
    if not now:
        sys.exit(f"No configuration begins like {' or '.join(beginnings)}; their names are those in {FILE}.")
    everything = golden() if FILE.exists() else {}
    then = {name: result for name, result in everything.items() if name.startswith(beginnings)}
    changed = [*differences(now, then), *(f"{name}: only in the file" for name in then if name not in now)]
    sys.stdout.write("".join(f"{line}\n" for line in changed))
    sys.stdout.write(f"{len(changed)} of {len(now)} configurations differ\n")
    if "--write" in arguments:
        written = everything | now
        lines = [f"{json.dumps(name)}: {json.dumps(written[name])}" for name in table() if name in written]
        FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
        sys.stdout.write(f"{FILE} is written\n")
        return 0
    return bool(changed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
