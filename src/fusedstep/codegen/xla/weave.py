"""Generate the text of a module that applies a rule to whole arrays."""

import ast
from copy import deepcopy

from ...storage import compute_type
from ..module_text import module, scalars_of
from ..recipe import Recipe
from ..rule.program import Program
from ..rule.values import Reduction, local


class WordCalls(ast.NodeTransformer):
    """Replace ``not``, ``*``, ``/`` and the operands of an order by words.

    Python's ``not`` takes only one truth value, XLA does not always round quotients correctly, and complex numbers have
    a product of their own and no order.
    """

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        self.generic_visit(node)
        return ast.Call(ast.Name("word_not"), [node.operand], []) if isinstance(node.op, ast.Not) else node

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        self.generic_visit(node)
        word = {ast.Mult: "word_multiply", ast.Div: "word_divide"}.get(type(node.op))
        return ast.Call(ast.Name(word), [node.left, node.right], []) if word else node

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        self.generic_visit(node)
        if isinstance(node.ops[0], ast.Eq | ast.NotEq):
            return node
        left, right = (ast.Call(ast.Name("ordered"), [each], []) for each in (node.left, *node.comparators))
        return ast.Compare(left, node.ops, [right])


def weave(recipe: Recipe) -> str:
    """The text of the module that runs the rule of a recipe.

    In the module ``scalars_of`` takes the rule's scalars and returns what depends on them alone; ``rule`` takes the
    states in use, the gradient and these numbers, and returns the new states.
    """
    program, compute = recipe.spec.program, compute_type(recipe.storages[0])
    signature = program.signature
    scalars = [local(name) for name in signature.scalars]
    settings = "".join(f", {name}={value}" for name, value in recipe.spec.switches)
    return module(
        f"rule {signature.name}{settings}; whole arrays; {compute}",
        f"from functools import partial\n\nfrom {__package__}.words import *",
        f'compute = partial(compute_as, "{compute}")',
        scalars_of("scalars_of", scalars, [source(ast.parse(each)) for each in program.numbers]),
        rule_text(program),
    )


def rule_text(program: Program) -> str:
    """The function that computes all new states, stage by stage."""
    signature = program.signature
    arguments = [*(local(name) for name in (*signature.states, signature.gradient)), "scalars"]
    lines = []
    for stage in range(program.last + 1):
        lines += [f"{each.name} = {source(each.value.node)}" for each in program.lines if each.value.stage == stage]
        lines += [reduction_text(each) for each in program.reductions if each.stage == stage]
    results = [source(each.node) for each in program.results]
    return "\n".join(
        [f"def rule({', '.join(arguments)}):", *(f"    {line}" for line in lines), f"    return {', '.join(results)},"]
    )


def reduction_text(each: Reduction) -> str:
    """The line of a reduction."""
    return f"{each.name} = word_{each.word}({each.argument})"


def source(node: ast.AST) -> str:
    """The text of a node."""
    return ast.unparse(WordCalls().visit(deepcopy(node)))
