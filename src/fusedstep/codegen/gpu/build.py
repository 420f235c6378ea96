"""Build kernels for devices; Triton compiles them when they are launched."""

import linecache
import sys
import types
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np

from ...rules import words
from ...rules.idle import ClosedForm
from ..module_loader import execute, name_of
from ..recipe import Recipe
from ..rule.program import Program
from ..rule.spec import RuleSpec
from .plain_numbers import plain_numbers
from .weave import (
    weave,
    weave_column_sums,
    weave_host_numbers,
    weave_locate_blocks,
    weave_long_segments,
    weave_mark,
    weave_numbers,
    weave_table_keys,
    weave_words,
)
from .weave_history import weave_append, weave_begin, weave_forget

# Older ones divide and take roots by instructions that flush denormal numbers, or cannot compile our tuples.
OLDEST = (3, 6)
# What scalars are computed with on the host.
WORDS = {f"word_{name}": getattr(words, name) for name in words.__all__}


def build(recipe: Recipe, on_device: bool = False) -> Any:
    """Build the kernel of a recipe; its numbers may lie on the device."""
    return load(weave(recipe, on_device)).kernel


def numbers_for(program: Program, compute: str, there: tuple[bool, ...]) -> tuple[Any, int]:
    """The kernel that evaluates a step's numbers on a device, where some of the scalars lie, and how many they are."""
    kernel = load(weave_numbers(program, compute, there)).kernel
    return kernel, len(program.numbers)


def host_numbers_for(program: Program, compute: str) -> Callable[[Sequence[float]], list[float]]:
    """The function that evaluates a step's numbers from plain scalars, in float64, and rounds them once."""
    text = weave_host_numbers(program)
    module, plain, round_once = load_for_host(text), plain_numbers(text, compute), np.dtype(compute).type

    def numbers(scalars: Sequence[float]) -> list[float]:
        found = plain(scalars) if plain else None
        if found is not None:
            return found
        with np.errstate(all="ignore"):
            return [float(round_once(each)) for each in module.numbers(*map(np.float64, scalars))]

    return numbers


def append_for(spec: RuleSpec, closed_form: ClosedForm | None, compute: str, tolerance: float, on_device: bool) -> Any:
    """The kernel that appends a step to a history on a device, which may have begun it."""
    return load(weave_append(spec, closed_form, compute, tolerance, on_device)).kernel


def begin_for(
    spec: RuleSpec, closed_form: ClosedForm | None, compute: str, negligible: float, there: tuple[bool, ...]
) -> Any:
    """The kernel that begins a step on a device, where some of its scalars lie."""
    return load(weave_begin(spec, closed_form, compute, negligible, there)).kernel


@cache
def forget() -> Any:
    """The kernel that forgets the pending steps of all rows."""
    return load(weave_forget()).kernel


@cache
def long_segments_for(gradient: str, compute: str) -> Any:
    """The kernel that adds up rows with many gradients of a storage type."""
    return load(weave_long_segments(gradient, compute)).kernel


@cache
def table_keys() -> Any:
    """The kernel that writes the keys of the sparse gradients of many tables."""
    return load(weave_table_keys()).kernel


@cache
def column_sums_for(compute: str) -> Any:
    """The kernel that adds up the sums by column of row blocks."""
    return load(weave_column_sums(compute)).kernel


@cache
def mark() -> Any:
    """The kernel that notes for each row where it is named."""
    return load(weave_mark()).kernel


@cache
def locate_blocks() -> Any:
    """The kernel that notes for each block of many tensors its tensor."""
    return load(weave_locate_blocks()).kernel


@cache
def write_words(count: int) -> Any:
    """The kernel that writes words of 64 bits, which are its arguments."""
    return load(weave_words(count)).kernel


def load(text: str) -> types.ModuleType:
    """The module of a text.

    Raises:
        ImportError: Triton is not installed, or too old.
    """
    file = f"<{name_of(text)}>"
    # Triton reads the source of what it compiles.
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    try:
        module = execute(text)
    except ModuleNotFoundError as error:
        if error.name != "triton":
            raise
        raise ImportError(
            'steps on a device need triton, not installed here; install it with: pip install "fusedstep[gpu]"',
            name="triton",
        ) from error
    check_version()
    return module


@cache
def check_version() -> None:
    """Check that Triton is new enough.

    Raises:
        ImportError: it is too old.
    """
    version = str(sys.modules["triton"].__version__)
    if tuple(map(int, version.split(".")[:2])) < OLDEST:
        raise ImportError(
            f"steps on a device need triton {'.'.join(map(str, OLDEST))} or newer, found {version}, which rounds tiny "
            'numbers to zero; upgrade it with: pip install --upgrade "fusedstep[gpu]"',
            name="triton",
        )


def load_for_host(text: str) -> types.ModuleType:
    """The module of a text that NumPy's words are the words of."""
    module = execute(text)
    vars(module).update(WORDS)
    return module
