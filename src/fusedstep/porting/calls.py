"""What calls of a program give, and what they are noted as."""

import ast

from .expressions import Expressions
from .lookup import find
from .notes import NAMES, of_mindspore, place
from .program import Dynamic, InstanceCall
from .unserved import part_of
from .values import (
    MINDSPORE,
    NOTHING,
    UNTOLD,
    Dictionary,
    Form,
    Known,
    Local,
    Value,
    Values,
    constants,
    elements,
    perhaps,
    results,
    taken,
    things,
)

# Where a name that only the run tells may be that of an optimizer.
OPTIMIZERS = f"{MINDSPORE}.nn"


class Calls(Expressions):
    """Evaluates calls; some functions of Python's library pass names on."""

    def value_of_call(self, node: ast.Call) -> Values:
        named = isinstance(node.func, ast.Name | ast.Attribute)
        values = self.resolve(node.func) if named else self.value_of(node.func)
        written = ast.unparse(node.func)
        last = written.rpartition(".")[2]
        if last == "partial" and node.args and isinstance(node.args[0], ast.Name | ast.Attribute):
            return self.partial(node, node.args[0])
        given = [self.argument(each) for each in node.args]
        by_name = [self.argument(each.value) for each in node.keywords]
        if not named:
            self.note_call(node, values, written)
            return self.called(values)
        if last == "getattr" and len(given) > 1:
            return self.got(node, given[0], given[1])
        if last in ("import_module", "__import__") and given:
            return self.imported(node, given[0])
        if last == "vars" and given:
            return frozenset(Known(f"{each.name}{NAMES}") for each in things(given[0]))
        if last in ("get", "pop") and isinstance(node.func, ast.Attribute):
            inside = taken(self.resolve(node.func.value))
            if inside:
                return inside
        if written == "dict" and not given:
            keys = tuple(each.arg for each in node.keywords if each.arg is not None)
            return elements(frozenset().union(*by_name)) | {Dictionary(keys, len(keys) == len(node.keywords))}
        if last == "append" and isinstance(node.func, ast.Attribute) and len(given) == 1:
            self.appended(node.func.value, given[0])
        passed = frozenset().union(*given, *by_name)
        wrapped = next((each.node for each in passed if isinstance(each, Local)), None)
        self.note(node.func, values, node, wrapped)
        self.note_call(node, values, written)
        return self.called(values)

    def appended(self, node: ast.expr, values: Values) -> None:
        """Remember what a list of this scope contains too."""
        if isinstance(node, ast.Name) and node.id in self.scope.names:
            self.scope.bind(node.id, elements(values), perhaps=True)

    def partial(self, node: ast.Call, function: ast.expr) -> Values:
        """What ``functools.partial`` gives: its function, which is called with these arguments too."""
        self.value_of(node.func)
        for each in (*node.args[1:], *(keyword.value for keyword in node.keywords)):
            self.argument(each)
        # Whoever calls what it gives passes more.
        more = ast.keyword(None, node.args[0])
        return self.note(function, self.resolve(function), ast.Call(function, node.args[1:], [*node.keywords, more]))

    def argument(self, node: ast.expr) -> Values:
        """Evaluate an argument of a call, and remember what it may stand for."""
        values = self.value_of(node)
        if self.noting:
            self.program.values[node] = values
        return values

    def called(self, values: Values) -> Values:
        """What a call gives: what functions of the program return, else results."""
        found: set[Value] = set()
        for each in values:
            if isinstance(each, Local) and each.node not in self.classes:
                found |= self.returns.get(each.node, NOTHING)
            else:
                found |= results(frozenset({each}))
        return frozenset(found)

    def got(self, node: ast.Call | ast.Subscript, owners: Values, names: Values) -> Values:
        """What ``getattr`` gives."""
        texts = [each for each in constants(names) if isinstance(each, str)]
        found = {Known(f"{owner.name}.{text}") for owner in things(owners) for text in texts}
        possible = {Known(f"{owner.name}.{text}") for owner in things(owners) for text in perhaps(names)}
        found |= {each for each in possible if find(each.name) or part_of(each.name)}
        if not found or UNTOLD in names:
            for owner in things(owners):
                self.note_dynamic(node, owner.name)
        return self.note(node, frozenset(found))

    def imported(self, node: ast.Call, names: Values) -> Values:
        """What ``importlib.import_module`` gives."""
        whole = "import_module" in ast.unparse(node.func)
        texts = [each for each in (*constants(names), *perhaps(names)) if isinstance(each, str) and of_mindspore(each)]
        written = [each.value for each in ast.walk(node) if isinstance(each, ast.Constant)]
        if not texts and any(isinstance(each, str) and of_mindspore(each) for each in written):
            self.note_dynamic(node, OPTIMIZERS)
        return self.note(node, frozenset(Known(each if whole else MINDSPORE) for each in texts))

    def value_of_subscript(self, node: ast.Subscript) -> Values:
        """What is taken out of a container, or out of the names of a module."""
        values, names = self.value_of(node.value), self.value_of(node.slice)
        modules = [each.name.removesuffix(NAMES) for each in things(values) if each.name.endswith(NAMES)]
        return self.got(node, frozenset(map(Known, modules)), names) if modules else taken(values)

    def note_dynamic(self, node: ast.expr, module: str) -> None:
        """Note a name in a module that is known only when the program runs."""
        if self.noting:
            self.program.dynamic.append(Dynamic(*place(node), ast.unparse(node), module))

    def note_call(self, node: ast.Call, values: Values, written: str) -> None:
        """Note which function calls what, and calls of results."""
        if not self.noting:
            return
        if self.function is not None:
            callees: set[Value | str] = set()
            for each in values:
                callees |= (
                    self.construct(each.node) if isinstance(each, Local) and each.node in self.classes else {each}
                )
            self.program.callees.setdefault(self.function, set()).update(callees or [written])
        for each in values:
            if isinstance(each, Known) and each.form is Form.RESULT:
                self.program.calls.append(InstanceCall(*place(node), written, each.name, node))
