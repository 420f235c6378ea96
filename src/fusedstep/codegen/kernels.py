"""Hands out woven kernels, compiled by Numba."""

from collections.abc import Callable
from typing import NamedTuple

from .cpu.compiler import has_half
from .store import load
from .weave import Recipe, weave


class Kernel(NamedTuple):
    """A compiled kernel.

    Attributes:
        run: the loop: arrays, pitches, gradient, the loop's own arguments, scalars.
        remember: of a loop with a history: writes a step's scalars there, as they are evaluated once a call.
    """

    run: Callable[..., None]
    remember: Callable[..., None] | None


def kernel_for(recipe: Recipe) -> Kernel:
    """The kernel of a recipe. Woven anew each time: a number that the rule names may have changed."""
    module = load(source_of(recipe))
    return Kernel(module.kernel, getattr(module, "remember", None))


def source_of(recipe: Recipe) -> str:
    """The text of a recipe's kernel, as woven for the CPU at hand."""
    return weave(recipe, half_for(*recipe.storages, recipe.gradient))


def half_for(*storages: str) -> str:
    """How kernels for some storage types convert float16."""
    return "hardware" if "float16" in storages and has_half() else "integers"
