"""MindSpore's element types, tensors and parameters."""

from ..unavailable import attribute_finder
from . import api, dtype, initializer, parameter, seed, sparse_tensor, tensor
from .api import jit
from .parameter import Parameter, ParameterTuple
from .seed import get_seed, set_seed
from .sparse_tensor import RowTensor
from .tensor import Tensor

__all__ = [
    "Parameter",
    "ParameterTuple",
    "RowTensor",
    "Tensor",
    "api",
    "dtype",
    "get_seed",
    "initializer",
    "jit",
    "parameter",
    "seed",
    "set_seed",
    "sparse_tensor",
    "tensor",
]

__getattr__ = attribute_finder(__name__)
