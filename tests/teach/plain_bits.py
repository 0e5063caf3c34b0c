"""Trainings by the textbook's loops in plain Python, and all their bits: what the playground's are compared with.

``python plain_bits.py`` reads cases from its standard input, as JSON, and writes one line for each. It is a program of
its own because the mode of a process is chosen before fastbp is imported.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any


def _asked(cases: list[Any]) -> list[str]:
    """The answers of a process without compiled code."""
    done = subprocess.run(
        [sys.executable, str(Path(__file__))],
        input=json.dumps(cases),
        env={**os.environ, "FASTBP_DISABLE_JIT": "1", "FASTBP_MACHINE_CODE": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split("\n")


def plain(cases: list[dict[str, Any]]) -> list[str]:
    """The bits of each case."""
    return _asked(cases)


def run_programs(programs: list[str]) -> list[dict[str, Any]]:
    """What each program leaves: its parameters as one list, and what `check_backprop` said if it was called."""
    return [json.loads(line) for line in _asked(programs)]


def program(text: str) -> str:
    """Run a program that makes a ``net``, and answer in JSON."""
    import contextlib
    import io

    import numpy as np

    import fastbp

    checks: list[Any] = []
    real = fastbp.check_backprop

    def check_backprop(*args: Any, **options: Any) -> Any:
        checks.append(real(*args, **options))
        return checks[-1]

    names: dict[str, Any] = {}
    fastbp.check_backprop = check_backprop
    try:
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            exec(compile(text, "copied.py", "exec"), names)
    finally:
        fastbp.check_backprop = real
    net = names["net"]
    if hasattr(net, "theta"):
        arrays = [array for l in range(1, net.L + 1) for array in (net.w[l], net.b[l])]
    else:
        arrays = [array for pair in zip(net.weights, net.biases, strict=True) for array in pair]
    return json.dumps(
        {
            "numbers": [float(v) for array in arrays for v in np.ravel(array)],
            "mistakes": [mistake.name for check in checks for mistake in check.mistakes],
            "first wrong": [check.first_wrong for check in checks],
            "printed": printed.getvalue(),
        }
    )


def bits(case: dict[str, Any]) -> str:
    """z, a and delta of the last sample, C and the gradient of the last step, and the parameters after it, by layer."""
    import numpy as np

    from fastbp import textbook

    w, b = ([np.array(part, float) for part in case[name]] for name in "wb")
    X, Y = np.array(case["X"], float), np.array(case["Y"], float)
    options = {"activations": case["activations"], "cost": case["cost"], "cost_parameter": case.get("p")}
    order, batch = case["order"], case["batch"]
    slices = [order[start : start + batch] for start in range(0, len(order), batch)]
    for t in range(case["steps"]):
        chosen = slices[t % len(slices)]
        last = textbook.backprop(w, b, X[chosen[-1]], Y[chosen[-1]], **options)
        g = textbook.minibatch_gradient(w, b, X[chosen], Y[chosen], **options)
        for parameters, gradient in zip((*w, *b), (*g.w, *g.b), strict=True):
            textbook.update_sgd(parameters.reshape(-1), gradient.reshape(-1), case["eta"])
    arrays = [*last.z, *last.a, *last.delta, np.float64(g.cost), *g.w, *g.b, *w, *b]
    return "".join(np.ascontiguousarray(array, ">f8").tobytes().hex() for array in arrays)


if __name__ == "__main__":
    import numpy as np

    with np.errstate(all="ignore"):
        sys.stdout.write("\n".join(program(one) if isinstance(one, str) else bits(one) for one in json.load(sys.stdin)))
