"""The PyTorch optimizers, each with a tiny parameter."""

import inspect
from typing import Any


def names() -> list[str]:
    """The optimizers of fusedstep.torch that bring their rule."""
    from .. import torch as face

    found = (name for name in face.__all__ if inspect.isclass(getattr(face, name)))
    return [name for name in found if name != "RuleOptimizer"]


def take_steps(name: str, dtype: str) -> None:
    """Takes a step with a dense gradient, one with a sparse one, and deferred ones where the optimizer has them."""
    import torch

    from .. import torch as face

    optimizer: Any = getattr(face, name)
    table = torch.nn.Embedding(4, 2, sparse=True, dtype=getattr(torch, dtype))
    settings = inspect.signature(optimizer).parameters
    for defer in [[], [table]] if "defer" in settings else [[]]:
        made = optimizer(table.parameters(), lr=0.1, **({"defer": defer} if defer else {}))
        for _ in range(2):
            made.zero_grad()
            # One row of four: were most of them named, a deferred table would step all its rows instead.
            table(torch.tensor([1])).sum().backward()
            made.step()
        made.zero_grad()
        table.weight.grad = torch.ones_like(table.weight)
        made.step()
