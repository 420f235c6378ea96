"""Steps with plain PyTorch tensors whose layout was checked before.

What was checked of states of some shapes, strides and types is kept. Later calls compare these, ask each tensor for
its address, and launch. Each function returns None for another call, which the checks of all calls take or refuse.
"""

import sys
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

from ...arrays.devices import library_of
from ...arrays.layout import Rows
from ...codegen.rule.program import ReductionScope
from ...storage import STORAGES, compute_type
from ..call import Launch
from .grouping import Contributions, Groups, group
from .kernel_call import KernelCall
from .kernels import kernel_of
from .launch import launch_dense, launch_dense_rows, launch_every_row, launch_touched_rows
from .numbers import host_numbers

# Of how many layouts an operator keeps what was checked.
LAYOUTS = 512
DENSE = {"dense": launch_dense, "dense_rows": launch_dense_rows}
SPARSE = {"touched": launch_touched_rows, "every": launch_every_row}
# More indices than a call can take.
TOO_MANY = 2**31


class Elements(NamedTuple):
    """What is known of memory without its address.

    Attributes:
        itemsize: the bytes of an element.
    """

    itemsize: int


class Layout(NamedTuple):
    """What was checked of the states of a call.

    Attributes:
        shape: of the variable.
        storages, tables: the storage types and rows of the states.
        sizes: the bytes from the first to the last element of each.
        alignment: what addresses must be multiples of.
        gradients: the storage types that a gradient may have, by PyTorch's type.
        dense: the loop of a dense gradient.
    """

    shape: tuple[int, ...]
    storages: tuple[str, ...]
    tables: list[Rows]
    sizes: list[int]
    alignment: int
    gradients: dict[Any, str]
    dense: str


def layouts_of(operator: Any) -> dict[tuple[Any, ...], Layout]:
    """The layouts that an operator has checked, by what tensors tell of them."""
    found: dict[tuple[Any, ...], Layout] = operator.build_once(("layouts",), dict)
    return found


def keep_layout(
    operator: Any, states: Sequence[Any], shape: tuple[int, ...], storages: tuple[str, ...], tables: Sequence[Rows]
) -> None:
    """Keep what was checked of the states of a call, if they are plain."""
    read = memory_of(states) if operator._may_be_plain else None
    if read is None:
        return
    layouts, torch = layouts_of(operator), sys.modules["torch"]
    if len(layouts) >= LAYOUTS:
        layouts.clear()
    items = [STORAGES[each].item_bytes for each in storages]
    sizes = [((each.rows - 1) * each.row_stride + each.width) * item for each, item in zip(tables, items, strict=True)]
    whole = operator.spec.reduction_scope is ReductionScope.ELEMENT and all(
        each.row_stride == each.width for each in tables
    )
    layouts[read.layout] = Layout(
        tuple(shape),
        storages,
        [each._replace(array=Elements(item)) for each, item in zip(tables, items, strict=True)],
        sizes,
        # At least the size of any element beside these.
        STORAGES[compute_type(storages[0])].item_bytes,
        {getattr(torch, name): name for name in STORAGES[storages[0]].gradients},
        "dense" if whole else "dense_rows",
    )


class Memory(NamedTuple):
    """The memory of plain tensors on one device.

    Attributes:
        layout: their shapes, strides and types, one after another.
        addresses: of the first element of each.
        device: the device.
    """

    layout: tuple[Any, ...]
    addresses: list[int]
    device: Any


def memory_of(tensors: Sequence[Any]) -> Memory | None:
    """The memory of tensors; None if one is not plain."""
    torch = sys.modules.get("torch")
    if torch is None:
        return None
    tensor_type, parameter_type, device = torch.Tensor, torch.nn.Parameter, None
    layout: list[Any] = []
    addresses: list[int] = []
    try:
        for tensor in tensors:
            kind = type(tensor)
            if (kind is not tensor_type and kind is not parameter_type) or tensor.is_neg():
                return None
            if device is None:
                device = tensor.device
            elif tensor.device != device:
                return None
            layout += tensor.shape, tensor.stride(), tensor.dtype
            addresses.append(tensor.data_ptr())
    except RuntimeError:
        # A tensor without its own memory: sparse, nested, or one of torch.func.
        return None
    return None if 0 in addresses else Memory(tuple(layout), addresses, device)


def prepare(
    operator: Any, states: Sequence[Any], gradient: Any, indices: Any, rows: str | None, scalars: Sequence[Any]
) -> Launch | None:
    """Check a step of states whose layout was checked before."""
    layouts = operator.built.get(("layouts",))
    if not layouts:
        return None
    for value in scalars:
        if type(value) is not float:
            return None
    arrays = (*states, gradient) if indices is None else (*states, gradient, indices)
    read = memory_of(arrays)
    if read is None:
        return None
    known = 3 * len(states)
    layout = layouts.get(read.layout[:known])
    storage = layout.gradients.get(read.layout[known + 2]) if layout else None
    if layout is None or storage is None or not gradient.is_contiguous():
        return None
    groups = None
    if indices is None:
        if read.layout[known] != layout.shape:
            return None
    else:
        groups = groups_of(operator, layout, read.layout[known:], indices)
        if groups is None:
            return None
    if not separate(read.addresses, [*layout.sizes, gradient.nbytes], layout.alignment):
        return None
    loop = layout.dense if indices is None else str(rows)
    return partial(launch, operator, layout, loop, states, gradient, storage, groups, scalars)


def groups_of(operator: Any, layout: Layout, read: Sequence[Any], indices: Any) -> Groups | Contributions | None:
    """What the indices of a gradient name: grouped, if they had to be checked."""
    gradient_shape, _, _, (count, *more), strides, dtype = read
    if more or strides != (1,) or dtype is not sys.modules["torch"].int64 or not 0 < count < TOO_MANY:
        return None
    if gradient_shape[0] != count or gradient_shape[1:] != layout.shape[1:]:
        return None
    contributions = Contributions(indices)
    if not operator.options.check_indices:
        return contributions
    if library_of(indices).capturing(indices):
        return None
    groups = group(contributions)
    # The least and the greatest. This waits for the device.
    ends = groups.sorted_indices[:: max(1, count - 1)].tolist()
    return groups if ends[0] >= 0 and ends[-1] < layout.tables[0].rows else None


def separate(addresses: Sequence[int], sizes: Sequence[int], alignment: int) -> bool:
    """Whether stretches of memory are aligned, and do not overlap."""
    end = 0
    for start, size in sorted(zip(addresses, sizes, strict=False)):
        if start < end or start % alignment:
            return False
        end = start + size
    return True


def launch(
    operator: Any,
    layout: Layout,
    loop: str,
    states: Sequence[Any],
    gradient: Any,
    storage: str,
    given: Groups | Contributions | None,
    scalars: Sequence[float],
) -> None:
    """Run a checked call."""
    library = library_of(gradient)
    numbers = host_numbers(operator, compute_type(layout.storages[0]), scalars)
    kernels = partial(kernel_of, operator, layout.storages, storage, False)
    bump = partial(library.bump_versions, operator.spec.written_of(states))
    arrays = [each.detach() if each.requires_grad else each for each in states]
    gradient = gradient.detach() if gradient.requires_grad else gradient
    call = KernelCall(kernels, arrays, layout.tables, gradient, storage, numbers, bump)
    with library.stream(gradient):
        if given is None:
            DENSE[loop](call)
        else:
            SPARSE[loop](call, group(given) if isinstance(given, Contributions) else given)
