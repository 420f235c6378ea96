"""What backends build kernels from."""

from dataclasses import dataclass

from ..rules.idle import ClosedForm
from .rule.spec import RuleSpec


@dataclass(frozen=True)
class Recipe:
    """What a backend's ``build`` makes kernels from.

    Attributes:
        spec: the rule.
        storages: the storage type of each state in use.
        gradient_storage: the storage type of the gradient.
        stochastic: whether narrow states are rounded stochastically.
        loop: the loop that runs them, a name of ``loops``; empty where each is built at its first use.
        closed_form: the closed form of steps with a zero gradient, where the loop uses one.
    """

    spec: RuleSpec
    storages: tuple[str, ...]
    gradient_storage: str
    stochastic: bool = False
    loop: str = ""
    closed_form: ClosedForm | None = None
