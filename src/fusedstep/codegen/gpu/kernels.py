"""Hands out kernels for devices: weaves and remembers them; Triton compiles them when they are launched."""

import hashlib
import linecache
import sys
import threading
import types
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np

from ...rules import words
from ...rules.idle import Idle
from ..weave import Recipe, program_of
from .weave import weave, weave_heavy, weave_host_numbers, weave_host_totals, weave_mark, weave_numbers

PREFIX = "fusedstep_triton_"

# What scalars are computed with on the host.
WORDS = {f"word_{name}": getattr(words, name) for name in words.__all__}

_lock = threading.Lock()


def kernel_for(recipe: Recipe, on_device: bool) -> Any:
    """The kernel of a recipe. Woven anew each time: a number that the rule names may have changed."""
    return load(weave(recipe, on_device)).kernel


def numbers_for(rule: Any, switches: tuple[tuple[str, bool], ...], compute: str) -> tuple[Any, int]:
    """The kernel that evaluates a step's numbers from scalars on a device, and how many they are."""
    return load(weave_numbers(rule, switches, compute)).kernel, len(program_of(rule, switches).translation.numbers)


def host_numbers_for(
    rule: Any, switches: tuple[tuple[str, bool], ...], compute: str
) -> Callable[[Sequence[float]], list[float]]:
    """The function that evaluates a step's numbers from plain scalars, in float64, and rounds them once."""
    module = load(weave_host_numbers(rule, switches), WORDS)
    round_once = np.dtype(compute).type

    def numbers(scalars: Sequence[float]) -> list[float]:
        with np.errstate(all="ignore"):
            return [float(round_once(each)) for each in module.numbers(*map(np.float64, scalars))]

    return numbers


def host_totals_for(
    rule: Any, switches: tuple[tuple[str, bool], ...], idle: Idle, compute: str
) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """The function that evaluates what a closed form needs from totals, since many steps at once."""
    module = load(weave_host_totals(rule, switches, idle), WORDS)

    def numbers(totals: np.ndarray, held: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):
            found = module.numbers(*totals, *held)
            return np.stack([np.broadcast_to(each, totals.shape[1:]).astype(compute) for each in found])

    return numbers


@cache
def heavy_for(gradient: str, compute: str) -> Any:
    """The kernel that adds up rows with many gradients of a storage type."""
    return load(weave_heavy(gradient, compute)).kernel


@cache
def mark() -> Any:
    """The kernel that notes for each row where it is named."""
    return load(weave_mark()).kernel


def load(text: str, known: dict[str, Any] | None = None) -> types.ModuleType:
    """The module of a text, by the hash of the text; what is ``known`` in it stands for words."""
    name = PREFIX + hashlib.sha256(text.encode()).hexdigest()
    with _lock:
        module = sys.modules.get(name)
        if module is None:
            file = f"<{name}>"
            # Triton reads the source of what it compiles.
            linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
            module = types.ModuleType(name)
            module.__dict__.update(known or {})
            exec(compile(text, file, "exec"), module.__dict__)  # noqa: S102 - the text was woven here
            sys.modules[name] = module
    return module
