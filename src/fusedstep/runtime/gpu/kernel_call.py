"""The kernels of a call over the rows of a table: the tiles, and the number of programs."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from ...arrays.devices import DeviceLibrary, library_of
from ...arrays.layout import Rows
from .launch_kernel import launch_kernel

# The bytes of the narrowest state that a program of the dense loop handles: each of up to 256 threads loads 16 at once.
BYTES = 4096
# The same for a tile of rows that catch up, which needs more registers, and most with many states.
CATCH_UP_BYTES, CATCH_UP_BYTES_OF_MANY = 2048, 1024
MANY_STATES = 4
# The most columns and rows of a tile. The gradient of each row is elsewhere in memory.
COLUMNS, ROWS = 512, 128


class KernelCall(NamedTuple):
    """The arrays of a call, and the kernels that take them.

    Attributes:
        kernel: returns the kernel of a loop.
        states: the detached arrays of the states that the rule uses.
        tables: their rows.
        gradient: the contiguous array of the gradient; None if the loop takes none.
        storage: its storage type.
        numbers: the arguments of kernels for the numbers of the step.
        bump_versions: called right before the states are changed.
    """

    kernel: Callable[[str], Any]
    states: Sequence[Any]
    tables: Sequence[Rows]
    gradient: Any
    storage: str
    numbers: Sequence[Any]
    bump_versions: Callable[[], None]

    @property
    def library(self) -> DeviceLibrary:
        """The library of the states."""
        return library_of(self.states[0])

    @property
    def rows(self) -> int:
        """The rows of the variable."""
        return self.tables[0].rows

    @property
    def width(self) -> int:
        """The elements of a row."""
        return self.tables[0].width

    @property
    def narrowest(self) -> int:
        """The bytes of an element of the narrowest state."""
        return min(int(table.array.itemsize) for table in self.tables)

    @property
    def tiles(self) -> "TileShape":
        """The tiles of the call."""
        return tiles_for(self.width, self.narrowest, bytes_of_program(self.narrowest))


class TileShape(NamedTuple):
    """The tiles that programs handle.

    Attributes:
        rows: the rows of a program.
        columns: the columns that it handles at once.
    """

    rows: int
    columns: int

    def programs(self, rows: int) -> int:
        """The number of programs for a number of rows."""
        return -(-rows // self.rows)


def bytes_of_program(narrowest: int) -> int:
    """The bytes of the narrowest state that a program handles, whose elements have a number of bytes."""
    # Of 16-bit states, as many bytes are twice as many numbers: more than there are registers for.
    return BYTES // 2 if narrowest == 2 else BYTES


@lru_cache(256)
def tiles_for(width: int, narrowest: int, size: int) -> TileShape:
    """The tiles for rows of a width.

    Args:
        width: the elements of a row.
        narrowest: the bytes of an element of the narrowest state.
        size: the most bytes of that state in a tile.
    """
    columns = min(COLUMNS, 1 << max(0, width - 1).bit_length())
    return TileShape(max(1, min(ROWS, size // narrowest // columns)), columns)


def catch_up_tiles_for(width: int, narrowest: int, states: int) -> TileShape:
    """The tiles for rows that catch up, of a number of states; see ``tiles_for``."""
    return tiles_for(width, narrowest, CATCH_UP_BYTES_OF_MANY if states >= MANY_STATES else CATCH_UP_BYTES)


def launch_loop(
    call: KernelCall, loop: str, own: Sequence[Any], rows: int, tiles: TileShape, numbers: Sequence[Any], **known: Any
) -> None:
    """Launch a loop over rows.

    Args:
        call: the call.
        loop: the loop.
        own: the arguments of the loop behind the states.
        rows: the rows, or indices, that the programs share.
        tiles: the tile of a program.
        numbers: the arguments behind those: the numbers of the step, or of the pending steps.
        **known: other arguments that are known when the kernel is compiled.
    """
    row_strides = {f"row_stride_{k}": table.row_stride for k, table in enumerate(call.tables)}
    launch_kernel(
        call.library,
        call.kernel(loop),
        tiles.programs(rows),
        [*call.states, *own, *numbers],
        **row_strides,
        width=call.width,
        **known,
        ROWS=tiles.rows,
        COLUMNS=tiles.columns,
    )
