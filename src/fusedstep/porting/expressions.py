"""What the expressions of a program may stand for; each use of a MindSpore name in them is noted."""

import ast
from collections.abc import Callable, Iterable

from .lookup import find
from .notes import Notes, of_mindspore, place
from .program import Attribute, Dynamic, InstanceCall
from .values import (
    MINDSPORE,
    NOTHING,
    Constant,
    Form,
    Known,
    Local,
    Scope,
    Value,
    Values,
    constants,
    elements,
    results,
    taken,
    things,
)


class Expressions(Notes):
    """Evaluates expressions by what their names may stand for."""

    def value_of(self, node: ast.AST) -> Values:
        """What an expression may stand for."""
        known: Callable[[ast.AST], Values] | None = getattr(self, f"value_of_{type(node).__name__.lower()}", None)
        if known is not None:
            return known(node)
        for child in ast.iter_child_nodes(node):
            self.value_of(child)
        return NOTHING

    def value_of_constant(self, node: ast.Constant) -> Values:
        return frozenset({Constant(node.value)})

    def value_of_name(self, node: ast.Name) -> Values:
        return self.note(node, self.resolve(node))

    def value_of_attribute(self, node: ast.Attribute) -> Values:
        return self.note(node, self.resolve(node))

    def value_of_ifexp(self, node: ast.IfExp) -> Values:
        self.value_of(node.test)
        return self.value_of(node.body) | self.value_of(node.orelse)

    def value_of_boolop(self, node: ast.BoolOp) -> Values:
        return frozenset().union(*map(self.value_of, node.values))

    def value_of_namedexpr(self, node: ast.NamedExpr) -> Values:
        values = self.value_of(node.value)
        self.scope.bind(node.target.id, values, perhaps=True)
        return values

    def value_of_dict(self, node: ast.Dict) -> Values:
        for key in node.keys:
            if key is not None:
                self.value_of(key)
        return self.container(node.values)

    def value_of_list(self, node: ast.List | ast.Tuple | ast.Set) -> Values:
        return self.container(node.elts)

    value_of_tuple = value_of_set = value_of_list

    def container(self, nodes: Iterable[ast.expr]) -> Values:
        """A container of what expressions stand for."""
        return elements(frozenset().union(*map(self.value_of, nodes)))

    def value_of_subscript(self, node: ast.Subscript) -> Values:
        self.value_of(node.slice)
        return taken(self.value_of(node.value))

    def value_of_lambda(self, node: ast.Lambda) -> Values:
        for default in (*node.args.defaults, *filter(None, node.args.kw_defaults)):
            self.value_of(default)
        arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        arguments += filter(None, (node.args.vararg, node.args.kwarg))
        self.within(dict.fromkeys((each.arg for each in arguments), NOTHING), [node.body])
        return NOTHING

    def value_of_listcomp(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp) -> Values:
        given = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        first, *_ = node.generators
        inside = taken(self.value_of(first.iter))
        names = {
            each.id: inside if each is clause.target and clause is first else NOTHING
            for clause in node.generators
            for each in ast.walk(clause.target)
            if isinstance(each, ast.Name)
        }
        inner = [each.iter for each in node.generators[1:]] + [test for each in node.generators for test in each.ifs]
        self.within(names, [*inner, *given])
        return NOTHING

    value_of_setcomp = value_of_generatorexp = value_of_dictcomp = value_of_listcomp

    def within(self, names: dict[str, Values], nodes: Iterable[ast.expr]) -> None:
        """Evaluate expressions in a scope of their own."""
        outside, self.scope = self.scope, Scope(self.scope, names)
        for node in nodes:
            self.value_of(node)
        self.scope = outside

    def value_of_call(self, node: ast.Call) -> Values:
        named = isinstance(node.func, ast.Name | ast.Attribute)
        values = self.resolve(node.func) if named else self.value_of(node.func)
        written = ast.unparse(node.func)
        last = written.rpartition(".")[2]
        if last == "partial" and node.args and isinstance(node.args[0], ast.Name | ast.Attribute):
            return self.partial(node, node.args[0])
        given = [self.argument(each) for each in node.args]
        for keyword in node.keywords:
            self.argument(keyword.value)
        if not named:
            return results(values)
        if last == "getattr" and len(given) > 1:
            return self.got(node, given[0], given[1])
        if last in ("import_module", "__import__") and given:
            return self.imported(node, given[0])
        if last in ("get", "pop") and isinstance(node.func, ast.Attribute):
            inside = taken(self.resolve(node.func.value))
            if inside:
                return inside
        wrapped = next((each.node for each in (given[0] if given else ()) if isinstance(each, Local)), None)
        self.note(node.func, values, node, wrapped)
        self.note_call(node, values, written)
        return self.called(values)

    def partial(self, node: ast.Call, function: ast.expr) -> Values:
        """What ``functools.partial`` gives: its function, which is called with these arguments too."""
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

    def resolve(self, node: ast.expr) -> Values:
        """What a name or a chain of attributes stands for; the chain itself is not noted."""
        if isinstance(node, ast.Name):
            bound = self.scope.find(node.id)
            return self.of_star_imports(node.id) if bound is None else bound
        if not isinstance(node, ast.Attribute):
            return self.value_of(node)
        found = set[Value]()
        for owner in self.resolve(node.value):
            if isinstance(owner, Known) and owner.form is Form.ITSELF:
                found.add(Known(f"{owner.name}.{node.attr}"))
            elif isinstance(owner, Known) and owner.form is Form.RESULT and self.noting:
                self.program.attributes.append(Attribute(*place(node), ast.unparse(node), owner.name, node.attr))
            elif isinstance(owner, Local):
                found |= self.attribute(owner.node, node.attr, frozenset())
        return frozenset(found)

    def attribute(self, node: ast.AST, name: str, seen: frozenset[ast.AST]) -> Values:
        """An attribute of a class of the program, or of one that it inherits from."""
        info = self.classes.get(node)
        if info is None or node in seen:
            return NOTHING
        if name in info.attributes:
            return info.attributes[name]
        bases = [each.node for each in info.bases if isinstance(each, Local)]
        return frozenset().union(*(self.attribute(each, name, seen | {node}) for each in bases))

    def construct(self, node: ast.AST) -> Values:
        """What calling an instance of a class runs."""
        return self.attribute(node, "construct", frozenset()) or self.attribute(node, "__call__", frozenset())

    def of_star_imports(self, name: str) -> Values:
        """A name that the program does not bind: of MindSpore, if a star import hands it out, as far as is known."""
        found = [f"{module}.{name}" for module in self.stars]
        provided = [each for each in found if find(each) is not None]
        return frozenset(map(Known, provided or found))

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
