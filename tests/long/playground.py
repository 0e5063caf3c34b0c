"""The playground beside the textbook after a thousand steps: every cost and output behind every hidden activation.

    python tests/long/playground.py [cost ...]

Ends with 1 if a bit differs. Chromium and its driver have to be installed.
"""

# ruff: noqa: T201

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "teach"))

from engine import HIDDEN, LEGAL, engine, long_case
from plain_bits import plain


def main(*costs: str) -> int:
    os.environ["FASTBP_REQUIRE_BROWSER"] = "1"
    compared, differ, diverged = 0, 0, 0
    with tempfile.TemporaryDirectory() as folder, engine(Path(folder)) as window:
        for seed, (cost, output) in enumerate(LEGAL):
            if costs and cost not in costs:
                continue
            cases = [long_case(cost, output, hidden, 100 * seed + i) for i, hidden in enumerate(HIDDEN)]
            page = [found for one in cases for found in window.run("return [trained(arguments[0])]", one)]
            wrong = []
            for hidden, mine, textbook in zip(HIDDEN, page, plain(cases), strict=True):
                wrong += [hidden] * (mine != textbook)
                diverged += "7ff8000000000000" in textbook
            compared, differ = compared + len(cases), differ + len(wrong)
            print(f"{cost}, {output}: {len(cases)} trainings, {', '.join(wrong) or 'none'} with other bits", flush=True)
    print(f"{compared} trainings of 1,000 steps, {differ} with other bits; {diverged} diverged")
    return int(not compared or bool(differ))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
