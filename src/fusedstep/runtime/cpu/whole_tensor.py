"""Runs a rule whose sums reach beyond a row: stage by stage over the whole tensor."""

import math
from array import array
from itertools import pairwise

import numpy as np

from ...arrays.address import address_of
from ...codegen.rule.program import Plan
from ...interrupts import defer_sigint
from ...loops.cpu.whole_tensor import row_block_size, row_blocks
from .launch import threads_for
from .span_call import SpanCall, loop
from .threads import run


def launch_whole_tensor(call: SpanCall, plan: Plan, shape: tuple[int, ...]) -> None:
    """Every element takes the step, once all that the rule adds up is known."""
    all_rows, width = call.rows, call.width
    rows = shape[-2] if plan.matrices else all_rows
    elements = math.prod(shape)
    matrices = all_rows // rows
    blocks = row_blocks(rows)
    row_sums, totals = np.zeros((plan.rows, all_rows)), np.zeros((len(plan.totals), matrices))
    columns = np.zeros((plan.columns, matrices, width))
    block_sums = np.zeros((len(plan.totals), matrices * blocks))
    block_column_sums = np.zeros((plan.columns, matrices * blocks, width))
    tables = [row_sums, totals, columns, block_sums, block_column_sums]
    # In the order of the fields of a block.
    sums = array("q", [rows, all_rows, row_block_size(rows), blocks, matrices, elements, *map(address_of, tables)])
    threads = min(threads_for(elements), matrices * blocks)
    stages = []
    for stage in range(plan.stages):
        # States by column are written in a stage of their own, behind the others.
        over = matrices if stage > call.functions.program.last else matrices * blocks
        parts = min(threads, over)
        cuts = [over * part // parts for part in range(parts + 1)]
        stages.append([call.stage(stage, sums, start, stop) for start, stop in pairwise(cuts)])
    reduce_partials, common = loop("reduce_partials", "whole_tensor"), call.summing(sums)
    with defer_sigint():
        call.announce()
        for stage, shares in enumerate(stages):
            run(shares, threads)
            if stage < call.functions.program.last:
                reduce_partials(common.buffer_info()[0], len(plan.totals), plan.over_all, plan.columns)
