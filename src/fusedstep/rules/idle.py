"""What many steps with a zero gradient come to: closed forms, declared beside the rules.

A row that no gradient names still takes every step, with a zero gradient. Where k such steps have a closed form, a row
can take them all at once when it is next looked at, at the price of one. The closed form is spoken in **totals**:
numbers that depend on the scalars of the skipped steps alone, and not on the element. Whoever defers rows keeps a set
of totals for each step after which rows fell asleep, and adds every new step to all of them.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

__all__ = ["Idle", "idle", "idle_of"]

Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True)
class Idle:
    """A closed form.

    All its functions take what they need of the rule's scalars and switches by name, beside what is said here.

    Attributes:
        states: the states in their order, and the totals by name, to the new states; behind these may stand whether
            the closed form serves the element, else its row replays the skipped steps. ``window`` of them: afterwards
            the variable no longer moves, and the closed form is told so by ``moved`` totals of no steps.
        kept: the totals before a step to those after it. As defaults stand the totals of no steps.
        moved: the ``kept`` totals after a step, and totals of its own before it, to its own after it. The weight of
            what they add falls from step to step by ``fading``, so that they soon change no more. ``tolerance`` is how
            far, as a share of its movement, the variable may be from where the steps lead.
        fading: a number below 1; where it is not, the closed form does not hold.
        constant: the scalars that must not change while rows sleep.
    """

    states: Callable[..., Any]
    kept: Callable[..., Any]
    moved: Callable[..., Any] | None
    fading: Callable[..., Any]
    constant: tuple[str, ...]

    @cached_property
    def kept_totals(self) -> dict[str, float]:
        """The ``kept`` totals of no steps."""
        return defaults_of(self.kept)

    @cached_property
    def moved_totals(self) -> dict[str, float]:
        """The ``moved`` totals of no steps."""
        return defaults_of(self.moved) if self.moved else {}

    @cached_property
    def held(self) -> tuple[str, ...]:
        """The rule's scalars that ``states`` takes beside the totals."""
        parameters = inspect.signature(self.states).parameters.values()
        numbers = [each.name for each in parameters if each.kind is each.KEYWORD_ONLY and each.annotation is not bool]
        return tuple(name for name in numbers if name not in self.kept_totals | self.moved_totals)


def defaults_of(function: Callable[..., Any]) -> dict[str, float]:
    """The defaults of a function's positional arguments."""
    parameters = inspect.signature(function).parameters.values()
    return {
        each.name: each.default
        for each in parameters
        if each.kind is each.POSITIONAL_OR_KEYWORD and each.default is not each.empty
    }


_closed_forms: dict[Callable[..., Any], Idle] = {}


def always(**scalars: Any) -> float:
    """Nothing has to fade for the closed form to hold."""
    return 0.0


def idle(
    rule: Callable[..., Any],
    *,
    kept: Callable[..., Any],
    moved: Callable[..., Any] | None = None,
    fading: Callable[..., Any] = always,
    constant: tuple[str, ...] = (),
) -> Callable[[Function], Function]:
    """Declares the function below as the closed form of a rule's steps with a zero gradient; see ``Idle``."""

    def declare(states: Function) -> Function:
        _closed_forms[rule] = Idle(states, kept, moved, fading, constant)
        return states

    return declare


def idle_of(rule: Callable[..., Any]) -> Idle | None:
    """The closed form of a rule's steps with a zero gradient, if one is declared."""
    return _closed_forms.get(rule)
