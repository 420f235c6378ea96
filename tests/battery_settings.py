"""The operators that the battery is run against, every one of the catalogue, and what each is called with."""

from dataclasses import dataclass, field
from functools import cached_property
from inspect import Parameter
from typing import Any

import fusedstep as fs
from fusedstep.operators import catalogue
from fusedstep.operators.entry import Entry, constructor
from fusedstep.operators.named import NamedOperator
from tests.rules import test_rules, test_rules_with_sums

# What a case overrides by its role has another name in some operators; the rest is called by its role.
SCALAR_ROLES = {"lr": "lr", "learning_rate": "lr", "l1": "l1", "l2": "l2"}
TABLES = {row.rule: row for row in reversed((*test_rules.RULES, *test_rules_with_sums.ROWS))}
SQUARES = {fs.rules.lamb: ("v",), fs.rules.adafactor: ("exp_avg_sq_row", "exp_avg_sq_col")}
# What no row of a rule's scalars holds, since an operator derives them, and a power that is a root.
NUMBERS = {"step": 3, "global_step": 3, "lr_power": -0.5}
# What an argument's description may say of another's role.
REFERENCES = {"alias_of", "view_of", "overlap_of"}
# How far, in units in the last place, rules that add up whole tensors, one on top of the other, may be off.
SUMS_ULPS = 64


@dataclass(frozen=True, eq=False)
class Setting:
    """An operator as it is constructed for the battery.

    Attributes:
        name: its name in ``fs.ops``.
        options: what it is constructed with, beside what plays a role.
        ready: by ``use_locking``, what good calls have constructed: children need not do so again.
    """

    name: str
    options: dict[str, Any] = field(default_factory=dict)
    ready: dict[bool, NamedOperator] = field(default_factory=dict)

    @property
    def entry(self) -> Entry:
        return catalogue.OPERATORS[self.name].entry

    @property
    def kind(self) -> str:
        """Which base call it takes."""
        return "sparse" if self.entry.rows else "dense"

    @property
    def label(self) -> str:
        return "-".join([self.name, *map(str, self.options.values())])

    @property
    def arguments(self) -> list[str]:
        return list(self.entry.meanings)

    @cached_property
    def constructed(self) -> list[str]:
        """The constructor's arguments that play a role, or that it cannot do without."""
        parameters = constructor(self.entry).parameters.values()
        return [each.name for each in parameters if each.name in SCALAR_ROLES or each.default is Parameter.empty]

    @cached_property
    def roles(self) -> dict[str, str]:
        """The role of every array and scalar among the arguments; what plays none has its own name."""
        signature, found = self.entry.signature, {"indices": "indices"}
        squares = SQUARES.get(self.entry.rule) or getattr(TABLES[self.entry.rule], "positive", ())
        for name, meanings in self.entry.meanings.items():
            meaning = meanings[0]
            if meaning == "grad":
                found[name] = "grad"
            elif meaning in signature.states:
                taken = found.values()
                wanted = "var" if meaning in ("var", "weight") else "sq" if meaning in squares else "lin"
                # A second state of one kind plays no role of its own.
                found[name] = wanted if wanted not in taken and self.is_elementwise(name) else name
            else:
                found.setdefault(name, SCALAR_ROLES.get(meaning, name))
        return found | {name: SCALAR_ROLES.get(name, name) for name in self.constructed}

    def is_elementwise(self, state: str) -> bool:
        """Whether a state is used, and of the variable's shape."""
        return dict(zip(self.operator.state_names, self.operator.spec.kinds, strict=True))[state] == "element"

    def like(self, state: str) -> str:
        """The role whose base call says what a state without a role holds."""
        meaning = self.entry.meanings[state][0]
        squares = SQUARES.get(self.entry.rule) or getattr(TABLES[self.entry.rule], "positive", ())
        return "sq" if meaning in squares else "lin"

    @cached_property
    def operator(self) -> NamedOperator:
        """The operator with numbers that suit it."""
        return catalogue.OPERATORS[self.name](**self.options, **{name: self.number(name) for name in self.constructed})

    def number(self, argument: str) -> Any:
        """A value of a scalar that plays no role."""
        meanings = self.entry.meanings.get(argument, (argument,))
        if argument in NUMBERS:
            return NUMBERS[argument]
        scalars = TABLES[self.entry.rule].scalars
        values = tuple(scalars[meaning] for meaning in meanings)
        return values if len(values) > 1 else values[0]

    @cached_property
    def read_only_roles(self) -> set[str]:
        """The states that are only read."""
        wanted = self.operator.array_spec
        unchanged = [name for name, changed in zip(wanted.names, wanted.changed, strict=True) if not changed]
        return {self.roles[name] for name in unchanged if name in self.roles}

    @property
    def adds_up(self) -> bool:
        """Whether its rule adds up more than an element."""
        return isinstance(TABLES[self.entry.rule], test_rules_with_sums.Row)

    def inexact(self, dtype: str) -> float:
        """How many units in the last place a type's results may be off; 0 where they must be the rule's bits."""
        row = TABLES[self.entry.rule]
        return SUMS_ULPS if isinstance(row, test_rules_with_sums.Row) else row.inexact.get(dtype, 0)

    def applies(self, case: dict[str, Any]) -> bool:
        """Whether a case says anything of this operator."""
        known, changed = {*self.roles.values(), "use_locking"}, case["args"].keys()
        if case["op"] != self.kind or ("var" in changed - known and not changed >= {"sq", "lin", "grad"}):
            return False
        specs = [spec for spec in case["args"].values() if isinstance(spec, dict)]
        named = {spec[word] for spec in specs for word in REFERENCES & spec.keys()}
        return named <= known and (not changed or bool(changed & known))


# The four that the library began with.
FIRST = [
    Setting("FusedSparseAdam"),
    Setting("FusedSparseLazyAdam", {"use_nesterov": True}),
    Setting("FusedSparseProximalAdagrad"),
    Setting("ApplyProximalAdagrad", {"shrink": "lr/sqrt(accum)"}),
]
OTHERS = [Setting("FusedSparseProximalAdagrad", {"shrink": "lr/sqrt(accum)"}), Setting("ApplyProximalAdagrad")]
OTHERS += [Setting(name) for name in catalogue.OPERATORS if name not in {setting.name for setting in FIRST}]
SETTINGS = [*FIRST, *OTHERS]
