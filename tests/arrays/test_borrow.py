"""Memory of every kind of array: buffers, files, DLPack, the array interface. PyTorch's is in test_torch_tensors.py."""

import array
import ctypes
import mmap
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fusedstep as fs
from tests import reference


def momentum(var: Any, mean: Any, grad: Any, *, lr: Any, beta: Any) -> tuple[Any, Any]:
    mean = beta * mean + (1 - beta) * grad
    return var - lr * mean, mean


STEP = fs.Operator(momentum)
SCALARS = {"lr": 0.1, "beta": 0.7}


class OnlyDLPack:
    """An array of a library that NumPy knows nothing of but the protocol."""

    def __init__(self, inner: np.ndarray, device: int = 1) -> None:
        self.inner, self.device = inner, device

    def __dlpack__(self, **options: Any) -> Any:
        if self.device != 1:
            raise BufferError("this memory is on another device")
        return self.inner.__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.device, 0


class OnlyInterface:
    """An array that says where its memory is, and no more."""

    def __init__(self, inner: np.ndarray) -> None:
        self.inner = inner

    @property
    def __array_interface__(self) -> dict[str, Any]:
        return self.inner.__array_interface__


class Subclass(np.ndarray):
    """What a caller may have derived."""


def buffer(values: np.ndarray) -> Any:
    return array.array("f", values.ravel().tolist())


def memory_view(values: np.ndarray) -> Any:
    return memoryview(bytearray(values.tobytes())).cast("B").cast("f", values.shape)


def c_array(values: np.ndarray) -> Any:
    return (ctypes.c_float * values.size)(*values.ravel().tolist())


def anonymous_map(values: np.ndarray) -> Any:
    mapped = mmap.mmap(-1, values.nbytes)
    mapped[:] = values.tobytes()
    return memoryview(mapped).cast("f", values.shape)


MAKERS = {
    "array.array": (buffer, (6,)),
    "ctypes": (c_array, (6,)),
    "memoryview": (memory_view, (3, 2)),
    "mmap": (anonymous_map, (3, 2)),
    "DLPack": (lambda values: OnlyDLPack(values.copy()), (3, 2)),
    "array interface": (lambda values: OnlyInterface(values.copy()), (3, 2)),
    "subclass": (lambda values: values.copy().view(Subclass), (3, 2)),
}


def view_of(given: Any) -> np.ndarray:
    return np.asarray(given.inner if isinstance(given, OnlyDLPack | OnlyInterface) else given)


@pytest.mark.parametrize("name", list(MAKERS))
@pytest.mark.parametrize("sparse", [False, True])
def test_the_memory_of_any_array_is_updated(name: str, sparse: bool) -> None:
    if name == "DLPack" and np.lib.NumpyVersion(np.__version__) < "2.1.0":
        pytest.skip("before NumPy 2.1 every array that comes by DLPack is read-only")
    make, shape = MAKERS[name]
    rng = np.random.default_rng(3)
    values = [reference.numbers(rng, shape) for _ in range(2)]
    count = 4 if sparse else shape[0]
    grad = reference.numbers(rng, (count, *shape[1:]))
    indices = np.array([2, 0, 2, 1], np.int32) if sparse else None
    expected = reference.step(momentum, values, grad, indices, "touched", SCALARS)
    states = [make(each) for each in values]
    given_indices: Any = indices
    if sparse and name == "array.array":
        given_indices = array.array("i", indices.tolist())
    elif sparse and name == "DLPack":
        given_indices = OnlyDLPack(indices)
    elif sparse and name == "array interface":
        given_indices = OnlyInterface(indices)
    returned = STEP(*states, make(grad), given_indices, **SCALARS)
    for got, state, want in zip(returned, states, expected, strict=True):
        assert got is state
        reference.assert_same_bits(view_of(state), want)


def test_a_file_on_disk_is_updated(tmp_path: Path) -> None:
    path = tmp_path / "table"
    values = reference.numbers(np.random.default_rng(0), (4, 3))
    var = np.memmap(path, np.float32, "w+", shape=(4, 3))
    var[...] = values
    mean, grad = np.zeros((4, 3), np.float32), np.ones((2, 3), np.float32)
    indices = np.array([3, 1])
    expected = reference.step(momentum, [values, mean], grad, indices, "every", SCALARS)
    assert STEP(var, mean, grad, indices, rows="every", **SCALARS)[0] is var
    var.flush()
    reference.assert_same_bits(np.fromfile(path, np.float32).reshape(4, 3), expected[0])


def test_a_file_opened_for_reading_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "table"
    np.ones((4, 3), np.float32).tofile(path)
    var = np.memmap(path, np.float32, "r", shape=(4, 3))
    others = [np.ones((4, 3), np.float32) for _ in range(2)]
    with pytest.raises(ValueError, match="momentum: var is read-only"):
        STEP(var, *others, **SCALARS)
    assert (others[0] == 1).all()


REFUSED = {
    "bytes": (b"12345678", "bytes"),
    "a string": ("12345678", "str"),
    "a list": ([1.0, 2.0], "list"),
    "None": (None, "None"),
    "a NumPy scalar": (np.float32(1), "float32"),
    "read-only memory": (memoryview(np.ones(2, np.float32).tobytes()).cast("f"), "read-only"),
    "a read-only array by its interface": (OnlyInterface(np.broadcast_to(np.float32(1), 2)), "read-only"),
    "memory of another device": (OnlyDLPack(np.ones(2, np.float32), device=2), "another device"),
    "a masked array": (np.ma.ones(2, np.float32), "mask"),
    "whole numbers": (array.array("i", [1, 2]), "int32"),
    "records": (np.zeros(2, [("a", "f4")]), "expected float32"),
    "long doubles": (np.zeros(2, np.longdouble), "expected float32"),
}


@pytest.mark.parametrize("name", list(REFUSED))
@pytest.mark.parametrize("place", ["var", "mean"])
def test_what_cannot_be_updated_is_refused_by_name(name: str, place: str) -> None:
    value, why = REFUSED[name]
    other, grad = np.ones(2, np.float32), np.ones(2, np.float32)
    states = (value, other) if place == "var" else (other, value)
    with pytest.raises((TypeError, ValueError), match=rf"momentum: {place} .*{why}"):
        STEP(*states, grad, **SCALARS)
    assert (other == 1).all()


@pytest.mark.parametrize("wrap", [np.asarray, OnlyDLPack, OnlyInterface, lambda each: memoryview(each)])
@pytest.mark.parametrize(("dtype", "bad"), [(np.int64, -1), (np.uint64, 2**63 + 5), (np.int32, 3), (np.uint8, 255)])
def test_a_bad_index_is_named_however_it_is_given(wrap: Any, dtype: Any, bad: int) -> None:
    states = [np.ones((3, 2), np.float32) for _ in range(2)]
    indices = wrap(np.array([0, bad, 1], dtype))
    with pytest.raises(IndexError, match=rf"momentum: indices\[1\] is {bad}, expected 0 to 2"):
        STEP(*states, np.ones((3, 2), np.float32), indices, **SCALARS)
    assert all((state == 1).all() for state in states)


@pytest.mark.parametrize("shape", [(0,), (3, 0), (0, 3), (2, 0, 3)])
def test_nothing_to_do(shape: tuple[int, ...]) -> None:
    states = [np.ones(shape, np.float32) for _ in range(2)]
    assert STEP(*states, np.ones(shape, np.float32), **SCALARS)[0] is states[0]
    none = np.zeros(0, int)
    assert STEP(*states, np.ones((0, *shape[1:]), np.float32), none, rows="every", **SCALARS)[0] is states[0]


def test_no_index_at_all_still_steps_every_row() -> None:
    states = [np.ones((3, 2), np.float32) for _ in range(2)]
    grad, none = np.ones((0, 2), np.float32), np.zeros(0, np.int64)
    expected = reference.step(momentum, states, grad, none, "every", SCALARS)
    STEP(*states, grad, none, rows="touched", **SCALARS)
    assert all((state == 1).all() for state in states)
    STEP(*states, grad, none, rows="every", **SCALARS)
    for state, want in zip(states, expected, strict=True):
        reference.assert_same_bits(state, want)


def test_interleaved_states_are_no_overlap() -> None:
    # Rows of both states in one record: they lie in one stretch of memory and share no byte.
    record = np.arange(24, dtype=np.float32).reshape(4, 6)
    states = [record[:, :3], record[:, 3:]]
    values = [state.copy() for state in states]
    grad, indices = np.ones((2, 3), np.float32), np.array([3, 1])
    expected = reference.step(momentum, values, grad, indices, "touched", SCALARS)
    STEP(*states, grad, indices, **SCALARS)
    for state, want in zip(states, expected, strict=True):
        reference.assert_same_bits(state.copy(), want)
