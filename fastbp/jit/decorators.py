"""The only caller of ``numba.njit``: flags, the cache of compiled code, and plain Python.

Three decorators, one for each kind of arithmetic (DESIGN: the arithmetic, pinned):

* ``fused``: index sums and polynomials. Each addition meets at most one product, which LLVM may fuse with it (FMA), so
  that scalar and vector code round alike.
* ``strict``: updates and costs. Every operation rounds by itself.
* ``by_dtype``: one name for a float32 and a float64 version of a scalar function, chosen while compiling.

``cache=True`` marks the functions that Python calls: their machine code is kept on disk. The others are parts of
it. With ``FASTBP_DISABLE_JIT=1`` the decorators return the Python functions themselves, so that a debugger steps
through every kernel.
"""

from __future__ import annotations

import pathlib
from collections.abc import Callable
from typing import Any, TypeVar

from fastbp.jit.cache import digest, find, flag

F = TypeVar("F", bound=Callable[..., Any])

DISABLED = flag("FASTBP_DISABLE_JIT") or flag("NUMBA_DISABLE_JIT")
"""True in plain-Python mode: no function is compiled."""

if DISABLED:
    CACHE_DIR: pathlib.Path | None = None

    def _compile(function: F, fastmath: set[str], cache: bool, *, parallel: bool = False, inlined: bool = False) -> F:
        function.py_func = function  # type: ignore[attr-defined]
        return function

    def overload(python: Callable[..., Any], **options: Any) -> Callable[[F], F]:
        """Compiled twin of a Python function; plain Python has no use for it."""
        return lambda twin: twin

    prange: Any = range

    def parallel(function: F) -> F:
        """Compile with Numba's own parallel loops; here, plain Python."""
        return _compile(function, set(), False)

    def constants(single: Any, double: Any) -> Callable[[Any], Any]:
        """Function of a number that gives the constants of its dtype."""
        import numpy as np

        return lambda z: single if isinstance(z, np.float32) else double

    def by_dtype(single: F, double: F) -> F:
        """Choose by the dtype of the first argument: ``single`` for float32, ``double`` for float64."""
        import numpy as np

        def choose(*args: Any) -> Any:
            return single(*args) if isinstance(args[0], np.float32) else double(*args)

        choose.__name__ = choose.__qualname__ = single.__name__.rstrip("_0123456789")
        choose.__doc__ = double.__doc__
        choose.py_func = choose  # type: ignore[attr-defined]
        return choose  # type: ignore[return-value]

else:
    import numba
    from numba import types
    from numba.core import config
    from numba.core.caching import FunctionCache
    from numba.extending import overload as _overload

    from fastbp.jit.linking import Entry, PartCompiler, PartDispatcher, WholeCompiler

    CACHE_DIR = find(
        digest([numba.__version__, *(str(getattr(config, key)) for key in ("OPT", "BOUNDSCHECK", "DEBUGINFO_DEFAULT"))])
    )

    class _SafeCache(FunctionCache):
        """Numba's cache, of which a damaged file or a full disk costs a compilation and never an error."""

        def load_overload(self, sig: Any, target_context: Any) -> Any:
            try:
                return super().load_overload(sig, target_context)
            except Exception:  # unpickling a damaged file raises anything
                return None

        def save_overload(self, sig: Any, data: Any) -> None:
            try:
                super().save_overload(sig, data)
            except Exception:
                return

    def _compile(function: F, fastmath: set[str], cache: bool, *, parallel: bool = False, inlined: bool = False) -> F:
        options: Any = {
            "nopython": True,
            "error_model": "numpy",
            "nogil": True,
            "fastmath": fastmath,
            "forceinline": inlined,  # False, or it would be that of the caller
            "no_cfunc_wrapper": True,
        }
        if not cache:
            options["no_cpython_wrapper"] = True
            return PartDispatcher(function, targetoptions=options, pipeline_class=PartCompiler)  # type: ignore[return-value]
        if parallel:
            options["parallel"] = True
        compiled: Any = Entry(function, targetoptions=options, pipeline_class=WholeCompiler)
        if CACHE_DIR is not None:
            # Two option sets of one function must not share a file: Numba's index does not know the options.
            kind = "parallel" if parallel else "fused" if fastmath else "strict"
            before = config.CACHE_DIR  # type: ignore[attr-defined]
            config.CACHE_DIR = str(CACHE_DIR / kind)  # type: ignore[attr-defined]
            try:
                compiled._cache = _SafeCache(function)  # what numba.njit(cache=True) does with its own class
            except RuntimeError:  # no locator: run without a cache
                pass
            finally:
                config.CACHE_DIR = before  # type: ignore[attr-defined]
        return compiled  # type: ignore[no-any-return]

    _OVERLOAD: Any = {
        "error_model": "numpy",
        "nogil": True,
        "forceinline": False,
        "no_cfunc_wrapper": True,
        "pipeline_class": PartCompiler,
    }

    def overload(python: Callable[..., Any], **options: Any) -> Callable[[F], F]:
        """Compiled twin of a Python function that compiled code cannot run as it stands."""
        return _overload(python, jit_options=_OVERLOAD | options)  # type: ignore[no-any-return]

    def by_dtype(single: F, double: F) -> F:
        """Choose by the dtype of the first argument: ``single`` for float32, ``double`` for float64."""

        def choose(*args: Any) -> Any:
            import numpy as np

            return single(*args) if isinstance(args[0], np.float32) else double(*args)

        choose.__name__ = choose.__qualname__ = single.__name__.rstrip("_0123456789")
        choose.__doc__ = double.__doc__

        # Inlining keeps the flags of the chosen function: they belong to each instruction.
        @_overload(choose, jit_options=_OVERLOAD)
        def twin(*args):  # type: ignore[no-untyped-def]  # Numba compares this signature with the lambda's
            chosen = single if args[0] == types.float32 else double
            return lambda *args: chosen(*args)

        choose.py_func = choose  # type: ignore[attr-defined]
        return choose  # type: ignore[return-value]

    prange = numba.prange

    def parallel(function: F) -> F:
        """Compile with Numba's own parallel loops (``prange``): for comparison in ``bench`` only.

        fastbp itself has a team of threads; products are fused with the sums they feed, as in ``fused``. The loops stay
        in one file, whose changes Numba notices; what they call is in the digest.
        """
        return _compile(function, {"contract"}, True, parallel=True)

    def constants(single: Any, double: Any) -> Callable[[Any], Any]:
        """Function of a number that gives the constants of its dtype."""

        def choose(z: Any) -> Any:
            import numpy as np

            return single if isinstance(z, np.float32) else double

        @_overload(choose, jit_options=_OVERLOAD)
        def twin(z):  # type: ignore[no-untyped-def]
            chosen = single if z == types.float32 else double
            return lambda z: chosen

        return choose


def fused(function: F | None = None, *, cache: bool = False) -> Any:
    """Compile an index sum or a polynomial: products are fused with the sum they feed."""
    if function is None:
        return lambda function: _compile(function, {"contract"}, cache)
    return _compile(function, {"contract"}, cache)


def inlined(function: F) -> F:
    """Compile like ``fused``, but once for all constants that callers pass: LLVM inserts it in each caller."""
    return _compile(function, {"contract"}, False, inlined=True)


def strict(function: F | None = None, *, cache: bool = False) -> Any:
    """Compile an update, a cost or a function that only calls others: every operation rounds by itself."""
    if function is None:
        return lambda function: _compile(function, set(), cache)
    return _compile(function, set(), cache)
