"""Turns the text of a translated rule into Triton's: what Python's operators and numbers mean there."""

import ast
from collections.abc import Iterable


class Expressions(ast.NodeTransformer):
    """Rewrites expressions: divisions and remainders by words, numbers by numbers of the compute type."""

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.op, ast.Div):
            return ast.Call(ast.Name("quotient"), [node.left, node.right], [])
        if isinstance(node.op, ast.Mod):
            return ast.Call(ast.Name("word_remainder"), [node.left, node.right], [])
        return node

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        self.generic_visit(node)
        # `not` asks for the truth of one value.
        return ast.UnaryOp(ast.Invert(), node.operand) if isinstance(node.op, ast.Not) else node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        called = ast.unparse(node.func)
        if called == "compute" and isinstance(node.args[0], ast.Constant):
            return ast.Call(ast.Name("constant"), node.args, [])
        self.generic_visit(node)
        # What is added up stays in the compute type: devices are slow in float64.
        return node.args[0] if called == "np.float64" else node


class ScalarExpressions(Expressions):
    """The same for what is computed from scalars alone, in float64 throughout."""

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        return ast.Call(ast.Name("wide"), [node], []) if isinstance(node.value, float) else node


class ByRoots(ast.NodeTransformer):
    """Replaces powers whose exponents are the same for all elements, and one half, by roots."""

    def __init__(self, exponents: Iterable[str]) -> None:
        self.exponents = frozenset(exponents)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if ast.unparse(node.func) == "word_power" and ast.unparse(node.args[1]) in self.exponents:
            return ast.Call(ast.Name("word_sqrt"), node.args[:1], [])
        return node


def rewritten(text: str, *by: ast.NodeTransformer) -> str:
    """A text with all its expressions rewritten."""
    tree: ast.AST = ast.parse(text)
    for transformer in by or (Expressions(),):
        tree = transformer.visit(tree)
    return ast.unparse(ast.fix_missing_locations(tree))
