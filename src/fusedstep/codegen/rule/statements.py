"""Translates the statements of a function: assignments, choices, loops of a known length, and the return."""

import ast
from abc import abstractmethod
from typing import NamedTuple

from .conditions import Conditions, constant, is_number, known
from .program import Program
from .values import Value

# The most times that the bodies of a rule's loops are written out.
PASSES = 256
# The most statements that are translated.
TRANSLATED = 2**13
# The most choices inside one another in one line: compilers read expressions recursively.
NESTED = 32

STATEMENTS = "a rule consists of assignments, `if` on switches and scalars, `for` over a constant range, and one return"
REFUSED: dict[type[ast.stmt], str] = {
    ast.While: "how often it runs is not known; write for ... in range(n) with a constant n",
    ast.AsyncFor: "a rule cannot wait; write a plain for",
    ast.Break: "a loop is written out, all of it; choose with where() or `if`",
    ast.Continue: "a loop is written out, all of it; choose with where() or `if`",
    ast.FunctionDef: "define helpers outside of the rule",
    ast.AsyncFunctionDef: "define helpers outside of the rule, without async",
    ast.ClassDef: "define classes outside of the rule",
    ast.Global: "a rule changes nothing outside; return what changes as a state",
    ast.Nonlocal: "a rule changes nothing outside; return what changes as a state",
    ast.Import: "import outside of the rule",
    ast.ImportFrom: "import outside of the rule",
    ast.Expr: "its value is not used; assign or return it",
}


class Ended(NamedTuple):
    """A way of an ``if`` that was translated up to its return.

    Attributes:
        statement: the ``if``.
        condition: what decides.
        first: whether it is the way that is taken where the condition is true.
        values: what it returns.
    """

    statement: ast.If
    condition: Value
    first: bool
    values: list[Value] | None


def ends(way: list[ast.stmt]) -> bool:
    """Whether a way of an ``if`` ends with a return."""
    return bool(way) and isinstance(way[-1], ast.Return)


class Statements(Conditions):
    """Translates statements, with the names that they see."""

    program: Program
    names: dict[str, Value]
    # That of the last return.
    line: int | None = None

    @abstractmethod
    def assigned(self, name: str, value: Value) -> Value:
        """The value under a new name."""

    @abstractmethod
    def called(self, node: ast.Call) -> list[Value]:
        """The values that a call returns."""

    @abstractmethod
    def is_value(self, node: ast.expr) -> bool:
        """Whether a node is computed from the rule's values, and does not name an object outside of it."""

    def run(self, body: list[ast.stmt]) -> list[Value] | None:
        """Translate statements; return the values that they return, or None if there is no return."""
        left, ended = list(body), list[Ended]()
        while left:
            statement = left.pop(0)
            self.count(statement)
            match statement:
                case ast.Expr(value=ast.Constant()) | ast.Pass() | ast.AnnAssign(target=ast.Name(), value=None):
                    pass
                case ast.Return(value=ast.expr() as value):
                    self.line = statement.lineno
                    return self.folded_ways(ended, self.values_of(value))
                case ast.Assign(targets=targets, value=value):
                    self.assign(targets, value)
                case ast.AnnAssign(target=target, value=ast.expr() as value):
                    self.assign([target], value)
                case ast.AugAssign(target=ast.Name(id=name) as target, op=sign, value=value):
                    old = ast.copy_location(ast.Name(name), target)
                    self.assign([target], ast.copy_location(ast.BinOp(old, sign, value), statement))
                case ast.If(test=test, body=then, orelse=otherwise):
                    condition = self.decision(test)
                    if known(condition) is not None:
                        left[:0] = then if known(condition) else otherwise
                    elif any(isinstance(node, ast.Return) for node in ast.walk(statement)):
                        # What follows belongs to each way that does not return.
                        first = ends(then) or not ends(otherwise)
                        way, other = (then, otherwise) if first else (otherwise, then)
                        ended.append(Ended(statement, condition, first, self.way([*way, *left])))
                        left[:0] = other
                    else:
                        self.fork(statement, condition)
                case ast.For():
                    left[:0] = self.unrolled(statement)
                case _:
                    self.refuse(statement, REFUSED.get(type(statement), STATEMENTS))
        return self.folded_ways(ended, None)

    def count(self, statement: ast.stmt) -> None:
        """Count a statement."""
        self.program.statements += 1
        if self.program.statements > TRANSLATED:
            self.refuse(
                statement,
                f"more than {TRANSLATED} statements are translated: loops are written out, and what follows an `if` "
                "that may return is translated once for each way; assign on the ways, and return once at the end",
            )

    def way(self, body: list[ast.stmt]) -> list[Value] | None:
        """The values that one way of an ``if`` returns; what it assigns is not seen on the other."""
        before, self.names = self.names, dict(self.names)
        returned = self.run(body)
        self.names = before
        return returned

    def folded_ways(self, ended: list[Ended], values: list[Value] | None) -> list[Value] | None:
        """The values that the last way returns, or those of an earlier one, by the conditions."""
        for number, each in enumerate(reversed(ended), 1):
            if values is None or each.values is None:
                self.refuse(each.statement, "it returns one way only; return both ways")
            sides = (each.values, values) if each.first else (values, each.values)
            values = self.choices(each.statement.test, each.condition, *sides)
            if number % NESTED == 0:
                values = [self.assigned("way", value) for value in values]
        return values

    def values_of(self, node: ast.expr) -> list[Value]:
        """The values of an expression that may have several: a tuple, a list, a choice, or a call of a helper."""
        match node:
            case ast.Tuple(elts=elements) | ast.List(elts=elements):
                return self.each_of(elements)
            case ast.IfExp(test=test, body=then, orelse=otherwise):
                condition = self.decision(test)
                if known(condition) is not None:
                    return self.values_of(then if known(condition) else otherwise)
                return self.choices(node, condition, self.values_of(then), self.values_of(otherwise))
            case ast.Call():
                return self.called(node)
        constants = self.sequence(node)
        return [self.visit(node)] if constants is None else constants

    def sequence(self, node: ast.expr) -> list[Value] | None:
        """The values of a tuple, list or range of constants that a name denotes where the function was defined."""
        if not isinstance(node, ast.Name | ast.Attribute) or self.is_value(node):
            return None
        found = self.resolve(node)
        if not isinstance(found, tuple | list | range):
            return None
        if not all(is_number(each) for each in found[: PASSES + 1]):
            self.refuse(node, "it holds something else than numbers that a float can be")
        return [constant(each) for each in found[: PASSES + 1]]

    def each_of(self, elements: list[ast.expr]) -> list[Value]:
        """The values of some expressions; one with a star may have several."""
        values: list[Value] = []
        for element in elements:
            values += self.values_of(element.value) if isinstance(element, ast.Starred) else [self.visit(element)]
        return values

    def assign(self, targets: list[ast.expr], value: ast.expr) -> None:
        """Name the values of an expression, once for each target."""
        values = self.values_of(value)
        for target in targets:
            if isinstance(value, ast.Tuple | ast.List) and isinstance(target, ast.Name):
                self.refuse(target, "a tuple or list is assigned; a name stands for one number")
            parts = target.elts if isinstance(target, ast.Tuple | ast.List) else [target]
            if len(values) != len(parts) or not all(isinstance(each, ast.Name) for each in parts):
                self.refuse(target, f"{len(values)} values are assigned; assign them to as many plain names")
            names = [each.id for each in parts if isinstance(each, ast.Name)]
            for name, each in zip(names, values, strict=True):
                self.names[name] = self.assigned(name, each)

    def fork(self, statement: ast.If, condition: Value) -> None:
        """Translate both ways of an ``if`` on scalars that does not return; each name is chosen once per call."""
        before, seen = self.names, []
        for way in (statement.body, statement.orelse):
            self.names = dict(before)
            self.run(way)
            seen.append(self.names)
        # A name that only one way assigns has no value behind the `if`.
        self.names = {
            name: self.merged(statement.test, condition, name, seen[0][name], seen[1][name])
            for name in seen[0]
            if name in seen[1]
        }

    def merged(self, test: ast.expr, condition: Value, name: str, then: Value, otherwise: Value) -> Value:
        """The value of a name behind an ``if`` on scalars."""
        if then is otherwise:
            return then
        return self.assigned(name, self.chosen(test, condition, then, otherwise))

    def choices(self, node: ast.expr, condition: Value, then: list[Value], otherwise: list[Value]) -> list[Value]:
        """One of two lists of values, by a condition on scalars."""
        if len(then) != len(otherwise):
            self.refuse(node, f"one way has {len(then)} values and the other {len(otherwise)}")
        return [self.chosen(node, condition, *pair) for pair in zip(then, otherwise, strict=True)]

    def unrolled(self, loop: ast.For) -> list[ast.stmt]:
        """The statements of a loop, written out."""
        numbers = self.iterated(loop)
        self.program.passes += len(numbers)
        if self.program.passes > PASSES:
            self.refuse(
                loop, f"the loops of a rule are written out, {PASSES} passes at most, got {self.program.passes}"
            )
        written: list[ast.stmt] = []
        for number in numbers:
            value = ast.copy_location(ast.Constant(number), loop.iter)
            written += [ast.copy_location(ast.Assign([loop.target], value), loop), *loop.body]
        return written + loop.orelse

    def iterated(self, loop: ast.For) -> list[float]:
        """The numbers that a loop goes through: of a range, or of a tuple."""
        over = loop.iter
        sequence = self.sequence(over)
        if sequence is not None:
            values = sequence
        elif isinstance(over, ast.Tuple | ast.List):
            values = self.each_of(over.elts)
        elif isinstance(over, ast.Call) and isinstance(over.func, ast.Name) and over.func.id not in self.names:
            if self.resolve(over.func) is not range or over.keywords:
                self.refuse(loop, "a loop goes over range(n) or a tuple of constants")
            values = self.each_of(over.args)
        else:
            self.refuse(loop, "a loop goes over range(n) or a tuple of constants")
        numbers = [known(each) for each in values]
        if None in numbers:
            self.refuse(
                loop, "how often it runs must be known when the rule is read: use constants and switches, not scalars"
            )
        if not isinstance(over, ast.Call):
            return numbers
        try:
            steps = range(*numbers)
        except (TypeError, ValueError) as error:
            self.refuse(loop, str(error))
        # Not all of them, which may be too many to list.
        return list(steps[: PASSES + 1])
