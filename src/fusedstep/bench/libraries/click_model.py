"""A model of clicks: tables of very different lengths with one id each, and a small network on the rows."""

from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate

import numpy as np
import torch
from torch import nn

from . import data
from .torch_programs import Program
from .torch_training import fill

HIDDEN = 64


class Tables(nn.Module):
    """A table for each feature; their rows stand side by side."""

    def __init__(self, size: data.Size, sparse: bool) -> None:
        super().__init__()
        self.tables = nn.ModuleList(nn.Embedding(rows, size.width, sparse=sparse) for rows in data.lengths(size))
        fill(each.weight for each in self.tables)

    def forward(self, ids: Sequence[torch.Tensor]) -> torch.Tensor:
        return torch.cat([table(each) for table, each in zip(self.tables, ids, strict=True)], 1)


class OneTable(nn.Module):
    """The same tables as one, whose ids have offsets."""

    def __init__(self, size: data.Size, sparse: bool) -> None:
        super().__init__()
        lengths = data.lengths(size)
        self.table = nn.Embedding(sum(lengths), size.width, sparse=sparse)
        fill(self.table.weight.detach().split(lengths))
        self.offsets = torch.tensor([0, *accumulate(lengths[:-1])])

    def forward(self, ids: Sequence[torch.Tensor]) -> torch.Tensor:
        return self.table(torch.stack(list(ids), 1) + self.offsets).flatten(1)


class Clicks(nn.Module):
    """The loss of what a network makes of the rows that are looked up."""

    def __init__(self, size: data.Size, rows_of: Callable[[], nn.Module]) -> None:
        super().__init__()
        # Before any table is filled, which takes other numbers in other layouts of the tables.
        torch.manual_seed(data.SEED)
        self.network = nn.Sequential(
            nn.Linear(size.tables * size.width, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 1), nn.Flatten(0)
        )
        self.rows = rows_of()

    def forward(self, clicked: torch.Tensor, *ids: torch.Tensor) -> torch.Tensor:
        return nn.functional.binary_cross_entropy_with_logits(self.network(self.rows(ids)), clicked)


def batches(size: data.Size) -> Iterator[tuple[torch.Tensor, ...]]:
    """Whether it was clicked, and the ids of each table."""
    random = np.random.default_rng(data.SEED)
    for ids in data.ids(size):
        clicked = random.integers(0, 2, size.batch).astype(np.float32)
        yield tuple(map(torch.from_numpy, (clicked, *ids)))


def program(size: data.Size, sparse: bool, one_table: bool = False) -> Program:
    """The model, with one table or with several."""
    layout = OneTable if one_table else Tables
    return Program(Clicks(size, lambda: layout(size, sparse)), list(batches(size)))
