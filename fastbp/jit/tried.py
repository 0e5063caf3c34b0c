"""Versions of Numba that were tried. The build of a wheel reads this where neither Numba nor NumPy is installed yet."""

TRIED = ("0.67.", "0.68.")
"""Beginnings of the versions that ``linking``, which builds on what Numba does not promise, was tried with."""
