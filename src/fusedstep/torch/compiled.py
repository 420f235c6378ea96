"""Steps inside torch.compile: one opaque operator a group, which reads the group's settings when it runs."""

import itertools
from collections.abc import Iterable
from typing import Any
from weakref import WeakValueDictionary

import torch
from torch import Tensor

from .distributed import is_distributed
from .embedding_gradient import EmbeddingGradient
from .settings import replace_tensors, tensors_in

# The optimizers by the number that represents them in a graph.
optimizers: WeakValueDictionary[int, Any] = WeakValueDictionary()
_numbers = itertools.count(1)


class TracedStates:
    """States that tracing created and no step has used yet.

    They count as absent until then, which may matter: SGD does not dampen a parameter's first gradient.
    """

    def __init__(self) -> None:
        self._unused: WeakValueDictionary[int, Tensor] = WeakValueDictionary()

    def __contains__(self, value: Any) -> bool:
        return self._unused.get(id(value)) is value

    def add(self, values: Iterable[Tensor]) -> None:
        """Add states that tracing created."""
        self._unused.update((id(value), value) for value in values)

    def mark_used(self, values: Iterable[Any]) -> None:
        """Remove states that a step has used."""
        for value in values:
            if value in self:
                del self._unused[id(value)]

    def discard_from(self, states: dict[Tensor, dict[str, Any]]) -> None:
        """Remove unused states from an optimizer's: the graph did not run."""
        if not self._unused:
            return
        for param, state in list(states.items()):
            for key in [key for key, value in state.items() if value in self]:
                del state[key]
            if not state:
                del states[param]
        self._unused.clear()


def register(optimizer: Any) -> int:
    """Return the optimizer's number, after registering it."""
    number = next(_numbers)
    optimizers[number] = optimizer
    return number


def traceable(optimizer: Any) -> bool:
    """Return whether a graph can hold the step: gradients are dense, no rows deferred, no parameters DTensors.

    Nor may autograd record it. Else the graph breaks, as with torch's own optimizers.
    """
    if optimizer._tables or any(group.get("differentiable") for group in optimizer.param_groups):
        return False
    params = [param for group in optimizer.param_groups for param in group["params"] if param.grad is not None]
    return all(
        type(param.grad) is not EmbeddingGradient
        and param.grad.layout is torch.strided
        and not is_distributed(param.grad)
        and not is_distributed(param)
        for param in params
    )


def trace(optimizer: Any) -> None:
    """Add a step to the graph that is being traced."""
    counters_to_tensors(optimizer._graph_name)
    for number, group in enumerate(optimizer.param_groups):
        params: list[Tensor] = []
        grads: list[Tensor] = []
        states: list[Tensor] = []
        places: list[int] = []
        counts: list[int] = []
        optimizer._init_group(group, params, grads, states, places, counts)
        if params:
            step(params, grads, states, places, counts, optimizer._graph_number, number, tensors_in(group))


def counters_to_tensors(optimizer: str) -> None:
    """Convert counters that are plain numbers to tensors; numbers would become constants of the graph.

    torch's compiler asks existing states for their device before ``collect_group``.
    """
    its = optimizers[int(optimizer)]
    for state in its.state.values():
        for key in its._counters:
            if isinstance(state.get(key), int | float):
                state[key] = torch.tensor(float(state[key]))


# Like torch.compiler.assume_constant_result, which would import the compiler at once: call it during tracing.
counters_to_tensors._dynamo_marked_constant = True  # type: ignore[attr-defined]


def collect_group(
    optimizer: Any,
    group: dict[str, Any],
    params: list[Tensor],
    grads: list[Tensor],
    states: list[Tensor],
    places: list[int],
    counts: list[int],
) -> None:
    """Append a group's inputs of the graph to lists; create missing states.

    Args:
        optimizer: the optimizer.
        group: the group.
        params: the parameters that have a gradient.
        grads: their gradients.
        states: their states.
        places: the parameters' places in the group.
        counts: the number of states of each.
    """
    current = optimizer._current(group)
    operator = optimizer._operator(current)
    for place, param in enumerate(group["params"]):
        if param.grad is not None:
            state = optimizer.state[param]
            present = {key for key, value in state.items() if value is not None}
            optimizer._initialise(current, param, state)
            optimizer._align(operator, param, state)
            for key in optimizer._counters:
                if not isinstance(state[key], Tensor):
                    # A number would become a constant of the graph.
                    state[key] = torch.tensor(float(state[key]))
            optimizer._traced_states.add(value for key, value in state.items() if key not in present)
            tensors = [value for value in state.values() if isinstance(value, Tensor)]
            params.append(param)
            grads.append(param.grad)
            states.extend(tensors)
            places.append(place)
            counts.append(len(tensors))
            if not state:
                del optimizer.state[param]


# The step reads counters and settings on the host, which a captured CUDA graph would not repeat.
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
    """Step some parameters of a group. A graph may pass copies of parameters and states.

    ``settings`` holds the values of settings that are tensors, at this point of the graph.
    """
    its = optimizers[optimizer]
    current, remaining = its._current(replace_tensors(its.param_groups[group], iter(settings))), iter(states)
    operator = its._operator(current)
    cache: dict[Any, list[float]] = {}
    originals = [current["params"][place] for place in places]
    held: list[dict[str, Any]] = []
    taken: list[dict[str, Any]] = []
    # A parameter may be there twice: its second step follows the first.
    of_each: dict[Tensor, dict[str, Any]] = {}
    for original, count in zip(originals, counts, strict=True):
        own = its.state.get(original, {})
        keys = [key for key, value in own.items() if isinstance(value, Tensor)]
        # States added since tracing are behind those that the graph knows.
        passed = dict(zip(keys[:count], itertools.islice(remaining, count), strict=True))
        held.append(passed)
        used = {key: passed.get(key, own[key]) for key in keys if own[key] not in its._traced_states}
        taken.append(of_each.setdefault(original, used))
    stepped = 0
    try:
        for stepped in its._dense_updates(current, operator, params, grads, taken, cache).run():
            its._update(current, operator, params[stepped], grads[stepped], taken[stepped], cache)
        stepped = len(params)
    finally:
        # Parameters are stepped in their order: those before one that fails have taken their step.
        for original, passed, state in zip(originals[:stepped], held[:stepped], taken[:stepped], strict=True):
            put_back(its, original, passed, state)


def put_back(optimizer: Any, param: Tensor, passed: dict[str, Tensor], state: dict[str, Any]) -> None:
    """Put the states of a step back where the graph and the optimizer have them."""
    for key, value in state.items():
        if key not in passed:
            optimizer.state[param][key] = value
        elif value is not passed[key]:
            passed[key].copy_(torch.as_tensor(value))
    optimizer._traced_states.mark_used(optimizer.state.get(param, {}).values())
