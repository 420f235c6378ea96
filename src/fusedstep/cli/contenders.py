"""The optimizers that the demo compares: each one's rule, start, settings and step."""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from .. import ops, rules
from ..operators.threads import get_num_threads

Scalars = Mapping[str, float]
# Gets a step ready: what is timed is the call of what comes back.
Prepare = Callable[[np.ndarray, np.ndarray, Scalars], Callable[[], Any]]

ADAM = {"lr": 3e-4, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}
PROXIMAL_ADAGRAD = {"lr": 3e-3, "l2": 0.0}
ACCUM_START = 0.1


@dataclass(frozen=True)
class Contender:
    """One optimizer with its settings.

    Attributes:
        name: its own name.
        rule: the NumPy rule that says what it should compute.
        rows: which rows take a step: "touched" or "every".
        starts: what each state is filled with at first; the table of weights comes first.
        scalars: the rule's scalars at a step, counted from 1.
        begin: given the states, returns what gets each step ready from its gradient, indices and scalars.
        l1: the strength of the l1 penalty; None where there is none to set.
    """

    name: str
    rule: Callable[..., Any]
    rows: str
    starts: tuple[float, ...]
    scalars: Callable[[int], Scalars]
    begin: Callable[[list[np.ndarray]], Prepare]
    l1: float | None = None

    @property
    def label(self) -> str:
        """The name, and the penalty where there is one."""
        return self.name if self.l1 is None else f"{self.name}, l1 = {self.l1:g}"


def contenders(penalties: tuple[float, ...]) -> list[Contender]:
    """All that can run here. PyTorch comes last: its threads spin for a while after their work."""
    listed = [adam(ops.FusedSparseAdam(), "every"), adam(ops.FusedSparseLazyAdam(), "touched")]
    listed += [proximal_adagrad(l1) for l1 in penalties]
    return listed + torch_sparse_adam()


def adam(operator: Any, rows: str) -> Contender:
    """An operator that runs Adam."""
    begin = partial(begin_operator, operator, "gradient")
    return Contender(operator.name, rules.adam, rows, (0.0, 0.0, 0.0), adam_scalars, begin)


def adam_scalars(step: int) -> Scalars:
    """Adam's scalars at a step."""
    return {**ADAM, "beta1_power": ADAM["beta1"] ** step, "beta2_power": ADAM["beta2"] ** step}


def proximal_adagrad(l1: float) -> Contender:
    """FusedSparseProximalAdagrad. Shrinking each weight at its own rate is what makes l1 select weights evenly."""
    operator = ops.FusedSparseProximalAdagrad(shrink="lr/sqrt(accum)")
    return Contender(
        operator.name,
        partial(rules.proximal_adagrad, shrink_by_rate=True),
        "touched",
        (0.0, ACCUM_START),
        lambda step: {**PROXIMAL_ADAGRAD, "l1": l1},
        partial(begin_operator, operator, "grad"),
        l1,
    )


def begin_operator(operator: Any, gradient_name: str, states: list[np.ndarray]) -> Prepare:
    """Steps of a fusedstep operator."""

    def prepare(gradient: np.ndarray, indices: np.ndarray, scalars: Scalars) -> Callable[[], Any]:
        return partial(operator, *states, indices=indices, **{gradient_name: gradient}, **scalars)

    return prepare


def torch_sparse_adam() -> list[Contender]:
    """torch.optim.SparseAdam, where PyTorch is installed: the rule of FusedSparseLazyAdam."""
    try:
        torch = importlib.import_module("torch")
    except ModuleNotFoundError:
        return []
    torch.set_num_threads(get_num_threads())
    begin = partial(begin_torch, torch)
    return [Contender("torch.optim.SparseAdam", rules.adam, "touched", (0.0,) * 3, adam_scalars, begin)]


def begin_torch(torch: Any, states: list[np.ndarray]) -> Prepare:
    """Steps of torch.optim.SparseAdam on the table's own memory; it keeps moments of its own."""
    table = torch.nn.Parameter(torch.from_numpy(states[0]))
    optimizer = torch.optim.SparseAdam(
        [table], lr=ADAM["lr"], betas=(ADAM["beta1"], ADAM["beta2"]), eps=ADAM["epsilon"]
    )

    def prepare(gradient: np.ndarray, indices: np.ndarray, scalars: Scalars) -> Callable[[], Any]:
        table.grad = torch.sparse_coo_tensor(
            torch.from_numpy(indices[None]), torch.from_numpy(gradient), table.shape, check_invariants=False
        )
        return partial(optimizer.step)

    return prepare
