"""Functions that prepare the steps of contenders on a device."""

import itertools
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import torch

import fusedstep as fs
from fusedstep.bench.libraries import settings
from fusedstep.bench.libraries.steps import Step

from .tables import Tables

BETA1, BETA2 = settings.BETAS
ADAM = {"lr": settings.LR, "beta1": BETA1, "beta2": BETA2, "epsilon": settings.EPSILON}


def called_before(tables: Tables, name: str, **options: Any) -> Callable[..., Any]:
    """A documented operator with its arguments in front of the gradient."""
    known = settings.OPERATORS[name]
    call = getattr(fs.ops, name)(**known.construct, **options)
    return partial(call, *tables.states[: known.states], *known.before)


def operator(tables: Tables, name: str, **options: Any) -> list[Step]:
    """A documented operator, on a sparse gradient if the size has a batch, else on a dense one."""
    known, before = settings.OPERATORS[name], called_before(tables, name, **options)
    if not tables.size.batch:
        return [Step(partial(before, tables.gradient, *known.after))]
    return [Step(partial(before, gradient, *known.after, indices)) for gradient, indices in tables.batches]


def bags(tables: Tables, name: str, bag: int, weighted: bool = False, **options: Any) -> list[Step]:
    """A documented operator on gradients of bags of so many indices."""
    known, before = settings.OPERATORS[name], called_before(tables, name, **options)
    offsets = torch.arange(0, tables.size.batch, bag, device=tables.device)
    weights = torch.rand(tables.size.batch, device=tables.device) if weighted else None
    return [
        Step(partial(before, gradient[: len(offsets)], *known.after, indices, offsets=offsets, weights=weights))
        for gradient, indices in tables.batches
    ]


def expanded_bags(tables: Tables, name: str, bag: int, **options: Any) -> list[Step]:
    """The same, which gathers a row of the gradient for each index first."""
    known, before = settings.OPERATORS[name], called_before(tables, name, **options)
    bag_of = torch.arange(tables.size.batch, device=tables.device) // bag

    def step(gradient: torch.Tensor, indices: torch.Tensor) -> None:
        before(gradient[bag_of], *known.after, indices)

    return [Step(partial(step, gradient, indices)) for gradient, indices in tables.batches]


def rowwise_adagrad(tables: Tables, **options: Any) -> list[Step]:
    """Row-wise Adagrad, a rule without a documented operator."""
    call = partial(fs.Operator(fs.rules.rowwise_adagrad, **options), tables.states[0], tables.by_row)
    scalars: dict[str, Any] = {"lr": settings.LR, "epsilon": settings.EPSILON}
    return [Step(partial(call, gradient, indices, **scalars)) for gradient, indices in tables.batches]


def deferred_adam(tables: Tables, counted_there: bool = False, **options: Any) -> Iterable[Step]:
    """Adam of every row, deferred; the powers of the betas change as in training.

    Args:
        tables: the states and batches.
        counted_there: whether the device counts the steps, since scalars are there.
        **options: of ``fs.DeferredRows``.
    """
    table = fs.DeferredRows(fs.rules.adam, *tables.states, **options)
    kind = partial(torch.tensor, dtype=torch.float64, device=tables.device) if counted_there else float
    for number, (gradient, indices) in enumerate(itertools.cycle(tables.batches), start=1):
        powers = {"beta1_power": kind(BETA1**number), "beta2_power": kind(BETA2**number)}
        yield Step(partial(table.step, gradient, indices, **ADAM, **powers))


def optimizer(tables: Tables, name: str, sparse: bool, **options: Any) -> list[Step]:
    """One of torch's optimizers of Adam's family, on the shared states."""
    table = torch.nn.Parameter(tables.states[0])
    made = getattr(torch.optim, name)([table], lr=settings.LR, **options)
    step: Any = 0 if sparse else torch.zeros((), device=tables.device)
    made.state[table] = {"step": step, "exp_avg": tables.states[1], "exp_avg_sq": tables.states[2]}

    def set_gradient(gradient: torch.Tensor) -> None:
        table.grad = gradient

    if not sparse:
        return [Step(made.step, partial(set_gradient, tables.gradient))]
    of_rows = partial(torch.sparse_coo_tensor, size=tuple(table.shape), check_invariants=False)
    return [
        Step(made.step, partial(set_gradient, of_rows(indices[None], gradient))) for gradient, indices in tables.batches
    ]


def small_tensors(tables: Tables, module: Any, **options: Any) -> list[Step]:
    """Adam from a module of optimizers, on a small parameter for each row of the table."""
    weights = [torch.nn.Parameter(row.clone()) for row in tables.states[0]]
    for weight, gradient in zip(weights, tables.gradient, strict=True):
        weight.grad = gradient.clone()
    return [Step(module.Adam(weights, lr=settings.LR, **options).step)]


def several_tables(tables: Tables, module: Any, count: int = 26, **options: Any) -> list[Step]:
    """SparseAdam from a module of optimizers, on parts of the table as tables of their own.

    Each takes its share of a batch, as the gradient of a lookup with ``sparse=True``.
    """
    weights = [torch.nn.Parameter(part) for part in tables.states[0].clone().chunk(count)]
    made = module.SparseAdam(weights, lr=settings.LR, **options)

    def set_gradients(gradient: torch.Tensor, indices: torch.Tensor) -> None:
        shares = zip(weights, gradient.chunk(len(weights)), indices.chunk(len(weights)), strict=False)
        for weight, values, rows in shares:
            named = (rows % len(weight))[None]
            weight.grad = torch.sparse_coo_tensor(named, values, weight.shape, check_invariants=False)

    return [Step(made.step, partial(set_gradients, *each)) for each in tables.batches]


def lamb(tables: Tables) -> list[Step]:
    """LAMB, whose rule adds up all elements of a tensor; an operator without a documented name."""
    call = partial(fs.Operator(fs.rules.lamb), *tables.states[:3], tables.gradient)
    names = fs.Operator(fs.rules.lamb).signature.scalars
    return [Step(partial(call, **{name: ADAM.get(name, 0.5) for name in names}))]


def formula(
    tables: Tables, function: Callable[..., None], states: int, sparse: bool, by_row: bool = False
) -> list[Step]:
    """One of the formulas, compiled if there is a device to compile for."""
    call: Callable[..., None] = function if tables.device == "cpu" else torch.compile(function)
    states_used = [tables.states[0], tables.by_row] if by_row else tables.states[:states]
    gradients: list[tuple[torch.Tensor, ...]] = list(tables.batches) if sparse else [(tables.gradient,)]
    return [Step(partial(call, *states_used, *each)) for each in gradients]
