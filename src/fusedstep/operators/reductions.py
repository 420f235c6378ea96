"""Runs a rule whose sums reach beyond a row: stage by stage over the whole tensor."""

import math
from array import array
from itertools import pairwise

import numpy as np

from ..arrays.address import address_of
from ..arrays.layout import Rows
from ..codegen.interrupts import held_back
from ..codegen.program import Plan
from .checks import Wanted
from .launch import threads_for
from .span_call import SpanCall
from .threads import run

# Where neither rows nor columns matter, elements are taken in rows of so many.
CHUNK = 4096
# How many blocks a matrix is cut into at most, whatever the threads: what is added up by column takes a row a block.
BLOCKS = 64
ROWS_PER_BLOCK = 8


def tables_for_sums(
    operator: str, wanted: Wanted, tables: list[Rows], shape: tuple[int, ...], plan: Plan
) -> list[Rows]:
    """The states as rows of what the rule adds up: of matrices, of the table, or of no matter how many elements.

    Raises:
        ValueError: rows of matrices have gaps between them.
    """
    whole = all(table.pitch == table.width for table in tables)
    if plan.matrices and (len(shape) > 2 or whole):
        for name, table in zip(wanted.names, tables, strict=True):
            if table.pitch != table.width:
                raise ValueError(f"{operator}: {name} has gaps between its rows; pass a contiguous array")
        rows, width = math.prod(shape[:-1]), shape[-1]
    elif not plan.by_row and whole:
        rows, width = -(-tables[0].array.size // CHUNK), CHUNK
    else:
        return tables
    return [
        Rows(table.array, rows, width, width if kind == "element" else 1)
        for table, kind in zip(tables, wanted.kinds, strict=True)
    ]


def launch_whole_tensor(call: SpanCall, plan: Plan, shape: tuple[int, ...]) -> None:
    """Every element takes the step, once all that the rule adds up is known."""
    all_rows, width = call.rows, call.width
    rows = shape[-2] if plan.matrices else all_rows
    elements = math.prod(shape)
    matrices = all_rows // rows
    height = max(ROWS_PER_BLOCK, -(-rows // BLOCKS))
    blocks = -(-rows // height)
    row_totals, totals = np.zeros((plan.rows, all_rows)), np.zeros((len(plan.totals), matrices))
    columns = np.zeros((plan.columns, matrices, width))
    block_totals = np.zeros((len(plan.totals), matrices * blocks))
    block_columns = np.zeros((plan.columns, matrices * blocks, width))
    tables = [row_totals, totals, columns, block_totals, block_columns]
    # In the order of the fields of a block.
    sums = array("q", [rows, all_rows, height, blocks, matrices, elements, *map(address_of, tables)])
    threads = min(threads_for(elements), matrices * blocks)
    stages = []
    for stage in range(plan.stages):
        over = matrices if stage > call.functions.program.last else matrices * blocks
        parts = min(threads, over)
        cuts = [over * part // parts for part in range(parts + 1)]
        stages.append([call.stage(stage, sums, start, stop) for start, stop in pairwise(cuts)])
    # States by column are written in a stage of their own, behind the others.
    with held_back():
        call.announce()
        for shares in stages:
            run(shares, threads)
            put_together(plan, totals, columns, block_totals, block_columns)


def put_together(
    plan: Plan, totals: np.ndarray, columns: np.ndarray, block_totals: np.ndarray, block_columns: np.ndarray
) -> None:
    """Adds up the sums of the blocks, in an order that no number of threads changes; takes no memory, as states may be
    written already."""
    matrices = totals.shape[1]
    with np.errstate(all="ignore"):
        for number, everything in enumerate(plan.totals):
            block_totals[number].reshape(matrices, -1).sum(axis=1, out=totals[number])
            if everything:
                totals[number] = totals[number].sum()
        for number, each in enumerate(block_columns):
            each.reshape(matrices, -1, each.shape[-1]).sum(axis=1, out=columns[number])
