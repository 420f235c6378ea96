"""Operators of the catalogue: rules whose arguments have the documented names and order."""

import inspect
from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any

import numpy as np

from ..arrays.borrow import new_like
from ..codegen.rule.signature import read_signature
from ..runtime.cpu.loops import DEFERRED_ROWS, LOOPS
from .bags import gradient_of_bags
from .checks.options import check_rows, parse_flag, parse_switches
from .checks.scalars import check_range, parse_numbers, parse_scalar
from .entry import COMMON, Entry, call, constructor, docstring
from .labels import Labels, parse_options
from .operator import Operator


class NamedOperator(Operator):
    """An operator of the catalogue: its arguments have the documented names and order."""

    entry: Entry

    def __init__(self, *options: Any, **named: Any) -> None:
        entry = self.entry
        given = bind(f"{entry.name}()", constructor(entry), options, named)
        switches, fixed = settled(entry, given)
        signature = read_signature(entry.rule)
        self.constructor_arguments = given
        order = list(entry.meanings)
        self.state_names, gradient = tuple(map(entry.documented, signature.states)), entry.documented("grad")
        # A created state is like the gradient, and the caller knows only the gradient.
        labels = tuple(gradient if name in entry.creates else name for name in self.state_names)
        variable = gradient if entry.creates else self.state_names[0]
        self._construct(
            entry.rule,
            parse_switches(entry.name, signature.switches, switches),
            Labels(entry.name, labels, gradient, variable),
            parse_options(entry.name, **{name: given[name] for name in COMMON}),
        )
        self._gradient = order.index(gradient)
        self._indices = order.index("indices") if "indices" in order else None
        self._step = order.index("step") if "step" in order else None
        # A state that is not an argument is created, or the switches leave it unused.
        self._states = [(name, order.index(name) if name in order else None) for name in self.state_names]
        self._returned = [k for k, (_, place) in enumerate(self._states) if place is not None]
        self._count = len(order)
        # The scalars that are known before a call, then the arguments that set the others.
        self._fixed = [fixed.get(name, self.signature.defaults.get(name, np.nan)) for name in self.signature.scalars]
        self._given, self._pairs = [], []
        for place, (name, meanings) in enumerate(entry.meanings.items()):
            positions = [self.signature.scalars.index(each) for each in meanings if each in self.signature.scalars]
            if len(positions) == 1:
                self._given.append((positions[0], place, name))
            elif positions:
                self._pairs.append((positions, place, name))
        self._derived = [
            (
                self.signature.scalars.index(name),
                derive,
                {each: order.index(each) for each in inspect.signature(derive).parameters},
            )
            for name, derive in entry.derived.items()
        ]
        self._sizes = [
            (self.signature.scalars.index(name), entry.documented(name), allowed)
            for name, allowed in entry.allowed.items()
            if any(name in meanings for meanings in entry.meanings.values())
        ]

    @property
    def loops(self) -> tuple[str, ...]:
        if self.entry.rows:
            return LOOPS[self.entry.rows], DEFERRED_ROWS
        return (LOOPS[None],) if self.entry.creates and "indices" not in self.entry.meanings else super().loops

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """Take one step. The docstring of the class lists the arguments in order; each may be passed by name.

        Returns:
            The states, the same objects; the new array, if the operator creates one.

        Raises:
            TypeError, ValueError, IndexError: an argument is invalid; nothing is changed.
        """
        rows, step, indices, offsets, weights = self.entry.rows, None, None, None, None
        if named or len(arguments) != self._count:
            given = bind(self.name, call(self.entry), arguments, named)
            arguments = tuple(given[name] for name in self.entry.meanings)
            indices, rows, step = given.get("indices"), rows or given.get("rows"), given.get("step")
            offsets, weights = given.get("offsets"), given.get("weights")
            if rows is not None:
                check_rows(self.name, rows)
        elif self._step is not None:
            step = arguments[self._step]
        if self._indices is not None:
            indices = arguments[self._indices]
            if indices is None:
                raise TypeError(f"{self.name}: indices is None, expected an array of integers")
        scalars = self.numbers(arguments)
        states = [
            arguments[place] if place is not None else self.created(name, arguments) for name, place in self._states
        ]
        operator: Operator = self
        if self.entry.by_rank:
            rank = getattr(states[0], "ndim", 0)
            operator = self.switched(**{name: decide(rank) for name, decide in self.entry.by_rank.items()})
        gradient = arguments[self._gradient]
        if offsets is not None or weights is not None:
            gradient, indices = gradient_of_bags(self.name, gradient, indices, offsets, weights), None
        updated = operator.step(states, gradient, indices, rows, scalars, step)
        if self.entry.returns:
            return tuple(updated[self.state_names.index(name)] for name in self.entry.returns)
        if len(self._returned) == len(states):
            return updated
        return updated[0] if self.entry.creates else tuple(updated[k] for k in self._returned)

    def created(self, name: str, arguments: Sequence[Any]) -> Any:
        """A new array for a state that the operator creates; None for one that it leaves unused."""
        if name not in self.entry.creates:
            return None
        try:
            return new_like(arguments[self._gradient])
        except TypeError as error:
            raise TypeError(f"{self.name}: {self.labels.gradient} is {error}") from error.__cause__

    def numbers(self, arguments: Sequence[Any]) -> list[float]:
        """The rule's scalars in order, from the arguments of the call and of the constructor."""
        scalars = self._fixed.copy()
        for position, place, name in self._given:
            value = arguments[place]
            scalars[position] = value if type(value) is float else parse_scalar(self.name, name, value)
        for positions, place, name in self._pairs:
            for position, value in zip(positions, parse_numbers(self.name, name, arguments[place]), strict=True):
                scalars[position] = value
        for position, name, allowed in self._sizes:
            check_range(self.name, name, scalars[position], allowed)
        for position, derive, places in self._derived:
            values = {name: parse_scalar(self.name, name, arguments[place]) for name, place in places.items()}
            for name in values.keys() & self.entry.ranges.keys():
                check_range(self.name, name, values[name], self.entry.ranges[name])
            try:
                scalars[position] = float(derive(**values))
            except (ArithmeticError, TypeError):
                given = ", ".join(f"{name} {value}" for name, value in values.items())
                scalar = self.signature.scalars[position]
                raise ValueError(f"{self.name}: {scalar} cannot be computed from {given}") from None
        return scalars

    def __reduce__(self) -> Any:
        return _rebuild, (type(self), self.constructor_arguments)


def _rebuild(cls: type[NamedOperator], options: dict[str, Any]) -> NamedOperator:
    return cls(**options)


def bind(label: str, signature: inspect.Signature, arguments: Any, named: Any) -> dict[str, Any]:
    """The arguments of a call by name.

    Raises:
        TypeError: they do not match the signature.
    """
    try:
        bound = signature.bind(*arguments, **named)
    except TypeError as error:
        raise TypeError(f"{label}: {error}; expected {signature}") from None
    bound.apply_defaults()
    return bound.arguments


def settled(entry: Entry, given: dict[str, Any]) -> tuple[dict[str, bool], dict[str, float]]:
    """The switches and the scalars that are set at construction."""
    switches: dict[str, bool] = {}
    fixed: dict[str, float] = {}
    for name, value in {**entry.settings, **given}.items():
        if name in entry.choices:
            switches |= chosen(entry, name, value)
        elif name in entry.signature.switches:
            switches[name] = parse_flag(entry.name, name, value)
        elif name not in COMMON:
            fixed[name] = parse_scalar(entry.name, name, value)
            if name in entry.allowed:
                check_range(entry.name, name, fixed[name], entry.allowed[name])
    return switches, fixed


def chosen(entry: Entry, option: str, value: Any) -> dict[str, bool]:
    """The switches that an option's value sets."""
    choices = entry.choices[option]
    if set(choices) == {False, True}:
        parse_flag(entry.name, option, value)
    elif not isinstance(value, str):
        raise TypeError(f"{entry.name}: {option} is of type {type(value).__name__}, expected a string")
    if value not in choices:
        raise ValueError(f"{entry.name}: {option} is {value!r}, expected one of {', '.join(map(repr, choices))}")
    return choices[value]


class Lazy:
    """An attribute of a class, made at its first use: most processes never use it."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self.make = cache(make)

    def __get__(self, instance: Any, owner: Any) -> Any:
        return self.make()


def operator_class(entry: Entry) -> type[NamedOperator]:
    """The class of an entry."""
    return type(
        entry.name,
        (NamedOperator,),
        {
            "entry": entry,
            "__doc__": Lazy(partial(docstring, entry)),
            "__module__": "fusedstep.ops",
            "__signature__": Lazy(partial(constructor, entry)),
        },
    )
