"""The mistakes that learners make, by name."""

from __future__ import annotations

from fastbp.teach.catalogue_of_errors import ERRORS
from fastbp.teach.catalogue_of_gradients import GRADIENTS

MISTAKES = {mistake.name: mistake for mistake in (*ERRORS, *GRADIENTS)}
"""Name -> mistake."""
