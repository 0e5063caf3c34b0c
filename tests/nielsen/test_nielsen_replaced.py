"""Whatever a reader of the book replaces is called: on the class, a subclass, the object, the module, a cost."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import book
import numpy as np
import pytest
from book import Parts

import fastbp
from fastbp.nielsen import mnist_loader, network, network2

SIZES = [12, 5, 10]
DATA, TESTS = book.samples(23, SIZES[0], 10)
BOTH = pytest.mark.parametrize("module", [network, network2])
CE, Quadratic = network2.CrossEntropyCost, network2.QuadraticCost
# The code under test replaces these for everybody, so what they were is kept here.
DELTA, FN = CE.delta, CE.fn


@pytest.fixture
def kernels(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Epochs that each call of ``fastbp.train`` was for."""
    calls: list[int] = []
    train = fastbp.train

    def counted(*arguments: Any, **options: Any) -> Any:
        run = train(*arguments, **options)
        calls.append(run.epoch)
        return run

    monkeypatch.setattr(fastbp, "train", counted)
    return calls


def seeded(kind: Any, *arguments: Any) -> Any:
    np.random.seed(7)  # noqa: NPY002
    net = kind(SIZES, *arguments)
    random.seed(8)
    return net


def trained(net: Any, epochs: int = 3) -> Any:
    net.SGD(DATA, epochs, 10, 0.5)
    return net


def expected(module: Any, epochs: int = 3, *, cross_entropy: bool | None = None, **options: Any) -> Any:
    w, b = book.weights(SIZES, 7, module is network2)
    random.seed(8)
    entropy = module is network2 if cross_entropy is None else cross_entropy
    book.train(w, b, DATA, epochs, 10, 0.5, cross_entropy=entropy, **options)
    return w, b


def worst(net: Any, weights: tuple[list[Any], list[Any]]) -> float:
    w, b = weights
    return max(float(np.abs(mine - theirs).max()) for mine, theirs in zip(net.weights + net.biases, w + b, strict=True))


def doubled(module: Any) -> Callable[..., Any]:
    original = module.Network.backprop

    def backprop(self: Any, x: Any, y: Any) -> Any:
        nabla_b, nabla_w = original(self, x, y)
        return [2 * g for g in nabla_b], [2 * g for g in nabla_w]

    return backprop


# On the class, in subclasses of such a class, on the object


@BOTH
@pytest.mark.parametrize("where", ["class", "subclass of the class", "mixin", "object"])
def test_backprop_replaced_anywhere_is_called(
    module: Any, where: str, monkeypatch: pytest.MonkeyPatch, kernels: list[int]
) -> None:
    backprop, kind = doubled(module), module.Network
    if where in ("class", "subclass of the class"):
        monkeypatch.setattr(module.Network, "backprop", backprop)
    if where == "subclass of the class":
        kind = type("Mine", (module.Network,), {})
    if where == "mixin":
        kind = type("Mine", (type("Mixin", (), {"backprop": backprop}), module.Network), {})
    net = seeded(kind)
    if where == "object":
        net.backprop = backprop.__get__(net)
    assert worst(trained(net), expected(module, parts=Parts(change=lambda g: 2 * g))) < 1e-12
    assert worst(net, expected(module)) > 1e-3
    assert kernels == []


@BOTH
def test_an_update_replaced_on_the_class_is_called_with_the_books_arguments(
    module: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def update_mini_batch(self: Any, *arguments: Any) -> None:
        mini_batch, *rest = arguments
        calls.append((len(mini_batch), rest))
        assert all(any(pair is sample for sample in DATA) for pair in mini_batch)

    monkeypatch.setattr(module.Network, "update_mini_batch", update_mini_batch)
    net = seeded(module.Network)
    before = [w.copy() for w in net.weights]
    trained(net, 2)
    rest = [0.5] if module is network else [0.5, 0.0, 23]
    assert calls == [(10, rest), (10, rest), (3, rest)] * 2
    assert all(np.array_equal(w, kept) for w, kept in zip(net.weights, before, strict=True))


@pytest.mark.parametrize("where", ["class", "object"])
def test_a_cost_derivative_replaced_is_called(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    net = seeded(network.Network)
    if where == "class":
        monkeypatch.setattr(network.Network, "cost_derivative", lambda self, a, y: (a - y) ** 3)
    else:
        net.cost_derivative = lambda a, y: (a - y) ** 3
    slope = Parts().slope
    parts = Parts(error=lambda z, a, y: (a - y) ** 3 * slope(z))
    assert worst(trained(net), expected(network, parts=parts)) < 1e-12


@BOTH
def test_a_feedforward_replaced_on_the_class_evaluates(module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    net = seeded(module.Network)
    monkeypatch.setattr(module.Network, "feedforward", lambda self, a: np.eye(10)[:, [3]])
    threes = sum(y == 3 for _, y in TESTS)
    assert (net.evaluate if module is network else net.accuracy)(TESTS) == threes > 0


@BOTH
def test_methods_put_back_train_on_the_kernels_again(
    module: Any, monkeypatch: pytest.MonkeyPatch, kernels: list[int]
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(module.Network, "backprop", doubled(module))
        trained(seeded(module.Network), 1)
    assert kernels == []
    assert worst(trained(seeded(module.Network)), expected(module)) < 1e-12
    assert kernels == [3]


# In the module


@BOTH
def test_a_sigmoid_replaced_in_the_module_is_called(
    module: Any, monkeypatch: pytest.MonkeyPatch, kernels: list[int]
) -> None:
    """And only there: each module of the book has a sigmoid of its own. Its slope calls it."""

    def steep(z: Any) -> Any:
        return 1 / (1 + np.exp(-2 * z))

    other = network2 if module is network else network
    monkeypatch.setattr(module, "sigmoid", steep)
    net = seeded(module.Network)
    np.testing.assert_allclose(net.feedforward(DATA[0][0]), book.outputs(net.weights, net.biases, DATA[0][0],
                               Parts(sigma=steep)), rtol=1e-13)  # fmt: skip
    parts = Parts(sigma=steep, slope=lambda z: steep(z) * (1 - steep(z)))
    assert worst(trained(net), expected(module, parts=parts)) < 1e-12
    assert kernels == []
    assert worst(trained(seeded(other.Network)), expected(other)) < 1e-12
    assert kernels == [3]


@BOTH
def test_tanh_in_the_module_trains_as_with_the_book(module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "sigmoid", np.tanh)
    monkeypatch.setattr(module, "sigmoid_prime", lambda z: 1 - np.tanh(z) ** 2)
    parts = Parts(sigma=np.tanh, slope=lambda z: 1 - np.tanh(z) ** 2)
    assert worst(trained(seeded(module.Network)), expected(module, parts=parts)) < 1e-12


@BOTH
def test_a_sigmoid_prime_replaced_in_the_module_is_called(module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "sigmoid_prime", lambda z: np.full(np.shape(z), 0.125))
    parts = Parts(slope=lambda z: np.full(np.shape(z), 0.125))
    assert worst(trained(seeded(module.Network)), expected(module, parts=parts)) < 1e-12


def test_a_sigmoid_prime_replaced_reaches_the_quadratic_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network2, "sigmoid_prime", lambda z: np.full(np.shape(z), 0.125))
    net = trained(seeded(network2.Network, Quadratic))
    parts = Parts(slope=lambda z: np.full(np.shape(z), 0.125))
    assert worst(net, expected(network2, cross_entropy=False, parts=parts)) < 1e-12


def test_a_vectorized_result_replaced_in_the_module_is_called_with_the_books_argument(
    monkeypatch: pytest.MonkeyPatch, kernels: list[int]
) -> None:
    soft = 0.1 + 0.8 * np.eye(10)
    monkeypatch.setattr(network2, "vectorized_result", lambda j: soft[:, [j]])
    net = seeded(network2.Network)
    cost, *_ = net.SGD(DATA, 1, 10, 0.5, 0.0, TESTS, monitor_evaluation_cost=True)
    columns = [(x, soft[:, [y]]) for x, y in TESTS]
    assert cost[0] == pytest.approx(book.total_cost(*expected(network2, 1), columns, 0.0), rel=1e-12)
    assert kernels == [1]  # training does not ask for it


def test_the_loaders_functions_can_be_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    part = (np.arange(12.0).reshape(3, 4), np.array([1, 0, 1]))
    monkeypatch.setattr(mnist_loader, "load_data", lambda: (part, part, part))
    monkeypatch.setattr(mnist_loader, "vectorized_result", lambda j: np.eye(2)[:, [j]])
    training, validation, _ = mnist_loader.load_data_wrapper()
    np.testing.assert_array_equal(training[1][0], [[4.0], [5.0], [6.0], [7.0]])
    np.testing.assert_array_equal(training[1][1], [[1.0], [0.0]])
    assert [y for _, y in validation] == [1, 0, 1]


# Costs


@pytest.mark.parametrize("cost", [CE, CE(), type("Mine", (CE,), {})(), type("Mine", (), {"delta": staticmethod(DELTA),
                                  "fn": staticmethod(FN)})])  # fmt: skip
def test_a_cost_with_the_modules_functions_trains_and_monitors_on_the_kernels(
    cost: Any, kernels: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    net = seeded(network2.Network, cost)

    def refuse(self: Any, *arguments: Any, **options: Any) -> Any:
        raise AssertionError("a sample was evaluated alone")

    monkeypatch.setattr(fastbp.nielsen._book, "feedforward", refuse)
    result = net.SGD(DATA, 3, 10, 0.5, 0.1, TESTS, True, True, True, True)
    w, b = expected(network2, lmbda=0.1)
    assert worst(net, (w, b)) < 1e-12
    assert kernels == [3]
    assert result[2][-1] == pytest.approx(book.total_cost(w, b, DATA, 0.1), rel=1e-12)
    assert result[0][-1] == pytest.approx(result[2][-1], rel=1e-12)  # the same samples, with digits


@pytest.mark.parametrize("how", ["class", "subclass", "object", "attribute", "duck"])
def test_an_own_delta_is_called(how: str, monkeypatch: pytest.MonkeyPatch, kernels: list[int]) -> None:
    def delta(z: Any, a: Any, y: Any) -> Any:
        return 3 * (a - y)

    cost: Any = CE
    if how == "class":
        monkeypatch.setattr(CE, "delta", staticmethod(delta))
    if how == "subclass":
        cost = type("Mine", (CE,), {"delta": staticmethod(delta)})
    if how == "object":
        cost = type("Mine", (CE,), {"delta": lambda self, z, a, y: delta(z, a, y)})()
    if how == "attribute":
        cost = CE()
        cost.delta = delta
    if how == "duck":
        cost = type("Mine", (), {"delta": staticmethod(delta), "fn": staticmethod(lambda a, y: 0.0)})
    net = trained(seeded(network2.Network, cost))
    parts = Parts(error=delta)
    assert worst(net, expected(network2, parts=parts)) < 1e-12
    assert kernels == []


def test_a_delta_replaced_on_the_other_cost_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, kernels: list[int]
) -> None:
    monkeypatch.setattr(CE, "delta", staticmethod(lambda z, a, y: 3 * (a - y)))
    net = trained(seeded(network2.Network, Quadratic()))
    assert worst(net, expected(network2, cross_entropy=False)) < 1e-12
    assert kernels == [3]


@pytest.mark.parametrize("how", ["class", "subclass", "attribute"])
def test_an_own_fn_is_monitored(how: str, monkeypatch: pytest.MonkeyPatch, kernels: list[int]) -> None:
    def fn(a: Any, y: Any) -> float:
        return float(np.abs(a - y).sum())

    cost: Any = CE()
    if how == "class":
        monkeypatch.setattr(CE, "fn", staticmethod(fn))
    elif how == "subclass":
        cost = type("Mine", (CE,), {"fn": staticmethod(fn)})
    else:
        cost.fn = fn
    net = seeded(network2.Network, cost)
    _, _, costs, _ = net.SGD(DATA, 2, 10, 0.5, 0.1, monitor_training_cost=True)
    w, b = expected(network2, 2, lmbda=0.1)
    assert worst(net, (w, b)) < 1e-12
    assert costs[-1] == pytest.approx(book.total_cost(w, b, DATA, 0.1, fn), rel=1e-12)
    assert sum(kernels) == 2


def test_a_cost_object_is_saved_under_its_class(tmp_path: Any) -> None:
    path = tmp_path / "net.json"
    seeded(network2.Network, Quadratic()).save(path)
    assert network2.load(path).cost is Quadratic


def test_a_cost_that_the_user_put_into_the_module_is_loaded(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = type("Mine", (CE,), {})
    path = tmp_path / "net.json"
    seeded(network2.Network, mine).save(path)
    with pytest.raises(ValueError, match="'Mine'"):
        network2.load(path)
    monkeypatch.setattr(network2, "Mine", mine, raising=False)
    assert network2.load(path).cost is mine
    path.write_text(path.read_text().replace('"Mine"', '"json"'))
    with pytest.raises(ValueError, match="'json'"):
        network2.load(path)


# The order of samples


def by_first_number(samples: list[Any]) -> None:
    samples.sort(key=lambda pair: float(pair[0][0, 0]))


def repeating(samples: list[Any]) -> None:
    samples[:] = samples[7:] + samples[:7]
    samples[0] = samples[5]


def augmenting(samples: list[Any]) -> None:
    samples[:] = [(x * 1.25, y) for x, y in samples]


def losing(samples: list[Any]) -> None:
    del samples[21:]


def growing(samples: list[Any]) -> None:
    samples += samples[: 31 - len(samples)]  # the book's code counts the minibatches of the list it was given


@BOTH
@pytest.mark.parametrize("shuffle", [by_first_number, repeating, augmenting, losing, growing])
def test_an_own_shuffle_is_called_with_the_samples(module: Any, shuffle: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(random, "shuffle", shuffle)
    assert worst(trained(seeded(module.Network)), expected(module)) < 1e-12


def test_an_own_random_in_the_module_shuffles(monkeypatch: pytest.MonkeyPatch) -> None:
    class Backwards:
        @staticmethod
        def shuffle(samples: list[Any]) -> None:
            samples.reverse()

    monkeypatch.setattr(network, "random", Backwards)
    net = trained(seeded(network.Network))
    monkeypatch.undo()
    monkeypatch.setattr(random, "shuffle", Backwards.shuffle)
    assert worst(net, expected(network)) < 1e-12


def copies() -> list[Any]:
    return [(x.copy(), y.copy()) for x, y in DATA]


@BOTH
def test_samples_changed_in_place_by_an_own_shuffle_are_trained_on(
    module: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def noisy(samples: list[Any]) -> None:
        for x, _ in samples:
            x *= 1.125

    monkeypatch.setattr(random, "shuffle", noisy)
    net = seeded(module.Network)
    net.SGD(copies(), 3, 10, 0.5)
    w, b = book.weights(SIZES, 7, module is network2)
    book.train(w, b, copies(), 3, 10, 0.5, cross_entropy=module is network2)
    assert worst(net, (w, b)) < 1e-12


# While training


@BOTH
@pytest.mark.parametrize("first", ["kernels", "plain Python"])
def test_what_a_monitored_method_replaces_counts_from_the_next_epoch_on(
    module: Any, first: str, monkeypatch: pytest.MonkeyPatch, kernels: list[int]
) -> None:
    name = "evaluate" if module is network else "accuracy"
    original, own = module.Network.backprop, doubled(module)
    slow = first != "kernels"
    epochs = []

    def evaluate(self: Any, data: Any, convert: bool = False) -> int:
        epochs.append(1)
        monkeypatch.setattr(module.Network, "backprop", own if (len(epochs) % 2 == 1) != slow else original)
        return 0

    monkeypatch.setattr(module.Network, name, evaluate)
    monkeypatch.setattr(module.Network, "backprop", own if slow else original)
    net = seeded(module.Network)
    arguments = (TESTS,) if module is network else (0.0, TESTS, False, True)
    net.SGD(DATA, 4, 10, 0.5, *arguments)
    w, b = book.weights(SIZES, 7, module is network2)
    random.seed(8)
    data = list(DATA)
    for epoch in range(4):
        twice = (epoch % 2 == 1) != slow
        parts = Parts(change=(lambda g: 2 * g) if twice else (lambda g: g))
        book.train(w, b, data, 1, 10, 0.5, cross_entropy=module is network2, parts=parts, fresh=False)
    assert worst(net, (w, b)) < 1e-12
    assert kernels == [1, 1]


@BOTH
def test_samples_changed_in_place_by_a_monitored_method_are_trained_on(
    module: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "evaluate" if module is network else "accuracy"
    data = copies()

    def evaluate(self: Any, tests: Any, convert: bool = False) -> int:
        for x, _ in data:
            x *= 1.125
        return 0

    monkeypatch.setattr(module.Network, name, evaluate)
    net = seeded(module.Network)
    net.SGD(data, 3, 10, 0.5, *((TESTS,) if module is network else (0.0, TESTS, False, True)))
    w, b = book.weights(SIZES, 7, module is network2)
    random.seed(8)
    again = copies()
    for _ in range(3):
        book.train(w, b, again, 1, 10, 0.5, cross_entropy=module is network2, fresh=False)
        for x, _ in again:
            x *= 1.125
    assert worst(net, (w, b)) < 1e-12


def test_a_cost_changed_by_a_monitored_method_counts_from_the_next_epoch_on(kernels: list[int]) -> None:
    class Changing(network2.Network):
        def total_cost(self, data: Any, lmbda: float, convert: bool = False) -> float:
            self.cost = Quadratic
            return 0.0

    net = seeded(Changing)
    net.SGD(DATA, 3, 10, 0.5, monitor_training_cost=True)
    w, b = book.weights(SIZES, 7, True)
    random.seed(8)
    data = list(DATA)
    book.train(w, b, data, 1, 10, 0.5, cross_entropy=True, fresh=False)
    book.train(w, b, data, 2, 10, 0.5, fresh=False)
    assert worst(net, (w, b)) < 1e-12
    assert sum(kernels) == 3


def test_weights_that_a_failing_monitored_method_assigned_stay() -> None:
    class Failing(network.Network):
        def evaluate(self, test_data: Any) -> int:
            self.weights = [0 * w for w in self.weights]
            raise RuntimeError("no more")

    net = seeded(Failing)
    with pytest.raises(RuntimeError, match="no more"):
        net.SGD(DATA, 3, 10, 0.5, TESTS)
    assert not any(w.any() for w in net.weights)


# Attributes


@BOTH
@pytest.mark.parametrize("how", ["property", "setattr"])
def test_who_listens_to_assigned_weights_hears_of_every_minibatch(module: Any, how: str) -> None:
    def clipped(arrays: Any) -> Any:
        return [np.clip(w, -0.5, 0.5) for w in arrays]

    class Property(module.Network):  # type: ignore[misc, name-defined]
        @property
        def weights(self) -> Any:
            return self._kept

        @weights.setter
        def weights(self, arrays: Any) -> None:
            self._kept = clipped(arrays)

    class Setattr(module.Network):  # type: ignore[misc, name-defined]
        def __setattr__(self, name: str, value: Any) -> None:
            super().__setattr__(name, clipped(value) if name == "weights" else value)

    net = trained(seeded(Property if how == "property" else Setattr), 2)
    w, b = book.weights(SIZES, 7, module is network2)
    w[:] = clipped(w)
    random.seed(8)
    data = list(DATA)
    for _ in range(2):
        random.shuffle(data)
        for k in range(0, 23, 10):
            state = random.getstate()
            book.train(w, b, data[k : k + 10], 1, 10, 0.5, cross_entropy=module is network2)
            random.setstate(state)
            w[:] = clipped(w)
    assert worst(net, (w, b)) < 1e-12


@BOTH
def test_fewer_layers_in_num_layers_train_fewer(module: Any) -> None:
    net = seeded(module.Network)
    net.num_layers = 2
    before = net.weights[0].copy(), net.weights[1].copy()
    trained(net, 1)
    assert np.array_equal(net.weights[0], before[0])
    assert not np.array_equal(net.weights[1], before[1])


def test_an_own_initializer_leaves_the_other_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network2.Network, "large_weight_initializer", lambda self: 1 / 0)
    assert worst(seeded(network2.Network), book.weights(SIZES, 7, True)) == 0


# A minibatch as matrices


@BOTH
@pytest.mark.parametrize("m", [1, 2, 7, 12])
def test_backprop_of_matrices_sums_weights_and_not_biases(module: Any, m: int) -> None:
    net = seeded(module.Network)
    X, Y = np.hstack([x for x, _ in DATA[:m]]), np.hstack([y for _, y in DATA[:m]])
    nabla_b, nabla_w = net.backprop(X, Y)
    ones = [book.gradient(net.weights, net.biases, x, y, module is network2) for x, y in DATA[:m]]
    for l in range(2):
        np.testing.assert_allclose(nabla_w[l], sum(g_w[l] for g_w, _ in ones), rtol=1e-12, atol=1e-15)
        np.testing.assert_allclose(nabla_b[l], np.hstack([g_b[l] for _, g_b in ones]), rtol=1e-12, atol=1e-15)
    a = net.feedforward(X)
    assert a.shape == (10, m)
    np.testing.assert_allclose(a, book.outputs(net.weights, net.biases, X), rtol=1e-13)


@BOTH
def test_an_update_over_matrices_has_the_books_weights(module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def update_mini_batch(self: Any, mini_batch: Any, eta: float, lmbda: float = 0.0, n: int = 1) -> None:
        nabla_b, nabla_w = self.backprop(np.hstack([x for x, _ in mini_batch]), np.hstack([y for _, y in mini_batch]))
        step = eta / len(mini_batch)
        self.weights = [w - step * g for w, g in zip(self.weights, nabla_w, strict=True)]
        self.biases = [b - step * g.sum(axis=1, keepdims=True) for b, g in zip(self.biases, nabla_b, strict=True)]

    monkeypatch.setattr(module.Network, "update_mini_batch", update_mini_batch)
    assert worst(trained(seeded(module.Network)), expected(module)) < 1e-12


@BOTH
def test_vectors_and_rows_stay_refused(module: Any) -> None:
    net = seeded(module.Network)
    x, y = DATA[0]
    for wrong in (x[:, 0], x.T, x[:-1], np.hstack([x, x]).T, x[:, :, None]):
        with pytest.raises(ValueError, match=r"shape.*12, 1\)"):
            net.feedforward(wrong)
        with pytest.raises(ValueError, match=r"shape.*12, 1\)"):
            net.backprop(wrong, y)
    with pytest.raises(ValueError, match=r"x of sample 0 has shape \(12, 2\).*one by one"):
        net.SGD([(np.hstack([x, x]), np.hstack([y, y]))], 1, 1, 1.0)


# Targets


@pytest.fixture
def scaled() -> list[Any]:
    return [(x, 3 * y - 1) for x, y in DATA]


@pytest.mark.parametrize("kind", ["network", "quadratic", "cross-entropy"])
def test_targets_out_of_reach_are_warned_of_once_and_trained_on(
    kind: str, scaled: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(random, "shuffle", by_first_number)  # own code: samples are read before each epoch
    module: Any = network if kind == "network" else network2
    net = seeded(module.Network, *([Quadratic()] if kind == "quadratic" else []))
    with pytest.warns(UserWarning, match=r"training_data has .*in row \d+.*cannot reach it.*identity") as caught:
        net.SGD(scaled, 3, 10, 0.125)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    w, b = book.weights(SIZES, 7, module is network2)
    random.seed(8)
    book.train(w, b, scaled, 3, 10, 0.125, cross_entropy=kind == "cross-entropy")
    assert worst(net, (w, b)) < 1e-12


@BOTH
def test_targets_at_the_ends_are_trained_on_without_a_warning(module: Any) -> None:
    trained(seeded(module.Network), 1)


# What runs beside the kernels or instead of them has the book's numbers too


@pytest.mark.parametrize("size", [1, 7, 23, 100])
@BOTH
def test_minibatches_of_any_size(module: Any, size: int, kernels: list[int]) -> None:
    net = seeded(module.Network)
    net.SGD(DATA, 2, size, 0.5)
    w, b = book.weights(SIZES, 7, module is network2)
    random.seed(8)
    book.train(w, b, DATA, 2, size, 0.5, cross_entropy=module is network2)
    assert worst(net, (w, b)) < 1e-12
    assert kernels == [2]


def test_the_penalty_shrinks_weights_and_no_biases_in_plain_python_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network2.Network, "backprop", doubled(network2))
    net = seeded(network2.Network)
    net.SGD(DATA, 3, 10, 0.5, 4.0)
    assert worst(net, expected(network2, lmbda=4.0, parts=Parts(change=lambda g: 2 * g))) < 1e-12


def test_a_method_of_another_net_is_called() -> None:
    net, other = seeded(network.Network), network.Network(SIZES)
    w, b = [m.copy() for m in net.weights], [m.copy() for m in net.biases]
    net.backprop = other.backprop
    net.SGD(DATA, 1, 23, 0.5)
    for x, y in DATA:
        g_w, g_b = book.gradient(other.weights, other.biases, x, y, False)
        for l in range(2):
            w[l] -= 0.5 / 23 * g_w[l]
            b[l] -= 0.5 / 23 * g_b[l]
    assert worst(net, (w, b)) < 1e-12


def test_who_listens_to_read_weights_hears_of_every_sample() -> None:
    reads = []

    class Listening(network.Network):
        def __getattribute__(self, name: str) -> Any:
            reads.append(name)
            return super().__getattribute__(name)

    net = trained(seeded(Listening), 1)
    assert reads.count("weights") >= 23
    assert worst(net, expected(network, 1)) < 1e-12


def test_an_own_numpy_in_the_module_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    class Steep:
        def __getattr__(self, name: str) -> Any:
            return (lambda z: np.exp(2 * z)) if name == "exp" else getattr(np, name)

    def steep(z: Any) -> Any:
        return 1 / (1 + np.exp(-2 * z))

    monkeypatch.setattr(network, "np", Steep())
    parts = Parts(sigma=steep, slope=lambda z: steep(z) * (1 - steep(z)))
    assert worst(trained(seeded(network.Network)), expected(network, parts=parts)) < 1e-12


def test_weights_of_an_own_array_type_keep_it() -> None:
    class Mine(np.ndarray):
        pass

    net = seeded(network.Network)
    net.weights = [w.view(Mine) for w in net.weights]
    assert all(type(w) is Mine for w in trained(net).weights)
    assert worst(net, expected(network)) < 1e-12


@pytest.mark.parametrize("wrong", ["bias", "weight", "chain"])
def test_arrays_of_other_shapes_are_not_for_the_kernels(wrong: str) -> None:
    net = seeded(network.Network)
    assert fastbp.nielsen._engine.sizes_on_kernels(net) == SIZES
    if wrong == "bias":
        net.biases[0] = net.biases[0][:, 0]
    elif wrong == "weight":
        net.weights[1] = net.weights[1][0]
    else:
        net.weights[1] = net.weights[1][:, :-1]
    assert fastbp.nielsen._engine.sizes_on_kernels(net) == []


def test_weights_of_another_width_train_as_in_the_book(kernels: list[int]) -> None:
    """Neurons added to a hidden layer by hand: the book's code never looks at sizes again."""
    net = seeded(network.Network)
    w = [np.vstack([net.weights[0], net.weights[0][:2]]), np.hstack([net.weights[1], net.weights[1][:, :2]])]
    b = [np.vstack([net.biases[0], net.biases[0][:2]]), net.biases[1].copy()]
    net.weights, net.biases = [m.copy() for m in w], [m.copy() for m in b]
    trained(net)
    random.seed(8)
    book.train(w, b, DATA, 3, 10, 0.5)
    assert worst(net, (w, b)) < 1e-12
    assert kernels == [3]


@pytest.mark.parametrize("what", ["weights", "sizes", "cost", "sigmoid"])
def test_what_a_replaced_print_changes_counts_from_the_next_epoch_on(
    what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    net = seeded(network2.Network)
    steep = Parts(sigma=lambda z: 1 / (1 + np.exp(-2 * z)))

    def change(text: str) -> None:
        if what == "weights":
            net.weights = [0.5 * w for w in net.weights]
        elif what == "sizes":
            net.weights = [np.vstack([net.weights[0]] * 2), np.hstack([net.weights[1]] * 2)]
            net.biases = [np.vstack([net.biases[0]] * 2), net.biases[1]]
        elif what == "cost":
            net.cost = Quadratic
        else:
            monkeypatch.setattr(network2, "sigmoid", steep.sigma)

    monkeypatch.setattr(network2, "print", change, raising=False)
    trained(net, 2)
    w, b = book.weights(SIZES, 7, True)
    random.seed(8)
    data = list(DATA)
    steep.slope = lambda z: steep.sigma(z) * (1 - steep.sigma(z))
    for epoch in range(2):
        late = epoch == 1
        parts = steep if late and what == "sigmoid" else None
        entropy = not (late and what == "cost")
        book.train(w, b, data, 1, 10, 0.5, cross_entropy=entropy, parts=parts, fresh=False)
        if what == "weights":
            w[:] = [0.5 * m for m in w]
        elif what == "sizes":
            w[:] = [np.vstack([w[0]] * 2), np.hstack([w[1]] * 2)]
            b[:] = [np.vstack([b[0]] * 2), b[1]]
    assert worst(net, (w, b)) < 1e-12


def test_an_interrupt_between_minibatches_keeps_those_that_are_done(monkeypatch: pytest.MonkeyPatch) -> None:
    train = fastbp.train

    def interrupted(*arguments: Any, **options: Any) -> Any:
        run = train(*arguments, **(options | {"epochs": 1, "callbacks": []}))  # Ctrl-C comes before the epoch is noted
        run.stopped = "interrupted"
        return run

    monkeypatch.setattr(fastbp, "train", interrupted)
    net = seeded(network.Network)
    with pytest.raises(KeyboardInterrupt):
        trained(net)
    assert worst(net, expected(network, 1)) < 1e-12


@BOTH
def test_a_monitored_method_that_puts_the_original_back_has_changed_samples(
    module: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Samples to train on and to evaluate on alike."""
    name = "evaluate" if module is network else "accuracy"
    original = getattr(module.Network, name)
    data, tests = copies(), [(x.copy(), y) for x, y in TESTS]
    calls = []

    def evaluate(self: Any, samples: Any) -> int:
        calls.append(1)
        for x, _ in [*data, *tests]:
            x *= -1.5
        monkeypatch.setattr(module.Network, name, original)
        return 0

    printed: list[str] = []

    def replace(text: str) -> None:
        printed.append(text)
        # The first network prints after it has evaluated, the second before.
        if text.startswith("Epoch 0" if module is network else "Epoch 1"):
            monkeypatch.setattr(module.Network, name, evaluate)

    monkeypatch.setattr(module, "print", replace, raising=False)
    net = seeded(module.Network)
    net.weights = [5 * w for w in net.weights]  # outputs that depend on the sample
    net.SGD(data, 3, 10, 0.5, *((tests,) if module is network else (0.0, tests, False, True)))
    w, b = book.weights(SIZES, 7, module is network2)
    w[:] = [5 * m for m in w]
    random.seed(8)
    again = copies()
    for epoch in range(3):
        book.train(w, b, again, 1, 10, 0.5, cross_entropy=module is network2, fresh=False)
        if epoch == 1:
            for x, _ in again:
                x *= -1.5
    assert calls == [1]
    assert worst(net, (w, b)) < 1e-12
    right = sum(int(book.outputs(w, b, -1.5 * x).argmax() == y) for x, y in TESTS)
    assert printed[-1].endswith(f": {right} / 23")
    assert right != sum(int(book.outputs(w, b, x).argmax() == y) for x, y in TESTS)


def test_ties_do_not_put_off_early_stopping(monkeypatch: pytest.MonkeyPatch) -> None:
    net = seeded(network2.Network)
    monkeypatch.setattr(net, "accuracy", lambda data, convert=False: 5)
    _, accuracy, _, _ = net.SGD(DATA, 10, 10, 0.5, 0.0, TESTS, False, True, early_stopping_n=3)
    assert accuracy == [5, 5, 5, 5]


@pytest.mark.parametrize("way", ["kernels", "plain Python"])
def test_the_quadratic_cost_is_half_the_squared_distance(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    net = seeded(network2.Network, Quadratic)
    if way == "plain Python":
        monkeypatch.setattr(network2.Network, "feedforward", lambda self, a: book.outputs(self.weights, self.biases, a))
    half = book.total_cost(net.weights, net.biases, DATA, 0.5, lambda a, y: 0.5 * float(((a - y) ** 2).sum()))
    assert net.total_cost(DATA, 0.5) == pytest.approx(half, rel=1e-12)
    assert net.total_cost(TESTS, 0.5, convert=True) == pytest.approx(half, rel=1e-12)
    assert Quadratic.fn(np.array([[1.0], [2.0]]), np.array([[0.0], [0.0]])) == pytest.approx(2.5, rel=1e-15)


def test_a_saturated_output_that_is_right_costs_nothing() -> None:
    """Where the book's formula has 0 ln 0."""
    net = seeded(network2.Network)
    net.weights = [0 * w for w in net.weights]
    net.biases[1] = np.where(np.eye(10)[:, [4]] == 1, 1000.0, -1000.0)
    x = DATA[0][0]
    assert net.total_cost([(x, np.eye(10)[:, [4]])], 0.0) == 0
    assert net.total_cost([(x, 4)], 0.0, convert=True) == 0
    with np.errstate(divide="ignore", over="ignore"):  # a wrong one costs the largest number there is, or more
        assert net.total_cost([(x, 5)], 0.0, convert=True) >= np.finfo(float).max


@pytest.mark.parametrize("way", ["kernels", "plain Python"])
def test_other_numbers_of_outputs_than_ten(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if way == "plain Python":
        monkeypatch.setattr(network2.Network, "feedforward", lambda self, a: book.outputs(self.weights, self.biases, a))
    np.random.seed(7)  # noqa: NPY002
    net = network2.Network([12, 3])
    data, tests = book.samples(11, 12, 3)
    cost = book.total_cost(net.weights, net.biases, data, 0.0)
    assert net.total_cost(tests, 0.0, convert=True) == pytest.approx(cost, rel=1e-12)
    right = sum(int(book.outputs(net.weights, net.biases, x).argmax() == y) for x, y in tests)
    assert net.accuracy(tests) == net.accuracy(data, convert=True) == right


def test_printed_counts_are_of_the_tests(capsys: pytest.CaptureFixture[str]) -> None:
    seeded(network.Network).SGD(DATA, 1, 10, 0.5, TESTS[:9])
    assert capsys.readouterr().out.endswith(" / 9\n")
    seeded(network.Network).SGD(DATA, 1, 10, 0.5, [])
    assert capsys.readouterr().out == "Epoch 0 complete\n"
    with pytest.raises(ValueError, match=r"training_data\[0\] is no pair"):
        seeded(network.Network).SGD([(1, 2, 3)], 1, 10, 0.5)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("make", [network.Network, network2.Network])
def test_targets_that_are_not_finite_are_refused(make: Any, value: float) -> None:
    data = [(np.full((4, 1), 0.5), np.full((2, 1), 0.5)) for _ in range(6)]
    data[3][1][1] = value
    net = make([4, 3, 2])
    before = [w.copy() for w in net.weights]
    with pytest.raises(ValueError, match=f"training_data has {value} in row 3, column 1"):
        net.SGD(data, 1, 2, 0.5)
    assert all(np.array_equal(a, b) for a, b in zip(net.weights, before, strict=True))
