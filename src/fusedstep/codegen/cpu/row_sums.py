"""Sums and maxima over a row as LLVM instructions: in float64, in a fixed number of lanes.

The order of additions, and every bit, is therefore the same on every instruction set.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

from ..rule.axes import ELEMENT, MATRIX, ROW, TENSOR
from ..rule.program import Program
from ..rule.values import Reduction
from .elements import INTEGER, counted
from .expressions import Expressions
from .words import FLOATS, maximum

DOUBLE = FLOATS["float64"]
LANES = 32
# What a reduction of each kind begins with.
BEGINS = {"sum": 0.0, "mean": 0.0, "max": -math.inf}


def terms_of(program: Program, stage: int) -> list[Reduction]:
    """The reductions of a stage over the elements of rows; those by column are computed differently."""
    return [each for each in program.reductions_of(stage, ROW, MATRIX, TENSOR) if each.argument_axes == ELEMENT]


def combined(builder: Any, kind: str, total: Any, term: Any) -> Any:
    """A reduction of a kind, with one more number in float64."""
    return maximum(builder, total, term) if kind == "max" else builder.fadd(total, term)


def reduced(builder: Any, count: Any, kinds: Sequence[str], terms: Callable[[Any], list[Any]]) -> list[Any]:
    """Write loops over ``count`` elements that reduce the terms of each reduction; return the results."""
    with builder.goto_entry_block():
        # In memory: compilers do not reorder sums, but vectorize lanes.
        lanes = [builder.alloca(DOUBLE, size=INTEGER(LANES), name=f"lanes_{k}") for k, _ in enumerate(kinds)]
    for kind, each in zip(kinds, lanes, strict=True):
        for lane in range(LANES):
            builder.store(DOUBLE(BEGINS[kind]), lane_of(builder, each, INTEGER(lane)))

    def add(begin: Any, lane: Any) -> None:
        for kind, each, term in zip(kinds, lanes, terms(builder.add(begin, lane)), strict=True):
            address = lane_of(builder, each, lane)
            total = builder.load(address, typ=DOUBLE)
            builder.store(combined(builder, kind, total, widened(builder, term)), address)

    chunks = builder.lshr(count, INTEGER(LANES.bit_length() - 1))

    def chunk(number: Any) -> None:
        begin = builder.mul(number, INTEGER(LANES))
        counted(builder, INTEGER(LANES), lambda lane: add(begin, lane))

    counted(builder, chunks, chunk)
    whole = builder.mul(chunks, INTEGER(LANES))
    counted(builder, builder.sub(count, whole), lambda lane: add(whole, lane))
    return [of_lanes(builder, kind, each) for kind, each in zip(kinds, lanes, strict=True)]


def lane_of(builder: Any, lanes: Any, lane: Any) -> Any:
    """The address of a lane."""
    return builder.gep(lanes, [lane], source_etype=DOUBLE, inbounds=True)


def of_lanes(builder: Any, kind: str, lanes: Any) -> Any:
    """The reduction of all lanes, in halves."""
    parts = [builder.load(lane_of(builder, lanes, INTEGER(lane)), typ=DOUBLE) for lane in range(LANES)]
    while len(parts) > 1:
        half = len(parts) // 2
        parts = [combined(builder, kind, *pair) for pair in zip(parts[:half], parts[half:], strict=True)]
    return parts[0]


def widened(builder: Any, value: Any) -> Any:
    """A number as float64."""
    return value if value.type == DOUBLE else builder.fpext(value, DOUBLE)


def result_of(known: Expressions, each: Reduction, total: Any, count: Any) -> Any:
    """A sum or maximum in the compute type; for a mean the sum is divided by the count."""
    if each.kind == "mean":
        total = known.builder.fdiv(total, known.builder.sitofp(count, DOUBLE))
    return known.converted(total)
