"""fusedstep's PyTorch optimizers, with the settings of torch's optimizers."""

from functools import partial
from typing import Any

import torch

import fusedstep as fs
from fusedstep import torch as optimizers

from . import bag_model, data, fusedstep_operators, torch_steps
from .steps import Step, TrainingStep

VERSION = fs.__version__
sparse = partial(torch_steps.sparse, optimizers)
dense = partial(torch_steps.dense, optimizers)
training = partial(torch_steps.training, optimizers)
lookup = partial(torch_steps.lookup, optimizers)


def begin(threads: int) -> None:
    torch.set_num_threads(threads)
    fs.set_num_threads(threads)


def bags(size: data.Size, optimizer: str, stock: bool = False, **options: Any) -> list[TrainingStep]:
    """Tables of bags, looked up by these modules or by torch's."""
    bag = torch.nn.EmbeddingBag if stock else optimizers.EmbeddingBag
    return bag_model.bags(optimizers, bag, size, optimizer, **options)


def operator(size: data.Size, name: str) -> list[Step]:
    """An operator on tensors."""
    return fusedstep_operators.operator(size, name, array_of=lambda array, _: torch.from_numpy(array))
