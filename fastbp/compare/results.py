"""What a measurement leaves behind: a file of races, in words that people read, and compared with an earlier one."""

from __future__ import annotations

import datetime
import importlib
import json
import platform
from pathlib import Path
from typing import Any

from fastbp.compare import peers, pin
from fastbp.compare.nets import Result
from fastbp.io.atomic import write_atomically
from fastbp.machine import cpu_name


def number(value: float) -> str:
    """Three digits at most."""
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:,.0f}"


def duration(us: float) -> str:
    """With its unit."""
    return f"{number(us)} us" if us < 1000 else f"{number(us / 1e3)} ms" if us < 1e6 else f"{number(us / 1e6)} s"


def counted(n: int, thing: str) -> str:
    """In words."""
    return f"{n} {thing}" if n == 1 else f"{n} {thing}s"


def cpu() -> dict[str, str]:
    """Name of this machine's CPU, and of its architecture: clouds give many the same name."""
    binding = importlib.import_module("llvmlite.binding")
    return {"cpu": cpu_name(), "architecture": binding.get_host_cpu_name()}


def machine() -> Result:
    """Where the figures come from."""
    return {
        **cpu(),
        "cores": len(pin.cores()),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "versions": {peer.name: peer.version for peer in peers.load()},
        "pinning": {peer.name: peer.pinning for peer in peers.load()},
    }


def described(machine: Result) -> str:
    """As people write it, with the architecture where it is known."""
    name = " ".join(machine["cpu"].replace("(R)", "").replace("(TM)", "").split())
    return f"{name} ({machine['architecture']})" if machine.get("architecture") else name


def rounded(value: Any) -> Any:
    """Four significant digits: what a measurement is worth, and a file that people can read."""
    if isinstance(value, float):
        return float(f"{value:.4g}")
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    return [rounded(item) for item in value] if isinstance(value, list) else value


def write(path: Path, found: Result) -> None:
    """A line for each result, so that a change can be read."""
    parts = []
    for name, value in found.items():
        if isinstance(value, list):
            lines = ",\n".join("  " + json.dumps(item) for item in value)
            parts.append(f'"{name}": [\n{lines}\n]')
        elif isinstance(value, dict) and any(isinstance(item, list) for item in value.values()):
            blocks = [
                f'  "{key}": [\n' + ",\n".join("    " + json.dumps(entry) for entry in item) + "\n  ]"
                for key, item in value.items()
            ]
            parts.append(f'"{name}": {{\n' + ",\n".join(blocks) + "\n}")
        else:
            parts.append(f'"{name}": {json.dumps(value)}')
    write_atomically(path, [("{\n" + ",\n".join(parts) + "\n}\n").encode()])


def races(found: Result) -> list[Result]:
    """Of both tables."""
    return [*found.get("nets", []), *found.get("more", [])]


def raced(row: Any) -> bool:
    """Whether a file's row is a race that a comparison can read."""
    try:
        net, dtype, n = row["net"], row["dtype"], row["threads"]
        multiple = row["peers"]["fastbp"]["us"] / row["floor"]
    except (KeyError, TypeError, ZeroDivisionError):
        return False
    return isinstance(net, str) and isinstance(dtype, str) and isinstance(n, int) and multiple > 0


def races_of(path: Path) -> Result:
    """A file to compare, of which only CPU and races are asked; ValueError where it holds none."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        known = bool(races(found)) and all(map(raced, races(found)))
        cpu = found.get("machine", {}).get("cpu", "")
    except (ValueError, TypeError, AttributeError, RecursionError):
        known, cpu = False, ""
    if not (known and isinstance(cpu, str)):
        raise ValueError(
            f"{path} holds no races; a comparison needs a file that fastbp bench --json or python -m bench.full "
            "has written. Write one first."
        )
    return dict(found)


def other_cpu(here: Result, there: Result, name: str) -> str:
    """Why multiples of the floor do not compare: they are of two CPUs. Nothing where they are of one."""
    known = [machine["architecture"] for machine in (here, there) if "architecture" in machine]
    if "cpu" in here and here["cpu"] == there.get("cpu") and len(set(known)) < 2:
        return ""
    now, was = (described(machine) if "cpu" in machine else "a CPU that it does not name" for machine in (here, there))
    return (
        f"{name} was measured on {was}, this is {now}: multiples of the floor do not compare between CPUs. "
        "Nothing is said about the speed. Compare with a file measured here, by fastbp bench --json."
    )


def compare(new: list[Result], old: list[Result], tolerance: float = 0.1) -> list[tuple[str, float]]:
    """Races in which fastbp's multiple of the floor has grown by more than ``tolerance``, and the factors.

    A multiple of the floor, not a time: the machine may be busy. It must be the same CPU (`other_cpu`).
    """
    before = {(row["net"], row["dtype"], row["threads"]): row for row in old}
    worse = []
    for row in new:
        key = (row["net"], row["dtype"], row["threads"])
        if key in before:
            now, then = (one["peers"]["fastbp"]["us"] / one["floor"] for one in (row, before[key]))
            if now > (1 + tolerance) * then:
                worse.append((f"{key[0]} {key[1]}, {counted(key[2], 'thread')}", now / then))
    return worse


def judged(new: Result, old: Result, name: str, tolerance: float) -> tuple[list[str], bool]:
    """What a comparison with the file of this name says, a line each, and whether something has become slower."""
    other = other_cpu(new.get("machine", {}), old.get("machine", {}), name)
    if other:
        return [other], False
    known = {(row["net"], row["dtype"], row["threads"]) for row in races(old)}
    if not any((row["net"], row["dtype"], row["threads"]) in known for row in races(new)):
        return [f"{name} holds none of these races; nothing was compared."], False
    worse = compare(races(new), races(old), tolerance)
    lines = [f"Slower than in {name}: {race}, {factor:.2f} times its multiple of the floor" for race, factor in worse]
    return lines or [f"Not slower than in {name}, but for up to {tolerance:.0%} of noise."], bool(worse)
