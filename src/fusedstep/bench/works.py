"""What a work is: its size, who does it, and the least that it must move."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from .contenders.tables import GRADIENTS, Size, distinct

ITEM = 4
INDEX = 4
# What a quick run divides sizes by.
QUICK = 500
SMALLEST = 8


@dataclass(frozen=True)
class Moves:
    """The least bytes that a step must move.

    Attributes:
        states: how many arrays it changes: reads and writes.
        changed: the bytes of each.
        read_only: the bytes that it only reads.
    """

    states: int
    changed: int
    read_only: int

    @property
    def total(self) -> int:
        """Everything that crosses to or from memory."""
        return 2 * self.states * self.changed + self.read_only


@dataclass(frozen=True)
class Contender:
    """Who does a work, and how.

    Attributes:
        label: what it is called beside the others of the work.
        library: the library that it comes from.
        call: the function of the library's file that gets its steps ready.
        arguments: the function's, after the size.
        item: bytes of an element.
    """

    label: str
    library: str
    call: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    item: int = ITEM


@dataclass(frozen=True)
class Work:
    """One thing to measure; the first contender is the one that others are compared with.

    Attributes:
        name: what it is chosen by.
        title: what it is, in one line.
        size: how large it is.
        contenders: who does it.
        states: how many arrays of the table's size a step changes; 0 where memory is not what limits it.
        rows: which rows take the step: "all" with a dense gradient, "every" or "touched" with one of rows.
        repeat: steps that are taken in turn and timed together.
        parts: what a time is divided by: how many parameters share a step.
        sweep: whether it is also measured over sizes.
    """

    name: str
    title: str
    size: Size
    contenders: tuple[Contender, ...]
    states: int = 0
    rows: str = "all"
    repeat: int = 1
    parts: int = 1
    sweep: bool = False

    def moves(self, item: int = ITEM) -> Moves | None:
        """The least that a step moves where an element has so many bytes; None where memory is not what limits it."""
        size = self.size
        if not self.states:
            return None
        table = size.rows * size.width * item
        if self.rows == "all":
            return Moves(self.states, table, table)
        changed = table if self.rows == "every" else distinct(size) * size.width * item
        return Moves(self.states, changed, size.batch * (size.width * item + INDEX))

    def bytes_needed(self) -> int:
        """About how much memory its contenders take together."""
        size = self.size
        # The states, and a gradient: a dense one, or what libraries make while they step.
        tables = len(self.contenders) * (self.states + 1) * size.rows * size.width * ITEM
        libraries = {contender.library for contender in self.contenders}
        batches = len(libraries) * min(size.batches, GRADIENTS) * size.batch * size.width * ITEM
        moves = self.moves()
        return tables + batches + (moves.states * moves.changed + moves.read_only if moves else 0)

    def quick(self) -> "Work":
        """The same at a size that takes no time."""
        return self.sized(rows=smaller(self.size.rows), batch=smaller(self.size.batch), batches=2)

    def sized(self, **size: Any) -> "Work":
        """The same at another size."""
        return replace(self, size=replace(self.size, **size))


def smaller(count: int) -> int:
    """A number of rows for a quick run; none stay none."""
    return count and max(SMALLEST, count // QUICK)
