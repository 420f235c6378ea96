"""fusedstep on NumPy arrays."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

import fusedstep as fs

from . import data, settings
from .steps import Step

VERSION = fs.__version__
begin = fs.set_num_threads


def stored(array: np.ndarray, dtype: str) -> Any:
    """An array in a storage type; NumPy has no bfloat16, so PyTorch provides it."""
    if dtype == "bfloat16":
        import torch

        # On the same kind of pages as NumPy's arrays.
        table = torch.from_numpy(fs.empty_table(array.shape, np.int16)).view(torch.bfloat16)
        return table.copy_(torch.from_numpy(array))
    return array.astype(dtype, copy=False)


def operator(
    size: data.Size, name: str, dtype: str = "float32", array_of: Callable[[np.ndarray, str], Any] = stored
) -> list[Step]:
    """An operator on a sparse gradient if the size has a batch, else on a dense one."""
    known = settings.OPERATORS[name]
    call = getattr(fs.ops, name)(**known.construct)
    states = [array_of(data.table(size, seed), dtype) for seed in range(known.states)]
    if not size.batch:
        gradient = array_of(data.table(size, known.states), dtype)
        return [Step(partial(call, *states, *known.before, gradient, *known.after))]
    return [
        Step(
            partial(
                call,
                *states,
                *known.before,
                array_of(gradient, dtype),
                *known.after,
                array_of(indices, indices.dtype.name),
            )
        )
        for indices, gradient in data.batches(size)
    ]


def rowwise_adagrad(size: data.Size) -> list[Step]:
    """Row-wise Adagrad, a rule without a documented operator."""
    call = fs.Operator(fs.rules.rowwise_adagrad)
    var, accum = data.table(size, 0), np.ones(size.rows, np.float32)
    scalars: dict[str, Any] = {"lr": settings.LR, "epsilon": settings.EPSILON}
    return [Step(partial(call, var, accum, gradient, indices, **scalars)) for indices, gradient in data.batches(size)]
