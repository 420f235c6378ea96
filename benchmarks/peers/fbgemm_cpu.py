"""FBGEMM's tables on the CPU, whose backward pass updates them."""

from collections.abc import Sequence
from functools import partial
from importlib.metadata import PackageNotFoundError, version

import torch
from fbgemm_gpu.split_embedding_configs import EmbOptimType
from fbgemm_gpu.split_table_batched_embeddings_ops_common import EmbeddingLocation, PoolingMode
from fbgemm_gpu.split_table_batched_embeddings_ops_training import (
    ComputeDevice,
    SplitTableBatchedEmbeddingBagsCodegen,
)
from libraries import bag_model, click_model, data, settings
from libraries.steps import Step, TrainingStep
from libraries.torch_training import fill, training_step

try:
    VERSION = version("fbgemm-gpu-cpu")
except PackageNotFoundError:
    VERSION = version("fbgemm-gpu")
begin = torch.set_num_threads


def table_batched(size: data.Size, optimizer: str, lr: float, eps: float) -> SplitTableBatchedEmbeddingBagsCodegen:
    """Tables, whose rows are summed."""
    return SplitTableBatchedEmbeddingBagsCodegen(
        [(rows, size.width, EmbeddingLocation.HOST, ComputeDevice.CPU) for rows in data.lengths(size)],
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

    batches = [torch.cat([torch.from_numpy(each) for each in ids]) for ids in data.ids(size)]
    return [training_step(partial(loss_of, ids)) for ids in batches]


class Rows(torch.nn.Module):
    """The rows of all tables, side by side."""

    def __init__(self, embedding: SplitTableBatchedEmbeddingBagsCodegen, size: data.Size) -> None:
        super().__init__()
        fill(embedding.split_embedding_weights())
        self.embedding, self.offsets = embedding, torch.arange(size.tables * size.batch + 1)

    def forward(self, ids: Sequence[torch.Tensor]) -> torch.Tensor:
        return self.embedding(torch.cat(list(ids)), self.offsets)


def clicks(size: data.Size, optimizer: str, lr: float, eps: float) -> list[TrainingStep]:
    """The model of clicks; its network has torch's Adagrad."""
    model = click_model.Clicks(size, lambda: Rows(table_batched(size, optimizer, lr, eps), size))
    layers = torch.optim.Adagrad(model.network.parameters(), lr=lr, eps=eps)
    return [training_step(partial(model, *batch), layers) for batch in click_model.batches(size)]
