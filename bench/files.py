"""The files of results that come with the sources, one for each CPU."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "bench" / "results"


def slug(name: str) -> str:
    """A CPU's name as that of a file: ``Intel(R) Xeon(R) Processor (icelake)`` is ``intel-xeon-processor-icelake``."""
    plain = re.sub(r"\((?:R|TM|C)\)|\bCPU\b|@.*", " ", name, flags=re.IGNORECASE)
    return re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-") or "unknown-cpu"


def files() -> list[Path]:
    """The files of results that come with the sources."""
    return sorted(RESULTS.glob("*.json"))


def load(paths: Sequence[Path]) -> list[dict[str, Any]]:
    """What the files hold, the machine measured last first."""
    results = []
    for path in paths:
        try:
            results.append(json.loads(path.read_text(encoding="utf-8")))
            str(results[-1]["machine"]["date"] + results[-1]["machine"]["cpu"])
        except (ValueError, TypeError, KeyError, RecursionError):
            raise ValueError(
                f"{path} holds no results; python -m bench.full writes a file that does. Name such a file."
            ) from None
    return sorted(results, key=lambda found: str(found["machine"]["date"]), reverse=True)
