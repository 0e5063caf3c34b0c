"""The causes by name. Their sentences are prose, and stand in ``causes.md``."""

from __future__ import annotations

from fastbp.teach.catalogue import Mistake, read

CAUSES = read("fastbp.teach.training", "causes.md")
"""Name -> cause, the commonest reason for the others first."""

__all__ = ["CAUSES", "Mistake"]
