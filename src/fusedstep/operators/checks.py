"""The checks of a call, and their sentences. Every one comes before the first write."""

import math
import numbers
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..arrays import torch_tensors
from ..arrays.borrow import BITS, STORAGES, borrow, dtype_name, holds_integers, kind, storage_of
from ..arrays.devices import library_of, on_device
from ..arrays.layout import Rows, extent, rows_of
from ..arrays.plain import memory_of
from ..codegen.rule.program import Plan
from ..loops.cpu.whole_tensor import CHUNK
from ..runtime.cpu.grouping import Groups, group

SIXTEEN_BITS = ("float16", "bfloat16")


def flag(operator: str, name: str, value: Any) -> bool:
    """A bool.

    Raises:
        TypeError: it is something else.
    """
    if type(value) is not bool:
        raise TypeError(f"{operator}: {name} is {value!r} of type {type(value).__name__}, expected True or False")
    return value


def switches(operator: str, known: Mapping[str, bool], given: Mapping[str, Any]) -> tuple[tuple[str, bool], ...]:
    """A rule's switches in the order of their names, from their defaults and those that are given.

    Raises:
        TypeError: one is not the rule's, or no bool.
    """
    for name, value in given.items():
        if name not in known:
            raise TypeError(
                f"{operator}: no switch is called {name!r}; the rule's switches: {', '.join(known) or 'none'}"
            )
        flag(operator, name, value)
    return tuple(sorted({**known, **given}.items()))


def number(operator: str, name: str, value: Any) -> float:
    """A Python number, a NumPy scalar, or an array or tensor of one element, as a float; a tensor on a device, which
    would have to be waited for, as it is.

    Raises:
        TypeError: it is no real number.
        ValueError: it has another number of elements than one, or is too large for a float.
    """
    if type(value) is float:
        return value
    if isinstance(value, bool | np.bool_):
        raise TypeError(f"{operator}: {name} is the truth value {value}, expected a real number")
    if isinstance(value, numbers.Real):
        try:
            return float(value)
        except OverflowError:
            raise ValueError(f"{operator}: {name} is too large for a float") from None
    if on_device(value):
        found: float = scalar_on_device(operator, name, value)
        return found
    try:
        view = borrow(value) if not isinstance(value, np.generic) else np.asarray(value)
    except TypeError:
        raise TypeError(f"{operator}: {name} is {kind(value)}, expected a real number or an array of one") from None
    if view.size != 1:
        raise ValueError(f"{operator}: {name} has shape {view.shape}, expected a scalar or an array of one element")
    if storage_of(value, view) == "bfloat16":
        return float((view.reshape(-1).view(np.uint16).astype(np.uint32) << 16).view(np.float32)[0])
    if view.dtype.kind not in "fiu":
        raise TypeError(f"{operator}: {name} holds {dtype_name(value, view)}, expected a real number")
    return float(view.reshape(-1)[0])


def scalar_on_device(operator: str, name: str, value: Any) -> Any:
    """A tensor on a device that stands for a number.

    Raises:
        TypeError: it holds no real number.
        ValueError: it has another number of elements than one.
    """
    library = library_of(value)
    described = library.describe(value)
    if math.prod(described.shape) != 1:
        raise ValueError(f"{operator}: {name} has shape {described.shape}, expected one element")
    if described.dtype.startswith(("complex", "bool")):
        raise TypeError(f"{operator}: {name} holds {described.dtype}, expected a real number")
    return library.detach(value)


def no_tensors(operator: str, names: Sequence[str], scalars: Sequence[Any]) -> None:
    """A step whose scalars are used on the host waits for no device.

    Raises:
        TypeError: a scalar is a tensor on a device.
    """
    for name, value in zip(names, scalars, strict=False):
        if type(value) is not float and on_device(value):
            raise TypeError(f"{operator}: {name} is a tensor on {value.device}, expected a number; pass {name}.item()")


# What a scalar may be, and whether it is.
RANGES: dict[str, Callable[[float], bool]] = {
    "not negative": lambda value: 0.0 <= value < math.inf,
    "positive": lambda value: 0.0 < value < math.inf,
    "not positive": lambda value: -math.inf < value <= 0.0,
    "1 or more": lambda value: 1.0 <= value < math.inf,
    "in [0, 1)": lambda value: 0.0 <= value < 1.0,
    "in [0, 1]": lambda value: 0.0 <= value <= 1.0,
}


def within(operator: str, name: str, value: float, allowed: str) -> None:
    """A finite number in one of the ranges; one on a device is not looked at.

    Raises:
        ValueError: it is not.
    """
    if (type(value) is float or not on_device(value)) and not RANGES[allowed](value):
        raise ValueError(f"{operator}: {name} is {value}, expected a finite number that is {allowed}")


def state(operator: str, name: str, array: Any, changed: bool) -> tuple[np.ndarray, str]:
    """A state's memory and storage type.

    Raises:
        TypeError: it is no array, or of a type that is not updated.
        ValueError: it cannot be written to, or its elements lie askew in memory.
    """
    try:
        view = borrow(array)
    except TypeError as error:
        raise TypeError(f"{operator}: {name} is {error}") from error.__cause__
    storage = storage_of(array, view)
    if storage is None:
        raise TypeError(
            f"{operator}: {name} holds {dtype_name(array, view)}, "
            "expected float32, float64, float16 or bfloat16 in the machine's byte order"
        )
    if not (view.flags.behaved if changed else view.flags.aligned):
        if changed and not view.flags.writeable:
            raise ValueError(f"{operator}: {name} is read-only, expected an array to update in place; pass a copy")
        raise ValueError(
            f"{operator}: {name} starts at an address that is no multiple of its element size; pass an aligned copy"
        )
    return view, storage


class ArraySpec(NamedTuple):
    """What a rule asks of the states of a call.

    Attributes:
        names: what the caller calls them.
        kinds: which of "element", "row" and "column" each has one number of.
        changed: whether each is changed.
        variable: whose shape they are compared with, for sentences.
        rows: whether the rule sees rows.
        matrices: whether its rows and columns are those of the last two dimensions.
    """

    names: tuple[str, ...]
    kinds: tuple[str, ...]
    changed: tuple[bool, ...]
    variable: str
    rows: bool
    matrices: bool


def states(
    operator: str, wanted: ArraySpec, arrays: Sequence[Any]
) -> tuple[tuple[int, ...], tuple[str, ...], list[Rows]]:
    """The shape of the variable, and the storage types and the rows of all states.

    Raises:
        TypeError: one is no array, or of a type that is not updated, or does not mix with the others.
        ValueError: one differs in shape, cannot be written to, or has rows that do not lie whole in memory.
    """
    if wanted.kinds.count("element") == len(wanted.kinds) and not wanted.rows and (plain := plain_states(arrays)):
        return plain
    shape, storages, tables = None, [], []
    for name, held, changed, array in zip(wanted.names, wanted.kinds, wanted.changed, arrays, strict=True):
        view, storage = array, STORAGES.get(array.dtype) if type(array) is np.ndarray and array.flags.carray else None
        contiguous = storage is not None
        if storage is None:
            view, storage = state(operator, name, array, changed)
        if shape is None:
            shape = view.shape
            rows, width = extent(view)
            if wanted.rows:
                dimensions(operator, wanted, shape)
        elif held != "element":
            view, contiguous = reduced(operator, name, view, held, shape, wanted.matrices), False
        elif view.shape != shape:
            raise ValueError(
                f"{operator}: {name} has shape {view.shape}, expected {shape}, the shape of {wanted.variable}"
            )
        if storage in BITS:
            view = view.view(BITS[storage])
        storages.append(storage)
        tables.append(Rows(view, rows, width, width) if contiguous else layout(operator, name, view))
    assert shape is not None
    mixture = tuple(storages)
    if storages.count(storages[0]) < len(storages):
        storages_mix(operator, wanted.names, mixture)
    return shape, mixture, tables


def plain_states(arrays: Sequence[Any]) -> tuple[tuple[int, ...], tuple[str, ...], list[Rows]] | None:
    """The same for contiguous arrays of one shape and type, or tensors: a call on tiny arrays is all checks."""
    first = arrays[0]
    if type(first) is np.ndarray:
        shape, kind = first.shape, first.dtype
        storage = STORAGES.get(kind)
        if storage is None or storage in BITS:
            return None
        for array in arrays:
            if type(array) is not np.ndarray or array.shape != shape or array.dtype is not kind:
                return None
            if not array.flags.carray:
                return None
    elif torch_tensors.is_tensor(first):
        arrays = [memory_of(array) if torch_tensors.is_tensor(array) else None for array in arrays]
        first = arrays[0]
        for memory in arrays:
            if memory is None or memory.shape != first.shape or memory.itemsize != first.itemsize:
                return None
        shape, storage = first.shape, "float32" if first.itemsize == 4 else "float64"
    else:
        return None
    rows, width = extent(first)
    return shape, (storage,) * len(arrays), [Rows(array, rows, width, width) for array in arrays]


def dimensions(operator: str, wanted: ArraySpec, shape: tuple[int, ...]) -> None:
    """A variable whose rows are those that the rule sees.

    Raises:
        ValueError: it has other dimensions than two, or for rows and columns of matrices fewer.
    """
    if len(shape) < 2 or (len(shape) > 2 and not wanted.matrices):
        name = wanted.variable
        remedy = "" if wanted.matrices else f"; pass {name}.reshape(len({name}), -1)"
        expected = "two dimensions or more" if wanted.matrices else "two dimensions"
        raise ValueError(f"{operator}: {name} has shape {shape}, expected {expected}, as the rule sees rows{remedy}")


def reduced(
    operator: str, name: str, view: np.ndarray, kind: str, shape: tuple[int, ...], matrices: bool
) -> np.ndarray:
    """A state with one number a row or a column, seen as rows of one.

    Raises:
        ValueError: it has another shape, or gaps where there may be none.
    """
    if matrices:
        axis = len(shape) - (1 if kind == "row" else 2)
        expected, kept = shape[:axis] + shape[axis + 1 :], (*shape[:axis], 1, *shape[axis + 1 :])
    else:
        expected, kept = shape[:1], (*shape[:1], 1)
    if view.shape not in (expected, kept):
        raise ValueError(f"{operator}: {name} has shape {view.shape}, expected {expected}, one number a {kind}")
    if matrices and not view.flags.c_contiguous:
        raise ValueError(f"{operator}: {name} has gaps (strides {view.strides} in bytes); pass a contiguous array")
    return view.reshape(-1, 1)


def no_indices(operator: str, indices: Any) -> None:
    """A rule whose sums reach beyond a row takes a dense gradient.

    Raises:
        ValueError: indices are given.
    """
    if indices is not None:
        raise ValueError(
            f"{operator}: indices are given, but the rule adds up more than a row, so that no row can step alone; "
            "pass a dense gradient without indices"
        )


def pair(operator: str, name: str, value: Any) -> list[float]:
    """Two numbers: a tuple, a list or an array of two.

    Raises:
        TypeError: they are no real numbers.
        ValueError: they are not two.
    """
    try:
        numbers = list(value) if isinstance(value, tuple | list) else list(borrow(value).reshape(-1))
    except TypeError:
        raise TypeError(f"{operator}: {name} is {kind(value)}, expected two numbers") from None
    if len(numbers) != 2:
        raise ValueError(f"{operator}: {name} holds {len(numbers)} numbers, expected two")
    return [number(operator, name, each) for each in numbers]


def rounding(operator: str, value: Any) -> bool:
    """Whether to round by chance.

    Raises:
        ValueError: the value is neither "nearest" nor "stochastic".
    """
    if not isinstance(value, str) or value not in ("nearest", "stochastic"):
        raise ValueError(f'{operator}: rounding is {value!r}, expected "nearest" or "stochastic"')
    return bool(value == "stochastic")


def rows(operator: str, value: Any) -> None:
    """Which rows take the step.

    Raises:
        ValueError: the value is neither "touched" nor "every".
    """
    if not isinstance(value, str) or value not in ("touched", "every"):
        raise ValueError(f"{operator}: rows is {value!r}, expected 'touched' or 'every'")


def counter(operator: str, name: str, value: Any) -> int:
    """A whole number that is not negative.

    Raises:
        TypeError: it is no whole number.
        ValueError: it is negative, or 2**64 or more.
    """
    if value is None:
        raise TypeError(f"{operator}: {name} is not given; stochastic rounding needs it: pass {name}=, a whole number")
    if on_device(value):
        raise TypeError(f"{operator}: {name} is a tensor on {value.device}, expected a number; pass {name}.item()")
    counted = number(operator, name, value) if not isinstance(value, numbers.Integral) else int(value)
    if isinstance(value, bool | np.bool_) or (isinstance(counted, float) and not counted.is_integer()):
        raise TypeError(f"{operator}: {name} is {value!r}, expected a whole number")
    if not 0 <= counted < 2**64:
        # Python writes no number of thousands of digits.
        given = counted if abs(counted) < 10**30 else "far off"
        raise ValueError(f"{operator}: {name} is {given}, expected 0 to 2**64 - 1")
    return int(counted)


def storages_mix(operator: str, names: tuple[str, ...], storages: tuple[str, ...]) -> None:
    """16-bit and float32 states in any mixture, or float64 throughout.

    Raises:
        TypeError: float64 and another.
    """
    double = storages[0] == "float64"
    for name, storage in zip(names, storages, strict=True):
        if (storage == "float64") != double:
            expected = "float64" if double else "float32, float16 or bfloat16"
            raise TypeError(
                f"{operator}: {name} holds {storage}, expected {expected} beside a {storages[0]} {names[0]}; "
                "float64 goes only with float64"
            )


def gradient(operator: str, name: str, array: Any, shape: tuple[int, ...], beside: str) -> tuple[Any, str]:
    """A gradient's elements, as an array or as what says where a tensor lies, and their storage type; copied
    where it is not contiguous, writable and in native byte order.

    Raises:
        TypeError: it is no array, or neither of the variable's type nor float32 beside a 16-bit variable.
        ValueError: it has another shape.
    """
    memory = memory_of(array) if torch_tensors.is_tensor(array) else None
    if memory and memory.shape == shape and beside == ("float32" if memory.itemsize == 4 else "float64"):
        return memory, beside
    try:
        # The gradient of a variable without dimensions may be a scalar of NumPy.
        view = np.asarray(array) if isinstance(array, np.generic) else borrow(array)
    except TypeError as error:
        raise TypeError(f"{operator}: {name} is {error}") from error.__cause__
    if view.shape != shape:
        raise ValueError(f"{operator}: {name} has shape {view.shape}, expected {shape}")
    storage = storage_of(array, view)
    if storage is None and view.dtype.kind == "f" and not view.dtype.isnative:
        native = view.astype(view.dtype.newbyteorder("="))
        storage = storage_of(native, native)
        view = native
    if storage != beside and not (storage == "float32" and beside in SIXTEEN_BITS):
        expected = f"{beside} or float32" if beside in SIXTEEN_BITS else beside
        raise TypeError(
            f"{operator}: {name} holds {dtype_name(array, view)}, expected {expected}, the type of the variable"
        )
    if not view.flags.carray:
        view = view.copy()
    flat = view.reshape(-1)
    return (flat if storage not in BITS else flat.view(BITS[storage])), storage


def indices(operator: str, array: Any, variable: str, shape: tuple[int, ...]) -> np.ndarray:
    """A copy of row indices, so that concurrent writes cannot affect the call; see ``indices_of``."""
    snapshot: np.ndarray = indices_of(operator, array, variable, shape).astype(np.int64)
    return snapshot


def indices_of(operator: str, array: Any, variable: str, shape: tuple[int, ...]) -> np.ndarray:
    """The memory of row indices.

    Raises:
        TypeError: they are no array of integers.
        ValueError: they have not one dimension, or there are 2**31 or more, or the variable has no rows.
    """
    if not shape:
        raise ValueError(f"{operator}: {variable} has no dimension, expected at least one, that of the rows")
    try:
        view = borrow(array)
    except TypeError as error:
        raise TypeError(f"{operator}: indices is {error}") from error.__cause__
    if not holds_integers(array, view):
        raise TypeError(f"{operator}: indices holds {dtype_name(array, view)}, expected integers")
    if view.ndim != 1:
        raise ValueError(f"{operator}: indices has shape {view.shape}, expected one dimension")
    if view.size >= 2**31:
        raise ValueError(f"{operator}: indices has {view.size} entries, expected fewer than 2**31 in one call")
    found: np.ndarray = view
    return found


def group_indices(operator: str, array: Any, snapshot: np.ndarray, variable: str, table: Rows) -> Groups:
    """The rows that a snapshot of indices names.

    Raises:
        IndexError: one is no row of the variable.
    """
    groups = group(snapshot, table.rows)
    if groups.distinct < 0:
        place = -1 - groups.distinct
        value = int(snapshot[place])
        if borrow(array).dtype.kind == "u":
            value %= 2**64
        raise IndexError(no_row(operator, place, value, table.rows, variable))
    return groups


def no_row(operator: str, place: int, value: int, rows: int, variable: str) -> str:
    """The sentence about an index that names no row."""
    return f"{operator}: indices[{place}] is {value}, expected 0 to {rows - 1}: {variable} has {rows} rows"


def layout(operator: str, name: str, view: np.ndarray) -> Rows:
    """The rows of a state.

    Raises:
        ValueError: they do not lie whole in memory, one behind the other.
    """
    try:
        return rows_of(view)
    except ValueError as error:
        raise ValueError(
            f"{operator}: {name} {error}, expected contiguous rows, one behind the other; "
            "pass a contiguous array and copy the result back"
        ) from None


def tables_for_sums(
    operator: str, wanted: ArraySpec, tables: list[Rows], shape: tuple[int, ...], plan: Plan
) -> list[Rows]:
    """The states as rows of what the rule adds up: of matrices, of the table, or of any number of elements.

    Raises:
        ValueError: rows of matrices have gaps between them.
    """
    whole = all(table.row_stride == table.width for table in tables)
    if plan.matrices and (len(shape) > 2 or whole):
        for name, table in zip(wanted.names, tables, strict=True):
            if table.row_stride != table.width:
                raise ValueError(f"{operator}: {name} has gaps between its rows; pass a contiguous array")
        rows, width = math.prod(shape[:-1]), shape[-1]
    elif not plan.by_row and whole:
        rows, width = -(-tables[0].array.size // CHUNK), CHUNK
    else:
        return tables
    return [
        Rows(table.array, rows, width, width if kind == "element" else 1)
        for table, kind in zip(tables, wanted.kinds, strict=True)
    ]
