"""What tells arrays apart."""

from __future__ import annotations

import numpy as np
import pytest

from fastbp.kernels.fingerprint import FACTOR, HIGH, LOW, STEP, fingerprint

WORDS = np.random.RandomState(0).randint(0, 1 << 62, 96).astype(np.uint64)


def test_it_is_the_sum_of_hashes_modulo_two_to_the_64() -> None:
    total = 0
    for i, word in enumerate(WORDS.tolist(), 1):
        z = (word + i * int(STEP)) % 2**64
        z = (z ^ (z >> int(HIGH))) * int(FACTOR) % 2**64
        total += z ^ (z >> int(LOW))
    assert int(fingerprint(WORDS)) == total % 2**64


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_a_plain_sum_would_not_notice_changes_it(dtype: type) -> None:
    numbers = WORDS[:48].astype(dtype).view(np.uint64)
    known = {int(fingerprint(numbers))}
    signs = -numbers.view(dtype)
    swapped = numbers.copy()
    swapped[[3, 19]] = swapped[[19, 3]]
    twice = numbers.copy().view(dtype)
    twice[[2, 10]] *= -1
    zero = numbers.copy().view(dtype)
    zero[5] = 0
    negative_zero = zero.copy()
    negative_zero[5] = -0.0
    for other in (signs, swapped, twice, numbers[::-1].copy(), numbers[:-1], zero, negative_zero):
        known.add(int(fingerprint(other.view(np.uint64))))
    assert len(known) == 8


def test_each_bit_counts() -> None:
    found = set()
    for i in (0, 40, 95):
        for bit in range(64):
            changed = WORDS.copy()
            changed[i] ^= np.uint64(1 << bit)
            found.add(int(fingerprint(changed)))
    assert len(found) == 3 * 64
    assert int(fingerprint(WORDS)) not in found
