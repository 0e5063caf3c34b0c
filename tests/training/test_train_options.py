"""What `train` is asked for beside optimizer and samples: clipping, dropout, weights of classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from masks import dropout_mask

import fastbp

RNG = np.random.RandomState(3)
X = RNG.randn(23, 6)
Y = RNG.randn(23, 2)


def make_net(sizes: Sequence[int] = (6, 5, 4, 2), **options: Any) -> fastbp.Network:
    return fastbp.Network(sizes, **({"activations": ["tanh"] * (len(sizes) - 2) + ["identity"], "seed": 1} | options))


def parts(net: Any) -> list[np.ndarray]:
    return [*net.w, *net.b]


# Clipping


def clipped_descent(net: fastbp.Network, longest: float, eta: float, mu: float, l2: float) -> tuple[list[Any], int]:
    """Weights and biases after two epochs of minibatches of 10, and how many gradients were scaled down.

    The rule of PyTorch's ``clip_grad_norm_``: one norm, of all parameters.
    """
    net, scaled = net.copy(), 0
    velocity = [np.zeros_like(part) for part in parts(net)]
    for start in (0, 10, 20) * 2:
        g = parts(net.gradient(X[start : start + 10], Y[start : start + 10], l2=l2))
        norm = np.sqrt(sum((part**2).sum() for part in g))
        scaled += norm > longest
        for part, v, slope in zip(parts(net), velocity, g, strict=True):
            v *= mu
            v -= eta * slope * min(1.0, longest / norm)
            part += v
    return parts(net), scaled


@pytest.mark.parametrize("n_threads", [1, 2])
@pytest.mark.parametrize(
    ("mu", "sizes", "longest"),
    [(0.0, [6, 5, 4, 2], 1.0), (0.9, [6, 5, 4, 2], 1.0), (0.9, [6, 70, 40, 2], 2.0), (0.9, [6, 276, 2], 8.0)],
)
def test_a_gradient_that_is_too_long_is_scaled_down(
    mu: float, sizes: list[int], longest: float, n_threads: int
) -> None:
    """Squares are summed in blocks of parameters: the last two have two of them, and three whole ones."""
    net = make_net(sizes=sizes)
    expected, scaled = clipped_descent(net, longest, 0.1, mu, 0.01)
    assert 0 < scaled < 6  # some are, some are not
    options: dict[str, Any] = {"epochs": 2, "batch_size": 10, "shuffle": False, "l2": 0.01, "n_threads": n_threads}
    fastbp.train(net, X, Y, optimizer=fastbp.SGD(0.1, momentum=mu), clip_norm=longest, **options)
    for ours, by_hand in zip(parts(net), expected, strict=True):
        np.testing.assert_allclose(ours, by_hand, rtol=1e-9, atol=1e-12)
    free = make_net(sizes=sizes)
    fastbp.train(free, X, Y, optimizer=fastbp.SGD(0.1, momentum=mu), **options)
    assert np.abs(free.theta - net.theta).max() > 1e-3  # what is not clipped would be caught


def test_a_long_step_does_not_diverge_once_it_is_clipped() -> None:
    far = 1e3 * Y
    with pytest.raises(fastbp.DivergenceError):
        fastbp.train(make_net(activations="identity"), X, far, optimizer=fastbp.SGD(2.0), epochs=20)
    net = make_net(activations="identity")
    fastbp.train(net, X, far, optimizer=fastbp.SGD(2.0), epochs=20, clip_norm=0.1)
    assert np.abs(net.theta).max() < 10


@pytest.mark.parametrize("clip_norm", [0, -1.0, float("nan"), "1"])
def test_a_length_that_no_gradient_can_have_is_refused(clip_norm: Any) -> None:
    net = make_net()
    before = net.theta.copy()
    with pytest.raises((TypeError, ValueError), match=r"^clip_norm is .* a finite number > 0") as caught:
        fastbp.train(net, X, Y, clip_norm=clip_norm)
    assert caught.value.parameter == "clip_norm"
    assert np.array_equal(net.theta, before)


# Dropout


def dropped_descent(net: fastbp.Network, dropout: tuple[float, ...], seed: int, late: int = 0) -> list[np.ndarray]:
    """Weights and biases after two epochs of minibatches of 10, with masks written down beforehand.

    ``late`` is how many epochs the masks lag behind, which is an error.
    """
    w, b = ([np.array(part) for part in side] for side in (net.w, net.b))
    rng = np.random.default_rng(seed)
    first = int(rng.integers(1 << 62))
    for epoch in range(2):
        order = rng.permutation(len(X))
        for start in range(0, len(X), 10):
            places = range(start, min(start + 10, len(X)))
            masks = [
                np.stack([dropout_mask(first + epoch - late, l, x, len(b[l - 1]), p) for x in places])
                for l, p in enumerate(dropout, 1)
            ]
            inputs = X[order[start : start + 10]]
            a1 = np.tanh(inputs @ w[0].T + b[0])
            a2 = np.tanh((a1 * masks[0]) @ w[1].T + b[1])
            d3 = (a2 * masks[1]) @ w[2].T + b[2] - Y[order[start : start + 10]]
            d2 = d3 @ w[2] * masks[1] * (1 - a2**2)
            d1 = d2 @ w[1] * masks[0] * (1 - a1**2)
            for l, (a, d) in enumerate([(inputs, d1), (a1 * masks[0], d2), (a2 * masks[1], d3)]):
                w[l] -= 0.1 * d.T @ a / len(d)
                b[l] -= 0.1 * d.mean(axis=0)
    return [*w, *b]


@pytest.mark.parametrize("n_threads", [1, 2])
def test_dropout_is_a_mask_of_seed_epoch_layer_place_and_neuron(n_threads: int) -> None:
    net = make_net()
    expected, wrong = (dropped_descent(net, (0.5, 0.25), 7, late) for late in (0, 1))
    options: dict[str, Any] = {"optimizer": fastbp.SGD(0.1), "epochs": 2, "batch_size": 10, "seed": 7}
    fastbp.train(net, X, Y, dropout=(0.5, 0.25), n_threads=n_threads, **options)
    for ours, by_hand in zip(parts(net), expected, strict=True):
        np.testing.assert_allclose(ours, by_hand, rtol=1e-9, atol=1e-12)
    assert not np.allclose(parts(net)[0], wrong[0], rtol=1e-3)


def test_one_number_is_that_of_every_hidden_layer() -> None:
    nets = [make_net() for _ in range(3)]
    for net, dropout in zip(nets, (np.array(0.25), np.array([0.25, 0.25]), (0.25, 0.0)), strict=True):
        fastbp.train(net, X, Y, dropout=dropout, epochs=1, seed=0)
    assert np.array_equal(nets[0].theta, nets[1].theta)
    assert not np.array_equal(nets[0].theta, nets[2].theta)


def test_only_training_leaves_neurons_out() -> None:
    """A step of no length: the loss of the epoch has masks, that of the validation is the whole net's."""
    net = make_net()
    own = net.evaluate(X, Y)["loss"]
    run = fastbp.train(
        net, X, Y, optimizer=fastbp.SGD(1e-300), epochs=1, batch_size=None, validation=(X, Y), dropout=0.5, seed=0
    )
    assert run.history["val_loss"] == [own]
    assert run.history["loss"][0] != pytest.approx(own, rel=1e-3)


def check_refused(net: fastbp.Network, targets: Any, name: str, value: Any) -> None:
    """The option is refused by its name before anything is trained."""
    before = net.theta.copy()
    with pytest.raises((TypeError, ValueError), match=rf"^{name} (is|has) ") as caught:
        fastbp.train(net, X, targets, **{name: value})
    assert caught.value.parameter == name
    assert np.array_equal(net.theta, before)


@pytest.mark.parametrize(
    "dropout",
    [
        1.0,
        -0.1,
        float("nan"),
        "0.5",
        b"\0\0",
        np.array(1.0),
        {0.2, 0.5},
        {0.2: 1, 0.5: 2},
        (0.5,),
        (0.5, 0.5, 0.5),
        (0.5, 1.0),
        (0.5, "x"),
    ],
)
def test_parts_that_cannot_be_left_out_are_refused(dropout: Any) -> None:
    check_refused(make_net(), Y, "dropout", dropout)


def test_a_net_without_hidden_layers_leaves_nothing_out() -> None:
    net = fastbp.Network([6, 2], activations="identity", seed=1)
    fastbp.train(net, X, Y, dropout=0.0, epochs=1)
    with pytest.raises(ValueError, match=r"^dropout is 0\.5; this network has no hidden layer"):
        fastbp.train(net, X, Y, dropout=0.5)


# Weights of classes

LABELS = np.array([0] * 12 + [1] * 8 + [2] * 3)
WEIGHTS = np.linspace(0.5, 1.5, 23)


def classifier(**options: Any) -> fastbp.Network:
    return fastbp.Network(
        [6, 5, 3], **({"activations": ["tanh", "softmax"], "cost": "cross_entropy", "seed": 1} | options)
    )


SHORT: dict[str, Any] = {"epochs": 2, "batch_size": 10, "seed": 0}


def trained(**options: Any) -> np.ndarray:
    net = classifier()
    fastbp.train(net, X, LABELS, **SHORT, **options)
    return net.theta


@pytest.mark.parametrize("s", [None, WEIGHTS])
def test_weights_of_classes_multiply_those_of_samples(s: Any) -> None:
    of_sample = np.array([3.0] * 12 + [1.0] * 8 + [0.0] * 3)
    expected = trained(sample_weight=of_sample if s is None else s * of_sample)
    assert np.array_equal(trained(sample_weight=s, class_weight={0: 3, np.int64(2): 0.0}), expected)
    assert not np.array_equal(trained(sample_weight=s), expected)


def test_balanced_classes_have_equal_shares() -> None:
    """As in scikit-learn n / (number of classes * samples of the class), of weighted samples their weights."""
    of_class = 23 / (3 * np.array([12, 8, 3]))
    np.testing.assert_allclose(
        trained(class_weight="balanced"), trained(class_weight=dict(enumerate(of_class))), rtol=1e-13
    )
    totals = np.array([WEIGHTS[LABELS == label].sum() for label in range(3)])
    of_class = WEIGHTS.sum() / (3 * totals)
    np.testing.assert_allclose(
        trained(class_weight="balanced", sample_weight=WEIGHTS),
        trained(class_weight=dict(enumerate(of_class)), sample_weight=WEIGHTS),
        rtol=1e-12,
    )
    shares = np.bincount(LABELS, weights=of_class[LABELS] * WEIGHTS)
    np.testing.assert_allclose(shares, shares.mean())


def test_balanced_classes_of_one_output_and_classes_without_samples() -> None:
    nets = [fastbp.Network([6, 1], cost="cross_entropy", seed=1) for _ in range(3)]
    y = (LABELS > 1).astype(int)
    s = np.where(y, 23 / (2 * 3), 23 / (2 * 20))
    fastbp.train(nets[0], X, y, class_weight="balanced", **SHORT)
    fastbp.train(nets[1], X, y[:, None].astype(float), sample_weight=s, **SHORT)
    np.testing.assert_allclose(nets[0].theta, nets[1].theta, rtol=1e-13)
    fastbp.train(nets[2], X, y, **SHORT)
    assert not np.allclose(nets[0].theta, nets[2].theta, rtol=1e-3)
    wide, other = (fastbp.Network([6, 4], activations="softmax", cost="cross_entropy", seed=1) for _ in range(2))
    fastbp.train(wide, X, LABELS, class_weight="balanced", **SHORT)  # of its four labels three occur
    fastbp.train(other, X, LABELS, class_weight=dict(enumerate(23 / (3 * np.array([12, 8, 3])))), **SHORT)
    np.testing.assert_allclose(wide.theta, other.theta, rtol=1e-13)


def test_validation_samples_keep_their_weights() -> None:
    net = classifier()
    run = fastbp.train(net, X, LABELS, class_weight={0: 100.0}, validation=(X, LABELS), **SHORT)
    assert run.history["val_loss"][-1] == net.evaluate(X, LABELS)["loss"]


def test_a_model_knows_classes_by_name() -> None:
    names = np.array(["low", "mid", "top"])
    models = [fastbp.Model(classifier(meta={"classes": names.tolist()})) for _ in range(2)]
    for model, class_weight in zip(models, ({"low": 3.0, "top": 0.5}, "balanced"), strict=True):
        model.train(X, names[LABELS], class_weight=class_weight, **SHORT)
    assert np.array_equal(models[0].net.theta, trained(class_weight={0: 3.0, 2: 0.5}))
    assert np.array_equal(models[1].net.theta, trained(class_weight="balanced"))
    with pytest.raises(ValueError, match=r"^class_weight has the class 'up'; the model knows 'low', 'mid', 'top'"):
        models[0].train(X, names[LABELS], class_weight={"up": 3.0}, **SHORT)


@pytest.mark.parametrize(
    "class_weight", ["even", 3.0, [1, 2, 3], {3: 1.0}, {-1: 1.0}, {"a": 1.0}, {True: 1.0}, {0: -1.0}, {0: "x"},
                     {0: np.nan}, {0: 0, 1: 0, 2: 0}],
)  # fmt: skip
def test_weights_that_no_class_can_have_are_refused(class_weight: Any) -> None:
    check_refused(classifier(), LABELS, "class_weight", class_weight)


def test_weights_of_classes_go_with_labels() -> None:
    for net, targets in ((classifier(), np.eye(3)[LABELS]), (make_net(), Y)):
        with pytest.raises(ValueError, match=r"^class_weight is given, and Y holds outputs; .* shape \(23,\)"):
            fastbp.train(net, X, targets, class_weight="balanced")
    net = fastbp.Network([6, 1], activations="identity", seed=1)
    with pytest.raises(ValueError, match=r"^class_weight is given, and Y holds outputs; .* a sigmoid output"):
        fastbp.train(net, X, Y[:, 0], class_weight="balanced")


def test_weights_of_classes_do_not_go_with_missing_targets() -> None:
    net = fastbp.Network([4, 3, 1], cost="cross_entropy", seed=0)
    y = np.array([0.0, np.nan, 1.0, 1.0])
    with pytest.raises(ValueError, match=r"^class_weight is given, and Y has targets that are missing; ") as caught:
        fastbp.train(net, np.eye(4), y, class_weight={1: 2.0}, missing_targets="ignore")
    assert getattr(caught.value, "parameter", None) == "class_weight"


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"sample_weight": np.full(20, 1e308)}, "sample_weight"),
        ({"class_weight": {0: 1e308}}, "class_weight"),
        ({"sample_weight": np.full(20, 1e10), "class_weight": {0: 1e300}}, "class_weight"),
    ],
)
def test_weights_that_are_too_large_are_refused_by_name(options: dict[str, Any], name: str, dtype: Any) -> None:
    """Warnings are errors here: no sum of them has overflowed on the way."""
    net = fastbp.Network([3, 4, 2], activations=["tanh", "softmax"], cost="cross_entropy", dtype=dtype, seed=0)
    before = net.theta.copy()
    with pytest.raises(ValueError, match=rf"^{name} sums to more than 1.8e\+308 over all samples, .* ratios") as error:
        fastbp.train(net, np.eye(20, 3), np.arange(20) % 2, epochs=1, **options)
    assert vars(error.value)["parameter"] == name
    assert np.array_equal(net.theta, before)
