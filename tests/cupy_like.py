"""A stand-in for CuPy in NumPy's memory, with the part of its interface that the library uses (CuPy 13 to 15).

It is as strict as CuPy: no implicit conversion to NumPy, work only on the current device, no sort but the stable one.
It notes what streams are told.
"""

import operator
import types
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import numpy as np

CURRENT_DEVICE, CURRENT_STREAM = [0], []
NOTED: list[tuple[Any, ...]] = []


class Device:
    def __init__(self, id: int = 0) -> None:  # noqa: A002 - as CuPy names it
        self.id = id

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Device) and self.id == other.id

    def __hash__(self) -> int:
        return self.id

    def __repr__(self) -> str:
        return f"<CUDA Device {self.id}>"

    def __enter__(self) -> "Device":
        CURRENT_DEVICE.append(self.id)
        return self

    def __exit__(self, *raised: object) -> None:
        CURRENT_DEVICE.pop()


class Event:
    def __init__(self, stream: int) -> None:
        self.stream = stream


class Stream:
    null: "Stream"

    def __init__(self, ptr: int = 0) -> None:
        self.ptr, self.captures = ptr, False

    @classmethod
    def from_external(cls, stream: Any) -> "Stream":
        version, ptr = stream.__cuda_stream__()
        assert version == 0
        return cls(ptr)

    def is_capturing(self) -> bool:
        return self.captures

    def record(self) -> Event:
        NOTED.append(("record", self.ptr))
        return Event(self.ptr)

    def wait_event(self, event: Event) -> None:
        NOTED.append(("wait", self.ptr, event.stream))

    def __enter__(self) -> "Stream":
        CURRENT_STREAM.append(self)
        return self

    def __exit__(self, *raised: object) -> None:
        CURRENT_STREAM.pop()


Stream.null = Stream()


class MemoryPointer:
    def __init__(self, ptr: int, device: Device) -> None:
        self.ptr, self.device = ptr, device


class ndarray:  # noqa: N801 - as CuPy names it
    __module__ = "cupy"

    def __init__(self, host: np.ndarray, device: int) -> None:
        self._host = host
        self.data = MemoryPointer(host.ctypes.data, Device(device))
        self.shape, self.strides, self.dtype = host.shape, host.strides, host.dtype
        self.ndim, self.size, self.itemsize, self.nbytes = host.ndim, host.size, host.itemsize, host.nbytes
        self.flags = types.SimpleNamespace(
            c_contiguous=host.flags.c_contiguous, f_contiguous=host.flags.f_contiguous, owndata=host.flags.owndata
        )

    @property
    def device(self) -> Device:
        return self.data.device

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        return {
            "shape": self.shape,
            "typestr": self.dtype.str,
            "descr": [("", self.dtype.str)],
            "stream": 1,
            "version": 3,
            "strides": None if self.flags.c_contiguous else self.strides,
            "data": (self.data.ptr if self.size else 0, False),
        }

    def __dlpack_device__(self) -> tuple[int, int]:
        return 2, self.device.id

    def __dlpack__(self, **options: Any) -> NoReturn:
        raise BufferError("the memory is a GPU's")

    def __array__(self, dtype: Any = None) -> NoReturn:
        raise TypeError("Implicit conversion to a NumPy array is not allowed. Please use `.get()`")

    def _current(self) -> np.ndarray:
        """The elements, for work on the current device."""
        assert self.device.id == CURRENT_DEVICE[-1], "work on an array of another device"
        NOTED.append(("work", current_stream().ptr))
        return self._host

    def _like(self, host: np.ndarray) -> "ndarray":
        return ndarray(np.asarray(host), self.device.id)

    def get(self) -> np.ndarray:
        return self._host.copy()

    def item(self) -> Any:
        return self._host.item()

    def copy(self, order: str = "C") -> "ndarray":
        return self._like(self._current().copy(order))

    def astype(self, dtype: Any, copy: bool = True) -> "ndarray":
        if not copy and self.dtype == np.dtype(dtype):
            return self
        return self._like(self._current().astype(dtype))

    def sum(self, axis: int | None = None) -> "ndarray":
        return self._like(self._current().sum(axis=axis))

    def max(self, axis: int | None = None) -> "ndarray":
        return self._like(self._current().max(axis=axis))

    def any(self) -> "ndarray":
        return self._like(self._current().any())

    def nonzero(self) -> tuple["ndarray", ...]:
        return tuple(map(self._like, self._current().nonzero()))

    @property
    def T(self) -> "ndarray":  # noqa: N802 - as CuPy names it
        return self._like(self._host.T)

    def __len__(self) -> int:
        return len(self._host)

    def __bool__(self) -> bool:
        return bool(self._host)

    def __int__(self) -> int:
        return int(self._host)

    def __getitem__(self, key: Any) -> "ndarray":
        if isinstance(key, ndarray):
            return self._like(self._current()[key._current()])
        return self._like(self._host[key])

    def __setitem__(self, key: Any, value: Any) -> None:
        self._current()[key] = value._current() if isinstance(value, ndarray) else value

    def _with(self, other: Any, work: Any) -> "ndarray":
        return self._like(work(self._current(), other._current() if isinstance(other, ndarray) else other))

    def __lt__(self, other: Any) -> "ndarray":
        return self._with(other, operator.lt)

    def __gt__(self, other: Any) -> "ndarray":
        return self._with(other, operator.gt)

    def __ge__(self, other: Any) -> "ndarray":
        return self._with(other, operator.ge)

    def __ne__(self, other: Any) -> "ndarray":  # type: ignore[override]
        return self._with(other, operator.ne)

    def __or__(self, other: "ndarray") -> "ndarray":
        return self._with(other, operator.or_)

    def __add__(self, other: Any) -> "ndarray":
        return self._with(other, operator.add)

    def __sub__(self, other: Any) -> "ndarray":
        return self._with(other, operator.sub)

    __hash__ = None  # type: ignore[assignment]


def current_stream() -> Stream:
    return CURRENT_STREAM[-1] if CURRENT_STREAM else Stream.null


def array(obj: Any) -> ndarray:
    if isinstance(obj, ndarray):
        return obj.copy()
    dtype = np.asarray(obj).dtype
    # bfloat16 since CuPy 14, where ml_dtypes is installed.
    if dtype.name != "bfloat16" and dtype.char not in "?bhilqBHILQefdFD":
        raise ValueError(f"Unsupported dtype {dtype}")
    return ndarray(np.array(obj, order="C"), CURRENT_DEVICE[-1])


def empty(shape: Any, dtype: Any = float) -> ndarray:
    made = np.empty(shape, dtype)
    # What is not written shows.
    made.fill(np.nan if made.dtype.kind == "f" else 77)
    return array(made)


def full(shape: Any, fill_value: Any, dtype: Any = None) -> ndarray:
    return array(np.full(shape, fill_value, dtype))


def ones(shape: Any, dtype: Any = float) -> ndarray:
    return array(np.ones(shape, dtype))


def arange(stop: int, dtype: Any) -> ndarray:
    return array(np.arange(stop, dtype=dtype))


def concatenate(tup: list[ndarray]) -> ndarray:
    assert len({each.dtype for each in tup}) == 1, "conversions are said"
    return tup[0]._like(np.concatenate([each._current() for each in tup]))


def where(condition: ndarray, x: int, y: ndarray) -> ndarray:
    return y._like(np.where(condition._current(), x, y._current()))


def argsort(a: ndarray, axis: int = -1, kind: str | None = None) -> ndarray:
    assert a.size, "CuPy's argsort of nothing is not tried"
    assert kind in (None, "stable")
    return a._like(a._current().argsort(axis=axis, kind="stable"))


def searchsorted(a: ndarray, v: ndarray, side: str = "left") -> ndarray:
    assert a.size, "CuPy's searchsorted in nothing is not tried"
    return a._like(np.searchsorted(a._current(), v._current(), side=side))


def module() -> types.ModuleType:
    """The stand-in as a module."""
    made = types.ModuleType("cupy")
    offered = ndarray, arange, argsort, array, concatenate, empty, full, ones, searchsorted, where, np.float32
    vars(made).update({each.__name__: each for each in offered})
    made.cuda = types.SimpleNamespace(  # type: ignore[attr-defined]
        Device=Device, Stream=Stream, Event=Event, get_current_stream=current_stream
    )
    return made


@contextmanager
def interpreted() -> Iterator[None]:
    """Let Triton's interpreter take arguments that are not PyTorch's: their memory is the CPU's already."""
    from triton.runtime.interpreter import GridExecutor

    before = GridExecutor._init_args_hst, GridExecutor._restore_args_dev
    GridExecutor._init_args_hst = lambda self, arguments, named: (arguments, named)
    GridExecutor._restore_args_dev = lambda self, *arguments: None
    try:
        yield
    finally:
        GridExecutor._init_args_hst, GridExecutor._restore_args_dev = before
