"""``initializer``: a new tensor of a shape, filled by name, by a number or by an ``Initializer``."""

import numbers
from typing import Any

import numpy as np

from .constant_initializers import Constant, Dirac, Identity, One, Zero
from .dtype import float32
from .initializer_base import ALIASES, Initializer
from .random_initializers import (
    HeNormal,
    HeUniform,
    Normal,
    Orthogonal,
    Sparse,
    TruncatedNormal,
    Uniform,
    VarianceScaling,
    XavierNormal,
    XavierUniform,
)
from .tensor import Tensor

__all__ = [
    "Constant",
    "Dirac",
    "HeNormal",
    "HeUniform",
    "Identity",
    "Initializer",
    "Normal",
    "One",
    "Orthogonal",
    "Sparse",
    "TruncatedNormal",
    "Uniform",
    "VarianceScaling",
    "XavierNormal",
    "XavierUniform",
    "Zero",
    "initializer",
]


def initializer(init: Any, shape: Any = None, dtype: Any = float32) -> Tensor:
    """Make a tensor. It is filled at once; MindSpore waits until a parameter is made of it.

    Args:
        init: a name such as "zeros", "ones" or "normal", a number, an ``Initializer``, or a tensor, which is returned.
        shape: the lengths, or one length.
        dtype: the element type.

    Raises:
        TypeError: ``init`` is of another type, or there is no shape.
        ValueError: the name or the shape is invalid.

    >>> print(initializer("ones", [2]), initializer(3, 2, "int32"), initializer(XavierUniform(), [2, 5]).shape)
    [1. 1.] [3 3] (2, 5)
    """
    if not isinstance(init, Tensor | numbers.Number | str | Initializer):
        raise TypeError(
            f"initializer: init is of type {type(init).__name__}, expected a name, a number, an Initializer or a Tensor"
        )
    if isinstance(shape, int | np.integer):
        shape = (shape,)
    if isinstance(init, Tensor):
        if shape is None or init.shape != tuple(shape):
            raise ValueError(f"initializer: init has shape {init.shape}, expected shape, which is {shape}")
        return init
    if shape is None:
        raise TypeError("initializer: shape is missing, expected the lengths of the dimensions")
    if not all(isinstance(length, int | np.integer) and length > 0 for length in shape):
        raise ValueError(f"initializer: shape is {shape}, expected lengths above 0")
    if isinstance(init, str):
        if init.lower() not in ALIASES:
            raise ValueError(f"initializer: init is {init!r}, expected one of {', '.join(sorted(ALIASES))}")
        init = ALIASES[init.lower()]()
    elif isinstance(init, numbers.Number):
        init = Constant(init)  # type: ignore[arg-type]
    return Tensor(shape=tuple(shape), dtype=dtype, init=init)
