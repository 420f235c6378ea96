"""fusedstep itself."""

from collections.abc import Callable
from functools import partial

import work

import fusedstep as fs

fs.set_num_threads(work.THREADS)


def sparse_adam(operator: Callable[..., object]) -> list[Callable[[], object]]:
    states = [work.table(seed) for seed in range(3)]
    return [partial(operator, *states, *work.ADAM.values(), gradient, indices) for indices, gradient in work.batches()]


def proximal_adagrad() -> list[Callable[[], object]]:
    var, accum, grad = (work.table(seed) for seed in range(3))
    return [partial(fs.ops.ApplyProximalAdagrad(), var, accum, *work.PROXIMAL.values(), grad)]


WORKS = {
    "FusedSparseAdam": partial(sparse_adam, fs.ops.FusedSparseAdam()),
    "FusedSparseLazyAdam": partial(sparse_adam, fs.ops.FusedSparseLazyAdam()),
    "ApplyProximalAdagrad": proximal_adagrad,
}
