"""What an operator of the catalogue documents: its entry, and the signatures and the docstring made of it."""

import ast
import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from ..codegen.rule.signature import Signature, read_signature
from .docstrings import arguments_of

Choices = dict[Any, dict[str, bool]]
Named = inspect.Parameter.KEYWORD_ONLY
Plain = inspect.Parameter.POSITIONAL_OR_KEYWORD

# What every operator is constructed with, where its original has it or not.
COMMON = {"use_locking": False, "rounding": "nearest", "seed": 0, "check_indices": True}

# What the constructors' arguments mean, where they are no scalars of the rule.
OPTIONS = {
    "use_locking": "calls that share memory follow one another, however many threads make them.",
    "rounding": '"nearest", or "stochastic" for 16-bit states: up or down at random, exact in the mean.',
    "seed": "of the stochastic rounding; the same seed and ``step`` give the same bits.",
    "check_indices": "check indices on a device, too, which waits for it; else those that name no row are left out.",
    "shrink": 'what scales l1 and l2, "lr" or "lr/sqrt(accum)", each element\'s own rate.',
}


@dataclass(frozen=True)
class Entry:
    """What is particular to one operator.

    Attributes:
        name: the documented name.
        rule: the rule it runs.
        summary: what it does, in one sentence.
        arguments: its arguments in the documented order. ``name:other`` says that the rule calls it ``other``,
            ``name:one+two`` that it holds two scalars, and ``name:-`` that no argument of the rule stands for it.
        constructor: the constructor's arguments, as Python writes them: scalars and switches of the rule, and what
            ``choices`` holds.
        rows: with ``indices`` among the arguments, which rows take the step: "touched" or "every".
        step_sizes: the scalars that are step sizes or penalties: finite, not negative.
        ranges: scalars, and arguments that others are derived from, that must lie in another of ``RANGES``.
        choices: constructor's arguments whose values stand for switches of the rule.
        settings: scalars and switches of the rule that no argument sets.
        derived: scalars of the rule that are computed from the operator's own arguments, which the function names.
        by_rank: switches that depend on how many dimensions the variable has.
        creates: the states that are no arguments but new arrays like the gradient.
        returns: the states that are returned; if none are named the one that is created, or all.
        notes: what arguments mean that the rule does not have.
        example: a doctest.
        differs: where the originals compute something else, by library.
    """

    name: str
    rule: Callable[..., Any]
    summary: str
    arguments: str
    constructor: str = "use_locking=False"
    rows: str | None = None
    step_sizes: tuple[str, ...] = ("lr",)
    ranges: dict[str, str] = field(default_factory=dict)
    choices: dict[str, Choices] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    derived: dict[str, Callable[..., float]] = field(default_factory=dict)
    by_rank: dict[str, Callable[[int], bool]] = field(default_factory=dict)
    creates: tuple[str, ...] = ()
    returns: tuple[str, ...] = ()
    notes: dict[str, str] = field(default_factory=dict)
    example: str = ""
    differs: dict[str, str] = field(default_factory=dict)

    @property
    def signature(self) -> Signature:
        """What the rule takes."""
        return read_signature(self.rule)

    @property
    def meanings(self) -> dict[str, tuple[str, ...]]:
        """The arguments by name, in the documented order, with what the rule calls them."""
        return meanings_of(self.arguments)

    @property
    def allowed(self) -> dict[str, str]:
        """What range scalars must lie in."""
        return dict.fromkeys(self.step_sizes, "not negative") | self.ranges

    def documented(self, meaning: str) -> str:
        """The argument that the rule calls ``meaning``; the rule's own name for what is no argument."""
        return next((name for name, meanings in self.meanings.items() if meaning in meanings), meaning)


# Not a cached property: before Python 3.12 these hold a lock, which a child of fork would wait for.
@cache
def meanings_of(arguments: str) -> dict[str, tuple[str, ...]]:
    """What the rule calls each of an entry's arguments."""
    found = {}
    for word in arguments.split():
        name, _, meaning = word.partition(":")
        found[name] = tuple(meaning.split("+")) if meaning else ({"gradient": "grad"}.get(name, name),)
    return found


def constructor(entry: Entry) -> inspect.Signature:
    """The signature of an operator's constructor."""
    given = parameters_of(entry.constructor)
    names = {each.name for each in given}
    added = [inspect.Parameter(name, Named, default=value) for name, value in COMMON.items() if name not in names]
    return inspect.Signature([*given, *added])


@cache
def parameters_of(text: str) -> list[inspect.Parameter]:
    """The parameters that a text names, with their defaults, as Python writes them.

    >>> [(each.name, each.default) for each in parameters_of("use_locking=False, *, shrink='lr'")]
    [('use_locking', False), ('shrink', 'lr')]
    """
    function = ast.parse(f"lambda {text}: None", mode="eval").body
    assert isinstance(function, ast.Lambda)
    plain, named = function.args.args, function.args.kwonlyargs
    defaults = [
        *[None] * (len(plain) - len(function.args.defaults)),
        *function.args.defaults,
        *function.args.kw_defaults,
    ]
    kinds = [*[Plain] * len(plain), *[Named] * len(named)]
    return [
        inspect.Parameter(each.arg, kind, default=inspect.Parameter.empty if value is None else ast.literal_eval(value))
        for each, kind, value in zip([*plain, *named], kinds, defaults, strict=True)
    ]


def call(entry: Entry) -> inspect.Signature:
    """The signature of an operator's call."""
    given = [inspect.Parameter(name, Plain) for name in entry.meanings]
    added: dict[str, Any] = {} if entry.rows or entry.creates else {"indices": None, "rows": "touched"}
    added |= {} if "step" in entry.meanings else {"step": None}
    return inspect.Signature([*given, *(inspect.Parameter(name, Named, default=each) for name, each in added.items())])


def docstring(entry: Entry) -> str | None:
    """An operator's docstring: its own sentence, then its rule's formula and arguments; None if that has none."""
    # python -OO leaves docstrings out.
    if entry.rule.__doc__ is None:
        return None
    rule = inspect.cleandoc(entry.rule.__doc__)
    formula = renamed(entry, rule[rule.index(".. math::") : rule.index("Args:")])
    meanings = {name: renamed(entry, text) for name, text in arguments_of(rule).items()}
    lines = []
    for name, names in entry.meanings.items():
        texts = [meanings[each] for each in names if each in meanings]
        text = entry.notes.get(name) or "; ".join(text.rstrip(".") for text in texts) + "."
        lines.append(f"    {name}: {INDICES if name == 'indices' and not texts else text}")
    for name in constructor(entry).parameters:
        lines.append(f"    {name}: at construction: {entry.notes.get(name) or OPTIONS.get(name) or meanings[name]}")
    returned = "The new array." if entry.creates else "The states, the same objects."
    if entry.returns:
        returned = f"{', '.join(entry.returns)}, of which {', '.join(entry.creates)} is new."
    source = re.search(r"^Source:.*(?:\n.+)*", rule, re.MULTILINE)
    gradients = SPARSE if entry.rows else "" if entry.creates else DENSE
    parts = (
        entry.summary,
        formula,
        f"Called with ({', '.join(entry.meanings)}). {MEMORY} {gradients}",
        "Args:\n" + "\n".join(lines),
        f"Returns:\n    {returned}",
        "Raises:\n    TypeError, ValueError, IndexError: before anything is changed.",
        "\n".join(f"Where {library} differs: {text}" for library, text in entry.differs.items()),
        source.group() if source else "",
        entry.example,
    )
    return "\n\n".join(part.strip() for part in parts if part)


INDICES = "the rows that the gradient's rows belong to, integers of shape ``(n,)``, in any order."
MEMORY = (
    "The states are updated in place. They are float32, float16 and bfloat16 in any mixture, or float64; the gradient "
    "is of the variable's type, or float32 beside a 16-bit variable."
)
SPARSE = (
    "The gradient has shape ``(n,) + var.shape[1:]``; gradients of one row are summed in the order of the indices "
    "before the step."
)
DENSE = "With ``indices=`` the gradient is sparse, and ``rows`` says which rows take the step."


def renamed(entry: Entry, text: str) -> str:
    """A text of the rule's with the operator's own names of arguments."""
    return re.sub(r"``(\w+)``", lambda found: f"``{entry.documented(found[1])}``", text)
