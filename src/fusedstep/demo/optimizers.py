"""The optimizers that the demo compares: the rule, the initial states, the scalars and the step of each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from .. import ops, rules
from ..runtime.cpu.threads import get_num_threads

Scalars = Mapping[str, float]
# Prepares a step; only the call of the result is timed.
Prepare = Callable[[np.ndarray, np.ndarray, Scalars], Callable[[], Any]]

# Gradients are sums over a batch. Where they cancel, only rounding errors are left. With an epsilon of 1e-8 the first
# step for such a gradient is as long as for any other, and no two programs agree.
ADAM = {"lr": 3e-4, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-5}
PROXIMAL_ADAGRAD = {"lr": 3e-3, "l2": 0.0}
INITIAL_ACCUM = 0.1


@dataclass(frozen=True)
class Optimizer:
    """An optimizer with its settings.

    Attributes:
        name: its name.
        rule: the NumPy rule that defines the expected result.
        rows: which rows take a step: "touched" or "every".
        initial: the initial value of each state; the table of weights comes first.
        scalars: returns the rule's scalars at a step, counted from 1.
        begin: takes the states; returns a function that prepares a step from a gradient, indices and scalars.
        l1: the strength of the l1 penalty; None if the optimizer has none.
        threads: the number of threads that a step may use.
    """

    name: str
    rule: Callable[..., Any]
    rows: str
    initial: tuple[float, ...]
    scalars: Callable[[int], Scalars]
    begin: Callable[[list[np.ndarray]], Prepare]
    l1: float | None = None
    threads: int = field(default_factory=get_num_threads)

    @property
    def label(self) -> str:
        """The name, with the penalty if there is one."""
        return self.name if self.l1 is None else f"{self.name}, l1 = {self.l1:g}"


def fused(penalties: tuple[float, ...]) -> list[Optimizer]:
    """The operators of fusedstep, the proximal one with each penalty."""
    return [
        adam(ops.FusedSparseAdam(), "every"),
        adam(ops.FusedSparseLazyAdam(), "touched"),
        *(proximal_adagrad(l1) for l1 in penalties),
    ]


def adam(operator: Any, rows: str) -> Optimizer:
    """An operator that runs Adam."""
    begin = partial(begin_operator, operator, "gradient")
    return Optimizer(operator.name, rules.adam, rows, (0.0, 0.0, 0.0), adam_scalars, begin)


def adam_scalars(step: int) -> Scalars:
    """Adam's scalars at a step."""
    return {**ADAM, "beta1_power": ADAM["beta1"] ** step, "beta2_power": ADAM["beta2"] ** step}


def proximal_adagrad(l1: float) -> Optimizer:
    """FusedSparseProximalAdagrad. Each weight shrinks at its own rate, so that l1 selects weights evenly."""
    operator = ops.FusedSparseProximalAdagrad(shrink="lr/sqrt(accum)")
    return Optimizer(
        operator.name,
        partial(rules.proximal_adagrad, shrink_by_rate=True),
        "touched",
        (0.0, INITIAL_ACCUM),
        lambda step: {**PROXIMAL_ADAGRAD, "l1": l1},
        partial(begin_operator, operator, "grad"),
        l1,
    )


def begin_operator(operator: Any, gradient_name: str, states: list[np.ndarray]) -> Prepare:
    """Prepare steps of a fusedstep operator."""

    def prepare(gradient: np.ndarray, indices: np.ndarray, scalars: Scalars) -> Callable[[], Any]:
        return partial(operator, *states, indices=indices, **{gradient_name: gradient}, **scalars)

    return prepare
