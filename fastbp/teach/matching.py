"""Numbers beside numbers: how far a learner's may be from a candidate's, and which way of computing gives them."""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from fastbp.layers import PerLayer
from fastbp.teach.mistakes import Variant, variants
from fastbp.teach.passes import gradient
from fastbp.teach.terms import number, terms
from fastbp.teach.ways import Found, Problem, Way

FULL = 12
"""Digits after the point from which a number counts as printed in full."""
SMALLEST = 16 * 2.0**-24
"""Below some of these float16 has no digits."""
FACTORS = {"factor", "samples", "divided"}
"""Fields of a `Way` that multiply everything by one number."""
LARGEST_FIT = 1e6
"""A step size or a penalty found by fitting lies between its inverse and this."""


@dataclass(frozen=True)
class Precision:
    """A format of numbers: its eps, and how many eps of an entry's |terms| its rounding may come to.

    The terms count every rounding on the way, forward and back. The largest error measured, over all activations, costs
    and three libraries, was 0.6 eps of them. Of the short formats each eps is dear, and they are given fewer.
    """

    name: str
    eps: float
    roundings: float

    @property
    def rounding(self) -> float:
        """What an entry may be off by, as a part of its |terms|."""
        return self.eps * self.roundings


BFLOAT16, FLOAT16 = Precision("bfloat16", 2.0**-7, 4), Precision("float16", 2.0**-10, 4)
FLOAT32, FLOAT64 = Precision("float32", 2.0**-23, 8), Precision("float64", 2.0**-52, 8)


def _survives(values: np.ndarray, precision: Precision) -> bool:
    with np.errstate(over="ignore", under="ignore"):
        if precision is BFLOAT16:
            single = values.astype(np.float32)
            return bool((single == values).all() and not (single.view(np.uint32) & 0xFFFF).any())
        return bool((values.astype(precision.name) == values).all())


def precision_of(arrays: Iterable[np.ndarray]) -> Precision:
    """The shortest format that every number survives; zeros tell nothing."""
    values = np.concatenate([np.ravel(array) for array in arrays] or [np.empty(0)])
    values = values[np.isfinite(values) & (values != 0)]
    if not values.size:
        return FLOAT64
    return next((one for one in (BFLOAT16, FLOAT16, FLOAT32) if _survives(values, one)), FLOAT64)


def as_numbers(value: Any, name: str) -> np.ndarray:
    """The value as float64; TypeError if it is none, and whatever reading it raises."""
    try:
        if "bfloat16" in str(getattr(value, "dtype", "")):  # which NumPy does not know
            return np.asarray(value.tolist(), float)
        array = np.asarray(value)
        if not np.iscomplexobj(array):
            return np.asarray(array, float)
    except (TypeError, ValueError):
        array = np.empty(0)
    if np.iscomplexobj(array):
        raise TypeError(f"{name} is complex; a gradient of real numbers is real. Pass real numbers.")
    raise TypeError(f"{name} is {value!r}; an array of numbers is needed. Pass one.")


def per_layer(given: Any, L: int, name: str) -> dict[int, np.ndarray]:
    """Arrays by layer: from a mapping, from L arrays, or from L + 1 of which the first stands for layer 0."""
    if given is None:
        return {}
    if isinstance(given, Iterator):
        given = list(given)
    if isinstance(given, Mapping):
        pairs = list(given.items())
    elif isinstance(given, PerLayer):
        pairs = list(enumerate(given, 1))
    elif isinstance(given, (Sequence, np.ndarray)) and not isinstance(given, (str, bytes)):
        pairs = list(enumerate(given, 1 if len(given) == L else 0))
        if len(given) == L + 1:
            pairs = pairs[1:]
        elif len(given) != L:
            raise ValueError(
                f"{name} has {len(given)} arrays; the network has layers 1..{L}. Pass {L} arrays, or a dict by layer."
            )
    else:
        raise TypeError(f"{name} is {type(given).__name__}; one array for each layer is needed. Pass a list or a dict.")
    out = {}
    for l, value in pairs:
        if value is None:
            continue
        if l not in range(1, L + 1):
            what = "a layer 0, which is the input and has no weights" if l == 0 else f"a layer {l!r}"
            raise ValueError(f"{name} has {what}; the network has layers 1..{L}. Pass these.")
        out[int(l)] = as_numbers(value, f"{name}[{l}]")
    return out


def decimals(values: np.ndarray) -> int:
    """The most digits after the point that any of the numbers was written with."""
    most = 0
    for value in values.ravel():
        mantissa, _, exponent = repr(float(value)).partition("e")
        digits = len(mantissa.partition(".")[2]) if not mantissa.endswith(".0") else 0
        most = max(most, digits - int(exponent or 0))
    return most


class Given:
    """A learner's numbers, and how far they may be from a candidate.

    ``unit``: half a unit of the last digit typed; ``relative``: a part of the largest number of an array; ``rounding``:
    a part of the |terms| of each entry.
    """

    def __init__(self, w: Any, b: Any, delta: Any, L: int, *, relative: float = 0.0) -> None:
        self.parts = {"w": per_layer(w, L, "w"), "b": per_layer(b, L, "b"), "delta": per_layer(delta, L, "delta")}
        if not self.arrays:
            raise ValueError("There are no numbers to diagnose. Pass w=, b= or delta=, by layer.")
        self.unit, self.relative, self.rounding = 0.0, relative, FLOAT64.rounding

    @property
    def arrays(self) -> list[np.ndarray]:
        """All that was given."""
        return [array for part in self.parts.values() for array in part.values()]

    def beside(self, found: Found) -> Iterator[tuple[np.ndarray, Any]]:
        """Each array, and the candidate's."""
        for kind, part in self.parts.items():
            yield from ((array, getattr(found, kind)[l - 1]) for l, array in part.items())

    def round_as(self, precision: Precision, least: float) -> None:
        """Take the numbers as rounded in this format, or by ``least`` where that is more."""
        self.rounding = max(precision.rounding, least)
        self.unit = SMALLEST if precision.eps > FLOAT32.eps else 0.0

    def digits(self) -> float:
        """How many digits the numbers hold together: what tells a match from chance."""
        total = 0.0
        for array in self.arrays:
            size = np.abs(array[np.isfinite(array)])
            off = self.unit + (self.relative + self.rounding) * size.max(initial=0.0)
            total += float(np.log10(np.maximum(size, off) / off).sum()) if off > 0 else 0.0
        return total

    def backwards(self) -> Given:
        """The same arrays, counted from the last layer."""
        other = copy.copy(self)
        other.parts = {kind: dict(zip(part, reversed(part.values()), strict=True)) for kind, part in self.parts.items()}
        return other

    def bound(self, wanted: Any) -> Any:
        """How far each number may be from a candidate's."""
        size = float(np.abs(number(wanted)).max(initial=0.0))
        return self.unit + self.relative * size + self.rounding * terms(wanted)

    def wrong(self, found: Found, kind: str, l: int) -> np.ndarray:
        """Indices of the numbers of one array that are not the candidate's."""
        return self.off(self.parts[kind][l], getattr(found, kind)[l - 1])

    def off(self, array: np.ndarray, wanted: Any) -> np.ndarray:
        """Indices of the numbers that are further from the candidate's than they may be; from infinity, all are."""
        near = np.isfinite(number(wanted)) & (np.abs(array - number(wanted)) <= self.bound(wanted))
        return np.argwhere(~near)

    def near(self, found: Found, loose: float) -> bool:
        """Whether it is worth a closer look."""
        for array, wanted in self.beside(found):
            if array.shape != wanted.shape or not np.isfinite(array).all():
                return False
            off = np.abs(array - wanted).max(initial=0.0)
            if not off <= self.unit + loose * max(1e-2, np.abs(wanted).max(initial=0.0)):
                return False
        return True

    def matches(self, found: Found) -> bool:
        """Whether every number given is the candidate's."""
        return all(
            array.shape == wanted.shape and bool(np.isfinite(array).all()) and not len(self.off(array, wanted))
            for array, wanted in self.beside(found)
        )


class Evidence(NamedTuple):
    """A problem, and what came of it: numbers, or an error (None)."""

    problem: Problem
    given: Given | None


class Match(NamedTuple):
    """One mistake, or two at once, in the form that gives the numbers, and the number t where it has one."""

    variants: tuple[Variant, ...]
    t: float | None = None


@np.errstate(all="ignore")
def shown(way: Way, evidence: Evidence, t: float = 0.0) -> bool:
    """Whether this way gives what came of the problem, be it an error."""
    problem, given = evidence
    try:
        found = gradient(problem, way, t)
        if given is None or not given.near(found, 0.02 + 100 * given.rounding):
            return False
        return given.matches(gradient(problem, way, t, sized=True))
    except ValueError:  # it does not fit the shapes: learners' code raises there too
        return given is None


@np.errstate(all="ignore")
def _fitted(way: Way, number: str, evidence: Sequence[Evidence]) -> float | None:
    """The t with which a way comes nearest to the numbers; where it is eta of an update that came too early, of layer
    L - 1, in which it is linear.
    """
    slopes, wanted = [], []
    for problem, given in evidence:
        if given is None:
            continue
        try:
            base, one = gradient(problem, way, 0.0), gradient(problem, way, 1.0)
        except ValueError:
            continue
        for kind, part in given.parts.items():
            for l, array in part.items():
                if number == "eta, early" and l != len(problem.w) - 1:
                    continue
                at_0, at_1 = getattr(base, kind)[l - 1], getattr(one, kind)[l - 1]
                if array.shape != at_0.shape:
                    return None
                slopes.append((at_1 - at_0).ravel())
                wanted.append((array - at_0).ravel())
    if not slopes:
        return None
    slope, step = np.concatenate(slopes), np.concatenate(wanted)
    size = float(slope @ slope)
    # One number fits everything.
    if np.count_nonzero(slope) < 2 or not np.isfinite(size) or size == 0:
        return None
    t = float(slope @ step) / size
    if not math.isfinite(t) or not 1 / LARGEST_FIT < abs(t) < LARGEST_FIT:
        return None
    if number == "step":  # typed by hand: two digits, below 1
        rounded = float(f"{t:.1e}")
        return rounded if abs(t - rounded) < 1e-4 * abs(t) and abs(t) < 1 else None
    return t


def _match(chosen: tuple[Variant, ...], evidence: Sequence[Evidence]) -> Match | None:
    way = Way(**{field: choice for variant in chosen for field, choice in variant.changes.items()})
    kinds = [variant.number for variant in chosen if variant.number]
    if not kinds:
        return Match(chosen) if all(shown(way, one) for one in evidence) else None
    # The last problem alone first: most fits end there.
    t = _fitted(way, kinds[0], evidence[:1])
    if len(evidence) > 1 and t is not None:
        t = _fitted(way, kinds[0], evidence) if shown(way, evidence[0], t) else None
    return Match(chosen, t) if t is not None and all(shown(way, one, t) for one in evidence) else None


def singles(evidence: Sequence[Evidence], every: bool = False) -> list[Match]:
    """The single mistakes that explain all of it: the first, or every one of its kind.

    Rare ones and those with a number to be fitted come second, and what is right for another network last.
    """
    forms = list(variants(evidence[0].problem))
    kinds = [
        [form for form in forms if not (form.number or form.rare or form.other)],
        [form for form in forms if form.number or form.rare],
        [form for form in forms if form.other],
    ]
    for kind in kinds:
        found = (match for form in kind if (match := _match((form,), evidence)) is not None)
        matches = list(found) if every else list(itertools.islice(found, 1))
        if matches:
            return matches
    return []


def pairs(evidence: Sequence[Evidence]) -> Iterator[Match]:
    """Every two mistakes at once that do, in different parts of the computation; those with a rare one come last."""
    every = [variant for variant in variants(evidence[0].problem) if variant.pairs]
    every.sort(key=lambda variant: variant.rare)
    for one, other in itertools.combinations(every, 2):
        if one.changes.keys() & other.changes.keys() or one.name == other.name or (one.number and other.number):
            continue
        if "step" in (one.number, other.number) and not FACTORS.isdisjoint({*one.changes, *other.changes}):
            continue  # with a number of its own each factor explains every other
        found = _match((one, other), evidence)
        if found is not None:
            yield found
