"""The optimizers that the demo compares: each one's rule, start, settings and step."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from .. import ops, rules
from ..runtime.cpu.threads import get_num_threads

Scalars = Mapping[str, float]
# Gets a step ready: what is timed is the call of what comes back.
Prepare = Callable[[np.ndarray, np.ndarray, Scalars], Callable[[], Any]]

# Gradients are sums over a batch. Where they cancel, only rounding is left of them, and with an epsilon of 1e-8 the
# first step would be as long for that as for any gradient: no two programs would agree.
ADAM = {"lr": 3e-4, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-5}
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
        threads: on how many threads a step may run.
    """

    name: str
    rule: Callable[..., Any]
    rows: str
    starts: tuple[float, ...]
    scalars: Callable[[int], Scalars]
    begin: Callable[[list[np.ndarray]], Prepare]
    l1: float | None = None
    threads: int = field(default_factory=get_num_threads)

    @property
    def label(self) -> str:
        """The name, and the penalty where there is one."""
        return self.name if self.l1 is None else f"{self.name}, l1 = {self.l1:g}"


def fused(penalties: tuple[float, ...]) -> list[Contender]:
    """The operators of fusedstep, the proximal one with each penalty."""
    return [
        adam(ops.FusedSparseAdam(), "every"),
        adam(ops.FusedSparseLazyAdam(), "touched"),
        *(proximal_adagrad(l1) for l1 in penalties),
    ]


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
