"""Check states and gradients; view them as rows."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple, NoReturn

import numpy as np

from ...arrays import jax_arrays
from ...arrays.borrow import BITS, BY_DTYPE, borrow, dtype_name, lends_memory, storage_of
from ...arrays.borrow import kind as type_of
from ...arrays.devices import on_device
from ...arrays.layout import Rows, extent, rows_of
from ...arrays.plain import memory_of
from ...arrays.torch_tensors import is_tensor
from ...codegen.rule.axes import reduced_axes, reduced_shape
from ...loops.cpu.whole_tensor import CHUNK
from ...storage import STORAGES, compute_type, one_of, types_beside


class ArraySpec(NamedTuple):
    """What a rule requires of the states of a call.

    Attributes:
        names: the caller's names for the states.
        kinds: the kind of each state: one number per "element", "row" or "column".
        changed: whether each state is changed.
        variable: the name of the array whose shape the states must have, for messages.
        rows: whether the rule works on rows.
        matrices: whether its rows and columns are the last two dimensions.
    """

    names: tuple[str, ...]
    kinds: tuple[str, ...]
    changed: tuple[bool, ...]
    variable: str
    rows: bool
    matrices: bool


def view_states(
    operator: str, spec: ArraySpec, arrays: Sequence[Any]
) -> tuple[tuple[int, ...], tuple[str, ...], list[Rows]]:
    """The shape of the variable, and the storage types and the rows of all states.

    Raises:
        TypeError: a state is not an array, or its type cannot be updated, or cannot be combined with the others.
        ValueError: a state differs in shape, is read-only, or has rows that are not contiguous.
    """
    if spec.kinds.count("element") == len(spec.kinds) and not spec.rows and (plain := view_plain_states(arrays)):
        return plain
    shape, storages, tables = None, [], []
    for name, kind, changed, array in zip(spec.names, spec.kinds, spec.changed, arrays, strict=True):
        view, storage = array, BY_DTYPE.get(array.dtype) if type(array) is np.ndarray and array.flags.carray else None
        contiguous = storage is not None
        if storage is None:
            view, storage = view_state(operator, name, array, changed)
        if shape is None:
            shape = view.shape
            rows, width = extent(view)
            if spec.rows:
                check_dimensions(operator, spec, shape)
        elif kind != "element":
            view, contiguous = view_reduced(operator, name, view, kind, shape, spec.matrices), False
        elif view.shape != shape:
            raise ValueError(
                f"{operator}: {name} has shape {view.shape}, expected {shape}, the shape of {spec.variable}"
            )
        if storage in BITS:
            view = view.view(BITS[storage])
        storages.append(storage)
        tables.append(Rows(view, rows, width, width) if contiguous else view_rows(operator, name, view))
    assert shape is not None
    mixture = tuple(storages)
    if storages.count(storages[0]) < len(storages):
        check_storage_mix(operator, spec.names, mixture)
    return shape, mixture, tables


def view_plain_states(arrays: Sequence[Any]) -> tuple[tuple[int, ...], tuple[str, ...], list[Rows]] | None:
    """The fast way for contiguous arrays or tensors of one shape and type: small calls are mostly checks. Else None."""
    first = arrays[0]
    if type(first) is np.ndarray:
        shape, dtype = first.shape, first.dtype
        storage = BY_DTYPE.get(dtype)
        if storage is None or storage in BITS:
            return None
        for array in arrays:
            if type(array) is not np.ndarray or array.shape != shape or array.dtype is not dtype:
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
        TypeError: it is not an array, or its type cannot be updated.
        ValueError: it is read-only, or its elements are not aligned.
    """
    if changed and jax_arrays.is_array(array):
        refuse_jax(operator, name, "which cannot be changed in place")
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
            f"{operator}: {name} starts at an address that is not a multiple of its element size; pass an aligned copy"
        )
    return view, storage


def check_unused(operator: str, names: Sequence[str], states: Sequence[Any], used: Sequence[int]) -> None:
    """Check the states that a rule neither reads nor changes: they are returned as they are.

    Raises:
        TypeError: one is neither an array nor None.
    """
    for number, state in enumerate(states):
        if number in used or state is None or on_device(state):
            continue
        try:
            borrow(state)
        except TypeError as error:
            raise TypeError(f"{operator}: {names[number]} is {error}, or None: the rule does not use it") from None


def check_dimensions(operator: str, spec: ArraySpec, shape: tuple[int, ...]) -> None:
    """Check that the variable has the dimensions that the rule works on.

    Raises:
        ValueError: it does not have two dimensions, or for matrices, two or more.
    """
    if len(shape) < 2 or (len(shape) > 2 and not spec.matrices):
        name = spec.variable
        remedy = "" if spec.matrices else f"; pass {name}.reshape(len({name}), -1)"
        expected = "two dimensions or more" if spec.matrices else "two dimensions"
        raise ValueError(f"{operator}: {name} has shape {shape}, expected {expected}: the rule works on rows{remedy}")


def view_reduced(
    operator: str, name: str, view: np.ndarray, kind: str, shape: tuple[int, ...], matrices: bool
) -> np.ndarray:
    """A state with one number per row or column, as rows of one element.

    Raises:
        ValueError: it has another shape, or has gaps that the rule does not allow.
    """
    expected, with_axis = reduced_shape(kind, shape, matrices), (*shape[:1], 1)
    if matrices:
        (axis,) = reduced_axes(kind, len(shape), matrices)
        with_axis = (*shape[:axis], 1, *shape[axis + 1 :])
    if view.shape not in (expected, with_axis):
        raise ValueError(f"{operator}: {name} has shape {view.shape}, expected {expected}, one number per {kind}")
    if matrices and not view.flags.c_contiguous:
        raise ValueError(f"{operator}: {name} has gaps (strides {view.strides} in bytes); pass a contiguous array")
    return view.reshape(-1, 1)


def view_rows(operator: str, name: str, view: np.ndarray) -> Rows:
    """The rows of a state.

    Raises:
        ValueError: they are not contiguous, or not in order in memory.
    """
    try:
        return rows_of(view)
    except ValueError as error:
        raise ValueError(
            f"{operator}: {name} {error}, expected contiguous rows, one after the other; "
            "pass a contiguous array and copy the result back"
        ) from None


def check_storage_mix(operator: str, names: tuple[str, ...], storages: tuple[str, ...]) -> None:
    """Check that all states have one compute type: narrow types and float32 in any combination, or float64 only.

    Raises:
        TypeError: float64 is combined with another type.
    """
    compute = compute_type(storages[0])
    for name, storage in zip(names, storages, strict=True):
        if compute_type(storage) != compute:
            expected = types_beside(storages[0])
            raise TypeError(
                f"{operator}: {name} holds {storage}, expected {one_of(expected)} with a {storages[0]} {names[0]}; "
                "float64 can be combined only with float64"
            )


def check_stochastic(operator: str, names: tuple[str, ...], storages: tuple[str, ...]) -> None:
    """Check that the types of narrow states have stochastic rounding.

    Raises:
        TypeError: the type of a state does not have it.
    """
    for name, storage in zip(names, storages, strict=True):
        if STORAGES[storage].is_narrow and not STORAGES[storage].stochastic:
            raise TypeError(
                f"{operator}: {name} holds {storage}, which cannot be rounded stochastically; "
                'make the operator with rounding="nearest"'
            )


def view_gradient(operator: str, name: str, array: Any, shape: tuple[int, ...], beside: str) -> tuple[Any, str]:
    """A gradient's elements, as a flat array or the memory of a tensor, and their storage type.

    The gradient is copied if it is not contiguous, writable and in native byte order. ``beside`` is the storage type of
    the variable.

    Raises:
        TypeError: it is not an array, or its type is neither the variable's nor float32 with a narrow variable.
        ValueError: it has another shape.
    """
    memory = memory_of(array) if is_tensor(array) else None
    if memory and memory.shape == shape and beside == ("float32" if memory.itemsize == 4 else "float64"):
        return memory, beside
    # The gradient of a variable without dimensions may be a NumPy scalar.
    view = np.asarray(array) if isinstance(array, np.generic) else view_gradient_memory(operator, name, array, beside)
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


def view_gradient_memory(operator: str, name: str, array: Any, beside: str) -> np.ndarray:
    """A NumPy view of a gradient's memory. A list is not converted: the caller knows in which type.

    Raises:
        TypeError: it is not an array, or its memory cannot be borrowed.
    """
    try:
        return view_memory(operator, name, array)
    except TypeError:
        if lends_memory(array) or not (isinstance(array, list | tuple) or hasattr(array, "__array__")):
            raise
    numpy_type = next(each for each in STORAGES[beside].gradients if STORAGES[each].in_numpy)
    raise TypeError(
        f"{operator}: {name} is {type_of(array)}, which is no array; pass np.asarray({name}, np.{numpy_type})"
    )


def view_for_sums(
    operator: str, spec: ArraySpec, tables: list[Rows], shape: tuple[int, ...], sees_rows: bool
) -> list[Rows]:
    """The states as rows for the sums of the rule: rows of matrices, of the table, or chunks of elements.

    Raises:
        ValueError: there are gaps between the rows of matrices.
    """
    whole = all(table.row_stride == table.width for table in tables)
    if spec.matrices and (len(shape) > 2 or whole):
        for name, table in zip(spec.names, tables, strict=True):
            if table.row_stride != table.width:
                raise ValueError(f"{operator}: {name} has gaps between its rows; pass a contiguous array")
        rows, width = math.prod(shape[:-1]), shape[-1]
    elif not sees_rows and whole:
        rows, width = -(-tables[0].array.size // CHUNK), CHUNK
    else:
        return tables
    return [
        Rows(table.array, rows, width, width if kind == "element" else 1)
        for table, kind in zip(tables, spec.kinds, strict=True)
    ]


def view_memory(operator: str, name: str, array: Any) -> np.ndarray:
    """A NumPy view of the memory of an argument.

    Raises:
        TypeError: it is not an array, or its memory cannot be borrowed.
    """
    if jax_arrays.is_traced(array):
        refuse_jax(operator, name, "whose values are not known while JAX traces a function")
    try:
        view: np.ndarray = borrow(array)
    except TypeError as error:
        raise TypeError(f"{operator}: {name} is {error}") from error.__cause__
    return view


def refuse_jax(operator: str, name: str, why: str) -> NoReturn:
    """Point to the functions for arrays of JAX.

    Raises:
        TypeError: always.
    """
    raise TypeError(
        f"{operator}: {name} is an array of JAX, {why}; call fusedstep.jax.dense_update, or sparse_update for the "
        "gradients of rows, which return new arrays"
    )
