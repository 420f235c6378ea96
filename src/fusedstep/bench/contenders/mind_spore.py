"""MindSpore's own operators of the documented names."""

import os
from functools import partial
from typing import Any

import mindspore
from mindspore import Parameter, Tensor, ops

from . import settings, tables
from .steps import Step

VERSION = mindspore.__version__


def begin(threads: int) -> None:
    # Its setting counts threads that compute nothing as well: where it would take no more anyway, it is faster without.
    if (os.cpu_count() or threads) > threads:
        mindspore.runtime.dispatch_threads_num(threads)


def complete(operator: Any, arguments: list[Any]) -> None:
    operator(*arguments)
    # The call returns before its kernel has run; looking at the variable waits for it, and copies nothing.
    arguments[0].asnumpy()


def operator(size: tables.Size, name: str) -> list[Step]:
    """An operator on the gradient of rows where the size has a batch, else on a dense one."""
    known = settings.OPERATORS[name]
    call = getattr(ops, name)(**known.construct)
    states = [Parameter(Tensor(tables.table(size, seed)), name=f"state{seed}") for seed in range(known.states)]
    before, after = ([Tensor(value, mindspore.float32) for value in each] for each in (known.before, known.after))
    if not size.batch:
        gradient = Tensor(tables.table(size, known.states))
        return [Step(partial(complete, call, [*states, *before, gradient, *after]))]
    return [
        Step(partial(complete, call, [*states, *before, Tensor(gradient), *after, Tensor(indices)]))
        for indices, gradient in tables.batches(size)
    ]
