"""What an operator knows of its rule, found out at the first call."""

from typing import NamedTuple

from ..codegen.rule.program import Plan
from .checks import Wanted


class Facts(NamedTuple):
    """What a rule asks of a call.

    Attributes:
        plan: where its sums reach beyond a row, what a step needs.
        reach: how far they reach.
        used: the numbers of the states that it uses.
        changed: of these the ones that it changes.
        wanted: what it asks of their arrays.
        elementwise: whether all that it asks is one shape.
    """

    plan: Plan
    reach: int
    used: list[int]
    changed: list[int]
    wanted: Wanted
    elementwise: bool
