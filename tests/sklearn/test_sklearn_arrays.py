"""coefs_ and intercepts_ are plain arrays of their own: the estimator computes with whatever is written into them."""

from __future__ import annotations

import copy
import itertools
import pickle
import sys
import tempfile
import warnings
from collections.abc import Callable
from typing import Any

import joblib
import numpy as np
import pytest
import scipy.sparse
from sklearn import neural_network as theirs
from sklearn.base import clone
from sklearn.utils.validation import _get_feature_names, validate_data

from fastbp import sklearn as ours
from fastbp.kernels import layout
from fastbp.sklearn import _parameters
from fastbp.sklearn._fitted import as_is

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

rng = np.random.default_rng(0)
X = rng.standard_normal((60, 7))
Y = rng.integers(0, 3, 60)
SHORT: dict[str, Any] = {"max_iter": 2, "random_state": 0}


def arrays(estimator: Any) -> list[Any]:
    return [*estimator.coefs_, *estimator.intercepts_]


def by_hand(estimator: Any, X: np.ndarray) -> np.ndarray:
    """Probabilities by NumPy, of relu layers and softmax, from the arrays themselves."""
    a = X
    for w, b in zip(estimator.coefs_[:-1], estimator.intercepts_[:-1], strict=True):
        a = np.maximum(a @ w + b, 0)
    z = a @ estimator.coefs_[-1] + estimator.intercepts_[-1]
    powers: np.ndarray = np.exp(z - z.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def fitted(n: int, **options: Any) -> Any:
    return ours.MLPClassifier((n,), **{**SHORT, **options}).fit(X, Y)


def loaded(estimator: Any, **options: Any) -> Any:
    """What joblib makes of the estimator's file."""
    with tempfile.TemporaryDirectory() as folder:
        joblib.dump(estimator, f"{folder}/net.joblib")
        return joblib.load(f"{folder}/net.joblib", **options)


def continued(n: int) -> Any:
    return fitted(n, warm_start=True).fit(X, Y)


def stopped_early(n: int) -> Any:
    return fitted(n, early_stopping=True)


WAYS: dict[str, Callable[[int], Any]] = {
    "fit": fitted,
    "lbfgs": lambda n: fitted(n, solver="lbfgs"),
    "partial_fit": lambda n: ours.MLPClassifier((n,), **SHORT).partial_fit(X, Y, classes=[0, 1, 2]).partial_fit(X, Y),
    "warm_start": continued,
    "early_stopping": stopped_early,
    "unpickled": lambda n: pickle.loads(pickle.dumps(fitted(n))),
    "joblib": lambda n: loaded(fitted(n)),
    "copied": lambda n: copy.deepcopy(fitted(n)),
    "clone": lambda n: clone(fitted(n)).fit(X, Y),
    "from_network": lambda n: ours.MLPClassifier.from_network(fitted(n).to_network()),
    "from_sklearn": lambda n: ours.MLPClassifier.from_sklearn(theirs.MLPClassifier((n,), **SHORT).fit(X, Y)),
    "float32": lambda n: ours.MLPClassifier((n,), **SHORT).fit(X.astype(np.float32), Y),
}


@pytest.mark.parametrize("way", WAYS)
def test_weights_are_plain_arrays_and_a_flat_view_writes_into_them(way: str) -> None:
    for n in (1, 5, 8, 64, 100):
        net = WAYS[way](n)
        for array in arrays(net):
            assert type(array) is np.ndarray
            assert array.flags.c_contiguous
            assert array.flags.writeable
            assert array.flags.owndata
        assert not any(np.shares_memory(a, b) for i, a in enumerate(arrays(net)) for b in arrays(net)[:i])
        Z = X.astype(net.coefs_[0].dtype)
        np.testing.assert_allclose(net.predict_proba(Z), by_hand(net, Z), rtol=1e-4 if way == "float32" else 1e-12)
        flat = net.coefs_[0].ravel()
        flat[:] = 0
        net.intercepts_[0].reshape(-1, 1)[:] = 1
        out = net.predict_proba(Z)
        assert np.array_equal(out, np.repeat(out[:1], len(X), axis=0)), f"{n}: no input reaches the output"
        np.testing.assert_allclose(out, by_hand(net, Z), rtol=1e-4 if way == "float32" else 1e-12)


@pytest.mark.parametrize("n", [1, 5, 8, 64, 100])
def test_training_goes_on_from_what_was_written_as_scikit_learns_does(n: int) -> None:
    """The views too are those of before: both train in place."""
    nets = [module.MLPClassifier((n,), **SHORT).fit(X, Y) for module in (theirs, ours)]
    views = [[array.ravel() for array in arrays(net)] for net in nets]
    for net, flat in zip(nets, views, strict=True):
        flat[0][::2] = 0.25
        flat[-1][:] = 0
        net.partial_fit(X, Y)
        flat[1][:3] = -1
        net.partial_fit(X[:20], Y[:20])
    for a, b, flat in zip(*map(arrays, nets), views[1], strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-9, atol=1e-12)
        assert np.shares_memory(b, flat)
    np.testing.assert_allclose(nets[1].predict_proba(X), nets[0].predict_proba(X), rtol=1e-9)


@pytest.mark.skipif(sys.platform == "win32", reason="a file that is mapped cannot be removed there")
def test_arrays_in_a_file_stay_there_until_they_are_trained() -> None:
    before = fitted(64)
    net = loaded(before, mmap_mode="r")
    assert not any(array.flags.owndata or array.flags.writeable for array in net.coefs_)
    assert np.array_equal(net.predict_proba(X), before.predict_proba(X))
    net.partial_fit(X, Y)
    assert all(array.flags.owndata and array.flags.writeable for array in arrays(net))
    assert np.array_equal(net.predict_proba(X), before.partial_fit(X, Y).predict_proba(X))


def test_arrays_of_any_kind_may_be_assigned() -> None:
    net, source = fitted(5), fitted(5, random_state=1)
    expected = source.predict_proba(X)
    kinds: dict[str, Callable[[np.ndarray], Any]] = {
        "list": np.ndarray.tolist,
        "Fortran": np.asfortranarray,
        "strided": lambda a: np.repeat(a, 2, axis=0)[::2],
        "read-only": lambda a: np.frombuffer(a.tobytes()).reshape(a.shape),
        "big-endian": lambda a: a.astype(">f8"),
        "unaligned": lambda a: np.frombuffer(b"." + a.tobytes(), np.uint8)[1:].view(np.float64).reshape(a.shape),
    }
    for name, kind in kinds.items():
        net.coefs_, net.intercepts_ = tuple(map(kind, source.coefs_)), [kind(b) for b in source.intercepts_]
        assert np.array_equal(net.predict_proba(X), expected), name
        assert np.array_equal(net.predict_proba(X[:1]), expected[:1]), name
        assert np.array_equal(net.predict_proba(scipy.sparse.csr_matrix(X)), expected), name
        trained = copy.deepcopy(net).partial_fit(X, Y)
        assert all(type(a) is np.ndarray and a.flags.c_contiguous and a.flags.writeable for a in arrays(trained)), name
    net.coefs_, net.intercepts_ = [w.astype(int) for w in source.coefs_], source.intercepts_
    np.testing.assert_allclose(net.predict_proba(X), by_hand(net, X), rtol=1e-12)
    assert not fitted(5).coefs_[0].flags.f_contiguous


def test_a_net_of_the_widths_that_are_padded_differently_has_the_bits_of_its_network(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Alone, in batches that pack, do not, or pad the weights, and sparse; one output, hidden layers of one or none."""
    monkeypatch.setattr(_parameters, "MANY_SAMPLES", 100)
    for dtype in ("float64", "float32"):
        Z = np.random.default_rng(1).standard_normal((130, 9)).astype(dtype)
        for hidden in ((), (1,), (3,), (8,), (1, 1), (17, 3), (130, 9)):
            for n_out in (1, 3):
                net = ours.MLPRegressor(hidden_layer_sizes=hidden, max_iter=1, random_state=0)
                net.fit(Z[:20], Z[:20, 0] if n_out == 1 else Z[:20, :n_out])
                out = net.to_network().feedforward(Z)
                for n in (1, 2, 41, 130):
                    got = net.predict(Z[:n]).reshape(n, -1)
                    assert got.tobytes() == out[:n].tobytes(), (dtype, hidden, n_out, n)
                sparse = net.predict(scipy.sparse.csr_matrix(Z[:20]))
                assert sparse.reshape(20, -1).tobytes() == out[:20].tobytes(), (dtype, hidden, n_out)


@pytest.mark.compiled
def test_no_kernel_reads_beyond_the_last_weight() -> None:
    """The arrays end where the memory that may be read ends: one element more would kill the process."""
    mmap = pytest.importorskip("mmap")
    if not sys.platform.startswith("linux"):
        pytest.skip("memory is protected through Linux's mprotect")
    import ctypes

    page = mmap.PAGESIZE
    libc = ctypes.CDLL(None, use_errno=True)
    held = []

    def at_the_end(array: np.ndarray) -> np.ndarray:
        size = -(-array.nbytes // page) * page
        memory = mmap.mmap(-1, size + page)
        start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
        assert libc.mprotect(ctypes.c_void_p(start + size), ctypes.c_size_t(page), 0) == 0
        end = np.frombuffer(memory, array.dtype, array.size, size - array.nbytes).reshape(array.shape)
        end[...] = array
        held.append((memory, start + size))
        return end

    for dtype in ("float64", "float32"):
        Z = np.random.default_rng(2).standard_normal((300, 9)).astype(dtype)
        for hidden in ((), (1,), (5,), (20,), (100,)):
            net = ours.MLPRegressor(hidden_layer_sizes=hidden, max_iter=1, random_state=0).fit(Z, Z[:, 0])
            expected = net.predict(Z)
            net.coefs_ = [at_the_end(w) for w in net.coefs_]
            for n in (1, 2, 41, 100, 300):
                assert np.array_equal(net.predict(Z[:n]), expected[:n]), (dtype, hidden, n)
    for _, start in held:
        assert libc.mprotect(ctypes.c_void_p(start), ctypes.c_size_t(page), 3) == 0


def test_plans_have_room_for_packing_rows_that_are_not_padded() -> None:
    for itemsize in (4, 8):
        for n_out in (3, 17, 100, 250):
            padded, _ = layout.theta_layout((5000, n_out, 2), (0, 0), itemsize)
            plain, _ = layout.plain_layout(padded, itemsize)
            _, offsets, _ = layout.workspace_layout(plain, 128, 1, 1, itemsize)
            if n_out * itemsize > layout.HALF_LINE and n_out * itemsize % layout.CACHE_LINE:
                assert offsets[0].panels_step >= layout.panel_size(0, n_out, 5000, itemsize)


def test_callbacks_see_the_weights_of_their_epoch_and_may_change_them() -> None:
    seen = []

    def freeze(net: Any) -> None:
        seen.append(net.coefs_[0].copy())
        np.testing.assert_allclose(net.predict_proba(X), by_hand(net, X), rtol=1e-12)
        net.coefs_[0].ravel()[:] = 0

    net = ours.MLPClassifier((5,), callbacks=freeze, max_iter=3, random_state=0, batch_size=60).fit(X, Y)
    assert len(seen) == 3
    assert not any(np.array_equal(a, b) for a, b in itertools.pairwise(seen))
    assert not net.coefs_[0].any(), "the last word is the callback's"
    # From 0 on, Adam's first steps are at most learning_rate_init long.
    assert np.abs(seen[1]).max() <= 0.0011


def test_an_interrupted_fit_shows_the_weights_it_has_come_to(monkeypatch: pytest.MonkeyPatch) -> None:
    from fastbp.runtime.slices import Pace

    calls, run = [], Pace.run

    def interrupted(self: Pace, first: int, n: int) -> Any:
        calls.append(first)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return run(self, first, n)

    whole = ours.MLPClassifier((5,), max_iter=2, random_state=0, batch_size=60).fit(X, Y)
    monkeypatch.setattr(Pace, "run", interrupted)
    net = ours.MLPClassifier((5,), max_iter=50, random_state=0, batch_size=60)
    with pytest.warns(UserWarning, match="interrupted"):
        net.fit(X, Y)
    assert all(np.array_equal(a, b) for a, b in zip(arrays(net), arrays(whole), strict=True))


@pytest.mark.compiled
def test_a_prediction_of_another_thread_does_not_disturb_training() -> None:
    """They share the estimator, not the memory in which it trains."""
    import threading

    def fit(asking: bool) -> Any:
        net = ours.MLPClassifier((20,), max_iter=60, random_state=0).fit(X, Y)
        over = threading.Event()
        big = np.tile(X, (10, 1))

        def ask() -> None:
            while not over.is_set():
                net.predict_proba(big)
                net.input_gradient(X[:5])

        thread = threading.Thread(target=ask)
        if asking:
            thread.start()
        try:
            for _ in range(20):
                net.partial_fit(X, Y)
        finally:
            over.set()
            if asking:
                thread.join()
        return net

    assert all(np.array_equal(a, b) for a, b in zip(arrays(fit(True)), arrays(fit(False)), strict=True))


@pytest.mark.parametrize("named", [False, True])
def test_samples_that_skip_scikit_learns_checks_are_what_these_would_return(named: bool) -> None:
    pandas, polars = pytest.importorskip("pandas"), pytest.importorskip("polars")
    names = [f"c{k}" for k in range(7)]
    frame = pandas.DataFrame(X, columns=names)
    net = ours.MLPClassifier((5,), **SHORT).fit(frame if named else X, Y)
    twin = theirs.MLPClassifier((5,), **SHORT).fit(frame if named else X, Y)
    nan, infinite = X.copy(), X.astype(np.float32)
    nan[3, 2], infinite[0, 0] = np.nan, np.inf
    coo, holes = scipy.sparse.coo_matrix(X), scipy.sparse.csr_matrix(nan)
    cases: list[tuple[Any, bool]] = [  # and whether they skip them, without names
        (X, True), (X.astype(np.float32), True), (np.asfortranarray(X), True), (X[::2], True), (X.tolist(), True),
        (X.astype(np.int64), True), (X[:1].astype(np.uint8), True), (scipy.sparse.csr_matrix(X), True),
        (X.astype(np.float16), False), (X.astype(">f8"), False), (X.astype(bool), False), (X.astype(object), False),
        (X.astype(str), False), (X.tolist()[0], False), ([[1.0], [1.0, 2.0]], False), (X[:0], False), (nan, False),
        (infinite, False), (nan.tolist(), False), (X[:, :6], False), (X[np.newaxis], False), (coo, False),
        (coo.tocsc(), False), (holes, False), (X.view(np.recarray), False), (np.asmatrix, False), (None, False),
        (frame, False), (frame[names[::-1]], False), (frame.astype("Float64"), False), (frame.astype(object), False),
        (polars.DataFrame(X, names), False), (frame.iloc[:, :6], False), (pandas.DataFrame(X), False),
        (frame.assign(c3=nan[:, 3] * 0 + nan[:, 2]), False), ("text", False), (X.astype(complex), False),
    ]  # fmt: skip

    def outcome(estimator: Any, case: Any) -> Any:
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            try:
                value = estimator.predict_proba(case)
            except (ValueError, TypeError) as error:
                value = type(error), str(error).replace("fastbp.sklearn.", "sklearn.")
        return value, [str(warning.message) for warning in told]

    skipped = 0
    for i, (case, skips) in enumerate(cases):
        quick = as_is(case, 7, getattr(net, "feature_names_in_", None))
        skipped += quick is not None
        if quick is not None:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # what is warned of is compared below
                known = validate_data(net, case, accept_sparse=["csr", "csc"], reset=False)
            assert quick.dtype == known.dtype, i
            assert np.array_equal(*(a.toarray() if scipy.sparse.issparse(a) else a for a in (quick, known))), i
        if not named:
            assert (quick is not None) == skips, i
        (a, told_a), (b, told_b) = outcome(twin, case), outcome(net, case)
        if isinstance(a, tuple):
            assert a == b, i
        else:
            np.testing.assert_allclose(b, a, rtol=1e-5, err_msg=str(i))
        if not (isinstance(case, polars.DataFrame) and _get_feature_names(case) is None):
            assert told_a == told_b, i  # an older scikit-learn does not see the names of polars' columns, and says so
    assert skipped == (2 if named else 8)
