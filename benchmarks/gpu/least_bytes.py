"""The least bytes that a rule's step must move: each of its states, and the gradient."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fusedstep.bench.libraries.data import Size
from fusedstep.operators.operator import Operator
from fusedstep.storage import STORAGES

# PyTorch's indices have 64 bits; deferred rows read and write the 16-bit number of their last step.
INDEX, LAST_STEP = 8, 2 + 2


@dataclass(frozen=True)
class LeastBytes:
    """The least bytes that a step reads and writes.

    Attributes:
        element: bytes for each element of a row that takes the step.
        row: bytes for each such row.
        gradient: bytes for each element of the gradient.
        index: bytes for each index of a sparse gradient.
        rows: the rows that take the step: "all" with a dense gradient; "touched", "every" or "deferred" with a sparse
            one.
    """

    element: int
    row: int
    gradient: int
    index: int
    rows: str

    def total(self, size: Size, distinct: int = 0, bag: int = 1) -> int:
        """The bytes of a step on a table.

        Args:
            size: the size of the table and of the gradient.
            distinct: the number of distinct rows among the indices.
            bag: how many indices share a row of the gradient.
        """
        stepped = size.rows if self.rows in ("all", "every") else distinct
        received = size.rows if self.rows == "all" else -(-size.batch // bag)
        moved = stepped * (self.element * size.width + self.row) + received * self.gradient * size.width
        return moved + size.batch * self.index


def least_bytes(rule: Callable[..., Any], rows: str, storage: str = "float32") -> LeastBytes:
    """The least that a rule's step moves: it reads the states that it uses, and writes those that it changes.

    Args:
        rule: the rule, with its default switches.
        rows: the rows that take the step, as in ``LeastBytes``.
        storage: the storage type of the states and of the gradient.
    """
    item, wanted = STORAGES[storage].item_bytes, Operator(rule).array_spec
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
