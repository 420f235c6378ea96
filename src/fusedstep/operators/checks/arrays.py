"""States and gradients as views of rows."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ...arrays.borrow import BITS, BY_DTYPE, borrow, dtype_name, storage_of
from ...arrays.layout import Rows, extent, rows_of
from ...arrays.plain import memory_of
from ...arrays.torch_tensors import is_tensor
from ...loops.cpu.whole_tensor import CHUNK
from ...storage import STORAGES, compute_type, one_of


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


def view_states(
    operator: str, wanted: ArraySpec, arrays: Sequence[Any]
) -> tuple[tuple[int, ...], tuple[str, ...], list[Rows]]:
    """The shape of the variable, and the storage types and the rows of all states.

    Raises:
        TypeError: one is no array, or of a type that is not updated, or does not mix with the others.
        ValueError: one differs in shape, cannot be written to, or has rows that do not lie whole in memory.
    """
    if wanted.kinds.count("element") == len(wanted.kinds) and not wanted.rows and (plain := view_plain_states(arrays)):
        return plain
    shape, storages, tables = None, [], []
    for name, held, changed, array in zip(wanted.names, wanted.kinds, wanted.changed, arrays, strict=True):
        view, storage = array, BY_DTYPE.get(array.dtype) if type(array) is np.ndarray and array.flags.carray else None
        contiguous = storage is not None
        if storage is None:
            view, storage = view_state(operator, name, array, changed)
        if shape is None:
            shape = view.shape
            rows, width = extent(view)
            if wanted.rows:
                check_dimensions(operator, wanted, shape)
        elif held != "element":
            view, contiguous = view_reduced(operator, name, view, held, shape, wanted.matrices), False
        elif view.shape != shape:
            raise ValueError(
                f"{operator}: {name} has shape {view.shape}, expected {shape}, the shape of {wanted.variable}"
            )
        if storage in BITS:
            view = view.view(BITS[storage])
        storages.append(storage)
        tables.append(Rows(view, rows, width, width) if contiguous else view_rows(operator, name, view))
    assert shape is not None
    mixture = tuple(storages)
    if storages.count(storages[0]) < len(storages):
        check_storage_mix(operator, wanted.names, mixture)
    return shape, mixture, tables


def view_plain_states(arrays: Sequence[Any]) -> tuple[tuple[int, ...], tuple[str, ...], list[Rows]] | None:
    """The same for contiguous arrays of one shape and type, or tensors: a call on tiny arrays is all checks."""
    first = arrays[0]
    if type(first) is np.ndarray:
        shape, kind = first.shape, first.dtype
        storage = BY_DTYPE.get(kind)
        if storage is None or storage in BITS:
            return None
        for array in arrays:
            if type(array) is not np.ndarray or array.shape != shape or array.dtype is not kind:
                return None
            if not array.flags.carray:
                return None
    elif is_tensor(first):
        arrays = [memory_of(array) if is_tensor(array) else None for array in arrays]
        first = arrays[0]
        for memory in arrays:
            if memory is None or memory.shape != first.shape or memory.itemsize != first.itemsize:
                return None
        shape, storage = first.shape, "float32" if first.itemsize == 4 else "float64"
    else:
        return None
    rows, width = extent(first)
    return shape, (storage,) * len(arrays), [Rows(array, rows, width, width) for array in arrays]


def view_state(operator: str, name: str, array: Any, changed: bool) -> tuple[np.ndarray, str]:
    """A state's memory and storage type.

    Raises:
        TypeError: it is no array, or of a type that is not updated.
        ValueError: it cannot be written to, or its elements lie askew in memory.
    """
    view = view_memory(operator, name, array)
    storage = storage_of(array, view)
    if storage is None:
        raise TypeError(
            f"{operator}: {name} holds {dtype_name(array, view)}, expected {one_of()} in the machine's byte order"
        )
    if not (view.flags.behaved if changed else view.flags.aligned):
        if changed and not view.flags.writeable:
            raise ValueError(f"{operator}: {name} is read-only, expected an array to update in place; pass a copy")
        raise ValueError(
            f"{operator}: {name} starts at an address that is no multiple of its element size; pass an aligned copy"
        )
    return view, storage


def check_dimensions(operator: str, wanted: ArraySpec, shape: tuple[int, ...]) -> None:
    """A variable whose rows are those that the rule sees.

    Raises:
        ValueError: it has other dimensions than two, or for rows and columns of matrices fewer.
    """
    if len(shape) < 2 or (len(shape) > 2 and not wanted.matrices):
        name = wanted.variable
        remedy = "" if wanted.matrices else f"; pass {name}.reshape(len({name}), -1)"
        expected = "two dimensions or more" if wanted.matrices else "two dimensions"
        raise ValueError(f"{operator}: {name} has shape {shape}, expected {expected}, as the rule sees rows{remedy}")


def view_reduced(
    operator: str, name: str, view: np.ndarray, kind: str, shape: tuple[int, ...], matrices: bool
) -> np.ndarray:
    """A state with one number a row or a column, seen as rows of one.

    Raises:
        ValueError: it has another shape, or gaps where there may be none.
    """
    if matrices:
        axis = len(shape) - (1 if kind == "row" else 2)
        expected, with_axis = shape[:axis] + shape[axis + 1 :], (*shape[:axis], 1, *shape[axis + 1 :])
    else:
        expected, with_axis = shape[:1], (*shape[:1], 1)
    if view.shape not in (expected, with_axis):
        raise ValueError(f"{operator}: {name} has shape {view.shape}, expected {expected}, one number a {kind}")
    if matrices and not view.flags.c_contiguous:
        raise ValueError(f"{operator}: {name} has gaps (strides {view.strides} in bytes); pass a contiguous array")
    return view.reshape(-1, 1)


def view_rows(operator: str, name: str, view: np.ndarray) -> Rows:
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


def check_storage_mix(operator: str, names: tuple[str, ...], storages: tuple[str, ...]) -> None:
    """States of one compute type: narrow and float32 ones in any mixture, or float64 throughout.

    Raises:
        TypeError: float64 and another.
    """
    compute = compute_type(storages[0])
    for name, storage in zip(names, storages, strict=True):
        if compute_type(storage) != compute:
            expected = [each for each in STORAGES if compute_type(each) == compute]
            raise TypeError(
                f"{operator}: {name} holds {storage}, expected {one_of(expected)} beside a {storages[0]} {names[0]}; "
                "float64 goes only with float64"
            )


def check_stochastic(operator: str, names: tuple[str, ...], storages: tuple[str, ...]) -> None:
    """Narrow states for whose types there is stochastic rounding.

    Raises:
        TypeError: there is none for a state's type.
    """
    for name, storage in zip(names, storages, strict=True):
        if STORAGES[storage].is_narrow and not STORAGES[storage].stochastic:
            raise TypeError(
                f"{operator}: {name} holds {storage}, which cannot be rounded stochastically; "
                'make the operator with rounding="nearest"'
            )


def view_gradient(operator: str, name: str, array: Any, shape: tuple[int, ...], beside: str) -> tuple[Any, str]:
    """A gradient's elements, as an array or as what says where a tensor lies, and their storage type; copied
    where it is not contiguous, writable and in native byte order.

    Raises:
        TypeError: it is no array, or neither of the variable's type nor float32 beside a narrow variable.
        ValueError: it has another shape.
    """
    memory = memory_of(array) if is_tensor(array) else None
    if memory and memory.shape == shape and beside == ("float32" if memory.itemsize == 4 else "float64"):
        return memory, beside
    # The gradient of a variable without dimensions may be a scalar of NumPy.
    view = np.asarray(array) if isinstance(array, np.generic) else view_memory(operator, name, array)
    if view.shape != shape:
        raise ValueError(f"{operator}: {name} has shape {view.shape}, expected {shape}")
    storage = storage_of(array, view)
    if storage is None and view.dtype.kind == "f" and not view.dtype.isnative:
        native = view.astype(view.dtype.newbyteorder("="))
        storage = storage_of(native, native)
        view = native
    accepted = STORAGES[beside].gradients
    if storage not in accepted:
        raise TypeError(
            f"{operator}: {name} holds {dtype_name(array, view)}, expected {one_of(accepted)}, the type of the variable"
        )
    if not view.flags.carray:
        view = view.copy()
    flat = view.reshape(-1)
    return (flat if storage not in BITS else flat.view(BITS[storage])), storage


def view_for_sums(
    operator: str, wanted: ArraySpec, tables: list[Rows], shape: tuple[int, ...], sees_rows: bool
) -> list[Rows]:
    """The states as rows of what the rule adds up: of matrices, of the table, or of any number of elements.

    Raises:
        ValueError: rows of matrices have gaps between them.
    """
    whole = all(table.row_stride == table.width for table in tables)
    if wanted.matrices and (len(shape) > 2 or whole):
        for name, table in zip(wanted.names, tables, strict=True):
            if table.row_stride != table.width:
                raise ValueError(f"{operator}: {name} has gaps between its rows; pass a contiguous array")
        rows, width = math.prod(shape[:-1]), shape[-1]
    elif not sees_rows and whole:
        rows, width = -(-tables[0].array.size // CHUNK), CHUNK
    else:
        return tables
    return [
        Rows(table.array, rows, width, width if kind == "element" else 1)
        for table, kind in zip(tables, wanted.kinds, strict=True)
    ]


def view_memory(operator: str, name: str, array: Any) -> np.ndarray:
    """A NumPy view of the memory of an argument.

    Raises:
        TypeError: it is not an array, or its memory cannot be borrowed.
    """
    try:
        view: np.ndarray = borrow(array)
    except TypeError as error:
        raise TypeError(f"{operator}: {name} is {error}") from error.__cause__
    return view
