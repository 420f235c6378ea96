"""The tables of a work on a device. Its contenders share them: a copy for each may not fit."""

from functools import cached_property

import torch

from fusedstep.bench.libraries.data import GRADIENTS, Size, indices

GIB = 1 << 30
# The most tables of a work: a variable, two states, a dense gradient, and a temporary one of a contender.
TABLES = 5
# The bytes that are copied, and overwritten between steps: more than a device's cache holds.
LARGE = GIB
ITEM = 4
USABLE = 0.9


class Tables:
    """The tables of a work; each is made at its first use.

    Args:
        size: the size of the work.
        device: the device that holds them.
    """

    def __init__(self, size: Size, device: str) -> None:
        self.size, self.device = size, device

    def table(self) -> torch.Tensor:
        """A table of weights, of states or of a dense gradient, positive."""
        return torch.rand((self.size.rows, self.size.width), device=self.device)

    @cached_property
    def states(self) -> list[torch.Tensor]:
        """The variable and two states."""
        return [self.table() for _ in range(3)]

    @cached_property
    def by_row(self) -> torch.Tensor:
        """A state with one number a row."""
        return torch.ones(self.size.rows, device=self.device)

    @cached_property
    def gradient(self) -> torch.Tensor:
        """A dense gradient."""
        return self.table()

    @cached_property
    def batches(self) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """The sparse gradients, and their indices."""
        size = self.size
        some = [torch.randn((size.batch, size.width), device=self.device) for _ in range(min(GRADIENTS, size.batches))]
        rows = [torch.from_numpy(each).long().to(self.device) for each in indices(size)]
        return [(some[number % len(some)], each) for number, each in enumerate(rows)]


def bytes_needed(size: Size, large: int = LARGE) -> int:
    """About how much memory of a device a work needs."""
    batches = min(GRADIENTS, size.batches) * size.batch * size.width * ITEM + size.batches * size.batch * 2 * ITEM
    return TABLES * size.rows * size.width * ITEM + batches + 2 * large


def fitting(rows: int, width: int, batch: int, free: int) -> int:
    """The rows of a table that fits: the given number, halved as often as necessary."""
    while rows > 1 and bytes_needed(Size(rows, width, batch)) > USABLE * free:
        rows //= 2
    return rows
