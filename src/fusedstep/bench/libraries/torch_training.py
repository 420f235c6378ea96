"""Steps of training in PyTorch, whose phases are timed one by one."""

from collections.abc import Callable, Iterable
from typing import Any

import torch

from .steps import TrainingStep


def training_step(loss_of: Callable[[], torch.Tensor], *optimizers: torch.optim.Optimizer) -> TrainingStep:
    """A step of a program that computes a loss; without optimizers the backward pass includes the update."""
    found: list[torch.Tensor] = []
    phases: dict[str, Callable[[], Any]] = {
        "forward": lambda: found.append(loss_of()),
        "backward": lambda: found[0].backward(),
    }
    if optimizers:
        before, after = ([getattr(each, name) for each in optimizers] for name in ("zero_grad", "step"))
        phases = {"zero": lambda: call(before), **phases, "step": lambda: call(after)}
    return TrainingStep(phases, lambda: found.pop().item())


def call(functions: Iterable[Callable[[], Any]]) -> None:
    """Call functions one after another."""
    for each in functions:
        each()


def fill(tables: Iterable[torch.Tensor]) -> None:
    """Give tables their weights at the beginning, equal for every contender.

    They are written where they stand: once memory as large is freed, glibc keeps what is freed later, and a program
    that does no such thing would have other page faults.
    """
    for number, table in enumerate(tables):
        table.detach().uniform_(-0.5, 0.5, generator=torch.Generator().manual_seed(number))
