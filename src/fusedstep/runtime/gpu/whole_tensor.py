"""Runs a rule whose sums reach beyond a row on a device: stage by stage over the whole tensor."""

import math
from typing import Any

from ...arrays.devices import DeviceLibrary
from ...codegen.rule.program import Plan
from ...interrupts import defer_sigint
from .launch import BYTES, Call, alloc_sums, launch, tiles_for

# With sums by column each program leaves a row of them: fewer programs, with more rows each, leave less.
BYTES_OF_COLUMNS = 4 * BYTES


def launch_whole_tensor(call: Call, plan: Plan, shape: tuple[int, ...]) -> None:
    """Every element takes the step, once all that the rule adds up is known."""
    all_rows, width = call.rows, call.width
    rows = shape[-2] if plan.matrices else all_rows
    matrices = all_rows // rows
    tiles = tiles_for(width, call.narrowest, BYTES_OF_COLUMNS) if plan.columns else call.tiles
    blocks = tiles.programs(rows)
    row_sums, totals = alloc_sums(call, plan.rows, all_rows), alloc_sums(call, len(plan.totals), matrices)
    columns = alloc_sums(call, plan.columns, matrices, width)
    block_sums = alloc_sums(call, len(plan.totals), matrices, blocks)
    block_column_sums = alloc_sums(call, plan.columns, matrices, blocks, width)
    sums = [row_sums, totals, columns, block_sums, block_column_sums]
    own = [call.gradient, *sums, blocks, rows, all_rows, math.prod(shape)]
    with defer_sigint():
        call.announce()
        for stage in range(plan.stages):
            over = matrices * blocks * tiles.rows
            launch(call, "whole_tensor", own, over, tiles, call.numbers, STAGE=stage)
            if stage + 1 < plan.stages:
                reduce_partials(call.library, plan, totals, columns, block_sums, block_column_sums)


def reduce_partials(
    library: DeviceLibrary, plan: Plan, totals: Any, columns: Any, block_sums: Any, block_column_sums: Any
) -> None:
    """Add up the sums of the programs, in the library's fixed order."""
    for number, everything in enumerate(plan.totals):
        library.sum_into(totals[number], block_sums[number], 1)
        if everything:
            library.sum_into(totals[number], totals[number], None)
    for number in range(plan.columns):
        library.sum_into(columns[number], block_column_sums[number], 1)
