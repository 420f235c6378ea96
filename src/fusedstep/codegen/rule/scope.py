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
from .annotations import enclosing
from .axes import COLUMNS, CONSTANT, SCALAR, joined
from .conditions import constant, is_number, known
from .definition import definition_of
from .program import Program
from .refusal import refusal
from .statements import Statements
from .unsupported import ELEMENT, METHODS, advice, advice_for
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


class Scope(Statements):
    """The names that a function's body sees, with their current values, while it is translated line by line."""

    def __init__(self, function: Callable[..., Any], program: Program, prefix: str = "") -> None:
        self.function = function
        self.program = program
        self.prefix = prefix
        self.within: tuple[Any, ...] = (function,)
        self.names: dict[str, Value] = {}
        self.body = definition_of(function).body
        self.enclosed = dict(enclosing(function))

    def refuse(self, node: ast.AST, why: str) -> NoReturn:
        text = ast.unparse(node).splitlines()[0]
        text = text if len(text) <= 80 else f"{text[:76]} ..."
        helper = self.within[0].__name__ if len(self.within) > 1 else ""
        line = getattr(node, "lineno", None)
        raise refusal(self.function, f"cannot compile `{text}`: {why}", line, within=helper)

    def assigned(self, name: str, value: Value) -> Value:
        """The value under a new name; a value that is the same for all elements needs none."""
        if value.axes < 0 or isinstance(value.node, ast.Name):
            return value
        # The count of lines makes it unique; it differs from all arguments (see ``local``).
        unique = f"{self.prefix}{name}_{len(self.program.lines)}_"
        self.program.lines.append(Line(unique, value))
        return Value(ast.Name(unique), value.axes, value.is_condition, value.stage)

    def visit(self, node: ast.expr) -> Value:
        match node:
            case ast.Constant(value=bool() | int() | float() as number):
                if not is_number(number):
                    self.refuse(node, "it is too large for a float")
                return constant(number)
            case ast.Name(id=name) if name in self.names:
                return self.limited(node, self.names[name])
            case ast.Name() | ast.Attribute():
                found = self.resolve(node)
                number = found.item() if isinstance(found, np.generic) else found
                if is_number(number):
                    return constant(number)
                why = "a NaN" if isinstance(number, float) else "neither an argument, a number nor a word"
                self.refuse(node, f"it is {why}; pass numbers as scalars")
            case ast.BinOp(left=left, op=(ast.BitAnd() | ast.BitOr()) as join, right=right):
                return self.both(self.condition(left), join, self.condition(right))
            case ast.BinOp(left=left, op=sign, right=right) if type(sign) in ARITHMETIC:
                return self.binary(node, self.visit(left), sign, self.visit(right))
            case ast.UnaryOp(op=(ast.USub() | ast.UAdd()) as sign, operand=operand):
                value = self.number(operand)
                if isinstance(value.node, ast.Constant):
                    return self.folded(node, operator.mul, -1 if isinstance(sign, ast.USub) else 1, value.node.value)
                return value.signed(sign)
            case ast.UnaryOp(op=ast.Not() | ast.Invert()):
                return self.negated(node)
            case ast.Compare():
                return self.compared(node)
            case ast.BoolOp():
                return self.bool_op(node)
            case ast.IfExp(test=test, body=then, orelse=otherwise):
                decision = self.decision(test)
                if known(decision) is not None:
                    return self.visit(then if known(decision) else otherwise)
                return self.chosen(node, decision, self.visit(then), self.visit(otherwise))
            case ast.Call():
                return self.call(node)
            case ast.Subscript(value=owner, slice=index) if (constants := self.sequence(owner)) is not None:
                return self.item(node, constants, known(self.visit(index)))
        self.refuse(node, advice(node))

    def item(self, node: ast.expr, constants: list[Value], index: Any) -> Value:
        """An element of a tuple of constants."""
        if type(index) is not int or not -len(constants) <= index < len(constants):
            self.refuse(node, f"the index must be a constant from {-len(constants)} to {len(constants) - 1}")
        return constants[index]

    def binary(self, node: ast.expr, left: Value, sign: ast.operator, right: Value) -> Value:
        if isinstance(left.node, ast.Constant) and isinstance(right.node, ast.Constant):
            return self.folded(node, ARITHMETIC[type(sign)], left.node.value, right.node.value)
        if left.is_condition and right.is_condition:
            self.refuse(node, "+ - * / of conditions is invalid; join them with & | ~, or use where()")
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
        if value != value:
            self.refuse(node, "it is not a number")
        return constant(value)

    def raised(self, base: Value, exponent: Value) -> Value:
        """``base ** exponent``; as in NumPy, by a product for 2 and a root for 0.5."""
        number = known(exponent)
        if base.axes >= 0 and number == 2:
            once = self.assigned("part", base)
            return replace(once, node=ast.BinOp(once.node, ast.Mult(), once.node))
        if base.axes >= 0 and number == 0.5:
            return self.word(ast.Name("sqrt"), "sqrt", [base])
        return self.word(ast.Name("power"), "power", [base, exponent])

    def call(self, node: ast.Call) -> Value:
        values = self.called(node)
        if len(values) != 1:
            self.refuse(node, f"it returns {len(values)} values, expected one")
        return values[0]

    def called(self, node: ast.Call) -> list[Value]:
        word = self.meaning(node)
        if word is not None:
            return [self.word(node, word, self.each_of(node.args))]
        return self.inline(node, self.resolve(node.func))

    def meaning(self, node: ast.Call) -> str | None:
        """The word that a call uses, or None if it calls a helper."""
        if isinstance(node.func, ast.Attribute) and self.is_value(node.func.value):
            self.refuse(node, METHODS)
        if isinstance(node.func, ast.Name) and node.func.id in self.names:
            self.refuse(node, f"{node.func.id} is a number here, not a function")
        called = self.resolve(node.func)
        if inspect.isfunction(called) and called not in WORDS:
            return None
        if not isinstance(called, Hashable) or called not in WORDS:
            remedy = advice_for(called)
            known_words = "" if remedy else f" ({', '.join(words.__all__)})"
            self.refuse(node, f"it is neither a word of fusedstep.words{known_words} nor a function of Python" + remedy)
        if node.keywords:
            self.refuse(node, "words take positional arguments only")
        return WORDS[called]

    def word(self, node: ast.expr, name: str, arguments: list[Value]) -> Value:
        if any(value.is_condition for value in arguments[name == "where" :]):
            self.refuse(node, "it is given a condition, expected a number; write where(condition, 1, 0)")
        expected = len(inspect.signature(getattr(words, name)).parameters)
        if len(arguments) != expected:
            self.refuse(node, f"{name}() takes {expected} values, got {len(arguments)}")
        if name in REDUCED:
            return self.reduce(node, name, arguments[0])
        if name in STATE_WORDS:
            if arguments[0].axes != STATE_WORDS[name]:
                annotation = "PerRow" if name == "per_row" else "PerColumn"
                self.refuse(node, f"{name}() is for a state that the signature annotates: {annotation}")
            return arguments[0]
        if name == "where" and known(arguments[0]) is not None:
            return arguments[1] if known(arguments[0]) else arguments[2]
        if all(known(value) is not None for value in arguments):
            return self.computed(node, name, [float(known(value)) for value in arguments])
        self.program.words.add(name)
        if name == "power" and arguments[0].axes >= 0 and arguments[0].axes & COLUMNS and arguments[1].axes == SCALAR:
            exponent = ast.unparse(self.expression(arguments[1]))
            if exponent not in self.program.exponents:
                self.program.exponents.append(exponent)
        return self.combined(arguments, lambda nodes: ast.Call(ast.Name(f"word_{name}"), nodes, []), name in CONDITIONS)

    def computed(self, node: ast.expr, name: str, numbers: list[float]) -> Value:
        """A word of constants, computed in float64."""
        with np.errstate(all="ignore"):
            found = getattr(words, name)(*numbers)
        if found != found:
            self.refuse(node, "it is not a number")
        return constant(bool(found) if isinstance(found, bool | np.bool_) else float(found))

    def reduce(self, node: ast.expr, name: str, value: Value) -> Value:
        """The value of a reduction, which is known after a pass over all elements."""
        axes, (along, _, kind) = REDUCED[name].get(value.axes), name.partition("_")
        if axes is None:
            self.refuse(node, f"{name}() takes a value that varies by element{REMEDIES[along]}")
        if kind == "min":
            # The largest of the opposite numbers.
            return self.reduce(node, f"{along}_max", value.signed(ast.USub())).signed(ast.USub())
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
        positional = self.each_of(node.args)
        named = {word.arg: self.visit(word.value) for word in node.keywords if word.arg}
        try:
            given = signature.bind(*positional, **named)
        except TypeError as error:
            self.refuse(node, str(error))
        for name, value in given.arguments.items():
            inner.names[name] = self.assigned(name, value)
        for name, parameter in parameters.items():
            if name not in given.arguments:
                default = parameter.default
                if not is_number(default):
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
        stage, size = max(value.stage for value in values), 1 + sum(value.size for value in values)
        return Value(build(sides), axes, is_condition, stage, size, 1 + max(value.depth for value in values))

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
        code = self.function.__code__
        if self.is_value(node):
            self.refuse(
                node, f"{ELEMENT}, which has no attributes" if isinstance(node, ast.Attribute) else advice(node)
            )
        match node:
            case ast.Name(id=name) if name in (*code.co_varnames, *code.co_cellvars):
                self.refuse(node, "it has no value here; assign it first, on both ways of an `if`")
            case ast.Name(id=name) if name in self.enclosed:
                return self.enclosed[name]
            case ast.Name(id=name) if name in code.co_freevars:
                self.refuse(node, "it has no value yet where the rule was defined; assign it before the rule is used")
            case ast.Name(id=name) if name in self.function.__globals__:
                return self.function.__globals__[name]
            case ast.Name(id=name) if hasattr(builtins, name):
                return getattr(builtins, name)
            case ast.Attribute(value=owner, attr=attribute):
                found = self.resolve(owner)
                try:
                    return getattr(found, attribute)
                except AttributeError as error:
                    known_words = f"; it has {', '.join(words.__all__)}" if names_words(found) else ""
                    self.refuse(node, f"{error}{known_words}")
            case ast.Name():
                self.refuse(node, "this name is unknown where the rule was defined")
        self.refuse(node, advice(node))

    def is_value(self, node: ast.expr) -> bool:
        """Whether a node is computed from the rule's values, and does not name an object outside of it."""
        while isinstance(node, ast.Attribute):
            node = node.value
        return node.id in self.names if isinstance(node, ast.Name) else not isinstance(node, ast.Lambda)


def names_words(found: object) -> bool:
    """Whether an object is the module of words."""
    return getattr(found, "__name__", "") in (words.__name__, words.__name__.replace(".rules", ""))


def floating(node: ast.expr) -> ast.expr:
    """The node, with an integer constant converted to float."""
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float) and not isinstance(node.value, bool):
        return ast.Constant(float(node.value))
    return node
