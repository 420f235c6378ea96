"""Plain arrays: contiguous, of one shape and type, float32 or float64, NumPy's or PyTorch's on the CPU.

They are checked with as few questions as possible: checks are most of the time of a call on tiny arrays.
"""

import math
import sys
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..storage import STORAGES
from .address import address_of, addresses_of, view_at
from .torch_tensors import is_tensor

INDEX = np.dtype(np.int64)
WIDE = [each for each in STORAGES.values() if not each.is_narrow]
ITEM_BYTES = {each.name: each.item_bytes for each in WIDE} | {"int64": 8, "int32": 4}
TYPES = {np.dtype(each.name): each.name for each in WIDE}


class Plain(NamedTuple):
    """The memory of plain arrays.

    Attributes:
        addresses: of the first element of each.
        storage: their storage type.
        shape: their shape.
        owners: what keeps the memory: it is not freed while these live.
        tensors: whether they are PyTorch's.
    """

    addresses: list[int]
    storage: str
    shape: tuple[int, ...]
    owners: Sequence[Any]
    tensors: bool

    @property
    def address(self) -> int:
        """The address of the first array."""
        return self.addresses[0]

    @property
    def itemsize(self) -> int:
        """The bytes of an element."""
        return ITEM_BYTES[self.storage]

    @property
    def nbytes(self) -> int:
        """The bytes of each array."""
        return self.itemsize * math.prod(self.shape)


class TensorMemory:
    """The memory of a plain tensor by its address: a NumPy view of it costs as much as a small step.

    Attributes:
        address: of its first element.
        shape, size, itemsize, nbytes: as NumPy has them.
    """

    __slots__ = ("address", "itemsize", "nbytes", "owner", "shape", "size")

    def __init__(self, plain: Plain) -> None:
        self.address, self.owner = plain.address, plain.owners[0]
        self.shape, self.itemsize = tuple(plain.shape), plain.itemsize
        self.size = math.prod(self.shape)
        self.nbytes = self.size * self.itemsize

    def view(self) -> np.ndarray:
        """A NumPy view."""
        return view_at(self.address, self.owner, self.shape, None, np.dtype(f"f{self.itemsize}"))


def memory_of(tensor: Any) -> TensorMemory | None:
    """The memory of a tensor that is plain; None for others."""
    plain = plain_memory((tensor,))
    return None if plain is None else TensorMemory(plain)


def plain_memory(arrays: Sequence[Any]) -> Plain | None:
    """The memory of arrays that are all plain and of one kind; None if one is not."""
    first = arrays[0]
    if type(first) is np.ndarray:
        return of_numpy(arrays, first.shape, first.dtype)
    if not is_tensor(first):
        return None
    torch, dtype = sys.modules["torch"], first.dtype
    storage = "float32" if dtype is torch.float32 else "float64" if dtype is torch.float64 else ""
    return of_torch(arrays, first.shape, dtype, storage) if storage and not first.is_nested else None


def of_numpy(arrays: Sequence[Any], shape: tuple[int, ...], dtype: Any) -> Plain | None:
    """The memory of NumPy arrays of a shape and type; None if one is not plain, or has another."""
    storage = TYPES.get(dtype)
    if storage is None:
        return None
    for array in arrays:
        if type(array) is not np.ndarray or array.dtype is not dtype or array.shape != shape or not array.flags.carray:
            return None
    return Plain(addresses_of(arrays), storage, shape, arrays, False)


def of_torch(arrays: Sequence[Any], shape: Any, dtype: Any, storage: str) -> Plain | None:
    """The memory of tensors of a shape and type; None if one is not plain, or has another."""
    torch = sys.modules["torch"]
    tensor_type, parameter_type, joined = torch.Tensor, torch.nn.Parameter, 0
    # Of the expected shape: another thread may replace the memory by less at any time.
    item = ITEM_BYTES[storage]
    size = item * math.prod(shape)
    addresses: list[int] = []
    owners: list[Any] = []
    try:
        for tensor in arrays:
            kind = type(tensor)
            if (
                (kind is not tensor_type and kind is not parameter_type)
                or tensor.dtype is not dtype
                or tensor.shape != shape
                or not tensor.is_cpu
                or not tensor.is_contiguous()
                or tensor.is_neg()
            ):
                return None
            # Before the address: another thread may replace the memory of the tensor at any time.
            owner = tensor.untyped_storage()
            address, start = tensor.data_ptr(), owner.data_ptr()
            if not start <= address <= start + owner.nbytes() - size:
                return None
            addresses.append(address)
            owners.append(owner)
            joined |= address
    except RuntimeError:
        # A tensor without its own memory: sparse, fake, or one of torch.func.
        return None
    if joined % item or 0 in addresses:
        return None
    return Plain(addresses, storage, shape, owners, True)


def plain_indices(indices: Any) -> Plain | None:
    """The memory of contiguous indices of 64 bits; None for others."""
    if type(indices) is np.ndarray:
        if indices.dtype is not INDEX or indices.ndim != 1 or not indices.flags.carray:
            return None
        return Plain([address_of(indices)], "int64", indices.shape, (indices,), False)
    if not is_tensor(indices):
        return None
    int64 = sys.modules["torch"].int64
    return of_torch((indices,), indices.shape, int64, "int64") if indices.dtype is int64 and indices.ndim == 1 else None


def plain_integers(integers: Any) -> Plain | None:
    """The memory of a contiguous tensor of integers of 32 or 64 bits, of one dimension; None for others."""
    if not is_tensor(integers) or integers.ndim != 1:
        return None
    torch, dtype = sys.modules["torch"], integers.dtype
    storage = "int64" if dtype is torch.int64 else "int32" if dtype is torch.int32 else ""
    return of_torch((integers,), integers.shape, dtype, storage) if storage else None
