"""Weaves a rule into the text of a module that computes on whole arrays, for compilers that find loops themselves."""

import ast
from copy import deepcopy

from ..module_text import module, scalars_of
from ..rule.program import Program
from ..rule.spec import RuleSpec
from ..rule.values import Reduction, local


class Spelled(ast.NodeTransformer):
    """Write as words what Python has for single truth values only, and what compilers compute differently."""

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        self.generic_visit(node)
        return ast.Call(ast.Name("word_not"), [node.operand], []) if isinstance(node.op, ast.Not) else node

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        self.generic_visit(node)
        divides = isinstance(node.op, ast.Div)
        return ast.Call(ast.Name("word_divide"), [node.left, node.right], []) if divides else node


def weave_whole(spec: RuleSpec, compute: str) -> str:
    """The text of the module that runs a rule.

    The module's ``scalars_of`` takes the rule's scalars to what is computed of them alone, and ``rule`` the states in
    use, the gradient and that to the new states.

    Args:
        spec: the rule.
        compute: the compute type.
    """
    program, signature = spec.program, spec.program.signature
    scalars = [local(name) for name in signature.scalars]
    said = "".join(f", {name}={value}" for name, value in spec.switches)
    return module(
        f"rule {signature.name}{said}; whole arrays; {compute}",
        f"from functools import partial\n\nfrom {__package__}.words import *",
        f'compute = partial(compute_as, "{compute}")',
        scalars_of("scalars_of", scalars, [spelled(ast.parse(each)) for each in program.numbers]),
        rule_text(program),
    )


def rule_text(program: Program) -> str:
    """The function that computes all new states, stage by stage."""
    signature = program.signature
    arguments = [*(local(name) for name in (*signature.states, signature.gradient)), "scalars"]
    lines = []
    for stage in range(program.last + 1):
        lines += [f"{each.name} = {spelled(each.value.node)}" for each in program.lines if each.value.stage == stage]
        lines += [reduced(each) for each in program.reductions if each.stage == stage]
    results = [spelled(each.node) for each in program.results]
    return "\n".join(
        [f"def rule({', '.join(arguments)}):", *(f"    {line}" for line in lines), f"    return {', '.join(results)},"]
    )


def reduced(each: Reduction) -> str:
    """The line that adds up."""
    return f"{each.name} = word_{each.word}({each.argument})"


def spelled(node: ast.AST) -> str:
    """A node's text."""
    return ast.unparse(Spelled().visit(deepcopy(node)))
