"""What the expressions of a program may stand for; each use of a MindSpore name in them is noted."""

import ast
import re
from collections.abc import Callable, Iterable

from .lookup import find
from .notes import Notes, of_mindspore, place
from .program import Attribute
from .unserved import part_of
from .values import (
    NOTHING,
    Constant,
    Dictionary,
    Form,
    Known,
    Local,
    Scope,
    Value,
    Values,
    either,
    elements,
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
        return either(self.value_of(node.body), self.value_of(node.orelse))

    def value_of_boolop(self, node: ast.BoolOp) -> Values:
        return either(*map(self.value_of, node.values))

    def value_of_namedexpr(self, node: ast.NamedExpr) -> Values:
        values = self.value_of(node.value)
        self.scope.bind(node.target.id, values, perhaps=True)
        return values

    def value_of_dict(self, node: ast.Dict) -> Values:
        for key in node.keys:
            if key is not None:
                self.value_of(key)
        keys = [each.value if isinstance(each, ast.Constant) else None for each in node.keys]
        texts = tuple(each for each in keys if isinstance(each, str))
        return self.container(node.values) | {Dictionary(texts, len(texts) == len(keys))}

    def value_of_list(self, node: ast.List | ast.Tuple | ast.Set) -> Values:
        return self.container(node.elts)

    value_of_tuple = value_of_set = value_of_list

    def container(self, nodes: Iterable[ast.expr]) -> Values:
        """A container of what expressions stand for."""
        return elements(frozenset().union(*map(self.value_of, nodes)))

    def value_of_lambda(self, node: ast.Lambda) -> Values:
        for default in (*node.args.defaults, *filter(None, node.args.kw_defaults)):
            self.value_of(default)
        arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        arguments += filter(None, (node.args.vararg, node.args.kwarg))
        outside, self.function = self.function, node
        self.within(dict.fromkeys((each.arg for each in arguments), NOTHING), [node.body])
        self.function = outside
        return frozenset({Local(node)})

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
        return elements(self.within(names, [*inner, *given]))

    value_of_setcomp = value_of_generatorexp = value_of_dictcomp = value_of_listcomp

    def within(self, names: dict[str, Values], nodes: Iterable[ast.expr]) -> Values:
        """Evaluate expressions in a scope of their own; gives what the last stands for."""
        outside, self.scope = self.scope, Scope(self.scope, names)
        *_, last = map(self.value_of, nodes)
        self.scope = outside
        return last

    def resolve(self, node: ast.expr) -> Values:
        """What a name or a chain of attributes stands for; the chain itself is not noted."""
        if isinstance(node, ast.Name):
            bound = self.scope.find(node.id)
            return self.of_star_imports(node.id) if bound is None else bound
        if not isinstance(node, ast.Attribute):
            return self.value_of(node)
        owners = self.resolve(node.value)
        if re.fullmatch(r"__\w+__", node.attr) and node.attr != "__dict__" and things(owners):
            return self.of_python(node)
        found = set[Value]()
        for owner in owners:
            if isinstance(owner, Known) and owner.form is Form.ITSELF:
                found.add(Known(f"{owner.name}.{node.attr}"))
            elif isinstance(owner, Known) and owner.form is Form.RESULT and self.noting:
                self.program.attributes.append(Attribute(*place(node), ast.unparse(node), owner.name, node.attr))
            elif isinstance(owner, Local):
                found |= self.attribute(owner.node, node.attr, frozenset())
        return frozenset(found)

    def of_python(self, node: ast.Attribute) -> Values:
        """An attribute of Python's own, such as ``nn.FTRL.__name__``, is no name of MindSpore's."""
        self.value_of(node.value)
        return NOTHING

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
        """A name that the program does not bind: MindSpore's, unless another star import may provide it."""
        names = [f"{module}.{name}" for module in self.stars if of_mindspore(module)]
        known = [each for each in names if find(each) is not None or part_of(each) is not None]
        return frozenset(map(Known, known or (names if len(names) == len(self.stars) else ())))
