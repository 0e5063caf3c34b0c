"""Backpropagations in the shapes that people have: the book's class, dicts, graphs of scalars; right, or with a fault.

``fault`` names what is wrong; "" for nothing.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np


def sigmoid(z: Any) -> Any:
    return 1 / (1 + np.exp(-z))


def book_class(fault: str = "", **options: Any) -> Any:
    """A class as in the book: columns, lists of weights and biases, gradients of the biases first."""

    class MyNetwork:
        def __init__(self, sizes: list[int]) -> None:
            self.num_layers, self.sizes = len(sizes), sizes
            self.biases = [np.random.randn(y, 1) for y in sizes[1:]]  # noqa: NPY002
            self.weights = [np.random.randn(y, x) for x, y in itertools.pairwise(sizes)]  # noqa: NPY002

        def backprop(self, x: Any, y: Any) -> Any:
            nabla_b, nabla_w = [np.zeros(b.shape) for b in self.biases], [np.zeros(w.shape) for w in self.weights]
            activation, activations, zs = x, [x], []
            for b, w in zip(self.biases, self.weights, strict=True):
                zs.append(np.dot(w, activation) + b)
                activation = sigmoid(zs[-1])
                activations.append(activation)
            delta = (activations[-1] - y) * self.prime(zs[-1])
            if fault == "y-minus-a":
                delta = -delta
            nabla_b[-1], nabla_w[-1] = delta.sum(axis=1, keepdims=True), np.dot(delta, activations[-2].T)
            for l in range(2, self.num_layers):
                sp = 1.0 if fault == "no-hidden-slope" else self.prime(zs[-l])
                delta = np.dot(self.weights[-l + 1].T, delta) * sp
                nabla_b[-l], nabla_w[-l] = delta.sum(axis=1, keepdims=True), np.dot(delta, activations[-l - 1].T)
            if options.get("mean"):
                nabla_b, nabla_w = ([v / x.shape[1] for v in part] for part in (nabla_b, nabla_w))
            return (nabla_w, nabla_b) if options.get("weights_first") else (nabla_b, nabla_w)

        def prime(self, z: Any) -> Any:
            return sigmoid(z) * (1 - sigmoid(z))

    return MyNetwork


class RowNet:
    """Sizes one by one, weights of shape (K, J), vectors."""

    def __init__(self, *sizes: int) -> None:
        rng = np.random.default_rng()
        self.w = [rng.standard_normal((a, b)) for a, b in itertools.pairwise(sizes)]
        self.b = [np.zeros(n) for n in sizes[1:]]

    def backprop(self, x: Any, y: Any) -> Any:
        a = [x]
        for w, b in zip(self.w, self.b, strict=True):
            a.append(sigmoid(a[-1] @ w + b))
        delta, grad_w, grad_b = (a[-1] - y) * a[-1] * (1 - a[-1]), [], []
        for l in range(len(self.w) - 1, -1, -1):
            grad_w.insert(0, np.outer(a[l], delta))
            grad_b.insert(0, delta)
            delta = delta @ self.w[l].T * a[l] * (1 - a[l])
        return grad_w, grad_b


def deep_pair(fault: str = "") -> Any:
    """forward and backward of any depth: relu, then a sigmoid with its cross-entropy; samples as columns."""

    def model_forward(X: Any, parameters: Any) -> Any:
        caches, A, L = [], X, len(parameters) // 2
        for l in range(1, L + 1):
            Z = np.dot(parameters[f"W{l}"], A) + parameters[f"b{l}"]
            caches.append((A, parameters[f"W{l}"], Z))
            A = sigmoid(Z) if l == L else np.maximum(0, Z)
        return A, caches

    def model_backward(AL: Any, Y: Any, caches: Any) -> Any:
        grads, L, m = {}, len(caches), AL.shape[1]
        dA = -(np.divide(Y, AL) - np.divide(1 - Y, 1 - AL))
        for l in range(L, 0, -1):
            A_prev, W, Z = caches[l - 1]
            if l == L:
                dZ = dA * sigmoid(Z) * (1 - sigmoid(Z))
            else:
                dZ = np.array(dA) if fault == "no-hidden-slope" else np.where(Z <= 0, 0, dA)
            divisor = 1 if fault == "sum-not-mean" else m
            grads[f"dW{l}"], grads[f"db{l}"] = dZ @ A_prev.T / divisor, dZ.sum(axis=1, keepdims=True) / divisor
            if fault == "bias-from-weights":
                grads[f"db{l}"] = grads[f"dW{l}"].sum(axis=1, keepdims=True)
            dA = W.T @ dZ
            grads[f"dA{l - 1}"] = dA
        return grads

    return model_forward, model_backward


def shallow_pair(fault: str = "") -> Any:
    """forward and backward of one hidden layer of tanh, with a dict as cache."""

    def forward_propagation(X: Any, parameters: Any) -> Any:
        Z1 = parameters["W1"] @ X + parameters["b1"]
        A1 = np.tanh(Z1)
        Z2 = parameters["W2"] @ A1 + parameters["b2"]
        A2 = sigmoid(Z2)
        return A2, {"Z1": Z1, "A1": A1, "Z2": Z2, "A2": A2}

    def backward_propagation(parameters: Any, cache: Any, X: Any, Y: Any) -> Any:
        m = X.shape[1]
        dZ2 = cache["A2"] - Y
        dW2, db2 = dZ2 @ cache["A1"].T / m, dZ2.sum(axis=1, keepdims=True) / m
        slope = cache["A1"] * (1 - cache["A1"]) if fault == "slope-of-another" else 1 - cache["A1"] ** 2
        dZ1 = parameters["W2"].T @ dZ2 * slope
        dW1, db1 = dZ1 @ X.T / m, dZ1.sum(axis=1, keepdims=True) / m
        return {"dW1": dW1, "db1": db1, "dW2": dW2, "db2": db2}

    return forward_propagation, backward_propagation


def rows_function(fault: str = "") -> Any:
    """(loss, grads) of parameters with W1 of shape (K, J), samples as rows: relu and softmax."""

    def loss_and_grads(params: Any, X: Any, y: Any) -> Any:
        H = np.maximum(0, X @ params["W1"] + params["b1"])
        scores = H @ params["W2"] + params["b2"]
        e = np.exp(scores - scores.max(axis=1, keepdims=True))
        p = e / e.sum(axis=1, keepdims=True)
        dS = (p - y) / len(X)
        if fault == "y-minus-a":
            dS = -dS
        grads = {"W2": H.T @ dS, "b2": dS.sum(axis=0)}
        dH = dS @ params["W2"].T
        dH[H <= 0] = 0
        return -np.log((p * y).sum(axis=1)).mean(), grads | {"W1": X.T @ dH, "b1": dH.sum(axis=0)}

    return loss_and_grads


def scalar(fault: str = "") -> Any:
    """A class of scalars that go backward."""

    class Scalar:
        def __init__(self, data: float, parents: Any = ()) -> None:
            self.data, self.grad, self.parents = data, 0.0, parents

        def __add__(self, other: Any) -> Any:
            return Scalar(self.data + other.data, [(self, 1.0), (other, 1.0)])

        def __mul__(self, other: Any) -> Any:
            return Scalar(self.data * other.data, [(self, other.data), (other, self.data)])

        def tanh(self) -> Any:
            t = math.tanh(self.data)
            return Scalar(t, [(self, t * (1 - t) if fault == "slope-of-another" else 1 - t * t)])

        def backward(self) -> None:
            order: list[Any] = []
            seen: set[int] = set()

            def visit(v: Any) -> None:
                if id(v) not in seen:
                    seen.add(id(v))
                    for parent, _ in v.parents:
                        visit(parent)
                    order.append(v)

            visit(self)
            self.grad = 1.0
            for v in reversed(order):
                for parent, slope in v.parents:
                    if fault == "one-path":
                        parent.grad = slope * v.grad
                    else:
                        parent.grad += slope * v.grad

    return Scalar
