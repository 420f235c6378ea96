"""What many steps with a zero gradient come to: closed forms, declared beside the rules.

A row that no gradient names still takes every step, with a zero gradient. Where k such steps have a closed form, a row
can take them all at once when it is next looked at, at the price of one. The closed form is spoken in **totals**:
numbers that depend on the scalars of the skipped steps alone, and not on the element. Whoever defers rows keeps a set
of totals for each step after which rows fell asleep, and adds every new step to all of them.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True)
class ClosedForm:
    """A closed form.

    Its functions of totals run on NumPy arrays; they take what they need of the rule's scalars and switches by name.

    Attributes:
        states: the states in their order, and the totals by name, to the new states; behind these may stand whether
            the closed form serves the element, else its row replays the steps. States that the rule's switches leave
            unused need not be taken; where the switches use a state that is not taken, there is no closed form.
        kept: the totals before a step to those after it. As defaults stand the totals of no steps.
        moved: the ``kept`` totals after a step, and totals of its own before it, to its own after it. The weight of
            what they add falls from step to step by ``fading``, so that they soon change no more; a row that replays
            does so up to there, and goes on with the ``moved`` totals of no steps. ``tolerance`` is how far, as a
            share of its movement, the variable may be from where the steps lead.
        fading: a number below 1; where it is not, the closed form does not hold.
        constant: the scalars that must not change while rows sleep.
    """

    states: Callable[..., Any]
    kept: Callable[..., Any]
    moved: Callable[..., Any] | None
    fading: Callable[..., Any]
    constant: tuple[str, ...]

    @property
    def takes(self) -> tuple[str, ...]:
        """The states that ``states`` takes."""
        return tuple(each.name for each in parameters_of(self.states) if each.kind is each.POSITIONAL_OR_KEYWORD)

    @property
    def kept_totals(self) -> dict[str, float]:
        """The ``kept`` totals of no steps."""
        return defaults_of(self.kept)

    @property
    def moved_totals(self) -> dict[str, float]:
        """The ``moved`` totals of no steps."""
        return defaults_of(self.moved) if self.moved else {}

    @property
    def held(self) -> tuple[str, ...]:
        """The rule's scalars that ``states`` takes beside the totals."""
        keywords = [each for each in parameters_of(self.states) if each.kind is each.KEYWORD_ONLY]
        numbers = [each.name for each in keywords if each.annotation is not bool]
        return tuple(name for name in numbers if name not in self.kept_totals | self.moved_totals)


# Not cached properties: before Python 3.12 these hold a lock, which a child of fork would wait for.
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
    """Declares the function below as the closed form of a rule's steps with a zero gradient; see ``ClosedForm``.

    Args:
        rule: the rule.
        kept: what keeps up the totals.
        constant: the scalars that must not change while rows sleep.
        unless: scalars that must be 0, and switches that must be off, for the closed form to hold.
    """

    def fading(**scalars: Any) -> int:
        return int(any(scalars[name] for name in unless))

    def declare(states: Function) -> Function:
        register(rule, ClosedForm(states, kept, None, fading, constant))
        return states

    return declare


def register(rule: Callable[..., Any], closed: ClosedForm) -> None:
    """Makes a closed form known as that of a rule."""
    _closed_forms[rule] = closed


def closed_form_of(rule: Callable[..., Any]) -> ClosedForm | None:
    """The closed form of a rule's steps with a zero gradient, if one is declared."""
    return _closed_forms.get(rule)
