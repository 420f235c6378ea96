"""Functions and classes of a program, and what assignments bind."""

import ast

from .calls import Calls
from .notes import ClassOfProgram, place
from .program import Attribute
from .values import NOTHING, Form, Known, Local, Scope, Values, either, results, things

Function = ast.FunctionDef | ast.AsyncFunctionDef


class Definitions(Calls):
    """Runs through definitions; bodies of functions wait until what is around them is known."""

    def __init__(self, file: str) -> None:
        super().__init__(file)
        self.depth = 0
        self.later: list[tuple[Function, Scope]] = []

    def block(self, statements: list[ast.stmt]) -> None:
        """Run through statements."""
        raise NotImplementedError

    def run_classdef(self, statement: ast.ClassDef) -> None:
        info = self.classes.setdefault(statement, ClassOfProgram())
        self.decorators(statement)
        for base in statement.bases:
            values = self.resolve(base)
            info.bases |= values
            for each in things(values):
                self.note_use(base, each, "base", decorated=statement)
        for keyword in statement.keywords:
            self.value_of(keyword.value)
        outside, self.scope = self.scope, Scope(self.scope)
        self.block(statement.body)
        info.attributes |= self.scope.names
        self.scope = outside
        if self.noting:
            self.program.callees[statement] = set(self.construct(statement))
        self.bind_name(statement.name, frozenset({Local(statement)}))

    def run_functiondef(self, statement: Function) -> None:
        self.decorators(statement)
        owner = next((node for node in self.classes if statement in getattr(node, "body", ())), None)
        # A class is no scope for the functions in it.
        around = self.scope.parent if owner is not None and self.scope.parent else self.scope
        self.later.append((statement, Scope(around, self.parameters(statement, owner))))
        if self.noting and self.function is not None:
            self.program.callees.setdefault(self.function, set()).add(Local(statement))
        if statement.returns is not None:
            self.value_of(statement.returns)
        self.bind_name(statement.name, frozenset({Local(statement)}))

    run_asyncfunctiondef = run_functiondef

    def decorators(self, statement: Function | ast.ClassDef) -> None:
        """Note decorators."""
        for each in statement.decorator_list:
            call = each if isinstance(each, ast.Call) else None
            function = call.func if call else each
            for given in (*call.args, *(keyword.value for keyword in call.keywords)) if call else ():
                self.argument(given)
            for thing in things(self.resolve(function)):
                self.note_use(function, thing, "decorator", call, statement)

    def parameters(self, statement: Function, owner: ast.AST | None) -> dict[str, Values]:
        """What the parameters of a function may stand for: by their defaults and annotations, and ``self``."""
        given = statement.args
        plain = [*given.posonlyargs, *given.args]
        defaults = [*[None] * (len(plain) - len(given.defaults)), *given.defaults, *given.kw_defaults]
        found: dict[str, Values] = {}
        for each, default in zip([*plain, *given.kwonlyargs], defaults, strict=True):
            values = self.value_of(default) if default is not None else NOTHING
            declared = results(self.value_of(each.annotation)) if each.annotation is not None else NOTHING
            # A default is one of the values that callers pass.
            found[each.arg] = either(values | declared, NOTHING)
        for each in filter(None, (given.vararg, given.kwarg)):
            found[each.arg] = NOTHING
        static = any("staticmethod" in ast.unparse(each) for each in statement.decorator_list)
        if owner is not None and plain and not static:
            of_class = any("classmethod" in ast.unparse(each) for each in statement.decorator_list)
            found[plain[0].arg] = frozenset({Local(owner, Form.ITSELF if of_class else Form.RESULT)})
        return found

    def body(self, statement: Function, scope: Scope) -> None:
        """Run through the body of a function."""
        outside = self.scope, self.function, self.depth
        self.scope, self.function, self.depth = scope, statement, 0
        self.block(statement.body)
        self.scope, self.function, self.depth = outside

    def bind_name(self, name: str, values: Values) -> None:
        """Bind a name in the scope that is run through."""
        self.scope.bind(name, values, perhaps=self.depth > 0)

    def bind(self, target: ast.AST, values: Values) -> None:
        """Bind what an assignment names."""
        if isinstance(target, ast.Name):
            self.bind_name(target.id, values)
        elif isinstance(target, ast.Attribute):
            self.store(target, values)
        elif isinstance(target, ast.Tuple | ast.List):
            for each in target.elts:
                self.bind(each, NOTHING)
        elif isinstance(target, ast.Starred):
            self.bind(target.value, NOTHING)
        else:
            self.value_of(target)

    def store(self, target: ast.Attribute, values: Values) -> None:
        """Bind an attribute: of a class of the program, or of a result."""
        for owner in self.resolve(target.value):
            if isinstance(owner, Local) and owner.node in self.classes:
                attributes = self.classes[owner.node].attributes
                attributes[target.attr] = either(values, attributes.get(target.attr, values))
            elif isinstance(owner, Known) and owner.form is Form.RESULT and self.noting:
                stored = Attribute(*place(target), ast.unparse(target), owner.name, target.attr, values)
                self.program.attributes.append(stored)
