"""Programs in PyTorch, and the steps that train them: a further program is one file beside this one.

The file has a function ``program`` from the size, and settings of its own, to a ``Program``. It is plain PyTorch.
"""

import importlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple

import torch
from torch import nn

from . import data
from .steps import TrainingStep
from .torch_training import training_step

EMBEDDINGS = (nn.Embedding, nn.EmbeddingBag)


class Program(NamedTuple):
    """What is trained.

    Attributes:
        model: the model; its forward pass returns the loss of a batch.
        batches: the arguments of each forward pass.
    """

    model: nn.Module
    batches: Sequence[tuple[Any, ...]]


def embeddings_of(model: nn.Module) -> list[nn.Module]:
    """The modules that look up."""
    return [each for each in model.modules() if isinstance(each, EMBEDDINGS)]


def optimizers(
    classes: Any, model: nn.Module, optimizer: str, beside: str = "", defer: bool = False, **options: Any
) -> list[torch.optim.Optimizer]:
    """An optimizer of all parameters, or of the embeddings alone and one, ``beside`` it, of all others."""
    embeddings = embeddings_of(model)
    others = {"defer": embeddings} if defer else {}
    if not beside:
        return [getattr(classes, optimizer)(list(model.parameters()), **options, **others)]
    tables = [each.weight for each in embeddings]
    layers = [each for each in model.parameters() if not any(each is table for table in tables)]
    return [getattr(classes, optimizer)(tables, **options, **others), getattr(classes, beside)(layers, **options)]


def trained(
    classes: Any,
    size: data.Size,
    program: str,
    optimizer: str,
    settings: Mapping[str, Any] = MappingProxyType({}),
    prepare: Callable[[nn.Module], Any] = nn.Module.train,
    **options: Any,
) -> list[TrainingStep]:
    """Steps of an optimizer.

    Args:
        classes: the module with the optimizers, under torch's names.
        size: how large the program is.
        program: the name of its file.
        optimizer: the name of the optimizer.
        settings: the program's own settings.
        prepare: changes the model before it is trained.
        **options: arguments of ``optimizers``.
    """
    model, batches = importlib.import_module(f".{program}", __package__).program(size, **settings)
    prepare(model)
    made = optimizers(classes, model, optimizer, **options)
    return [training_step(partial(model, *batch), *made) for batch in batches]
