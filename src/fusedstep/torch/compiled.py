"""Steps inside torch.compile: one opaque operator a group, which reads the group's settings when it runs."""

import itertools
from typing import Any
from weakref import WeakValueDictionary

import torch
from torch import Tensor

# The optimizers whose steps are compiled, by the number that stands for them in a graph.
optimizers: WeakValueDictionary[int, Any] = WeakValueDictionary()
_numbers = itertools.count(1)


def number_of(optimizer: Any) -> int:
    """A number of an optimizer's own."""
    number = next(_numbers)
    optimizers[number] = optimizer
    return number


@torch.library.custom_op("fusedstep::step", mutates_args=("params", "states"), device_types="cpu")
def step(
    params: list[Tensor], grads: list[Tensor], states: list[Tensor], places: list[int], optimizer: int, group: int
) -> None:
    """Takes a step with what stands for some parameters of a group and their states: a graph may hand over copies."""
    optimizers[optimizer].update_given(group, places, params, grads, states)
