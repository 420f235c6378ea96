"""Launches kernels over the rows of a table: in which tiles, by how many programs."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ...arrays.devices import DeviceLibrary, library_of
from ...arrays.layout import Rows
from ...storage import compute_type
from .grouping import LONG, Groups, places_of, sum_long_segments
from .launch_kernel import launch_kernel

# How many bytes of the narrowest state a program of the dense loop has: its threads, 256 on some devices, then load 16
# at once.
BYTES = 4096
# The same for a tile of rows that catch up, which takes more registers.
WAKING_BYTES = 2048
# How many elements a tile may have side by side, and how many rows, whose gradients are somewhere in memory each.
COLUMNS, ROWS = 512, 128


class Call(NamedTuple):
    """A checked call.

    Attributes:
        kernel: gives the kernel of a loop.
        states: the tensors of the states that are used.
        tables: their rows.
        gradient: the gradient's contiguous tensor; None where the loop takes none.
        storage: its storage type.
        numbers: what kernels take for the step's numbers.
        announce: tells the owners of the states, right before they are written to, that they will be.
    """

    kernel: Callable[[str], Any]
    states: Sequence[Any]
    tables: Sequence[Rows]
    gradient: Any
    storage: str
    numbers: Sequence[Any]
    announce: Callable[[], None]

    @property
    def library(self) -> DeviceLibrary:
        """The library of the states."""
        return library_of(self.states[0])

    @property
    def rows(self) -> int:
        """How many rows the variable has."""
        return self.tables[0].rows

    @property
    def width(self) -> int:
        """How many elements a row has."""
        return self.tables[0].width

    @property
    def narrowest(self) -> int:
        """How many bytes an element of the narrowest state has."""
        return min(table.flat.itemsize for table in self.tables)

    @property
    def tiles(self) -> "Tiles":
        """The tiles in which rows are gone through."""
        return tiles_for(self.width, self.narrowest)


class Tiles(NamedTuple):
    """How rows are gone through.

    Attributes:
        rows: how many rows a program has.
        columns: how many of their elements it takes side by side.
    """

    rows: int
    columns: int

    def programs(self, rows: int) -> int:
        """The number of programs for a number of rows."""
        return -(-rows // self.rows)


def tiles_for(width: int, narrowest: int, size: int = BYTES) -> Tiles:
    """The tiles in which rows of some width are gone through.

    Args:
        width: elements in a row.
        narrowest: bytes of an element of the narrowest state.
        size: how many bytes of it a tile may have.
    """
    columns = min(COLUMNS, 1 << max(0, width - 1).bit_length())
    return Tiles(max(1, min(ROWS, size // narrowest // columns)), columns)


def launch(
    call: Call, loop: str, own: Sequence[Any], over: int, tiles: Tiles, last: Sequence[Any] = (), **known: Any
) -> None:
    """Launches a loop by rows.

    Args:
        call: the call.
        loop: the loop.
        own: its own arguments, behind the states.
        over: over how many rows programs are spread.
        tiles: how many of them each has.
        last: what stands behind the loop's own arguments, if it is not the step's numbers.
        **known: what else is known when the kernel is compiled.
    """
    row_strides = {f"row_stride_{k}": table.row_stride for k, table in enumerate(call.tables)}
    launch_kernel(
        call.library,
        call.kernel(loop),
        tiles.programs(over),
        [*call.states, *own, *last],
        **row_strides,
        width=call.width,
        **known,
        ROWS=tiles.rows,
        COLUMNS=tiles.columns,
    )


def launch_dense(call: Call) -> None:
    """Every element takes the step."""
    count, block = call.tables[0].flat.size, BYTES // call.narrowest
    call.announce()
    arguments = [*call.states, call.gradient, count, *call.numbers]
    launch_kernel(call.library, call.kernel("dense"), -(-count // block), arguments, BLOCK=block)


def launch_dense_rows(call: Call) -> None:
    """Every row takes the step with its own row of the gradient."""
    call.announce()
    launch(call, "dense_rows", [call.gradient, call.rows], call.rows, call.tiles, call.numbers)


def launch_touched_rows(call: Call, groups: Groups) -> None:
    """The named rows take the step."""
    own = [call.gradient, *groups, long_sums_of(call, groups), groups.size, call.rows]
    call.announce()
    launch(call, "touched_rows", own, groups.size, call.tiles, call.numbers, LONG=LONG)


def launch_every_row(call: Call, groups: Groups) -> None:
    """The named rows take the step with their sums, all others with a zero gradient."""
    own = [
        call.gradient,
        places_of(groups, call.rows),
        groups.positions,
        groups.segment_ends,
        long_sums_of(call, groups),
        call.rows,
    ]
    call.announce()
    launch(call, "every_row", own, call.rows, call.tiles, call.numbers, LONG=LONG)


def long_sums_of(call: Call, groups: Groups) -> Any:
    """The sums of rows with many gradients."""
    return sum_long_segments(call.gradient, call.storage, groups, call.rows, call.width)


def alloc_sums(call: Call, *shape: int) -> Any:
    """A new array of zeros for sums, in the compute type."""
    return call.library.full(shape, 0, compute_type(call.storage), call.states[0])
