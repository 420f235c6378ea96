"""``Initializer``: fills a new array. Subclasses register under the names that ``initializer`` takes."""

from collections.abc import Callable
from typing import Any

import numpy as np

ALIASES: dict[str, type["Initializer"]] = {}


class Initializer:
    """The base class of what fills a new tensor. A subclass defines ``_initialize``, which fills an array.

    >>> class Two(Initializer):
    ...     def _initialize(self, arr):
    ...         arr[...] = 2
    >>> from fusedstep.mindspore.common.initializer import initializer
    >>> print(initializer(Two(), [2]))
    [2. 2.]
    """

    def __init__(self, **kwargs: Any) -> None:
        self._kwargs = kwargs

    def __call__(self, arr: np.ndarray) -> None:
        self._initialize(arr)

    def _initialize(self, arr: np.ndarray) -> None:
        raise NotImplementedError(f"{type(self).__name__}: has no _initialize(), expected the subclass to define it")


def registered(*aliases: str) -> Callable[[type[Initializer]], type[Initializer]]:
    """Register a class under its name in lower case, and under others."""

    def register(made: type[Initializer]) -> type[Initializer]:
        ALIASES.update(dict.fromkeys((made.__name__.lower(), *aliases), made))
        return made

    return register


def needs_dimensions(name: str, shape: tuple[int, ...], expected: tuple[int, ...]) -> None:
    """Check the number of dimensions.

    Raises:
        ValueError: it is another.
    """
    if len(shape) not in expected:
        wanted = " or ".join(map(str, expected)) if len(expected) < 10 else f"{expected[0]} or more"
        raise ValueError(f"{name}: shape {shape} has {len(shape)} dimensions, expected {wanted}")
