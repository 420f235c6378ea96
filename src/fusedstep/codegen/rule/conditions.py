"""What is true: conditions of switches, of scalars and of elements, and choices between two values.

A condition that is known when the rule is read decides; one of scalars is evaluated once per call. Where it differs by
element, Python's ``if``, ``and``, ``or``, ``not`` and chained comparisons have no meaning, as in NumPy.
"""

import ast
import math
import operator
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from .axes import CONSTANT
from .values import Value
from .vocabulary import TRUTHS

# The most operations in an expression of scalars, and the most inside one another: parsers take 200 parentheses.
SIZE = 2**15
DEPTH = 180

COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}


def known(value: Value) -> Any:
    """The number or bool that a value is known to be when the rule is read, or None."""
    return value.node.value if isinstance(value.node, ast.Constant) else None


def is_number(found: Any) -> bool:
    """Whether an object is a number that generated text can hold: a float, also an infinite one, but no NaN."""
    try:
        return isinstance(found, int | float) and not math.isnan(found)
    except OverflowError:
        return False


def constant(number: Any) -> Value:
    """A number or bool that is known when the rule is read."""
    return Value(ast.Constant(number), CONSTANT, is_condition=isinstance(number, bool))


class Conditions(ABC):
    """Translates conditions and choices."""

    @abstractmethod
    def refuse(self, node: ast.AST, why: str) -> NoReturn:
        """Raise the TypeError that says why a node is refused."""

    @abstractmethod
    def visit(self, node: ast.expr) -> Value:
        """The value of an expression."""

    @abstractmethod
    def resolve(self, node: ast.expr) -> Any:
        """The object that a name or dotted name denotes where the function was defined."""

    @abstractmethod
    def word(self, node: ast.expr, name: str, arguments: list[Value]) -> Value:
        """The value of a word."""

    @abstractmethod
    def combined(
        self, values: list[Value], build: Callable[[list[ast.expr]], ast.expr], is_condition: bool = False
    ) -> Value:
        """The value built from some values, either all scalars or all in the compute type."""

    def condition(self, node: ast.expr) -> Value:
        """The value of a node that must be a condition."""
        value = self.visit(node)
        if not value.is_condition:
            self.refuse(node, "& | ~ join conditions, such as (a > b)")
        return value

    def number(self, node: ast.expr) -> Value:
        """The value of a node that must be a number."""
        value = self.visit(node)
        if value.is_condition:
            self.refuse(node, "it is a condition, expected a number; write where(condition, 1, 0)")
        return value

    def limited(self, node: ast.AST, value: Value) -> Value:
        """The value, unless it is of scalars alone and its text, which repeats what it names, is too long."""
        if value.axes < 0 and (value.size > SIZE or value.depth > DEPTH):
            self.refuse(
                node,
                f"what is computed of scalars is one expression, of {SIZE} operations and {DEPTH} inside one another "
                "at most; compute it before the call, and pass the result as a scalar",
            )
        return value

    def truth(self, value: Value) -> Value:
        """Whether a constant or a scalar is true: a number unless it is 0."""
        if known(value) is not None:
            return constant(bool(known(value)))
        if value.is_condition:
            return value
        return self.combined(
            [value, constant(0)], lambda sides: ast.Compare(sides[0], [ast.NotEq()], [sides[1]]), is_condition=True
        )

    def decision(self, test: ast.expr) -> Value:
        """The value of a condition that is the same for all elements."""
        value = self.visit(test)
        if value.axes >= 0:
            self.refuse(test, "it differs by element, so it cannot decide; use where()")
        return self.truth(value)

    def compared(self, node: ast.Compare) -> Value:
        """The value of a comparison; ``a < b < c`` is ``a < b and b < c``."""
        if any(type(sign) not in COMPARISONS for sign in node.ops):
            self.refuse(node, "`is` and `in` compare objects; compare numbers with == and !=")
        operands = [self.visit(each) for each in (node.left, *node.comparators)]
        pairs = [
            self.pair(node, left, sign, right)
            for left, sign, right in zip(operands, node.ops, operands[1:], strict=False)
        ]
        return self.joined(node, pairs, ast.And(), "write (a < b) & (b < c)")

    def pair(self, node: ast.Compare, left: Value, sign: ast.cmpop, right: Value) -> Value:
        if known(left) is not None and known(right) is not None:
            return constant(bool(COMPARISONS[type(sign)](known(left), known(right))))
        for value in (left, right):
            if value.is_condition:
                self.refuse(node, "a condition is compared, expected numbers; write where(condition, 1, 0)")
        return self.combined([left, right], lambda sides: ast.Compare(sides[0], [sign], [sides[1]]), is_condition=True)

    def joined(self, node: ast.expr, values: Sequence[Value], join: ast.boolop, remedy: str) -> Value:
        """The value of ``and`` or ``or``: as in Python one of the operands. Only the last may differ by element."""
        result, *others = values
        for value in others:
            if result.axes >= 0:
                self.refuse(node, f"it differs by element, so `and`, `or` and chains have no meaning; {remedy}")
            decides = known(result) is not None
            if result.is_condition and value.is_condition and not decides:
                result = self.both(result, ast.BitAnd() if isinstance(join, ast.And) else ast.BitOr(), value)
            else:
                sides = (value, result) if isinstance(join, ast.And) else (result, value)
                result = self.chosen(node, self.truth(result), *sides)
        return result

    def bool_op(self, node: ast.BoolOp) -> Value:
        """The value of ``a and b`` or ``a or b``; an operand behind one that decides is not read."""
        decides = isinstance(node.op, ast.Or)
        values: list[Value] = []
        for each in node.values:
            values.append(self.visit(each))
            if known(values[-1]) is not None and bool(known(values[-1])) == decides:
                break
        return self.joined(node, values, node.op, f"write (a > b) {'|' if decides else '&'} (c > d)")

    def negated(self, node: ast.UnaryOp) -> Value:
        """The value of ``not a`` or ``~a``."""
        if isinstance(node.op, ast.Not):
            value = self.visit(node.operand)
            if value.axes >= 0:
                self.refuse(node, "it differs by element, so `not` has no meaning; write ~(a > b)")
            value = self.truth(value)
        else:
            value = self.condition(node.operand)
            if value.axes < 0 and not self.is_truth_of_numpy(node.operand):
                self.refuse(node, "~ of Python's True is -2, which is true; write not")
        if known(value) is not None:
            return constant(not known(value))
        return value.signed(ast.Not())

    def is_truth_of_numpy(self, node: ast.expr) -> bool:
        """Whether a condition on scalars is a truth of NumPy, of which ``~`` is the opposite."""
        return isinstance(node, ast.Call) and self.resolve(node.func) in TRUTHS

    def both(self, left: Value, join: ast.operator, right: Value) -> Value:
        """The value of ``left & right`` or ``left | right``."""
        for value, other in ((left, right), (right, left)):
            if known(value) is not None:
                # True & x and False | x are x.
                return other if known(value) == isinstance(join, ast.BitAnd) else value
        return self.combined([left, right], lambda sides: ast.BinOp(sides[0], join, sides[1]), is_condition=True)

    def chosen(self, node: ast.expr, condition: Value, then: Value, otherwise: Value) -> Value:
        """One of two values, by a condition that is the same for all elements."""
        decided = known(condition)
        if decided is not None:
            return then if decided else otherwise
        for each in (condition, then, otherwise):
            self.limited(node, each)
        if then is otherwise or ast.dump(then.node) == ast.dump(otherwise.node):
            return then
        if then.is_condition and otherwise.is_condition:
            opposite = condition.signed(ast.Not())
            return self.both(
                self.both(condition, ast.BitAnd(), then), ast.BitOr(), self.both(opposite, ast.BitAnd(), otherwise)
            )
        if then.is_condition or otherwise.is_condition:
            self.refuse(node, "one way is a number and the other a condition; make both numbers")
        return self.word(node, "where", [condition, then, otherwise])
