"""What an operator knows of its rule, found out at the first call."""

from typing import NamedTuple

from ..codegen.rule.program import Plan, ReductionScope
from .checks import ArraySpec


class Facts(NamedTuple):
    """What a rule asks of a call.

    Attributes:
        plan: where its sums reach beyond a row, what a step needs.
        reduction_scope: how far they reach.
        used: the numbers of the states that it uses.
        changed: of these the ones that it changes.
        wanted: what it asks of their arrays.
        elementwise: whether all that it asks is one shape.
    """

    plan: Plan
    reduction_scope: ReductionScope
    used: list[int]
    changed: list[int]
    wanted: ArraySpec
    elementwise: bool
