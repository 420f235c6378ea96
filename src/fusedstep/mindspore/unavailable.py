"""What MindSpore has and ``fusedstep.mindspore`` has not. Whoever asks for it is told so."""

import sys
from collections.abc import Callable, Collection, Sequence
from functools import cache
from types import ModuleType
from typing import Any

from .absent import reason_of

FACE = __name__.rpartition(".")[0]
HAS_NOT = "MindSpore has it, this module has not"
PERHAPS = (
    "MindSpore may have it: fusedstep.mindspore has the optimizers and their operators, and what programs need around "
    "them"
)


class Unavailable:
    """A name that programs import from MindSpore. Using it raises an error.

    Raises:
        NotImplementedError: always.
    """

    def __new__(cls, *_: Any, **__: Any) -> Any:
        missing = cls.__mro__[cls.__mro__.index(Unavailable) - 1]
        name = f"{missing.__module__}.{missing.__qualname__}"
        raise NotImplementedError(
            f"{name}: {HAS_NOT}: there are no layers and there is no autodiff here; take {of_mindspore(name)} from "
            "MindSpore, whose parameters the optimizers of fusedstep.mindspore.nn step"
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
        raise AttributeError(f"module {module!r} has no attribute {name!r}; {explanation(f'{module}.{name}')}")

    return find


@cache
def unavailable_class(module: str, name: str) -> type[Unavailable]:
    """The class of a name; the same each time, so that subclasses are recognized."""
    return type(name, (Unavailable,), {"__module__": module, "__qualname__": name})


def explanation(name: str) -> str:
    """Why there is no such name, and what to do.

    Args:
        name: a full name in ``fusedstep.mindspore``.
    """
    original = of_mindspore(name)
    reason = reason_of(original.partition(".")[2])
    return f"{HAS_NOT}. {reason} To use {original}, run beside MindSpore" if reason else PERHAPS


def of_mindspore(name: str) -> str:
    """The name in MindSpore of something in ``fusedstep.mindspore``."""
    return name.removeprefix("fusedstep.")


class Explainer:
    """The last finder of modules: it explains what ``from fusedstep.mindspore import amp`` does not find.

    Python looks for a submodule where a package has no such attribute, and replaces the text of an ``AttributeError``.
    """

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> None:
        """Explain that there is no such module.

        Args:
            name: its full name.
            path: ignored.
            target: ignored.

        Raises:
            ModuleNotFoundError: always, for public names below ``fusedstep.mindspore``.
        """
        package, _, last = name.rpartition(".")
        if f"{package}.".startswith(f"{FACE}.") and not last.startswith("_"):
            raise ModuleNotFoundError(f"cannot import name {last!r} from {package!r}; {explanation(name)}")


sys.meta_path.append(Explainer)
