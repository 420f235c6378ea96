"""MindSpore's operators of the documented names."""

import os
from functools import partial
from typing import Any

import mindspore
from libraries import data, settings
from libraries.steps import Step
from mindspore import Parameter, Tensor, ops

VERSION = mindspore.__version__


def begin(threads: int) -> None:
    # The setting also counts threads that compute nothing: MindSpore is faster without it if it has no effect anyway.
    if (os.cpu_count() or threads) > threads:
        mindspore.runtime.dispatch_threads_num(threads)


def complete(operator: Any, arguments: list[Any]) -> None:
    operator(*arguments)
    # The call returns before its kernel has run. Viewing the variable waits for the kernel, without a copy.
    arguments[0].asnumpy()


def operator(size: data.Size, name: str) -> list[Step]:
    """An operator on a sparse gradient if the size has a batch, else on a dense one."""
    known = settings.OPERATORS[name]
    call = getattr(ops, name)(**known.construct)
    states = [Parameter(Tensor(data.table(size, seed)), name=f"state{seed}") for seed in range(known.states)]
    before, after = ([Tensor(value, mindspore.float32) for value in each] for each in (known.before, known.after))
    if not size.batch:
        gradient = Tensor(data.table(size, known.states))
        return [Step(partial(complete, call, [*states, *before, gradient, *after]))]
    return [
        Step(partial(complete, call, [*states, *before, Tensor(gradient), *after, Tensor(indices)]))
        for indices, gradient in data.batches(size)
    ]
