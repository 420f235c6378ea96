"""What a kernel for a device is made of."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..rules.idle import ClosedForm


@dataclass(frozen=True)
class Recipe:
    """What a kernel is made of.

    Attributes:
        rule: the rule.
        switches: its switches, as sorted pairs.
        loop: the name of a file of ``loops``, whose function of the same name is the loop.
        storages: the storage type of each state.
        gradient: the storage type of the gradient.
        stochastic: whether narrow states are rounded stochastically.
        idle: the closed form of steps with a zero gradient, if the loop is to use it.
    """

    rule: Callable[..., Any]
    switches: tuple[tuple[str, bool], ...]
    loop: str
    storages: tuple[str, ...]
    gradient: str
    stochastic: bool = False
    idle: ClosedForm | None = None
