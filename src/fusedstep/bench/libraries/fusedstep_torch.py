"""fusedstep's PyTorch optimizers, with the settings of torch's optimizers."""

from functools import partial
from typing import Any

import torch

import fusedstep as fs
from fusedstep import torch as optimizers

from . import data, fusedstep_operators, torch_programs, torch_steps
from .steps import Step, TrainingStep

VERSION = fs.__version__
sparse = partial(torch_steps.sparse, optimizers)
dense = partial(torch_steps.dense, optimizers)
training = partial(torch_steps.training, optimizers)
lookup = partial(torch_steps.lookup, optimizers)


def begin(threads: int) -> None:
    torch.set_num_threads(threads)
    fs.set_num_threads(threads)


def trained(size: data.Size, stock: bool = False, keep: bool = False, **options: Any) -> list[TrainingStep]:
    """A program, whose embeddings are exchanged for these, or stay torch's: a stock model; with kept memory or not."""
    if keep:
        optimizers.keep_freed_memory()
    if not stock:
        options["prepare"] = optimizers.fuse_embeddings
    return torch_programs.trained(optimizers, size, **options)


def operator(size: data.Size, name: str) -> list[Step]:
    """An operator on tensors."""
    return fusedstep_operators.operator(size, name, array_of=lambda array, _: torch.from_numpy(array))
