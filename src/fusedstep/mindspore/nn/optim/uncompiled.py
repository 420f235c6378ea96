"""Methods that MindSpore's graph compiler must not compile: it is refused in one sentence."""

import sys
from collections.abc import Callable
from types import MethodType
from typing import Any

from ....arrays import mindspore_tensors

GRAPH_MODE = "call mindspore.set_context(mode=mindspore.PYNATIVE_MODE)"
JIT = "under mindspore.jit compile only what computes the gradients, and call the optimizer outside, in PYNATIVE_MODE"


class uncompiled:  # noqa: N801
    """A method of a cell that is called, never compiled. A decorator.

    It belongs around the outermost method: what a subclass defines is compiled before it calls ``super()``.

    >>> class Step:
    ...     @uncompiled
    ...     def construct(self, gradients):
    ...         return gradients
    >>> Step().construct(1)
    1
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.__doc__ = function.__doc__

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        if instance is None:
            return self.function
        # Only the module that asks tells the compiler from a call: it reads the source of what it gets.
        asker = sys._getframe(1).f_globals.get("__name__", "")
        if asker.startswith("mindspore.graph._parse") or is_traced():
            raise RuntimeError(f"{type(instance).__name__} of fusedstep cannot be compiled into a graph: {remedy()}")
        return MethodType(self.function, instance)


def remedy() -> str:
    """What to do, by what compiles."""
    mindspore = mindspore_tensors.library()
    graph_mode = mindspore is not None and mindspore.get_context("mode") == mindspore.GRAPH_MODE
    return GRAPH_MODE if graph_mode else JIT


def is_traced() -> bool:
    """Whether MindSpore records the calls of a function, to run only its own operators later."""
    module = sys.modules.get("mindspore.graph.jit_context")
    return module is not None and bool(module.jit_context())
