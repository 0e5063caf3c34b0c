"""Random networks beside PyTorch and JAX: gradients, and weights after some steps of every optimizer they have.

python -m pytest tests/long/differential.py; not collected by the suite, which has neither of the two.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import fastbp

HIDDEN = ("sigmoid", "tanh", "relu", "leaky_relu", "softplus", "silu", "gelu", "mish", "identity")
OUTPUTS = (
    ("identity", "quadratic"),
    ("sigmoid", "quadratic"),
    ("sigmoid", "cross_entropy"),
    ("softmax", "cross_entropy"),
)
NETS = 250
STEPS = 8
"""Enough for every state to count; where steps overshoot, rounding grows a thousandfold in five of them."""


def drawn(seed: int) -> tuple[fastbp.Network, Any, Any]:
    """A float64 network of one to four layers, samples and legal targets."""
    rng = np.random.default_rng(seed)
    sizes = [int(n) for n in rng.integers(1, 24, rng.integers(2, 6))]
    output, cost = OUTPUTS[rng.integers(len(OUTPUTS))]
    if output == "softmax":
        sizes[-1] = max(2, sizes[-1])
    activations = [*(str(name) for name in rng.choice(HIDDEN, len(sizes) - 2)), output]
    net = fastbp.Network(sizes, activations=activations, cost=cost, seed=seed)
    for part in (*net.w, *net.b):
        part[...] = rng.standard_normal(part.shape)
    n = int(rng.integers(1, 12))
    X, z = rng.standard_normal((n, sizes[0])), rng.standard_normal((n, sizes[-1]))
    if output == "softmax":
        return net, X, np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    return net, X, z if output == "identity" else 1 / (1 + np.exp(-z))


def torch_cost(torch: Any, net: fastbp.Network, weights: list[Any], X: Any, Y: Any) -> Any:
    """C in PyTorch, ``weights`` being w^1, ..., w^L, b^1, ..., b^L."""
    F = torch.nn.functional
    functions = {
        "sigmoid": torch.sigmoid, "tanh": torch.tanh, "relu": F.relu, "leaky_relu": F.leaky_relu, "mish": F.mish,
        "softplus": lambda z: F.softplus(z, threshold=40),  # from 20 on it would be z itself, 2e-9 less
        "silu": F.silu, "gelu": F.gelu, "identity": lambda z: z, "softmax": lambda z: z,
    }  # fmt: skip
    a = torch.tensor(X)
    for l, name in enumerate(net.activations):
        z = F.linear(a, weights[l], weights[net.L + l])
        a = functions[name](z)
    Y = torch.tensor(Y)
    if net.cost == "quadratic":
        return ((a - Y) ** 2).sum() / 2 / len(X)
    if net.activations[-1] == "softmax":
        return -(Y * F.log_softmax(z, 1)).sum() / len(X)
    return F.binary_cross_entropy_with_logits(z, Y, reduction="sum") / len(X)


def tensors(torch: Any, net: fastbp.Network) -> list[Any]:
    return [torch.tensor(np.array(part)).requires_grad_() for part in (*net.w, *net.b)]


def close(ours: Any, theirs: Any, tolerance: float) -> None:
    """Relative to the array's largest entry, and absolutely below 1."""
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=tolerance * max(1.0, float(np.abs(theirs).max(initial=0))))


@pytest.mark.parametrize("seed", range(NETS))
def test_pytorchs_gradient(seed: int) -> None:
    import torch

    net, X, Y = drawn(seed)
    weights = tensors(torch, net)
    cost = torch_cost(torch, net, weights, X, Y)
    cost.backward()
    g = net.gradient(X, Y)
    assert g.cost == pytest.approx(cost.item(), rel=1e-10, abs=1e-12)
    for ours, theirs in zip((*g.w, *g.b), weights, strict=True):
        close(ours, theirs.grad.numpy(), 1e-11)


@pytest.mark.parametrize("seed", range(NETS))
def test_jaxs_gradient(seed: int) -> None:
    import jax

    jax.config.update("jax_enable_x64", True)
    jnp, nn = jax.numpy, jax.nn
    net, X, Y = drawn(seed)
    functions = {
        "sigmoid": nn.sigmoid, "tanh": jnp.tanh, "relu": nn.relu, "leaky_relu": nn.leaky_relu, "softplus": nn.softplus,
        "silu": nn.silu, "mish": nn.mish, "gelu": lambda z: nn.gelu(z, approximate=False), "identity": lambda z: z,
        "softmax": lambda z: z,
    }  # fmt: skip

    def cost(w: Any, b: Any) -> Any:
        a = jnp.asarray(X)
        for l, name in enumerate(net.activations):
            z = a @ w[l].T + b[l]
            a = functions[name](z)
        if net.cost == "quadratic":
            return ((a - Y) ** 2).sum() / 2 / len(X)
        if net.activations[-1] == "softmax":
            return -(Y * nn.log_softmax(z, 1)).sum() / len(X)
        return (nn.softplus(z) - Y * z).sum() / len(X)

    g_w, g_b = jax.grad(cost, argnums=(0, 1))([np.array(w) for w in net.w], [np.array(b) for b in net.b])
    g = net.gradient(X, Y)
    for ours, theirs in zip((*g.w, *g.b), (*g_w, *g_b), strict=True):
        close(ours, theirs, 1e-11)


EPSILON = 1e-3
"""Much more than rounding: an entry whose gradient is all rounding, divided by its size, would go ways of its own."""

OPTIMIZERS = {
    "SGD": fastbp.SGD(0.01),
    "Adam": fastbp.Adam(0.01, epsilon=EPSILON),
    "AdamW": fastbp.AdamW(0.01, weight_decay=0.1, epsilon=EPSILON),
    "RMSprop": fastbp.RMSprop(0.01, epsilon=EPSILON),
    "Adagrad": fastbp.Adagrad(0.01, epsilon=EPSILON),
}


@pytest.mark.parametrize("seed", range(60))
@pytest.mark.parametrize("name", list(OPTIMIZERS))
def test_pytorchs_steps(name: str, seed: int) -> None:
    """Smooth activations: where z of a relu is 0 but for rounding, two right ways part."""
    import torch

    net, X, Y = drawn(seed)
    smooth = [a if a not in ("relu", "leaky_relu") else "tanh" for a in net.activations]
    twin = fastbp.Network(net.sizes, activations=smooth, cost=net.cost, seed=0)
    twin.theta[...] = net.theta
    weights = tensors(torch, twin)
    options = {} if name == "SGD" else {"eps": EPSILON}
    theirs = getattr(torch.optim, name)(weights, lr=0.01, weight_decay=OPTIMIZERS[name].weight_decay, **options)
    for _ in range(STEPS):
        theirs.zero_grad()
        torch_cost(torch, twin, weights, X, Y).backward()
        theirs.step()
    fastbp.train(twin, X, Y, optimizer=OPTIMIZERS[name], epochs=STEPS, batch_size=len(X), shuffle=False)
    for ours, other in zip((*twin.w, *twin.b), weights, strict=True):
        close(ours, other.detach().numpy(), 1e-6)


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("name", ["SGD", "AdamW"])
def test_pytorchs_frozen_layers_and_groups(name: str, seed: int) -> None:
    """Layers without gradients, layers at rates of their own, and one norm of all gradients that there are."""
    import torch

    net, X, Y = drawn(seed)
    smooth = [a if a not in ("relu", "leaky_relu") else "tanh" for a in net.activations]
    twin = fastbp.Network(net.sizes, activations=smooth, cost=net.cost, seed=0)
    twin.theta[...] = net.theta
    rng = np.random.RandomState(seed)
    rates = rng.choice([0.5, 1.0, 2.0], twin.L)
    frozen = [l for l in range(1, twin.L) if rng.rand() < 0.5]
    weights = tensors(torch, twin)
    for l in frozen:
        weights[l - 1].requires_grad = weights[twin.L + l - 1].requires_grad = False
    groups = [{"params": weights[l :: twin.L], "lr": 0.01 * rates[l]} for l in range(twin.L)]
    optimizer = OPTIMIZERS[name]
    options = {} if name == "SGD" else {"eps": EPSILON}
    theirs = getattr(torch.optim, name)(groups, lr=0.01, weight_decay=optimizer.weight_decay, **options)
    for _ in range(STEPS):
        theirs.zero_grad()
        torch_cost(torch, twin, weights, X, Y).backward()
        torch.nn.utils.clip_grad_norm_([w for w in weights if w.requires_grad], 0.1)
        theirs.step()
    options = {"epochs": STEPS, "batch_size": len(X), "shuffle": False, "clip_norm": 0.1}
    fastbp.train(twin, X, Y, optimizer=optimizer, frozen=frozen, layer_rates=rates, **options)
    for ours, other in zip((*twin.w, *twin.b), weights, strict=True):
        close(ours, other.detach().numpy(), 1e-5)  # PyTorch divides by the norm and 1e-6


COSTS = {
    "absolute": (None, "identity"),
    "huber": (0.7, "identity"),
    "quantile": (0.8, "tanh"),
    "poisson": (None, "exp"),
    "tweedie": (1.3, "exp"),
    "quadratic": (None, "softplus"),
    "cross_entropy": (None, "sigmoid"),
}
"""Cost -> its parameter, and outputs that it goes with."""


def torch_costs(torch: Any, cost: str, p: float, z: Any, Y: Any) -> Any:
    """c(a_j, y_j) of every sample and output."""
    F = torch.nn.functional
    if cost == "quadratic":
        return F.mse_loss(F.softplus(z, threshold=40), Y, reduction="none") / 2
    if cost == "cross_entropy":
        return F.binary_cross_entropy_with_logits(z, Y, reduction="none")
    if cost == "absolute":
        return F.l1_loss(z, Y, reduction="none")
    if cost == "huber":
        return F.huber_loss(z, Y, reduction="none", delta=p)
    if cost == "quantile":
        e = Y - torch.tanh(z)
        return torch.maximum(p * e, (p - 1) * e)
    if cost == "poisson":  # theirs is without what does not depend on the outputs
        return F.poisson_nll_loss(z, Y, reduction="none") + torch.xlogy(Y, Y) - Y
    return Y ** (2 - p) / ((1 - p) * (2 - p)) - Y * torch.exp((1 - p) * z) / (1 - p) + torch.exp((2 - p) * z) / (2 - p)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("cost", list(COSTS))
def test_pytorchs_steps_of_other_costs_weights_of_outputs_and_gaps(cost: str, seed: int) -> None:
    """Steps of descent and of Adam on targets some of which are missing, of outputs with weights."""
    import torch

    rng = np.random.default_rng(seed)
    p, output = COSTS[cost]
    sizes = [int(n) for n in rng.integers(1, 12, 3)]
    functions: dict[str, Any] = {"activations": ["tanh", output], "cost": cost, "cost_parameter": p}
    net = fastbp.Network(sizes, **functions, seed=rng)
    X, u = rng.standard_normal((9, sizes[0])), rng.uniform(0.1, 2, sizes[-1])
    Y = rng.uniform(0.05, 0.95, (9, sizes[-1]))
    gaps = rng.random(Y.shape) < 0.3
    holed = np.where(gaps, np.nan, Y)
    options: dict[str, Any] = {"output_weight": u, "missing_targets": "ignore"}
    for name in "SGD", "Adam":
        weights = tensors(torch, net)
        theirs = getattr(torch.optim, name)(weights, lr=0.01, **({} if name == "SGD" else {"eps": EPSILON}))
        for _ in range(STEPS):
            theirs.zero_grad()
            a = torch.tanh(torch.nn.functional.linear(torch.tensor(X), weights[0], weights[2]))
            z = torch.nn.functional.linear(a, weights[1], weights[3])
            each = torch_costs(torch, cost, p or 0.0, z, torch.tensor(Y)) * torch.tensor(u)
            C = each[torch.tensor(~gaps)].sum() / len(X)
            C.backward()
            theirs.step()
        run = fastbp.train(net, X, holed, optimizer=OPTIMIZERS[name], epochs=STEPS, batch_size=None, **options)
        assert run.history["loss"][-1] == pytest.approx(C.item(), rel=1e-9, abs=1e-12)
        for ours, other in zip((*net.w, *net.b), weights, strict=True):
            close(ours, other.detach().numpy(), 1e-8)
