"""The operators with their documented names."""

from ..primitive import CLASSES, Primitive

__all__ = list(CLASSES)

globals().update(CLASSES)


def __getattr__(name: str) -> type[Primitive]:
    raise AttributeError(f"fusedstep.mindspore.ops has no operator {name!r}; it has {', '.join(CLASSES)}")
