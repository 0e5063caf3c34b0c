"""How functions are marked for compilation: flags, and plain Python in their place.

Three decorators, one for each kind of arithmetic (DESIGN: the arithmetic, pinned):

* ``fused``: index sums and polynomials. Each addition meets at most one product, which LLVM may fuse with it (FMA), so
  that scalar and vector code round alike.
* ``strict``: updates and costs. Every operation rounds by itself.
* ``by_dtype``: one name for a float32 and a float64 version of a scalar function, chosen while compiling.

``cache=True`` marks the functions that Python calls: their machine code is kept on disk. Others are inner functions.
Where there is ready-made machine code of them (`fastbp.jit.library`), it is what Python calls. Else Numba is imported
when the first such function is marked, or an inner one is called: the rest of the library reads names and formulas
beside them without a compiler. With ``FASTBP_DISABLE_JIT=1`` the functions are Python's own, so that a debugger steps
through every kernel; and so they are where Numba is not installed, but for those that a library has.
"""

from __future__ import annotations

import functools
import re
import signal
import sys
import typing
from collections.abc import Callable
from types import FunctionType, MethodType
from typing import Any, TypeVar

import numpy as np

from fastbp.jit.library import LIBRARY, Function
from fastbp.jit.mode import DISABLED, compiler, has_numba

F = TypeVar("F", bound=Callable[..., Any])


_PLAINLY = (
    (
        r"No implementation of function Function\(<(?:built-in )?function (\w+).*",
        r"Numba knows no \1 of these arguments",
    ),
    (r"Untyped global name '(\w+)': Cannot determine Numba type of <class '(\w+)'>.*", r"it uses \1, of type \2"),
    (r"The use of a reflected list.*variable '(\w+)'.*", r"it uses the list \1; a tuple or an array is needed"),
    (r"<numba\S* object at 0x\w+>, \(List\(.*", "it uses a list from around it; a tuple or an array is needed"),
    (r" at 0x[0-9a-fA-F]+", ""),
)
"""What Numba says, and what it means."""


class Uncompilable(TypeError):
    """A user's function cannot be compiled; the message is Numba's."""

    @property
    def reason(self) -> str:
        """The line of the message that says most: the innermost cause, or the first that is more than a place."""
        lines = [line.strip() for line in str(self).splitlines()]
        lines = [line for line in lines if line and not line.startswith(("Failed in", "File", "-", "^"))]
        causes = [line for line in lines if line.startswith(("Untyped", "Unknown attribute", "it "))]
        reason = (causes or lines or [type(self.__cause__).__name__])[0].rstrip(".:")
        for said, meant in _PLAINLY:
            reason = re.sub(said, meant, reason)
        return reason


class Inner:
    """A function that compiled code calls. What Numba calls it is made when Numba first asks for its type.

    Without Numba, beside a library, Python finds its own function here.
    """

    def __init__(self, function: Callable[..., Any], make: Callable[[], Any]) -> None:
        functools.update_wrapper(self, function)
        self.py_func = function
        self._make = make

    @functools.cached_property
    def dispatcher(self) -> Any:
        """Numba's object behind the function."""
        return self._make()

    @functools.cached_property
    def for_python(self) -> Callable[..., Any]:
        """What Python calls: the compiled function, or without Numba its own."""
        function: Callable[..., Any] = self.dispatcher if has_numba() else self.py_func
        return function

    @property
    def _numba_type_(self) -> Any:
        return self.dispatcher._numba_type_

    def __call__(self, *args: Any) -> Any:
        """Call the compiled function."""
        return self.for_python(*args)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name == "dispatcher":
            raise AttributeError(name)
        return getattr(self.dispatcher, name)


class Twin(Inner):
    """A function that Python runs as it stands, and compiled code by a twin that is chosen by the types."""

    @property
    def _numba_type_(self) -> Any:
        return self.dispatcher

    def __call__(self, *args: Any) -> Any:
        """Call the Python function."""
        return self.py_func(*args)


class Ready(Inner):
    """A function that Python calls, with machine code for arguments of some types; Numba compiles it for others."""

    def __init__(self, function: Callable[..., Any], make: Callable[[], Any], known: tuple[Function, ...]) -> None:
        super().__init__(function, make)
        self.functions = known

    @functools.cached_property
    def for_python(self) -> Callable[..., Any]:
        """What Python calls for other arguments."""
        function: Callable[..., Any] = self.dispatcher if has_numba() else _plain(self.py_func)
        return function

    def function_for(self, args: tuple[Any, ...]) -> Any:
        """What Python calls of the library for such arguments; None if it has none."""
        return next((function.call for function in self.functions if function.fits(*args)), None)

    def __call__(self, *args: Any) -> Any:
        """Call the library's function, or the compiled one."""
        for function in self.functions:
            try:
                return function.call(*args)
            except TypeError:  # before anything is done
                continue
        return self.for_python(*args)


def _undisturbed(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function as plain Python, which signals find before it or after it, as they find compiled code.

    Else Ctrl-C would leave weights of which some have had their step. Whoever steps through it keeps it.
    """

    @functools.wraps(function)
    def call(*args: Any) -> Any:
        if not SIGNALS or isinstance(sys.gettrace(), FunctionType | MethodType):  # of a debugger
            return function(*args)
        before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        try:
            return function(*args)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    return call


SIGNALS = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP} if hasattr(signal, "pthread_sigmask") else set()
"""Those that a program asks a process to end with."""


def _plain(function: Callable[..., Any]) -> Callable[..., Any]:
    """What Python calls where it is not compiled: it warns of no overflow either, as kernels decide what that means."""
    return np.errstate(all="ignore")(_undisturbed(function))


def _compile(function: F, fastmath: set[str], cache: bool, *, inlined: bool = False) -> Any:
    if DISABLED:
        plain: Any = _plain(function) if cache else function
        plain.py_func = function
        return plain
    if cache:

        def make_entry() -> Any:
            return compiler("compiling").entry(function, fastmath)

        if LIBRARY is None:
            return make_entry()
        return Ready(function, make_entry, LIBRARY.functions(f"{function.__module__}.{function.__qualname__}"))

    def make() -> Any:
        return compiler("compiling").inner(function, fastmath, inlined)

    return Inner(function, make)


def _twin(function: Callable[..., Any], maker: str, *args: Any) -> Any:
    """The function, or in compiled mode its twin, as a function of ``compiling`` makes it."""
    if DISABLED:
        plain: Any = function
        plain.py_func = function
        return plain

    def make() -> Any:
        return getattr(compiler("compiling"), maker)(*args)

    return Twin(function, make)


def constants(single: Any, double: Any) -> Any:
    """Function of a number that gives the constants of its dtype."""

    def choose(z: Any) -> Any:
        return single if isinstance(z, np.float32) else double

    return _twin(choose, "type_of_constants", single, double)


def by_dtype(single: F, double: F) -> F:
    """Choose by the dtype of the first argument: ``single`` for float32, ``double`` for float64."""

    def choose(*args: Any) -> Any:
        return single(*args) if isinstance(args[0], np.float32) else double(*args)

    choose.__name__ = choose.__qualname__ = single.__name__.rstrip("_0123456789")
    choose.__doc__ = double.__doc__
    twin: F = _twin(choose, "type_of_choice", single, double)
    return twin


def overload(python: Callable[..., Any], **options: Any) -> Callable[[F], F]:
    """Compiled twin of a Python function that compiled code cannot run as it stands; plain Python has no use for it."""
    if DISABLED:
        return lambda twin: twin
    decorator: Callable[[F], F] = compiler("compiling").overload(python, **options)
    return decorator


def machine_code(function: Any, *args: Any) -> Any:
    """What Python calls for arguments of these types, without finding out the types each time: for many, half the time.

    It believes that they are the same. A NamedTuple may stand for a tuple.
    """
    if DISABLED:
        return function
    if isinstance(function, Ready):
        known = function.function_for(args)
        if known is not None:
            return known
        if not has_numba():
            return function
        function = function.dispatcher
    return compiler("compiling").entry_point(function, args)


def apart(function: F) -> F:
    """Keep what few trainings call out of its callers, which inserting it there would make slower.

    It stands below the decorator that compiles.
    """
    marked: Any = function
    marked.apart = True
    return function


def fma(function: F) -> F:
    """Compile as LLVM's fused multiply-add: a sum a b + c that is rounded once."""
    twin: F = _twin(function, "type_of_fma")
    return twin


@typing.overload
def fused(function: F) -> F: ...
@typing.overload
def fused(*, cache: bool) -> Callable[[F], F]: ...
def fused(function: Any = None, *, cache: bool = False) -> Any:
    """Compile an index sum or a polynomial: products are fused with the sum they feed."""
    if function is None:
        return lambda function: _compile(function, {"contract"}, cache)
    return _compile(function, {"contract"}, cache)


def inlined(function: F) -> F:
    """Compile like ``fused``, but once for all constants that callers pass: LLVM inserts it in each caller."""
    compiled: F = _compile(function, {"contract"}, False, inlined=True)
    return compiled


@typing.overload
def strict(function: F) -> F: ...
@typing.overload
def strict(*, cache: bool) -> Callable[[F], F]: ...
def strict(function: Any = None, *, cache: bool = False) -> Any:
    """Compile an update, a cost or a function that only calls others: every operation rounds by itself."""
    if function is None:
        return lambda function: _compile(function, set(), cache)
    return _compile(function, set(), cache)
