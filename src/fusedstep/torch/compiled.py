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


def traceable(optimizer: Any) -> bool:
    """Whether all gradients are dense and no rows deferred; else the graph breaks, as with torch's own optimizers."""
    if optimizer.tables:
        return False
    params = [param for group in optimizer.param_groups for param in group["params"]]
    return all(param.grad is None or param.grad.layout is torch.strided for param in params)


def trace(optimizer: Any) -> None:
    """Puts a step into the graph that is being compiled."""
    for number, group in enumerate(optimizer.param_groups):
        params: list[Tensor] = []
        grads: list[Tensor] = []
        states: list[Tensor] = []
        places: list[int] = []
        optimizer._init_group(group, params, grads, states, places)
        if params:
            step(params, grads, states, places, optimizer.number, number)


# It counts and reads settings on the host, which a graph of launches would not repeat.
UNCAPTURED = {"tags": (torch.Tag.cudagraph_unsafe,)} if hasattr(torch.Tag, "cudagraph_unsafe") else {}


@torch.library.custom_op("fusedstep::step", mutates_args=("params", "states"), **UNCAPTURED)
def step(
    params: list[Tensor], grads: list[Tensor], states: list[Tensor], places: list[int], optimizer: int, group: int
) -> None:
    """Takes a step with what stands for some parameters of a group and their states: a graph may hand over copies."""
    its = optimizers[optimizer]
    settings, left = its.param_groups[group], iter(states)
    operator = its.operator(settings)
    known: dict[Any, list[float]] = {}
    for place, param, grad in zip(places, params, grads, strict=True):
        own = its.state.get(settings["params"][place], {})
        state = {key: next(left) for key, value in own.items() if isinstance(value, Tensor)}
        its.update(settings, operator, param, grad, state, known)
