"""An array on a device, seen as a NumPy array for checks, which read everything but its elements."""

import numpy as np

from ..storage import STORAGES

# NumPy's types by the names that libraries of arrays share; of the storage types that NumPy does not have, their bits'.
KINDS = {name: np.dtype(name) for name in ("bool", "complex64", "complex128")}
KINDS |= {f"{sign}int{bits}": np.dtype(f"{sign}int{bits}") for sign in ("", "u") for bits in (8, 16, 32, 64)}
KINDS |= {each.name: np.dtype(each.name if each.in_numpy else each.array_type) for each in STORAGES.values()}
NOT_IN_NUMPY = {each.name for each in STORAGES.values() if not each.in_numpy}


class TensorView:
    """The address, shape, strides and type of an array on a device.

    Attributes:
        address: of the first element.
        shape: its shape.
        strides: in elements.
        dtype: the name of its type.
    """

    def __init__(self, address: int, shape: tuple[int, ...], strides: tuple[int, ...], dtype: str) -> None:
        self.address, self.shape, self.strides, self.dtype = address, shape, strides, dtype

    @property
    def view(self) -> np.ndarray:
        """A NumPy array at that address; of the bits for a type that NumPy does not have. Its elements cannot be read.

        Raises:
            TypeError: kernels and NumPy do not have the type.
        """
        kind = KINDS.get(self.dtype)
        if kind is None:
            raise TypeError(f"an array of {self.dtype}, which kernels do not know")
        if 0 in self.shape:
            return np.empty(self.shape, kind)
        return np.asarray(Interface(self.address, self.shape, self.strides, kind))


class Interface:
    """NumPy's array interface to memory that NumPy does not own."""

    def __init__(self, address: int, shape: tuple[int, ...], strides: tuple[int, ...], kind: np.dtype) -> None:
        self.__array_interface__ = {
            "version": 3,
            "data": (address, False),
            "shape": shape,
            "strides": tuple(stride * kind.itemsize for stride in strides),
            "typestr": kind.str,
        }
