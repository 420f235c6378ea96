"""FBGEMM's table on the CPU, whose backward pass updates it; the forward pass is not timed."""

from importlib.metadata import PackageNotFoundError, version

import torch
from fbgemm_gpu.split_embedding_configs import EmbOptimType
from fbgemm_gpu.split_table_batched_embeddings_ops_common import EmbeddingLocation, PoolingMode
from fbgemm_gpu.split_table_batched_embeddings_ops_training import (
    ComputeDevice,
    SplitTableBatchedEmbeddingBagsCodegen,
)
from libraries import data, settings
from libraries.steps import Step

try:
    VERSION = version("fbgemm-gpu-cpu")
except PackageNotFoundError:
    VERSION = version("fbgemm-gpu")
begin = torch.set_num_threads


class Lookup:
    """A batch of bags with one row each."""

    def __init__(self, embedding: SplitTableBatchedEmbeddingBagsCodegen, rows: torch.Tensor, grad: torch.Tensor):
        self.embedding, self.rows, self.grad = embedding, rows, grad
        self.offsets = torch.arange(len(rows) + 1)

    def forward(self) -> None:
        self.found = self.embedding(self.rows, self.offsets)

    def backward(self) -> None:
        self.found.backward(self.grad)


def backward(size: data.Size, optimizer: str) -> list[Step]:
    """Backward pass and update."""
    embedding = SplitTableBatchedEmbeddingBagsCodegen(
        [(size.rows, size.width, EmbeddingLocation.HOST, ComputeDevice.CPU)],
        optimizer=EmbOptimType[optimizer],
        learning_rate=settings.LR,
        eps=settings.EPSILON,
        pooling_mode=PoolingMode.SUM,
    )
    embedding.split_embedding_weights()[0].copy_(torch.from_numpy(data.table(size, 0)))
    lookups = [
        Lookup(embedding, torch.from_numpy(indices).long(), torch.from_numpy(gradient))
        for indices, gradient in data.batches(size)
    ]
    return [Step(lookup.backward, lookup.forward) for lookup in lookups]
