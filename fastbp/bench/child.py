"""``python -m fastbp.bench.child THREADS MODULE:FUNCTION``: the process that `pin.task` starts."""

import sys

from fastbp.bench.pin import run_child

if __name__ == "__main__":
    run_child(sys.argv[1:])
