"""What a rule becomes on the CPU, to be read: its program, and its span functions as LLVM text or as assembly."""

import ast

from ..recipe import Recipe
from ..rule.axes import COLUMN, MATRIX, ROW, TENSOR
from ..rule.program import Program
from ..rule.values import local
from . import compiler
from .build import SpanFunctions

REDUCED = ROW, MATRIX, TENSOR, COLUMN


def listing(recipe: Recipe, assembly: bool = False) -> str:
    """The program, then each function that the loop calls, as LLVM text or as assembly."""
    parts = []
    program = recipe.spec.program
    functions = SpanFunctions(program, recipe.storages, recipe.gradient_storage, recipe.stochastic)
    closed = (recipe.closed_form, recipe.spec.switches) if recipe.closed_form else None
    for said, key in functions.called_by(recipe.loop, closed):
        function = functions.text(*key)
        text = compiler.assembly(function.text) if assembly else compiler.for_host(function.text)
        parts.append(f"; {said}\n{text.strip()}")
    return "\n\n".join([statements(program), *parts])


def statements(program: Program) -> str:
    """The program, as comments: numbers that are evaluated once a call, then the statements of an element."""
    lines = [f"scalars[{k}] = {text}" for k, text in enumerate(program.hoisted)]
    for stage in range(program.last + 1):
        now = [each for each in program.lines if each.value.stage == stage]
        lines += [f"{each.name} = {ast.unparse(each.value.node)}" for each in now]
        lines += [f"{each.name} = {each.word}({each.argument})" for each in program.reductions_of(stage, *REDUCED)]
    states = [local(name) for name in program.signature.states]
    results = [ast.unparse(each.node) for each in program.results]
    lines += [f"{state} = {new}" for state, new in zip(states, results, strict=True) if state != new]
    return "\n".join(f"; {line}" for line in lines)
