"""Translates the body of a function, statement by statement, with the names that it sees."""

import ast
import builtins
import inspect
import operator
from collections.abc import Callable, Hashable
from dataclasses import replace
from typing import Any, NoReturn

import numpy as np

from ...rules import words
from .axes import COLUMNS, CONSTANT, SCALAR, joined
from .definition import definition_of
from .program import Program
from .values import Line, Reduction, Value
from .vocabulary import CONDITIONS, REDUCED, REMEDIES, STATE_WORDS, WORDS

ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
    ast.Mod: operator.mod,
}


class Scope:
    """The names that a function's body sees, with their current values, while it is translated line by line."""

    def __init__(self, function: Callable[..., Any], program: Program, prefix: str = "") -> None:
        self.function = function
        self.program = program
        self.prefix = prefix
        self.within: tuple[Any, ...] = (function,)
        self.names: dict[str, Value] = {}
        self.body = definition_of(function).body
        self.globals = {**function.__globals__, **inspect.getclosurevars(function).nonlocals}

    def refuse(self, node: ast.AST, why: str) -> NoReturn:
        text = ast.unparse(node).splitlines()[0]
        raise TypeError(f"rule {self.function.__name__}: cannot compile `{text}`: {why}")

    def assigned(self, name: str, value: Value) -> Value:
        """The value under a new name; a value that is the same for all elements needs none."""
        if value.axes < 0 or isinstance(value.node, ast.Name):
            return value
        # The count of lines makes it unique; it differs from all arguments (see ``local``).
        unique = f"{self.prefix}{name}_{len(self.program.lines)}_"
        self.program.lines.append(Line(unique, value))
        return Value(ast.Name(unique), value.axes, value.is_condition, value.stage)

    def run(self, body: list[ast.stmt]) -> list[Value] | None:
        """Translate statements; return the values that they return, or None if there is no return."""
        for statement in body:
            match statement:
                case ast.Expr(value=ast.Constant()) | ast.Pass():
                    pass
                case ast.Return(value=ast.Tuple(elts=elements)):
                    return [self.visit(element) for element in elements]
                case ast.Return(value=ast.expr() as single):
                    return self.values_of(single)
                case ast.Assign(targets=[target], value=value):
                    self.assign(target, value)
                case ast.AnnAssign(target=target, value=ast.expr() as value):
                    self.assign(target, value)
                case ast.AugAssign(target=ast.Name(id=name) as target, op=sign, value=value):
                    self.assign(target, ast.BinOp(ast.Name(name), sign, value))
                case ast.If(test=test, body=then, orelse=otherwise):
                    returned = self.run(then if self.decide(test) else otherwise)
                    if returned is not None:
                        return returned
                case _:
                    self.refuse(statement, "a rule consists of assignments, `if` on a switch, and one return")
        return None

    def values_of(self, node: ast.expr) -> list[Value]:
        """The values of an expression that may have several: a tuple, or a call of a helper."""
        if isinstance(node, ast.Tuple):
            return [self.visit(element) for element in node.elts]
        if isinstance(node, ast.Call) and self.meaning(node) is None:
            return self.inline(node, self.resolve(node.func))
        return [self.visit(node)]

    def assign(self, target: ast.expr, value: ast.expr) -> None:
        targets = target.elts if isinstance(target, ast.Tuple) else [target]
        values = self.values_of(value)
        if len(values) != len(targets) or not all(isinstance(each, ast.Name) for each in targets):
            self.refuse(target, f"{len(values)} values are assigned; assign them to as many plain names")
        names = [each.id for each in targets if isinstance(each, ast.Name)]
        for name, each in zip(names, values, strict=True):
            self.names[name] = self.assigned(name, each)

    def decide(self, test: ast.expr) -> bool:
        """The value of a condition on switches, which is the same for all elements."""
        names = {node.id for node in ast.walk(test) if isinstance(node, ast.Name)}
        values = {name: self.names[name] for name in names if name in self.names}
        known = {
            name: value.node.value
            for name, value in values.items()
            if value.is_condition and isinstance(value.node, ast.Constant)
        }
        if names - known.keys() or any(isinstance(node, ast.Call) for node in ast.walk(test)):
            self.refuse(
                test,
                "the condition must depend on switches only (keyword-only, annotated bool); for elements use where()",
            )
        return bool(eval(compile(ast.Expression(test), "<switch>", "eval"), {"__builtins__": {}}, known))  # noqa: S307

    def visit(self, node: ast.expr) -> Value:
        match node:
            case ast.Constant(value=bool() | int() | float() as constant):
                return Value(node, CONSTANT, is_condition=isinstance(constant, bool))
            case ast.Name(id=name) if name in self.names:
                return self.names[name]
            case ast.Name() | ast.Attribute():
                found = self.resolve(node)
                number = found.item() if isinstance(found, np.generic) else found
                if isinstance(number, int | float) and abs(number) < 1e308:
                    return Value(ast.Constant(number), CONSTANT)
                self.refuse(node, "it is neither an argument, a number nor a word; pass numbers as scalars")
            case ast.BinOp(left=left, op=(ast.BitAnd() | ast.BitOr()) as join, right=right):
                conditions = [self.condition(left), self.condition(right)]
                return self.combined(conditions, lambda sides: ast.BinOp(sides[0], join, sides[1]), is_condition=True)
            case ast.UnaryOp(op=ast.Invert(), operand=operand):
                value = self.condition(operand)
                return replace(value, node=ast.UnaryOp(ast.Not(), value.node))
            case ast.BinOp(left=left, op=sign, right=right) if type(sign) in ARITHMETIC:
                return self.binary(node, self.visit(left), sign, self.visit(right))
            case ast.UnaryOp(op=(ast.USub() | ast.UAdd()) as sign, operand=operand):
                value = self.number(operand)
                if isinstance(value.node, ast.Constant):
                    return self.folded(node, operator.mul, -1 if isinstance(sign, ast.USub) else 1, value.node.value)
                return replace(value, node=ast.UnaryOp(sign, value.node))
            case ast.Compare(left=left, ops=[comparison], comparators=[right]):
                numbers = [self.number(left), self.number(right)]
                return self.combined(
                    numbers, lambda sides: ast.Compare(sides[0], [comparison], [sides[1]]), is_condition=True
                )
            case ast.IfExp(test=test, body=then, orelse=otherwise):
                return self.visit(then if self.decide(test) else otherwise)
            case ast.Call():
                return self.call(node)
        self.refuse(node, "use + - * / ** %, comparisons, & | ~, and the words of fusedstep.words")

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

    def binary(self, node: ast.expr, left: Value, sign: ast.operator, right: Value) -> Value:
        if left.is_condition and right.is_condition:
            self.refuse(node, "+ - * / of conditions is invalid; join them with & | ~, or use where()")
        if isinstance(left.node, ast.Constant) and isinstance(right.node, ast.Constant):
            return self.folded(node, ARITHMETIC[type(sign)], left.node.value, right.node.value)
        if isinstance(sign, ast.Pow):
            return self.raised(left, right)
        if isinstance(sign, ast.Mod):
            self.program.words.add("remainder")
        if joined(left.axes, right.axes) >= 0:
            # A condition counts as 0 or 1, in the compute type.
            left, right = (
                replace(value, node=ast.Call(ast.Name("compute"), [self.expression(value)], []), is_condition=False)
                if value.is_condition and value.axes >= 0
                else value
                for value in (left, right)
            )
        return self.combined([left, right], lambda sides: ast.BinOp(sides[0], sign, sides[1]))

    def folded(self, node: ast.expr, function: Callable[[Any, Any], Any], left: Any, right: Any) -> Value:
        """A constant expression, computed by Python: compilers do not have large integers."""
        try:
            value = function(left, right)
            float(value)
        except (ArithmeticError, TypeError) as error:
            self.refuse(node, f"it cannot be computed: {error}")
        return Value(ast.Constant(value), CONSTANT)

    def raised(self, base: Value, exponent: Value) -> Value:
        """``base ** exponent``; as in NumPy, by a product for 2 and a root for 0.5."""
        constant = exponent.node.value if isinstance(exponent.node, ast.Constant) else None
        if base.axes >= 0 and constant == 2:
            once = self.assigned("part", base)
            return replace(once, node=ast.BinOp(once.node, ast.Mult(), once.node))
        if base.axes >= 0 and constant == 0.5:
            return self.word(ast.Name("sqrt"), "sqrt", [base])
        return self.word(ast.Name("power"), "power", [base, exponent])

    def call(self, node: ast.Call) -> Value:
        word = self.meaning(node)
        if word is not None:
            return self.word(node, word, [self.visit(argument) for argument in node.args])
        values = self.inline(node, self.resolve(node.func))
        if len(values) != 1:
            self.refuse(node, f"it returns {len(values)} values, expected one")
        return values[0]

    def meaning(self, node: ast.Call) -> str | None:
        """The word that a call uses, or None if it calls a helper."""
        owner = node.func.value if isinstance(node.func, ast.Attribute) else None
        if isinstance(owner, ast.Name) and owner.id in self.names:
            self.refuse(node, "methods of arrays are not supported; use words, such as row_sum or tensor_sum")
        called = self.resolve(node.func)
        if inspect.isfunction(called) and called not in WORDS:
            return None
        if not isinstance(called, Hashable) or called not in WORDS:
            self.refuse(node, f"it is neither a word of fusedstep.words ({', '.join(words.__all__)}) nor a function")
        if node.keywords:
            self.refuse(node, "words take positional arguments only")
        return WORDS[called]

    def word(self, node: ast.expr, name: str, arguments: list[Value]) -> Value:
        if any(value.is_condition for value in arguments[name == "where" :]):
            self.refuse(node, "it is given a condition, expected a number; write where(condition, 1, 0)")
        expected = len(inspect.signature(getattr(words, name)).parameters)
        if len(arguments) != expected:
            raise TypeError(f"rule {self.function.__name__}: {name}() takes {expected} values, got {len(arguments)}")
        if name in REDUCED:
            return self.reduce(node, name, arguments[0])
        if name in STATE_WORDS:
            if arguments[0].axes != STATE_WORDS[name]:
                annotation = "PerRow" if name == "per_row" else "PerColumn"
                self.refuse(node, f"{name}() is for a state that the signature annotates: {annotation}")
            return arguments[0]
        self.program.words.add(name)
        if name == "power" and arguments[0].axes >= 0 and arguments[0].axes & COLUMNS and arguments[1].axes == SCALAR:
            exponent = ast.unparse(self.expression(arguments[1]))
            if exponent not in self.program.exponents:
                self.program.exponents.append(exponent)
        return self.combined(arguments, lambda nodes: ast.Call(ast.Name(f"word_{name}"), nodes, []), name in CONDITIONS)

    def reduce(self, node: ast.expr, name: str, value: Value) -> Value:
        """The value of a reduction, which is known after a pass over all elements."""
        axes, (along, _, kind) = REDUCED[name].get(value.axes), name.partition("_")
        if axes is None:
            self.refuse(node, f"{name}() takes a value that varies by element{REMEDIES[along]}")
        if kind == "min":
            # The largest of the opposite numbers.
            largest = self.reduce(node, f"{along}_max", replace(value, node=ast.UnaryOp(ast.USub(), value.node)))
            return replace(largest, node=ast.UnaryOp(ast.USub(), largest.node))
        argument = self.assigned("part", value)
        assert isinstance(argument.node, ast.Name)
        reductions = self.program.reductions
        result = f"reduced_{len(reductions)}"
        reductions.append(Reduction(result, argument.node.id, value.axes, axes, kind, value.stage))
        return Value(ast.Name(result), axes, stage=value.stage + 1)

    def inline(self, node: ast.Call, helper: Callable[..., Any]) -> list[Value]:
        """Inline a helper, so that expressions of scalars in it are hoisted, too."""
        if helper in self.within:
            self.refuse(node, "a helper cannot call itself")
        signature = inspect.signature(helper)
        parameters = signature.parameters
        variadic = any(each.kind in (each.VAR_POSITIONAL, each.VAR_KEYWORD) for each in parameters.values())
        if variadic or any(word.arg is None for word in node.keywords):
            self.refuse(node, "helpers take plain arguments, not *args or **kwargs")
        inner = Scope(helper, self.program, f"{self.prefix}{helper.__name__}__{len(self.program.lines)}__")
        inner.within = (*self.within, helper)
        try:
            given = signature.bind(
                *(self.visit(argument) for argument in node.args),
                **{word.arg: self.visit(word.value) for word in node.keywords if word.arg},
            )
        except TypeError as error:
            self.refuse(node, str(error))
        for name, value in given.arguments.items():
            inner.names[name] = self.assigned(name, value)
        for name, parameter in parameters.items():
            if name not in given.arguments:
                default = parameter.default
                if not isinstance(default, bool | int | float):
                    self.refuse(node, f"the default of {name} is {default!r}, expected a number or a bool")
                inner.names[name] = Value(ast.Constant(default), CONSTANT, is_condition=isinstance(default, bool))
        returned = inner.run(inner.body)
        if returned is None:
            self.refuse(node, "the helper returns nothing")
        return returned

    def combined(
        self, values: list[Value], build: Callable[[list[ast.expr]], ast.expr], is_condition: bool = False
    ) -> Value:
        """The value built from some values, either all scalars or all in the compute type."""
        axes = joined(*(value.axes for value in values))
        sides = [floating(value.node) if axes < 0 else self.expression(value) for value in values]
        return Value(build(sides), axes, is_condition, max(value.stage for value in values))

    def expression(self, value: Value) -> ast.expr:
        """A value's expression in the compute type."""
        if value.axes >= 0:
            return value.node
        node = floating(value.node)
        if value.axes == CONSTANT:
            return ast.Call(ast.Name("compute"), [node], [])
        text = ast.unparse(node)
        if text not in self.program.hoisted:
            self.program.hoisted.append(text)
        hoisted = ast.Subscript(ast.Name("scalars"), ast.Constant(self.program.hoisted.index(text)))
        return ast.Compare(hoisted, [ast.NotEq()], [ast.Constant(0)]) if value.is_condition else hoisted

    def resolve(self, node: ast.expr) -> Any:
        """The object that a name or dotted name denotes where the function was defined."""
        match node:
            case ast.Name(id=name) if name in self.globals:
                return self.globals[name]
            case ast.Name(id=name) if hasattr(builtins, name):
                return getattr(builtins, name)
            case ast.Attribute(value=owner, attr=attribute):
                found = getattr(self.resolve(owner), attribute, None)
                if found is not None:
                    return found
        self.refuse(node, "this name is unknown where the rule was defined")


def floating(node: ast.expr) -> ast.expr:
    """The node, with an integer constant converted to float."""
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float) and not isinstance(node.value, bool):
        return ast.Constant(float(node.value))
    return node
