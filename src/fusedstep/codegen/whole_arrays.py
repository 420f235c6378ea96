"""A rule as functions of whole arrays: the text of their module, and the shapes in which they see arrays."""

import ast
import math
from copy import deepcopy

from ..storage import compute_type
from .module_text import module, scalars_of
from .recipe import Recipe
from .rule.program import Program, ReductionScope
from .rule.values import Reduction, local

Shape = tuple[int, ...]


class WordCalls(ast.NodeTransformer):
    """Replace ``not``, ``/`` and ``%`` by words.

    Python's ``not`` takes only one truth value, a library may not round quotients correctly, and its remainder may have
    zeros of another sign.
    """

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        self.generic_visit(node)
        return ast.Call(ast.Name("word_not"), [node.operand], []) if isinstance(node.op, ast.Not) else node

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        self.generic_visit(node)
        word = {ast.Div: "word_divide", ast.Mod: "word_remainder"}.get(type(node.op))
        return ast.Call(ast.Name(word), [node.left, node.right], []) if word else node


class ComplexWordCalls(WordCalls):
    """Replace also ``*`` and the operands of an order: complex numbers have a product of their own, and no order."""

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        if not isinstance(node.op, ast.Mult):
            return super().visit_BinOp(node)
        self.generic_visit(node)
        return ast.Call(ast.Name("word_multiply"), [node.left, node.right], [])

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        self.generic_visit(node)
        if isinstance(node.ops[0], ast.Eq | ast.NotEq):
            return node
        left, right = (ast.Call(ast.Name("ordered"), [each], []) for each in (node.left, node.comparators[0]))
        return ast.Compare(left, node.ops, [right])


def weave(recipe: Recipe, words: str, calls: type[WordCalls] = WordCalls) -> str:
    """The text of the module that runs the rule of a recipe with the words of a library.

    In the module ``scalars_of`` takes the rule's scalars and returns what depends on them alone; ``rule`` takes the
    states in use, the gradient and these numbers, and returns the new states.

    Args:
        recipe: the rule and the types.
        words: the name of the module with the words, and with ``compute_as``, which converts a value to a type.
        calls: which operators of Python become words.
    """
    program, compute = recipe.spec.program, compute_type(recipe.storages[0])
    signature = program.signature
    scalars = [local(name) for name in signature.scalars]
    settings = "".join(f", {name}={value}" for name, value in recipe.spec.switches)
    return module(
        f"rule {signature.name}{settings}; whole arrays; {compute}",
        f"from functools import partial\n\nfrom {words} import *",
        f'compute = partial(compute_as, "{compute}")',
        scalars_of("scalars_of", scalars, [source(ast.parse(each), calls) for each in program.numbers]),
        rule_text(program, calls),
    )


def rule_text(program: Program, calls: type[WordCalls]) -> str:
    """The function that computes all new states, stage by stage."""
    signature = program.signature
    arguments = [*(local(name) for name in (*signature.states, signature.gradient)), "scalars"]
    lines = []
    for stage in range(program.last + 1):
        named = [each for each in program.lines if each.value.stage == stage]
        lines += [f"{each.name} = {source(each.value.node, calls)}" for each in named]
        lines += [reduction_text(each) for each in program.reductions if each.stage == stage]
    results = [source(each.node, calls) for each in program.results]
    return "\n".join(
        [f"def rule({', '.join(arguments)}):", *(f"    {line}" for line in lines), f"    return {', '.join(results)},"]
    )


def reduction_text(each: Reduction) -> str:
    """The line of a reduction."""
    return f"{each.name} = word_{each.word}({each.argument})"


def source(node: ast.AST, calls: type[WordCalls]) -> str:
    """The text of a node."""
    return ast.unparse(calls().visit(deepcopy(node)))


def view_shape(program: Program, k: int, own: Shape, variable: Shape) -> Shape:
    """The shape in which a rule sees its state ``k``, from that state's shape and the variable's."""
    if program.reduction_scope == ReductionScope.ELEMENT:
        return own
    if not program.matrices:
        rows = variable[0] if variable else 1
        return rows, math.prod(own) // rows
    if k in program.by_row:
        return *variable[:-1], 1
    return (*variable[:-2], 1, variable[-1]) if k in program.by_column else own
