"""Parameters that are distributed over processes (PyTorch's DTensors): each process steps its local shard."""

import sys
from types import FrameType
from typing import Any

import torch
from torch import Tensor

from ..codegen.rule.program import ReductionScope

PLAIN = (Tensor, torch.nn.Parameter)
# Each process steps some of the parameters and broadcasts their memory as it is.
ZERO_REDUNDANCY = "torch.distributed.optim.zero_redundancy_optimizer"


def is_distributed(tensor: Any) -> bool:
    """Return whether a tensor is a DTensor. Its type's methods tell: PyTorch may be built without DTensors."""
    # Asked many times a step.
    return type(tensor) not in PLAIN and hasattr(type(tensor), "to_local")


def to_local(tensor: Tensor) -> Tensor:
    """This process's part of a DTensor; any other tensor as it is."""
    if not is_distributed(tensor):
        return tensor
    part: Any = tensor.to_local()
    # An asynchronous transfer may not be complete.
    return part.wait() if hasattr(part, "wait") else part


def redistribute_as(name: str, what: str, tensor: Any, param: Any) -> Any:
    """Return a gradient or a state in the placements of its parameter; reduce, shard or gather it if they differ.

    The checks depend only on what all processes know: either all of them raise, or none, and none waits for another.

    Args:
        name: the optimizer's name, for messages.
        what: the name of the tensor, for messages.
        tensor: the gradient or the state.
        param: its parameter.

    Raises:
        TypeError: only one of the two is a DTensor.
        ValueError: they are on different meshes.
    """
    if not is_distributed(param):
        if is_distributed(tensor):
            raise TypeError(
                f"{name}: {what} is a DTensor, expected a plain tensor as its parameter; pass full_tensor()"
            )
        return tensor
    mesh, placements = param.device_mesh, param.placements
    if not is_distributed(tensor):
        kind = "a plain tensor" if tensor.layout is torch.strided else "a sparse tensor"
        remedy = "pass torch.distributed.tensor.distribute_tensor()" if kind == "a plain tensor" else "use sparse=False"
        raise TypeError(f"{name}: {what} is {kind}, expected a DTensor as its parameter; {remedy}")
    if tensor.device_mesh != mesh:
        raise ValueError(f"{name}: {what} is on {tensor.device_mesh}, expected {mesh}, the mesh of its parameter")
    return tensor if tensor.placements == placements else tensor.redistribute(placements=placements)


def check_placements(name: str, scope: int, param: Any) -> None:
    """Check that each process can step its shard of a parameter by itself.

    Args:
        name: the optimizer's name, for messages.
        scope: the ``ReductionScope`` of its rule.
        param: the parameter.

    Raises:
        ValueError: the parameter is ``Partial``, or the rule reduces over several processes.
    """
    if not is_distributed(param):
        return
    if any(placement.is_partial() for placement in param.placements):
        raise ValueError(
            f"{name}: a parameter has the placements {param.placements}, expected Replicate or Shard; "
            "redistribute() it before the optimizer is made"
        )
    if scope == ReductionScope.ELEMENT:
        return
    sizes = zip(param.placements, param.device_mesh.shape, strict=True)
    sharded = [placement for placement, size in sizes if size > 1 and not placement.is_replicate()]
    rows_cut = any(getattr(placement, "dim", None) != 0 for placement in sharded)
    if sharded and (scope == ReductionScope.TENSOR or rows_cut):
        what, expected = (
            ("more than a row", "Replicate") if scope == ReductionScope.TENSOR else ("a row", "Shard(0) or Replicate")
        )
        raise ValueError(
            f"{name}: a parameter has the placements {param.placements}, expected {expected}: "
            f"its rule sums {what}, which is on several processes; redistribute() the parameter"
        )


def norm_of_shards(tensor: Any, order: float) -> Tensor:
    """The norm of a DTensor whose order is undefined for an empty shard.

    Args:
        tensor: the DTensor.
        order: the order, negative or infinite.
    """
    from torch.distributed.tensor import Replicate, Shard

    mesh, whole = tensor.device_mesh, Replicate()
    reduced = tensor.redistribute(placements=[whole if each.is_partial() else each for each in tensor.placements])
    part = to_local(reduced)
    nothing = part.new_full((), 0.0 if order > 0 else float("inf"))
    norm = torch.linalg.vector_norm(part, order) if part.numel() else nothing
    norms = type(tensor).from_local(
        norm.reshape(1),
        mesh,
        [whole if each.is_replicate() else Shard(0) for each in reduced.placements],
        run_check=False,
    )
    total = torch.linalg.vector_norm(norms.full_tensor(), order)
    made: Tensor = type(tensor).from_local(total, mesh, [whole] * mesh.ndim, run_check=False)
    return made


def check_deferrable(name: str, what: str, weight: Any) -> None:
    """Refuse to defer rows that other processes read.

    Raises:
        NotImplementedError: the table is a DTensor, or the optimizer belongs to a ZeroRedundancyOptimizer.
    """
    if is_distributed(weight):
        raise NotImplementedError(
            f"{name}: {what}.weight is a DTensor, expected a plain tensor: processes look up rows of other shards; "
            "leave it out of defer"
        )
    if called_by_zero_redundancy():
        raise NotImplementedError(
            f"{name}: defer has modules, expected none in a ZeroRedundancyOptimizer, which broadcasts the "
            'memory of parameters as it is; pass rows="every" instead'
        )


def called_by_zero_redundancy() -> bool:
    """Return whether a ZeroRedundancyOptimizer makes this optimizer; only the call stack tells."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_globals.get("__name__") == ZERO_REDUNDANCY:
            return True
        frame = frame.f_back
    return False
