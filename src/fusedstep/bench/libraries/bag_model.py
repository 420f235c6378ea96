"""A model of bags in PyTorch: tables whose rows are pooled, and a fixed projection."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch

from . import data
from .steps import TrainingStep
from .torch_training import fill, training_step

# The elements that the pooled rows of all tables are projected to.
PROJECTED = 16


def loss_of_pooled(size: data.Size) -> Callable[[torch.Tensor], torch.Tensor]:
    """The function from the pooled rows of all tables, side by side, to the loss: a mean square."""
    random = np.random.default_rng(data.SEED)
    projection = torch.from_numpy(random.standard_normal((size.tables * size.width, PROJECTED), dtype=np.float32))
    # Then projected rows are about as large as the target.
    projection /= (len(projection) * size.ids) ** 0.5
    target = torch.from_numpy(random.standard_normal((size.batch, PROJECTED), dtype=np.float32))
    return lambda pooled: torch.nn.functional.mse_loss(pooled @ projection, target)


def bags(
    classes: Any, bag: Any, size: data.Size, optimizer: str, sparse: bool, defer: bool = False, **options: Any
) -> list[TrainingStep]:
    """Steps of an optimizer; ``bag`` is the class of the modules that look up, with torch's interface."""
    modules = [bag(size.rows, size.width, mode="sum", sparse=sparse) for _ in range(size.tables)]
    fill(each.weight for each in modules)
    if defer:
        options["defer"] = modules
    made = getattr(classes, optimizer)([each.weight for each in modules], **options)
    loss, offsets = loss_of_pooled(size), torch.arange(0, size.batch * size.ids, size.ids)

    def loss_of(ids: list[torch.Tensor]) -> torch.Tensor:
        return loss(torch.cat([look_up(each, offsets) for look_up, each in zip(modules, ids, strict=True)], 1))

    return [training_step(partial(loss_of, [torch.from_numpy(each) for each in ids]), made) for ids in data.bags(size)]
