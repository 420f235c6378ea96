"""Whether the change that a step makes to the variable depends on the variable's value."""

import ast
import operator
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from .program import Program
from .values import local

ARITHMETIC: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


def depends_on_variable(program: Program, known: Mapping[str, float]) -> bool:
    """Return whether a step needs the variable's value: for a new state, or for the change of the variable.

    It does not if the rule adds something to the variable that is free of it. A product with a known factor of 0 is
    free of the variable: without weight decay, gradient descent is.

    Args:
        program: the rule's program.
        known: the scalars that are known numbers.
    """
    values = {local(name): number for name, number in known.items()}
    hoisted = [value_of(ast.parse(text, mode="eval").body, values) for text in program.hoisted]
    lines = {each.name: each.value.node for each in program.lines}
    lines |= {each.name: ast.Name(each.argument) for each in program.reductions}
    variable = local(program.signature.states[0])

    def factor(node: ast.expr) -> float | None:
        match node:
            case ast.Subscript(slice=ast.Constant(value=int() as number)):
                return hoisted[number]
            case ast.Call(func=ast.Name(id="compute"), args=[ast.Constant(value=int() | float() as number)]):
                return float(number)
        return None

    @cache
    def reads(node: ast.AST) -> bool:
        match node:
            case ast.Name(id=name):
                return name == variable or (name in lines and reads(lines[name]))
            case ast.BinOp(left=left, op=ast.Mult(), right=right) if 0 in (factor(left), factor(right)):
                return False
        return any(reads(each) for each in ast.iter_child_nodes(node))

    def is_offset(node: ast.expr) -> bool:
        """Whether a value is the variable plus something that is free of it."""
        match node:
            case ast.Name(id=name):
                return name == variable or (name in lines and is_offset(lines[name]))
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                return (is_offset(left) and not reads(right)) or (is_offset(right) and not reads(left))
            case ast.BinOp(left=left, op=ast.Sub(), right=right):
                return is_offset(left) and not reads(right)
            case ast.BinOp(left=left, op=ast.Mult(), right=right):
                return (factor(left) == 1 and is_offset(right)) or (factor(right) == 1 and is_offset(left))
        return False

    new, *others = program.results
    return not is_offset(new.node) or any(reads(each.node) for each in others)


def value_of(node: ast.expr, values: Mapping[str, float]) -> float | None:
    """The value of an expression of scalars; None if it is unknown."""
    match node:
        case ast.Constant(value=int() | float() as number):
            return float(number)
        case ast.Name(id=name):
            return values.get(name)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            value = value_of(operand, values)
            return None if value is None else -value
        case ast.BinOp(left=left, op=sign, right=right) if type(sign) in ARITHMETIC:
            sides: list[Any] = [value_of(left, values), value_of(right, values)]
            if isinstance(sign, ast.Mult) and 0 in sides:
                return 0.0
            if None not in sides and not (isinstance(sign, ast.Div) and not sides[1]):
                return ARITHMETIC[type(sign)](*sides)
    return None
