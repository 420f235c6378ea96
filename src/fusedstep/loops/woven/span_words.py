"""The span words: what a loop says to a rule. The weaver gives their meaning, from one rule and its storage types."""

from typing import Any, NoReturn


def part(states: Any, pitches: Any, row: int, stop: int, width: int) -> Any:
    """Views of all states from one row to another; where rows do not touch each other, of one row only. Behind them
    stands the number of the first element."""
    woven()


def unbroken(pitches: Any, width: int) -> bool:
    """Whether the rows of every state lie one after another without a gap."""
    woven()


def update(spans: Any, gradient: Any, scalars: Any) -> None:
    """Load, rule, store: a step of every element, with a gradient as it is stored."""
    woven()


def update_by_sums(spans: Any, sums: Any, scalars: Any) -> None:
    """The same with a gradient in the compute type."""
    woven()


def idle(spans: Any, scalars: Any) -> None:
    """The same with a gradient of zero."""
    woven()


def loaded(gradient: Any, spare: Any) -> Any:
    """A gradient in the compute type: itself where that is how it is stored, else ``spare`` with it."""
    woven()


def fetch(states: Any, pitches: Any, row: int, width: int) -> None:
    """Prefetches a row of every state, to be written."""
    woven()


def row_of_matrix(states: Any, pitches: Any, row: int, size: int, matrix: int, width: int) -> Any:
    """Views of one row of all states, of those by column of its matrix; behind them the number of the first element."""
    woven()


def take(
    stage: int,
    spans: Any,
    gradient: Any,
    size: int,
    row: int,
    block: int,
    matrix: int,
    rows: int,
    elements: int,
    row_totals: Any,
    totals: Any,
    columns: Any,
    block_totals: Any,
    block_columns: Any,
    scalars: Any,
) -> None:
    """A row's part in a stage: adds up what the stage adds up, or computes the new states."""
    woven()


def remembered(history: Any, step: int) -> Any:
    """The scalars of a step that the history holds."""
    woven()


def totals_at(totals: Any, held: Any, kept: int, moved: int) -> Any:
    """What the closed form needs: the totals since one step, of those that settle since another."""
    woven()


def serves(spans: Any, scalars: Any) -> bool:
    """Whether the closed form serves every element."""
    woven()


def rest(spans: Any, scalars: Any) -> None:
    """All steps that were slept through, in closed form."""
    woven()


def fetch_last(lasts: Any, row: int) -> None:
    """Prefetches the number of a row's last step."""
    woven()


def woven() -> NoReturn:
    raise NotImplementedError("a span word has a meaning only in a woven kernel")
