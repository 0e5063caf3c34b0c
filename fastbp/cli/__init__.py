"""The command line: fastbp train | tune | predict | info | bench | explain | play | learn | grade | doctor."""

from fastbp._signals import signals
from fastbp.cli.app import app, run

from fastbp.cli import train, tune, predict, bench, teach, play, lessons, doctor  # isort: skip  # in the order of the help

__all__ = ["app", "bench", "doctor", "lessons", "main", "play", "predict", "teach", "train", "tune"]


def main() -> None:
    """Entry point of the ``fastbp`` command."""
    signals.install()
    run()
