"""The least bytes that a step must move, as the rule has it: each of its states, and the gradient."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ...operators.operator import Operator
from ...storage import ITEM_BYTES
from ..contenders.tables import Size

# PyTorch's indices have 64 bits; deferred rows read and write the 16-bit number of their last step.
INDEX, LAST_STEP = 8, 2 + 2


@dataclass(frozen=True)
class LeastBytes:
    """What a step must read and write at least.

    Attributes:
        element: bytes for each element of a row that takes the step.
        row: bytes for each such row.
        gradient: bytes for each element of the gradient.
        index: bytes for each row of a sparse gradient, beside its elements.
        rows: which rows take the step: "all" with a dense gradient; "touched", "every" or "deferred" with one of rows.
    """

    element: int
    row: int
    gradient: int
    index: int
    rows: str

    def total(self, size: Size, named: int = 0) -> int:
        """The bytes of a step on a table of some size.

        Args:
            size: how large the table and the gradient are.
            named: how many rows the indices name, each counted once.
        """
        taking = size.rows if self.rows in ("all", "every") else named
        given = size.rows if self.rows == "all" else size.batch
        return taking * (self.element * size.width + self.row) + given * (self.gradient * size.width + self.index)


def least_bytes(rule: Callable[..., Any], rows: str, storage: str = "float32") -> LeastBytes:
    """The least that a step of a rule moves: every state that it uses is read, every one that it changes written.

    Args:
        rule: the rule, with its switches as they are by default.
        rows: which rows take the step, as in ``LeastBytes``.
        storage: the storage type of the states and of the gradient.

    >>> import fusedstep as fs
    >>> least_bytes(fs.rules.adam, "all")
    LeastBytes(element=24, row=0, gradient=4, index=0, rows='all')
    >>> least_bytes(fs.rules.rowwise_adagrad, "touched").total(Size(rows=1000, width=64, batch=10), named=7)
    6280
    """
    item, wanted = ITEM_BYTES[storage], Operator(rule).array_spec
    of_each = {"element": 0, "row": 0}
    for kind, changed in zip(wanted.kinds, wanted.changed, strict=True):
        of_each[kind] += item * (1 + changed)
    return LeastBytes(
        of_each["element"],
        of_each["row"] + LAST_STEP * (rows == "deferred"),
        item,
        INDEX * (rows != "all"),
        rows,
    )
