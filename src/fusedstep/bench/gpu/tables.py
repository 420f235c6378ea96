"""The data of a work on a device, shared by its contenders: each of its own would not fit."""

from functools import cached_property

import torch

from ..contenders import tables
from ..contenders.tables import GRADIENTS, Size

GIB = 1 << 30
# Tables that a work has at most: a variable, two states, a dense gradient, and one that a contender makes as it goes.
TABLES = 5
# How many bytes are copied, and overwritten between steps: more than a device's cache holds.
LARGE = GIB
ITEM = 4
SHARE = 0.9


class Tables:
    """What a work's steps are taken on; each part is made when it is first asked for.

    Args:
        size: how large it is.
        device: where it lies.
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
        """The gradients of rows, and their indices."""
        size = self.size
        some = [torch.randn((size.batch, size.width), device=self.device) for _ in range(min(GRADIENTS, size.batches))]
        named = [torch.from_numpy(each).long().to(self.device) for each in tables.indices(size)]
        return [(some[number % len(some)], indices) for number, indices in enumerate(named)]


def bytes_needed(size: Size, large: int = LARGE) -> int:
    """About how much of a device's memory a work takes."""
    batches = min(GRADIENTS, size.batches) * size.batch * size.width * ITEM + size.batches * size.batch * 2 * ITEM
    return TABLES * size.rows * size.width * ITEM + batches + 2 * large


def fitting(rows: int, width: int, batch: int, free: int) -> int:
    """The rows of the largest table that fits: those asked for, halved until they do.

    >>> fitting(16_777_216, 64, 262_144, free=40 * GIB)
    16777216
    >>> fitting(16_777_216, 64, 262_144, free=20 * GIB)
    8388608
    """
    while rows > 1 and bytes_needed(Size(rows, width, batch)) > SHARE * free:
        rows //= 2
    return rows
