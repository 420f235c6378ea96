"""Element types with MindSpore's names.

>>> from fusedstep.mindspore.common import dtype as mstype
>>> mstype.float32
mindspore.float32
>>> print(mstype.float32)
Float32
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True, repr=False)
class DType:
    """An element type.

    Attributes:
        title: its name in printed tensors.
        numpy: NumPy's dtype.

    >>> from fusedstep.mindspore import bool_
    >>> bool_.name, str(bool_), bool_.numpy
    ('bool', 'Bool', dtype('bool'))
    """

    title: str
    numpy: np.dtype[Any] = field(compare=False)

    @property
    def name(self) -> str:
        """The name in lower case."""
        return self.title.lower()

    def __repr__(self) -> str:
        return f"mindspore.{self.name}"

    def __str__(self) -> str:
        return self.title


bool_ = DType("Bool", np.dtype(np.bool_))
int8 = DType("Int8", np.dtype(np.int8))
int16 = DType("Int16", np.dtype(np.int16))
int32 = DType("Int32", np.dtype(np.int32))
int64 = DType("Int64", np.dtype(np.int64))
uint8 = DType("UInt8", np.dtype(np.uint8))
uint16 = DType("UInt16", np.dtype(np.uint16))
uint32 = DType("UInt32", np.dtype(np.uint32))
uint64 = DType("UInt64", np.dtype(np.uint64))
float16 = DType("Float16", np.dtype(np.float16))
float32 = DType("Float32", np.dtype(np.float32))
float64 = DType("Float64", np.dtype(np.float64))
KNOWN = [bool_, int8, int16, int32, int64, uint8, uint16, uint32, uint64, float16, float32, float64]

try:
    import ml_dtypes
except ImportError:
    pass
else:
    bfloat16 = DType("BFloat16", np.dtype(ml_dtypes.bfloat16))
    KNOWN.append(bfloat16)

_BY_NUMPY = {known.numpy: known for known in KNOWN}


def as_dtype(value: Any) -> DType:
    """The element type for a type or its name.

    Args:
        value: an element type of this module or of NumPy, or a name.

    Raises:
        TypeError: it is not an element type of tensors.

    >>> as_dtype("float16")
    mindspore.float16
    """
    if isinstance(value, DType):
        return value
    try:
        # np.dtype(None) is float64.
        return _BY_NUMPY[np.dtype(value if value is not None else "none")]
    except (KeyError, TypeError):
        names = ", ".join(known.name for known in KNOWN)
        raise TypeError(f"Tensor: {value!r} is not an element type of tensors, expected one of {names}") from None


def dtype_to_nptype(type_: DType) -> Any:
    """NumPy's scalar type of an element type.

    Args:
        type_: the element type.

    Raises:
        TypeError: it is not an element type of tensors.

    >>> dtype_to_nptype(float32)
    <class 'numpy.float32'>
    """
    return as_dtype(type_).numpy.type
