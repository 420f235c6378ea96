"""Hands out compiled kernels: weaves, loads and remembers them."""

import platform
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

from .store import load
from .weave import Recipe, weave, weave_survey


class Kernel(NamedTuple):
    """A compiled kernel.

    Attributes:
        run: the loop: arrays, pitches, gradient, the loop's own arguments, scalars.
        may_overlap: takes the arrays and the gradient; whether any two share a stretch of memory.
    """

    run: Callable[..., None]
    may_overlap: Callable[..., bool]


class Survey(NamedTuple):
    """The compiled first look at indices; see ``loops/cpu/survey.py``."""

    first_outside: Callable[..., int]
    count_blocks: Callable[..., None]


@cache
def kernel_for(recipe: Recipe) -> Kernel:
    """The kernel of a recipe."""
    module = load(source_of(recipe))
    return Kernel(module.kernel, module.may_overlap)


@cache
def survey() -> Survey:
    """The kernels that look at indices."""
    module = load(weave_survey())
    return Survey(module.first_outside, module.count_blocks)


def source_of(recipe: Recipe) -> str:
    """The text of a recipe's kernel, as woven for the CPU at hand."""
    needs_half = "float16" in (*recipe.storages, recipe.gradient)
    return weave(recipe, "hardware" if needs_half and converts_half() else "integers")


@cache
def converts_half() -> bool:
    """Whether the CPU that Numba compiles for has instructions that convert float16; LLVM crashes without them."""
    from llvmlite import binding
    from numba.core import config

    if platform.machine().lower() in ("aarch64", "arm64"):
        return True
    if config.CPU_NAME or config.CPU_FEATURES is not None:
        return "+f16c" in (config.CPU_FEATURES or "")
    return bool(binding.get_host_cpu_features().get("f16c"))
