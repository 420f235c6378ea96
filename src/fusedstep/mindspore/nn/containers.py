"""Cells that hold a sequence of cells."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from .cell import Cell


class CellSequence(Cell):
    """What ``CellList`` and ``SequentialCell`` have in common: cells by number, named after it."""

    def _held(self) -> list[Cell]:
        """The cells in order; one may occur twice."""
        return [value for value in vars(self).values() if isinstance(value, Cell)]

    def _hold(self, cells: Iterable[Any], names: Iterable[str] | None = None) -> None:
        """Replace all cells."""
        cells = list(cells)
        for number, cell in enumerate(cells):
            if not isinstance(cell, Cell):
                raise TypeError(
                    f"{type(self).__name__}: cell {number} is of type {type(cell).__name__}, expected a Cell"
                )
        prefix = self._prefix()
        for name in [name for name, value in vars(self).items() if isinstance(value, Cell)]:
            delattr(self, name)
        for name, cell in zip(names or map(str, range(len(cells))), cells, strict=True):
            setattr(self, name, cell)
        if self._auto_prefix:
            self.update_parameters_name(prefix)

    def _prefix(self) -> str:
        """What stands before the numbers in the names of parameters, after this cell became part of another."""
        for name, parameter in self.parameters_and_names():
            if parameter.name.endswith(name):
                return parameter.name.removesuffix(name)
        return ""

    def __getitem__(self, index: Any) -> Any:
        held = self._held()
        if isinstance(index, slice):
            # The same cells in another list: their parameters keep their names.
            made = type(self).__new__(type(self))
            Cell.__init__(made, auto_prefix=False)
            made._hold(held[index])
            return made
        return held[self._place(index, len(held))]

    def __setitem__(self, index: int, cell: Cell) -> None:
        held = self._held()
        held[self._place(index, len(held))] = cell
        self._hold(held)

    def __delitem__(self, index: Any) -> None:
        held = self._held()
        del held[index if isinstance(index, slice) else self._place(index, len(held))]
        self._hold(held)

    def _place(self, index: int, length: int) -> int:
        if not -length <= index < length:
            raise IndexError(f"{type(self).__name__}: index is {index}, expected one from {-length} to {length - 1}")
        return index

    def __len__(self) -> int:
        return len(self._held())

    def __iter__(self) -> Iterator[Cell]:
        return iter(self._held())

    def append(self, cell: Cell) -> Any:
        """Add a cell at the end.

        Args:
            cell: the cell.

        Returns:
            This cell.
        """
        self._hold([*self._held(), cell])
        return self


class CellList(CellSequence):
    """A list of cells, which is not called itself.

    Args:
        *args: the cells, or one list of them.
        auto_prefix: whether the parameters of the cells get the cell's number before their own name.

    Raises:
        TypeError: something is not a cell.

    >>> from fusedstep.mindspore import Parameter
    >>> cells = CellList([Cell(), Cell()])
    >>> cells[1].weight = Parameter([1.0])
    >>> len(cells), [name for name, _ in cells.parameters_and_names()]
    (2, ['1.weight'])
    """

    def __init__(self, *args: Any, auto_prefix: bool = True) -> None:
        super().__init__(auto_prefix=auto_prefix)
        self._hold(args[0] if len(args) == 1 and isinstance(args[0], list | tuple) else args)

    def extend(self, cells: Iterable[Cell]) -> "CellList":
        """Add cells at the end.

        Args:
            cells: the cells.

        Returns:
            This cell.
        """
        self._hold([*self._held(), *cells])
        return self

    def insert(self, index: int, cell: Cell) -> None:
        """Add a cell before another.

        Args:
            index: the number of the other.
            cell: the cell.
        """
        held = self._held()
        held.insert(index, cell)
        self._hold(held)


class SequentialCell(CellSequence):
    """Cells that run one after the other, each with the result of the one before.

    Args:
        *args: the cells, or one list or ordered mapping of them.

    Raises:
        TypeError: something is not a cell.

    >>> class Add(Cell):
    ...     def construct(self, x):
    ...         return x + 1
    >>> SequentialCell(Add(), Add())(5)
    7
    """

    def __init__(self, *args: Any) -> None:
        super().__init__()
        given = args[0] if len(args) == 1 and isinstance(args[0], list | tuple | Mapping) else args
        if isinstance(given, Mapping):
            self._hold(list(given.values()), list(given))
        else:
            self._hold(given)

    def construct(self, x: Any) -> Any:
        """Run the cells.

        Args:
            x: the first one's argument.
        """
        for cell in self._held():
            x = cell(x)
        return x
