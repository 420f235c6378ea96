"""MindSpore's element types, tensors and parameters."""

from . import dtype, initializer, parameter, seed, sparse_tensor, tensor
from .parameter import Parameter, ParameterTuple
from .seed import get_seed, set_seed
from .sparse_tensor import RowTensor
from .tensor import Tensor

__all__ = [
    "Parameter",
    "ParameterTuple",
    "RowTensor",
    "Tensor",
    "dtype",
    "get_seed",
    "initializer",
    "parameter",
    "seed",
    "set_seed",
    "sparse_tensor",
    "tensor",
]
