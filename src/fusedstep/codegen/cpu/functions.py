"""The compiled functions of the CPU, each made when it is first asked for: span functions and loops."""

import ctypes
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from ...loops.cpu.block import Template
from ...rules.idle import Idle
from ..program import Program
from ..storage import ITEM_BYTES, compute_type
from . import compiler, engine, loops
from .span_functions import SpanFunction, prepare_function, step_function, sum_function

Function = Callable[..., Any]


class SpanFunctions:
    """The span functions of a rule for some storage types.

    Attributes:
        program: the rule.
        storages: the storage type of each state.
        gradient: the storage type of the gradient.
        compute: the compute type.
        numbers: how many numbers the scalars come to.
        state_bytes, gradient_bytes: the bytes of an element of each.
        template: of the blocks of calls.
    """

    def __init__(self, program: Program, storages: Sequence[str], gradient: str) -> None:
        self.program, self.storages, self.gradient = program, tuple(storages), gradient
        self.compute = compute_type(storages[0])
        self.numbers = len(program.translation.hoisted)
        self.state_bytes = [ITEM_BYTES[storage] for storage in storages]
        self.gradient_bytes = ITEM_BYTES[gradient]
        self.template = Template(self.state_bytes, self.numbers, len(program.signature.scalars))
        self._steps: dict[str | None, int] = {}
        self._closed_forms: dict[Idle, int] = {}
        self._prepare: Function | None = None
        self._take_step: Function | None = None

    @property
    def stored(self) -> int:
        """The address of the step with a gradient as it is stored."""
        return self.step(self.gradient)

    @property
    def summed(self) -> int:
        """The address of the step with a sum in the compute type."""
        return self.step(self.compute)

    @property
    def zero(self) -> int:
        """The address of the step with a gradient of zero."""
        return self.step(None)

    @property
    def take_step(self) -> Function:
        """The step with a gradient as it is stored: of a block, a row, a count and the address of a gradient."""
        if self._take_step is None:
            self._take_step = callable_at(self.stored, 4)
        return self._take_step

    def step(self, gradient: str | None) -> int:
        """The address of the step with a gradient of some storage type."""
        if gradient not in self._steps:
            self._steps[gradient] = compiled(self.step_text(gradient))
        return self._steps[gradient]

    def step_text(self, gradient: str | None) -> SpanFunction:
        """The same as text."""
        return step_function(self.program, self.storages, gradient, has_half(*self.storages, gradient))

    def closed_form(self, idle: Idle, switches: tuple[tuple[str, bool], ...]) -> int:
        """The address of a closed form of steps with a gradient of zero, for the switches of the rule."""
        if idle not in self._closed_forms:
            self._closed_forms[idle] = compiled(self.closed_form_text(idle, switches))
        return self._closed_forms[idle]

    def closed_form_text(self, idle: Idle, switches: tuple[tuple[str, bool], ...]) -> SpanFunction:
        """The same as text."""
        # Here, since most calls defer nothing, and the first one is to come soon.
        from ..closed import closed_program
        from .closed_forms import closed_form_function

        program = closed_program(idle, self.program, switches)
        return closed_form_function(idle, program, self.storages, has_half(*self.storages))

    def compile(self, loop: str) -> None:
        """Makes ready what a loop calls."""
        _ = self.prepare, self.take_step
        if loop != "dense":
            _ = self.summed
        if loop == "every_row":
            _ = self.zero

    @property
    def prepare(self) -> Function:
        """Computes the numbers of a block from its scalars, and tells whether two of its arrays may share memory."""
        if self._prepare is None:
            self._prepare = callable_at(compiled(self.prepare_text()), 1, returns=True)
        return self._prepare

    def prepare_text(self) -> SpanFunction:
        """The same as text."""
        return prepare_function(self.program, self.compute)


@cache
def sums(gradient: str, compute: str) -> tuple[int, int]:
    """The addresses of the functions that load a gradient into a sum, and add it to one."""
    load, add = (sum_function(gradient, compute, add, has_half(gradient)) for add in (False, True))
    return compiled(load), compiled(add)


@cache
def loop(name: str, module: str = "") -> Function:
    """A loop of ``loops/cpu``: a function, and the file that holds it where that has another name."""
    arguments, returns = loops.interface(name, module or name)
    address = engine.address_of(name, loops.sources(), lambda symbol: loops.object_code(name, module or name, symbol))
    return callable_at(address, arguments, returns)


def compiled(function: SpanFunction) -> int:
    """The address of a span function."""
    return engine.address_of(
        function.name, function.text, lambda symbol: compiler.object_code(function.text, function.name, symbol)
    )


def has_half(*storages: str | None) -> bool:
    """Whether float16 is converted by the CPU's own instructions."""
    return "float16" in storages and compiler.has_half()


@cache
def type_of(arguments: int, returns: bool) -> Any:
    """The type of a function of integers, called without the interpreter's lock."""
    return ctypes.CFUNCTYPE(ctypes.c_int64 if returns else None, *[ctypes.c_int64] * arguments)


def callable_at(address: int, arguments: int, returns: bool = False) -> Function:
    """The function of integers at an address."""
    found: Function = type_of(arguments, returns)(address)
    return found
