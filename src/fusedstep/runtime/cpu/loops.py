"""The loops that calls run, compiled at their first use."""

from collections.abc import Callable
from functools import cache
from typing import Any

from ...storage import compute_type

# The loop that a call runs, by which rows take the step; None where the gradient is dense.
LOOPS = {None: "dense", "touched": "touched_rows", "every": "every_row"}
# The loop of rules whose sums reach beyond a row.
WHOLE_TENSOR = "whole_tensor"
# That of a deferred step.
DEFERRED_ROWS = "deferred_rows"
# What is compiled for each; a deferred step that names most rows is one of every row.
COMPILED = {
    LOOPS[None]: ("dense_rows",),
    LOOPS["touched"]: (LOOPS["touched"],),
    LOOPS["every"]: (LOOPS["every"],),
    DEFERRED_ROWS: (DEFERRED_ROWS, "pending_rows", "catch_up", "flush", LOOPS["every"]),
    WHOLE_TENSOR: (WHOLE_TENSOR, "column_states", "reduce_partials"),
}
# What is compiled for gradients of bags beside grouping.
BAGS = ("bag_sources", "bag_sum")
# What the optimizers of PyTorch run: steps of many tensors, and of many tables.
TOGETHER = ("read_tensors", "step_tensors", "advance_counts", "table_steps", "summed_rows", "summed_pending_rows")
GROUPING = ("group_rows", "cut_into_parts", "sort_rows", "segment_sum")


# Imported at their first use: a process that makes operators, and runs none, needs no compiler.
@cache
def loop(name: str) -> Callable[..., Any]:
    """A loop of ``loops/cpu``, compiled."""
    from ...codegen.cpu import build

    return build.loop(name)


@cache
def address(name: str) -> int:
    """The address of a loop that others call."""
    from ...codegen.cpu import build

    return build.loop_address(name)


@cache
def loop_of_objects(name: str) -> Callable[..., Any]:
    """A loop that asks Python's objects, compiled; it keeps the interpreter's lock."""
    from ...codegen.cpu import build

    return build.loop_of_objects(name)


@cache
def sum_functions(gradient_storage: str, compute: str, weighted: bool = False) -> tuple[int, int]:
    """The addresses of what loads gradients into a sum, and of what adds them to it; times factors if weighted."""
    from ...codegen.cpu import build

    return build.sums(gradient_storage, compute, weighted)


@cache
def flat_step() -> Callable[[int], None]:
    """The step of a block of one row."""
    from ...codegen.cpu import build

    return build.flat_step()


def prepare_loops(name: str, storage: str = "", gradient_storage: str = "") -> None:
    """Compile what goes through memory in the calls that run a loop; with storage types, segment sums too."""
    for each in COMPILED[name]:
        loop(each)
    if gradient_storage and name not in (LOOPS[None], WHOLE_TENSOR):
        prepare_grouping(gradient_storage, compute_type(storage))


def prepare_grouping(gradient_storage: str, compute: str) -> None:
    """Compile all that groups indices and sums gradients of a storage type in a compute type."""
    for name in GROUPING:
        loop(name)
    sum_functions(gradient_storage, compute)


def prepare_bags(gradient_storage: str, compute: str) -> None:
    """Compile what gradients of bags of a storage type need beside grouping."""
    for name in BAGS:
        loop(name)
    sum_functions(gradient_storage, compute, weighted=True)


def prepare_together() -> None:
    """Compile what steps many tensors and tables in one call."""
    for name in TOGETHER:
        loop(name)
