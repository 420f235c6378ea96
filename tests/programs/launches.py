"""Calls as users make them, compiled for a device that need not be there, and not run.

Triton binds the arguments and compiles; in place of launching, ``python -m tests.programs.launches`` writes what would
be launched as JSON.
"""

import json
import os
import re
import sys
from collections.abc import Callable
from typing import Any

os.environ["TRITON_INTERPRET"] = "0"

import torch
from triton.backends.compiler import GPUTarget
from triton.runtime import driver, jit

import fusedstep as fs
from fusedstep.arrays import torch_device
from tests.programs.assembly import spilled

ADAM = {"lr": 0.1, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-3, "beta1_power": 0.729, "beta2_power": 0.997}


class Absent:
    """A device that is asked for what it is, and nothing else."""

    def get_current_device(self) -> int:
        return 0

    def get_current_stream(self, device: Any = None) -> int:
        return 0

    def get_current_target(self) -> GPUTarget:
        return GPUTarget("cuda", 90, 32)


launched: list[dict[str, Any]] = []
compiled: dict[Any, int] = {}
run = jit.JITFunction.run


def noted(function: Any, *arguments: Any, grid: Any, warmup: bool, **options: Any) -> Any:
    """Compiles what would be launched, and notes it."""
    kernel = run(function, *arguments, grid=grid, warmup=True, **options)
    loads = [int(found or 1) for found in re.findall(r"ld\.global(?:\.v(\d))?\.b32", kernel.asm["ptx"])]
    title = function.fn.__globals__["__doc__"].splitlines()[0].removesuffix(".")
    number = compiled.setdefault(kernel, len(compiled))
    noted = {"title": title, "grid": grid, "kernel": number, "widest": max(loads, default=0)}
    # Adafactor's last launch, after which no element is left, has numbers of columns alone.
    noted["elements"] = options.get("FIRST_LAUNCH") != 3
    fused = re.findall(r"\b(?:fma|mad)\.rn\S*", kernel.asm["ptx"])
    launched.append(noted | {"spilled": spilled(kernel.asm["cubin"]), "fused": fused})
    return kernel


def ones(*shape: int, dtype: Any = torch.float32) -> torch.Tensor:
    return torch.ones(shape, dtype=dtype)


def of_adam(size: int, count: int = 0, which: str = "touched", **scalars: Any) -> None:
    """A step of Adam with a table of so many rows: dense, or with so many gradients."""
    operator, states = fs.Operator(fs.rules.adam), [ones(size, 64) for _ in range(3)]
    indices = torch.arange(count) if count else None
    operator(*states, ones(count or size, 64), indices, rows=which, **ADAM | scalars)


def dense() -> None:
    for size in (100, 333):
        of_adam(size)
    of_adam(100, lr=torch.tensor(0.1))


def touched() -> None:
    for size, count in ((100, 9), (50, 1), (1000, 40), (1000, 200)):
        of_adam(size, count)


def bags() -> None:
    """Bags of ten indices, one of which is in most of them; with weights, and without."""
    grad, indices, offsets = ones(20, 64), torch.arange(200).clamp(max=99), torch.arange(0, 200, 10)
    for weights in (None, ones(200)):
        for which in ("touched", "every"):
            states = [ones(100, 64) for _ in range(3)]
            fs.Operator(fs.rules.adam)(*states, grad, indices, offsets, weights, rows=which, **ADAM)


def every() -> None:
    for size, count in ((100, 9), (50, 1)):
        of_adam(size, count, "every")


def deferred() -> None:
    table = fs.DeferredRows(fs.rules.adam, *(ones(100, 64) for _ in range(3)))
    for step in range(1, 4):
        table.step(ones(9, 64), torch.arange(9), **ADAM | {"beta1_power": 0.9**step, "beta2_power": 0.999**step})
        table.catch_up(torch.arange(step))
    table.flush()
    # From the first scalar on the device on, the device counts.
    for step in range(1, 4):
        powers = {"beta1_power": torch.tensor(0.9**step), "beta2_power": 0.999**step}
        table.step(ones(9, 64), torch.arange(9), **ADAM | powers)
        table.catch_up(torch.arange(step))
    table.flush()


def sums() -> None:
    scalars = dict.fromkeys(fs.Operator(fs.rules.lamb).signature.scalars, 0.1)
    for rows in (96, 320, 640, 6400):
        fs.Operator(fs.rules.lamb)(*(ones(rows, 64) for _ in range(4)), **scalars)
    adafactor = fs.Operator(fs.rules.adafactor)
    scalars = dict.fromkeys(adafactor.signature.scalars, 0.1)
    for rows in (100, 640, 6400):
        adafactor(ones(rows, 64), None, ones(rows), ones(64), None, ones(rows, 64), **scalars)
    fs.Operator(fs.rules.rowwise_adagrad)(ones(100, 64), ones(100), ones(100, 64), lr=0.1, epsilon=0.1)


def by_chance() -> None:
    states = ones(100, 64, dtype=torch.bfloat16), ones(100, 64)
    for step in (0, 2**40):
        operator = fs.Operator(fs.rules.momentum, rounding="stochastic")
        operator(*states, ones(100, 64), lr=0.1, momentum=0.9, step=step)


def optimizer() -> None:
    params = [torch.nn.Parameter(ones(size, 64)) for size in (100, 1, 7)]
    for param in params:
        param.grad = torch.ones_like(param)
    for capturable in (False, True):
        adam = fs.torch.AdamW(params, capturable=capturable)
        for _ in range(3):
            adam.step()


def unaligned() -> None:
    """Parameters of an optimizer of which one starts where loads cannot be wide."""
    params = [torch.nn.Parameter(ones(65)[start:64]) for start in (0, 1)]
    adam = fs.torch.Adam(params)
    for param in params:
        param.grad = torch.ones_like(param)
    for _ in range(2):
        adam.step()


def tables() -> None:
    """Tables of an optimizer, with rows that occur often; then others, of which one starts anywhere."""
    for start in (0, 1):
        params = [torch.nn.Parameter(ones(size * 64 + start)[start:].view(size, 64)) for size in (100, 7, 50)]
        for made in (fs.torch.SGD(params, lr=0.1), fs.torch.Adam(params)):
            for count in (40, 50, 60):
                for param in params:
                    rows = torch.arange(count)[None] % len(param)
                    param.grad = torch.sparse_coo_tensor(rows, ones(count, 64), param.shape, check_invariants=True)
                made.step()


CALLS: list[Callable[[], None]] = [dense, touched, bags, every, deferred, sums, by_chance, optimizer, unaligned, tables]


def main() -> None:
    driver.set_active(Absent())
    jit.JITFunction.run = noted
    torch_device.DEVICES.add("cpu")
    found = {}
    for call in CALLS:
        launched.clear()
        call()
        found[call.__name__] = list(launched)
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
