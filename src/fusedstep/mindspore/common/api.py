"""``jit``: MindSpore's compiler, for which there is no need here."""

from collections.abc import Callable
from typing import Any

from ..unavailable import attribute_finder

__getattr__ = attribute_finder(__name__)


def jit(function: Callable[..., Any] | None = None, **settings: Any) -> Any:
    """The function itself: calls run immediately, and their kernels are compiled anyway.

    Args:
        function: the function; without it, a decorator is returned.
        **settings: those of MindSpore's compiler, which have no effect.

    >>> @jit
    ... def twice(x):
    ...     return 2 * x
    >>> @jit(capture_mode="ast", jit_level="O0")
    ... def thrice(x):
    ...     return 3 * x
    >>> twice(2), thrice(2)
    (4, 6)
    """
    return (lambda given: given) if function is None else function


def jit_class(cls: type) -> type:
    """The class itself.

    Args:
        cls: the class.
    """
    return cls


class _PyNativeExecutor:
    """MindSpore's queue of calls. Here each call has finished when it returns."""

    def sync(self) -> None:
        """Return at once: nothing waits to be done."""


_pynative_executor = _PyNativeExecutor()
