"""The operators that MindSpore documents: one entry an operator."""

import inspect
from dataclasses import dataclass, field
from typing import Any

from .. import rules
from ..codegen.signature import read_signature
from . import checks
from .operator import Operator

NESTEROV = {"use_nesterov": {False: {"use_nesterov": False}, True: {"use_nesterov": True}}}
SHRINK = {"shrink": {"lr": {"shrink_by_rate": False}, "lr/sqrt(accum)": {"shrink_by_rate": True}}}


# What the constructors' arguments mean.
OPTIONS = {
    "use_locking": "at construction: calls that share memory follow one another, however many threads make them.",
    "use_nesterov": "at construction: look one step ahead along the mean.",
    "shrink": 'at construction: what scales l1 and l2, "lr" or "lr/sqrt(accum)", each element\'s own rate.',
}


@dataclass(frozen=True)
class Entry:
    """What is particular to one operator.

    Attributes:
        name: the documented name.
        rule: the rule it runs.
        summary: what it does, in one sentence.
        arguments: its arguments in the documented order.
        rows: with ``indices`` among the arguments, which rows take the step: "touched" or "every".
        step_sizes: the scalars that are step sizes or penalties: finite, not negative.
        options: the constructor's own arguments: the values each may have, and the switches that each value sets. The
            first value is the default.
        keyword_only: the options that are given by name only.
        example: a doctest.
        differs: where the originals compute something else.
    """

    name: str
    rule: Any
    summary: str
    arguments: str
    rows: str | None = None
    step_sizes: tuple[str, ...] = ("lr",)
    options: dict[str, dict[Any, dict[str, bool]]] = field(default_factory=dict)
    keyword_only: tuple[str, ...] = ()
    example: str = ""
    differs: str = ""


ADAM_ARGUMENTS = "var m v beta1_power beta2_power lr beta1 beta2 epsilon gradient indices"
ADAM_EXAMPLE = """
>>> import numpy as np
>>> import fusedstep as fs
>>> var, m, v = (np.ones((3, 1, 2), np.float32) for _ in range(3))
>>> gradient, indices = np.full((2, 1, 2), 0.1, np.float32), np.array([0, 1])
>>> _ = fs.ops.{name}()(var, m, v, 0.9, 0.999, 0.001, 0.9, 0.999, 1e-8, gradient, indices)
>>> print(var[:, 0, 0])
{shown}
"""

ENTRIES = [
    Entry(
        "FusedSparseAdam",
        rules.adam,
        "Sums the gradients of each row and takes a step of Adam with every row, unnamed rows with a zero gradient.",
        ADAM_ARGUMENTS,
        rows="every",
        options=NESTEROV,
        example=ADAM_EXAMPLE.format(name="FusedSparseAdam", shown="[0.9997121  0.9997121  0.99971527]"),
        differs="MindSpore 2.10 with use_nesterov reads uninitialised memory for rows that are not named, and drops "
        "indices out of range silently.",
    ),
    Entry(
        "FusedSparseLazyAdam",
        rules.adam,
        "Sums the gradients of each row and takes a step of Adam with the named rows only.",
        ADAM_ARGUMENTS,
        rows="touched",
        options=NESTEROV,
        example=ADAM_EXAMPLE.format(name="FusedSparseLazyAdam", shown="[0.9997121 0.9997121 1.       ]"),
        differs="MindSpore 2.10 drops indices out of range silently.",
    ),
    Entry(
        "ApplyProximalAdagrad",
        rules.proximal_adagrad,
        "Takes a step of proximal Adagrad with every element.",
        "var accum lr l1 l2 grad",
        step_sizes=("lr", "l1", "l2"),
        options=SHRINK,
        keyword_only=("shrink",),
        example="""
>>> import numpy as np
>>> import fusedstep as fs
>>> var = np.array([[0.6, 0.4], [0.1, 0.5]], np.float32)
>>> accum = np.array([[0.6, 0.5], [0.2, 0.6]], np.float32)
>>> grad = np.array([[0.3, 0.7], [0.1, 0.8]], np.float32)
>>> _ = fs.ops.ApplyProximalAdagrad()(var, accum, 0.01, 0.0, 0.0, grad)
>>> print(var)
[[0.59638846 0.39296475]
 [0.09781782 0.4928158 ]]
""",
        differs="MindSpore's and TensorFlow's kernels shrink by lr/sqrt(accum), as here with "
        'shrink="lr/sqrt(accum)"; their documentation says lr, the default here.',
    ),
    Entry(
        "FusedSparseProximalAdagrad",
        rules.proximal_adagrad,
        "Sums the gradients of each row and takes a step of proximal Adagrad with the named rows.",
        "var accum lr l1 l2 grad indices",
        rows="touched",
        step_sizes=("lr", "l1", "l2"),
        options=SHRINK,
        keyword_only=("shrink",),
        example="""
>>> import numpy as np
>>> import fusedstep as fs
>>> var, accum = np.ones((3, 2), np.float32), np.ones((3, 2), np.float32)
>>> grad, indices = np.full((2, 2), 0.5, np.float32), np.array([2, 2])
>>> _ = fs.ops.FusedSparseProximalAdagrad()(var, accum, 0.1, 0.0, 0.0, grad, indices)
>>> print(var[:, 0])
[1.         1.         0.92928934]
""",
        differs="MindSpore's and TensorFlow's kernels shrink by lr/sqrt(accum), as here with "
        'shrink="lr/sqrt(accum)"; their documentation says lr, the default here.',
    ),
]


class NamedOperator(Operator):
    """An operator of the catalogue: its arguments come in the documented order."""

    entry: Entry

    def __init__(self, *options: Any, **named: Any) -> None:
        entry = self.entry
        given = bind(f"{entry.name}()", constructor(entry), options, named)
        switches: dict[str, bool] = {}
        for name, value in given.items():
            if name != "use_locking":
                switches |= chosen(entry, name, value)
        checks.flag(entry.name, "use_locking", given["use_locking"])
        super().__init__(entry.rule, use_locking=given["use_locking"], **switches)
        self.name = entry.name
        self.step_sizes = frozenset(entry.step_sizes)
        self.options = given
        order = entry.arguments.split()
        self.gradient_name = "gradient" if "gradient" in order else "grad"
        self._states = [order.index(name) for name in self.signature.states]
        self._scalars = [(order.index(name), name) for name in self.signature.scalars]
        self._sizes = [each for each in enumerate(self.signature.scalars) if each[1] in self.step_sizes]
        self._gradient = order.index(self.gradient_name)
        self._indices = order.index("indices") if "indices" in order else None
        self._count = len(order)

    def __call__(self, *arguments: Any, **named: Any) -> tuple[Any, ...]:
        """Takes one step. The class's own description names the arguments, in their order; each may be named.

        Returns:
            The states, the same objects.

        Raises:
            TypeError, ValueError, IndexError: before anything is changed.
        """
        if named or len(arguments) != self._count:
            arguments = tuple(bind(self.name, call(self.entry), arguments, named).values())
        scalars = [
            value if type(value := arguments[place]) is float else checks.number(self.name, name, value)
            for place, name in self._scalars
        ]
        for order, name in self._sizes:
            checks.step_size(self.name, name, scalars[order])
        indices = None
        if self._indices is not None:
            indices = arguments[self._indices]
            if indices is None:
                raise TypeError(f"{self.name}: indices is None, expected an array of integers")
        states = [arguments[place] for place in self._states]
        return self.step(states, arguments[self._gradient], indices, self.entry.rows, scalars)

    def __reduce__(self) -> Any:
        return _rebuild, (type(self), self.options)


def _rebuild(cls: type["NamedOperator"], options: dict[str, Any]) -> "NamedOperator":
    return cls(**options)


def constructor(entry: Entry) -> inspect.Signature:
    """The signature of an operator's constructor."""
    kinds = inspect.Parameter
    names = [name for name in ("use_locking", *entry.options) if name not in entry.keyword_only]
    defaults: dict[str, Any] = {"use_locking": False} | {name: next(iter(each)) for name, each in entry.options.items()}
    return inspect.Signature(
        [kinds(name, kinds.POSITIONAL_OR_KEYWORD, default=defaults[name]) for name in names]
        + [kinds(name, kinds.KEYWORD_ONLY, default=defaults[name]) for name in entry.keyword_only]
    )


def call(entry: Entry) -> inspect.Signature:
    """The signature of an operator's call."""
    kinds = inspect.Parameter
    return inspect.Signature([kinds(name, kinds.POSITIONAL_OR_KEYWORD) for name in entry.arguments.split()])


def bind(called: str, signature: inspect.Signature, arguments: Any, named: Any) -> dict[str, Any]:
    """The arguments of a call by name.

    Raises:
        TypeError: they do not fit.
    """
    try:
        bound = signature.bind(*arguments, **named)
    except TypeError as error:
        raise TypeError(f"{called}: {error}; expected {signature}") from None
    bound.apply_defaults()
    return bound.arguments


def chosen(entry: Entry, option: str, value: Any) -> dict[str, bool]:
    """The switches that an option's value sets."""
    choices = entry.options[option]
    if set(choices) == {False, True}:
        checks.flag(entry.name, option, value)
    elif not isinstance(value, str):
        raise TypeError(f"{entry.name}: {option} is of type {type(value).__name__}, expected a string")
    if value not in choices:
        raise ValueError(f"{entry.name}: {option} is {value!r}, expected one of {', '.join(map(repr, choices))}")
    return choices[value]


def docstring(entry: Entry) -> str:
    """An operator's docstring: its own sentence, then its rule's formula and arguments."""
    rule = inspect.cleandoc(entry.rule.__doc__)
    formula = rule[rule.index(".. math::") : rule.index("Args:")]
    gradient = "gradient" if "gradient" in entry.arguments.split() else "grad"
    described = rule[rule.index("Args:") : rule.index("Returns:")].replace("    grad: ", f"    {gradient}: ")
    switches = tuple(f"    {name}:" for name in read_signature(entry.rule).switches)
    lines = [line for line in described.rstrip().splitlines() if not line.startswith(switches)]
    arguments = "\n".join([*lines, *(f"    {name}: {OPTIONS[name]}" for name in ("use_locking", *entry.options))])
    source = next(line for line in rule.splitlines() if line.startswith("Source:"))
    names = ", ".join(entry.arguments.split())
    sparse = (
        "``indices`` are integers of shape ``(n,)`` in any order, the gradient has shape ``(n,) + var.shape[1:]``; "
        "gradients of one row are summed in the order of the indices before the step."
    )
    return "\n\n".join(
        part.strip()
        for part in (
            entry.summary,
            formula,
            f"Called with ({names}). The states are updated in place, and returned: the same objects. They are "
            "float32, float16 and bfloat16 in any mixture, or float64; the gradient is of the variable's type, or "
            "float32 beside a 16-bit variable. " + (sparse if entry.rows else "All arrays have one shape."),
            arguments,
            "Raises:\n    TypeError, ValueError, IndexError: before anything is changed.",
            f"Where others differ: {entry.differs}" if entry.differs else "",
            source,
            entry.example,
        )
        if part
    )


def operator_class(entry: Entry) -> type[NamedOperator]:
    """The class of an entry."""
    return type(
        entry.name,
        (NamedOperator,),
        {
            "entry": entry,
            "__doc__": docstring(entry),
            "__module__": "fusedstep.ops",
            "__signature__": constructor(entry),
        },
    )


OPERATORS: dict[str, type[NamedOperator]] = {entry.name: operator_class(entry) for entry in ENTRIES}
