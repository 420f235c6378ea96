"""All checks of one operator."""

from collections.abc import Sequence

from ..runtime.cpu import parts
from .calls import check_calls
from .golden import check_golden
from .outcome import Outcome
from .results import check_results


def verify(name: str, chosen: Sequence[str]) -> Outcome:
    """Check an operator's results in some storage types, its calls in float32, and the golden cases."""
    outcome = Outcome(name)
    check_results(outcome, chosen)
    check_calls(outcome)
    check_golden(outcome)
    return outcome


def split_small() -> None:
    """Let this process split tiny arrays, so that errors of threads show on them."""
    parts.ELEMENTS_PER_THREAD, parts.ELEMENTS_PER_PART = 1, 300
