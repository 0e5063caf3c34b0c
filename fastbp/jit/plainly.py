"""Compiling by what Numba promises, for versions of it that have not been tried with ``linking``.

It offers the same names. LLVM then optimises each function again in each of its callers, which takes six times as long.
The code that comes out is as fast, and has the same bits. For that, LLVM has to be told of each function which vectors
it may use, and whether it stays apart from its callers: each begins with the call of an intrinsic that does it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numba
from numba.core import ir, types
from numba.core.compiler import Compiler
from numba.core.compiler_machinery import FunctionPass, register_pass
from numba.core.untyped_passes import IRProcessing
from numba.extending import intrinsic

from fastbp.jit.shield import begin_function, compiled_whole


def _mark(name: str, *attributes: str) -> Any:
    """Intrinsic that gives these attributes of LLVM's to the function that calls it."""

    def mark(typing: Any) -> Any:
        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            for attribute in attributes:
                set.add(builder.function.attributes, attribute)  # whose own method knows only those of one word
            return context.get_dummy_value()

        return types.none(), codegen

    mark.__name__ = name
    return intrinsic(mark)


WIDE = '"prefer-vector-width"="512"'
_wide, _apart = _mark("_wide", WIDE), _mark("_apart", WIDE, "noinline")


def asks_for_literals(function: Any) -> bool:
    """Whether the function is compiled anew for each value of some argument."""
    return "literally" in function.__code__.co_names


@register_pass(mutates_CFG=False, analysis_only=False)
class _Marked(FunctionPass):  # type: ignore[misc]
    """A function begins with the call of an intrinsic that marks it."""

    _name = "fastbp_marked"

    def __init__(self) -> None:
        FunctionPass.__init__(self)

    def run_pass(self, state: Any) -> bool:
        """Put the call first."""
        python = state.func_id.func
        apart = asks_for_literals(python) or getattr(python, "apart", False)
        block = state.func_ir.blocks[min(state.func_ir.blocks)]
        mark, done = (block.scope.redefine(f"fastbp_{name}", block.loc) for name in ("mark", "done"))
        function = ir.Global("mark", _apart if apart else _wide, block.loc)
        block.body[:0] = [
            ir.Assign(function, mark, block.loc),
            ir.Assign(ir.Expr.call(mark, (), (), block.loc), done, block.loc),
        ]
        state.func_ir._definitions[mark.name] = [function]
        return True


class LinkingCompiler(Compiler):  # type: ignore[misc]
    """Numba's compiler, which marks functions."""

    def define_pipelines(self) -> list[Any]:
        """Numba's own and one pass more."""
        pipelines: list[Any] = super().define_pipelines()
        for pipeline in pipelines:
            pipeline._finalized = False
            pipeline.add_pass_after(_Marked, IRProcessing)
            pipeline.finalize()
        return pipelines

    def compile_extra(self, func: Any) -> Any:
        """Compile a function, unless nobody waits for it any more."""
        begin_function()
        return super().compile_extra(func)


OPTIONS: dict[str, Any] = {}
"""Of every function, beside those that are for Numba's users."""

BitcodeCompiler = LinkingCompiler


def inner(function: Callable[..., Any], options: dict[str, Any], compiler: Any = BitcodeCompiler) -> Any:
    """A function that compiled code calls, and Python may call too."""
    return numba.jit(**options, pipeline_class=compiler)(function)


def entry(function: Callable[..., Any], options: dict[str, Any]) -> Any:
    """A function that Python calls."""
    compiled = numba.jit(**options, pipeline_class=LinkingCompiler)(function)
    compiled.compile = functools.partial(compiled_whole, compiled.compile)
    return compiled
