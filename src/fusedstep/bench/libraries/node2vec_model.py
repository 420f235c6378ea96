"""node2vec on a graph that is made up: one table, which a step looks up four times."""

import numpy as np
import torch
from torch import nn

from . import data
from .torch_programs import Program
from .torch_training import fill

NEIGHBOURS = 10
EPSILON = 1e-15
# The windows of a walk: nodes of the walk that are near each other.
WINDOWS = 2


class Node2Vec(nn.Module):
    """The loss of windows of walks in the graph, and of nodes drawn at random."""

    def __init__(self, size: data.Size, sparse: bool) -> None:
        super().__init__()
        self.nodes = nn.Embedding(size.rows, size.width, sparse=sparse)

    def closeness(self, windows: torch.Tensor) -> torch.Tensor:
        """How near the first node of each window is to the others, between 0 and 1."""
        first, others = self.nodes(windows[:, :1]), self.nodes(windows[:, 1:])
        return torch.sigmoid((first * others).sum(2))

    def forward(self, positive: torch.Tensor, negative: torch.Tensor) -> torch.Tensor:
        near, far = self.closeness(positive), self.closeness(negative)
        return -torch.log(near + EPSILON).mean() - torch.log(1 - far + EPSILON).mean()


def windows_of(walks: np.ndarray, length: int) -> torch.Tensor:
    """The windows of some walks, one after another."""
    return torch.from_numpy(np.concatenate([walks[:, start : start + length] for start in range(WINDOWS)]))


def walk(random: np.random.Generator, neighbours: np.ndarray, starts: np.ndarray, length: int) -> np.ndarray:
    """A walk from each start along edges of the graph."""
    nodes = [starts]
    for _ in range(length - 1):
        nodes.append(neighbours[nodes[-1], random.integers(0, NEIGHBOURS, len(starts))])
    return np.stack(nodes, 1)


def program(size: data.Size, sparse: bool) -> Program:
    """The model; windows have ``size.ids`` nodes, and half of all ``size.batch`` windows are positive."""
    model = Node2Vec(size, sparse)
    fill(model.parameters())
    random = np.random.default_rng(data.SEED)
    neighbours = random.integers(0, size.rows, (size.rows, NEIGHBOURS))
    walks, length = size.batch // (2 * WINDOWS), size.ids + WINDOWS - 1

    def batch() -> tuple[torch.Tensor, torch.Tensor]:
        starts = random.integers(0, size.rows, walks)
        others = random.integers(0, size.rows, (walks, length - 1))
        found = walk(random, neighbours, starts, length), np.concatenate([starts[:, None], others], 1)
        return windows_of(found[0], size.ids), windows_of(found[1], size.ids)

    return Program(model, [batch() for _ in range(size.batches)])
