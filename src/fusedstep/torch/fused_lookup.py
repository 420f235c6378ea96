"""Lookups whose gradient is never built: the backward pass hands on what it was given, and the ids."""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from .deferred_tensor import DeferredTensor
from .embedding_gradient import EmbeddingGradient
from .lookup_backward import dense_or_rows, factor_gradient, lookup_of, merged_coo
from .lookup_checks import is_concrete_gradient, is_left_to_torch, place_in_graphs, reduced_by_torch
from .uncompiled import uncompiled


class Manner(NamedTuple):
    """How a lookup combines rows, and what its gradient is.

    Attributes:
        bagged: whether the result has one row a bag, not one an index.
        mean: whether a bag's rows are averaged, not summed.
        padding: the row that takes no part; None if there is none.
        sparse: whether the gradient stands for a sparse one.
        own: whether the gradient may be one of bags; else it is torch's.
    """

    bagged: bool
    mean: bool
    padding: int | None
    sparse: bool
    own: bool


def look_up(module: Any, indices: Tensor, *others: Tensor | None) -> Tensor:
    """Look up rows of a module's weight.

    Args:
        module: an Embedding or EmbeddingBag.
        indices: the ids.
        *others: of an EmbeddingBag, the offsets and the factor of each index, or None.
    """
    if torch.compiler.is_dynamo_compiling():
        return look_up_in_graph(module, indices, *others)
    weight, manner = module.weight, module._manner()
    if not manner.own or is_left_to_torch(weight, (indices, *others), manner.sparse):
        return module._find(indices, weight, *others)
    return FusedLookup.apply(module, manner, weight, indices, *others)


def look_up_in_graph(module: Any, indices: Tensor, *others: Tensor | None) -> Tensor:
    """Look up rows while dynamo traces: inside of the graph, or after a break."""
    place = place_in_graphs(module.sparse)
    if place == "either":
        gradient = torch.is_grad_enabled() and module.weight.requires_grad and module._manner().own
        place = "outside" if gradient else "inside"
    if place == "outside":
        return outside_of_graphs(module, indices, *others)
    return module._find(indices, module.weight, *others)


@torch._disable_dynamo
def outside_of_graphs(*arguments: Any) -> Tensor:
    """Look rows up between two graphs: a compiled backward pass knows plain gradients only."""
    return look_up(*arguments)


class FusedLookup(torch.autograd.Function):
    """A lookup by torch's own function, whose backward pass returns an EmbeddingGradient."""

    @staticmethod
    def forward(
        ctx: Any,
        module: Any,
        manner: Manner,
        weight: Tensor,
        indices: Tensor,
        offsets: Tensor | None = None,
        factors: Tensor | None = None,
    ) -> Tensor:
        ctx.set_materialize_grads(False)
        ctx.weight, ctx.manner = weight, manner
        recorded = factors is not None and ctx.needs_input_grad[5]
        # Saved as torch's own function saves them, which checks that they do not change before the backward pass.
        ctx.save_for_backward(indices, offsets, factors, weight if recorded else None)
        others = (offsets, factors) if manner.bagged else ()
        return module._find(indices, up_to_date(weight, indices), *others)

    @staticmethod
    @uncompiled
    def backward(ctx: Any, gradient: Tensor | None) -> Any:
        if gradient is None:
            return (None,) * len(ctx.needs_input_grad)
        indices, offsets, factors, weight = ctx.saved_tensors
        found = beside = None
        if ctx.needs_input_grad[2]:
            found = weight_gradient(ctx.weight, ctx.manner, gradient, indices, offsets, factors)
        if weight is not None and ctx.needs_input_grad[5]:
            beside = factor_gradient(gradient, weight, indices, offsets, ctx.manner.padding)
        return (None, None, found, None, None, beside)[: len(ctx.needs_input_grad)]


def weight_gradient(
    weight: Tensor, manner: Manner, gradient: Tensor, indices: Tensor, offsets: Tensor | None, factors: Tensor | None
) -> Tensor:
    """The gradient of a weight, from the gradient of a lookup's result."""
    lookup = lookup_of(gradient, indices, offsets, factors, manner.bagged, manner.mean, manner.padding)
    if not is_concrete_gradient(gradient):
        return dense_or_rows(weight, lookup, manner.sparse)
    if reduced_by_torch():
        return merged_coo(weight, lookup)
    return EmbeddingGradient.of(weight, [lookup], manner.sparse)


def up_to_date(weight: Tensor, indices: Tensor) -> Tensor:
    """The memory of a weight, in which the rows that are looked up are up to date.

    It is detached: torch's function then takes its way without gradients.
    """
    if not isinstance(weight, DeferredTensor):
        return weight.detach()
    weight.deferred_parameter.catch_up(indices)
    return weight.deferred_parameter.memory()
