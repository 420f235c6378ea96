"""The span words: what a loop says to a rule. The weaver gives their meaning, from one rule and its storage types."""

from typing import Any, NoReturn


def update(states: Any, elements: Any, gradient: Any, here: Any, scalars: Any) -> None:
    """Load, rule, store: a step of elements that lie alike in all states."""
    woven()


def update_rows(
    states: Any, row_strides: Any, row: Any, present: Any, gradient: Any, width: Any, scalars: Any, columns: Any
) -> None:
    """A step of whole rows, each with its own row of the gradient."""
    woven()


def update_rows_by_sums(
    states: Any, row_strides: Any, row: Any, present: Any, sums: Any, width: Any, scalars: Any, columns: Any
) -> None:
    """The same with the sums that ``segment_sum`` makes of the gradients of each row."""
    woven()


def idle_rows(states: Any, row_strides: Any, row: Any, present: Any, width: Any, scalars: Any, columns: Any) -> None:
    """The same with a gradient of zero."""
    woven()


def load_gradient(places: Any, here: Any) -> Any:
    """Loads gradients in the compute type."""
    woven()


def take(
    stage: Any,
    states: Any,
    row_strides: Any,
    gradient: Any,
    row: Any,
    present: Any,
    block: Any,
    matrix: Any,
    blocks: Any,
    rows: Any,
    all_rows: Any,
    elements: Any,
    row_sums: Any,
    totals: Any,
    column_sums: Any,
    block_sums: Any,
    block_column_sums: Any,
    width: Any,
    scalars: Any,
    columns: Any,
) -> None:
    """Some rows' part in a stage: adds up what the stage adds up, or computes the new states."""
    woven()


def load_scalars(history: Any, step: Any) -> Any:
    """The scalars of a step that the history holds."""
    woven()


def totals_at(table: Any, stride: Any, step: Any, present: Any) -> Any:
    """What the closed form needs of the totals since each row's own step."""
    woven()


def closed_form_valid(
    states: Any, row_strides: Any, row: Any, present: Any, width: Any, scalars: Any, columns: Any
) -> Any:
    """Whether the closed form is valid for every element of a row."""
    woven()


def apply_closed_form(
    states: Any, row_strides: Any, row: Any, present: Any, width: Any, scalars: Any, columns: Any
) -> None:
    """All pending steps, in closed form."""
    woven()


def woven() -> NoReturn:
    raise NotImplementedError("a span word has a meaning only in a woven kernel")
