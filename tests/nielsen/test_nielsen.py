"""The book's API gives the book's weights, lines and files; what overrides a part of it runs the book's way."""

from __future__ import annotations

import gzip
import json
import os
import random
import re
import struct
from pathlib import Path
from typing import Any

import book
import numpy as np
import pytest
from nets import SMALL

import fastbp
from fastbp.nielsen import _book, _engine, mnist_loader, network, network2

SIZES = [12, 5, 10] if SMALL else [784, 30, 10]


def seeded(kind: Any, *arguments: Any) -> Any:
    np.random.seed(7)  # noqa: NPY002
    net = kind(*arguments)
    random.seed(8)
    return net


def book_weights(data: Any, *, scaled: bool = False, **options: Any) -> tuple[list[Any], list[Any]]:
    w, b = book.weights(SIZES, 7, scaled)
    random.seed(8)
    book.train(w, b, data, options.pop("epochs", 3), 10, options.pop("eta", 3.0), **options)
    return w, b


def worst(net: Any, w: list[Any], b: list[Any]) -> float:
    return max(float(np.abs(mine - theirs).max()) for mine, theirs in zip(net.weights + net.biases, w + b, strict=True))


@pytest.fixture
def no_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing may reach the compiled engine: what runs is the book's way."""

    def refuse(*arguments: Any, **options: Any) -> Any:
        raise AssertionError("the kernels were called")

    monkeypatch.setattr(fastbp, "train", refuse)
    monkeypatch.setattr(_engine.Epochs, "_on_kernels", refuse)


@pytest.fixture
def only_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: Any, **options: Any) -> Any:
        raise AssertionError("the book's way was taken")

    monkeypatch.setattr(_book, "backprop", refuse)
    monkeypatch.setattr(_book, "feedforward", refuse)


# The book's weights


def test_initial_weights_are_the_books() -> None:
    w, b = book.weights(SIZES, 7, False)
    net = seeded(network.Network, SIZES)
    assert worst(net, w, b) == 0
    assert net.num_layers == 3
    assert net.biases[0].shape == (SIZES[1], 1)
    assert worst(seeded(network2.Network, SIZES), *book.weights(SIZES, 7, True)) == 0
    large = seeded(network2.Network, SIZES)
    np.random.seed(7)  # noqa: NPY002
    large.large_weight_initializer()
    assert worst(large, w, b) == 0


@pytest.mark.usefixtures("only_kernels")
def test_three_epochs_of_203_samples() -> None:
    data, _ = book.samples(203, SIZES[0], 10)
    net = seeded(network.Network, SIZES)
    net.SGD(data, 3, 10, 3.0)
    assert worst(net, *book_weights(data)) < 1e-10
    # An epoch more or less is another net: the comparison can fail.
    assert worst(net, *book_weights(data, epochs=2)) > 1e-3


@pytest.mark.usefixtures("only_kernels")
@pytest.mark.parametrize("cross_entropy", [False, True])
@pytest.mark.parametrize("lmbda", [0.0, 5.0])
def test_three_epochs_of_network2(cross_entropy: bool, lmbda: float) -> None:
    data, _ = book.samples(203, SIZES[0], 10)
    net = seeded(network2.Network, SIZES, network2.CrossEntropyCost if cross_entropy else network2.QuadraticCost)
    net.SGD(data, 3, 10, 0.5, lmbda)
    expected = book_weights(data, scaled=True, eta=0.5, lmbda=lmbda, cross_entropy=cross_entropy)
    assert worst(net, *expected) < 1e-10


def test_first_500_minibatches_of_mnist() -> None:
    folder = os.environ.get("FASTBP_MNIST")
    if not folder:
        pytest.skip("FASTBP_MNIST names no folder with MNIST's idx files: NOT compared on MNIST")
    training, _, _ = mnist_loader.load_data_wrapper(folder)
    data = training[:5000]
    net = seeded(network.Network, [784, 30, 10])
    net.SGD(data, 1, 10, 3.0)
    w, b = book.weights([784, 30, 10], 7, False)
    random.seed(8)
    book.train(w, b, data, 1, 10, 3.0)
    assert worst(net, w, b) < 1e-10


def test_the_order_is_that_of_the_books_generator() -> None:
    """Shuffling indices and shuffling samples draw the same numbers, epoch after epoch; the caller's list stays."""
    data, _ = book.samples(23, SIZES[0], 10)
    kept = list(data)
    seeded(network.Network, SIZES).SGD(data, 2, 5, 0.1)
    after = random.random()
    assert all(a is b for a, b in zip(data, kept, strict=True))
    random.seed(8)
    for _ in range(2):
        random.shuffle(kept)
    assert random.random() == after


# Its methods


def test_methods_have_the_books_results() -> None:
    net = seeded(network.Network, SIZES)
    (x, y), *_ = book.samples(1, SIZES[0], 10)[0]
    nabla_b, nabla_w = net.backprop(x, y)
    g_w, g_b = book.gradient(net.weights, net.biases, x, y, False)
    for mine, theirs in zip(nabla_w + nabla_b, g_w + g_b, strict=True):
        assert mine.shape == theirs.shape
        np.testing.assert_allclose(mine, theirs, rtol=1e-12, atol=1e-16)
    a = x
    for w, b in zip(net.weights, net.biases, strict=True):
        a = book.sigma(w @ a + b)
    np.testing.assert_allclose(net.feedforward(x), a, rtol=1e-13)
    assert np.array_equal(net.cost_derivative(a, y), a - y)
    w, b = [m.copy() for m in net.weights], [m.copy() for m in net.biases]
    net.update_mini_batch([(x, y)], 0.5)
    np.testing.assert_allclose(net.weights[1], w[1] - 0.5 * g_w[1], rtol=1e-13)
    np.testing.assert_allclose(net.biases[0], b[0] - 0.5 * g_b[0], rtol=1e-13)
    z = np.array([-800.0, -1.0, 0.0, 2.0, 800.0])
    with np.errstate(over="ignore"):
        np.testing.assert_allclose(network.sigmoid(z), book.sigma(z), rtol=1e-15)
    assert network.sigmoid_prime(0.0) == 0.25


def test_evaluate_counts_hits_either_way() -> None:
    net = seeded(network.Network, SIZES)
    _, tests = book.samples(57, SIZES[0], 10)

    class Own(network.Network):
        def feedforward(self, a: Any) -> Any:
            return super().feedforward(a)

    own = seeded(Own, SIZES)
    by_hand = sum(int(np.argmax(net.feedforward(x)) == y) for x, y in tests)
    assert net.evaluate(tests) == own.evaluate(iter(tests)) == by_hand
    assert net.evaluate([]) == 0


def test_printed_lines(capsys: pytest.CaptureFixture[str]) -> None:
    data, tests = book.samples(30, SIZES[0], 10)
    net = seeded(network.Network, SIZES)
    net.SGD(data, 2, 10, 3.0, test_data=tests)
    lines = capsys.readouterr().out.splitlines()
    assert [re.fullmatch(rf"Epoch {j}: (\d+) / 30", line) is not None for j, line in enumerate(lines)] == [True, True]
    assert lines[-1] == f"Epoch 1: {net.evaluate(tests)} / 30"
    net.SGD(data, 1, 10, 3.0)
    assert capsys.readouterr().out == "Epoch 0 complete\n"


def test_network2_monitors(capsys: pytest.CaptureFixture[str]) -> None:
    data, tests = book.samples(40, SIZES[0], 10)
    net = seeded(network2.Network, SIZES)
    every = {f"monitor_{a}_{b}": True for a in ("evaluation", "training") for b in ("cost", "accuracy")}
    result = net.SGD(data, 2, 10, 0.5, 0.1, tests, **every)
    evaluation_cost, evaluation_accuracy, training_cost, training_accuracy = result
    assert [len(part) for part in result] == [2, 2, 2, 2]
    outputs = [net.feedforward(x) for x, _ in data]
    c = sum(-np.sum(y * np.log(a) + (1 - y) * np.log(1 - a)) for a, (_, y) in zip(outputs, data, strict=True)) / 40
    penalty = 0.5 * 0.1 / 40 * sum((w**2).sum() for w in net.weights)
    assert training_cost[-1] == pytest.approx(c + penalty, rel=1e-12)
    # The same samples with digits as targets.
    assert evaluation_cost[-1] == pytest.approx(training_cost[-1], rel=1e-12)
    assert evaluation_accuracy == training_accuracy
    assert training_accuracy[-1] == sum(int(a.argmax() == y.argmax()) for a, (_, y) in zip(outputs, data, strict=True))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Epoch 0 training complete"
    assert lines[1] == f"Cost on training data: {training_cost[0]}"
    assert lines[2] == f"Accuracy on training data: {training_accuracy[0]} / 40"
    assert lines[3] == f"Cost on evaluation data: {evaluation_cost[0]}"
    assert lines[4] == f"Accuracy on evaluation data: {evaluation_accuracy[0]} / 40"


def test_early_stopping(monkeypatch: pytest.MonkeyPatch) -> None:
    data, tests = book.samples(20, SIZES[0], 10)
    net = seeded(network2.Network, SIZES)
    scores = iter([3, 5, 5, 4, 9, 1, 1, 1, 1, 1])
    monkeypatch.setattr(net, "accuracy", lambda data, convert=False: next(scores))
    _, accuracy, _, _ = net.SGD(data, 10, 10, 0.5, 0.0, tests, monitor_evaluation_accuracy=True, early_stopping_n=3)
    assert accuracy == [3, 5, 5, 4, 9, 1, 1, 1]
    with pytest.raises(ValueError, match="monitor_evaluation_accuracy=True"):
        net.SGD(data, 1, 10, 0.5, early_stopping_n=3)


def test_save_and_load(tmp_path: Path) -> None:
    path = tmp_path / "net.json"
    net = seeded(network2.Network, SIZES, network2.QuadraticCost)
    net.save(path)
    contents = json.loads(path.read_text())
    assert set(contents) == {"sizes", "weights", "biases", "cost"}
    assert contents["cost"] == "QuadraticCost"
    again = network2.load(path)
    assert worst(again, net.weights, net.biases) == 0
    assert again.cost is network2.QuadraticCost

    class Mine(network2.QuadraticCost):
        pass

    net.cost = Mine
    net.save(path)
    with pytest.raises(ValueError, match="'Mine'"):
        network2.load(path)
    assert network2.load(path, cost=Mine).cost is Mine
    path.write_text("{}")
    with pytest.raises(ValueError, match="not a network of the book"):
        network2.load(path)
    contents["sizes"] = [3, 2]
    path.write_text(json.dumps(contents))
    with pytest.raises(ValueError, match="damaged"):
        network2.load(path)


# What is overridden runs the book's way


@pytest.mark.usefixtures("no_kernels")
def test_a_subclass_that_overrides_backprop() -> None:
    class Doubled(network.Network):
        calls = 0

        def backprop(self, x: Any, y: Any) -> Any:
            Doubled.calls += 1
            nabla_b, nabla_w = super().backprop(x, y)
            return [2 * g for g in nabla_b], [2 * g for g in nabla_w]

    data, _ = book.samples(23, SIZES[0], 10)
    net = seeded(Doubled, SIZES)
    net.SGD(data, 3, 10, 0.75)
    assert Doubled.calls == 69
    assert worst(net, *book_weights(data, eta=1.5)) < 1e-12


@pytest.mark.usefixtures("no_kernels")
@pytest.mark.parametrize("what", ["cost_derivative", "feedforward", "update_mini_batch", "object"])
def test_other_overrides(what: str) -> None:
    data, _ = book.samples(23, SIZES[0], 10)
    own = {
        "cost_derivative": lambda self, a, y: a - y,
        "feedforward": lambda self, a: network.Network.feedforward(self, a),
        "update_mini_batch": lambda self, batch, eta: network.Network.update_mini_batch(self, batch, eta),
    }
    net = seeded(type("Own", (network.Network,), {what: own[what]} if what in own else {}), SIZES)
    if what == "object":
        net.backprop = lambda x, y: network.Network.backprop(net, x, y)
    net.SGD(data, 3, 10, 3.0)
    assert worst(net, *book_weights(data)) < 1e-12


@pytest.mark.usefixtures("no_kernels")
def test_a_cost_class_of_ones_own() -> None:
    class Mine:
        @staticmethod
        def fn(a: Any, y: Any) -> float:
            return float(((a - y) ** 2).sum())

        @staticmethod
        def delta(z: Any, a: Any, y: Any) -> Any:
            return 0.5 * (a - y)

    data, _ = book.samples(23, SIZES[0], 10)
    net = seeded(network2.Network, SIZES, Mine)
    net.SGD(data, 3, 10, 1.0)
    expected = book_weights(data, scaled=True, eta=0.5, cross_entropy=True)
    assert worst(net, *expected) < 1e-12
    assert net.total_cost(data, 0.0) == pytest.approx(
        sum(((net.feedforward(x) - y) ** 2).sum() for x, y in data) / 23, rel=1e-12
    )


@pytest.mark.usefixtures("no_kernels")
def test_weights_of_another_type_run_the_books_way() -> None:
    data, _ = book.samples(23, SIZES[0], 10)
    net = seeded(network.Network, SIZES)
    net.weights = [w.astype(np.float32) for w in net.weights]
    net.SGD(data, 1, 10, 3.0)
    assert worst(net, *book_weights(data, epochs=1)) < 1e-4


def test_assigned_weights_take_effect() -> None:
    data, _ = book.samples(23, SIZES[0], 10)
    net = seeded(network.Network, SIZES)
    net.weights, net.biases = [0 * w for w in net.weights], [0 * b for b in net.biases]
    w, b = [0 * m for m in net.weights], [0 * m for m in net.biases]
    net.SGD(data, 2, 10, 3.0)
    random.seed(8)
    book.train(w, b, data, 2, 10, 3.0)
    assert worst(net, w, b) < 1e-12


@pytest.mark.parametrize("where", ["kernel", "evaluate"])
def test_an_interrupt_keeps_whole_minibatches(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether Ctrl-C comes while the kernels run or while the net is evaluated: the weights are those of an epoch."""
    data, tests = book.samples(23, SIZES[0], 10)
    net = seeded(network.Network, SIZES)
    before = net.weights[0].copy()
    train = fastbp.train

    def interrupt(*arguments: Any, **options: Any) -> Any:
        raise KeyboardInterrupt

    def one_epoch(*arguments: Any, **options: Any) -> Any:
        run = train(*arguments, **(options | {"epochs": 1}))
        run.stopped = "interrupted"
        return run

    if where == "kernel":
        monkeypatch.setattr(fastbp, "train", one_epoch)
    else:
        monkeypatch.setattr(net, "evaluate", interrupt)
    with pytest.raises(KeyboardInterrupt):
        net.SGD(data, 5, 10, 3.0, tests)
    assert worst(net, *book_weights(data, epochs=1)) < 1e-12
    assert not np.array_equal(net.weights[0], before)


def test_weights_changed_while_evaluating_are_trained_on() -> None:
    class Restless(network.Network):
        def evaluate(self, test_data: Any) -> int:
            self.weights = [w + 0.25 for w in self.weights]
            return 0

    data, tests = book.samples(23, SIZES[0], 10)
    net = seeded(Restless, SIZES)
    net.SGD(data, 2, 10, 3.0, tests)
    w, b = book.weights(SIZES, 7, False)
    random.seed(8)
    order = list(data)
    for _ in range(2):
        book.train(w, b, order, 0, 10, 3.0)
        random.shuffle(order)
        kept = random.getstate()
        mixed = random.shuffle
        random.shuffle = lambda values: None  # the order is already the epoch's
        try:
            book.train(w, b, order, 1, 10, 3.0)
        finally:
            random.shuffle = mixed
            random.setstate(kept)
        w[:] = [part + 0.25 for part in w]
    assert worst(net, w, b) < 1e-12


# Input


@pytest.mark.parametrize("kind", [network.Network, network2.Network])
def test_the_shape_trap(kind: Any) -> None:
    data, tests = book.samples(5, SIZES[0], 10)
    net = seeded(kind, SIZES)
    flat = [(x[:, 0], y) for x, y in data]
    for call in (
        lambda: net.SGD(flat, 1, 2, 1.0),
        lambda: net.backprop(*flat[0]),
        lambda: net.feedforward(flat[0][0]),
    ):
        with pytest.raises(ValueError, match=rf"shape \({SIZES[0]},\).*columns.*np\.reshape"):
            call()
    with pytest.raises(ValueError, match=r"y.* has shape \(10,\)"):
        net.SGD([(x, y[:, 0]) for x, y in data], 1, 2, 1.0)
    with pytest.raises(ValueError, match=r"y has shape \(10,\)"):
        net.backprop(data[0][0], data[0][1][:, 0])
    with pytest.raises(ValueError, match="needs a column"):
        net.feedforward(np.zeros((3, 1)))
    with pytest.raises(ValueError, match="x of sample 3"):
        net.SGD([*data[:3], (np.zeros((3, 1)), data[0][1])], 1, 2, 1.0)
    with pytest.raises(ValueError, match=r"no samples.*zip"):
        net.SGD(zip(), 1, 2, 1.0)
    with pytest.raises(ValueError, match="no pair"):
        net.SGD([1, 2, 3], 1, 2, 1.0)
    with pytest.raises(TypeError, match="list of pairs"):
        net.SGD(3, 1, 2, 1.0)
    with pytest.raises(ValueError, match="mini_batch_size"):
        net.SGD(data, 1, 0, 1.0)
    with pytest.raises(ValueError, match=r"y of sample 0 has shape \(\).*vectorized_result\(\d, 10\)"):
        net.SGD(tests, 1, 2, 1.0)
    with pytest.raises(ValueError, match="eta is -1; it must be a finite number > 0"):
        net.SGD(data, 1, 2, -1.0)


def test_training_data_is_no_test_data() -> None:
    """Its targets are columns; the book's code would count nonsense, or stop at an array that is no number."""
    data, _ = book.samples(5, SIZES[0], 10)
    first, second = seeded(network.Network, SIZES), seeded(network2.Network, SIZES)
    for call in (
        lambda: first.SGD(data, 1, 2, 1.0, test_data=data),
        lambda: first.evaluate(data),
        lambda: second.SGD(data, 1, 2, 1.0, evaluation_data=data, monitor_evaluation_accuracy=True),
        lambda: second.accuracy(data),
    ):
        with pytest.raises(ValueError, match=r"data\[0\] has shape \(10, 1\).*takes a digit.*argmax"):
            call()
    assert second.accuracy(data, convert=True) <= 5


def test_a_zip_is_training_data_too() -> None:
    data, _ = book.samples(23, SIZES[0], 10)
    net = seeded(network.Network, SIZES)
    net.SGD(zip([x for x, _ in data], [y for _, y in data], strict=True), 3, 10, 3.0)
    assert worst(net, *book_weights(data)) < 1e-10


def write_idx(folder: Path, name: str, array: np.ndarray) -> None:
    header = struct.pack(f">4B{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    (folder / f"{name}.gz").write_bytes(gzip.compress(header + array.astype(np.uint8).tobytes()))


def test_mnist_loader(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    images, digits = rng.integers(0, 256, (40, 28, 28)), np.arange(40) % 10
    write_idx(tmp_path, "train-images-idx3-ubyte", images)
    write_idx(tmp_path, "train-labels-idx1-ubyte", digits)
    write_idx(tmp_path, "t10k-images-idx3-ubyte", images[:20])
    write_idx(tmp_path, "t10k-labels-idx1-ubyte", digits[:20])
    training, validation, _ = mnist_loader.load_data(tmp_path, n_validation=10)
    assert training[0].shape == (30, 784)
    assert training[0].dtype == np.float32
    np.testing.assert_array_equal(training[0] * 256, images[:30].reshape(30, 784))
    np.testing.assert_array_equal(validation[1], digits[30:])
    columns, held, tests = mnist_loader.load_data_wrapper(tmp_path, n_validation=10)
    assert [len(part) for part in (columns, held, tests)] == [30, 10, 20]
    assert columns[3][0].shape == (784, 1)
    assert columns[3][1].shape == (10, 1)
    assert columns[3][1][3] == 1
    assert held[0][1] == 0
    net = seeded(network.Network, [784, 3, 10])
    net.SGD(columns, 1, 10, 3.0, test_data=tests)
    with pytest.raises(FileNotFoundError, match=r"is no folder.*four idx files"):
        mnist_loader.load_data(tmp_path / "elsewhere")
    with pytest.raises(ValueError, match="n_validation"):
        mnist_loader.load_data(tmp_path, n_validation=40)
    assert mnist_loader.vectorized_result(3).shape == (10, 1)
