"""What ``n_threads=None`` does of the best fixed number of threads: ``python -m bench.tuning [--busy CORE]``.

Each net is trained on one thread, on all, with the plan of the model of costs, and with the one that trainings find as
they measure. The four take turns, and medians count. With ``--busy`` another process is held to a core meanwhile.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys

from fastbp.compare import pin
from fastbp.compare.nets import MORE, NETS, Case
from fastbp.compare.peers.fastbp_ import FastbpTrainer
from fastbp.runtime import tuning

LOOP = "import os, sys\nos.sched_setaffinity(0, {int(sys.argv[1])})\nwhile True: pass"

CASES = (
    *NETS,
    *MORE,
    Case("784-30-10 b32", (784, 30, 10), 32, 3_200),
    Case("10-46-46-10 relu Adam b128", (10, 46, 46, 10), 128, 3_200, ("relu", "relu", "sigmoid"), optimizer="adam"),
    Case("4-500-1 relu Adam b128", (4, 500, 1), 128, 3_200, ("relu", "identity"), optimizer="adam"),
    # Nothing was tuned on these.
    Case("200-100-5 tanh b20", (200, 100, 5), 20, 2_000, ("tanh", "sigmoid")),
    Case("30-300-300-1 relu Adam b64", (30, 300, 300, 1), 64, 1_920, ("relu", "relu", "identity"), optimizer="adam"),
    Case("1000-20-2 relu b8", (1000, 20, 2), 8, 2_000, ("relu", "sigmoid")),
    Case(
        "16-64-64-64-4 tanh Adam b256", (16, 64, 64, 64, 4), 256, 2_560, ("tanh",) * 3 + ("sigmoid",), optimizer="adam"
    ),
)


def measure(case: Case, rounds: int, seconds: float) -> tuple[dict[str, float], FastbpTrainer]:
    """Microseconds of a step in each way; the trainer of the plan that was found."""
    X, Y = case.data()
    orders = case.orders()
    counts = {"1": 1, str(len(pin.cores())): len(pin.cores()), "model": None, "found": None}
    trainers = {way: FastbpTrainer(case, X, Y, n_threads) for way, n_threads in counts.items()}

    def turn(way: str) -> float:
        tuning.ENABLED = way == "found"
        taken, steps = 0.0, 0.0
        while taken < seconds:
            taken += trainers[way].time(orders)
            steps += orders.size / case.batch
        return taken / steps * 1e6

    for way in (*counts, *["found"] * 4):
        turn(way)
    taken = [{way: turn(way) for way in counts} for _ in range(rounds)]
    return {way: statistics.median(one[way] for one in taken) for way in counts}, trainers["found"]


def main() -> None:
    """Measure, and print a line for each net."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("nets", nargs="*", help="beginnings of names; default: all")
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=0.08, help="of a turn")
    parser.add_argument("--busy", type=int, help="core of a process that never rests")
    options = parser.parse_args()
    other = None
    if options.busy is not None:
        other = subprocess.Popen([sys.executable, "-c", LOOP, str(options.busy)])
    sys.stdout.write(f"{len(pin.cores())} cores, load {os.getloadavg()[0]:.2f}, busy core: {options.busy}\n")
    try:
        for case in (case for case in CASES if case.name.startswith(tuple(options.nets or [""]))):
            us, trainer = measure(case, options.rounds, options.seconds)
            model, found = us.pop("model"), us.pop("found")
            best, plan = min(us.values()), trainer.last.plan if trainer.last else None
            assert plan is not None
            times = ", ".join(f"{way} {value:.1f}" for way, value in us.items())
            sys.stdout.write(
                f"{case.name}: {times} us; of the best: model {model / best:.3f}, found {found / best:.3f} "
                f"({plan.schedule}, {plan.n_threads} threads)\n"
            )
            sys.stdout.flush()
    finally:
        if other is not None:
            other.kill()


if __name__ == "__main__":
    main()
