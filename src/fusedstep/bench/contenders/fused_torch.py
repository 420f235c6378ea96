"""fusedstep's PyTorch optimizers, in the same settings as torch's own."""

from collections.abc import Callable
from functools import partial

import torch

import fusedstep as fs
from fusedstep import torch as optimizers

from . import settings, tables, torch_steps
from .steps import Step

VERSION = fs.__version__
sparse = partial(torch_steps.sparse, optimizers)
dense = partial(torch_steps.dense, optimizers)
training = partial(torch_steps.training, optimizers)


def begin(threads: int) -> None:
    torch.set_num_threads(threads)
    fs.set_num_threads(threads)


def in_turn(*calls: Callable[[], object]) -> None:
    for call in calls:
        call()


def deferred(size: tables.Size, lookup: bool) -> list[Step]:
    """Adam of every row, deferred: the step, or the rows brought up to date at lookup and the step."""
    table = fs.DeferredRows(fs.rules.adam, *(torch.from_numpy(tables.table(size, seed)) for seed in range(3)))
    scalars = dict(zip(("beta1_power", "beta2_power", "lr", "beta1", "beta2", "epsilon"), settings.ADAM, strict=True))
    steps = []
    for indices, gradient in tables.batches(size):
        rows = torch.from_numpy(indices).long()
        catch_up = partial(table.catch_up, rows)
        step = partial(table.step, torch.from_numpy(gradient), rows, **scalars)
        steps.append(Step(partial(in_turn, catch_up, step)) if lookup else Step(step, catch_up))
    return steps


def tensors(size: tables.Size) -> list[Step]:
    """FusedSparseLazyAdam on tensors."""
    call = fs.ops.FusedSparseLazyAdam()
    states = [torch.from_numpy(tables.table(size, seed)) for seed in range(3)]
    return [
        Step(partial(call, *states, *settings.ADAM, torch.from_numpy(gradient), torch.from_numpy(indices)))
        for indices, gradient in tables.batches(size)
    ]
