"""Closed forms for k zero-gradient steps, declared beside the rules.

A row without a gradient still takes every step, with a zero gradient. If k such steps have a closed form, a deferred
row takes all of them at once, at the price of one step. A closed form uses **totals**: numbers that depend on the
scalars of the pending steps only, and not on the element. A deferred table holds one set of totals for each step since
which rows may be pending, and adds every new step to all sets.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, reduce
from operator import or_
from typing import Any, TypeVar

from .words import where

Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True)
class ClosedForm:
    """A closed form.

    The functions of totals run on NumPy arrays. They take the rule's scalars and switches that they need by name.

    Attributes:
        states: takes the states in order, and totals and scalars by name; returns the new states, and optionally a
            condition: where it is false for an element of a row, the row replays the steps. States that the rule's
            switches leave unused may be omitted. If a used state is omitted, the closed form is not available.
        kept: takes the kept totals before a step, returns those after it. The defaults are the totals of no steps.
        moved: takes the kept totals after a step and the moved totals before it, returns the moved totals after it.
            What a step adds to them falls by ``fading`` from step to step, so that they soon stop changing: a row that
            replays does so for a window of steps, then takes the moved totals of no steps. ``tolerance`` is the largest
            error of the variable, relative to its movement.
        fading: returns a number; the closed form is valid only while it is below 1. Where the scalars are on a device,
            it runs there: it chooses by ``where``.
        constant: the scalars that must not change while rows are pending.
    """

    states: Callable[..., Any]
    kept: Callable[..., Any]
    moved: Callable[..., Any] | None
    fading: Callable[..., Any]
    constant: tuple[str, ...]

    @property
    def takes(self) -> tuple[str, ...]:
        """The names of the states that ``states`` takes."""
        return tuple(each.name for each in parameters_of(self.states) if each.kind is each.POSITIONAL_OR_KEYWORD)

    @property
    def kept_totals(self) -> dict[str, float]:
        """The kept totals of no steps."""
        return defaults_of(self.kept)

    @property
    def moved_totals(self) -> dict[str, float]:
        """The moved totals of no steps."""
        return defaults_of(self.moved) if self.moved else {}

    @property
    def held(self) -> tuple[str, ...]:
        """The rule's scalars that ``states`` takes beside the totals."""
        keywords = [each for each in parameters_of(self.states) if each.kind is each.KEYWORD_ONLY]
        numbers = [each.name for each in keywords if each.annotation is not bool]
        return tuple(name for name in numbers if name not in self.kept_totals | self.moved_totals)


# Functions, since cached properties hold a lock before Python 3.12, for which a child of fork would wait.
@cache
def parameters_of(function: Callable[..., Any]) -> tuple[inspect.Parameter, ...]:
    """The parameters of a function."""
    return tuple(inspect.signature(function).parameters.values())


@cache
def defaults_of(function: Callable[..., Any]) -> dict[str, float]:
    """The defaults of a function's positional arguments."""
    return {
        each.name: each.default
        for each in parameters_of(function)
        if each.kind is each.POSITIONAL_OR_KEYWORD and each.default is not each.empty
    }


def call_with_names(function: Callable[..., Any], names: Mapping[str, Any], *totals: Any) -> Any:
    """Call a function with totals and the named values that it takes."""
    taken = keyword_names(function)
    return function(*totals, **(names if taken is None else {name: names[name] for name in taken if name in names}))


@cache
def keyword_names(function: Callable[..., Any]) -> tuple[str, ...] | None:
    """The names of a function's keyword-only arguments; None if it takes any."""
    parameters = inspect.signature(function).parameters.values()
    if any(each.kind is each.VAR_KEYWORD for each in parameters):
        return None
    return tuple(each.name for each in parameters if each.kind is each.KEYWORD_ONLY)


_closed_forms: dict[Callable[..., Any], ClosedForm] = {}


def nothing(**scalars: Any) -> tuple[()]:
    """No totals."""
    return ()


def idle(
    rule: Callable[..., Any],
    *,
    kept: Callable[..., Any] = nothing,
    constant: tuple[str, ...] = (),
    unless: tuple[str, ...] = (),
) -> Callable[[Function], Function]:
    """Declare the function below as the closed form of a rule's zero-gradient steps; see ``ClosedForm``.

    Args:
        rule: the rule.
        kept: the function that updates the totals.
        constant: the scalars that must not change while rows are pending.
        unless: scalars that must be 0, and switches that must be off, for the closed form to be valid.
    """

    def fading(**scalars: Any) -> Any:
        return unless_any(unless, scalars, 0)

    def declare(states: Function) -> Function:
        register(rule, ClosedForm(states, kept, None, fading, constant))
        return states

    return declare


def unless_any(names: tuple[str, ...], scalars: Mapping[str, Any], fading: Any) -> Any:
    """A ratio of weights, or 1 if one of some scalars and switches is neither 0 nor off."""
    if not names:
        return fading
    return where(reduce(or_, (scalars[name] != 0 for name in names)), 1, fading)


def register(rule: Callable[..., Any], closed: ClosedForm) -> None:
    """Register the closed form of a rule."""
    _closed_forms[rule] = closed


def closed_form_of(rule: Callable[..., Any]) -> ClosedForm | None:
    """The closed form of a rule's zero-gradient steps, or None."""
    return _closed_forms.get(rule)
