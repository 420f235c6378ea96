"""All checks of one operator."""

from collections.abc import Sequence

from ..runtime.cpu import parts
from .calls import check_calls
from .golden import check_golden
from .outcome import Outcome
from .results import check_results


def verify(name: str, chosen: Sequence[str]) -> Outcome:
    """Checks an operator in some storage types; bad and odd calls and what originals computed, in float32."""
    outcome = Outcome(name)
    check_results(outcome, chosen)
    check_calls(outcome)
    check_golden(outcome)
    return outcome


def split_small() -> None:
    """Makes tiny arrays worth splitting in this process, so that what threads do shows on them."""
    parts.ELEMENTS_PER_THREAD, parts.ELEMENTS_PER_PART = 1, 300
