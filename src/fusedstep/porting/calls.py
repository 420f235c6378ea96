"""What calls of a program give, and what they are noted as."""

import ast

from .expressions import Expressions
from .notes import of_mindspore, place
from .program import Dynamic, InstanceCall
from .values import MINDSPORE, NOTHING, Form, Known, Local, Value, Values, constants, results, taken, things


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
        if last in ("get", "pop") and isinstance(node.func, ast.Attribute):
            inside = taken(self.resolve(node.func.value))
            if inside:
                return inside
        passed = frozenset().union(*given, *by_name)
        wrapped = next((each.node for each in passed if isinstance(each, Local)), None)
        self.note(node.func, values, node, wrapped)
        self.note_call(node, values, written)
        return self.called(values)

    def partial(self, node: ast.Call, function: ast.expr) -> Values:
        """What ``functools.partial`` gives: its function, which is called with these arguments too."""
        self.value_of(node.func)
        for each in (*node.args[1:], *(keyword.value for keyword in node.keywords)):
            self.argument(each)
        return self.note(function, self.resolve(function), ast.Call(function, node.args[1:], node.keywords))

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

    def got(self, node: ast.Call, owners: Values, names: Values) -> Values:
        """What ``getattr`` gives."""
        texts = [each for each in constants(names) if isinstance(each, str)]
        found = frozenset(Known(f"{owner.name}.{text}") for owner in things(owners) for text in texts)
        if not texts:
            for owner in things(owners) if self.noting else ():
                self.program.dynamic.append(Dynamic(*place(node), ast.unparse(node), owner.name))
        return self.note(node, found)

    def imported(self, node: ast.Call, names: Values) -> Values:
        """What ``importlib.import_module`` gives."""
        texts = [each for each in constants(names) if isinstance(each, str) and of_mindspore(each)]
        whole = "import_module" in ast.unparse(node.func)
        return self.note(node, frozenset(Known(each if whole else MINDSPORE) for each in texts))

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
