"""What `fastbp.diagnose_training` says of prepared trainings: how many planted causes it names, how many it accuses.

``python tests/long/training_cases.py [FILE]``: a file with ``FAILURES``, what is planted -> (name of the cause,
function), and ``HEALTHY``, what it is -> function; each function returns the arguments of `fastbp.diagnose_training`.
Without a file those of ``tests/teach/trainings.py``. Ends with 1 if fewer than eight tenths are named, or more than one
tenth accused.
"""

# ruff: noqa: T201

from __future__ import annotations

import runpy
import sys
import time
from pathlib import Path

import fastbp

if __name__ == "__main__":
    cases = runpy.run_path(sys.argv[1] if len(sys.argv) > 1 else str(Path(__file__).parents[1] / "teach/trainings.py"))
    named = accused = 0
    for what, (cause, make) in cases["FAILURES"].items():
        begin = time.perf_counter()
        found = fastbp.diagnose_training(**make())
        named += cause in found.names
        names = ", ".join(found.names) or "nothing"
        first = "first" if found.names[:1] == (cause,) else "named" if cause in found.names else "NOT NAMED"
        print(f"{first:9} {time.perf_counter() - begin:5.1f} s  {what}: {cause}; found {names}", flush=True)
        if first == "NOT NAMED" or "-v" in sys.argv:
            print(found)
    for what, make in cases["HEALTHY"].items():
        begin = time.perf_counter()
        found = fastbp.diagnose_training(**make())
        accused += bool(found.names)
        skill = f"{found.skill.cost:.2f}" + (
            "" if found.skill.classes is None else f", classes {found.skill.classes:.2f}"
        )
        print(
            f"{'ACCUSED' if found.names else 'nobody':9} {time.perf_counter() - begin:5.1f} s  {what} (skill {skill})"
            f"; found {', '.join(found.names) or 'nothing'}",
            flush=True,
        )
        if found.names:
            print(found)
    failures, healthy = len(cases["FAILURES"]), len(cases["HEALTHY"])
    print(f"{named} of {failures} planted causes named, {accused} of {healthy} healthy trainings accused")
    sys.exit(1 if named < 0.8 * failures or accused > 0.1 * healthy else 0)
