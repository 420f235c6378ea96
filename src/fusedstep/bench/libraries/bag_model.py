"""A model of bags: tables whose rows are pooled, and a fixed projection."""

from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from . import data
from .torch_programs import Program
from .torch_training import fill

# The elements that the pooled rows of all tables are projected to.
PROJECTED = 16


def loss_of_pooled(size: data.Size) -> Callable[[torch.Tensor], torch.Tensor]:
    """The function from the pooled rows of all tables, side by side, to the loss: a mean square."""
    random = np.random.default_rng(data.SEED)
    projection = torch.from_numpy(random.standard_normal((size.tables * size.width, PROJECTED), dtype=np.float32))
    # Then projected rows are about as large as the target.
    projection /= (len(projection) * size.ids) ** 0.5
    target = torch.from_numpy(random.standard_normal((size.batch, PROJECTED), dtype=np.float32))
    return lambda pooled: nn.functional.mse_loss(pooled @ projection, target)


class Bags(nn.Module):
    """Tables that are looked up in bags of ids, and the loss of what is pooled."""

    def __init__(self, size: data.Size, sparse: bool) -> None:
        super().__init__()
        self.tables = nn.ModuleList(
            nn.EmbeddingBag(size.rows, size.width, mode="sum", sparse=sparse) for _ in range(size.tables)
        )
        self.loss, self.offsets = loss_of_pooled(size), torch.arange(0, size.batch * size.ids, size.ids)

    def forward(self, *ids: torch.Tensor) -> torch.Tensor:
        pooled = [look_up(each, self.offsets) for look_up, each in zip(self.tables, ids, strict=True)]
        return self.loss(torch.cat(pooled, 1))


def program(size: data.Size, sparse: bool) -> Program:
    """The model, and the ids of each table."""
    model = Bags(size, sparse)
    fill(model.parameters())
    return Program(model, [tuple(map(torch.from_numpy, ids)) for ids in data.ids(size)])
