"""The entry of an operator in the catalogue, and the signatures and the docstring that are made from it."""

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

# Arguments of every constructor, even where the original does not have them.
COMMON = {"use_locking": False, "rounding": "nearest", "seed": 0, "check_indices": True}

# The meaning of arguments of constructors that are not scalars of the rule.
OPTIONS = {
    "use_locking": "run calls that share memory one after another, whichever threads make them.",
    "rounding": '"nearest", or "stochastic" for 16-bit states: up or down at random, so that the mean is exact.',
    "seed": "the seed of stochastic rounding; the same seed and ``step`` give the same bits.",
    "check_indices": "check indices on a device, which waits for it; without it, indices that name no row are ignored.",
    "shrink": 'the factor of l1 and l2: "lr", or "lr/sqrt(accum)", the rate of each element.',
}


@dataclass(frozen=True)
class Entry:
    """The record of one operator.

    Attributes:
        name: the documented name.
        rule: the rule that it runs.
        summary: what it does, in one sentence.
        arguments: the arguments in the documented order. In ``name:other`` the rule calls the argument ``other``, in
            ``name:one+two`` it holds two scalars, and in ``name:-`` the rule has no such argument.
        constructor: the constructor's arguments in Python syntax: scalars and switches of the rule, and the keys of
            ``choices``.
        rows: the rows that take the step, if ``indices`` is an argument: "touched" or "every".
        step_sizes: the scalars that are step sizes or penalties: finite, not negative.
        ranges: the range, one of ``RANGES``, of other scalars and of arguments from which scalars are derived.
        choices: arguments of the constructor whose values set switches of the rule.
        settings: scalars and switches of the rule that no argument sets.
        derived: scalars of the rule that a function computes from the operator's arguments of the same names.
        by_rank: switches that depend on the number of dimensions of the variable.
        creates: the states that are not arguments but new arrays like the gradient.
        returns: the returned states; by default the created one, or all.
        notes: the meaning of arguments that the rule does not have.
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
        """The signature of the rule."""
        return read_signature(self.rule)

    @property
    def meanings(self) -> dict[str, tuple[str, ...]]:
        """The arguments in the documented order, with the rule's names for them."""
        return meanings_of(self.arguments)

    @property
    def allowed(self) -> dict[str, str]:
        """The allowed range of each scalar that has one."""
        return dict.fromkeys(self.step_sizes, "not negative") | self.ranges

    def documented(self, meaning: str) -> str:
        """The argument that the rule calls ``meaning``; ``meaning`` itself if there is no such argument."""
        return next((name for name, meanings in self.meanings.items() if meaning in meanings), meaning)


# Not a cached property: before Python 3.12 it holds a lock, for which a child of fork could wait forever.
@cache
def meanings_of(arguments: str) -> dict[str, tuple[str, ...]]:
    """The rule's names for each argument of an entry."""
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
    """The parameters in a text in Python syntax, with their defaults.

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
    added |= {"offsets": None, "weights": None} if entry.rows or not entry.creates else {}
    added |= {} if "step" in entry.meanings else {"step": None}
    return inspect.Signature([*given, *(inspect.Parameter(name, Named, default=each) for name, each in added.items())])


def docstring(entry: Entry) -> str | None:
    """An operator's docstring: its summary, then its rule's formula and arguments; None if the rule has none."""
    # python -OO removes docstrings.
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
        returned = f"{', '.join(entry.returns)}; {', '.join(entry.creates)} is a new array."
    source = re.search(r"^Source:.*(?:\n.+)*", rule, re.MULTILINE)
    gradients = SPARSE if entry.rows else "" if entry.creates else DENSE
    parts = (
        entry.summary,
        formula,
        f"Call it with ({', '.join(entry.meanings)}). {MEMORY} {gradients}",
        "Args:\n" + "\n".join(lines),
        f"Returns:\n    {returned}",
        "Raises:\n    TypeError, ValueError, IndexError: an argument is invalid; nothing is changed.",
        "\n".join(f"Where {library} differs: {text}" for library, text in entry.differs.items()),
        source.group() if source else "",
        entry.example,
    )
    return "\n\n".join(part.strip() for part in parts if part)


INDICES = "the row of each gradient row, integers of shape ``(n,)``, in any order."
MEMORY = (
    "The states are updated in place. Their types are float32, float16 and bfloat16 in any combination, or float64 for "
    "all. The gradient has the type of the variable, or float32 with a 16-bit variable."
)
BAGS = (
    "With ``offsets=``, where each bag of indices begins, it has one row for each bag; ``weights=`` are factors of the "
    "indices."
)
SPARSE = (
    "The gradient has shape ``(n,) + var.shape[1:]``. Before the step, gradients of one row are summed in the order of "
    "the indices. " + BAGS
)
DENSE = "With ``indices=`` the gradient is sparse, and ``rows`` selects the rows that take the step. " + BAGS


def renamed(entry: Entry, text: str) -> str:
    """A text of the rule with the operator's names of the arguments."""
    return re.sub(r"``(\w+)``", lambda found: f"``{entry.documented(found[1])}``", text)
