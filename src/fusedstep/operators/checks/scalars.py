"""Check scalars: numbers, arrays of one element, ranges."""

import math
import numbers
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...arrays import mindspore_tensors, torch_tensors
from ...arrays.borrow import borrow, dtype_name, kind, storage_of
from ...arrays.devices import library_of, on_device
from ...storage import STORAGES


def parse_scalar(operator: str, name: str, value: Any) -> float:
    """A Python number, a NumPy scalar, or an array or tensor of one element, as a float.

    A tensor on a device is returned without its gradient history; reading it would wait for the device.

    Raises:
        TypeError: it is not a real number.
        ValueError: it does not have exactly one element, or is too large for a float.
    """
    if type(value) is float:
        return value
    if isinstance(value, bool | np.bool_):
        raise TypeError(f"{operator}: {name} is {value} of type bool, expected a real number")
    if isinstance(value, numbers.Real):
        try:
            return float(value)
        except OverflowError:
            raise ValueError(f"{operator}: {name} is too large for a float") from None
    if on_device(value):
        found: float = view_device_scalar(operator, name, value)
        return found
    try:
        view = borrow(value) if not isinstance(value, np.generic) else np.asarray(value)
    except TypeError:
        raise TypeError(f"{operator}: {name} is {kind(value)}, expected a real number or an array of one") from None
    if view.size != 1:
        raise ValueError(f"{operator}: {name} has shape {view.shape}, expected a scalar or an array of one element")
    storage = storage_of(value, view)
    if storage is not None and not STORAGES[storage].in_numpy:
        tensor = torch_tensors.is_tensor(value) or mindspore_tensors.is_tensor(value)
        return float(value.item() if tensor else view.reshape(-1)[0])
    if view.dtype.kind not in "fiu":
        raise TypeError(f"{operator}: {name} holds {dtype_name(value, view)}, expected a real number")
    return float(view.reshape(-1)[0])


def view_device_scalar(operator: str, name: str, value: Any) -> Any:
    """A tensor on a device that holds one number, without its gradient history.

    Raises:
        TypeError: it does not hold a real number.
        ValueError: it does not have exactly one element.
    """
    library = library_of(value)
    view = library.describe(value)
    if math.prod(view.shape) != 1:
        raise ValueError(f"{operator}: {name} has shape {view.shape}, expected one element")
    if view.dtype.startswith(("complex", "bool")):
        raise TypeError(f"{operator}: {name} holds {view.dtype}, expected a real number")
    return library.detach(value)


def check_host_scalars(operator: str, names: Sequence[str], scalars: Sequence[Any]) -> None:
    """Check that scalars for the host are not on a device: reading them would wait for it.

    Raises:
        TypeError: a scalar is a tensor on a device.
    """
    for name, value in zip(names, scalars, strict=False):
        if type(value) is not float:
            check_host_scalar(operator, name, value)


def check_host_scalar(operator: str, name: str, value: Any) -> None:
    """Check that a number for the host is not a tensor on a device.

    Raises:
        TypeError: it is a tensor on a device.
    """
    if on_device(value):
        raise TypeError(f"{operator}: {name} is a tensor on {value.device}, expected a number; pass {name}.item()")


# The ranges of scalars, in words and as checks.
RANGES: dict[str, Callable[[float], bool]] = {
    "not negative": lambda value: 0.0 <= value < math.inf,
    "0 or more": lambda value: value >= 0.0,
    "more than 0": lambda value: value > 0.0,
    "positive": lambda value: 0.0 < value < math.inf,
    "not positive": lambda value: -math.inf < value <= 0.0,
    "1 or more": lambda value: 1.0 <= value < math.inf,
    "in [0, 1)": lambda value: 0.0 <= value < 1.0,
    "in [0, 1]": lambda value: 0.0 <= value <= 1.0,
}


# Those that include infinity.
ENDLESS = {"0 or more", "more than 0"}


def check_range(operator: str, name: str, value: float, allowed: str) -> None:
    """Check that a number is in one of the ranges, and finite unless the range includes infinity.

    A tensor on a device is not checked.

    Raises:
        ValueError: it is out of range.
    """
    if (type(value) is float or not on_device(value)) and not RANGES[allowed](value):
        what = "number" if allowed in ENDLESS else "finite number"
        raise ValueError(f"{operator}: {name} is {value}, expected a {what} that is {allowed}")


# The numbers that messages write as words.
COUNTS = {2: "two", 3: "three"}


def parse_numbers(operator: str, name: str, value: Any, count: int = 2) -> list[float]:
    """Read ``count`` numbers from a tuple, a list or an array.

    Raises:
        TypeError: a value is not a real number.
        ValueError: there are more or fewer numbers.
    """
    several = COUNTS.get(count, str(count))
    try:
        numbers = list(value) if isinstance(value, tuple | list) else list(borrow(value).reshape(-1))
    except TypeError:
        raise TypeError(f"{operator}: {name} is {kind(value)}, expected {several} numbers") from None
    if len(numbers) != count:
        raise ValueError(f"{operator}: {name} holds {len(numbers)} numbers, expected {several}")
    return [parse_scalar(operator, name, each) for each in numbers]
