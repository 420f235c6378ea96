"""Looks names of MindSpore up in ``fusedstep.mindspore``: what is there is served."""

import importlib
import inspect
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import Any

from .. import mindspore
from ..mindspore.ops.primitive import Primitive
from ..mindspore.unavailable import Unavailable
from ..operators import catalogue

FACE = mindspore.__name__
# What provides the names of each part of MindSpore, wherever they are defined there.
ROOMS = {"common": ("common", ""), "nn": ("nn",), "ops": ("ops", "ops.operations"), "context": ("context", "")}
# What optimizers and schedules of one's own derive from.
BASES = ("Optimizer", "LearningRateSchedule")
SCHEDULES = ("dynamic_lr", "learning_rate_schedule")


@dataclass(frozen=True)
class Found:
    """Something of ``fusedstep.mindspore``.

    Attributes:
        path: its full name.
        thing: the thing itself.
        kind: "operator", "optimizer", "schedule", "module", or "support": what these need.
        missing: the attribute of it that is asked for and is not there, or "".
    """

    path: str
    thing: Any
    kind: str
    missing: str = ""


@cache
def find(name: str) -> Found | None:
    """What ``fusedstep.mindspore`` has under a name of MindSpore: under the same path, or in the same part.

    >>> find("mindspore.ops.operations.nn_ops.ApplyFtrl").path
    'fusedstep.mindspore.ops.operations.nn_ops.ApplyFtrl'
    >>> find("mindspore.nn.cell.Cell").kind, find("mindspore.nn.Dense")
    ('support', None)
    """
    _, *parts = name.split(".")
    found = walk(mindspore, parts)
    if found is None and len(parts) > 2:
        rooms = ROOMS.get(parts[0], ())
        modules = [module_at(mindspore, room.split(".") if room else []) for room in rooms]
        found = next(filter(None, (walk(each, parts[-1:]) for each in modules if each)), None)
    return found


def walk(module: ModuleType, parts: list[str]) -> Found | None:
    """Follow attributes and submodules."""
    thing: Any = module
    path = module.__name__
    for number, part in enumerate(parts):
        following = attribute(thing, part)
        if following is None:
            # Behind a thing stand its attributes; a module without the name does not serve it.
            missing = ".".join(parts[number:])
            return None if isinstance(thing, ModuleType) else Found(path, thing, kind_of(thing, path), missing)
        thing, path = following, f"{path}.{part}"
    return Found(path, thing, kind_of(thing, path))


def attribute(thing: Any, name: str) -> Any:
    """An attribute or submodule; None if it is missing, or something else than MindSpore's interface."""
    if not isinstance(thing, ModuleType):
        return inspect.getattr_static(thing, name, None)
    found = getattr(thing, name, None)
    if found is None:
        return submodule(f"{thing.__name__}.{name}")
    if isinstance(found, ModuleType):
        return found if found.__name__.startswith(FACE) else None
    if inspect.isclass(found) and issubclass(found, Unavailable):
        return None
    origin = getattr(found, "__module__", FACE) if callable(found) else FACE
    return found if origin.startswith("fusedstep") else None


def submodule(name: str) -> ModuleType | None:
    """Import a submodule of ``fusedstep.mindspore``; None if there is none."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        return None


def module_at(module: ModuleType, parts: list[str]) -> ModuleType | None:
    """The module below another at a path."""
    found = walk(module, parts)
    return found.thing if found is not None and found.kind == "module" else None


def kind_of(thing: Any, path: str) -> str:
    """What kind of thing it is."""
    if isinstance(thing, ModuleType):
        return "module"
    if inspect.isclass(thing) and issubclass(thing, Primitive):
        return "operator" if thing.__name__ in catalogue.OPERATORS else "support"
    if getattr(thing, "__name__", "") in BASES:
        return "support"
    origin = str(getattr(thing, "__module__", path))
    if origin.startswith(f"{FACE}.nn.optim.") and inspect.isclass(thing):
        return "optimizer"
    return "schedule" if origin.endswith(SCHEDULES) and callable(thing) else "support"
