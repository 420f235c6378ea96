"""MindSpore's own operators of the same names."""

from collections.abc import Callable
from functools import partial
from typing import Any

import mindspore
import work
from mindspore import Parameter, Tensor, ops


def complete(operator: Any, arguments: list[Any]) -> None:
    operator(*arguments)
    # The call returns before its kernel has run; looking at the variable waits for it, and copies nothing.
    arguments[0].asnumpy()


def states(count: int) -> list[Parameter]:
    return [Parameter(Tensor(work.table(seed)), name=f"state{seed}") for seed in range(count)]


def numbers(values: dict[str, float]) -> list[Tensor]:
    return [Tensor(value, mindspore.float32) for value in values.values()]


def sparse_adam(operator: Any) -> list[Callable[[], None]]:
    own = states(3)
    return [
        partial(complete, operator, [*own, *numbers(work.ADAM), Tensor(gradient), Tensor(indices)])
        for indices, gradient in work.batches()
    ]


def proximal_adagrad() -> list[Callable[[], None]]:
    own = states(2)
    return [partial(complete, ops.ApplyProximalAdagrad(), [*own, *numbers(work.PROXIMAL), Tensor(work.table(2))])]


WORKS = {
    "FusedSparseAdam": partial(sparse_adam, ops.FusedSparseAdam()),
    "FusedSparseLazyAdam": partial(sparse_adam, ops.FusedSparseLazyAdam()),
    "ApplyProximalAdagrad": proximal_adagrad,
}
