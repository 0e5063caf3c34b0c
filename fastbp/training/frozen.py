"""Which weights and biases a training leaves as they are, and how fast the others follow their gradient."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence, Set
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from fastbp import checks
from fastbp.errors import argument_error

if TYPE_CHECKING:
    from fastbp.network import Network


class Trained(NamedTuple):
    """What is trained of a network."""

    rates: tuple[float, ...]
    """Of each layer 1..L: the factor on its step size, 0 if it is frozen."""
    mask: np.ndarray | None = None
    """Like theta: 0 where a weight is frozen, else 1; None unless some weights of a layer are and others are not."""

    def only(self, net: Network, g: np.ndarray) -> np.ndarray:
        """A gradient laid out like theta, with 0 where nothing is trained."""
        g = g.copy() if self.mask is None else np.where(self.mask != 0, g, g.dtype.type(0))
        for rate, *parts in zip(self.rates, *net._views(g, "w", "b"), strict=True):
            for part in parts:
                part[...] = part if rate else 0
        return g


def check_trained(net: Network, frozen: Any, layer_rates: Any) -> Trained:
    """What is trained, from what a user passes; ValueError where nothing is."""
    rates = list(_factors(layer_rates, net.L))
    if frozen is None:
        return Trained(tuple(rates))
    masks = _masks(net, frozen)
    mask = np.zeros_like(net.theta)
    partly = []
    for l, (of_layer, *parts) in enumerate(zip(masks, *net._views(mask, "w", "b"), strict=True), 1):
        for part, is_frozen in zip(parts, of_layer, strict=True):
            part[...] = ~is_frozen
        n_trained = sum(np.count_nonzero(part) for part in parts)
        if n_trained == 0:
            rates[l - 1] = 0.0
        partly.append(0 < n_trained < sum(part.size for part in parts))
    if not any(rates):
        raise argument_error(
            "frozen", "has all weights and biases; nothing would be learned. Leave out what is to be trained."
        )
    return Trained(tuple(rates), mask if any(partly) else None)


def _is_collection(given: Any) -> bool:
    """Whether it can be looked at more than once, as a run does that another one goes on from."""
    listed = isinstance(given, Collection) and not isinstance(given, str | Mapping)
    return listed and getattr(given, "ndim", 1) > 0


def _factors(layer_rates: Any, L: int) -> tuple[float, ...]:
    if layer_rates is None:
        return (1.0,) * L
    if not _is_collection(layer_rates) or isinstance(layer_rates, Set):  # whose order is none
        raise argument_error(
            "layer_rates",
            f"is {layer_rates!r}; it must have a factor on the learning rate for each of layers 1..{L}. Pass "
            f"{[0.1] * (L - 1) + [1.0]}, say.",
            TypeError,
        )
    factors = tuple(checks.check_real(factor, "layer_rates") for factor in layer_rates)
    if len(factors) != L:
        raise argument_error(
            "layer_rates", f"has {len(factors)} numbers; this network has layers 1..{L}. Pass {L} factors."
        )
    for l, factor in enumerate(factors, 1):
        if factor < 0:
            problem = f"has {factor:g} for layer {l}; it must have a finite number > 0 for each. Pass another factor."
            raise argument_error("layer_rates", problem)
    if 0 in factors:
        l = factors.index(0) + 1
        raise argument_error(
            "layer_rates", f"has 0 for layer {l}; a layer that is not to be trained is frozen. Pass frozen=[{l}]."
        )
    return factors


def _masks(net: Network, frozen: Any) -> list[tuple[Any, Any]]:
    """The masks of w and of b of each layer, True where frozen."""
    need = f"it must list layers in 1..{net.L}, or have a pair of masks, of w and of b, for each of them"
    if not _is_collection(frozen):
        raise argument_error("frozen", f"is {frozen!r}; {need}. Pass frozen=[1], say.", TypeError)
    given = list(frozen)
    if not any(isinstance(item, (Sequence, np.ndarray)) and not isinstance(item, str) for item in given):
        layers = {_layer(item, net.L) for item in given}
        return [(np.bool_(l in layers),) * 2 for l in range(1, net.L + 1)]
    if len(given) != net.L:
        raise argument_error("frozen", f"has {len(given)} items; {need}. Pass {net.L} pairs.")
    masks = []
    for l, pair in enumerate(given, 1):
        if not isinstance(pair, Sequence) or isinstance(pair, str) or len(pair) != 2:
            raise argument_error("frozen", f"is no pair for layer {l}; {need}. Pass (mask_w, mask_b) there.", TypeError)
        masks.append((_mask(pair[0], net.w[l], f"w[{l}]"), _mask(pair[1], net.b[l], f"b[{l}]")))
    return masks


def _layer(item: Any, L: int) -> int:
    number = checks.check_int(item, "frozen")
    if number == 0 or abs(number) > L:
        reason = "layer 0 is the input, which has no weights" if number == 0 else f"the last layer is {L}"
        raise argument_error("frozen", f"has layer {number}; {reason}. Pass l in 1..{L}, or -1 for the last.")
    return number if number > 0 else number + L + 1


def _mask(given: Any, part: np.ndarray, name: str) -> np.ndarray:
    mask = np.asarray(given)
    if mask.dtype != bool or mask.shape not in ((), part.shape):
        raise argument_error(
            "frozen",
            f"has a mask of {name} of {mask.dtype} and shape {mask.shape}; it must be True or False for all, or an "
            f"array of bool of shape {part.shape}, True where a number stays as it is. Pass one of these.",
        )
    return mask
