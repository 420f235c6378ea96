"""Launch a rule with sums beyond a row: a kernel for each pass that needs the sums of all rows."""

import math
from typing import Any, NamedTuple

from ...codegen.gpu.build import column_sums_for
from ...codegen.gpu.levels import Levels
from ...codegen.rule.program import Program
from ...interrupts import defer_sigint
from ...storage import compute_type
from .kernel_call import BYTES, KernelCall, TileShape, launch_loop, tiles_for
from .launch_kernel import launch_kernel

# With sums by column each tile loads and stores a row of them: tiles of more rows load and store less.
BYTES_OF_COLUMNS = 2 * BYTES
# Other tiles: sums, and all launches in one, need more registers than steps without sums.
BYTES_OF_SUMS = BYTES // 2
# The most programs of a launch, each of which adds up the partial sums of all, and the most with sums by column.
PROGRAMS, PROGRAMS_OF_COLUMNS = 1024, 512
# The fewest elements of a program: a tensor of no more takes its step in one launch.
ELEMENTS = 8192
# The row blocks and columns whose sums by column are loaded at once.
BLOCKS, COLUMNS = 32, 32


class Partition(NamedTuple):
    """What each program has of a table.

    Attributes:
        matrices: its matrices.
        row_blocks: the programs of a matrix, which share it.
        rows: the most rows of a matrix that a program has.
        programs: the number of programs.
    """

    matrices: int
    row_blocks: int
    rows: int
    programs: int


def partition_of(matrices: int, rows: int, width: int, tiles: TileShape, most: int) -> Partition:
    """Share out matrices among at most so many programs, by their shape alone."""
    of_matrix, least = tiles.programs(rows), max(1, ELEMENTS // (tiles.rows * width))
    whole = max(1, -(-matrices // most), least // of_matrix)
    groups = -(-matrices // whole)
    of_program = max(least, -(-of_matrix // (most // groups)))
    row_blocks = -(-of_matrix // of_program)
    return Partition(whole, row_blocks, of_program * tiles.rows, groups * row_blocks)


def launches_of(levels: Levels, partition: Partition) -> list[tuple[int, int]]:
    """The first and the last pass of each launch: one program knows the sums of all rows at once."""
    if partition.programs == 1:
        return [(0, levels.count - 1)]
    launches = [(launch, launch) for launch in range(levels.count)]
    if levels.count > levels.last + 1 and partition.row_blocks == 1:
        # No other program loads the states of the columns of its matrices.
        launches[-2:] = [(levels.last, levels.last + 1)]
    return launches


def launch_whole_tensor(call: KernelCall, program: Program, shape: tuple[int, ...]) -> None:
    """Step all elements, after the passes that compute the sums of the rule."""
    levels, width, columns = Levels(program), call.width, program.column_sums
    rows = shape[-2] if program.matrices else call.rows
    matrices = call.rows // rows
    small = tiles_for(width, call.narrowest, BYTES_OF_SUMS)
    tiles = tiles_for(width, call.narrowest, BYTES_OF_COLUMNS) if columns else small
    partition = partition_of(matrices, rows, width, tiles, PROGRAMS_OF_COLUMNS if columns else PROGRAMS)
    blocks = partition.row_blocks
    # Sums by column of row blocks, then of matrices, if those are others; other sums of row blocks; sums by row.
    of_blocks, of_matrices = columns * matrices * blocks * width, columns * matrices * width * (blocks > 1)
    size = of_blocks + of_matrices + len(program.matrix_sums) * matrices * blocks + program.row_sums * call.rows
    sums = call.library.empty((max(1, size),), compute_type(call.storage), call.states[0])
    own = [call.gradient, sums, matrices, partition.matrices, blocks, partition.rows, rows, math.prod(shape)]
    # Of two lengths alone: each is compiled.
    partials = PROGRAMS if partition.programs > 1 else 1
    with defer_sigint():
        call.bump_versions()
        for first, last in launches_of(levels, partition):
            known = {"FIRST_LAUNCH": first, "LAST_LAUNCH": last, "PROGRAMS": partials}
            which = levels.columns_of(last)
            here = tiles if which and partition.programs > 1 else small
            launch_loop(call, "whole_tensor", own, partition.programs * here.rows, here, call.numbers, **known)
            if which and blocks > 1:
                add_columns(call, sums, of_blocks, matrices, blocks, which, program)


def add_columns(
    call: KernelCall, sums: Any, of_blocks: int, matrices: int, row_blocks: int, which: int, program: Program
) -> None:
    """Add the sums by column of row blocks: those that ``which`` has a bit for."""
    programs = program.column_sums * matrices * -(-call.width // COLUMNS)
    arguments = [sums, sums[of_blocks:], matrices, row_blocks, which, program.column_maxima]
    kernel = column_sums_for(compute_type(call.storage))
    launch_kernel(call.library, kernel, programs, arguments, width=call.width, ROWS=BLOCKS, COLUMNS=COLUMNS)
