"""Launch a rule with sums beyond a row, stage by stage."""

import math
from typing import Any

from ...arrays.devices import DeviceLibrary
from ...codegen.rule.program import Program
from ...interrupts import defer_sigint
from .kernel_call import BYTES, KernelCall, alloc_sums, launch_loop, tiles_for

# With sums by column each program writes a row of partial sums: fewer programs with more rows write less.
BYTES_OF_COLUMNS = 4 * BYTES


def launch_whole_tensor(call: KernelCall, program: Program, shape: tuple[int, ...]) -> None:
    """Step all elements, after the passes that compute the sums of the rule."""
    all_rows, width = call.rows, call.width
    rows = shape[-2] if program.matrices else all_rows
    matrices = all_rows // rows
    tiles = tiles_for(width, call.narrowest, BYTES_OF_COLUMNS) if program.column_sums else call.tiles
    row_blocks = tiles.programs(rows)
    row_sums = alloc_sums(call, program.row_sums, all_rows)
    matrix_sums = alloc_sums(call, len(program.matrix_sums), matrices)
    column_sums = alloc_sums(call, program.column_sums, matrices, width)
    partial_sums = alloc_sums(call, len(program.matrix_sums), matrices, row_blocks)
    partial_column_sums = alloc_sums(call, program.column_sums, matrices, row_blocks, width)
    sums = [row_sums, matrix_sums, column_sums, partial_sums, partial_column_sums]
    own = [call.gradient, *sums, row_blocks, rows, all_rows, math.prod(shape)]
    with defer_sigint():
        call.bump_versions()
        for stage in range(program.stages):
            over = matrices * row_blocks * tiles.rows
            launch_loop(call, "whole_tensor", own, over, tiles, call.numbers, STAGE=stage)
            if stage + 1 < program.stages:
                reduce_partials(call.library, program, matrix_sums, column_sums, partial_sums, partial_column_sums)


def reduce_partials(
    library: DeviceLibrary,
    program: Program,
    matrix_sums: Any,
    column_sums: Any,
    partial_sums: Any,
    partial_column_sums: Any,
) -> None:
    """Add the partial sums of the row blocks, in the fixed order of the library, and find the largest of the maxima."""
    for number, over_tensor in enumerate(program.matrix_sums):
        reduce_into = library.max_into if program.matrix_maxima >> number & 1 else library.sum_into
        reduce_into(matrix_sums[number], partial_sums[number], 1)
        if over_tensor:
            reduce_into(matrix_sums[number], matrix_sums[number], None)
    for number in range(program.column_sums):
        reduce_into = library.max_into if program.column_maxima >> number & 1 else library.sum_into
        reduce_into(column_sums[number], partial_column_sums[number], 1)
