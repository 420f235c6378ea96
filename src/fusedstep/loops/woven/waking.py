"""How a row takes the steps that it has slept through, with a zero gradient each."""

from typing import Any

from .span_words import idle, part, remembered, rest, serves, totals_at


def wake(
    states: Any,
    pitches: Any,
    row: int,
    history: Any,
    totals: Any,
    held: Any,
    lasts: Any,
    now: int,
    window: int,
    closed: int,
    width: int,
) -> None:
    """Brings a row from its last step to step ``now``: in closed form where that serves, else step by step."""
    last = lasts[row]
    if last >= now:
        return
    lasts[row] = now
    spans = part(states, pitches, row, row + 1, width)
    if closed:
        known = totals_at(totals, held, last, last)
        if serves(spans, known):
            rest(spans, known)
            return
    awake = min(now, last + window)
    for step in range(last, awake):
        # The row is in the nearest cache by now: elements side by side are faster than steps in registers.
        idle(spans, remembered(history, step))
    if awake < now:
        # After a whole window of steps nothing moves the variable any more: the totals of no steps, those of ``now``.
        rest(spans, totals_at(totals, held, awake, now))
