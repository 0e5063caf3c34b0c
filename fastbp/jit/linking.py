"""Functions that only compiled code calls: LLVM sees them once, inside the functions that Python calls.

Left to itself, Numba optimises every function together with all that it calls and makes it machine code, then does so
again for each of its callers: half of the time that a first ``train`` took.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from llvmlite.binding import Linkage
from numba._dynfunc import make_function
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler
from numba.core.errors import ForceLiteralArg
from numba.core.registry import CPUDispatcher
from numba.core.sigutils import normalize_signature
from numba.core.typed_passes import NopythonRewrites
from numba.core.types import unliteral
from numba.core.untyped_passes import InlineClosureLikes

from fastbp.jit.shield import begin_function, compiled_whole


class Library(JITCodeLibrary):
    """LLVM code whose loops may use the CPU's widest vectors.

    LLVM takes half of an AVX-512 register on Intel CPUs unless a function asks for all of it: measured 80 against
    150 GFLOP/s for a block of 8 x 32 float32 sums.
    """

    apart = False
    """Whether the function is never inserted where it is called."""

    def add_ir_module(self, module: Any) -> None:
        """Add what Numba has made of a function."""
        for function in module.functions:
            if not function.is_declaration:
                # llvmlite renders attributes as they are but knows only the keyword ones.
                set.add(function.attributes, '"prefer-vector-width"="512"')
                if self.apart:
                    function.attributes.add("noinline")
        super().add_ir_module(module)


OPTIONS = {"no_cfunc_wrapper": True}
"""Of every function, beside those that are for Numba's users."""


class Bitcode(Library):
    """A function's LLVM code, neither optimised together with what it calls nor made machine code."""

    def _optimize_functions(self, module: Any) -> None:
        """Only what makes the code shorter: the rest is done once, where all of it is together."""
        module.data_layout = self._codegen._data_layout
        for function in module.functions:
            passes, builder = self._codegen._function_pass_manager(opt=1)
            passes.run(function, builder)

    def finalize(self) -> None:
        """Be done, and leave the work to the callers."""
        for function in self._final_module.functions:
            if not function.is_declaration and function.linkage == Linkage.external:
                function.linkage = "linkonce_odr"  # a caller may get it by more than one way
        self._finalized = True

    def _get_module_for_linking(self) -> Any:
        """The function and all that it calls."""
        if self._shared_module is None:
            self._link_callees()
        return super()._get_module_for_linking()

    def _link_callees(self) -> None:
        # Callers first: LLVM drops what nothing linked before refers to.
        for library in reversed(self._callees_first({self})):
            inner = isinstance(library, Bitcode)
            module = library._final_module if inner else library._get_module_for_linking()
            self._final_module.link_in(module, preserve=True)

    def whole(self) -> str:
        """The function and all that it calls, as text; nobody has optimised it together."""
        self._link_callees()
        return str(self._final_module)

    def _callees_first(self, seen: set[JITCodeLibrary]) -> list[JITCodeLibrary]:
        """What the function calls, directly or not, and is not yet ``seen``, each after what it calls itself."""
        order: list[JITCodeLibrary] = []
        for library in self._linking_libraries:
            if library not in seen:
                seen.add(library)
                if isinstance(library, Bitcode):
                    order += library._callees_first(seen)
                order.append(library)
        return order


def asks_for_literals(function: Any) -> bool:
    """Whether the function is compiled anew for each value of some argument.

    Such a function also stays apart from its callers: LLVM left its sums in memory where it was inserted.
    """
    return "literally" in function.__code__.co_names


class BitcodeCompiler(Compiler):
    """Numba's compiler, whose result is a ``Bitcode``, without the passes that have nothing to do in kernels."""

    def define_pipelines(self) -> list[Any]:
        """Numba's own, but for closures to inline and expressions of whole arrays to turn into loops."""
        pipelines: list[Any] = super().define_pipelines()
        for pipeline in pipelines:
            dropped = (InlineClosureLikes, NopythonRewrites)
            pipeline.passes = [kept for kept in pipeline.passes if kept[0] not in dropped]
            pipeline.finalize()
        return pipelines

    def compile_extra(self, func: Any) -> Any:
        """Compile a function into a ``Bitcode``."""
        context = self.state.targetctx
        self.state.library = Bitcode(context.codegen(), func.__qualname__)
        self.state.library.apart = asks_for_literals(func) or getattr(func, "apart", False)
        context.get_executable = self._no_executable
        return super().compile_extra(func)

    @staticmethod
    def _no_executable(library: Any, descriptor: Any, environment: Any) -> Any:
        """What stands for the machine code: Numba knows the function by it, and nothing calls it."""
        return make_function(descriptor.lookup_module(), descriptor.qualname, "", 0, environment, (library,))


class Linked(Library):
    """The code of a function that Python calls, and of all inner functions below it."""

    def _optimize_final_module(self) -> None:
        """Tell LLVM first that nobody else calls the inner functions, so that it inserts those with one caller there.

        A call of the kernels costs much: they pass some forty numbers. Measured for 4-16-16-1, batches of 32: 2.26 us a
        step with calls, 1.91 without.
        """
        for function in self._final_module.functions:
            if not function.is_declaration and function.linkage == Linkage.linkonce_odr:
                function.linkage = Linkage.internal
        super()._optimize_final_module()


class LinkingCompiler(Compiler):
    """Numba's compiler, whose result is a ``Linked``."""

    def compile_extra(self, func: Any) -> Any:
        """Compile a function into a ``Linked``."""
        self.state.library = Linked(self.state.targetctx.codegen(), func.__qualname__)
        self.state.library.enable_object_caching()
        return super().compile_extra(func)


class ParallelCompiler(LinkingCompiler):
    """Numba's compiler of ``prange``, whose loops, which it compiles apart, are each a ``Linked`` too.

    Else an inner function of two of them is one for all, the machine code of whichever came first, and LLVM has made
    each to fit its own callers: a call of the other's ended in an error that nobody had raised.
    """

    def compile_extra(self, func: Any) -> Any:
        """Compile a function and its loops."""
        codegen = self.state.targetctx.codegen()
        codegen._library_class = Linked
        try:
            return super().compile_extra(func)
        finally:
            del codegen._library_class


class Entry(CPUDispatcher):
    """What Python calls, and caches on disk."""

    def compile(self, sig: Any) -> Any:
        """Compile, or load, whatever signals come."""
        return compiled_whole(super().compile, sig)


class InnerDispatcher(CPUDispatcher):
    """What compiled code calls. Where Python does, tests and the curious, the function is compiled by itself."""

    _compiler: Any

    @functools.cached_property
    def standalone(self) -> Any:
        """The function compiled by itself, for Python to call."""
        options = {**self.targetoptions, "no_cpython_wrapper": False}
        return CPUDispatcher(self.py_func, targetoptions=options, pipeline_class=LinkingCompiler)

    def get_call_template(self, args: Any, kws: Any) -> Any:
        """What Numba calls for arguments of these types: a literal is a number like any other, if not asked for."""
        if not asks_for_literals(self.py_func):
            args, kws = [unliteral(type_) for type_ in args], {name: unliteral(type_) for name, type_ in kws.items()}
        return super().get_call_template(args, kws)

    def compile(self, sig: Any) -> Any:
        """Compile, without the timers that Numba starts for every function: each listens to all that the others do."""
        with self._compiling_counter:
            args, return_type = normalize_signature(sig)
            known: Any = self.overloads.get(tuple(args))
            if known is None:
                begin_function()
                try:
                    known = self._compiler.compile(args, return_type)
                except ForceLiteralArg as asked:  # by ``literally``
                    fold = self._compiler.fold_argument_types
                    raise asked.bind_fold_arguments(lambda args, kws: fold(args, kws)[1]) from asked
                self.add_overload(known)
            return known.entry_point

    def add_overload(self, cres: Any) -> None:
        """Keep a compiled inner function for other compiled code, and from Python."""
        self.overloads[tuple(cres.signature.args)] = cres

    def _compile_for_args(self, *args: Any, **kws: Any) -> Any:
        """Compile the function by itself; Python then calls that whenever it passes arguments of these types."""
        known = set(self.standalone.overloads)
        entry = self.standalone._compile_for_args(*args, **kws)
        for types in self.standalone.overloads.keys() - known:
            cres = self.standalone.overloads[types]
            self._insert([type_._code for type_ in types], cres.entry_point, cres.objectmode)  # type: ignore[attr-defined]
        return entry


def inner(function: Callable[..., Any], options: dict[str, Any], compiler: Any = BitcodeCompiler) -> Any:
    """A function that compiled code calls."""
    without = {"no_cpython_wrapper": True}
    return InnerDispatcher(function, targetoptions=options | without, pipeline_class=compiler)


def entry(function: Callable[..., Any], options: dict[str, Any]) -> Any:
    """A function that Python calls."""
    compiler = ParallelCompiler if options.get("parallel") else LinkingCompiler
    return Entry(function, targetoptions=options, pipeline_class=compiler)
