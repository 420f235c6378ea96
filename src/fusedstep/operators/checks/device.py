"""The checks of tensors on a device, which look at all but elements."""

from collections.abc import Sequence
from typing import Any

from ...arrays.borrow import kind
from ...arrays.device_tensors import TensorView, capturing, on_device
from ...arrays.layout import Rows
from .arrays import ArraySpec, view_gradient, view_states
from .indices import no_such_row, view_indices


def view_tensor(operator: str, name: str, value: Any, device: Any) -> TensorView:
    """A tensor on a device, described.

    Raises:
        TypeError: it is no tensor, or one that kernels cannot use.
        ValueError: it lies on another device.
    """
    if not hasattr(value, "device") or not hasattr(value, "data_ptr"):
        raise TypeError(f"{operator}: {name} is {kind(value)}, expected a tensor on {device}, as the variable is")
    if value.device != device:
        raise ValueError(f"{operator}: {name} is on {value.device}, expected {device}, the device of the variable")
    try:
        return TensorView(value)
    except TypeError as error:
        raise TypeError(f"{operator}: {name} is {error}") from None


def view_device_states(
    operator: str, wanted: ArraySpec, tensors: Sequence[Any]
) -> tuple[tuple[int, ...], tuple[str, ...], list[Rows]]:
    """The shape of the variable, and the storage types and the rows of all states; see ``view_states``."""
    device = tensors[0].device
    views = [view_tensor(operator, name, each, device) for name, each in zip(wanted.names, tensors, strict=True)]
    return view_states(operator, wanted, views)


def view_device_gradient(
    operator: str, name: str, value: Any, shape: tuple[int, ...], beside: str, device: Any
) -> tuple[Any, str, Any]:
    """A gradient's contiguous tensor, its storage type, and where its elements lie, for checks."""
    view_tensor(operator, name, value, device)
    plain = value.detach().contiguous()
    flat, storage = view_gradient(operator, name, TensorView(plain), shape, beside)
    return plain, storage, flat


def view_device_indices(operator: str, value: Any, variable: str, shape: tuple[int, ...], device: Any) -> Any:
    """Row indices as a tensor of 64-bit integers, whose bounds are not looked at; see ``view_indices``."""
    view_indices(operator, view_tensor(operator, "indices", value, device), variable, shape)
    return value.long()


def check_bounds(operator: str, indices: Any, rows: int, variable: str) -> None:
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
    outside = (indices < 0) | (indices >= rows)
    if bool(outside.any()):
        place = int(outside.nonzero()[0])
        raise IndexError(no_such_row(operator, place, int(indices[place]), rows, variable))


def check_device_scalars(operator: str, names: Sequence[str], values: Sequence[Any], device: Any) -> None:
    """Scalars are numbers, or tensors on the same device.

    Raises:
        ValueError: one lies on another device.
    """
    for name, value in zip(names, values, strict=False):
        if on_device(value) and value.device != device:
            raise ValueError(f"{operator}: {name} is on {value.device}, expected a number, or a tensor on {device}")
