"""Row indices that are no array: lists, ranges, and what makes an array of itself, such as a Series of pandas."""

import array
import collections
import enum
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import fusedstep as fs

ROWS, NAMED = 6, [4, 1, 4]


class Numbers(enum.IntEnum):
    FOUR, ONE = 4, 1


class MakesArray:
    """Makes a NumPy array of itself, and lends nothing: what a Series is to NumPy."""

    def __init__(self, values: Any, dtype: Any = None) -> None:
        self.values = np.array(values, dtype)

    def __len__(self) -> int:
        return len(self.values)

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return self.values.astype(dtype or self.values.dtype)


class Arrow(MakesArray):
    """Lends its memory by DLPack only where no value is missing, as Arrow's arrays."""

    def __dlpack__(self, **options: Any) -> Any:
        raise TypeError("values are missing")

    def __dlpack_device__(self) -> tuple[int, int]:
        return 1, 0


class Elsewhere(Arrow):
    """An array on another device, which copies itself to the host where it is asked to."""

    def __dlpack__(self, **options: Any) -> Any:
        raise BufferError("this memory is on another device")

    def __dlpack_device__(self) -> tuple[int, int]:
        return 2, 0


class Nowhere(Arrow):
    """An array without memory, as a tracer."""

    def __dlpack_device__(self) -> tuple[int, int]:
        raise RuntimeError("it has no memory")


class Unwilling:
    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        raise TypeError("not me")


def pandas(*arguments: Any, **options: Any) -> Any:
    return pytest.importorskip("pandas").Series(*arguments, **options)


# Each makes the rows 4, 1 and 4.
TAKEN: dict[str, Callable[[], Any]] = {
    "list": lambda: NAMED,
    "tuple": lambda: tuple(NAMED),
    "deque": lambda: collections.deque(NAMED),
    "user list": lambda: collections.UserList(NAMED),
    "list of NumPy's integers": lambda: [np.int8(4), np.uint64(1), np.int64(4)],
    "list of arrays without dimension": lambda: [np.array(4), 1, np.array(4, np.uint8)],
    "list of an enumeration": lambda: [Numbers.FOUR, Numbers.ONE, 4],
    "array.array": lambda: array.array("H", NAMED),
    "memoryview": lambda: memoryview(array.array("i", NAMED)),
    "bytearray": lambda: bytearray(NAMED),
    "what makes an array": lambda: MakesArray(NAMED),
    "what makes an array of narrow integers": lambda: MakesArray(NAMED, np.int16),
    "what makes an array of objects": lambda: MakesArray(NAMED, object),
    "what lends no memory by DLPack": lambda: Arrow(NAMED),
    "Series": lambda: pandas(NAMED),
    "Series with labels": lambda: pandas(NAMED, index=["a", "b", "c"]),
    "nullable Series": lambda: pandas(NAMED, dtype="Int32"),
    "Series of objects": lambda: pandas(NAMED, dtype=object),
    "Index": lambda: pytest.importorskip("pandas").Index(NAMED),
}
EMPTY: dict[str, Callable[[], Any]] = {
    "list": list,
    "tuple": tuple,
    "range": lambda: range(3, 3),
    "what makes an array": lambda: MakesArray([], object),
    "Series": lambda: pandas([], dtype=int),
}
MASK = r"; of a mask pass np\.flatnonzero\(mask\)"
NO_INTEGERS = "becomes an array of float64, expected integers, none of them missing"
REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "mask in a list": (lambda: [True, False, True], rf"indices\[0\] is of type bool, expected an integer{MASK}"),
    "truth value among integers": (lambda: [1, 2, True], rf"indices\[2\] is of type bool.*{MASK}"),
    "NumPy's truth values": (lambda: [np.True_] * 3, MASK),
    "truth values without dimension": (lambda: [1, np.array(True), 2], rf"indices\[1\] .*{MASK}"),
    "mask": (lambda: np.ones(3, bool), rf"indices holds bool, expected integers{MASK}"),
    "memoryview of a mask": (lambda: memoryview(np.ones(3, bool)), MASK),
    "what makes a mask": (lambda: MakesArray([True, False, True]), MASK),
    "what makes a mask, of DLPack": (lambda: Arrow([True, False, True]), MASK),
    "mask with a missing value": (lambda: MakesArray([True, None, False], object), MASK),
    "Series of truth values": (lambda: pandas([True, False, True]), MASK),
    "floats": (lambda: [1.0, 2.0, 3.0], r"indices\[0\] is of type float, expected an integer$"),
    "a float among integers": (lambda: [1, 2, np.float32(3)], r"indices\[2\] is of type float32"),
    "a complex number": (lambda: [1j], "of type complex"),
    "strings": (lambda: ["1", "2"], r"indices\[0\] is of type str"),
    "None among integers": (lambda: [1, None], r"indices\[1\] is None, expected an integer$"),
    "nested": (lambda: [[1], [2], [3]], r"indices\[0\] is of type list"),
    "ragged": (lambda: [1, [2, 3]], r"indices\[1\] is of type list"),
    "a list of arrays": (lambda: [np.array([1]), np.array([2])], r"indices\[0\] is of type ndarray"),
    "what makes floats": (lambda: MakesArray([1.0, 2.0, 3.0]), NO_INTEGERS),
    "what misses a value": (lambda: Arrow([1.0, np.nan, 3.0]), NO_INTEGERS),
    "what makes an array of objects": (lambda: MakesArray([1, None, 3], object), r"indices\[1\] is None"),
    "what makes two dimensions": (lambda: MakesArray([[1], [2], [3]]), r"has shape \(3, 1\), expected one dimension"),
    "what makes no array": (Unwilling, r"of type Unwilling, which does not become a NumPy array \(not me\)"),
    "what is on another device": (lambda: Elsewhere(NAMED), "another device"),
    "what has no memory": (lambda: Nowhere(NAMED), "values are missing"),
    "Series of floats": (lambda: pandas([1.0, 2.0, 3.0]), NO_INTEGERS),
    "Series with a missing value": (lambda: pandas([1, None, 3], dtype="Int64"), "indices"),
    "a table of pandas": (lambda: pytest.importorskip("pandas").DataFrame({"row": NAMED}), "one dimension"),
    "a set": (lambda: {1, 2, 3}, "of type set, expected an array, a list or a range of integers"),
    "a dictionary": (lambda: {1: 1}, "of type dict, expected an array, a list"),
    "an iterator": (lambda: iter(NAMED), "of type list_iterator, expected an array, a list"),
    "a number": (lambda: 3, "of type int, expected an array, a list"),
    "a string": (lambda: "123", "of type str, expected an array, a list"),
    "too many": (lambda: range(2**31), "2147483648 entries, expected fewer than"),
}
OUTSIDE: dict[str, tuple[Callable[[], Any], int, int]] = {
    "negative": (lambda: [1, -1, 2], 1, -1),
    "too large": (lambda: (1, 2, ROWS), 2, ROWS),
    "of 64 bits": (lambda: [1, 2**64 - 1], 1, 2**64 - 1),
    "2**63": (lambda: [2**63], 0, 2**63),
    "-2**63": (lambda: [-(2**63)], 0, -(2**63)),
    "beyond 64 bits": (lambda: [1, 2, -(2**70)], 2, -(2**70)),
    "NumPy's": (lambda: [np.uint64(2**63 + 5)], 0, 2**63 + 5),
    "of objects": (lambda: MakesArray([1, 2**70], object), 1, 2**70),
    "of an unsigned array": (lambda: MakesArray([2, 2**63 + 5], np.uint64), 1, 2**63 + 5),
    "range": (lambda: range(4, 8), 2, 6),
    "range from below": (lambda: range(-1, 2), 0, -1),
    "range beyond 64 bits": (lambda: range(2**80), 2**80 - 1, 2**80 - 1),
    "range down to the least integer": (lambda: range(0, -(2**63) - 1, -(2**63)), 1, -(2**63)),
    "range of one beyond 64 bits": (lambda: range(2**70, 2**70 + 1), 0, 2**70),
}


def lazy_momentum(dtype: Any = np.float32) -> tuple[list[np.ndarray], Callable[..., Any]]:
    """States, and a step of them that takes a gradient and indices."""
    states = [np.full((ROWS, 2), value, dtype) for value in (1, 0.5)]
    step = fs.Operator(fs.rules.momentum)
    return states, lambda grad, indices: step(*states, grad, indices, lr=0.5, momentum=0.25)


def by_name() -> tuple[list[np.ndarray], Callable[..., Any]]:
    states = [np.full((ROWS, 2), value, np.float32) for value in (1, 0.5)]
    step = fs.ops.SparseApplyProximalAdagrad()
    return states, lambda grad, indices: step(*states, 0.5, 0.1, 0.1, grad, indices)


def deferred() -> tuple[list[np.ndarray], Callable[..., Any]]:
    states = [np.full((ROWS, 2), value, np.float32) for value in (1, 0.5)]
    table = fs.DeferredRows(fs.rules.momentum, *states)
    return states, lambda grad, indices: table.step(grad, indices, lr=0.5, momentum=0.25)


def catching_up() -> tuple[list[np.ndarray], Callable[..., Any]]:
    states, step = deferred()
    step(np.ones((1, 2), np.float32), np.array([0]))
    table = step.__closure__[0].cell_contents  # type: ignore[index]
    return states, lambda grad, indices: table.catch_up(indices)


PLACES = [lazy_momentum, by_name, deferred, catching_up]


def gradient(count: int) -> np.ndarray:
    return np.arange(2 * count, dtype=np.float32).reshape(count, 2) / 4


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", list(TAKEN))
def test_they_are_taken_as_an_array_is(name: str, place: Callable[..., Any]) -> None:
    (states, step), (expected, stepped) = place(), place()
    step(gradient(3), TAKEN[name]())
    stepped(gradient(3), np.array(NAMED))
    assert [each.tolist() for each in states] == [each.tolist() for each in expected]
    assert (states[0][NAMED] != 1).all()


@pytest.mark.parametrize(
    "indices", [range(3), range(1, 6, 2), range(5, 2, -1), range(5, -1, -2), range(0, 2**40, 2**39), range(4, 5, 2**90)]
)
def test_ranges(indices: range) -> None:
    (states, step), (expected, stepped) = lazy_momentum(), lazy_momentum()
    rows = [each for each in indices if each < ROWS]
    if rows == list(indices):
        step(gradient(len(rows)), indices)
        stepped(gradient(len(rows)), np.array(rows))
        assert [each.tolist() for each in states] == [each.tolist() for each in expected]
    else:
        with pytest.raises(IndexError, match=rf"indices\[{len(rows)}\] is {indices[len(rows)]}, expected 0 to 5"):
            step(gradient(len(indices)), indices)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", list(EMPTY))
def test_no_row_may_be_named(name: str, place: Callable[..., Any]) -> None:
    states, step = place()
    before = [each.copy() for each in states]
    step(gradient(0), EMPTY[name]())
    assert [each.tolist() for each in states] == [each.tolist() for each in before]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", list(REFUSED))
def test_what_is_no_list_of_integers_is_refused(name: str, place: Callable[..., Any]) -> None:
    make, why = REFUSED[name]
    states, step = place()
    before = [each.copy() for each in states]
    with pytest.raises((TypeError, ValueError), match=rf"^\S+: indices.*{why}".replace(r"indices.*indices", "indices")):
        step(gradient(3), make())
    assert [each.tolist() for each in states] == [each.tolist() for each in before]


@pytest.mark.parametrize("name", list(OUTSIDE))
def test_an_index_that_names_no_row_is_named(name: str) -> None:
    make, place, value = OUTSIDE[name]
    states, step = lazy_momentum()
    given = make()
    try:
        count = len(given)
    except OverflowError:
        count = 0
    with pytest.raises(IndexError, match=rf"^momentum: indices\[{place}\] is {value}, expected 0 to 5: var has 6 rows"):
        step(gradient(count), given)
    assert (states[0] == 1).all()


def test_a_table_without_dimension_has_no_rows() -> None:
    step = fs.Operator(fs.rules.momentum)
    with pytest.raises(ValueError, match="var has no dimensions"):
        step(np.array(1.0), np.array(1.0), np.array([1.0]), [0], lr=0.1, momentum=0.9)


LISTS = {
    "list": lambda: [[1.0, 2.0]],
    "tuple": lambda: ((1.0, 2.0),),
    "what makes an array": lambda: MakesArray([[1.0, 2.0]]),
    "pandas": lambda: pytest.importorskip("pandas").DataFrame({"a": [1.0], "b": [2.0]}),
}


@pytest.mark.parametrize(("dtype", "remedy"), [(np.float16, "float16"), (np.float32, "float32"), (float, "float64")])
@pytest.mark.parametrize("name", list(LISTS))
def test_a_gradient_is_not_converted(name: str, dtype: Any, remedy: str) -> None:
    states, step = lazy_momentum(dtype)
    with pytest.raises(TypeError, match=rf"^momentum: grad is of type .*; pass np\.asarray\(grad, np\.{remedy}\)$"):
        step(LISTS[name](), [1])
    assert (states[0] == 1).all()
    step(np.asarray(LISTS[name](), dtype), [1])
    assert (states[0][1] != 1).all()


def test_a_list_beside_tensors() -> None:
    torch = pytest.importorskip("torch")
    states, grad = [torch.ones(ROWS, 2), torch.zeros(ROWS, 2)], torch.ones(3, 2)
    step = fs.Operator(fs.rules.momentum)
    step(*states, grad, [torch.tensor(4), 1, np.int32(4)], lr=0.5, momentum=0.25)
    assert states[0][:, 0].tolist() == [1, 0.5, 1, 1, 0, 1]
    for mask in ([torch.tensor(True)] * 3, torch.ones(3, dtype=torch.bool)):
        with pytest.raises(TypeError, match="; of a mask pass "):
            step(*states, grad, mask, lr=0.5, momentum=0.25)
    with pytest.raises(TypeError, match=r"indices\[0\] is of type Tensor, expected an integer"):
        step(*states, grad, [torch.tensor([4])] * 3, lr=0.5, momentum=0.25)
