"""`python -m bench.tables`: run what is not there yet, and show what is."""

from __future__ import annotations

import argparse
import functools
import sys
from typing import cast

from bench.tables import ablation, peers, report, running, summary
from bench.tables.loading import missing_packages
from bench.tables.protocol import Role, protocol, tables


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.tables", description=__doc__)
    parser.add_argument("--role", choices=["dev", "test"], default="dev", help="which tables; test is for the end")
    parser.add_argument("--models", default=",".join(peers.PEERS), help="names, separated by commas")
    parser.add_argument("--tables", help="names, separated by commas; default: all of the role")
    parser.add_argument("--splits", type=int, help="only the first so many splits")
    parser.add_argument("--ablation", nargs="?", const="all", help="the preset without one thing at a time, or these")
    parser.add_argument("--seeds", type=int, help="of an ablation: only the first so many seeds")
    parser.add_argument("--members", type=int, default=1, help="of an ablation")
    parser.add_argument("--show", action="store_true", help="show what is there; run nothing")
    return parser.parse_args()


def main() -> int:
    """Run and show."""
    asked = _arguments()
    entries = tables(cast(Role, asked.role))
    if asked.tables:
        unknown = set(asked.tables.split(",")) - set(entries)
        if unknown:
            print(f"No tables of the role {asked.role}: {', '.join(sorted(unknown))}", file=sys.stderr)
            return 2
        entries = {name: entries[name] for name in asked.tables.split(",")}
    if not asked.show and (missing := missing_packages()):
        print(f"Install {' '.join(missing)}", file=sys.stderr)
        return 2
    if asked.ablation is not None:
        chosen = ablation.names(asked.ablation, asked.members)
        runs = [(name, ablation.fit(name, asked.members)) for name in chosen]
        seeds = protocol().ablation_seeds[: asked.seeds]
    else:
        chosen = asked.models.split(",")
        runs = [(name, functools.partial(peers.run, name)) for name in chosen]
        seeds = (0,)
    for name, fit in [] if asked.show else runs:
        for run in running.run_all(name, fit, list(entries.values()), seeds, asked.splits):
            print(f"{name:14} {run['table']:14} split {run['split']} seed {run['seed']} {run['ratio']:.4f} "
                  f"{run['cpu_seconds']:.2f} s", flush=True)  # fmt: skip
    if asked.ablation is not None:
        print(ablation.as_text(list(entries), asked.members))
    else:
        print(summary.as_text(chosen, list(entries)))
        print("\n".join(report.goals(cast(Role, asked.role))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
