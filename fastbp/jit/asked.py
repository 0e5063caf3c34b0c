"""What the environment asks of this room, and the system that the code is for."""

from __future__ import annotations

import os
import sys

from fastbp.jit.cache import flag

PLAIN = flag("FASTBP_DISABLE_JIT") or flag("NUMBA_DISABLE_JIT")
"""Whether everything is to run as plain Python."""

BUILD_FOR = os.environ.get("FASTBP_BUILD_FOR", "").split()
"""Of a process that makes a library for another machine: its ``sys.platform``, and ``wide`` if it has AVX-512."""

SYSTEM = BUILD_FOR[0] if BUILD_FOR else sys.platform
"""``sys.platform`` where the code will run."""
