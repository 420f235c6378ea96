"""Runs a rule whose sums reach beyond a row on a device: stage by stage over the whole tensor."""

import math
from typing import Any

from ...codegen.rule.program import Plan
from ...interrupts import held_back
from .launch import BYTES, Call, launch, room, tiles_for

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
    row_totals, totals = room(like, plan.rows, all_rows), room(like, len(plan.totals), matrices)
    columns = room(like, plan.columns, matrices, width)
    block_totals = room(like, len(plan.totals), matrices * blocks)
    block_columns = room(like, plan.columns, matrices * blocks, width)
    sums = [row_totals, totals, columns, block_totals, block_columns]
    own = [call.gradient, *sums, blocks, rows, all_rows, math.prod(shape)]
    with held_back():
        call.announce()
        for stage in range(plan.stages):
            over = matrices * blocks * tiles.rows
            launch(call, "whole_tensor", own, over, tiles, call.numbers, STAGE=stage)
            if stage + 1 < plan.stages:
                put_together(plan, matrices, totals, columns, block_totals, block_columns)


def put_together(plan: Plan, matrices: int, totals: Any, columns: Any, block_totals: Any, block_columns: Any) -> None:
    """Adds up the sums of the programs, in PyTorch's fixed order."""
    for number, everything in enumerate(plan.totals):
        totals[number] = block_totals[number].view(matrices, -1).sum(dim=1)
        if everything:
            totals[number] = totals[number].sum()
    for number, each in enumerate(block_columns):
        columns[number] = each.view(matrices, -1, each.shape[-1]).sum(dim=1)
