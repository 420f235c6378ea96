"""The span words: what a loop says to a rule. The weaver gives their meaning, from one rule and its storage types."""

from typing import Any, NoReturn


def part(states: Any, pitches: Any, row: int, stop: int, width: int) -> Any:
    """Views of all states from one row to another; where rows do not touch each other, of one row only."""
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


def copy(sums: Any, gradient: Any) -> None:
    """Loads a gradient."""
    woven()


def add(sums: Any, gradient: Any) -> None:
    """Adds a gradient."""
    woven()


def fetch(states: Any, pitches: Any, row: int, width: int) -> None:
    """Prefetches a row of every state, to be written."""
    woven()


def fetch_gradient(gradient: Any, start: int, width: int) -> None:
    """Prefetches a gradient, to be read."""
    woven()


def woven() -> NoReturn:
    raise NotImplementedError("a span word has a meaning only in a woven kernel")
