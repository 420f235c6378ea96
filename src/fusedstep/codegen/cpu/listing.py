"""What a rule becomes on the CPU, to be read: its program, and its span functions as LLVM text or as assembly."""

from collections.abc import Iterator, Sequence

from ..program import Program
from . import compiler
from .functions import SpanFunctions
from .span_functions import SpanFunction


def listing(program: Program, storages: Sequence[str], gradient: str, loop: str, assembly: bool = False) -> str:
    """The program, then each function that a loop calls.

    Args:
        program: the rule.
        storages, gradient: the storage types.
        loop: the loop.
        assembly: whether functions are shown as assembly.
    """
    parts = []
    for said, function in functions_of(SpanFunctions(program, storages, gradient), loop):
        text = compiler.assembly(function.text) if assembly else compiler.for_host(function.text)
        parts.append(f"; {said}\n{text.strip()}")
    return "\n\n".join([statements(program), *parts])


def statements(program: Program) -> str:
    """The program, as comments: numbers that are evaluated once a call, then the statements of an element."""
    translation = program.translation
    lines = [f"scalars[{k}] = {text}" for k, text in enumerate(translation.hoisted)]
    text = "\n".join([*lines, *program.functions])
    return "\n".join(f"; {line}".rstrip() for line in text.splitlines())


def functions_of(functions: SpanFunctions, loop: str) -> Iterator[tuple[str, SpanFunction]]:
    """The functions that a loop calls, and what each is for."""
    stored, summed = functions.gradient, functions.compute
    yield "evaluates the scalars and compares where arrays lie, once a call", functions.prepare_text()
    yield "takes a step, with a gradient as it is stored", functions.step_text(stored)
    if loop != "dense" and stored != summed:
        yield "takes a step, with a sum of gradients", functions.step_text(summed)
    if loop == "every_row":
        yield "takes a step, with a gradient of zero", functions.step_text(None)
