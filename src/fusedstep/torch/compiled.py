"""Steps inside torch.compile: one opaque operator a group, which reads the group's settings when it runs."""

import itertools
from collections.abc import Iterable
from typing import Any
from weakref import WeakValueDictionary

import torch
from torch import Tensor

from .settings import tensors_in, with_tensors
from .spread import is_spread

# The optimizers whose steps are compiled, by the number that stands for them in a graph.
optimizers: WeakValueDictionary[int, Any] = WeakValueDictionary()
_numbers = itertools.count(1)


class Ahead:
    """States that were made for a graph before its first run. Until then they are as good as not there: that they are
    not may mean something, as to SGD, whose first gradient is not dampened."""

    def __init__(self) -> None:
        self._made: WeakValueDictionary[int, Tensor] = WeakValueDictionary()

    def __contains__(self, value: Any) -> bool:
        return self._made.get(id(value)) is value

    def add(self, values: Iterable[Tensor]) -> None:
        """Notes that some were made."""
        self._made.update((id(value), value) for value in values)

    def settle(self, values: Iterable[Any]) -> None:
        """Notes that a step was taken with some."""
        for value in values:
            if value in self:
                del self._made[id(value)]

    def forget(self, states: dict[Tensor, dict[str, Any]]) -> None:
        """Takes those with which no step was taken out of an optimizer's states: the graph did not run."""
        if not self._made:
            return
        for param, state in list(states.items()):
            for key in [key for key, value in state.items() if value in self]:
                del state[key]
            if not state:
                del states[param]
        self._made.clear()


def number_of(optimizer: Any) -> int:
    """A number of an optimizer's own."""
    number = next(_numbers)
    optimizers[number] = optimizer
    return number


def traceable(optimizer: Any) -> bool:
    """Whether all gradients are dense, no rows deferred and no parameters spread; else the graph breaks, as with
    torch's own optimizers."""
    if optimizer.tables:
        return False
    params = [param for group in optimizer.param_groups for param in group["params"] if param.grad is not None]
    return all(
        param.grad.layout is torch.strided and not is_spread(param.grad) and not is_spread(param) for param in params
    )


def trace(optimizer: Any) -> None:
    """Puts a step into the graph that is being compiled."""
    count_by_tensors(optimizer.number)
    for number, group in enumerate(optimizer.param_groups):
        params: list[Tensor] = []
        grads: list[Tensor] = []
        states: list[Tensor] = []
        places: list[int] = []
        counts: list[int] = []
        optimizer._init_group(group, params, grads, states, places, counts)
        if params:
            step(params, grads, states, places, counts, optimizer.number, number, tensors_in(group))


def count_by_tensors(optimizer: int) -> None:
    """Makes tensors of the counts that are plain numbers, which would be compiled in. torch's compiler asks those that
    are there where they lie, before a group is handed over."""
    its = optimizers[optimizer]
    for state in its.state.values():
        for key in its.counts:
            if isinstance(state.get(key), int | float):
                state[key] = torch.tensor(float(state[key]))


# As torch.compiler.assume_constant_result, which would import the compiler at once: it is called while a graph is made.
count_by_tensors._dynamo_marked_constant = True  # type: ignore[attr-defined]


def hand_over(
    optimizer: Any,
    group: dict[str, Any],
    params: list[Tensor],
    grads: list[Tensor],
    states: list[Tensor],
    places: list[int],
    counts: list[int],
) -> None:
    """Fills lists with what a graph is given of a group: parameters that have a gradient, these, their states, which
    are made where there are none, the parameters' places in the group, and how many states each has."""
    current = optimizer.current(group)
    operator = optimizer.operator(current)
    for place, param in enumerate(group["params"]):
        if param.grad is not None:
            state = optimizer.state[param]
            there = {key for key, value in state.items() if value is not None}
            optimizer.initialise(current, param, state)
            optimizer.align(operator, param, state)
            for key in optimizer.counts:
                if not isinstance(state[key], Tensor):
                    # A plain number would be compiled in.
                    state[key] = torch.tensor(float(state[key]))
            optimizer.ahead.add(value for key, value in state.items() if key not in there)
            tensors = [value for value in state.values() if isinstance(value, Tensor)]
            params.append(param)
            grads.append(param.grad)
            states.extend(tensors)
            places.append(place)
            counts.append(len(tensors))
            if not state:
                del optimizer.state[param]


# It counts and reads settings on the host, which a graph of launches would not repeat.
UNCAPTURED = {"tags": (torch.Tag.cudagraph_unsafe,)} if hasattr(torch.Tag, "cudagraph_unsafe") else {}


@torch.library.custom_op("fusedstep::step", mutates_args=("params", "states"), **UNCAPTURED)
def step(
    params: list[Tensor],
    grads: list[Tensor],
    states: list[Tensor],
    places: list[int],
    counts: list[int],
    optimizer: int,
    group: int,
    settings: list[Tensor],
) -> None:
    """Takes a step with what stands for some parameters of a group and their states: a graph may hand over copies. What
    stands for settings that are tensors is as far as the graph has come with them."""
    its = optimizers[optimizer]
    current, left = its.current(with_tensors(its.param_groups[group], iter(settings))), iter(states)
    operator = its.operator(current)
    known: dict[Any, list[float]] = {}
    for place, count, param, grad in zip(places, counts, params, grads, strict=True):
        kept = current["params"][place]
        own = its.state.get(kept, {})
        keys = [key for key, value in own.items() if isinstance(value, Tensor)]
        # More may have come since the graph was made, behind those that it knows.
        handed = dict(zip(keys[:count], itertools.islice(left, count), strict=True))
        state = {key: handed.get(key, own[key]) for key in keys if own[key] not in its.ahead}
        its.update(current, operator, param, grad, state, known)
        for key, value in state.items():
            if key not in handed:
                its.state[kept][key] = value
            elif value is not handed[key]:
                handed[key].copy_(torch.as_tensor(value))
        its.ahead.settle(own.values())
