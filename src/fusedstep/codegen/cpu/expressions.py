"""A rule's expressions as LLVM instructions."""

import ast
from dataclasses import dataclass, field

from llvmlite import ir

from .words import FLOATS, WORDS, Builder, Value, compare

SIGNS: dict[type[ast.cmpop], str] = {
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Eq: "==",
    ast.NotEq: "!=",
}
ARITHMETIC: dict[type[ast.operator], str] = {ast.Add: "fadd", ast.Sub: "fsub", ast.Mult: "fmul", ast.Div: "fdiv"}
JOINED: dict[type[ast.operator], str] = {ast.BitAnd: "and_", ast.BitOr: "or_"}


@dataclass
class Expressions:
    """Writes expressions of one compute type.

    Attributes:
        builder: where instructions are added.
        compute: the compute type.
        names: the values that expressions may name.
        numbers: what ``scalars[k]`` stands for.
        roots: whether a power with an exponent that is the same for all elements is a root.
        exponents: those exponents, as text.
    """

    builder: Builder
    compute: str
    names: dict[str, Value] = field(default_factory=dict)
    numbers: list[Value] = field(default_factory=list)
    roots: bool = False
    exponents: tuple[str, ...] = ()

    def let(self, name: str, value: Value) -> None:
        """Gives a value a name, which LLVM's text shows."""
        if isinstance(value, ir.Instruction) and value not in self.names.values():
            value.name = name
        self.names[name] = value

    def value(self, node: ast.expr) -> Value:
        """The value of an expression."""
        builder = self.builder
        match node:
            case ast.Name(id=name):
                return self.names[name]
            case ast.Constant(value=bool() as truth):
                return ir.Constant(ir.IntType(1), truth)
            case ast.Constant(value=int() | float() as number):
                return self.constant(float(number))
            case ast.Subscript(slice=ast.Constant(value=int() as place)):
                return self.numbers[place]
            case ast.Call(func=ast.Name(id="compute"), args=[argument]):
                return self.converted(self.value(argument))
            case ast.Call(func=ast.Name(id="word_power"), args=[base, exponent]) if self.is_root(exponent):
                return WORDS["sqrt"](builder, self.value(base))
            case ast.Call(func=ast.Name(id=word), args=arguments):
                return WORDS[word.removeprefix("word_")](builder, *map(self.value, arguments))
            case ast.BinOp(left=left, op=sign, right=right) if type(sign) in ARITHMETIC:
                return getattr(builder, ARITHMETIC[type(sign)])(self.number(left), self.number(right))
            case ast.BinOp(left=left, op=ast.Mod(), right=right):
                return WORDS["remainder"](builder, self.number(left), self.number(right))
            case ast.BinOp(left=left, op=sign, right=right):
                return getattr(builder, JOINED[type(sign)])(self.value(left), self.value(right))
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return builder.fneg(self.number(operand))
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return self.number(operand)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return builder.not_(self.value(operand))
            case ast.Compare(left=left, ops=[comparison], comparators=[right]):
                return compare(builder, SIGNS[type(comparison)], self.value(left), self.value(right))
        raise NotImplementedError(f"no instructions for {ast.unparse(node)}")

    def constant(self, number: float) -> Value:
        """A number of the compute type."""
        return ir.Constant(FLOATS[self.compute], number)

    def number(self, node: ast.expr) -> Value:
        """The value of an expression; a condition counts as 0 or 1."""
        return self.converted(self.value(node))

    def converted(self, value: Value) -> Value:
        """A value in the compute type."""
        kind = FLOATS[self.compute]
        if value.type == ir.IntType(1):
            return self.builder.uitofp(value, kind)
        if value.type != kind:
            return self.builder.fptrunc(value, kind)
        return value

    def is_root(self, exponent: ast.expr) -> bool:
        """Whether a power with this exponent is a root here."""
        return self.roots and ast.unparse(exponent) in self.exponents
