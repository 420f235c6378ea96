"""Where a lookup's gradient is one of bags, and where it is torch's own."""

import sys
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad

from .deferred_tensor import DeferredTensor
from .distributed import PLAIN

# Modes in which tensors have no memory, or operations are recorded.
RECORDERS = tuple(torch._C._TorchDispatchModeKey.__members__.values())
# The modules whose functions dynamo meets first where a graph has broken at a lookup.
CALLERS = {f"{__package__}.{name}" for name in ("embedding", "embedding_bag", "fused_lookup")}
FLOATS = (torch.float32, torch.float64, torch.float16, torch.bfloat16)


def is_left_to_torch(weight: Any, others: Iterable[Any], sparse: bool) -> bool:
    """Return whether torch's own lookup is called: no gradient is recorded, or something else must see it.

    Args:
        weight: the table.
        others: the other tensors of the lookup, or None in their place.
        sparse: whether the gradient is sparse. Processes exchange a dense one as it is.
    """
    if not torch.is_grad_enabled() or type(weight) not in (nn.Parameter, DeferredTensor):
        return True
    with torch._C.DisableTorchFunctionSubclass():
        if not weight.requires_grad or not weight.is_leaf or not has_gradient_of_bags(weight):
            return True
    for each in others:
        if each is not None and (type(each) not in PLAIN or each.is_nested):
            return True
    return is_transformed() or (not sparse and reduced_by_torch())


def has_gradient_of_bags(weight: Tensor) -> bool:
    """Return whether a tensor may have a gradient of bags: a table of real numbers in memory."""
    return weight.dtype in FLOATS and weight.layout is torch.strided and weight.dim() == 2 and not weight.is_meta


def is_transformed() -> bool:
    """Return whether torch transforms, traces or exports what is called."""
    return (
        torch._C._are_functorch_transforms_active()
        or torch._C._get_tracing_state() is not None
        or forward_ad._current_level >= 0
        or torch.compiler.is_compiling()
        or (torch._C._len_torch_dispatch_stack() > 0 and any(map(torch._C._get_dispatch_mode, RECORDERS)))
    )


def is_concrete_gradient(gradient: Tensor) -> bool:
    """Return whether a gradient has memory of its own, and no one differentiates it."""
    return not torch.is_grad_enabled() and has_memory(gradient) and not torch.compiler.is_compiling()


def has_memory(gradient: Tensor) -> bool:
    """Return whether a gradient is a dense tensor of which no transformation sees a part only."""
    return (
        type(gradient) is Tensor
        and gradient.layout is torch.strided
        and not torch._C._functorch.is_functorch_wrapped_tensor(gradient)
        and not torch._C._functorch.is_legacy_batchedtensor(gradient)
    )


def reduced_by_torch() -> bool:
    """Return whether processes may exchange gradients, which they do with plain tensors only."""
    distributed: Any = torch.distributed
    return bool(distributed.is_available() and distributed.is_initialized())


def place_in_graphs(sparse: bool) -> str:
    """Where dynamo, which is tracing, puts a lookup.

    Returns:
        ``"inside"``: the graph may not break, or the gradient is plain; ``"outside"``: the graph has broken here, so
        that nothing else is asked, on which the compiled code would depend; else ``"either"``.
    """
    convert: Any = sys.modules["torch._dynamo.symbolic_convert"]
    current = convert.InstructionTranslator.current_tx()
    if (
        current.one_graph
        or current.export
        or current.error_on_graph_break
        or not current.output.is_root_tracer()
        or (not sparse and reduced_by_torch())
    ):
        return "inside"
    return "outside" if current.output.root_tx.f_globals["__name__"] in CALLERS else "either"


# Like torch.compiler.assume_constant_result, which would import the compiler at once.
place_in_graphs._dynamo_marked_constant = True  # type: ignore[attr-defined]
