"""The checks of a call with tensors on a device, which look at all but elements; each comes before the first write."""

from collections.abc import Sequence
from typing import Any

from ..arrays.borrow import kind
from ..arrays.devices import capturing, find_library, library_of, on_device
from ..arrays.layout import Rows
from ..arrays.tensor_view import TensorView
from . import checks


def described(operator: str, name: str, value: Any, like: Any) -> TensorView:
    """An array on a device, seen for checks; ``like`` is the variable.

    Raises:
        TypeError: it is no array of the variable's library, or one that kernels cannot use.
        ValueError: it is on another device.
    """
    library = library_of(like)
    if find_library(value) is not library or not hasattr(value, "device"):
        package = type(like).__module__.partition(".")[0]
        raise TypeError(
            f"{operator}: {name} is {kind(value)}, expected an array of {package} on {like.device}, as the variable is"
        )
    if value.device != like.device:
        raise ValueError(f"{operator}: {name} is on {value.device}, expected {like.device}, the device of the variable")
    try:
        return library.describe(value)
    except TypeError as error:
        raise TypeError(f"{operator}: {name} is {error}") from None


def states(
    operator: str, wanted: checks.ArraySpec, tensors: Sequence[Any]
) -> tuple[tuple[int, ...], tuple[str, ...], list[Rows]]:
    """The shape of the variable, and the storage types and the rows of all states; see ``checks.states``."""
    views = [described(operator, name, each, tensors[0]) for name, each in zip(wanted.names, tensors, strict=True)]
    return checks.states(operator, wanted, views)


def gradient(
    operator: str, name: str, value: Any, shape: tuple[int, ...], beside: str, like: Any
) -> tuple[Any, str, Any]:
    """A gradient's contiguous tensor, its storage type, and where its elements lie, for checks."""
    described(operator, name, value, like)
    library = library_of(like)
    plain = library.contiguous(value)
    flat, storage = checks.gradient(operator, name, library.describe(plain), shape, beside)
    return plain, storage, flat


def indices(operator: str, value: Any, variable: str, shape: tuple[int, ...], like: Any) -> Any:
    """Row indices as a tensor of 64-bit integers, whose bounds are not looked at; see ``checks.indices``."""
    checks.indices_of(operator, described(operator, "indices", value, like), variable, shape)
    return library_of(like).as_int64(value)


def bounds(operator: str, indices: Any, rows: int, variable: str) -> None:
    """Every index names a row; the only check that waits for the device.

    Raises:
        IndexError: one does not.
        RuntimeError: nothing can be read back, as a graph is captured.
    """
    if capturing(indices):
        raise RuntimeError(
            f"{operator}: indices cannot be checked while a graph is captured; make the operator with "
            "check_indices=False, and indices that name no row are left out"
        )
    outside = library_of(indices).first_outside(indices, rows)
    if outside:
        raise IndexError(checks.no_row(operator, *outside, rows, variable))


def scalars(operator: str, names: Sequence[str], values: Sequence[Any], device: Any) -> None:
    """Scalars are numbers, or tensors on the same device.

    Raises:
        ValueError: one lies on another device.
    """
    for name, value in zip(names, values, strict=False):
        if on_device(value) and value.device != device:
            raise ValueError(f"{operator}: {name} is on {value.device}, expected a number, or a tensor on {device}")
