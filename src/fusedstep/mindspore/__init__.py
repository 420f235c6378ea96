"""MindSpore's interface to its optimizer operators, with fusedstep's kernels. Code needs only other imports.

MindSpore itself is not needed. Tensors are NumPy arrays on the CPU.

>>> import numpy as np
>>> import fusedstep.mindspore as mindspore
>>> from fusedstep.mindspore import Parameter, Tensor, ops
>>> var, m, v = (Parameter(Tensor(np.ones((3, 2), np.float32)), name=name) for name in ("var", "m", "v"))
>>> gradient = Tensor(np.full((2, 2), 0.1), mindspore.float32)
>>> scalars = [Tensor(value, mindspore.float32) for value in (0.9, 0.999, 0.001, 0.9, 0.999, 1e-8)]
>>> _ = ops.FusedSparseAdam()(var, m, v, *scalars, gradient, Tensor([0, 1], mindspore.int32))
>>> print(var.asnumpy()[:, 0])
[0.9997121  0.9997121  0.99971527]
"""

from . import common, context, nn, ops, runtime
from .common import dtype
from .common.api import jit, jit_class
from .common.dtype import (
    bool_,
    dtype_to_nptype,
    float16,
    float32,
    float64,
    int8,
    int16,
    int32,
    int64,
    uint8,
    uint16,
    uint32,
    uint64,
)
from .common.parameter import Parameter, ParameterTuple
from .common.seed import get_seed, set_seed
from .common.sparse_tensor import RowTensor
from .common.tensor import Tensor, tensor
from .context import (
    COMPATIBLE,
    GRAPH_MODE,
    LAX,
    PYNATIVE_MODE,
    STRICT,
    ParallelMode,
    get_auto_parallel_context,
    get_context,
    reset_auto_parallel_context,
    set_auto_parallel_context,
    set_context,
    set_deterministic,
    set_device,
    set_recursion_limit,
)
from .unavailable import attribute_finder

__all__ = [
    "COMPATIBLE",
    "GRAPH_MODE",
    "LAX",
    "PYNATIVE_MODE",
    "STRICT",
    "ParallelMode",
    "Parameter",
    "ParameterTuple",
    "RowTensor",
    "Tensor",
    "bool_",
    "common",
    "context",
    "dtype",
    "dtype_to_nptype",
    "float16",
    "float32",
    "float64",
    "get_auto_parallel_context",
    "get_context",
    "get_seed",
    "int8",
    "int16",
    "int32",
    "int64",
    "jit",
    "jit_class",
    "nn",
    "ops",
    "reset_auto_parallel_context",
    "runtime",
    "set_auto_parallel_context",
    "set_context",
    "set_deterministic",
    "set_device",
    "set_recursion_limit",
    "set_seed",
    "tensor",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
]

if hasattr(dtype, "bfloat16"):
    bfloat16 = dtype.bfloat16
    __all__ += ["bfloat16"]

__getattr__ = attribute_finder(__name__, ("Model", "grad", "jacfwd", "jacrev", "jvp", "value_and_grad", "vjp"))
