"""The command line: fastbp train | predict | info | bench | explain | learn | grade | doctor."""

from fastbp._signals import signals
from fastbp.cli.app import app, run

from fastbp.cli import train, predict, bench, teach, lessons, doctor  # isort: skip  # in the order of the help

__all__ = ["app", "bench", "doctor", "lessons", "main", "predict", "teach", "train"]


def main() -> None:
    """Entry point of the ``fastbp`` command."""
    signals.install()
    run()
