"""A transformer that predicts the next token: all of its gradients are dense, and no tensor is large."""

import numpy as np
import torch
from torch import nn

from . import data
from .torch_programs import Program

# The width of a head, and of the inner layer for each element of the width.
HEAD, INNER = 64, 4


class Transformer(nn.Module):
    """The loss of predicted tokens."""

    def __init__(self, size: data.Size) -> None:
        super().__init__()
        width, length = size.width, size.ids
        layer = nn.TransformerEncoderLayer(
            width, max(1, width // HEAD), INNER * width, dropout=0.0, batch_first=True, norm_first=True
        )
        self.tokens, self.places = nn.Embedding(size.rows, width), nn.Embedding(length, width)
        self.layers = nn.TransformerEncoder(layer, size.tables, nn.LayerNorm(width), enable_nested_tensor=False)
        self.head = nn.Linear(width, size.rows)
        self.register_buffer("mask", nn.Transformer.generate_square_subsequent_mask(length))

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        rows = self.tokens(tokens[:, :-1]) + self.places.weight
        found = self.head(self.layers(rows, self.mask, is_causal=True))
        return nn.functional.cross_entropy(found.flatten(0, 1), tokens[:, 1:].flatten())


def program(size: data.Size) -> Program:
    """The model, of ``size.tables`` layers; a batch has ``size.batch`` sequences of ``size.ids`` tokens to predict."""
    torch.manual_seed(data.SEED)
    random = np.random.default_rng(data.SEED)
    shape = size.batch, size.ids + 1
    return Program(
        Transformer(size), [(torch.from_numpy(random.integers(0, size.rows, shape)),) for _ in range(size.batches)]
    )
