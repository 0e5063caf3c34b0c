"""What `continuing` refuses, and what a pickle of a run holds."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
from continued_runs import (
    HELD_OUT,
    LABELS,
    WEIGHTS,
    Stopping,
    X,
    check_same,
    go_on,
    make_net,
    train,
)
from nets import same_bits

import fastbp
from fastbp.training.described import described


def refused(run: Any, match: str, name: str = "continuing", net: Any = None, **options: Any) -> None:
    net = run.net if net is None else net
    before = net.theta.copy()
    with pytest.raises((ValueError, TypeError), match=match) as caught:
        fastbp.train(net, X, LABELS, continuing=run, **options)
    assert caught.value.parameter == name
    assert same_bits(net.theta, before)


def test_other_settings_are_refused_all_at_once() -> None:
    run = train(make_net(), epochs=2, optimizer=fastbp.Adam(0.01), dropout=0.5)
    match = (
        r"^continuing is a run with other settings.*"
        r"optimizer: run: Adam\(learning_rate=0.01, .*\); now: Adam\(.*learning_rate=0.02.*; "
        r"batch_size: run: 4; now: 9; .*dropout: run: \(0.5\); now: \(0.25\). Leave these out, or train anew\.$"
    )
    refused(run, match, optimizer=fastbp.Adam(0.02), batch_size=9, dropout=0.25, epochs=3)
    refused(run, r"shuffle: run: True; now: .*<lambda>", shuffle=lambda epoch: np.arange(23))
    net = fastbp.Network([4, 4, 3], seed=0)
    refused(run, r"net: run: Network\(\[4, 5, 3\].*; now: Network\(\[4, 4, 3\]", net=net)
    again = fastbp.train(
        run.net, X, LABELS, continuing=run, epochs=3, optimizer=fastbp.Adam(0.01), batch_size=4, seed=3, dropout=[0.5]
    )
    assert again.epoch == 3


def test_other_weights_and_samples_are_refused() -> None:
    run = train(make_net(), epochs=2)
    run.net.b[1][0] += 1e-9
    refused(run, r"^continuing is a run that left other weights than the net now has", epochs=3)
    run.net.b[1][0] -= 1e-9
    run = train(make_net(), epochs=2)
    with pytest.raises(ValueError, match=r"^X has 22 samples; the run that goes on has had 23") as caught:
        fastbp.train(run.net, X[1:], LABELS[1:], continuing=run, epochs=3)
    assert caught.value.parameter == "X"


def test_fewer_epochs_than_there_were_are_refused() -> None:
    run = train(make_net(), epochs=5, callbacks=[Stopping(20)])
    assert (run.epoch, run.minibatch) == (3, 2)
    refused(
        run,
        r"^epochs is 3; the run that goes on has begun 4, and epochs counts them all. Pass at least 4",
        "epochs",
        epochs=3,
    )
    assert fastbp.train(run.net, X, LABELS, continuing=run, epochs=4).epoch == 4


def test_a_schedule_that_was_told_another_total_is_refused() -> None:
    cosine = fastbp.schedules.Cosine()
    run = train(make_net(), epochs=2, schedule=cosine)
    refused(
        run, r"^schedule is Cosine\(.*epoch 1 of 2 is another one than of 3.*Cosine\(epochs=3\)", "schedule", epochs=3
    )
    cut = train(make_net(), epochs=4, schedule=cosine, callbacks=[Stopping(9)])
    whole = train(make_net(), epochs=4, schedule=cosine)
    check_same(go_on(cut.net, cut, {}), whole)


@pytest.mark.parametrize("run", [True, "run.ckpt", fastbp.History()])
def test_what_is_no_run_is_refused(run: Any) -> None:
    refused(run, r"^continuing is .*; what train returned is needed", net=make_net())


def test_what_only_scipy_knew_is_refused() -> None:
    net = make_net()
    run = fastbp.train(net, X, LABELS, optimizer=fastbp.LBFGS(), epochs=2)
    refused(run, r"^continuing is a run of L-BFGS, which goes on from no run")
    with pytest.raises(ValueError, match=r"^checkpoint is .*; what L-BFGS knows is in SciPy"):
        fastbp.train(net, X, LABELS, optimizer=fastbp.LBFGS(), checkpoint=fastbp.Checkpoint("run.ckpt"))


def test_a_run_that_has_not_ended_is_refused() -> None:
    class Greedy(fastbp.Callback):
        def on_epoch_end(self, run: fastbp.Run) -> None:
            refused(run, r"^continuing is a run that has left no state to go on from", net=run.net.copy())

    train(make_net(), epochs=1, callbacks=[Greedy()])


def test_a_pickle_says_what_it_could_not_hold() -> None:
    def order(epoch: int) -> Any:
        return np.roll(np.arange(23), epoch)

    whole = train(make_net(), epochs=4, shuffle=order)
    run = train(make_net(), epochs=2, shuffle=order)
    for copied in (pickle.loads(pickle.dumps(run)), copy.deepcopy(run)):
        refused(copied, rf"shuffle: run: {__name__}\.\S*order \[code [0-9a-f]{{8}} of .*\]; now: True", epochs=4)
        check_same(fastbp.train(copied.net, X, LABELS, continuing=copied, epochs=4, shuffle=order), whole)


def test_options_are_described_alike_in_every_process() -> None:
    class Rule:
        pass

    values = [
        np.float32(0.5),
        np.arange(3),
        {"b": 1, "a": (2.0, None)},
        np.random.default_rng(0),
        Rule(),
        np.tanh,
    ]
    assert [described(value).replace(__name__, "here") for value in values] == [
        "0.5", "int64 of shape (3,), CRC 4f8c5ccc", "{'a': (2.0, None), 'b': 1}", "a Generator of PCG64",
        "<here.test_options_are_described_alike_in_every_process.<locals>.Rule object>", "numpy.tanh",
    ]  # fmt: skip


def test_weights_and_validation_are_asked_for_again() -> None:
    given = {"sample_weight": WEIGHTS, "validation": HELD_OUT}
    run = train(make_net(), epochs=2, **given)
    for name in given:
        rest = {other: value for other, value in given.items() if other != name}
        refused(run, rf"{name}: run: given; now: not given. Pass {name} again, or train anew", **rest, epochs=3)
    plain = train(make_net(), epochs=2)
    refused(plain, r"validation: run: not given; now: given. Leave these out", validation=HELD_OUT, epochs=3)
    go_on(run.net, run, given, epochs=3)


def test_a_function_that_a_pickle_has_lost_is_asked_for() -> None:
    def half(epoch: int, n_epochs: int) -> float:
        return 0.5

    run = pickle.loads(pickle.dumps(train(make_net(), epochs=2, schedule=half)))
    refused(run, r"schedule: run: .*half.*; now: None. Pass schedule again, or train anew", epochs=3)
    whole = train(make_net(), epochs=3, schedule=half)
    check_same(go_on(run.net, run, {}, epochs=3, schedule=half), whole)


def test_fewer_samples_are_named_as_such() -> None:
    run = train(make_net(), epochs=1)
    with pytest.raises(ValueError, match=r"^X has 9 samples; the run that goes on has had 23"):
        fastbp.train(run.net, X[:9], LABELS[:9], continuing=run, epochs=2)
