"""Model files: round trips, the bytes of a golden file, other readers, and saving that cannot lose the old model."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import stat
import subprocess
import sys
import time

import numpy as np
import pytest
from model_files import golden, same, small

from fastbp.checks import ACTIVATIONS, COSTS
from fastbp.errors import DivergenceError, LoadError
from fastbp.io import atomic
from fastbp.network import Network
from fastbp.saving import load, save

META = {
    "task": "classification",
    "classes": ["yes", "\u00fcber \U0001f600 \ud800"],
    "numbers": {"subtract": [0.1, -2.5e-300], "divide": 1 / 3},
    "mine": {"deep": [[1, 2.5], [True, None]]},
}


def as_json(value: object) -> object:
    """Mappings and tuples, whichever kinds the network keeps, as what JSON makes of them."""
    if hasattr(value, "items"):
        return {key: as_json(item) for key, item in value.items()}
    return [as_json(item) for item in value] if isinstance(value, list | tuple) else value


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("sizes", [[1, 1], [3, 5, 2], [7, 1, 9, 4, 3]])
def test_round_trip_keeps_every_bit(tmp_path, sizes, dtype):
    for activation in ACTIVATIONS:
        hidden = "sigmoid" if activation == "softmax" else activation
        activations = [hidden] * (len(sizes) - 2) + [activation]
        cost = "cross_entropy" if activation == "softmax" else "quadratic"
        net = Network(sizes, activations=activations, cost=cost, dtype=dtype, seed=1)
        net.w[1][0, 0] = -0.0
        save(net, tmp_path / "net.fastbp")
        assert same(net, load(tmp_path / "net.fastbp"))


def test_the_comparison_can_fail(tmp_path):
    net = small()
    save(net, tmp_path / "net.fastbp")
    net.w[2][0, 1] = np.nextafter(np.float32(8), np.float32(9))
    assert not same(net, load(tmp_path / "net.fastbp"))


def test_meta_travels(tmp_path):
    save(small(meta=META), tmp_path / "net.fastbp")
    assert as_json(load(tmp_path / "net.fastbp").meta) == META


def test_numpy_values_in_meta_become_plain(tmp_path):
    meta = {"mine": {"subtract": np.array([1.0, 2.0]), "divide": np.float32(0.5)}, "n": np.int64(3), "t": (1, 2)}
    save(small(meta=meta), tmp_path / "net.fastbp")
    plain = as_json(load(tmp_path / "net.fastbp").meta)
    assert plain == {"mine": {"subtract": [1.0, 2.0], "divide": 0.5}, "n": 3, "t": [1, 2]}


def test_saving_twice_gives_the_same_bytes(tmp_path):
    save(small(meta=META), tmp_path / "a")
    save(load(tmp_path / "a"), tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


GOLDEN_SHA256 = "8d2ca36071404de7b7b51a0de3503772a177a64ae428db74f047c801741dc563"


def test_golden_bytes(tmp_path):
    save(small(), tmp_path / "net.fastbp")
    assert (tmp_path / "net.fastbp").read_bytes() == golden()


def test_golden_file_of_version_1_loads(tmp_path):
    assert hashlib.sha256(golden()).hexdigest() == GOLDEN_SHA256
    (tmp_path / "net.fastbp").write_bytes(golden())
    assert same(small(), load(tmp_path / "net.fastbp"))


def test_the_safetensors_library_reads_it(tmp_path):
    safetensors_numpy = pytest.importorskip("safetensors.numpy")
    safetensors = pytest.importorskip("safetensors")
    net = small("float64", META)
    save(net, tmp_path / "net.safetensors")
    tensors = safetensors_numpy.load_file(tmp_path / "net.safetensors")
    assert set(tensors) == {"layers.1.weight", "layers.1.bias", "layers.2.weight", "layers.2.bias"}
    np.testing.assert_array_equal(tensors["layers.1.weight"], net.w[1])
    np.testing.assert_array_equal(tensors["layers.2.bias"], net.b[2])
    with safetensors.safe_open(tmp_path / "net.safetensors", "np") as file:
        description = json.loads(file.metadata()["fastbp"])
    assert description["sizes"] == [2, 2, 1]
    assert description["meta"] == META


def test_format_names_are_the_names_fastbp_knows():
    activations = pytest.importorskip("fastbp.activations")
    assert set(ACTIVATIONS) == set(activations.CODES)
    assert set(COSTS) == set(activations.COSTS)


def test_weights_that_are_not_finite_need_permission(tmp_path):
    net = small()
    net.w[1][1, 0] = np.nan
    save(net, tmp_path / "net.fastbp")
    with pytest.raises(LoadError, match=r"layers\.1\.weight\[1, 0\].*allow_nonfinite=True"):
        load(tmp_path / "net.fastbp")
    assert np.isnan(load(tmp_path / "net.fastbp", allow_nonfinite=True).w[1][1, 0])


@pytest.mark.parametrize(
    ("meta", "error", "match"),
    [
        ({"f": object()}, TypeError, "of type object"),
        ({"f": float("nan")}, ValueError, r"net.meta\['f'\] is nan"),
        ({"f": 10**30}, ValueError, "integers below"),
        ({"f": {1: 2}}, TypeError, "has the key 1"),
        ({"f": "x" * 16_000_001}, ValueError, "Shorten net.meta"),
        ({"f": [[[[[[[[1]]]]]]]]}, ValueError, "nested too deeply"),
        ({"task": "clustering"}, ValueError, "clustering"),
        ({"input": {"subtract": 0, "divide": 1}}, ValueError, r"a network never scales. Save fastbp.Model\("),
        ({"classes": ["only one"]}, ValueError, "2 different names"),
        ({"features": ["one"]}, ValueError, "the name of each of the 2 inputs"),
        ({"target": 3}, ValueError, "the name of a column"),
    ],
)
def test_what_would_not_load_is_not_saved(tmp_path, meta, error, match):
    save(small(), tmp_path / "net.fastbp")
    with pytest.raises(error, match=match):
        save(small(meta=meta), tmp_path / "net.fastbp")
    assert same(small(), load(tmp_path / "net.fastbp"))
    assert os.listdir(tmp_path) == ["net.fastbp"]


def test_missing_file_and_folder_are_os_errors(tmp_path):
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "none.fastbp")
    with pytest.raises(IsADirectoryError):
        load(tmp_path)
    with pytest.raises(IsADirectoryError):
        save(small(), tmp_path)
    with pytest.raises(FileNotFoundError):
        save(small(), tmp_path / "none" / "net.fastbp")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("path", [3, None, 1.5])
def test_what_is_no_path(path):
    for call in (load, lambda path: save(small(), path)):
        with pytest.raises(TypeError, match=f"path is {path}; the name of a file is needed. Pass 'digits.fastbp'"):
            call(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes")
def test_a_name_that_no_file_can_have_is_a_load_error():
    with pytest.raises(LoadError, match="it holds a null character"):
        load("a\0b")


def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(LoadError, match="regular file"):
        load(tmp_path / "pipe")
    with pytest.raises(OSError, match="regular file"):
        save(small(), tmp_path / "pipe")
    assert stat.S_ISFIFO(os.stat(tmp_path / "pipe").st_mode)


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")
def test_mode_and_link_of_the_target_are_kept(tmp_path):
    target, link = tmp_path / "real.fastbp", tmp_path / "link.fastbp"
    umask = os.umask(0o022)
    try:
        save(small(), target)
    finally:
        os.umask(umask)
    assert stat.S_IMODE(target.stat().st_mode) == 0o644
    target.chmod(0o640)
    link.symlink_to(target)
    save(small("float64"), link)
    assert link.is_symlink()
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    assert same(small("float64"), load(target))


class Others:
    """``os`` in which the file to be replaced is another user's."""

    def __init__(self, allowed: int | None) -> None:
        self.allowed = allowed  # how much may be given away: None for nothing, -1 for the group, 0 for both
        self.given: list[tuple[int, int]] = []
        self.order: list[str] = []

    def __getattr__(self, name: str) -> object:
        return getattr(os, name)

    def stat(self, path: str) -> os.stat_result:
        found = list(os.stat(path))
        found[stat.ST_UID], found[stat.ST_GID] = 12345, 54321
        return os.stat_result(found)

    def chown(self, path: str, uid: int, gid: int) -> None:
        if self.allowed is None or (self.allowed == -1 and uid != -1):
            raise PermissionError(errno.EPERM, "Operation not permitted")
        self.given.append((uid, gid))
        self.order.append("chown")

    def chmod(self, path: str, mode: int) -> None:
        self.order.append("chmod")
        os.chmod(path, mode)


@pytest.mark.skipif(os.name == "nt", reason="POSIX owners")
@pytest.mark.parametrize(("allowed", "given"), [(0, [(12345, 54321)]), (-1, [(-1, 54321)]), (None, [])])
def test_a_file_of_another_user_stays_theirs_or_it_is_said(tmp_path, monkeypatch, allowed, given):
    path = tmp_path / "net.fastbp"
    save(small("float32"), path)
    others = Others(allowed)
    monkeypatch.setattr(atomic, "os", others)
    if allowed == 0:
        save(small("float64"), path)
        assert others.order == ["chown", "chmod"]  # a change of owner clears bits of the mode
    else:
        with pytest.warns(UserWarning, match="belonged to user 12345 and group 54321.* now belongs to user") as caught:
            save(small("float64"), path)
        assert caught[0].filename == __file__
    assert others.given == given
    assert same(load(path), small("float64"))


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="only root may give files away")
def test_root_leaves_a_file_to_its_owner(tmp_path):
    path = tmp_path / "net.fastbp"
    save(small(), path)
    os.chown(path, 12345, 54321)
    os.chmod(path, 0o640)
    save(small("float64"), path)
    found = path.stat()
    assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (12345, 54321, 0o640)


def test_paths_of_bytes(tmp_path):
    path = os.fsencode(tmp_path / "net.fastbp")
    save(small(), path)
    assert same(load(path), small())
    (tmp_path / "net.fastbp").write_bytes(bytes(100))
    with pytest.raises(LoadError, match=r"^'.*net\.fastbp' is not a"):
        load(path)


class Failing:
    """``os`` with the n-th of the calls that saving makes replaced by a failure."""

    CALLS = ("open", "write", "fsync", "replace", "chmod", "close")

    def __init__(self, n: int, failure: BaseException) -> None:
        self.n, self.failure, self.calls = n, failure, []

    def __getattr__(self, name: str) -> object:
        real = getattr(os, name)
        if name not in self.CALLS:
            return real

        def call(*args: object, **kwargs: object) -> object:
            self.calls.append(name)
            if len(self.calls) - 1 == self.n:
                if name == "close":
                    real(*args)  # a close that reports an error has closed
                raise self.failure
            if name == "write":
                return real(args[0], args[1][:100])  # and every write is a short one
            return real(*args, **kwargs)

        return call


@pytest.mark.parametrize(
    "failure",
    [OSError(errno.ENOSPC, "No space left on device"), OSError(errno.EIO, "Input/output error"), KeyboardInterrupt()],
    ids=["ENOSPC", "EIO", "KeyboardInterrupt"],
)
def test_any_failing_call_leaves_a_model_and_no_litter(tmp_path, monkeypatch, failure):
    path = tmp_path / "net.fastbp"
    old, new = small("float32"), small("float64")
    save(old, path)
    watched = Failing(-1, failure)
    monkeypatch.setattr(atomic, "os", watched)
    save(new, path)
    calls = watched.calls
    assert calls[0] == "open"
    assert {"write", "fsync", "replace", "chmod", "close"} <= set(calls)
    assert calls.index("fsync") < calls.index("replace") < len(calls) - 1 - calls[::-1].index("fsync")
    replaced = calls.index("replace")
    for n in range(len(calls)):
        monkeypatch.setattr(atomic, "os", os)
        save(old, path)
        monkeypatch.setattr(atomic, "os", Failing(n, failure))
        with pytest.raises(type(failure)) as caught:
            save(new, path)
        if n <= replaced and isinstance(failure, OSError):
            assert caught.value.errno == failure.errno
            assert "is unchanged" in str(caught.value)
        assert same(load(path), old if n <= replaced else new), f"call {n}, {calls[n]}"
        assert os.listdir(tmp_path) == ["net.fastbp"], f"call {n}, {calls[n]}"


def test_a_file_system_that_cannot_sync_directories_is_no_failure(tmp_path, monkeypatch):
    watched = Failing(-1, OSError(errno.EINVAL, "Invalid argument"))
    monkeypatch.setattr(atomic, "os", watched)
    save(small(), tmp_path / "a")
    last = len(watched.calls) - 1 - watched.calls[::-1].index("fsync")
    monkeypatch.setattr(atomic, "os", Failing(last, watched.failure))
    save(small(), tmp_path / "b")
    assert same(load(tmp_path / "b"), small())


KILLED = """
import itertools, sys
from fastbp.io.atomic import write_atomically
for i in itertools.count():
    write_atomically(sys.argv[1], [b"%08d" % i * 40_000])
    print(i, flush=True)
"""


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_killed_while_saving(tmp_path):
    path = tmp_path / "net.fastbp"
    rng = np.random.default_rng(0)
    for _ in range(5):
        child = subprocess.Popen([sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE)
        for _ in range(int(rng.integers(3, 30))):
            last = int(child.stdout.readline())
        child.kill()
        child.stdout.close()
        child.wait()
        content = path.read_bytes()
        assert len(content) == 320_000
        assert content == content[:8] * 40_000
        assert int(content[:8]) >= last


def test_what_a_killed_process_left_is_removed_when_it_is_old(tmp_path):
    def aged(name: str, days: float) -> str:
        (tmp_path / name).write_bytes(b"half a model")
        then = time.time() - days * 24 * 3600
        os.utime(tmp_path / name, (then, then))
        return name

    aged(".fastbp-123-0a1b2c3d.tmp", 1.01)
    aged(f".fastbp-{os.getpid()}-00000000.tmp", 400)
    kept = [
        aged(".fastbp-123-0a1b2c3e.tmp", 0.99),  # it may still be written to
        aged(".fastbp-123-0a1b2c3.tmp", 400),  # no name that a save gives
        aged(".fastbp-123-0a1b2c3d.tmp.fastbp", 400),
        aged("x.fastbp-123-0a1b2c3d.tmp", 400),
        aged("old.fastbp", 400),
    ]
    (tmp_path / ".fastbp-123-ffffffff.tmp").mkdir()
    os.utime(tmp_path / ".fastbp-123-ffffffff.tmp", (0, 0))
    save(small(), tmp_path / "net.fastbp")
    assert sorted(os.listdir(tmp_path)) == sorted([*kept, ".fastbp-123-ffffffff.tmp", "net.fastbp"])
    assert same(load(tmp_path / "net.fastbp"), small())


def test_a_folder_that_cannot_be_listed_is_no_failure(tmp_path, monkeypatch):
    class Unlisted:
        def __getattr__(self, name: str) -> object:
            return getattr(os, name)

        def scandir(self, path: str) -> object:
            raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(atomic, "os", Unlisted())
    save(small(), tmp_path / "net.fastbp")
    assert same(load(tmp_path / "net.fastbp"), small())


def test_importing_io_and_data_is_light():
    code = "import sys, fastbp.io, fastbp.data; print(*[m for m in ('numba', 'sklearn', 'rich') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_divergence_error_keeps_its_place():
    import pickle

    error = pickle.loads(pickle.dumps(DivergenceError("message", 3, minibatch=7)))
    assert (str(error), error.epoch, error.minibatch) == ("message", 3, 7)
    assert isinstance(error, ArithmeticError)
    assert isinstance(LoadError("x"), ValueError)
