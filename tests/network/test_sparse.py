"""SciPy's sparse matrices as samples: the bits are those of the dense array, and a damaged one reaches no kernel."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse
from nets import same_bits

import fastbp

RNG = np.random.RandomState(4)
X = np.where(RNG.rand(40, 9) < 0.4, RNG.randn(40, 9), 0)
X[7] = 0
X[:, 3] = 0
LABELS = RNG.randint(0, 3, 40)
FORMS = ("csr_matrix", "csr_array", "csc_array", "coo_array", "lil_array", "dok_array", "bsr_array")


def make_net(dtype: str = "float64", **options: Any) -> fastbp.Network:
    kinds: dict[str, Any] = {"activations": ["tanh", "softmax"], "cost": "cross_entropy", "seed": 1}
    return fastbp.Network([9, 5, 3], dtype=dtype, **(kinds | options))


def answers(net: fastbp.Network, samples: Any) -> list[Any]:
    """All that a net says about samples."""
    g, t = net.gradient(samples, LABELS, l2=0.1), net.backprop(samples, LABELS, sample_weight=1.0 + LABELS)
    scores = net.evaluate(samples, LABELS)
    return [
        *(net.feedforward(samples), net.feedforward(samples, n_threads=2), net.predict(samples)),
        *(*g.w, *g.b, *t.z, *t.a, *t.delta, *t.w, *t.b),
        *map(np.float64, (g.cost, t.cost, *scores.values())),
    ]


@pytest.mark.parametrize("form", FORMS)
def test_answers_have_the_bits_of_dense_samples(form: str, dtype: str) -> None:
    net, real = make_net(dtype), X.astype(dtype)
    found, expected = answers(net, getattr(scipy.sparse, form)(real)), answers(net, real)
    assert all(same_bits(a, b) for a, b in zip(found, expected, strict=True))
    other = answers(net, np.where(np.arange(9) == 0, real + 1, real))
    assert not any(same_bits(a, b) for a, b in zip(found[:2], other[:2], strict=True))


@pytest.mark.parametrize("kind", [np.int8, np.uint64, np.float32, np.longdouble, bool])
def test_any_numbers_will_do(kind: Any) -> None:
    net, whole = make_net(), np.abs(4 * X).astype(kind)
    assert same_bits(net.feedforward(scipy.sparse.csr_matrix(whole)), net.feedforward(whole))


def test_values_that_come_twice_or_in_any_order() -> None:
    """The sum of what is stored twice is one value; the user's matrix stays as it is."""
    values, indices, indptr = np.array([1.0, 2.0, 4.0, 8.0]), np.array([5, 2, 5, 0]), np.array([0, 3, 4])
    twice = scipy.sparse.csr_array((values, indices, indptr), shape=(2, 9))
    dense = np.zeros((2, 9))
    dense[0, [2, 5]], dense[1, 0] = (2, 5), 8
    net = make_net()
    assert same_bits(net.feedforward(twice), net.feedforward(dense))
    assert twice.indices.tolist() == [5, 2, 5, 0]


def test_nothing_stored() -> None:
    net, nothing = make_net(), scipy.sparse.csr_array((40, 9))
    assert all(same_bits(a, b) for a, b in zip(answers(net, nothing), answers(net, np.zeros((40, 9))), strict=True))
    fastbp.train(net, nothing, LABELS, epochs=1)


TRAININGS: list[dict[str, Any]] = [
    {},
    {"optimizer": fastbp.Adam(0.05), "n_threads": 2},
    {"dropout": 0.5, "clip_norm": 0.1, "l1": 0.01, "l2": 0.1, "sample_weight": 1.0 + LABELS},
    {"batch_size": None, "class_weight": "balanced", "optimizer": fastbp.SGD(0.5, momentum=0.9)},
]


@pytest.mark.parametrize("options", TRAININGS, ids=lambda options: " ".join(options))
def test_trainings_have_the_bits_of_dense_samples(options: dict[str, Any], dtype: str) -> None:
    nets, runs = [make_net(dtype) for _ in range(2)], []
    for net, samples in zip(nets, (scipy.sparse.csr_matrix(X), X), strict=True):
        runs.append(
            fastbp.train(net, samples, LABELS, validation=(samples[:9], LABELS[:9]), epochs=3, seed=0, **options)
        )
    assert same_bits(nets[0].theta, nets[1].theta)
    assert runs[0].history == runs[1].history
    assert not same_bits(nets[0].theta, make_net(dtype).theta)


def test_divergence_says_the_same() -> None:
    """Whose gradients were too large is found in the samples of the minibatch."""
    messages = []
    for samples in (scipy.sparse.csr_matrix(1e3 * X), 1e3 * X):
        net = make_net("float32", activations=["relu", "identity"], cost="quadratic")
        with pytest.raises(fastbp.DivergenceError) as caught:
            fastbp.train(net, samples, X[:, :3], optimizer=fastbp.SGD(1e6), epochs=9, batch_size=7, seed=0)
        messages.append(str(caught.value))
    assert messages[0] == messages[1]
    assert "most of all in layer" in messages[0]


def damaged(**parts: Any) -> Any:
    """A matrix whose arrays have been changed after SciPy has checked them."""
    made = scipy.sparse.csr_array(X)
    for name, change in parts.items():
        setattr(made, name, change(getattr(made, name).copy()))
    return made


def put(place: int | slice, value: Any) -> Any:
    def change(array: np.ndarray) -> np.ndarray:
        array = array.astype(np.int64)
        array[place] = value
        return array

    return change


DAMAGED = {
    "column too high": damaged(indices=put(3, 9)),
    "column negative": damaged(indices=put(3, -1)),
    "row begins after its end": damaged(indptr=put(3, 10**6)),
    "row begins before the first": damaged(indptr=put(3, -5)),
    "rows whose sizes overflow": damaged(indptr=put(slice(1, 3), [2**63 - 1, -(2**63)])),
    "first row begins late": damaged(indptr=put(0, 2)),
    "more values than there are": damaged(indptr=put(-1, 10**9)),
    "fewer columns": damaged(indices=lambda a: a[:-2]),
    "fewer values": damaged(data=lambda a: a[:-2]),
    "fewer rows": damaged(indptr=lambda a: a[:-1]),
}


@pytest.mark.parametrize("what", DAMAGED)
def test_a_damaged_matrix_reaches_no_kernel(what: str) -> None:
    net, samples = make_net(), DAMAGED[what]
    calls = [net.feedforward, net.predict, lambda X: net.gradient(X, LABELS), lambda X: fastbp.train(net, X, LABELS)]
    for call in calls:
        with pytest.raises(ValueError, match="X is a sparse matrix whose indices do not fit its shape") as caught:
            call(samples)
        assert caught.value.parameter == "X"
    with pytest.raises(ValueError, match="X_val is a sparse matrix whose indices") as caught:
        fastbp.train(net, X, LABELS, validation=(samples, LABELS))
    assert caught.value.parameter == "X_val"


def changed(value: Any) -> Any:
    made = scipy.sparse.csr_array(X).astype(type(value))
    made.data[2] = value
    return made


ROW, COLUMN = (int(index[2]) for index in np.nonzero(X))


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (changed(np.nan), f"X has nan in row {ROW}, column {COLUMN}, and 1 values that are not finite"),
        (changed(1j), "X is complex"),
        (scipy.sparse.csr_array(X[:, :5]), r"X has 5 columns; this network's layer 0 has 9 neurons"),
        (scipy.sparse.csr_array((0, 9)), "X has 0 samples"),
    ],
)
def test_what_no_net_can_take_is_named(samples: Any, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        make_net().feedforward(samples)


def test_values_too_large_for_float32_are_named() -> None:
    with pytest.raises(ValueError, match=rf"X has 1e\+300 in row {ROW}, column {COLUMN}, too large for float32"):
        make_net("float32").feedforward(changed(1e300))


def test_what_needs_dense_samples_says_so() -> None:
    samples, net, Y = scipy.sparse.csr_array(X), make_net(), np.zeros(len(X), int)
    for call in (
        net.input_jacobian,
        net.parameter_jacobian,
        lambda samples: net.per_sample_gradient(samples, Y),
        lambda samples: net.hessian_vector_product(samples, Y, net.parameters()),
        fastbp.Model(net).feedforward,
    ):
        with pytest.raises(TypeError, match=r"X is a sparse matrix; a dense array is needed. Pass X.toarray\(\)"):
            call(samples)
    with pytest.raises(TypeError, match="Y is a sparse matrix"):
        fastbp.train(make_net(), X, scipy.sparse.csr_array(X[:, :3]))
