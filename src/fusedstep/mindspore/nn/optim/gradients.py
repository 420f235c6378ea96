"""The gradients of a step: checked, and what is done to them before the kernel where it cannot do it itself."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from .memory import memory

# The types of gradients that are converted, by the types of parameters.
NARROWER = {"float32": ("float16", "bfloat16"), "float64": ("float16", "bfloat16", "float32")}


class Gradient(NamedTuple):
    """The gradient of a parameter.

    Attributes:
        values: its elements; of the rows in ``indices`` if it is sparse.
        indices: the rows; None if it is dense.
    """

    values: Any
    indices: Any = None


def check_gradients(
    name: str, parameters: Sequence[Any], variables: Sequence[np.ndarray], gradients: Any, sparse: bool
) -> list[Gradient]:
    """The gradients of a step in the memory of arrays.

    Raises:
        TypeError, ValueError: there is not one gradient for each parameter, or one is invalid.
    """
    if not isinstance(gradients, list | tuple):
        raise TypeError(
            f"{name}: grads is of type {type(gradients).__name__}, expected a tuple with a gradient for each of the "
            f"{len(parameters)} parameters"
        )
    if len(gradients) != len(parameters):
        raise ValueError(
            f"{name}: grads has {len(gradients)} gradients, expected {len(parameters)}: one for each parameter, in the "
            f"order {', '.join(parameter.name for parameter in parameters)}"
        )
    return [
        check_gradient(name, index, parameter, variable, gradient, sparse)
        for index, (parameter, variable, gradient) in enumerate(zip(parameters, variables, gradients, strict=True))
    ]


def check_gradient(
    name: str, index: int, parameter: Any, variable: np.ndarray, gradient: Any, sparse: bool
) -> Gradient:
    """One gradient; a dense one has the shape of its parameter, a sparse one is a ``RowTensor`` of that shape."""
    values, label = memory(gradient), f"grads[{index}], of {parameter.name},"
    if isinstance(values, np.ndarray) and values.shape == variable.shape:
        return Gradient(raised(f"{name}: {label}", values, variable))
    parts = sparse_parts(gradient)
    if parts is not None:
        indices, rows, dense_shape = parts
        if not sparse:
            raise TypeError(
                f"{name}: {label} is a RowTensor, expected a dense gradient: the step needs sums over the whole "
                "parameter"
            )
        if tuple(dense_shape) != variable.shape:
            raise ValueError(f"{name}: {label} has the dense_shape {tuple(dense_shape)}, expected {variable.shape}")
        check_rows(f"{name}: {label}", indices, rows, variable)
        # Small calls take a shorter way with indices of 64 bits.
        return Gradient(
            raised(f"{name}: {label}", rows, variable),
            indices.astype(np.int64) if indices.dtype == np.int32 else indices,
        )
    if not isinstance(values, np.ndarray):
        raise TypeError(
            f"{name}: {label} is of type {type(gradient).__name__}, expected a Tensor"
            f"{' or a RowTensor' if sparse else ''}"
        )
    remedy = ""
    if values.shape[1:] == variable.shape[1:]:
        # MindSpore gives only the values of a sparse gradient where it runs calls immediately.
        remedy = "; of an EmbeddingLookup(sparse=True) compute the gradients under mindspore.jit"
    raise ValueError(f"{name}: {label} has the shape {values.shape}, expected {variable.shape}{remedy}")


def sparse_parts(gradient: Any) -> tuple[Any, Any, Any] | None:
    """Indices, rows and shape of a ``RowTensor``, or of the tuple that MindSpore makes of it; None of others."""
    if isinstance(gradient, list | tuple):
        parts = tuple(gradient)
    else:
        parts = tuple(getattr(gradient, part, None) for part in ("indices", "values", "dense_shape"))
    if len(parts) != 3:
        return None
    indices, rows, dense_shape = memory(parts[0]), memory(parts[1]), parts[2]
    arrays = isinstance(indices, np.ndarray) and isinstance(rows, np.ndarray)
    return (indices, rows, dense_shape) if arrays and isinstance(dense_shape, list | tuple) else None


def check_rows(label: str, indices: np.ndarray, rows: np.ndarray, variable: np.ndarray) -> None:
    """Check that indices name rows, with a gradient for each: weight decay reads them before the kernel checks them."""
    if indices.dtype.kind not in "iu":
        raise TypeError(f"{label} has indices of {indices.dtype}, expected integers")
    expected = (indices.size, *variable.shape[1:])
    if indices.ndim != 1 or rows.shape != expected:
        raise ValueError(
            f"{label} has indices of shape {indices.shape} and values of shape {rows.shape}, expected "
            f"{(indices.size,)} and {expected}: a row for each index"
        )
    count = variable.shape[0] if variable.ndim else 0
    for index in (int(indices.min()), int(indices.max())) if indices.size else ():
        if not 0 <= index < count:
            raise IndexError(f"{label} has indices with {index}, expected 0 to {count - 1}, the rows of the parameter")


def raised(label: str, values: Any, variable: np.ndarray) -> Any:
    """A gradient of a narrower float type than its parameter in the parameter's type, as MindSpore converts it.

    Raises:
        TypeError: the gradient holds integers: weight decay would make floats of them before the kernel sees them.
    """
    if values.dtype == variable.dtype:
        # A name takes as long to look up as a small step.
        return values
    if values.dtype.kind in "iub":
        raise TypeError(f"{label} holds {values.dtype}, expected {variable.dtype}, the type of the parameter")
    return values.astype(variable.dtype) if values.dtype.name in NARROWER.get(variable.dtype.name, ()) else values


def decayed(variable: np.ndarray, decay: float, gradient: Gradient) -> Gradient:
    """A gradient with its weight decay. A row that is named twice is decayed twice, as in MindSpore."""
    weights = computed(variable if gradient.indices is None else variable[gradient.indices])
    return gradient._replace(values=computed(gradient.values) + weights.dtype.type(decay) * weights)


def centralized(gradient: Gradient) -> Gradient:
    """A gradient less its mean over all axes but the first, where MindSpore has it: if axis 1 divides by 16."""
    values = computed(gradient.values)
    if values.ndim < 2 or values.shape[1] % 16:
        return gradient
    return gradient._replace(values=values - values.mean(axis=tuple(range(1, values.ndim)), keepdims=True))


def computed(values: np.ndarray) -> np.ndarray:
    """An array in the type in which kernels compute: one of 16 bits in float32."""
    return values.astype(np.float32) if values.dtype.name in NARROWER["float32"] else values
