"""A matrix factorisation: users and items, each with a bias."""

import numpy as np
import torch
from torch import nn

from . import data
from .torch_programs import Program
from .torch_training import fill


class Factorisation(nn.Module):
    """The loss of ratings: a mean square."""

    def __init__(self, size: data.Size, sparse: bool) -> None:
        super().__init__()
        items, users = data.lengths(size)
        self.users, self.items = (nn.Embedding(rows, size.width, sparse=sparse) for rows in (users, items))
        self.user_biases, self.item_biases = (nn.Embedding(rows, 1, sparse=sparse) for rows in (users, items))

    def forward(self, items: torch.Tensor, users: torch.Tensor, ratings: torch.Tensor) -> torch.Tensor:
        biases = self.user_biases(users) + self.item_biases(items)
        rated = (self.users(users) * self.items(items)).sum(1) + biases.squeeze(1)
        return nn.functional.mse_loss(rated, ratings)


def program(size: data.Size, sparse: bool) -> Program:
    """The model, and items, users and ratings."""
    model = Factorisation(size, sparse)
    fill(model.parameters())
    random = np.random.default_rng(data.SEED)
    ratings = [random.standard_normal(size.batch, dtype=np.float32) for _ in range(size.batches)]
    return Program(
        model, [tuple(map(torch.from_numpy, (*ids, given))) for ids, given in zip(data.ids(size), ratings, strict=True)]
    )
