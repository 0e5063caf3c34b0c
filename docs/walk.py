"""The figure of X's way from `fastbp.train` to the micro-kernel of BP4, drawn from a training that is watched.

One minibatch is trained in plain Python, where a profiler sees every call. The figure has the functions that are at
work when BP4 of layer 1 comes to its innermost loop, and the name that each of them has for the samples.

    python docs/walk.py         prints the steps
    python docs/walk.py --draw  draws the figure
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from html import escape
from itertools import groupby
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
PICTURE = "docs/pictures/walk.svg"

ROOMS = {
    "fastbp/training": "which minibatches, in which order, and when to stop",
    "fastbp/runtime": "a slice of the epoch, by a team of threads",
    "fastbp/kernels/schedules": "which thread computes which tile; barriers",
    "fastbp/kernels": "the equations of a layer: BP4 says what a, b and c are",
    "fastbp/kernels/gemm": "one blocked sum; its loop over x in registers",
}
"""What each room on the way is for."""


class Step(NamedTuple):
    """A function on the way."""

    function: str
    file: str
    """From the root of the repository."""
    samples: str
    """Its name for the samples."""

    @property
    def room(self) -> str:
        return self.file.rpartition("/")[0]


def named(value: Any, name: str, starts: list[int], depth: int = 5) -> list[str]:
    """The names under which a value holds an array that begins where the samples do, in X or in a^0."""
    import numpy as np

    if isinstance(value, np.ndarray):
        return [name] if value.size and value.__array_interface__["data"][0] in starts else []
    if depth == 0:
        return []
    if isinstance(value, tuple) and hasattr(value, "buf"):  # a matrix
        return [name] if named(value.buf, name, starts) else []
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        parts = value._asdict()
    elif type(value).__module__.startswith(("fastbp.runtime", "fastbp.training")):
        parts = vars(value)
    else:
        return []
    return [found for part, inside in parts.items() for found in named(inside, f"{name}.{part}", starts, depth - 1)]


def watch() -> list[Step]:
    """The steps, in a process where the kernels are plain Python."""
    import numpy as np

    import fastbp

    net = fastbp.Network([3, 4, 2], seed=0)
    X, Y = np.random.default_rng(0).random((5, 3)), np.eye(2)[[0, 1, 1, 0, 1]]
    starts, checked, steps = [X.__array_interface__["data"][0]], [], []

    def seen(frame: FrameType, event: str, argument: Any) -> None:
        name, known = frame.f_code.co_name, frame.f_locals
        if event == "return" and name == "gather_inputs":  # it has copied the samples to where a^0 is
            starts.insert(0, known["a_0"].buf.__array_interface__["data"][0])
        if event == "return" and name == "train" and frame.f_code.co_filename.endswith("standard.py"):
            checked.append(step(frame))  # it hands the samples on in what it returns
        if event == "return" and name == "micro_kernel" and not steps:
            stack = [frame]
            while stack[-1].f_back is not None:
                stack.append(stack[-1].f_back)
            inside = f"{ROOT}/fastbp/", f"{ROOT}/fastbp/jit/"  # what stands around a kernel as plain Python is no step
            names = [(one, one.f_code.co_filename) for one in stack[::-1]]
            stack = [one for one, file in names if file.startswith(inside[0]) and not file.startswith(inside[1])]
            called = [one.f_code.co_name for one in stack]
            if "weight_gradient" in called:
                steps.extend(checked + [step(one) for one in stack[called.index("run") :]])

    def step(frame: FrameType) -> Step:
        known = dict(frame.f_locals)
        for start in starts:
            names = [found for name, value in known.items() for found in named(value, name, [start])]
            if names:
                break
        shortest = min(names, key=lambda name: name.count("."), default="")
        return Step(frame.f_code.co_qualname, str(Path(frame.f_code.co_filename).relative_to(ROOT)), shortest)

    sys.setprofile(seen)
    try:
        fastbp.train(net, X, Y, epochs=1, batch_size=5, shuffle=False, n_threads=1, optimizer=fastbp.Adam(0.1))
    finally:
        sys.setprofile(None)
    return steps


def walk() -> list[Step]:
    """The steps from ``train`` down to the micro-kernel."""
    environment = os.environ | {"FASTBP_DISABLE_JIT": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, __file__, "--json"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return [Step(*parts) for parts in json.loads(done.stdout)]


def rooms(steps: list[Step]) -> list[tuple[str, list[Step]]]:
    """The rooms in the order in which they are entered; one that is left and entered again comes twice."""
    return [(room, list(inside)) for room, inside in groupby(steps, lambda step: step.room)]


WIDTH, LINE, TITLE, GAP, LEFT = 470, 24, 52, 26, 4


def svg(steps: list[Step]) -> str:
    """The figure: a box for each room, from above to below, with its functions and their names for the samples."""
    parts, y = [], GAP
    for room, inside in rooms(steps):
        height = TITLE + LINE * len(inside) + 8
        if y > GAP:
            parts.append(f'<path d="M{WIDTH / 2} {y - GAP} v{GAP - 9} m-5 0 h10 l-5 8 z" class="arrow"/>')
        parts.append(f'<rect x="{LEFT}" y="{y}" width="{WIDTH - 2 * LEFT}" height="{height}" rx="8"/>')
        parts.append(f'<text x="{LEFT + 10}" y="{y + 22}" class="room">{escape(room)}</text>')
        parts.append(f'<text x="{LEFT + 10}" y="{y + 41}" class="about">{escape(ROOMS.get(room, ""))}</text>')
        for i, step in enumerate(inside):
            at, module = y + TITLE + LINE * i + 13, step.file.rpartition("/")[2]
            parts.append(f'<text x="{LEFT + 10}" y="{at}"><tspan class="code">{escape(step.function)}</tspan>')
            parts.append(f'<tspan class="about">  {escape(module)}</tspan></text>')
            parts.append(f'<text x="{WIDTH - LEFT - 10}" y="{at}" class="code samples">{escape(step.samples)}</text>')
        y += height + GAP
    style = """
text { font: 14px sans-serif; fill: #1b1f24; white-space: pre; }
.room { font-weight: bold; } .about { font-size: 12px; fill: #57606a; }
.code { font: 13px monospace; } .samples { text-anchor: end; fill: #0a5bb5; }
rect { fill: #f6f8fa; stroke: #b6bec7; } .arrow { stroke: #57606a; fill: #57606a; stroke-width: 1.5; }
.paper { fill: #ffffff; stroke: none; }"""
    label = "From fastbp.train to the micro-kernel of BP4: " + ", ".join(step.function for step in steps)
    size = f'viewBox="0 0 {WIDTH} {y}" width="{WIDTH}" height="{y}"'
    opening = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="{escape(label)}">'
    return "\n".join(
        [
            opening,
            f"<style>{style}</style>",
            f'<rect class="paper" width="{WIDTH}" height="{y}"/>',
            *parts,
            "</svg>",
            "",
        ]
    )


if __name__ == "__main__":
    if "--json" in sys.argv:
        print(json.dumps(watch()))
    elif "--draw" in sys.argv:
        (ROOT / PICTURE).write_text(svg(walk()), encoding="utf-8")
    else:
        for step in walk():
            print(f"{step.file:48} {step.function:32} {step.samples}")
