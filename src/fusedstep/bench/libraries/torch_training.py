"""Steps of training in PyTorch, whose phases are timed one by one."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import numpy as np
import torch

from . import data
from .steps import TrainingStep

# The elements that a loss projects all pooled rows of a bag to.
PROJECTED = 16


def training_step(loss_of: Callable[[], torch.Tensor], optimizer: torch.optim.Optimizer | None = None) -> TrainingStep:
    """A step of a program that computes a loss; without an optimizer the backward pass includes the update."""
    found: list[torch.Tensor] = []
    phases: dict[str, Callable[[], Any]] = {
        "forward": lambda: found.append(loss_of()),
        "backward": lambda: found[0].backward(),
    }
    if optimizer is not None:
        phases = {"zero": optimizer.zero_grad, **phases, "step": optimizer.step}
    return TrainingStep(phases, lambda: found.pop().item())


def bag_loss(size: data.Size) -> Callable[[torch.Tensor], torch.Tensor]:
    """The loss of bags, from the pooled rows of all tables side by side: a mean square after a fixed projection."""
    random = np.random.default_rng(data.SEED)
    projection = torch.from_numpy(random.standard_normal((size.tables * size.width, PROJECTED), dtype=np.float32))
    # Then projected rows are about as large as the target.
    projection /= (len(projection) * size.ids) ** 0.5
    target = torch.from_numpy(random.standard_normal((size.batch, PROJECTED), dtype=np.float32))
    return lambda pooled: torch.nn.functional.mse_loss(pooled @ projection, target)


def fill(tables: Iterable[torch.Tensor]) -> None:
    """Give tables their weights at the beginning, equal for every contender.

    They are written where they stand: once memory as large is freed, glibc keeps what is freed later, and a program
    that does no such thing would have other page faults.
    """
    for number, table in enumerate(tables):
        table.detach().uniform_(-0.5, 0.5, generator=torch.Generator().manual_seed(number))


def bags(
    classes: Any, bag: Any, size: data.Size, optimizer: str, sparse: bool, defer: bool = False, **options: Any
) -> list[TrainingStep]:
    """Tables of bags, which are summed; ``bag`` is the class of the modules that look up, under torch's interface."""
    modules = [bag(size.rows, size.width, mode="sum", sparse=sparse) for _ in range(size.tables)]
    fill(each.weight for each in modules)
    if defer:
        options["defer"] = modules
    made = getattr(classes, optimizer)([each.weight for each in modules], **options)
    loss, offsets = bag_loss(size), torch.arange(0, size.batch * size.ids, size.ids)

    def loss_of(ids: list[torch.Tensor]) -> torch.Tensor:
        return loss(torch.cat([look_up(each, offsets) for look_up, each in zip(modules, ids, strict=True)], 1))

    return [training_step(partial(loss_of, [torch.from_numpy(each) for each in ids]), made) for ids in data.bags(size)]
