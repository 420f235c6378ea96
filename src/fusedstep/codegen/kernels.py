"""Hands out compiled kernels: weaves, loads and remembers them."""

import platform
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

from .program import Plan, plan_of
from .signature import read_signature
from .storage import ARRAYS
from .store import load
from .weave import Recipe, program_of, weave, weave_duplicates, weave_grouping, weave_overlap


class Kernel(NamedTuple):
    """A compiled kernel.

    Attributes:
        run: the loop: arrays, pitches, gradient, the loop's own arguments, scalars.
        may_overlap: takes the arrays and the gradient; whether any two share a stretch of memory.
        remember: of a loop with a history: writes a step's scalars there, as they are evaluated once a call.
    """

    run: Callable[..., None]
    may_overlap: Callable[..., bool]
    remember: Callable[..., None] | None


class Layout(NamedTuple):
    """What a rule with some switches asks of the arrays of a call.

    Attributes:
        states: for each state, which of "element", "row" and "column" has one number of it; "" if it is not used.
        changed: for each state that is used, whether the rule changes it.
        reach: how far the rule's sums reach, see ``program``.
        plan: where they reach beyond a row, what a step needs.
        hoisted: how many numbers a step's scalars come to, evaluated once a call.
    """

    states: tuple[str, ...]
    changed: tuple[bool, ...]
    reach: int
    plan: Plan
    hoisted: int


class Grouping(NamedTuple):
    """Those functions of ``loops/cpu/grouping.py`` that are called from outside, compiled."""

    group: Callable[..., tuple[int, int]]
    group_in_row_order: Callable[..., tuple[int, int]]
    is_sorted: Callable[..., int]
    group_sorted: Callable[..., tuple[int, int]]
    share_out: Callable[..., None]
    ascending: Callable[..., None]


def kernel_for(recipe: Recipe) -> Kernel:
    """The kernel of a recipe. Woven anew each time: a number that the rule names may have changed."""
    module = load(source_of(recipe))
    arrays = tuple(ARRAYS[storage] for storage in (*recipe.storages, recipe.gradient))
    return Kernel(module.kernel, overlap_for(arrays), getattr(module, "remember", None))


def layout_of(rule: Callable[..., Any], switches: tuple[tuple[str, bool], ...]) -> Layout:
    """What a rule asks of the arrays of a call.

    Raises:
        TypeError: the rule says something that cannot be woven.
    """
    program, signature = program_of(rule, switches), read_signature(rule)
    kinds = dict.fromkeys(program.signature.states, "element")
    kinds |= dict.fromkeys(signature.per_row, "row") | dict.fromkeys(signature.per_column, "column")
    used = program.signature.states
    states = tuple(kinds[name] if name in used else "" for name in signature.states)
    return Layout(states, program.changed, program.reach, plan_of(program), len(program.translation.numbers))


@cache
def grouping() -> Grouping:
    """The functions that group indices."""
    module = load(weave_grouping(Grouping._fields))
    return Grouping(*(getattr(module, name) for name in Grouping._fields))


@cache
def overlap_for(types: tuple[str, ...]) -> Callable[..., bool]:
    """Whether two of some arrays of these types share a stretch of memory; one for all rules."""
    function: Callable[..., bool] = load(weave_overlap(types)).may_overlap
    return function


@cache
def duplicates_for(gradient: str, compute: str) -> Callable[..., None]:
    """The loop ``loops/cpu/duplicates.py`` for a gradient's storage type and a compute type."""
    function: Callable[..., None] = load(weave_duplicates(gradient, compute, half_for(gradient))).duplicates
    return function


def source_of(recipe: Recipe) -> str:
    """The text of a recipe's kernel, as woven for the CPU at hand."""
    return weave(recipe, half_for(*recipe.storages, recipe.gradient))


def half_for(*storages: str) -> str:
    """How kernels for some storage types convert float16."""
    return "hardware" if "float16" in storages and converts_half() else "integers"


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
