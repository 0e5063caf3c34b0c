"""``python -m fastbp.compare.child THREADS MODULE:FUNCTION``: the process that `pin.task` starts."""

import signal
import sys

from fastbp.compare.pin import run_child

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the process that waits for this one, which ends it
    run_child(sys.argv[1:])
