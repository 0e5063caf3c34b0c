"""The only caller of Numba: what the decorators stand for, and the cache of compiled code."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable
from typing import Any, TypeVar

import llvmlite
import numba
from numba import types
from numba.core import config as _config
from numba.core.registry import cpu_target
from numba.core.typing.templates import make_overload_template
from numba.extending import intrinsic
from numba.extending import overload as _overload

from fastbp.jit import progress
from fastbp.jit.cache import digest, find, flag
from fastbp.jit.disk import DiskCache
from fastbp.jit.library import LIBRARY
from fastbp.jit.mode import define_twins, fill_placeholders
from fastbp.jit.tried import TRIED

F = TypeVar("F", bound=Callable[..., Any])

config: Any = _config  # which gets its attributes while it is imported


def _engine() -> Any:
    """How functions are compiled: all together, or each by itself, as Numba does it for everybody."""
    asked = flag("FASTBP_PLAIN_NUMBA")
    tried = numba.__version__.startswith(TRIED)
    if not tried and not asked:
        warnings.warn(
            f"This fastbp was not tried with Numba {numba.__version__}. It compiles in a plainer way, which takes some "
            "six times as long; code from the cache, results and speed are the same. Tried were "
            f"{' and '.join(f'{version}x' for version in TRIED)}.",
            stacklevel=2,
        )
    return importlib.import_module(f"fastbp.jit.{'linking' if tried and not asked else 'plainly'}")


engine = _engine()

_OPTIONS = ("OPT", "BOUNDSCHECK", "DEBUGINFO_DEFAULT")

CACHE_DIR = find(
    digest(
        [
            engine.__name__,
            numba.__version__,
            llvmlite.__version__,
            str(LIBRARY and LIBRARY.constants),
            *(str(getattr(config, option)) for option in _OPTIONS),
        ]
    )
)

if CACHE_DIR is not None:
    progress.remembered_at(CACHE_DIR.parent / f"fastbp-durations-{engine.__name__.rpartition('.')[2]}")

prange = numba.prange


def options_of(fastmath: set[str], inlined: bool) -> dict[str, Any]:
    """What Numba is asked for, of any function."""
    return {
        "nopython": True,
        "error_model": "numpy",
        "nogil": True,
        "fastmath": fastmath,
        "forceinline": inlined,  # False, or it would be that of the caller
        **engine.OPTIONS,
    }


def inner(function: Callable[..., Any], fastmath: set[str], inlined: bool) -> Any:
    """A function that compiled code calls."""
    fill_placeholders(function)
    return engine.inner(function, options_of(fastmath, inlined))


def entry(function: Callable[..., Any], fastmath: set[str], parallel: bool = False) -> Any:
    """A function that Python calls; its code is kept on disk."""
    fill_placeholders(function)
    options = options_of(fastmath, False) | ({"parallel": True} if parallel else {})
    compiled: Any = engine.entry(function, options)
    kind = "parallel" if parallel else "fused" if fastmath else "strict"
    compiled._cache = DiskCache(function, CACHE_DIR, kind)  # what numba.njit(cache=True) does with its own class
    return compiled


def entry_point(function: Any, args: tuple[Any, ...]) -> Any:
    """What Python calls for arguments of these types, whatever it is given."""
    types_ = tuple(function.typeof_pyval(arg) for arg in args)
    if types_ not in function.overloads:
        function.compile(types_)
    return function.overloads[types_].entry_point


def parallel(function: F) -> F:
    """Compile with Numba's own parallel loops (``prange``): for comparison in ``bench`` only.

    fastbp itself has a team of threads; products are fused with the sums they feed, as in ``fused``. The loops stay
    in one file, whose changes Numba notices; what they call is in the digest.
    """
    compiled: F = entry(function, {"contract"}, parallel=True)
    return compiled


_OVERLOAD: Any = {
    "error_model": "numpy",
    "nogil": True,
    "forceinline": False,
    "pipeline_class": engine.BitcodeCompiler,
    **engine.OPTIONS,
}


def overload(python: Callable[..., Any], **options: Any) -> Callable[[F], F]:
    """Compiled twin of a Python function that compiled code cannot run as it stands."""
    decorator: Callable[[F], F] = _overload(python, jit_options=_OVERLOAD | options)
    return decorator


def type_of_twin(twin: Callable[..., Any]) -> Any:
    """Numba's type of a function that ``twin`` chooses by the types of the arguments."""
    options = {"no_cpython_wrapper": True, "nopython": True} | _OVERLOAD
    return types.Function(make_overload_template(twin, twin, options, True, "never"))


def type_of_intrinsic(function: Any) -> Any:
    """Numba's type of an intrinsic, which compiled code then calls as if it stood in its module."""
    context = cpu_target.typing_context
    context.refresh()
    return context.resolve_value_type(function)


def type_of_constants(single: Any, double: Any) -> Any:
    """Of a function that gives the constants of the dtype of its argument."""

    def twin(z):  # type: ignore[no-untyped-def]
        chosen = single if z == types.float32 else double
        return lambda z: chosen

    return type_of_twin(twin)


def type_of_choice(single: Any, double: Any) -> Any:
    """Of a function that is ``single`` for float32 and ``double`` for float64.

    Inlining keeps the flags of the chosen function: they belong to each instruction.
    """

    def twin(*args):  # type: ignore[no-untyped-def]  # Numba compares this signature with the lambda's
        chosen = single if args[0] == types.float32 else double
        return lambda *args: chosen(*args)

    return type_of_twin(twin)


@intrinsic
def _fma(typing: Any, a: Any, b: Any, c: Any) -> Any:
    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.fma(*args)

    return (a(a, b, c), codegen) if a == b == c else None


def type_of_fma() -> Any:
    """Of LLVM's fused multiply-add."""
    return type_of_intrinsic(_fma)


define_twins()
