"""A training that goes on from its checkpoint ends in the bits of one that nobody disturbed."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from continued_runs import HELD_OUT, LABELS, WEIGHTS, Stopping, X, check_same, make_net
from nets import SMALL, same_bits

import fastbp
from fastbp.io import container
from fastbp.training import checkpoints
from fastbp.training.state import State

OPTIONS: dict[str, Any] = {
    "optimizer": fastbp.Adam(0.05), "batch_size": 4, "epochs": 4, "seed": 3, "dropout": 0.2, "validation": HELD_OUT,
    "sample_weight": WEIGHTS, "schedule": fastbp.schedules.ReduceOnPlateau(patience=1, min_delta=0.01),
    "early_stopping": fastbp.EarlyStopping(patience=9),
}  # fmt: skip


def train(path: Any = None, stop: int = 0, net: Any = None, every: float = 0.0, **options: Any) -> fastbp.Run:
    checkpoint = None if path is None else fastbp.Checkpoint(path, every)
    options = OPTIONS | {"checkpoint": checkpoint, "callbacks": [Stopping(stop)] if stop else ()} | options
    return fastbp.train(make_net() if net is None else net, X, LABELS, **options)


@pytest.mark.parametrize(("optimizer", "dtype"), [(fastbp.SGD(0.1, 0.9), "float32"), (fastbp.Adam(0.05), "float64")])
def test_it_goes_on_from_every_minibatch(optimizer: Any, dtype: str, tmp_path: Path) -> None:
    path = tmp_path / "run.ckpt"
    whole = train(optimizer=optimizer, net=make_net(dtype))
    for stop in (1, 5, 6, 7):  # in each of which an epoch ends somewhere
        n, run = 0, None
        while run is None or run.stopped:
            run = train(path, stop, make_net(dtype), optimizer=optimizer, n_threads=1 + n % 2)
            n += 1
        check_same(run, whole)
        assert n == -(-24 // stop) + (24 % stop == 0)
        path.unlink()


@pytest.mark.parametrize("bits", [np.random.MT19937, np.random.Philox, np.random.SFC64, np.random.PCG64DXSM])
def test_the_order_of_any_generator(bits: Any, tmp_path: Path) -> None:
    path = tmp_path / "run.ckpt"
    whole = train(seed=np.random.Generator(bits(3)))
    train(path, 9, seed=np.random.Generator(bits(3)))
    check_same(train(path, seed=np.random.Generator(bits(4))), whole)  # of the generator only its kind counts


def test_early_stopping_stays_the_end(tmp_path: Path) -> None:
    options: dict[str, Any] = {"early_stopping": fastbp.EarlyStopping(patience=1, min_delta=9.0), "epochs": 9}
    whole = train(**options)
    assert whole.stopped == "early stopping"
    for _ in range(3):
        run = train(tmp_path / "run.ckpt", **options)
        check_same(run, whole)
        assert run.stopped == "early stopping"


def test_a_training_that_has_ended_comes_back_at_once(tmp_path: Path) -> None:
    path, more = tmp_path / "run.ckpt", OPTIONS["epochs"] + 2
    whole = train(path)
    seen: list[fastbp.Run] = []
    again = train(path, callbacks=[seen.append])
    check_same(again, whole)
    assert seen == []
    check_same(train(path, epochs=more), train(epochs=more))


def test_what_is_in_between_is_written_when_it_is_time(tmp_path: Path) -> None:
    seen: dict[float, list[bool]] = {0.0: [], 1e9: []}
    for every, there in seen.items():
        path = tmp_path / f"{every}.ckpt"

        class Looking(fastbp.Callback):
            every = 1

            def on_minibatch(self, run: fastbp.Run, path: Path = path, there: list[bool] = there) -> None:
                there.append(path.exists())

        train(path, every=every, callbacks=[Looking()])
        assert path.exists()
    assert seen == {0.0: [False] + 23 * [True], 1e9: 24 * [False]}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="children are forked")
def test_killed_at_random_moments() -> None:
    """``.ci/long`` kills a hundred."""
    program = Path(__file__).parents[1] / "contracts" / "killing.py"
    done = subprocess.run([sys.executable, str(program), "5"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("5 killed")


@pytest.mark.parametrize("planted", ["power", "moment", "order", "best", "statistics"])
def test_a_checkpoint_that_lacks_anything_is_noticed(
    planted: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = train(epochs=0)._state
    write = checkpoints.Saving.write

    def spoiled(self: Any, run: fastbp.Run, state: State) -> None:
        assert before is not None
        if planted == "power":
            state.powers = (state.powers[0], 1.0)
        elif planted == "moment":
            state.moments = np.concatenate([state.moments[: len(run.net.theta)], before.moments[len(run.net.theta) :]])
        elif planted == "order":
            state.generator = before.generator
        elif planted == "best":
            state.best = np.inf
        else:
            state.statistics["cost"] = 0
        write(self, run, state)

    whole = train()
    with monkeypatch.context() as patch:
        patch.setattr(checkpoints.Saving, "write", spoiled)
        train(tmp_path / "run.ckpt", 9)
    with pytest.raises(AssertionError):
        check_same(train(tmp_path / "run.ckpt"), whole)


def test_the_net_of_that_moment_is_in_it(tmp_path: Path) -> None:
    path, net = tmp_path / "run.ckpt", make_net()
    train(path, 9, net, early_stopping=None)
    loaded = fastbp.load(path)
    assert isinstance(loaded, fastbp.Network)
    assert same_bits(loaded.theta, net.theta)
    assert repr(loaded) == repr(net)
    assert checkpoints.in_words(path)[:2] == [
        "checkpoint: 1 of 4 epochs and 3 of 6 minibatches, step 9",
        "last epoch: " + ", ".join(f"{name} {values[-1]:.4g}" for name, values in train(epochs=1).history.items()),
    ]
    fastbp.save(net, path)
    assert checkpoints.in_words(path) == []


def test_a_full_disk_costs_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "run.ckpt"
    train(path, 9)
    older, whole = path.read_bytes(), train()

    def full(fd: int, data: Any) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.warns(RuntimeWarning, match=r"run\.ckpt' could not be written: No space"):
            run = train(path)
    check_same(run, whole)
    assert path.read_bytes() == older
    assert os.listdir(tmp_path) == ["run.ckpt"]
    check_same(train(path), whole)


def test_what_the_killed_left_goes_at_the_next_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """But nothing that may belong to somebody else's file."""
    path, other = tmp_path / "run.ckpt", tmp_path / ".fastbp-1-0123abcd.tmp"
    other.touch()
    replace = os.replace

    def leave(temporary: str, target: str) -> None:
        shutil.copy(temporary, temporary.replace(f"-{os.getpid()}-", "-1-"))
        replace(temporary, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", leave)
        train(path, every=1e9)
    assert len(os.listdir(tmp_path)) == 3
    train(path)
    assert sorted(os.listdir(tmp_path)) == [other.name, path.name]


# What is refused.


def refused(path: Any, match: str, error: type[Exception] = ValueError, **options: Any) -> Exception:
    net = options.pop("net", None) or make_net()
    before, content = net.theta.copy(), Path(path).read_bytes() if Path(path).is_file() else None
    with pytest.raises(error, match=match) as caught:
        train(path, net=net, **options)
    assert same_bits(net.theta, before)
    assert content is None or Path(path).read_bytes() == content
    return caught.value


def test_another_training_is_refused_with_all_that_is_other(tmp_path: Path) -> None:
    path = tmp_path / "run.ckpt"
    train(path, 9)
    match = (
        r"run\.ckpt', of another training: optimizer: checkpoint: Adam\(learning_rate=0.05, .*; now: "
        r"Adam\(learning_rate=0.01, .*; l2: checkpoint: 0.0; now: 0.5; data: checkpoint: 23 samples, .*; now: 23 sam"
    )
    error: Any = refused(path, match, optimizer=fastbp.Adam(0.01), l2=0.5, sample_weight=WEIGHTS + 0.5)
    assert error.parameter == "checkpoint"
    refused(path, r"net: checkpoint: Network\(\[4, 5, 3\].*; now: Network\(\[4, 6, 3\]", net=fastbp.Network([4, 6, 3]))
    refused(path, r"validation: checkpoint: 9 samples, .*; now: 8", validation=(HELD_OUT[0][1:], HELD_OUT[1][1:]))
    refused(path, r"^epochs is 1; the run that goes on has begun 2", epochs=1)
    run = train(epochs=1)
    refused(path, r"the file is there, and a run to go on from is passed too", net=run.net, continuing=run)


def test_whether_there_has_to_be_a_file(tmp_path: Path) -> None:
    path = tmp_path / "run.ckpt"
    refused(
        path,
        r"^checkpoint is '.*run.ckpt': there is no such file, and resume is True",
        checkpoint=fastbp.Checkpoint(path, resume=True),
    )
    train(checkpoint=fastbp.Checkpoint(path, resume=False), stop=9)
    refused(
        path,
        r"^checkpoint is '.*': the file is there, and resume is False",
        checkpoint=fastbp.Checkpoint(path, resume=False),
    )
    check_same(train(checkpoint=fastbp.Checkpoint(path, resume=True)), train())


def test_what_is_no_checkpoint(tmp_path: Path) -> None:
    for options, name in (
        ({"path": 3}, "path"), ({"path": "x", "every": -1.0}, "every"), ({"path": "x", "resume": "yes"}, "resume"),
        ({"path": "x", "resume": 1}, "resume"),
    ):  # fmt: skip
        with pytest.raises((TypeError, ValueError), match=f"^{name} is ") as caught:
            fastbp.Checkpoint(**options)  # type: ignore[arg-type]
        assert caught.value.parameter == name
    refused(tmp_path, r"^checkpoint is 'run.ckpt'; a fastbp.Checkpoint is needed", TypeError, checkpoint="run.ckpt")
    refused(tmp_path / "no" / "run.ckpt", r"its folder does not exist")
    refused(tmp_path, r"that is a folder, and a file is needed")


def test_a_file_that_is_something_else(tmp_path: Path) -> None:
    path = tmp_path / "run.ckpt"
    fastbp.save(make_net(), path)
    refused(path, r"run\.ckpt' is a model file, and no checkpoint", fastbp.LoadError)
    path.write_bytes(b"")
    refused(path, r"is empty", fastbp.LoadError)


def test_a_damaged_file_is_a_load_error(tmp_path: Path) -> None:
    path = tmp_path / "run.ckpt"
    train(path, 9)
    whole = path.read_bytes()
    rng = np.random.RandomState(0)
    for at in rng.randint(0, len(whole), 20).tolist():
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        refused(path, r"run\.ckpt", fastbp.LoadError)
        path.write_bytes(whole[:at])
        refused(path, r"run\.ckpt", fastbp.LoadError)


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    path = tmp_path_factory.mktemp("parts") / "run.ckpt"
    train(path, 9)
    with open(path, "rb") as stream:
        return container.unpack(stream, os.path.getsize(path))


def rewritten(path: Path, parts: Any, change: Any) -> Path:
    """A file under a right checksum, with what ``change`` makes of its training and its arrays."""
    description, tensors = json.loads(json.dumps(parts[0])), dict(parts[1])
    change(description["checkpoint"], tensors)
    path.write_bytes(b"".join(container.pack(description, tensors)))
    return path


def test_the_files_that_are_written_anew_would_do(parts: Any, tmp_path: Path) -> None:
    path = rewritten(tmp_path / "run.ckpt", parts, lambda training, tensors: None)
    check_same(train(path), train())


JUNK = (
    None,
    -1,
    10**18,
    "",
    "x",
    "0x",
    [],
    {},
    [1],
    {"bit_generator": "0x1"},
    {"bit_generator": "Foo"},
    "nan",
    True,
    1.5,
)


def test_no_value_of_its_numbers_does_harm(parts: Any, tmp_path: Path) -> None:
    """It is refused, or makes another training; nothing crashes, and a net that is refused keeps its weights."""
    path = tmp_path / "run.ckpt"
    for key in parts[0]["checkpoint"]:
        for value in JUNK[::3] if SMALL else JUNK:
            rewritten(path, parts, lambda training, _, key=key, value=value: training.update({key: value}))
            net = make_net()
            before = net.theta.copy()
            try:
                train(path, net=net, epochs=2)
            except ValueError:  # LoadError is one
                assert same_bits(net.theta, before)
        rewritten(path, parts, lambda training, _, key=key: training.pop(key))
        refused(path, r"run\.ckpt", fastbp.LoadError)


@pytest.mark.parametrize("value", [-1, 1.0])
@pytest.mark.parametrize("name", ["n_epochs", "n_minibatches", "n_samples", "epoch", "minibatch", "step", "best_epoch"])
def test_counts_are_whole_numbers_and_none_is_negative(parts: Any, name: str, value: Any, tmp_path: Path) -> None:
    path = tmp_path / "run.ckpt"
    rewritten(path, parts, lambda training, _: training.update({name: value}))
    refused(path, r"run\.ckpt", fastbp.LoadError)


def test_no_array_can_be_left_out_or_have_another_shape(parts: Any, tmp_path: Path) -> None:
    path = tmp_path / "run.ckpt"
    for name in parts[1]:
        if name.startswith("history"):
            continue
        rewritten(path, parts, lambda _, tensors, name=name: tensors.pop(name))
        refused(path, r"run\.ckpt", fastbp.LoadError)
        rewritten(path, parts, lambda _, tensors, name=name: tensors.update({name: np.zeros((7, 7))}))
        refused(path, r"run\.ckpt", fastbp.LoadError)


def test_newer_checkpoints(parts: Any, tmp_path: Path) -> None:
    path = rewritten(tmp_path / "run.ckpt", parts, lambda training, _: training.update(version=2))
    refused(path, r"was written by a newer fastbp: it is a checkpoint of version 2", fastbp.LoadError)


def test_a_file_that_another_training_has_written_stays(tmp_path: Path) -> None:
    path = tmp_path / "run.ckpt"
    inner: list[fastbp.Run] = []

    class Other(fastbp.Callback):
        every = 1

        def on_minibatch(self, run: fastbp.Run) -> None:
            if run.step == 5:
                inner.append(train(path, every=60.0, net=make_net("float32"), epochs=1))

    with pytest.warns(RuntimeWarning, match="could not be written: another training has written to the same file"):
        train(path, every=60.0, callbacks=[Other()])
    assert same_bits(fastbp.load(path).theta, inner[0].net.theta)


@pytest.mark.parametrize("every", [0.0, 60.0])
def test_weights_that_are_not_finite_are_not_written(every: float, tmp_path: Path) -> None:
    path = tmp_path / "run.ckpt"
    train(path, epochs=1)
    before = path.read_bytes()

    class Spoiling(fastbp.Callback):
        every = 1

        def on_minibatch(self, run: fastbp.Run) -> None:
            if run.step == 9:
                run.net.w[1][0, 0] = np.nan

    net = make_net()
    with pytest.warns(RuntimeWarning, match="could not be written: a weight or bias is not finite"):
        with pytest.raises(fastbp.DivergenceError):
            train(path, every=every, net=net, callbacks=[Spoiling()])
    assert path.read_bytes() == before or every == 0.0
    assert np.isfinite(fastbp.load(path).theta).all()
    check_same(train(path), train())


def test_networks_of_other_weights_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "run.ckpt"
    options: dict[str, Any] = {"activations": ["tanh", "softmax"], "cost": "cross_entropy"}
    train(path, epochs=1)
    others: tuple[dict[str, Any], ...] = ({"seed": np.int64(2)}, {"seed": 1, "init": "he_normal"}, {"seed": None})
    for other in others:
        net = fastbp.Network([4, 5, 3], **options, **other)
        with pytest.raises(ValueError, match=r"weights: checkpoint: drawn as nielsen with the seed 1; now: drawn as"):
            train(path, net=net, epochs=2)
    check_same(train(path, net=fastbp.load(path), epochs=2), train(epochs=2))  # weights that were read may be these
    used = fastbp.Network([4, 5, 3], **options, seed=np.int64(1))  # the same seed
    used.theta[:] = 0
    check_same(train(path, net=used.copy(), epochs=3), train(epochs=3))  # the file's weights count
