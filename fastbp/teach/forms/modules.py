"""A PyTorch module: its linear layers with their own shapes, and a loss."""

from __future__ import annotations

import copy
import itertools
from typing import Any

import numpy as np

from fastbp.errors import argument_error
from fastbp.teach.forms.form import Activations, Asked, Form

NAMES = {
    "Sigmoid": "sigmoid",
    "Tanh": "tanh",
    "ReLU": "relu",
    "LeakyReLU": "leaky_relu",
    "Softplus": "softplus",
    "SiLU": "silu",
    "GELU": "gelu",
    "Mish": "mish",
    "Identity": "identity",
    "Softmax": "softmax",
}
"""Modules by the activation that they are."""


def fits(mine: Any) -> bool:
    """Whether it is a module, without importing PyTorch."""
    return any(cls.__module__.startswith("torch.nn.modules") for cls in type(mine).__mro__)


def fits_class(mine: Any) -> bool:
    """Whether it is a class of modules."""
    return isinstance(mine, type) and any(cls.__module__.startswith("torch.nn.modules") for cls in mine.__mro__)


def _parameters(module: Any) -> tuple[list[Any], list[Any]]:
    """Weights and biases, layer by layer."""
    every = list(module.parameters())
    w, b = [p for p in every if p.ndim == 2], [p for p in every if p.ndim == 1]
    fit = len(w) == len(b) > 0 and len(every) == len(w) + len(b)
    chained = fit and all(p.shape[0] == q.shape[0] for p, q in zip(w, b, strict=True))
    chained = chained and all(q.shape[1] == p.shape[0] for p, q in itertools.pairwise(w))
    if not chained:
        shapes = ", ".join(str(tuple(p.shape)) for p in every)
        raise argument_error(
            "mine",
            f"has parameters of shapes {shapes}; those of linear layers in their order are needed, weights (J, K) and "
            "biases (J,) for each. Pass a module of these, or a function of w, b, x, y.",
        )
    return w, b


def _seen(module: Any, L: int) -> tuple[Activations | None, bool]:
    """Activations, where modules in a row tell them, and whether the last linear layer gives the outputs."""
    inner = {type(part).__name__ for part in module.modules() if list(part.children())}
    if not inner <= {"Sequential"}:  # only there the order is what is called
        return None, False
    kinds = [type(part).__name__ for part in module.modules() if not list(part.children())]
    after: list[str] = []
    for kind in kinds:
        if kind == "Linear":
            after.append("identity")
        elif kind in NAMES and after:
            after[-1] = NAMES[kind]
        elif kind not in ("Dropout", "Flatten"):
            return None, False
    if len(after) != L or len(set(after[:-1])) > 1:
        return None, False
    return (after[0] if L > 1 else after[-1], after[-1]), after[-1] == "identity"


OF_LOSSES = {"CrossEntropyLoss": "softmax", "BCEWithLogitsLoss": "sigmoid", "BCELoss": "sigmoid"}
"""PyTorch's losses that are the cross-entropy, and the activation that goes with each."""


def _loss(asked: Asked, logits: bool) -> Any:
    """C of the outputs, summed over them, mean over the samples."""
    from torch.nn import functional

    if asked.cost == "quadratic":
        return lambda a, y: ((a - y) ** 2).sum() / 2 / len(y)
    output = asked.activations[1] if asked.activations else "sigmoid"
    if asked.cost == "cross_entropy" and output == "softmax":
        if logits:
            return lambda z, y: functional.cross_entropy(z, y)
        return lambda a, y: -(y * a.log()).sum() / len(y)
    if asked.cost == "cross_entropy":
        of = functional.binary_cross_entropy_with_logits if logits else functional.binary_cross_entropy
        return lambda a, y: of(a, y, reduction="sum") / len(y)
    raise argument_error("cost", f"is {asked.cost!r}; of a module 'quadratic' or 'cross_entropy' is known. Pass loss=.")


def form(mine: Any, asked: Asked) -> Form:
    """A module, whose gradients are those of ``loss``, or of the cost."""
    if fits_class(mine):
        raise argument_error(
            "mine",
            f"is the class {mine.__name__}; a module is needed. Call it: check_backprop({mine.__name__}()).",
            TypeError,
        )
    import torch

    w_of, _ = _parameters(mine)
    sizes = (int(w_of[0].shape[1]), *(int(p.shape[0]) for p in w_of))
    seen, last_is_linear = _seen(mine, len(w_of))
    if seen is not None and last_is_linear and asked.cost == "cross_entropy":  # the loss has the last activation in it
        output = asked.activations[1] if asked.activations else "sigmoid"
        seen = (seen[0], output)
    if asked.activations is None and seen is None:
        raise argument_error(
            "activations",
            f"is not given, and cannot be seen in {type(mine).__name__}. Pass those of hidden layers and outputs, such "
            "as activations=('relu', 'identity').",
        )
    behind = OF_LOSSES.get(type(asked.loss).__name__)
    if behind and asked.cost == "quadratic":
        hidden = seen[0] if seen else "sigmoid"
        raise argument_error(
            "cost",
            f"is 'quadratic', and {type(asked.loss).__name__} is the cross-entropy behind {behind}. Pass "
            f"cost='cross_entropy', activations=({hidden!r}, {behind!r}) with it.",
        )
    loss = asked.loss or _loss(asked, last_is_linear)

    def called(w: Any, b: Any, x: Any, y: Any) -> Any:
        module = copy.deepcopy(mine).eval()
        W, B = _parameters(module)
        with torch.no_grad():
            for leaves, arrays in ((W, w), (B, b)):
                for leaf, array in zip(leaves, arrays, strict=True):
                    leaf.copy_(torch.tensor(np.array(array), dtype=leaf.dtype))
                    leaf.grad = None
        X, Y = (torch.tensor(np.atleast_2d(v), dtype=W[0].dtype) for v in (x, y))
        loss(module(X), Y).backward()
        missing = [name for name, p in module.named_parameters() if p.grad is None]
        if missing:
            raise RuntimeError(f"no gradient arrived at {', '.join(missing)}")
        return [p.grad.numpy() for p in W], [p.grad.numpy() for p in B]

    return Form((called,), f"a PyTorch module of sizes {list(sizes)}", sizes=sizes, activations=seen)
