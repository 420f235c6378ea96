"""The compiled functions of the CPU, each compiled at its first use: span functions and loops."""

import ctypes
from array import array
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any

from ...loops.cpu.block import Template
from ...rules.idle import ClosedForm
from ...storage import STORAGES, compute_type
from ..recipe import Recipe
from ..rule.program import Program, ReductionScope
from . import compiler, engine, loops
from .span_functions import SpanFunction, flat_step_function, prepare_function, step_function, sum_function
from .step_writer import StepWriter
from .tensor_stages import StageWriter

Function = Callable[..., Any]
Closed = tuple[ClosedForm, tuple[tuple[str, bool], ...]]
Key = tuple[str, str | int | Closed | None]


def build(recipe: Recipe) -> "SpanFunctions":
    """The span functions of a rule; those that the recipe's loop calls are compiled, others at their first use."""
    functions = SpanFunctions(recipe.spec.program, recipe.storages, recipe.gradient_storage, recipe.stochastic)
    if recipe.loop:
        closed = (recipe.closed_form, recipe.spec.switches) if recipe.closed_form else None
        functions.compile(recipe.loop, closed)
    return functions


class SpanFunctions:
    """The span functions of a rule for some storage types.

    Attributes:
        program: the rule.
        storages: the storage type of each state.
        gradient_storage: the storage type of the gradient.
        stochastic: whether narrow states are rounded stochastically.
        compute: the compute type.
        kinds: what each state holds one number of.
        by_rows: whether rows take the step one by one, since the rule sees them.
        state_bytes, gradient_bytes: the bytes of an element of each.
        template: of the blocks of calls.
        plain_blocks: the blocks of steps with plain arrays, by size or shape.
    """

    def __init__(
        self, program: Program, storages: Sequence[str], gradient_storage: str, stochastic: bool = False
    ) -> None:
        self.program, self.storages, self.gradient_storage, self.stochastic = (
            program,
            tuple(storages),
            gradient_storage,
            stochastic,
        )
        self.compute = compute_type(storages[0])
        self.kinds = program.kinds
        self.by_rows = program.reduction_scope != ReductionScope.ELEMENT
        self.state_bytes = [STORAGES[storage].item_bytes for storage in storages]
        self.gradient_bytes = STORAGES[gradient_storage].item_bytes
        scalars = len(program.signature.scalars)
        self.template = Template(self.state_bytes, len(program.hoisted), scalars)
        self.plain_blocks: dict[Any, array[int]] = {}
        self._addresses: dict[Key, int] = {}
        self._evaluate_and_compare: Function | None = None
        self._take_step: Function | None = None

    @property
    def stored(self) -> int:
        """The address of the step with a gradient as it is stored."""
        return self.address("step", self.gradient_storage)

    @property
    def summed(self) -> int:
        """The address of the step with a sum in the compute type."""
        return self.address("step", self.compute)

    @property
    def zero(self) -> int:
        """The address of the step with a gradient of zero."""
        return self.address("step", None)

    @property
    def take_step(self) -> Function:
        """The step with a gradient as it is stored: of a block, a row, a count and the address of a gradient."""
        if self._take_step is None:
            self._take_step = callable_at(self.stored, 4)
        return self._take_step

    def closed_form(self, idle: ClosedForm, switches: tuple[tuple[str, bool], ...]) -> int:
        """The address of a closed form of steps with a gradient of zero, for the switches of the rule."""
        return self.address("closed_form", (idle, switches))

    def closed_form_text(self, idle: ClosedForm, switches: tuple[tuple[str, bool], ...]) -> SpanFunction:
        """The same as text."""
        # Here, since most calls defer nothing, and the first one is to come soon.
        from ..rule.closed_form import closed_program
        from .closed_forms import closed_form_function

        program = closed_program(idle, self.program, switches)
        return closed_form_function(idle, program, self.storages, has_half(*self.storages))

    @property
    def evaluate_and_compare(self) -> Function:
        """Computes the numbers of a block from its scalars; returns whether two of its arrays may share memory."""
        if self._evaluate_and_compare is None:
            self._evaluate_and_compare = callable_at(self.address("prepare", None), 1, returns=True)
        return self._evaluate_and_compare

    def stage(self, number: int) -> int:
        """The address of a stage of a rule whose sums reach beyond a row."""
        return self.address("stage", number)

    def address(self, kind: str, which: str | int | Closed | None) -> int:
        """The address of one of the functions."""
        key = kind, which
        if key not in self._addresses:
            self._addresses[key] = compiled(self.text(*key))
        return self._addresses[key]

    def text(self, kind: str, which: Any) -> SpanFunction:
        """One of the functions as text: the step with a gradient of some storage type, a stage, a closed form, or what
        prepares."""
        if kind == "prepare":
            return prepare_function(self.program, self.compute)
        if kind == "closed_form":
            return self.closed_form_text(*which)
        gradient = self.gradient_storage if kind == "stage" else which
        known = self.program, self.storages, gradient, has_half(*self.storages, gradient), self.stochastic
        return step_function(StepWriter(*known) if kind == "step" else StageWriter(*known, which))

    def called_by(self, loop: str, closed: Closed | None = None) -> Iterator[tuple[str, Key]]:
        """The functions that a loop calls, and what each is for; ``closed`` is the closed form of deferred rows."""
        yield "evaluates the scalars and compares where arrays lie, once a call", ("prepare", None)
        if loop == "whole_tensor":
            for number in range(self.program.stages):
                yield f"stage {number + 1}: goes through a row", ("stage", number)
            return
        yield "takes a step, with a gradient as it is stored", ("step", self.gradient_storage)
        if loop != "dense" and self.gradient_storage != self.compute:
            yield "takes a step, with a sum of gradients", ("step", self.compute)
        if loop in ("every_row", "deferred_rows"):
            yield "takes a step, with a gradient of zero", ("step", None)
        if loop == "deferred_rows" and closed:
            yield "applies the pending steps of a row, in closed form", ("closed_form", closed)

    def compile(self, loop: str, closed: Closed | None = None) -> None:
        """Compile what a loop calls."""
        for _, key in self.called_by(loop, closed):
            self.address(*key)
        if loop == "dense":
            flat_step()


@cache
def sums(gradient_storage: str, compute: str, weighted: bool = False) -> tuple[int, int]:
    """The addresses of the functions that load a gradient, or one times a factor, into a sum, and add it to one."""
    half = has_half(gradient_storage)
    load, add = (sum_function(gradient_storage, compute, add, half, weighted) for add in (False, True))
    return compiled(load), compiled(add)


@cache
def flat_step() -> Function:
    """Takes the step of a block of one row."""
    return callable_at(compiled(flat_step_function()), 1)


@cache
def loop(name: str) -> Function:
    """A loop of ``loops/cpu``, compiled."""
    return callable_at(loop_address(name), *loops.interface(name))


@cache
def loop_of_objects(name: str) -> Function:
    """A loop that asks Python's objects, compiled: its caller keeps the interpreter's lock."""
    arguments, _ = loops.interface(name)
    found: Function = ctypes.PYFUNCTYPE(None, *[ctypes.c_int64] * arguments)(loop_address(name))
    return found


def loop_address(name: str) -> int:
    """The address of a loop of ``loops/cpu``."""
    return engine.address_of(name, loops.sources(), lambda symbol: loops.object_code(name, symbol))


def compiled(function: SpanFunction) -> int:
    """The address of a span function."""
    return engine.address_of(
        function.name, function.text, lambda symbol: compiler.object_code(function.text, function.name, symbol)
    )


def has_half(*storages: str | None) -> bool:
    """Return whether the CPU's own instructions convert float16."""
    return "float16" in storages and compiler.has_half()


@cache
def type_of(arguments: int, returns: bool) -> Any:
    """The type of a function of integers, called without the interpreter's lock."""
    return ctypes.CFUNCTYPE(ctypes.c_int64 if returns else None, *[ctypes.c_int64] * arguments)


def callable_at(address: int, arguments: int, returns: bool = False) -> Function:
    """The function of integers at an address."""
    found: Function = type_of(arguments, returns)(address)
    return found
