"""Numbers of one's own: drawn from a learner's name, the same on every machine and in every version of NumPy."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


def normal_form(name: str) -> str:
    """The name as it counts: NFC, without spaces around it, case-folded.

    Raises
    ------
    TypeError, ValueError
        The name is no text, or an empty one.
    """
    if not isinstance(name, str):
        raise TypeError(f"seed is {name!r}; the name of a learner is needed. Pass a text.")
    found = unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).strip().casefold())
    if not found:
        raise ValueError(f"seed is {name!r}; the name of a learner is needed. Pass one that is not empty.")
    return found


class Draws:
    """Numbers from the SHA-256 of a name: a stream of bytes, of the digest with 0, 1, 2, ... behind it."""

    def __init__(self, name: str) -> None:
        self._digest = hashlib.sha256(normal_form(name).encode()).digest()
        self._block, self._left = 0, b""

    def _bytes(self, n: int) -> bytes:
        while len(self._left) < n:
            self._left += hashlib.sha256(self._digest + self._block.to_bytes(8, "big")).digest()
            self._block += 1
        taken, self._left = self._left[:n], self._left[n:]
        return taken

    def below(self, n: int) -> int:
        """A whole number from 0 to n - 1, each as likely as any other."""
        largest = 2**32 - 2**32 % n
        while (drawn := int.from_bytes(self._bytes(4), "big")) >= largest:
            pass
        return drawn % n

    def some(self, values: Sequence[T], n: int) -> list[T]:
        """n of the values, all different, in an order of their own."""
        left = list(values)
        return [left.pop(self.below(len(left))) for _ in range(n)]


def number_of(name: str) -> int:
    """The seed for random networks that a name stands for."""
    return Draws(name).below(2**31)
