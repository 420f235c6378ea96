"""Runs a rule whose sums reach beyond a row on a device: stage by stage over the whole tensor."""

import math
from typing import Any

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
    blocks = tiles.programs(rows)[0]
    like = call.states[0]
    row_sums, totals = alloc_sums(like, plan.rows, all_rows), alloc_sums(like, len(plan.totals), matrices)
    columns = alloc_sums(like, plan.columns, matrices, width)
    block_sums = alloc_sums(like, len(plan.totals), matrices * blocks)
    block_column_sums = alloc_sums(like, plan.columns, matrices * blocks, width)
    sums = [row_sums, totals, columns, block_sums, block_column_sums]
    own = [call.gradient, *sums, blocks, rows, all_rows, math.prod(shape)]
    with defer_sigint():
        call.announce()
        for stage in range(plan.stages):
            over = matrices * blocks * tiles.rows
            launch(call, "whole_tensor", own, over, tiles, call.numbers, STAGE=stage)
            if stage + 1 < plan.stages:
                reduce_partials(plan, matrices, totals, columns, block_sums, block_column_sums)


def reduce_partials(
    plan: Plan, matrices: int, totals: Any, columns: Any, block_sums: Any, block_column_sums: Any
) -> None:
    """Adds up the sums of the programs, in PyTorch's fixed order."""
    for number, everything in enumerate(plan.totals):
        totals[number] = block_sums[number].view(matrices, -1).sum(dim=1)
        if everything:
            totals[number] = totals[number].sum()
    for number, each in enumerate(block_column_sums):
        columns[number] = each.view(matrices, -1, each.shape[-1]).sum(dim=1)
