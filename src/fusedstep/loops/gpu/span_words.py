"""The span words: what a loop says to a rule. The weaver gives their meaning, from one rule and its storage types."""

from typing import Any, NoReturn


def update(states: Any, elements: Any, gradient: Any, here: Any, scalars: Any) -> None:
    """Load, rule, store: a step of elements that lie alike in all states."""
    woven()


def update_rows(
    states: Any, pitches: Any, row: Any, present: Any, gradient: Any, width: Any, scalars: Any, columns: Any
) -> None:
    """A step of whole rows, each with its own row of the gradient."""
    woven()


def update_rows_by_sums(
    states: Any, pitches: Any, row: Any, present: Any, sums: Any, width: Any, scalars: Any, columns: Any
) -> None:
    """The same with the sums that ``total_of`` makes of the gradients of each row."""
    woven()


def idle_rows(states: Any, pitches: Any, row: Any, present: Any, width: Any, scalars: Any, columns: Any) -> None:
    """The same with a gradient of zero."""
    woven()


def load_gradient(places: Any, here: Any) -> Any:
    """Loads gradients in the compute type."""
    woven()


def take(
    stage: Any,
    states: Any,
    pitches: Any,
    gradient: Any,
    row: Any,
    present: Any,
    block: Any,
    matrix: Any,
    blocks: Any,
    rows: Any,
    all_rows: Any,
    elements: Any,
    row_totals: Any,
    totals: Any,
    column_totals: Any,
    block_totals: Any,
    block_columns: Any,
    width: Any,
    scalars: Any,
    columns: Any,
) -> None:
    """Some rows' part in a stage: adds up what the stage adds up, or computes the new states."""
    woven()


def remembered(history: Any, step: Any) -> Any:
    """The scalars of a step that the history holds."""
    woven()


def totals_at(table: Any, stride: Any, step: Any, present: Any) -> Any:
    """What the closed form needs of the totals since each row's own step."""
    woven()


def serves(states: Any, pitches: Any, row: Any, present: Any, width: Any, scalars: Any, columns: Any) -> Any:
    """Whether the closed form serves every element of a row."""
    woven()


def rest(states: Any, pitches: Any, row: Any, present: Any, width: Any, scalars: Any, columns: Any) -> None:
    """All steps that were slept through, in closed form."""
    woven()


def woven() -> NoReturn:
    raise NotImplementedError("a span word has a meaning only in a woven kernel")
