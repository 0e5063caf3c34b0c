"""The only caller of Numba: what the decorators stand for, and the cache of compiled code."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numba
from numba import types
from numba.core import config as _config
from numba.core.caching import CompileResultCacheImpl, FunctionCache, IndexDataCacheFile, UserProvidedCacheLocator
from numba.core.registry import cpu_target
from numba.core.typing.templates import make_overload_template
from numba.extending import intrinsic
from numba.extending import overload as _overload

from fastbp.jit.cache import PACKAGE, digest, find
from fastbp.jit.linking import BitcodeCompiler, Entry, InnerDispatcher, LinkingCompiler, ParallelCompiler

F = TypeVar("F", bound=Callable[..., Any])

config: Any = _config  # which gets its attributes while it is imported

CACHE_DIR = find(
    digest([numba.__version__, *(str(getattr(config, key)) for key in ("OPT", "BOUNDSCHECK", "DEBUGINFO_DEFAULT"))])
)

prange = numba.prange


class _FileForEach(IndexDataCacheFile):
    """A file for each signature, named after it and after the state of the source file.

    Numba numbers the files and keeps the numbers in an index. Two processes that compile at the same time, one dtype
    each, then give both the same number, and each later process runs the code of one with the data of the other.
    """

    def _name(self, key: Any) -> str:
        known = hashlib.sha256(repr((self._source_stamp, key)).encode()).hexdigest()
        return self._data_name_pattern.format(number=int(known[:12], 16))

    def save(self, key: Any, data: Any) -> None:
        self._save_data(self._name(key), data)

    def load(self, key: Any) -> Any:
        try:
            return self._load_data(self._name(key))
        except FileNotFoundError:
            return None


class _Locator(UserProvidedCacheLocator):
    """The folder of a source file, the same wherever fastbp is installed: an environment made anew compiles nothing."""

    @classmethod
    def get_suitable_cache_subpath(cls, py_file: str) -> str:
        folder = Path(py_file).absolute().parent
        if folder.is_relative_to(PACKAGE):
            return "-".join(folder.relative_to(PACKAGE.parent).parts)
        return str(super().get_suitable_cache_subpath(py_file))


class _CacheImpl(CompileResultCacheImpl):
    def __init__(self, function: Callable[..., Any]) -> None:
        self._locator_classes = [_Locator]
        super().__init__(function)


class _SafeCache(FunctionCache):
    """Numba's cache, of which a damaged file or a full disk costs a compilation and never an error."""

    _impl_class = _CacheImpl

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        self._cache_file = _FileForEach(
            self._cache_path, self._impl.filename_base, self._impl.locator.get_source_stamp()
        )

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        try:
            return super().load_overload(sig, target_context)
        except Exception:  # unpickling a damaged file raises anything
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        try:
            super().save_overload(sig, data)
        except Exception:  # a disk that is full or lost: Numba pickles and writes
            return


def options_of(fastmath: set[str], inlined: bool) -> dict[str, Any]:
    """What Numba is asked for, of any function."""
    return {
        "nopython": True,
        "error_model": "numpy",
        "nogil": True,
        "fastmath": fastmath,
        "forceinline": inlined,  # False, or it would be that of the caller
        "no_cfunc_wrapper": True,
    }


def inner(function: Callable[..., Any], fastmath: set[str], inlined: bool) -> Any:
    """A function that compiled code calls."""
    options = options_of(fastmath, inlined) | {"no_cpython_wrapper": True}
    return InnerDispatcher(function, targetoptions=options, pipeline_class=BitcodeCompiler)


def entry(function: Callable[..., Any], fastmath: set[str], parallel: bool = False) -> Any:
    """A function that Python calls; its code is kept on disk."""
    options = options_of(fastmath, False) | ({"parallel": True} if parallel else {})
    compiler = ParallelCompiler if parallel else LinkingCompiler
    compiled: Any = Entry(function, targetoptions=options, pipeline_class=compiler)
    if CACHE_DIR is not None:
        # Two option sets of one function must not share a file: Numba's index does not know the options.
        kind = "parallel" if parallel else "fused" if fastmath else "strict"
        before = config.CACHE_DIR
        config.CACHE_DIR = str(CACHE_DIR / kind)
        try:
            compiled._cache = _SafeCache(function)  # what numba.njit(cache=True) does with its own class
        except RuntimeError:  # no locator: run without a cache
            pass
        finally:
            config.CACHE_DIR = before
    return compiled


def machine_code(function: Any, *args: Any) -> Any:
    """What Python calls for arguments of these types, without finding out the types each time: for many, half the time.

    It believes that they are the same. A NamedTuple may stand for a tuple.
    """
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
    "no_cfunc_wrapper": True,
    "pipeline_class": BitcodeCompiler,
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
