"""Network: indexing as in the notes, copies, prediction, and clear errors for what is no network or no data."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
from nets import same_bits

import fastbp
from fastbp import checks, initializers


def test_indices_are_those_of_the_notes() -> None:
    net = fastbp.Network([4, 3, 2], seed=0)
    assert len(net.w) == net.L == 2
    assert [w.shape for w in net.w] == [(3, 4), (2, 3)]
    assert [b.shape for b in net.b] == [(3,), (2,)]
    assert net.n_parameters == 3 * 4 + 3 + 2 * 3 + 2
    assert net.w[-1] is net.w[2]
    assert net.b[-2] is net.b[1]
    net.w[-1] = np.ones((2, 3))
    assert (net.w[2] == 1).all()
    for l in (0, -3, 3):
        with pytest.raises(IndexError, match=r"does not exist; layer 0 is the input"):
            net.w[l]
    with pytest.raises(TypeError, match="layer l of w"):
        net.w["1"]


def test_views_write_into_theta() -> None:
    net = fastbp.Network([4, 3, 2], seed=0)
    net.w[1][2, 3] = 7.5
    assert (net.theta == 7.5).sum() == 1
    net.b[2] = [1.5, 2.5]
    assert {1.5, 2.5} <= set(net.theta)
    with pytest.raises(ValueError, match=r"w\[1\] was given shape \(4, 3\); it has \(3, 4\)"):
        net.w[1] = np.zeros((4, 3))


def test_parameters_round_trip() -> None:
    net = fastbp.Network([4, 3, 2], seed=0)
    values = net.parameters()
    assert same_bits(values[:12].reshape(3, 4), net.w[1])
    other = fastbp.Network([4, 3, 2], seed=1)
    other.set_parameters(values)
    assert same_bits(other.theta, net.theta)
    with pytest.raises(ValueError, match="this network has 23 of them"):
        other.set_parameters(values[:-1])


@pytest.mark.parametrize(
    "duplicate", [copy.copy, copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net)), fastbp.Network.copy]
)
def test_copies_are_independent_and_keep_their_views(duplicate: Any) -> None:
    net = fastbp.Network([4, 3, 2], seed=0, meta={"classes": ["a", "b"], "input": {"divide": 16.0}})
    twin = duplicate(net)
    assert same_bits(twin.theta, net.theta)
    assert twin.meta == net.meta
    twin.w[1][0, 0] = 9
    assert (twin.theta == 9).sum() == 1
    assert not (net.theta == 9).any()


def test_meta_cannot_be_changed() -> None:
    net = fastbp.Network([2, 2], meta={"input": {"divide": 2.0}, "classes": [1, 2]})
    with pytest.raises(TypeError):
        net.meta["x"] = 1
    with pytest.raises(TypeError):
        net.meta["input"]["divide"] = 3
    assert net.meta["classes"] == (1, 2)


def test_predict_and_evaluate() -> None:
    net = fastbp.Network([1, 2], activations="softmax", cost="cross_entropy", seed=0)
    net.w[1], net.b[1] = [[1.0], [-1.0]], [0.0, 0.0]
    X = np.array([[2.0], [-3.0], [1.0]])
    assert net.predict(X).tolist() == [0, 1, 0]
    scores = net.evaluate(X, [0, 1, 1], sample_weight=[1, 1, 2])
    losses = np.log1p(np.exp(-np.array([4.0, 6.0, -2.0])))
    assert scores["accuracy"] == 0.5
    assert np.isclose(scores["loss"], losses @ [1, 1, 2] / 4, rtol=1e-14)
    one = fastbp.Network([1, 1], cost="cross_entropy", seed=0)
    one.w[1], one.b[1] = [[1.0]], [0.0]
    assert one.predict(X).tolist() == [1, 0, 1]
    assert one.evaluate(X, [1, 0, 0])["accuracy"] == pytest.approx(2 / 3)


def test_regression() -> None:
    net = fastbp.Network([1, 1], activations="identity", seed=0)
    net.w[1], net.b[1] = [[2.0]], [1.0]
    X = np.array([[0.0], [1.0], [2.0]])
    assert net.task == "regression"
    assert net.predict(X).tolist() == [[1.0], [3.0], [5.0]]
    scores = net.evaluate(X, [1.0, 3.0, 8.0])
    assert scores == {"loss": pytest.approx(1.5), "r2": pytest.approx(1 - 9 / 26)}


def test_sizes_of_one_and_many_layers() -> None:
    for sizes in ([1, 1], [1, 1, 1, 1, 1, 1], [3, 1, 4]):
        net = fastbp.Network(sizes, seed=0)
        assert net.feedforward(np.ones((2, sizes[0]))).shape == (2, sizes[-1])


@pytest.mark.parametrize("name", initializers.INITIALIZERS)
def test_initializers(name: str) -> None:
    w, b = initializers.initialize(name, np.random.default_rng(0), 300, 200)
    expected = {
        "nielsen": 1 / 200, "nielsen_unit_bias": 1 / 200, "nielsen_large": 1.0, "glorot": 2 / 500, "he": 2 / 200,
        "lecun": 1 / 200,
    }  # fmt: skip
    variance = expected.get(name) or expected[name.split("_")[0]]
    assert w.shape == (300, 200)
    assert abs(w.mean()) < 4 * np.sqrt(variance / w.size)
    assert np.isclose(w.var(), variance, rtol=0.03)
    if name.endswith("uniform"):
        assert abs(w).max() <= np.sqrt(3 * variance)
    else:
        assert abs(w).max() > np.sqrt(9 * variance)
    assert (b.std() > 0.8) == (name in ("nielsen_large", "nielsen_unit_bias"))


def test_float32_starts_where_float64_does() -> None:
    a, b = (fastbp.Network([5, 4], dtype=dtype, seed=3) for dtype in ("float64", "float32"))
    assert same_bits(a.w[1].astype("float32"), b.w[1])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([784, 0, 10],), r"sizes\[1\] is 0; it must be a whole number of at least 1"),
        (([784, 3.5, 10],), r"sizes\[1\] is 3.5"),
        (([784, True],), r"sizes\[1\] is True"),
        (([784],), "at least an input and an output layer"),
        ((784,), "sizes is 784; it must list"),
        (("784",), "sizes is '784'"),
        (([4, 3], {"activations": "sigmoyd"}), "Did you mean 'sigmoid'"),
        (([4, 3, 2], {"activations": ["relu"]}), "activations has 1 names; the network has 2 layers"),
        (([4, 3, 2], {"activations": ["softmax", "sigmoid"]}), "only the output layer, 2, may have it"),
        (([4, 3, 2], {"activations": "softmax"}), "a hidden neuron's activation"),
        (([4, 3], {"activations": "softmax"}), "cost is 'quadratic' and the output activation 'softmax'"),
        (([4, 3], {"activations": "tanh", "cost": "cross_entropy"}), "defined for outputs that are"),
        (([4, 3], {"cost": "cross-entropy"}), "Did you mean 'cross_entropy'"),
        (([4, 3], {"dtype": "float16"}), "dtype is 'float16'; kernels exist for"),
        (([4, 3], {"dtype": "number"}), "dtype is 'number'"),
        (([4, 3], {"init": "xavier"}), "init is 'xavier'; it must be one of"),
        (([4, 3], {"seed": -1}), "seed is -1; it must be a whole number of at least 0"),
        (([4, 3], {"seed": "x"}), "seed is 'x'"),
        (([4, 3], {"meta": "digits"}), "meta is 'digits'; a mapping is needed"),
    ],
)
def test_what_is_no_network(arguments: Any, message: str) -> None:
    sizes, *options = arguments
    with pytest.raises((ValueError, TypeError), match=message):
        fastbp.Network(sizes, **(options[0] if options else {}))


@pytest.mark.parametrize("sizes", [[10**6, 10**6], [10**10, 10**10], [2**40, 2**40]])
def test_more_memory_than_there_is(sizes: list[int]) -> None:
    with pytest.raises(MemoryError, match=r"The weights of sizes .* need"):
        fastbp.Network(sizes)


def test_memory_of_a_call_is_checked_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    net = fastbp.Network([10, 1000, 1], seed=0)
    monkeypatch.setattr(checks, "available_memory", lambda: 10**8)
    X = np.zeros((30000, 10))
    with pytest.raises(MemoryError, match="The activations of 30000 samples need"):
        net.backprop(X, np.zeros(30000))


class DataFrame:
    """The least that a data frame has."""

    def __init__(self, values: Any) -> None:
        self.values = np.asarray(values)

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return self.values


class OnADevice:
    def __dlpack_device__(self) -> tuple[int, int]:
        return (2, 0)


class Sparse:
    def tocsr(self) -> None: ...


X_BAD: list[tuple[Any, str]] = [
    (np.zeros((3, 5)), r"X has 5 columns; this network's layer 0 has 4 neurons \(sizes\[0\]\)"),
    (np.zeros(4), r"X has shape \(4,\), one dimension; .* X.reshape\(1, -1\)"),
    (np.zeros((2, 2, 2)), "X has 3 dimensions"),
    (np.zeros((0, 4)), "X has 0 samples"),
    (3.0, r"X is a single float; .* shape \(n_samples, 4\)"),
    (None, "X is a single NoneType"),
    (np.zeros((2, 4), "M8[s]"), "X holds dates"),
    ([[10**400, 1, 1, 1]], "none that fit into a float"),
    ([[1, 2, 3, np.nan]], "X has nan in row 0, column 3, and 1 values that are not finite"),
    ([[1, 2, 3, 4], [1, np.inf, 3, -np.inf]], "X has inf in row 1, column 1, and 2 values"),
    ([[1, 2, 3, 1j]], "X is complex"),
    ([["a", "b", "c", "d"]], "X holds text"),
    ([[1, 2, 3, "d"]], "X holds"),
    ([[1, 2, 3, None]], "X has nan|X holds objects"),
    ([[1, 2], [1, 2, 3]], "rows of different lengths"),
    (np.ma.masked_array(np.zeros((2, 4)), mask=[[0, 0, 1, 0]] * 2), "masked array"),
    (OnADevice(), "lives on a device"),
    (Sparse(), r"sparse matrix; .* X.toarray\(\)"),
]


@pytest.mark.parametrize(("X", "message"), X_BAD)
def test_bad_samples(X: Any, message: str) -> None:
    net = fastbp.Network([4, 3], seed=0)
    calls = [lambda: net.feedforward(X), lambda: net.predict(X), lambda: net.gradient(X, np.zeros((len(X), 3)))]
    for call in calls[: 3 if hasattr(X, "__len__") else 2]:
        with pytest.raises((ValueError, TypeError), match=message):
            call()


def test_values_too_large_for_float32() -> None:
    net = fastbp.Network([2, 2], dtype="float32", seed=0)
    with pytest.raises(ValueError, match=r"X has 1e\+300 in row 1, column 0, too large for float32"):
        net.feedforward([[1, 2], [1e300, 2]])


@pytest.mark.parametrize(
    "X",
    [
        [[1, 2, 3, 4]],
        np.array([[1, 2, 3, 4]], np.int8),
        np.array([[1, 2, 3, 4]], np.float16),
        np.array([[1, 2, 3, 4]], np.longdouble),
        np.array([[1, 2, 3, 4]], ">f8"),
        np.array([[1, 2, 3, 4]], object),
        DataFrame([[1, 2, 3, 4]]),
        np.ma.masked_array([[1, 2, 3, 4]]),
    ],
    ids=lambda X: type(X).__name__ + str(getattr(X, "dtype", "")),
)
def test_good_samples(X: Any, dtype: str) -> None:
    net = fastbp.Network([4, 3], dtype=dtype, seed=0)
    assert same_bits(net.feedforward(X), net.feedforward(np.array([[1.0, 2.0, 3.0, 4.0]])))


def test_an_unaligned_array() -> None:
    net = fastbp.Network([4, 3], seed=0)
    memory = np.zeros(4 * 8 * 2 + 1, np.uint8)
    X = memory[1:].view("f8").reshape(2, 4)
    X[:] = np.arange(8).reshape(2, 4)
    assert not X.flags.aligned
    assert same_bits(net.feedforward(X), net.feedforward(np.arange(8.0).reshape(2, 4)))


Y_BAD: list[tuple[Any, str]] = [
    ([0, 1, 3], r"Y has label 3 in row 2; this network's 3 outputs stand for labels 0..2"),
    ([0, -1, 2], "Y has label -1 in row 1"),
    ([0.0, 1.5, 2.0], "Y has 1.5 in row 1; a label is a whole number"),
    ([0.0, np.nan, 2.0], "Y has nan in row 1"),
    ([0, 1], "Y has 2 rows; X has 3 samples"),
    (["a", "b", "c"], "Y holds text"),
    (np.zeros((3, 2)), r"Y has 2 columns; this network's output layer has 3 neurons"),
    (np.zeros((3, 3, 1)), "Y has 3 dimensions"),
    ([[1, 0, 0], [0, 1, 0], [0, 0, np.inf]], "Y has inf in row 2, column 2"),
    ([[1, 0, 0], [0, 2, 0], [0, 0, 1]], "Y has 2 in row 1, column 1; softmax outputs are in 0..1"),
    ([[1, 0, 0], [0, 0.5, 0], [0, 0, 1]], "Y sums to 0.5 in row 1"),
]


@pytest.mark.parametrize(("Y", "message"), Y_BAD)
def test_bad_targets(Y: Any, message: str) -> None:
    net = fastbp.Network([4, 3], activations="softmax", cost="cross_entropy", seed=0)
    X = np.ones((3, 4))
    for call in (net.gradient, net.backprop, net.evaluate):
        with pytest.raises((ValueError, TypeError), match=message):
            call(X, Y)


def test_assigning_copies_into_theta() -> None:
    """Arrays a user assigns take effect; nothing can part w and b from theta."""
    net = fastbp.Network([4, 3, 2], seed=0)
    other = fastbp.Network([4, 3, 2], seed=1)
    theta = net.theta
    net.w, net.b = [np.array(w) for w in other.w], other.b
    assert net.theta is theta
    assert same_bits(net.theta, other.theta)
    net.w[1][0, 0] = 5
    assert (theta == 5).sum() == 1
    before = theta.copy()
    with pytest.raises(ValueError, match=r"w was given shapes \[\(3, 4\)\]; it has \[\(3, 4\), \(2, 3\)\]"):
        net.w = [np.zeros((3, 4))]
    with pytest.raises(ValueError, match="could not convert"):
        net.b = [["a", "b", "c"], [0, 1]]
    with pytest.raises(AttributeError, match=r"it cannot be replaced. Write into net.theta"):
        net.theta = np.zeros(3)
    assert same_bits(theta, before)


def test_an_output_that_is_no_number_is_no_hit() -> None:
    net = fastbp.Network([2, 3], activations="softmax", cost="cross_entropy", seed=0)
    net.b[1] = [np.nan, 0, 0]
    with pytest.warns(RuntimeWarning, match="C is nan; not all weights are finite. Look at net.w and net.b"):
        scores = net.evaluate(np.ones((4, 2)), [0, 0, 1, 2])
    assert scores["accuracy"] == 0
    assert np.isnan(scores["loss"])


@pytest.mark.parametrize("n_outputs", [1, 3])
def test_a_decision_from_outputs_that_are_no_numbers_is_told(n_outputs: int) -> None:
    output = "sigmoid" if n_outputs == 1 else "softmax"
    net = fastbp.Network([1, 2, n_outputs], activations=["relu", output], cost="cross_entropy", seed=0, dtype="float32")
    net.w[1], net.b[1] = [[1e38], [1e38]], [0, 0]
    net.w[2] = [[1, -1]] * n_outputs  # inf - inf
    X = np.array([[0.0], [0.0], [100.0], [0.0], [100.0]])
    text = "The outputs of 2 of 5 samples, first of row 2, are NaN, and their class means nothing; something overflows"
    with pytest.warns(RuntimeWarning, match=text) as caught:
        decided = net.predict(X)
    assert decided.shape == (5,)
    assert caught[0].filename == __file__
    net.predict(X[[0, 1, 3]])  # a warning would be an error
    net.b[2][0] = np.nan
    with pytest.warns(RuntimeWarning, match=r"The outputs of 5 of 5 samples, .* not all weights are finite. Look at"):
        net.predict(X)


@pytest.mark.parametrize("n_outputs", [1, 2, 10])
@pytest.mark.parametrize("n", [1, 2, 129])
def test_predict_decides_for_the_first_of_the_largest_outputs(dtype: str, n_outputs: int, n: int) -> None:
    """Ties too: every second sample has two equal outputs, or exactly one half. Any number of threads decides alike."""
    rng = np.random.default_rng(n)
    net = fastbp.Network([4, n_outputs], activations="sigmoid", dtype=dtype, seed=0)
    X = rng.standard_normal((n, 4)).astype(dtype)
    X[::2] = 0
    tied = rng.standard_normal(n_outputs)
    tied[n_outputs // 2 :] = tied[0] if n_outputs > 2 else 0
    net.b[1] = tied if n_outputs > 1 else [0]
    out = np.array([net.feedforward(X[[x]])[0] for x in range(n)])
    expected = (out[:, 0] >= 0.5) if n_outputs == 1 else np.argmax(out, axis=1)
    for n_threads in (None, 1, 2):
        decided = net.predict(X, n_threads=n_threads)
        assert decided.dtype == np.int64
        assert np.array_equal(decided, expected)
    assert out[0, 0] == 0.5 if n_outputs == 1 else len(set(out[0])) < n_outputs or n_outputs == 2


@pytest.mark.parametrize("n", [1, 3])
def test_one_nan_among_the_outputs_is_told(n: int) -> None:
    """Wherever it stands, before or after the largest."""
    for j in range(3):
        net = fastbp.Network([2, 3], seed=0)
        net.b[1][j] = np.nan
        with pytest.warns(RuntimeWarning, match=f"The outputs of {n} of {n} samples"):
            assert net.predict(np.ones((n, 2))).tolist() == [j] * n


def test_an_overflow_is_named(dtype: str) -> None:
    """Of weights and inputs that are finite, one by one."""
    large = {"float32": 1e25, "float64": 1e200}[dtype]
    net = fastbp.Network([1, 1, 1], activations="identity", dtype=dtype, seed=0)
    net.w[1], net.w[2] = [[large]], [[1.0]]
    X, Y = [[1.0]], [[0.0]]
    for call in (net.gradient, net.backprop, net.evaluate):
        with pytest.warns(RuntimeWarning, match=rf"C is inf; something overflows {dtype} on the way. Scale the inputs"):
            call(X, Y)
    with pytest.warns(RuntimeWarning, match="C is inf"):
        g = net.gradient(X, Y)
    assert g.w[1][0, 0] != 0, "it would look like a minimum"
    a, w = {"float32": (1e30, 1e-12), "float64": (1e250, 1e-100)}[dtype]  # a w squared is finite, a (a w) is not
    net.w[1], net.w[2] = [[1.0]], [[w]]
    with pytest.warns(RuntimeWarning, match=f"The gradient is not finite; something overflows {dtype} on the way"):
        net.gradient([[a]], Y)


@pytest.mark.parametrize("cost", ["quadratic", "poisson"])
def test_targets_whose_cost_no_number_holds(cost: str, dtype: str) -> None:
    """Up to the limit C is finite; above it, the value is named before any kernel runs."""
    output = {"quadratic": "identity", "poisson": "exp"}[cost]
    net = fastbp.Network([1, 2], activations=output, cost=cost, dtype=dtype, seed=0)
    X = np.ones((5, 1))
    limit = (float(np.finfo(dtype).max) / 10) ** 0.5
    assert np.isfinite(net.gradient(X, np.full((5, 2), 0.999 * limit)).cost)
    Y = np.zeros((5, 2))
    Y[3, 1] = 1.001 * limit
    for call in (net.gradient, net.backprop, net.evaluate, lambda X, Y: fastbp.train(net, X, Y)):
        with pytest.raises(ValueError, match=rf"Y has .* in row 3, column 1; the {cost} cost of such a target is too"):
            call(X, Y)


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        ([1, -1, 1], "sample_weight has -1 in row 1"),
        ([0, 0, 0], "sample_weight is 0 everywhere"),
        ([1, np.nan, 1], "sample_weight has nan in row 1"),
        ([1, 1], r"sample_weight has shape \(2,\); X has 3 samples"),
    ],
)
def test_bad_weights(weight: Any, message: str) -> None:
    net = fastbp.Network([4, 3], seed=0)
    with pytest.raises(ValueError, match=message):
        net.gradient(np.ones((3, 4)), np.zeros((3, 3)), sample_weight=weight)


def test_the_cost_can_be_overridden() -> None:
    net = fastbp.Network([4, 3], seed=0)
    X, Y = np.ones((2, 4)), [0, 1]
    other = fastbp.Network([4, 3], cost="cross_entropy", seed=0)
    assert same_bits(net.gradient(X, Y, cost="cross_entropy").w[1], other.gradient(X, Y).w[1])
    with pytest.raises(ValueError, match="cost is 'mse'"):
        net.gradient(X, Y, cost="mse")


def test_a_gradient_is_finite_though_no_layer_could_have_both_factors() -> None:
    """The largest a and the largest delta belong to different neurons: their product would overflow."""
    net = fastbp.Network([1, 2, 1], activations="identity", seed=0)
    net.theta[:] = 0
    net.w[1][0, 0], net.w[2][0, 1] = 1e200, 1e150
    g = net.gradient([[1.0]], [[-1.0]])
    assert (g.w[1].tolist(), g.w[2].tolist()) == ([[0.0], [1e150]], [[1e200, 0.0]])
    assert net.backprop([[1.0]], [[-1.0]]).w[2].tolist() == [[1e200, 0.0]]
