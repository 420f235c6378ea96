"""The host's time of calls on a device, with a stand-in for Triton's driver: ``python -m benchmarks.gpu.host_time``.

Memory is the CPU's, and launches do nothing: what remains is what the host does, PyTorch's sort of the indices on the
CPU included. Beside each call is the same without prepared checks and direct launches.
"""

import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from functools import partial
from typing import Any
from unittest import mock

os.environ["TRITON_INTERPRET"] = "0"

import torch

import fusedstep as fs
from fusedstep.arrays import torch_device
from fusedstep.runtime.gpu import launch_kernel, plain_step
from fusedstep.torch import settings

from .stand_in import StandIn, standing_in

SHAPE, TENSORS = (64, 64), 200
WARM_UP, ROUNDS = 5, 300
SCALARS = (0.9, 0.999, 0.001, 0.9, 0.999, 1e-8)


@contextmanager
def counting_on_the_host() -> Iterator[None]:
    """Take the step counts of optimizers for what they are, while the CPU is taken for a device."""
    with mock.patch.object(settings, "on_device", return_value=False):
        yield


def calls() -> Iterator[tuple[str, Callable[[], object]]]:
    """What is timed."""
    yield from calls_of_operators()
    yield from calls_of_deferred_rows()
    yield from calls_of_optimizers()


def calls_of_operators() -> Iterator[tuple[str, Callable[[], object]]]:
    """Operators on plain tensors."""
    var, m, v, gradient = (torch.ones(SHAPE) for _ in range(4))
    indices = torch.arange(len(gradient))
    adam, proximal = fs.ops.Adam(), fs.ops.ApplyProximalAdagrad()
    yield "Adam, dense", lambda: adam(var, m, v, *SCALARS, gradient)
    yield "ApplyProximalAdagrad", lambda: proximal(var, m, 0.1, 0.1, 0.1, gradient)
    for name in ("FusedSparseLazyAdam", "FusedSparseAdam"):
        for check in (True, False):
            step = getattr(fs.ops, name)(check_indices=check)
            checked = "" if check else ", unchecked"
            yield f"{name}{checked}", lambda step=step: step(var, m, v, *SCALARS, gradient, indices)  # type: ignore[misc]


def calls_of_deferred_rows() -> Iterator[tuple[str, Callable[[], object]]]:
    """A step of deferred rows, which the host or the device counts."""
    names = fs.Operator(fs.rules.adam).signature.scalars
    gradient, indices = torch.ones(SHAPE), torch.arange(SHAPE[0])
    for where in ("host", "device"):
        table = fs.DeferredRows(fs.rules.adam, *(torch.ones(SHAPE) for _ in range(3)), check_indices=False)
        scalars = dict(zip(names, (0.001, 0.9, 0.999, 1e-8, 0.9, 0.999), strict=True))
        known: dict[str, Any] = scalars | ({"lr": torch.tensor(0.001)} if where == "device" else {})
        yield f"DeferredRows, the {where} counts", partial(table.step, gradient, indices, **known)


def calls_of_optimizers() -> Iterator[tuple[str, Callable[[], object]]]:
    """Steps of optimizers, whose steps the host counts, or the device for graphs."""
    for count in (1, TENSORS):
        for capturable in (False, True):
            parameters = [torch.nn.Parameter(torch.ones(SHAPE)) for _ in range(count)]
            for each in parameters:
                each.grad = torch.ones(SHAPE)
            step = fs.torch.Adam(parameters, capturable=capturable).step
            yield f"fs.torch.Adam, {count} tensors{', capturable' * capturable}", step


@contextmanager
def full_way() -> Iterator[None]:
    """All checks and Triton's binder in each call."""
    with ExitStack() as ways:
        ways.enter_context(mock.patch.object(launch_kernel, "place_of_launches", return_value=None))
        ways.enter_context(mock.patch.object(plain_step, "prepare", return_value=None))
        yield


def microseconds(call: Callable[[], object], rounds: int) -> float:
    """The median time of a call."""
    for _ in range(WARM_UP):
        call()
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        call()
        times.append(time.perf_counter() - began)
    return 1e6 * statistics.median(times)


def main(rounds: int = ROUNDS) -> None:
    print(f"{'host, microseconds a call':40}{'prepared':>10}{'full way':>10}")
    with standing_in(StandIn(noting=False)), mock.patch.object(torch_device, "DEVICES", {"cpu"}):
        for title, call in calls():
            few = max(2, rounds // 20) if str(TENSORS) in title else rounds
            with nullcontext() if "capturable" in title else counting_on_the_host():
                prepared = microseconds(call, few)
                with full_way():
                    print(f"{title:40}{prepared:10.1f}{microseconds(call, few):10.1f}", flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
