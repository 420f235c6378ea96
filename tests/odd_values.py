"""What a caller may give for an argument, by mistake or to do harm; drawn by Hypothesis, or by a fuzzer through it."""

import math
from typing import Any, ClassVar

import ml_dtypes
import numpy as np
from hypothesis import strategies as st

from tests.battery_calls import Memory, laid_out

FLOATS = [np.dtype(name) for name in ("float32", "float64")]
# Sixteen bits beside float32 are no mistake, and a kernel each.
OTHERS = [np.dtype(letter) for letter in "?bBhHiIlLqQgFDG"]
OTHERS += [np.dtype(name) for name in ("O", "U3", "S3", "V4", "M8[s]", "m8[s]", "i4,f4", "(2,)f4")]
OTHERS += [np.dtype(ml_dtypes.float8_e4m3fn), np.dtype(ml_dtypes.int4)]
# Strings of any length, from NumPy 2 on.
OTHERS += [np.dtypes.StringDType()] if hasattr(np.dtypes, "StringDType") else []
LAYOUTS = ["C", "F", "strided", "reversed", "readonly", "misaligned", "byteswapped", "broadcast", "wide", "alternate"]
SUBCLASSES = ["plain", "plain", "matrix", "masked", "list", "tensor", "gradient tensor", "sparse tensor", "meta tensor"]


class Hostile:
    """Answers every conversion with an error of its own."""

    class Error(Exception):
        """What an object of the caller's raises comes back to the caller."""

    def refuse(self, *_: Any, **__: Any) -> Any:
        raise self.Error

    __array__ = __float__ = __index__ = __int__ = __len__ = __iter__ = __bool__ = __dlpack__ = __buffer__ = refuse


class Unarray:
    """Says that it is an array, and is none."""

    shape, dtype, ndim, size, flags = (6, 4), np.dtype(np.float32), 2, 24, None

    def __array__(self, *_: Any, **__: Any) -> Any:
        return np.array([None, "a"], object)


class Broken:
    """Says that it has memory, and does not say of what."""

    __array_interface__: ClassVar[dict[str, Any]] = {"version": 3, "shape": (6, 4), "data": (0, False)}


THINGS = [
    None,
    Hostile(),
    Unarray(),
    Broken(),
    object(),
    {},
    [],
    (),
    "abc",
    b"abcd",
    memoryview(bytes(96)),
    np.ma.masked,
    ...,
]
NUMBERS = [0, 1, -1, 2**31, 2**63, 2**64, 10**400, 0.0, -0.0, 0.5, 1e-320, 1e308, math.inf, -math.inf, math.nan, 1j]


@st.composite
def arrays(draw: st.DrawFn) -> tuple[Any, list[Memory]]:
    """An array, or what is like one, in a stretch of memory with guards; and that stretch."""
    dtype = draw(st.sampled_from([*FLOATS, *OTHERS]))
    shape = draw(st.one_of(st.just((6, 4)), st.just((3, 4)), st.lists(st.integers(0, 6), max_size=4).map(tuple)))
    with np.errstate(all="ignore"):
        values = np.zeros(shape, dtype)
    if values.size and values.dtype.kind in "iufb":
        values.reshape(-1)[draw(st.integers(0, values.size - 1))] = draw(st.sampled_from([0, 1, 5, 6, 100]))
    if values.dtype.hasobject or values.dtype.kind == "T" or not values.ndim or not values.dtype.itemsize:
        return values, []
    memory = laid_out(values, draw(st.sampled_from(LAYOUTS)) if values.ndim > 1 and values.dtype.kind in "iuf" else "C")
    view = memory.view(memory.raw)
    if not draw(st.integers(0, 2)):
        view.flags.writeable = False
    return dressed(view, draw(st.sampled_from(SUBCLASSES))), [memory]


def dressed(view: np.ndarray, kind: str) -> Any:
    """An array as another class of array."""
    import torch

    match kind:
        case "matrix" if view.ndim == 2:
            return view.view(np.matrix)
        case "masked":
            return np.ma.MaskedArray(view, mask=False)
        case "list":
            return view.tolist()
        case "plain" | "matrix":
            return view
    if view.dtype not in FLOATS or not view.flags.writeable or min(view.strides, default=0) < 0:
        return view
    tensor = torch.from_numpy(view) if view.flags.aligned and view.dtype.isnative else torch.zeros(view.shape)
    match kind:
        case "gradient tensor":
            return tensor.requires_grad_()
        case "sparse tensor":
            return tensor.to_sparse()
        case "meta tensor":
            return tensor.to("meta")
    return tensor


def values() -> st.SearchStrategy[tuple[Any, list[Memory]]]:
    """Anything, and the memory that it lies in."""
    numbers = st.one_of(st.sampled_from(NUMBERS), st.integers(-(2**70), 2**70), st.floats(), st.complex_numbers())
    scalars = st.sampled_from([np.dtype(letter) for letter in "?bBhHiIlLqQefdgFD"]).map(lambda dtype: dtype.type(1))
    plain = st.one_of(numbers, st.booleans(), st.text(max_size=3), scalars, st.sampled_from(THINGS))
    return st.one_of(arrays(), arrays(), plain.map(lambda value: (value, [])))
