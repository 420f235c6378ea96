"""What MindSpore has and ``fusedstep.mindspore`` has not. Whoever asks for it is told so."""

from collections.abc import Callable, Collection
from functools import cache
from typing import Any

REASON = (
    "there are no layers and there is no autodiff here; take it from MindSpore, whose parameters the optimizers of "
    "fusedstep.mindspore.nn step"
)


class Unavailable:
    """A name that programs import from MindSpore. Using it raises an error.

    Raises:
        NotImplementedError: always.
    """

    def __new__(cls, *_: Any, **__: Any) -> Any:
        missing = cls.__mro__[cls.__mro__.index(Unavailable) - 1]
        raise NotImplementedError(
            f"{missing.__module__}.{missing.__qualname__}: MindSpore has it, this module has not: {REASON}"
        )


def attribute_finder(module: str, unavailable: Collection[str] = ()) -> Callable[[str], Any]:
    """Make the ``__getattr__`` of a module.

    Args:
        module: the module's name.
        unavailable: names that may be imported, and raise an error when they are used.

    >>> find = attribute_finder("fusedstep.mindspore.nn", ["Dense"])
    >>> find("Dense")(3, 4)
    Traceback (most recent call last):
    NotImplementedError: fusedstep.mindspore.nn.Dense: MindSpore has it, this module has not: ...
    """

    def find(name: str) -> Any:
        if name in unavailable:
            return unavailable_class(module, name)
        raise AttributeError(
            f"module {module!r} has no attribute {name!r}; MindSpore may have it: fusedstep.mindspore has the "
            "optimizers and their operators, and what programs need around them"
        )

    return find


@cache
def unavailable_class(module: str, name: str) -> type[Unavailable]:
    """The class of a name; the same each time, so that subclasses are recognized."""
    return type(name, (Unavailable,), {"__module__": module, "__qualname__": name})
