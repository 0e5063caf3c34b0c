"""Real signals at random moments of one call, over and over, and what is left afterwards.

A program of its own: ``python tests/contracts/signalling.py CALL NUMBER``. Another process sends SIGINT; the call is
made again and again until it comes.
"""

from __future__ import annotations

import faulthandler
import os
import signal
import subprocess
import sys
import time

import numpy as np
from injection import CALLS as CALLS_OF_RUNTIME
from injection import MOST_THREADS, PATIENCE, THREADS, X, Y, network, threads

import fastbp


def many(net: fastbp.Network) -> bytes:
    """Weights of this network and of two others, trained at a time; if any run was interrupted, b""."""
    nets = [net, network(), network()]
    runs = fastbp.train_many(nets, X, Y, epochs=3, batch_size=32, seed=[1, 2, 3], n_threads=THREADS)
    return b"" if any(run.stopped for run in runs) else b"".join(net.theta.tobytes() for net in nets)


CALLS = CALLS_OF_RUNTIME | {"many": many}

SENDER = """
import os, sys, time
for line in sys.stdin:
    time.sleep(float(line))
    os.kill(int(sys.argv[1]), 2)
"""


def main(name: str, number: int) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job would ignore it
    call = CALLS[name]
    expected = {name: call(network()) for name, call in CALLS.items()}
    began = time.perf_counter()
    for _ in range(5):
        call(network())
    usual = (time.perf_counter() - began) / 5
    rng = np.random.default_rng(0)
    sender = subprocess.Popen(
        [sys.executable, "-c", SENDER, str(os.getpid())], stdin=subprocess.PIPE, text=True, start_new_session=True
    )
    assert sender.stdin is not None
    interrupted = finished = 0
    for i in range(number):
        faulthandler.dump_traceback_later(PATIENCE, exit=True)
        net = network()
        come = False
        try:
            sender.stdin.write(f"{rng.random() * 1.5 * usual}\n")
            sender.stdin.flush()
            while True:  # until the signal comes
                result = call(network())
                if result != expected[name]:
                    assert result == b"", f"a wrong result at signal {i}"
                    come = True
                    break
                finished += 1
        except KeyboardInterrupt:
            come = True
        interrupted += come
        assert call(net) == expected[name], f"a wrong result after signal {i}"
        if i % 50 == 0:
            assert all(call(network()) == expected[other] for other, call in CALLS.items())
        assert threads() <= MOST_THREADS, f"{threads()} threads after signal {i}"
    faulthandler.cancel_dump_traceback_later()
    sender.stdin.close()
    sender.wait()
    assert interrupted == number
    sys.stdout.write(f"{number} signals, {threads()} threads, {finished} calls between them\n")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
