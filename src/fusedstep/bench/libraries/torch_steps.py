"""Steps of PyTorch optimizers; ``classes`` is the module that has them, under torch's names."""

from typing import Any

import torch

from . import data
from .steps import Step


class Update:
    """A step of an optimizer with given gradients."""

    def __init__(self, optimizer: torch.optim.Optimizer, weights: list[torch.Tensor], gradients: list[torch.Tensor]):
        self.optimizer, self.weights, self.gradients = optimizer, weights, gradients

    def before(self) -> None:
        for weight, gradient in zip(self.weights, self.gradients, strict=True):
            weight.grad = gradient

    def run(self) -> None:
        self.optimizer.step()


class Lookup:
    """A lookup in an embedding, and a step with a given gradient."""

    def __init__(self, update: Update, embedding: torch.nn.Embedding, rows: torch.Tensor):
        self.update, self.embedding, self.rows = update, embedding, rows

    def look_up(self) -> None:
        with torch.no_grad():
            self.embedding(self.rows)

    def before(self) -> None:
        self.update.before()
        self.look_up()

    def run(self) -> None:
        self.look_up()
        self.update.run()


class Training:
    """The backward pass of an embedding together with the step."""

    def __init__(self, optimizer: torch.optim.Optimizer, embedding: Any, rows: torch.Tensor, gradient: torch.Tensor):
        self.optimizer, self.embedding, self.rows, self.gradient = optimizer, embedding, rows, gradient

    def before(self) -> None:
        self.optimizer.zero_grad()
        self.found = self.embedding(self.rows)

    def run(self) -> None:
        self.found.backward(self.gradient)
        self.optimizer.step()


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


def sparse(classes: Any, size: data.Size, optimizer: str, **options: Any) -> list[Step]:
    """An optimizer on the sparse gradients of a table."""
    table = weight(size)
    made = getattr(classes, optimizer)([table], **options)
    updates = [Update(made, [table], [gradient]) for _, gradient in sparse_gradients(size)]
    return [Step(update.run, update.before) for update in updates]


def lookup(
    classes: Any, size: data.Size, optimizer: str, timed: bool, defer: bool = False, **options: Any
) -> list[Step]:
    """An optimizer's step on an embedding, deferred or not, after a lookup that is timed or not."""
    embedding = torch.nn.Embedding(size.rows, size.width, sparse=True, _weight=weight(size).data)
    if defer:
        options["defer"] = [embedding]
    made = getattr(classes, optimizer)(embedding.parameters(), **options)
    steps = []
    for rows, gradient in sparse_gradients(size):
        update = Update(made, [embedding.weight], [gradient])
        both = Lookup(update, embedding, rows)
        steps.append(Step(both.run, update.before) if timed else Step(update.run, both.before))
    return steps


def dense(classes: Any, size: data.Size, optimizer: str, parameters: int = 1, **options: Any) -> list[Step]:
    """An optimizer on the dense gradients of some parameters."""
    weights = [weight(size) for _ in range(parameters)]
    update = Update(
        getattr(classes, optimizer)(weights, **options),
        list(weights),
        [torch.from_numpy(data.table(size, 1)) for _ in weights],
    )
    return [Step(update.run, update.before)]


def training(classes: Any, size: data.Size, optimizer: str, sparse: bool, **options: Any) -> list[Step]:
    """The backward pass of an embedding and the optimizer's step."""
    embedding = torch.nn.Embedding(size.rows, size.width, sparse=sparse, _weight=weight(size).data)
    made = getattr(classes, optimizer)(embedding.parameters(), **options)
    rounds = [
        Training(made, embedding, torch.from_numpy(indices).long(), torch.from_numpy(gradient))
        for indices, gradient in data.batches(size)
    ]
    return [Step(each.run, each.before) for each in rounds]
