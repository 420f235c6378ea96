"""Sums over a row as LLVM instructions: in float64, in a fixed number of lanes.

The order of additions, and every bit, is therefore the same on every instruction set.
"""

from collections.abc import Callable
from typing import Any

from ..rule.axes import ELEMENT, MATRIX, ROW, TENSOR
from ..rule.program import Program
from ..rule.values import Reduction
from .elements import INTEGER, counted
from .expressions import Expressions
from .words import FLOATS

DOUBLE = FLOATS["float64"]
LANES = 32


def terms_of(program: Program, stage: int) -> list[Reduction]:
    """The reductions of a stage over the elements of rows; sums by column are computed differently."""
    return [each for each in program.reductions_of(stage, ROW, MATRIX, TENSOR) if each.argument_axes == ELEMENT]


def added_up(builder: Any, count: Any, sums: int, terms: Callable[[Any], list[Any]]) -> list[Any]:
    """Write loops over ``count`` elements that add up the terms of each sum; return the sums."""
    with builder.goto_entry_block():
        # In memory: compilers do not reorder sums, but vectorize lanes.
        lanes = [builder.alloca(DOUBLE, size=INTEGER(LANES), name=f"lanes_{k}") for k in range(sums)]
    for each in lanes:
        for lane in range(LANES):
            builder.store(DOUBLE(0.0), lane_of(builder, each, INTEGER(lane)))

    def add(begin: Any, lane: Any) -> None:
        for each, term in zip(lanes, terms(builder.add(begin, lane)), strict=True):
            address = lane_of(builder, each, lane)
            builder.store(builder.fadd(builder.load(address, typ=DOUBLE), widened(builder, term)), address)

    chunks = builder.lshr(count, INTEGER(LANES.bit_length() - 1))

    def chunk(number: Any) -> None:
        begin = builder.mul(number, INTEGER(LANES))
        counted(builder, INTEGER(LANES), lambda lane: add(begin, lane))

    counted(builder, chunks, chunk)
    whole = builder.mul(chunks, INTEGER(LANES))
    counted(builder, builder.sub(count, whole), lambda lane: add(whole, lane))
    return [sum_of_lanes(builder, each) for each in lanes]


def lane_of(builder: Any, lanes: Any, lane: Any) -> Any:
    """The address of a lane."""
    return builder.gep(lanes, [lane], source_etype=DOUBLE, inbounds=True)


def sum_of_lanes(builder: Any, lanes: Any) -> Any:
    """The sum of all lanes, in halves."""
    parts = [builder.load(lane_of(builder, lanes, INTEGER(lane)), typ=DOUBLE) for lane in range(LANES)]
    while len(parts) > 1:
        half = len(parts) // 2
        parts = [builder.fadd(*pair) for pair in zip(parts[:half], parts[half:], strict=True)]
    return parts[0]


def widened(builder: Any, value: Any) -> Any:
    """A number as float64."""
    return value if value.type == DOUBLE else builder.fpext(value, DOUBLE)


def mean_of(known: Expressions, each: Reduction, total: Any, count: Any) -> Any:
    """A sum in the compute type; a mean is divided by the count."""
    if each.mean:
        total = known.builder.fdiv(total, known.builder.sitofp(count, DOUBLE))
    return known.converted(total)
