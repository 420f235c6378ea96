"""Tensors that are spread over processes (PyTorch's DTensors), of which each process steps the part that lies there."""

import sys
from types import FrameType
from typing import Any

import torch
from torch import Tensor

from ..codegen.rule.program import ReductionScope

# Its optimizers own some of the parameters each, and hand rows on as they lie in memory.
PARTITIONING = "torch.distributed.optim.zero_redundancy_optimizer"


def is_spread(tensor: Any) -> bool:
    """Whether a tensor is a DTensor, by what its type can do: PyTorch may be built without them."""
    return hasattr(type(tensor), "to_local")


def here(tensor: Tensor) -> Tensor:
    """The part of a tensor that lies in this process, which is all of one that is not spread."""
    if not is_spread(tensor):
        return tensor
    part: Any = tensor.to_local()
    # It may still be on its way from other processes.
    return part.wait() if hasattr(part, "wait") else part


def spread_as(name: str, what: str, tensor: Any, param: Any) -> Any:
    """A gradient or a state, spread as its parameter is: added up, cut or put together where it is spread otherwise.

    What is refused rests on what all processes know, so that none waits for one that has given up.

    Args:
        name: who asks.
        what: what the tensor is.
        tensor: the gradient or the state.
        param: its parameter.

    Raises:
        TypeError: only one of the two is spread.
        ValueError: they are spread over different processes.
    """
    if not is_spread(param):
        if is_spread(tensor):
            raise TypeError(
                f"{name}: {what} is a DTensor, expected a plain tensor as its parameter; pass full_tensor()"
            )
        return tensor
    mesh, placements = param.device_mesh, param.placements
    if not is_spread(tensor):
        kind = "a plain tensor" if tensor.layout is torch.strided else "a sparse tensor"
        remedy = "pass torch.distributed.tensor.distribute_tensor()" if kind == "a plain tensor" else "use sparse=False"
        raise TypeError(f"{name}: {what} is {kind}, expected a DTensor as its parameter; {remedy}")
    if tensor.device_mesh != mesh:
        raise ValueError(f"{name}: {what} lies on {tensor.device_mesh}, expected {mesh}, the mesh of its parameter")
    return tensor if tensor.placements == placements else tensor.redistribute(placements=placements)


def check_placements(name: str, reach: int, param: Any) -> None:
    """Refuses a parameter whose parts cannot take the step of the whole, each by itself.

    Args:
        name: the optimizer.
        reach: how far the sums of its rule reach.
        param: the parameter.

    Raises:
        ValueError: it is yet to be added up, or the rule adds up what lies in several processes.
    """
    if not is_spread(param):
        return
    if any(placement.is_partial() for placement in param.placements):
        raise ValueError(
            f"{name}: a parameter has the placements {param.placements}, expected Replicate or Shard; "
            "redistribute() it before the optimizer is made"
        )
    if reach == ReductionScope.ELEMENT:
        return
    sizes = zip(param.placements, param.device_mesh.shape, strict=True)
    cut = [placement for placement, size in sizes if size > 1 and not placement.is_replicate()]
    if cut and (reach == ReductionScope.TENSOR or any(getattr(placement, "dim", None) != 0 for placement in cut)):
        what, expected = (
            ("more than a row", "Replicate") if reach == ReductionScope.TENSOR else ("a row", "Shard(0) or Replicate")
        )
        raise ValueError(
            f"{name}: a parameter has the placements {param.placements}, expected {expected}: "
            f"its rule adds up {what}, which lies in several processes; distribute the parameter so"
        )


def rows_filled(param: Any, value: float, dtype: torch.dtype) -> Tensor:
    """A new state of one number a row, spread as its parameter's rows are."""
    part = torch.full(here(param).shape[:1], value, dtype=dtype, device=param.device)
    if not is_spread(param):
        return part
    # All of it is known here; to look at the others would be to wait for them.
    spread: Any = type(param)
    shape = param.shape[:1]
    made: Tensor = spread.from_local(
        part, param.device_mesh, param.placements, run_check=False, shape=shape, stride=(1,)
    )
    return made


def norm_of_parts(tensor: Any, order: float) -> Tensor:
    """The norm of a DTensor, of an order that has no value for an empty part.

    Args:
        tensor: the DTensor.
        order: the order, below 0 or infinite.
    """
    from torch.distributed.tensor import Replicate, Shard

    mesh, whole = tensor.device_mesh, Replicate()
    summed = tensor.redistribute(placements=[whole if each.is_partial() else each for each in tensor.placements])
    part = here(summed)
    nothing = part.new_full((), 0.0 if order > 0 else float("inf"))
    norm = torch.linalg.vector_norm(part, order) if part.numel() else nothing
    norms = type(tensor).from_local(
        norm.reshape(1),
        mesh,
        [whole if each.is_replicate() else Shard(0) for each in summed.placements],
        run_check=False,
    )
    total = torch.linalg.vector_norm(norms.full_tensor(), order)
    made: Tensor = type(tensor).from_local(total, mesh, [whole] * mesh.ndim, run_check=False)
    return made


def check_deferrable(name: str, what: str, weight: Any) -> None:
    """Refuses to defer rows where a process reads rows that another owes steps.

    Raises:
        NotImplementedError: the table is spread, or the optimizer owns some of the parameters only.
    """
    if is_spread(weight):
        raise NotImplementedError(
            f"{name}: {what}.weight is a DTensor, expected a plain tensor: rows of other processes are looked up, too; "
            "leave it out of defer"
        )
    if partitioned():
        raise NotImplementedError(
            f"{name}: defer has modules, expected none in a ZeroRedundancyOptimizer, which hands rows from process to "
            'process as they lie in memory; pass rows="every" in its place'
        )


def partitioned() -> bool:
    """Whether a ZeroRedundancyOptimizer is asking; only its calls tell, as the optimizer is one like any other."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_globals.get("__name__") == PARTITIONING:
            return True
        frame = frame.f_back
    return False
