"""Dense steps of many tensors by one kernel, which reads on the device where they lie."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ...arrays.devices import library_of
from ...codegen.gpu.build import locate_blocks
from ...loops.cpu import tensor_table as fields
from ...storage import STORAGES, compute_type
from ..tensor_table import TensorTable, overlap, storages_of
from .device_words import DeviceWords
from .kernel_call import bytes_of_program
from .kernels import kernel_of
from .launch_kernel import launch_kernel
from .numbers import host_numbers, rows_of_numbers

# The fields of a record before its addresses; see ``loops/gpu/tensor_table.py``.
OWN_FIELDS = 3
# For a compute type, the loop, and the arguments of its kernel for the numbers of the step.
Numbers = Callable[[str], tuple[str, list[Any]]]
# The blocks that a program locates at once.
AT_ONCE = 1024


class TensorsOfTypes(NamedTuple):
    """Tensors of the same types that one kernel steps.

    Attributes:
        rows: their places among the tensors that a kernel steps.
        storages, gradient: the storage types of the states, and of the gradient.
        aligned: whether all their addresses are multiples of 16.
        records: a record for each.
        blocks: the number of their blocks.
        block: the elements of a block.
    """

    rows: np.ndarray
    storages: tuple[str, ...]
    gradient: str
    aligned: bool
    records: np.ndarray
    blocks: int
    block: int


class Placed:
    """Many tensors as they lie, and what is on the device for them.

    Attributes:
        content: the table that is read.
        overlap: whether memory that the step of one writes may be part of another.
        kinds: the tensors by their types.
        device_words: for each of these its records on the device.
        tensor_of: for each and each stream, the tensor of each block on the device.
    """

    def __init__(self, table: TensorTable, content: bytes) -> None:
        self.content = content
        self.overlap = overlap(table, 0, table.rows)
        words = np.frombuffer(content, np.int64).reshape(-1, table.record)
        self.kinds = tensors_of_types(words, table.columns)
        self.device_words = [DeviceWords() for _ in self.kinds]
        self.tensor_of: list[dict[Any, Any]] = [{} for _ in self.kinds]


def place(table: TensorTable, last: Placed | None) -> Placed:
    """Many tensors as they lie: what is on the device is used again if nothing has moved."""
    words = np.array(table.words).reshape(-1, table.record)
    # Counts change with each step.
    words[:, fields.COUNT] = 0
    content = words.tobytes()
    return last if last is not None and last.content == content else Placed(table, content)


def tensors_of_types(words: np.ndarray, columns: int) -> list[TensorsOfTypes]:
    """The tensors that a kernel steps, together where their types are the same, and whether addresses are aligned."""
    words = words[words[:, fields.TYPES] >= 0]
    addresses = words[:, fields.ADDRESSES :]
    aligned = np.bitwise_or.reduce(addresses, axis=1) % 16 == 0
    types, found = words[:, fields.TYPES], []
    for kind, is_aligned in sorted({*zip(types.tolist(), aligned.tolist(), strict=True)}):
        known = storages_of(kind, columns)
        if known is None:
            continue
        storages, gradient = known
        rows = np.flatnonzero((types == kind) & (aligned == is_aligned))
        narrowest = min(STORAGES[each].item_bytes for each in storages)
        block = bytes_of_program(narrowest) // narrowest
        blocks = -(-words[rows, fields.SIZE] // block)
        records = np.empty((len(rows), OWN_FIELDS + columns), np.int64)
        records[:, 0], records[:, 1], records[:, 2] = words[rows, fields.SIZE], np.cumsum(blocks) - blocks, rows
        records[:, OWN_FIELDS:] = addresses[rows]
        found.append(TensorsOfTypes(rows, storages, gradient, is_aligned, records, int(blocks.sum()), block))
    return found


def launch_tensors(operator: Any, placed: Placed, numbers: Numbers, like: Any) -> None:
    """Step many tensors.

    Args:
        operator: the operator.
        placed: the tensors.
        numbers: the numbers of the step.
        like: one of the tensors.
    """
    library = library_of(like)
    with library.stream(like):
        computes = {compute_type(each.storages[0]) for each in placed.kinds}
        numbers_of = {compute: numbers(compute) for compute in computes}
        for each, words, known in zip(placed.kinds, placed.device_words, placed.tensor_of, strict=True):
            loop, given = numbers_of[compute_type(each.storages[0])]
            kernel = kernel_of(operator, each.storages, each.gradient, False, loop)
            table = words.on_device(each.records, like)
            arguments = [table, tensor_of_blocks(each, table, known, like), *given]
            record = each.records.shape[1]
            launch_kernel(
                library, kernel, each.blocks, arguments, RECORD=record, ALIGNED=each.aligned, BLOCK=each.block
            )


def tensor_of_blocks(tensors: TensorsOfTypes, table: Any, known: dict[Any, Any], like: Any) -> Any:
    """For each block its tensor, found on the device; found again by each replay of a graph."""
    library = library_of(like)
    capturing = library.capturing(like)
    stream = None if capturing else library.stream_key(like)
    if capturing or stream not in known:
        found = library.empty((tensors.blocks,), "int32", like)
        known_at_compile_time = {"RECORD": tensors.records.shape[1], "BLOCK": tensors.block, "AT_ONCE": AT_ONCE}
        launch_kernel(library, locate_blocks(), len(tensors.rows), [table, found], **known_at_compile_time)
        if capturing:
            return found
        known[stream] = found
    return known[stream]


def same_numbers(operator: Any, scalars: Sequence[float]) -> Numbers:
    """The numbers of steps with the same scalars, all plain; see ``launch_tensors``."""
    return lambda compute: ("dense_tensors", host_numbers(operator, compute, scalars))


def numbers_by_tensor(operator: Any, scalars: Sequence[Sequence[float]], place_of: Sequence[int], like: Any) -> Numbers:
    """The numbers of steps with several sets of plain scalars; ``place_of`` says for each tensor which one it takes."""

    def numbers(compute: str) -> tuple[str, list[Any]]:
        rows = np.array([host_numbers(operator, compute, each) for each in scalars], compute)
        return "dense_tensors_by_numbers", [library_of(like).to_device(rows[np.array(place_of)], like)]

    return numbers


def numbers_on_device(operator: Any, scalars: Sequence[Any], rows: int, like: Any) -> Numbers:
    """The numbers of steps with scalars that lie on the device, each one for all tensors, or one for each."""
    return lambda compute: (
        "dense_tensors_by_numbers",
        [rows_of_numbers(operator, compute, scalars, rows, like)],
    )
