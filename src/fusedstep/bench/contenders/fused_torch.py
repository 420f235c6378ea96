"""fusedstep's PyTorch optimizers, in the same settings as torch's own."""

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
lookup = partial(torch_steps.lookup, optimizers)


def begin(threads: int) -> None:
    torch.set_num_threads(threads)
    fs.set_num_threads(threads)


def tensors(size: tables.Size) -> list[Step]:
    """FusedSparseLazyAdam on tensors."""
    call = fs.ops.FusedSparseLazyAdam()
    states = [torch.from_numpy(tables.table(size, seed)) for seed in range(3)]
    return [
        Step(partial(call, *states, *settings.ADAM, torch.from_numpy(gradient), torch.from_numpy(indices)))
        for indices, gradient in tables.batches(size)
    ]
