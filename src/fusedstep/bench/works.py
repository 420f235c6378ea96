"""What is measured: works, their sizes and their contenders, and the least bytes that a step must move."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from .libraries.data import GRADIENTS, Size, distinct
from .libraries.steps import Step

ITEM = 4
INDEX = 4
# A quick run divides sizes by this number.
QUICK = 500
SMALLEST = 8


@dataclass(frozen=True)
class Moves:
    """The least bytes that a step must move.

    Attributes:
        states: the number of arrays that it reads and writes.
        changed: the bytes of each of these.
        read_only: the bytes that it only reads.
    """

    states: int
    changed: int
    read_only: int

    @property
    def total(self) -> int:
        """All bytes from and to memory."""
        return 2 * self.states * self.changed + self.read_only


@dataclass(frozen=True)
class Library:
    """A library that contenders come from.

    Attributes:
        name: its short name, as in results and options.
        title: its full name.
        module: the module whose presence means that it is installed.
        file: the file whose functions prepare its steps, in a process that runs this library alone.
        peer: whether it is compared with fusedstep.
        part: which of its processes, where its contenders run in several.
    """

    name: str
    title: str
    module: str = ""
    file: Path = Path()
    peer: bool = True
    part: str = ""

    @property
    def process(self) -> str:
        """The name of the process that it runs in."""
        return f"{self.name} {self.part}".strip()


@dataclass(frozen=True)
class Contender:
    """An implementation that takes part in a work.

    Attributes:
        label: its name among the work's contenders.
        library: the library that it comes from.
        call: the function that prepares its steps, or the function's name in the library's file.
        arguments: the function's arguments after the size, or after the tables on a device.
        item: the bytes of an element.
        moved: the bytes that a step moves, where the work does not determine them.
        slow: whether it takes part after the others, because its first step compiles for long.
        like: the label of the contender that must have the same losses, in training.
    """

    label: str
    library: Library
    call: str | Callable[..., Iterable[Step]]
    arguments: Mapping[str, Any] = field(default_factory=dict)
    item: int = ITEM
    moved: int | None = None
    slow: bool = False
    like: str = ""


@dataclass(frozen=True)
class Work:
    """One thing to measure. The first contender is the one that others are compared with.

    Attributes:
        name: the name on the command line.
        title: a description in one line.
        size: how large it is.
        contenders: who takes part.
        states: the number of arrays of the table's size that a step changes; 0 where memory does not limit it.
        rows: the rows that take the step: "all" with a dense gradient, "every" or "touched" with a sparse one.
        repeat: the number of steps that are timed together.
        parts: the number of parameters in a step; a time is divided by it.
        swept: the size that varies in a sweep, or "".
    """

    name: str
    title: str
    size: Size
    contenders: tuple[Contender, ...]
    states: int = 0
    rows: str = "all"
    repeat: int = 1
    parts: int = 1
    swept: str = ""

    def moves(self, item: int = ITEM) -> Moves | None:
        """The least that a step moves if an element has ``item`` bytes; None where memory does not limit it."""
        size = self.size
        if not self.states:
            return None
        table = size.rows * size.width * item
        if self.rows == "all":
            return Moves(self.states, table, table)
        changed = table if self.rows == "every" else distinct(size) * size.width * item
        return Moves(self.states, changed, size.batch * (size.width * item + INDEX))

    def least_bytes(self, contender: Contender) -> int | None:
        """The least bytes that a contender's step moves; None where memory does not limit it."""
        moves = self.moves(contender.item)
        return contender.moved or (moves.total if moves else None)

    def bytes_needed(self) -> int:
        """About how much memory all contenders need together."""
        size = self.size
        # The states, and one gradient: the dense one, or the one that a library builds during a step.
        tables = len(self.contenders) * (self.states + 1) * size.rows * size.width * ITEM
        libraries = {contender.library.name for contender in self.contenders}
        batches = len(libraries) * min(size.batches, GRADIENTS) * size.batch * size.width * ITEM
        moves = self.moves()
        return tables + batches + (moves.states * moves.changed + moves.read_only if moves else 0)

    def quick(self) -> "Work":
        """The same work at a tiny size."""
        rows = smaller(self.size.rows)
        return self.sized(rows=rows, batch=smaller(self.size.batch), batches=2, shortest=min(rows, self.size.shortest))

    def sized(self, **size: Any) -> "Work":
        """The same work at another size."""
        return replace(self, size=replace(self.size, **size))


def smaller(count: int) -> int:
    """The number of rows in a quick run; few stay as many."""
    return min(count, max(SMALLEST, count // QUICK))
