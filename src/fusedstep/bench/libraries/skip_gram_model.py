"""Skip-gram with negative samples: a table of words and one of their contexts."""

import numpy as np
import torch
from torch import nn
from torch.nn.functional import logsigmoid

from . import data
from .torch_programs import Program
from .torch_training import fill


class SkipGram(nn.Module):
    """The loss of pairs of a word and its context, and of words drawn at random."""

    def __init__(self, size: data.Size, sparse: bool) -> None:
        super().__init__()
        self.words = nn.Embedding(size.rows, size.width, sparse=sparse)
        self.contexts = nn.Embedding(size.rows, size.width, sparse=sparse)

    def forward(self, words: torch.Tensor, contexts: torch.Tensor, negatives: torch.Tensor) -> torch.Tensor:
        of_words = self.words(words)
        positive = (of_words * self.contexts(contexts)).sum(1)
        negative = torch.bmm(self.contexts(negatives), of_words[:, :, None]).squeeze(2)
        return -(logsigmoid(positive) + logsigmoid(-negative).sum(1)).mean()


def program(size: data.Size, sparse: bool) -> Program:
    """The model, and words, contexts and as many negative samples a pair as ``size.ids`` says."""
    model = SkipGram(size, sparse)
    fill(model.parameters())
    random = np.random.default_rng(data.SEED)
    shapes = (size.batch,), (size.batch,), (size.batch, size.ids)

    def batch() -> tuple[torch.Tensor, ...]:
        return tuple(
            torch.from_numpy(data.draw(random, size.rows, int(np.prod(shape)), size.law)).view(shape)
            for shape in shapes
        )

    return Program(model, [batch() for _ in range(size.batches)])
