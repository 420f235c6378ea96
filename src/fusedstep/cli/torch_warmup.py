"""Compiles the PyTorch optimizers by taking steps on a tiny parameter."""

import inspect
from itertools import product
from typing import Any


def names() -> list[str]:
    """The optimizers of fusedstep.torch with a fixed rule."""
    import torch

    from .. import torch as face

    members = {name: getattr(face, name) for name in face.__all__ if name != "RuleOptimizer"}
    return [name for name, each in members.items() if inspect.isclass(each) and issubclass(each, torch.optim.Optimizer)]


def take_steps(name: str, dtype: str) -> int:
    """Take steps with gradients of lookups, sparse ones and a dense one, and deferred steps if the optimizer has them.

    Returns:
        1, the number of optimizers that are compiled.
    """
    import torch

    from .. import torch as face

    optimizer: Any = getattr(face, name)
    settings = inspect.signature(optimizer).parameters
    for kind, deferred in product((torch.nn.Embedding, face.Embedding), (False, True)):
        if deferred and "defer" not in settings:
            continue
        table = kind(16, 2, sparse=True, dtype=getattr(torch, dtype))
        made = optimizer(table.parameters(), lr=0.1, **({"defer": [table]} if deferred else {}))
        # Rows with one gradient and with several. Then most rows: a deferred table steps all its rows for them.
        for rows in ([1, 1, 2], [2, 3, 3], range(16)):
            made.zero_grad()
            table(torch.tensor(rows)).sum().backward()
            made.step()
        made.zero_grad()
        table.weight.grad = torch.ones_like(table.weight)
        made.step()
    return 1
