"""FBGEMM's tables on the CPU, whose backward pass updates them."""

from functools import partial
from importlib.metadata import PackageNotFoundError, version

import torch
from fbgemm_gpu.split_embedding_configs import EmbOptimType
from fbgemm_gpu.split_table_batched_embeddings_ops_common import EmbeddingLocation, PoolingMode
from fbgemm_gpu.split_table_batched_embeddings_ops_training import (
    ComputeDevice,
    SplitTableBatchedEmbeddingBagsCodegen,
)
from libraries import bag_model, data, settings
from libraries.steps import Step, TrainingStep
from libraries.torch_training import fill, training_step

try:
    VERSION = version("fbgemm-gpu-cpu")
except PackageNotFoundError:
    VERSION = version("fbgemm-gpu")
begin = torch.set_num_threads


def table_batched(size: data.Size, optimizer: str, lr: float, eps: float) -> SplitTableBatchedEmbeddingBagsCodegen:
    """Tables of one size, whose rows are summed."""
    return SplitTableBatchedEmbeddingBagsCodegen(
        [(size.rows, size.width, EmbeddingLocation.HOST, ComputeDevice.CPU)] * size.tables,
        optimizer=EmbOptimType[optimizer],
        learning_rate=lr,
        eps=eps,
        pooling_mode=PoolingMode.SUM,
    )


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
    """Backward pass and update; the forward pass is not timed."""
    embedding = table_batched(size, optimizer, settings.LR, settings.EPSILON)
    embedding.split_embedding_weights()[0].copy_(torch.from_numpy(data.table(size, 0)))
    lookups = [
        Lookup(embedding, torch.from_numpy(indices).long(), torch.from_numpy(gradient))
        for indices, gradient in data.batches(size)
    ]
    return [Step(lookup.backward, lookup.forward) for lookup in lookups]


def bags(size: data.Size, optimizer: str, lr: float, eps: float) -> list[TrainingStep]:
    """Tables of bags, which are summed."""
    embedding = table_batched(size, optimizer, lr, eps)
    fill(embedding.split_embedding_weights())
    loss = bag_model.loss_of_pooled(size)
    offsets = torch.arange(0, size.tables * size.batch * size.ids + 1, size.ids)

    def loss_of(ids: torch.Tensor) -> torch.Tensor:
        return loss(embedding(ids, offsets))

    batches = [torch.cat([torch.from_numpy(each) for each in ids]) for ids in data.bags(size)]
    return [training_step(partial(loss_of, ids)) for ids in batches]
