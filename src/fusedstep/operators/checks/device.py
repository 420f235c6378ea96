"""The checks of tensors on a device. Only ``check_bounds`` reads elements."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...arrays.borrow import kind, lends_memory
from ...arrays.devices import capturing, find_library, library_of, on_device
from ...arrays.layout import Rows
from ...arrays.tensor_view import TensorView
from .arrays import ArraySpec, view_gradient, view_states
from .indices import view_indices
from .listed_indices import no_such_row


def view_tensor(operator: str, name: str, value: Any, like: Any) -> TensorView:
    """A view of an array on a device; ``like`` is the variable.

    Raises:
        TypeError: it is not an array of the variable's library, or kernels cannot use it.
        ValueError: it is on another device.
    """
    library = library_of(like)
    if find_library(value) is not library or not (hasattr(value, "device") and hasattr(value, "shape")):
        raise TypeError(
            f"{operator}: {name} is {kind(value)}, expected {library.ARRAY} on {like.device}, like the variable"
        )
    if value.device != like.device:
        raise ValueError(f"{operator}: {name} is on {value.device}, expected {like.device}, the device of the variable")
    try:
        return library.describe(value)
    except TypeError as error:
        raise TypeError(f"{operator}: {name} is {error}") from None


def view_device_states(
    operator: str, spec: ArraySpec, tensors: Sequence[Any]
) -> tuple[tuple[int, ...], tuple[str, ...], list[Rows]]:
    """The shape of the variable, and the storage types and the rows of all states; see ``view_states``."""
    views = [view_tensor(operator, name, each, tensors[0]) for name, each in zip(spec.names, tensors, strict=True)]
    return view_states(operator, spec, views)


def view_device_gradient(
    operator: str, name: str, value: Any, shape: tuple[int, ...], beside: str, like: Any
) -> tuple[Any, str, Any]:
    """A gradient's contiguous tensor, its storage type, and a view of its elements for checks."""
    view_tensor(operator, name, value, like)
    library = library_of(like)
    plain = library.contiguous(value)
    flat, storage = view_gradient(operator, name, library.describe(plain), shape, beside)
    return plain, storage, flat


def view_device_indices(operator: str, value: Any, variable: str, shape: tuple[int, ...], like: Any) -> Any:
    """Row indices as a tensor of 64-bit integers, without a check of their bounds; see ``view_indices``.

    Raises:
        RuntimeError: they are a list, and a graph is being captured, which would not see another one.
    """
    return view_integers(operator, "indices", value, like, lambda array: view_indices(operator, array, variable, shape))


def view_integers(operator: str, name: str, value: Any, like: Any, view: Callable[[Any], np.ndarray]) -> Any:
    """Integers as a tensor of 64 bits; ``view`` checks all but their values, and makes an array of a list.

    Raises:
        RuntimeError: they are a list, and a graph is being captured, which would not see another one.
    """
    library = library_of(like)
    if not lends_memory(value):
        listed = view(value)
        if capturing(like):
            raise RuntimeError(
                f"{operator}: {name} is {kind(value)} while a graph is captured, which would repeat its elements; "
                f"pass {library.ARRAY} on {like.device}"
            )
        return library.to_device(listed.astype(np.int64), like)
    view(view_tensor(operator, name, value, like))
    return library.as_type(value, "int64")


def check_bounds(operator: str, indices: Any, rows: int, variable: str) -> None:
    """Check that every index names a row. This waits for the device.

    Raises:
        IndexError: an index names no row.
        RuntimeError: a graph is being captured, so nothing can be read back.
    """
    check_readable(operator, indices)
    library = library_of(indices)
    if library.any_true([outside(indices, rows)]):
        refuse_first_outside(operator, library.to_host(indices), rows, variable)


def check_readable(operator: str, like: Any) -> None:
    """Check that indices can be read back.

    Raises:
        RuntimeError: a graph is being captured.
    """
    if capturing(like):
        raise RuntimeError(
            f"{operator}: indices cannot be checked while a graph is captured; make the operator with "
            "check_indices=False, and indices that name no row are ignored"
        )


def outside(indices: Any, rows: int) -> Any:
    """Which indices name no row; of a device's and of the host's alike."""
    return (indices < 0) | (indices >= rows)


def refuse_first_outside(operator: str, indices: np.ndarray, rows: int, variable: str) -> None:
    """Refuse the first index that names no row, if there is one.

    Raises:
        IndexError: there is one.
    """
    wrong = outside(indices, rows)
    if wrong.any():
        place = int(wrong.argmax())
        raise IndexError(no_such_row(operator, place, int(indices[place]), rows, variable))


def check_device_scalars(operator: str, names: Sequence[str], values: Sequence[Any], device: Any) -> None:
    """Check that scalars are numbers, or tensors on the same device.

    Raises:
        ValueError: a scalar is on another device.
    """
    for name, value in zip(names, values, strict=False):
        if on_device(value) and value.device != device:
            raise ValueError(f"{operator}: {name} is on {value.device}, expected a number, or a tensor on {device}")
