"""Runs a rule whose sums reach beyond a row on a device: stage by stage over the whole tensor."""

import math
from typing import Any

from ...codegen.rule.program import Program
from ...interrupts import defer_sigint
from .launch import BYTES, Call, alloc_sums, launch, tiles_for

# With sums by column each program leaves a row of them: fewer programs, with more rows each, leave less.
BYTES_OF_COLUMNS = 4 * BYTES


def launch_whole_tensor(call: Call, program: Program, shape: tuple[int, ...]) -> None:
    """Every element takes the step, once all that the rule adds up is known."""
    all_rows, width = call.rows, call.width
    rows = shape[-2] if program.matrices else all_rows
    matrices = all_rows // rows
    tiles = tiles_for(width, call.narrowest, BYTES_OF_COLUMNS) if program.column_sums else call.tiles
    blocks = tiles.programs(rows)[0]
    like = call.states[0]
    row_sums = alloc_sums(like, program.row_sums, all_rows)
    matrix_sums = alloc_sums(like, len(program.matrix_sums), matrices)
    column_sums = alloc_sums(like, program.column_sums, matrices, width)
    block_sums = alloc_sums(like, len(program.matrix_sums), matrices * blocks)
    block_column_sums = alloc_sums(like, program.column_sums, matrices * blocks, width)
    sums = [row_sums, matrix_sums, column_sums, block_sums, block_column_sums]
    own = [call.gradient, *sums, blocks, rows, all_rows, math.prod(shape)]
    with defer_sigint():
        call.announce()
        for stage in range(program.stages):
            over = matrices * blocks * tiles.rows
            launch(call, "whole_tensor", own, over, tiles, call.numbers, STAGE=stage)
            if stage + 1 < program.stages:
                reduce_partials(program, matrices, matrix_sums, column_sums, block_sums, block_column_sums)


def reduce_partials(
    program: Program, matrices: int, matrix_sums: Any, column_sums: Any, block_sums: Any, block_column_sums: Any
) -> None:
    """Adds up the sums of the programs, in PyTorch's fixed order."""
    for number, everything in enumerate(program.matrix_sums):
        matrix_sums[number] = block_sums[number].view(matrices, -1).sum(dim=1)
        if everything:
            matrix_sums[number] = matrix_sums[number].sum()
    for number, each in enumerate(block_column_sums):
        column_sums[number] = each.view(matrices, -1, each.shape[-1]).sum(dim=1)
