"""Launches rules with sums beyond a row, stage by stage."""

import math
from array import array
from itertools import pairwise

import numpy as np

from ...arrays.address import address_of
from ...interrupts import defer_sigint
from ...loops.cpu.whole_tensor import begin, row_block_size, row_blocks
from . import loops
from .parts import threads_for
from .span_call import SpanCall
from .threads import run


def launch_whole_tensor(call: SpanCall, shape: tuple[int, ...]) -> None:
    """Step every element, after the sums of the rule."""
    all_rows, width, program = call.rows, call.width, call.functions.program
    row_count, matrix_count, column_count = program.row_sums, len(program.matrix_sums), program.column_sums
    rows = shape[-2] if program.matrices else all_rows
    elements = math.prod(shape)
    matrices = all_rows // rows
    blocks = row_blocks(rows)
    row_sums, matrix_sums = np.zeros((row_count, all_rows)), np.zeros((matrix_count, matrices))
    column_sums = np.zeros((column_count, matrices, width))
    maxima = program.matrix_maxima, program.column_maxima
    partial_sums = begun(maxima[0], matrix_count, matrices * blocks)
    partial_column_sums = begun(maxima[1], column_count, matrices * blocks, width)
    tables = [row_sums, matrix_sums, column_sums, partial_sums, partial_column_sums]
    # In the order of the fields of a block.
    sums = array("q", [rows, all_rows, row_block_size(rows), blocks, matrices, elements, *map(address_of, tables)])
    threads = min(threads_for(elements), matrices * blocks)
    stages = []
    for stage in range(program.stages):
        # The last stage writes the states by column.
        over = matrices if stage > program.last else matrices * blocks
        parts = min(threads, over)
        cuts = [over * part // parts for part in range(parts + 1)]
        stages.append([call.stage(stage, sums, start, stop) for start, stop in pairwise(cuts)])
    reduce_partials, common = loops.loop("reduce_partials"), call.summing(sums)
    with defer_sigint():
        call.bump_versions()
        for stage, parts_of_stage in enumerate(stages):
            run(parts_of_stage, threads)
            if stage < program.last:
                reduce_partials(common.buffer_info()[0], matrix_count, program.over_tensor, column_count, *maxima)


def begun(maxima: int, count: int, *shape: int) -> np.ndarray:
    """What so many sums begin with, of which some are maxima, one bit each."""
    numbers = np.zeros((count, *shape))
    for which in range(count):
        if maxima >> which & 1:
            numbers[which] = begin(1)
    return numbers
