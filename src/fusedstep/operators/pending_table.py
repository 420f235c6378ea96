"""A table with pending steps, as arguments of one call."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from ..arrays.layout import Rows
from ..rules.idle import ClosedForm


class PendingTable(NamedTuple):
    """A table whose rows have pending steps.

    Attributes:
        operator: the operator whose steps are pending.
        closed_form: the closed form of zero-gradient steps, if it is used.
        shape: the shape of the variable.
        states: the states in use.
        storages: their storage types.
        tables: their rows.
        history: the pending steps of rows, in the memory of the states.
        last_steps: the last step of each row.
    """

    operator: Any
    closed_form: ClosedForm | None
    shape: tuple[int, ...]
    states: Sequence[Any]
    storages: tuple[str, ...]
    tables: list[Rows]
    history: Any
    last_steps: Any
