"""The teaching room: every term with its number, a learner's own function, a learner's own numbers."""

from __future__ import annotations

from fastbp.teach.explanation import Explanation, explain

__all__ = ["Explanation", "explain"]
