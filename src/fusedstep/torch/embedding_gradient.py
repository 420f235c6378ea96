"""The gradient of an embedding's weight, as its lookups left it: never expanded, never merged."""

from typing import Any, NamedTuple

import torch
from torch import Tensor


class Lookup(NamedTuple):
    """What one lookup leaves for the gradient of a weight.

    Attributes:
        values: the gradient of what the lookup returned, one row for each bag; without ``offsets`` for each index.
        indices: the rows that were looked up, one dimension. No one else holds this memory.
        offsets: where each bag begins among the indices, without the end; None if each index is a bag of its own.
        weights: the factor of each index, in the dtype of the values; None for factors of 1. No one else holds them.
    """

    values: Tensor
    indices: Tensor
    offsets: Tensor | None = None
    weights: Tensor | None = None


class EmbeddingGradient(Tensor):
    """A gradient of an embedding's weight, of its shape.

    Attributes:
        _lookups: the lookups, in the order in which their gradients are summed.
        _sparse: whether it stands for a sparse COO gradient, as of ``torch.nn.Embedding`` with ``sparse=True``; else
            for a dense one.
    """

    _lookups: list[Lookup]
    _sparse: bool

    @staticmethod
    def of(weight: Tensor, lookups: list[Lookup], sparse: bool) -> "EmbeddingGradient":
        """The gradient of a weight."""
        made: Any = Tensor._make_wrapper_subclass(  # type: ignore[attr-defined]
            EmbeddingGradient, weight.shape, dtype=weight.dtype, device=weight.device
        )
        made._lookups, made._sparse = lookups, sparse
        return made  # type: ignore[no-any-return]

    __torch_function__ = torch._C._disabled_torch_function_impl

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        raise NotImplementedError(f"{func} of an EmbeddingGradient")
