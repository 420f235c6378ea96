"""Steps that are timed."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple


def nothing() -> None:
    """The preparation of most steps."""


class Step(NamedTuple):
    """One step.

    Attributes:
        run: the function that is timed.
        before: called before each run, and not timed.
    """

    run: Callable[[], Any]
    before: Callable[[], Any] = nothing


class TrainingStep(NamedTuple):
    """One step of training.

    Attributes:
        phases: the functions that are timed one by one, by name, in their order.
        loss: the loss of the forward pass; called after all phases, and not timed.
    """

    phases: Mapping[str, Callable[[], Any]]
    loss: Callable[[], float]
