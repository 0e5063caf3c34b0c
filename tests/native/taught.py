"""What a teacher asks for, as JSON, of one kind of code: ``taught.py [absent]``, which cannot import Numba then."""

from __future__ import annotations

import contextlib
import io
import json
import random
import sys
import warnings
from typing import Any

if sys.argv[1:] == ["absent"]:
    sys.modules.update(numba=None, llvmlite=None)  # type: ignore[arg-type]

import numpy as np

with warnings.catch_warnings(record=True) as seen:
    warnings.simplefilter("always")
    import fastbp
    from fastbp import jit, textbook
    from fastbp.functions import activations
    from fastbp.teach import gradient_flow

NETS = (
    {"sizes": [4, 5, 3], "activations": ["sigmoid", "softmax"], "cost": "cross_entropy"},
    {"sizes": [4, 9, 6, 3], "activations": ["tanh", "gelu", "sigmoid"], "cost": "cross_entropy"},
    {"sizes": [4, 3, 3], "activations": ["softplus", "identity"], "cost": "huber", "cost_parameter": 0.7},
)


def explained() -> list[str]:
    """Every quantity of every net, in both dtypes, of samples and of minibatches: all digits."""
    rng = np.random.default_rng(0)
    X, Y, texts = rng.standard_normal((3, 4)), np.eye(3), []
    for known in NETS:
        for dtype in ("float32", "float64"):
            net = fastbp.Network(**known, dtype=dtype, seed=1)
            for of, k in (("z", None), ("delta", None), ("bias", None), ("weight", 1), ("update", 0)):
                for layer in range(1, net.L + 1):
                    for at in (0, slice(None)):
                        texts.append(str(fastbp.explain(net, X[at], Y[at], layer, 1, of, k=k).text(terms=None)))
            one = fastbp.explain(net, X[0], Y[0], 1, 2)
            texts += [str(one.paths()), str(one.nudge()), one.json(), str(gradient_flow(net, X, Y))]
    return texts


def of_the_textbook() -> dict[str, list[float]]:
    """What its functions come to, composed and alone."""
    net, x, y = fastbp.Network(**NETS[0], seed=1), np.linspace(-1, 1, 4), np.eye(3)[1]
    z = np.linspace(-4, 4, 9)
    w, b = net.w[1], net.b[1]
    gradient = textbook.gradient(list(net.w), list(net.b), x, y, activations=net.activations, cost="cross_entropy")
    out = {name: textbook.activation(activations.CODES[name], z) for name in ("sigmoid", "gelu", "mish", "softplus")}
    out |= {"F1": textbook.weighted_input(w, b, x), "gradient": np.concatenate([part.ravel() for part in gradient.w])}
    return {name: np.asarray(values, float).ravel().tolist() for name, values in out.items()}


def right(w: Any, b: Any, x: Any, y: Any) -> Any:
    """Backpropagation through layers of sigmoids, as a learner writes it."""
    a = [x]
    for w_l, b_l in zip(w, b, strict=True):
        a.append(1 / (1 + np.exp(-(w_l @ a[-1] + b_l))))
    delta, by_w, by_b = (a[-1] - y) * a[-1] * (1 - a[-1]), [], []
    for l in range(len(w), 0, -1):
        by_w.insert(0, np.outer(delta, a[l - 1]))
        by_b.insert(0, delta)
        delta = (w[l].T @ delta) * a[l - 1] * (1 - a[l - 1])
    return by_w, by_b


def wrong(w: Any, b: Any, x: Any, y: Any) -> Any:
    """The same with the sign lost."""
    by_w, by_b = right(w, b, x, y)
    return [-part for part in by_w], [-part for part in by_b]


def own() -> str:
    """What becomes of a function of a user's own beside what there is."""
    try:
        fastbp.activation("cube", lambda z: z * z * z, lambda z: 3 * z * z)
        net = fastbp.Network([2, 3, 1], activations=["cube", "identity"], seed=0)
        return f"{net.predict(np.eye(2)).sum():.6f}"
    except ImportError as error:
        return str(error)


def trained() -> list[str]:
    """Weights of a training, and of an estimator and a net of the book."""
    from fastbp.nielsen import network
    from fastbp.sklearn import MLPClassifier

    X, y = np.random.default_rng(0).standard_normal((20, 3)), np.arange(20) % 2
    net = fastbp.Network([3, 4, 2], dtype="float32", seed=0)
    fastbp.train(net, X, y, epochs=2, batch_size=5, seed=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        estimator = MLPClassifier((4,), max_iter=2, random_state=0).fit(X, y)
    random.seed(0)  # the book shuffles with it
    book = network.Network([3, 4, 2])
    book.weights, book.biases = [np.ones((4, 3)), np.ones((2, 4))], [np.zeros((4, 1)), np.zeros((2, 1))]
    pairs = [(x[:, None], np.eye(2)[:, [label]]) for x, label in zip(X, y, strict=True)]
    with contextlib.redirect_stdout(io.StringIO()):
        book.SGD(pairs, 1, 5, 3.0)
    return [net.theta.tobytes().hex(), estimator.coefs_[0].tobytes().hex(), book.weights[0].tobytes().hex()]


if __name__ == "__main__":
    said = {
        "plain": jit.DISABLED,
        "warnings": [str(warning.message) for warning in seen],
        "trained": trained(),
        "explained": explained(),
        "textbook": of_the_textbook(),
        "checks": [fastbp.check_backprop(function).passed for function in (right, wrong)],
        "found": str(fastbp.check_backprop(wrong)),
        "equations": len(fastbp.equations.EQUATIONS),
        "own": own(),
        "numba": sys.modules.get("numba") is not None,
    }
    json.dump(said, sys.stdout)
