"""Has Numba compile a loop of ``loops/cpu``, as machine code that needs neither Numba nor Python to run."""

import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, cast

from llvmlite import ir

from ...loops import cpu
from ...loops.cpu import loop_named
from ...source_text import source_text
from . import compiler
from .compile_lock import compiling
from .compiler import Processor


def interface(name: str) -> tuple[int, bool]:
    """How many integers a loop takes, and whether it returns one."""
    loop = loop_named(name)
    return loop.__code__.co_argcount, loop.__annotations__["return"] is int


def object_code(name: str, symbol: str, processor: Processor | None = None) -> bytes:
    """The object file of a loop."""
    return compiler.linked_code([symbol], *texts(name, symbol), processor=processor)


def texts(name: str, symbol: str) -> tuple[str, str]:
    """A loop as LLVM text, for any processor of 64 bits: as Numba makes it, and a function that calls it."""
    from numba.core import types as kinds

    arguments, returns = interface(name)
    signature = (kinds.int64 if returns else kinds.void)(*[kinds.int64] * arguments)
    with enabled():
        dispatcher = translated(loop_named(name))
        dispatcher.compile(signature)
    compiled = dispatcher.overloads[signature.args]
    return compiled.library.get_llvm_str(), calling(compiled.fndesc.llvm_func_name, arguments, returns, symbol)


@contextmanager
def enabled() -> Iterator[None]:
    """Numba compiles within, also where ``NUMBA_DISABLE_JIT`` is set: plain Python cannot read addresses."""
    from numba.core import config

    # All threads share Numba's setting.
    with compiling:
        config.reload_config()
        before, config.DISABLE_JIT = config.DISABLE_JIT, 0
        try:
            yield
        finally:
            config.DISABLE_JIT = before


@cache
def translated(function: Callable[..., Any], inline: bool = False) -> Any:
    """A function for Numba: a copy in which the words of ``memory`` are what Numba knows of them."""
    from numba import njit

    from .memory_words import WORDS

    known: dict[str, Any] = dict(function.__globals__)
    for name in function.__code__.co_names:
        meaning = known.get(name)
        if isinstance(meaning, types.FunctionType) and meaning.__module__.startswith(cpu.__name__):
            word = WORDS.get(cast(Any, meaning))
            known[name] = word or translated(meaning, inline=True)
    copied = types.FunctionType(function.__code__, known, function.__name__)
    bare = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
    return njit(error_model="numpy", nogil=True, forceinline=inline, **bare)(copied)


def calling(name: str, count: int, returns: bool, symbol: str) -> str:
    """A function that other languages can call, which calls one as Numba makes it."""
    integer, pointer, status = ir.IntType(64), ir.PointerType(), ir.IntType(32)
    arguments = [integer] * count
    module = ir.Module(symbol)
    inner = ir.Function(module, ir.FunctionType(status, [pointer, pointer, *arguments]), name)
    outer = ir.Function(module, ir.FunctionType(integer if returns else ir.VoidType(), arguments), symbol)
    builder = ir.IRBuilder(outer.append_basic_block("entry"))
    # Numba's functions write to a place for the result, and to one for an exception.
    result, exception = builder.alloca(integer), builder.alloca(integer)
    builder.call(inner, [result, exception, *outer.args])
    if returns:
        builder.ret(builder.load(result, typ=integer))
    else:
        builder.ret_void()
    return str(module)


@cache
def sources() -> str:
    """The text of all loops and of what compiles them: what decides on their machine code."""
    own = [source_text(__package__, name) for name in ("loops.py", "memory_words.py")]
    return "\n".join([cpu.source(), *own])
