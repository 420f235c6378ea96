"""Steps of PyTorch optimizers; ``classes`` is the module that has them, under torch's names."""

from collections.abc import Callable
from typing import Any

import torch

from . import data
from .steps import Step


def weight(size: data.Size) -> torch.nn.Parameter:
    return torch.nn.Parameter(torch.from_numpy(data.table(size, 0)))


def sparse_gradients(size: data.Size) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """The rows of each batch, and the sparse gradient of the table."""
    found = []
    for indices, values in data.batches(size):
        rows = torch.from_numpy(indices).long()
        shape = (size.rows, size.width)
        gradient = torch.sparse_coo_tensor(rows[None], torch.from_numpy(values), shape, check_invariants=True)
        found.append((rows, gradient))
    return found


def update(made: torch.optim.Optimizer, weights: list[Any], gradients: list[torch.Tensor]) -> Step:
    """A step of an optimizer with given gradients."""

    def set_gradients() -> None:
        for each, gradient in zip(weights, gradients, strict=True):
            each.grad = gradient

    return Step(made.step, set_gradients)


def sparse(classes: Any, size: data.Size, optimizer: str, **options: Any) -> list[Step]:
    """An optimizer on the sparse gradients of a table."""
    table = weight(size)
    made = getattr(classes, optimizer)([table], **options)
    return [update(made, [table], [gradient]) for _, gradient in sparse_gradients(size)]


def lookup(
    classes: Any, size: data.Size, optimizer: str, timed: bool, defer: bool = False, **options: Any
) -> list[Step]:
    """An optimizer's step on an embedding, deferred or not, after a lookup that is timed or not."""
    embedding = torch.nn.Embedding(size.rows, size.width, sparse=True, _weight=weight(size).data)
    if defer:
        options["defer"] = [embedding]
    made = getattr(classes, optimizer)(embedding.parameters(), **options)

    def step_of(rows: torch.Tensor, gradient: torch.Tensor) -> Step:
        run, set_gradient = update(made, [embedding.weight], [gradient])

        def look_up() -> None:
            with torch.no_grad():
                embedding(rows)

        return Step(both(look_up, run), set_gradient) if timed else Step(run, both(set_gradient, look_up))

    return [step_of(rows, gradient) for rows, gradient in sparse_gradients(size)]


def both(first: Callable[[], Any], second: Callable[[], Any]) -> Callable[[], None]:
    """Two functions as one."""

    def run() -> None:
        first()
        second()

    return run


def dense(classes: Any, size: data.Size, optimizer: str, parameters: int = 1, **options: Any) -> list[Step]:
    """An optimizer on the dense gradients of some parameters."""
    weights = [weight(size) for _ in range(parameters)]
    gradients = [torch.from_numpy(data.table(size, 1)) for _ in weights]
    return [update(getattr(classes, optimizer)(weights, **options), weights, gradients)]


def training(classes: Any, size: data.Size, optimizer: str, sparse: bool, **options: Any) -> list[Step]:
    """The backward pass of an embedding and the optimizer's step."""
    embedding = torch.nn.Embedding(size.rows, size.width, sparse=sparse, _weight=weight(size).data)
    made = getattr(classes, optimizer)(embedding.parameters(), **options)

    def step_of(rows: torch.Tensor, gradient: torch.Tensor) -> Step:
        found: list[torch.Tensor] = []

        def before() -> None:
            made.zero_grad()
            found[:] = [embedding(rows)]

        def run() -> None:
            found[0].backward(gradient)
            made.step()

        return Step(run, before)

    batches = data.batches(size)
    return [step_of(torch.from_numpy(indices).long(), torch.from_numpy(gradient)) for indices, gradient in batches]
