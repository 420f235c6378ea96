"""Embeddings under DistributedDataParallel: dense gradients are reduced, of sparse ones rows are exchanged."""

import copy
from typing import Any

import torch
from torch import distributed, nn
from torch.distributed.algorithms.ddp_comm_hooks import default_hooks
from torch.nn.parallel import DistributedDataParallel

import fusedstep as fs

from . import Place


class Model(nn.Module):
    """Two tables, with padding, factors and a mean."""

    def __init__(self, kinds: Any, rows: int, sparse: bool) -> None:
        super().__init__()
        self.words = kinds.Embedding(rows, 4, padding_idx=1, sparse=sparse)
        self.bags = kinds.EmbeddingBag(rows, 4, mode="sum", sparse=sparse)
        self.mean = kinds.EmbeddingBag(rows, 4, sparse=sparse)

    def forward(self, ids: Any, factors: Any) -> Any:
        return self.words(ids).mean(1) + self.bags(ids, per_sample_weights=factors) + self.mean(ids)


def batch(step: int, rows: int) -> Any:
    draw = torch.Generator().manual_seed(step)
    ids = torch.randint(0, min(rows, 9), (8, 5), generator=draw)
    return ids, torch.rand(8, 5, generator=draw, dtype=torch.float64)


def trained_as_one(place: Place) -> None:
    for sparse in (False, True):
        for buckets in (False, True):
            torch.manual_seed(3)
            whole = Model(nn, 50, sparse).double()
            shared = Model(fs.torch, 50, sparse).double()
            shared.load_state_dict(whole.state_dict())
            together = DistributedDataParallel(shared, gradient_as_bucket_view=buckets and not sparse)
            optimizers = [fs.torch.SGD(each.parameters(), lr=0.1) for each in (whole, shared)]
            for step in range(3):
                ids, factors = batch(step, 50)
                for optimizer in optimizers:
                    optimizer.zero_grad()
                whole(ids, factors).square().mean().backward()
                part = slice(place.rank, None, place.processes)
                together(ids[part], factors[part]).square().mean().backward()
                for one, two in zip(whole.parameters(), shared.parameters(), strict=True):
                    assert type(two.grad) is torch.Tensor
                    assert two.grad.is_sparse is sparse
                    torch.testing.assert_close(one.grad.to_dense(), two.grad.to_dense(), rtol=1e-10, atol=1e-12)
                for optimizer in optimizers:
                    optimizer.step()
            for one, two in zip(whole.parameters(), shared.parameters(), strict=True):
                torch.testing.assert_close(one, two, rtol=1e-10, atol=1e-12)


def sent_bytes(rows: int, ids: Any, factors: Any) -> int:
    """The bytes of the gradients that a process sends."""
    model = Model(fs.torch, rows, True).double()
    together = DistributedDataParallel(model)
    sent: list[int] = []

    def count(state: Any, bucket: distributed.GradBucket) -> torch.futures.Future[torch.Tensor]:
        gradient = bucket.buffer()
        assert gradient.is_sparse
        sent.append(gradient._values().nbytes + gradient._indices().nbytes)
        return default_hooks.allreduce_hook(None, bucket)

    together.register_comm_hook(None, count)
    together(ids, factors).sum().backward()
    assert len(sent) == 3
    return sum(sent)


def the_bytes_sent_grow_with_the_ids(place: Place) -> None:
    ids, factors = batch(place.rank, 50)
    small = sent_bytes(50, ids, factors)
    assert sent_bytes(50_000, ids, factors) == small
    # Of rows that are looked up again and again, one gradient row is sent.
    assert sent_bytes(50, ids.repeat(4, 1), factors.repeat(4, 1)) == small
    unique, used = len(ids.unique()), len(ids[ids != 1].unique())
    assert small == (2 * unique + used) * (4 * 8 + 8)
    assert sent_bytes(50_000, ids.new_tensor(range(40)).reshape(8, 5) * 1000, factors) > 2 * small


def deferred_rows(place: Place) -> None:
    """Rows are deferred under DistributedDataParallel, too."""
    torch.manual_seed(3)
    whole = nn.EmbeddingBag(50, 4, mode="sum").double()
    shared = fs.torch.EmbeddingBag(50, 4, mode="sum", sparse=True).double()
    shared.load_state_dict(whole.state_dict())
    together = DistributedDataParallel(shared)
    dense = torch.optim.Adam(whole.parameters(), lr=0.1)
    deferred = fs.torch.Adam(shared.parameters(), lr=0.1, defer=[shared])
    for step in range(6):
        ids, factors = batch(step, 50)
        for optimizer in (dense, deferred):
            optimizer.zero_grad()
        whole(ids, None, factors).square().mean().backward()
        part = slice(place.rank, None, place.processes)
        together(ids[part], None, factors[part]).square().mean().backward()
        for optimizer in (dense, deferred):
            optimizer.step()
    torch.testing.assert_close(copy.deepcopy(shared).weight, whole.weight, rtol=1e-8, atol=1e-10)


CASES = (trained_as_one, the_bytes_sent_grow_with_the_ids, deferred_rows)
