"""The ``fastbp`` command, also ``python -m fastbp``."""

from __future__ import annotations

from fastbp._signals import signals


def main() -> None:
    """Handle signals, then import the command line and run it."""
    signals.install()
    from fastbp.cli import main

    main()


if __name__ == "__main__":
    main()
