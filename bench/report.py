"""From the files of results, one for each CPU, to the README's tables, the page of the documentation and its pictures.

``python -m bench.report`` writes them, ``--check`` fails where they say something else than the files, and
``--compare OLD`` fails where fastbp has become slower, as a multiple of the floor, than in a file of the same CPU.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench import estimators, pictures, scaling
from bench.files import ROOT, files, load, slug
from bench.tables import report as of_tables
from fastbp.compare.results import counted, described, duration, judged, number, races_of

BUSY = 2.5
"""Load from which somebody else must be at work: a suite that has just ended leaves up to one for each thread."""

SIDES = ("fastbp", "scikit-learn", "NumPy")
"""Whose versions matter where only the estimators are compared."""

TAUGHT = ("Numba prange", "textbook", "book's NumPy")
"""Peers that teach rather than compete: not in the README's tables."""

PICTURES = {
    "width": ("sweeps", "Time of a step against width, all peers"),
    "batch": ("sweeps", "Time of a step against the size of the minibatch, all peers"),
    "threads": ("threads", "Speed on two cores against one, for each net"),
    "scaling": ("scaling", "The model to 64 cores, and against the measurements"),
}
"""Name -> the suite it shows, and its title."""


def columns(rows: list[dict[str, Any]]) -> list[str]:
    """Peers in the table's order that were there for at least one net."""
    names = [name for row in rows for name in row["peers"]]
    return [name for name in dict.fromkeys(names) if any("us" in row["peers"].get(name, {}) for row in rows)]


def peers_table(rows: list[dict[str, Any]], without: Sequence[str] = ()) -> list[str]:
    """A row for each net: a step of fastbp, and every peer's as a multiple of the floor, the least in bold."""
    names = [name for name in columns(rows) if name not in without]
    lines = ["| net | fastbp, a step | " + " | ".join(names) + " |", "|---|" + "---:|" * (len(names) + 1)]
    for row in rows:
        times = {name: peer["us"] for name, peer in row["peers"].items() if "us" in peer}
        least = min(times.values())
        cells = []
        for name in names:
            if name not in times:
                cells.append("-")
                continue
            text = number(times[name] / row["floor"])
            cells.append(f"**{text}**" if times[name] == least else text)
        dtype = "" if row["dtype"] == "float32" else f" {row['dtype']}"
        lines.append(f"| {row['net']}{dtype} | {duration(times['fastbp'])} | {' | '.join(cells)} |")
    return lines


def losses(rows: list[dict[str, Any]]) -> list[str]:
    """Where a peer was faster, by how much."""
    found = []
    for row in rows:
        times = {name: peer["us"] for name, peer in row["peers"].items() if "us" in peer}
        name = min(times, key=lambda name: times[name])
        if name != "fastbp":
            dtype = "" if row["dtype"] == "float32" else f" {row['dtype']}"
            found.append(f"{name} on {row['net']}{dtype} (in {times[name] / times['fastbp']:.2f} of the time)")
    return found


def reasons(rows: list[dict[str, Any]]) -> list[str]:
    """Why a peer is missing from a row, each reason once."""
    found: dict[str, None] = {}
    for row in rows:
        for name, peer in row["peers"].items():
            if "reason" in peer:
                found[f"{name}: {peer['reason']}"] = None
    return list(found)


def tables(found: dict[str, Any], suite: str, *, short: bool = False) -> list[str]:
    """A table and its losses for each number of threads; a short one has float32 and the libraries, and all losses."""
    lines: list[str] = []
    for n in sorted({row["threads"] for row in found.get(suite, [])}):
        rows = [row for row in found[suite] if row["threads"] == n]
        shown = [row for row in rows if row["dtype"] == "float32"] if short else rows
        table = peers_table(shown, TAUGHT if short else ())
        lines += [f"On {counted(n, 'core')}, as multiples of the floor:", "", *table, ""]
        lost, hidden = losses(rows), len(rows) - len(shown)
        races = f"{len(rows)} races" + (f" ({hidden} of them, in float64, are not shown here)" if hidden else "")
        if lost:
            lines += [f"fastbp loses {len(lost)} of {races}: to {'; '.join(lost)}.", ""]
        else:
            lines += [f"fastbp wins all {races}.", ""]
    return lines


def figures(found: dict[str, Any]) -> list[str]:
    """The other figures, a line each."""
    lines = []
    for one in found.get("book", []):
        ratio = one["book"] / one["fastbp"]
        lines.append(
            f"- The book's run (784-30-10, minibatches of 10 of 50,000 images) on {counted(one['threads'], 'core')}: "
            f"{one['fastbp']:.2f} s an epoch, by the book's own code {one['book']:.2f} s: **{ratio:.0f} times** faster."
        )
    for one in found.get("forward", []):
        if one["kind"] == "single":
            us = one["us"]
            lines.append(
                f"- One row through 784-30-10 from Python, {counted(one['threads'], 'core')}: "
                f"{duration(us['fastbp'])}; NumPy's two lines {duration(us['NumPy'])}, into arrays that are already "
                f"there {duration(us['NumPy in place'])}."
            )
    for n in sorted({one["threads"] for one in found.get("forward", [])}):
        bulk = [one for one in found["forward"] if one["kind"] == "bulk" and one["threads"] == n]
        parts = ", ".join(f"{one['net'].split()[0]} {one['parts']['fastbp']:.0%}" for one in bulk)
        lines.append(f"- Prediction of 4,096 rows on {counted(n, 'core')}, as parts of sgemm's rate: {parts}.")
    if "start" in found:
        one = found["start"]
        both = one["import"]
        trained = "Without ready-made code a process has trained"
        if "ready" in one:
            ready = one["ready"]["float32"]
            trained = f"A process has trained {ready:.2f} s after its start with ready-made code, without it"
        warm, cold = one["warm"]["float32"], one["cold"]["float32"]
        lines.append(
            f"- `import fastbp` takes {1e3 * both['fastbp']:.0f} ms, `import numpy` {1e3 * both['numpy']:.0f} ms. "
            f"{trained} {warm:.2f} s after its start with the compiler's warm cache, {cold:.1f} s with an empty one."
        )
    if isinstance(found.get("memory"), list):
        worst = max(found["memory"], key=lambda one: one["bytes"] / one["expected"])
        lines.append(
            "- Peak memory of a training run is at most "
            f"{worst['bytes'] / worst['expected']:.2f} times parameters, gradient, optimizer state, one copy of the "
            f"parameters and one minibatch of activations ({worst['net']}, {worst['bytes'] / 1e6:.1f} MB)."
        )
    if isinstance(found.get("mnist"), list):
        for n in sorted({one["threads"] for one in found["mnist"]}):
            times = [
                f"{one['peer']} {one['seconds']:.2f} s ({one['epochs']} epochs)"
                if one["reached"]
                else f"{one['peer']} not in {one['epochs']} epochs"
                for one in found["mnist"]
                if one["threads"] == n and "seconds" in one
            ]
            lines.append(f"- MNIST to 95 % of the test images on {counted(n, 'core')}: {', '.join(times)}.")
    return lines


def heading(found: dict[str, Any]) -> str:
    """Where and with what it was measured."""
    machine = found["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items() if version)
    text = f"{machine['system']}, Python {machine['python']}, {machine['date']}. {versions}."
    load = max((one["load"] for one in found.get("runs", {}).values()), default=0.0)
    if load > BUSY:
        text += f" **Measured on a busy machine (load {load:.1f} before the suites began): not to be quoted.**"
    return text


def machine_by_machine(results: Sequence[dict[str, Any]], suite: str, level: str, write: Any) -> str:
    """What ``write`` says of each machine that has the suite, under a heading with its CPU."""
    parts = [f"{level} {described(found['machine'])}\n\n{write(found)}" for found in results if suite in found]
    return "\n\n".join(parts) or f"Not measured here: `python -m bench.full --only {suite}`."


def readme(results: Sequence[dict[str, Any]]) -> str:
    """The README's block."""

    def one(found: dict[str, Any]) -> str:
        return "\n".join([heading(found), "", *tables(found, "nets", short=True), *figures(found)])

    return machine_by_machine(results, "nets", "###", one)


def page(results: Sequence[dict[str, Any]]) -> str:
    """The documentation's block: more nets, what is missing and why."""

    def one(found: dict[str, Any]) -> str:
        lines = [heading(found), "", *tables(found, "nets")]
        if "more" in found:
            lines += ["**Other nets.**", "", *tables(found, "more")]
        missing = reasons([*found.get("nets", []), *found.get("more", [])])
        if missing:
            lines += ["A dash in a table is a net that the peer does not take:", "", *(f"- {r}." for r in missing), ""]
        lines += ["**Other figures.**", "", *figures(found)]
        return "\n".join(lines)

    return machine_by_machine(results, "nets", "###", one)


def model_of(found: dict[str, Any]) -> str:
    """The model of one machine in words."""
    if "scaling" not in found:
        return "Not measured here: `python -m bench.full --only scaling`."
    return scaling.describe(scaling.fit(found["scaling"], found["machine"]["cache"]))


def model(results: Sequence[dict[str, Any]]) -> str:
    """The model in words."""
    return machine_by_machine(results, "scaling", "###", model_of)


def drop_in(results: Sequence[dict[str, Any]]) -> str:
    """scikit-learn's estimators and fastbp's."""

    def one(found: dict[str, Any]) -> str:
        runs = {name: one for name, one in found.get("runs", {}).items() if name == "sklearn"}
        versions = {name: version for name, version in found["machine"]["versions"].items() if name in SIDES}
        alone = {"machine": found["machine"] | {"versions": versions}, "runs": runs}
        return "\n".join([heading(alone), "", *estimators.describe(found["sklearn"])])

    return machine_by_machine([found for found in results if "data" in found.get("sklearn", {})], "sklearn", "###", one)


def picture(results: Sequence[dict[str, Any]], *names: str) -> str:
    """These pictures of each machine that has them."""
    lines = [
        f"![{title}; {described(found['machine'])}](pictures/{slug(described(found['machine']))}/{name}.svg)"
        for found in results
        for name, (suite, title) in PICTURES.items()
        if name in names and suite in found
    ]
    return "\n\n".join(lines)


BLOCKS = (
    ("README.md", "benchmarks", readme),
    ("docs/benchmarks.md", "benchmarks", page),
    ("docs/benchmarks.md", "crossover", lambda results: picture(results, "width", "batch")),
    ("docs/benchmarks.md", "threads", lambda results: picture(results, "threads")),
    ("docs/benchmarks.md", "model", model),
    ("docs/benchmarks.md", "scaling", lambda results: picture(results, "scaling")),
    ("docs/benchmarks.md", "tables", lambda _: of_tables.block()),
    ("docs/sklearn.md", "benchmarks", drop_in),
)


def replace_block(text: str, name: str, block: str) -> str:
    """The text with what stands between the block's markers exchanged."""
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    if text.count(begin) != 1 or text.count(end) != 1 or text.index(begin) > text.index(end):
        raise ValueError(f"The text has no pair of markers {begin} and {end}. Put them where the block belongs.")
    before, rest = text.split(begin)
    return f"{before}{begin}\n{block}\n{end}{rest.split(end)[1]}"


def digest(found: dict[str, Any]) -> str:
    """Of what the pictures show."""
    shown = {name: found.get(name) for name in ("sweeps", "threads", "scaling")}
    return hashlib.sha256(json.dumps(shown, sort_keys=True).encode()).hexdigest()[:16]


def drawn(results: Sequence[dict[str, Any]], root: Path) -> list[tuple[Path, str, dict[str, Any]]]:
    """Path, name and results of every picture that there should be."""
    return [
        (root / "docs" / "pictures" / slug(described(found["machine"])) / f"{name}.svg", name, found)
        for found in results
        for name, (suite, _) in PICTURES.items()
        if suite in found
    ]


def stale(results: Sequence[dict[str, Any]], root: Path = ROOT) -> list[str]:
    """Files that say something else than the results, or nothing."""
    wrong = []
    for name in dict.fromkeys(name for name, _, _ in BLOCKS):
        text = (root / name).read_text(encoding="utf-8")
        expected = text
        for file, block, write in BLOCKS:
            if file == name:
                expected = replace_block(expected, block, write(results))
        if expected != text:
            wrong.append(name)
    for path, _, found in drawn(results, root):
        if not path.exists() or digest(found) not in path.read_text(encoding="utf-8"):
            wrong.append(path.relative_to(root).as_posix())
    return wrong


def write(results: Sequence[dict[str, Any]], root: Path = ROOT) -> None:
    """Blocks, and the pictures that are not of these results yet."""
    for name, block, text in BLOCKS:
        path = root / name
        path.write_text(replace_block(path.read_text(encoding="utf-8"), block, text(results)), encoding="utf-8")
    for path, name, found in drawn(results, root):
        if not path.exists() or digest(found) not in path.read_text(encoding="utf-8"):
            path.parent.mkdir(parents=True, exist_ok=True)
            pictures.draw(name, found, path, digest(found))


def main(arguments: Sequence[str] | None = None) -> int:
    """Write, check or compare."""
    parser = argparse.ArgumentParser(prog="python -m bench.report", description="Report the benchmarks.")
    parser.add_argument("results", nargs="*", type=Path, help="files of results; default: all in bench/results")
    parser.add_argument("--model", action="store_true", help="print the model of the time of a step, in words")
    parser.add_argument("--check", action="store_true", help="fail where README, page or pictures are not of the files")
    parser.add_argument("--compare", type=Path, metavar="OLD", help="fail where fastbp has become slower than in OLD")
    parser.add_argument("--tolerance", type=float, default=0.1, help="how much slower is noise (default: %(default)s)")
    options = parser.parse_args(arguments)
    paths = options.results or files()
    try:
        if not options.compare:
            results = load(paths)
        elif len(paths) != 1:
            parser.error(f"--compare takes one file of results to compare with {options.compare}; name it.")
        else:
            lines, slower = judged(
                races_of(paths[0]), races_of(options.compare), str(options.compare), options.tolerance
            )
            sys.stdout.write("\n".join(lines) + "\n")
            return int(slower)
    except (OSError, ValueError) as error:
        parser.error(str(error))
    if options.model:
        for found in results:
            sys.stdout.write(f"{found['machine']['cpu']}\n\n{model_of(found)}\n\n")
        return 0
    if options.check:
        wrong = stale(results)
        for name in wrong:
            sys.stdout.write(f"{name} is not of the results. Run python -m bench.report.\n")
        return int(bool(wrong))
    write(results)
    return 0


if __name__ == "__main__":
    sys.exit(main())
