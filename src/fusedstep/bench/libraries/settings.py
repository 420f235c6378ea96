"""The scalars of each rule, in the order of MindSpore's documented operators."""

from collections.abc import Mapping
from dataclasses import dataclass, field

LR, EPSILON, MOMENTUM, DECAY = 0.001, 1e-8, 0.9, 0.01
BETAS = (0.9, 0.999)
L1 = L2 = 1e-4
LR_POWER = -0.5
ADAM = (*BETAS, LR, *BETAS, EPSILON)
PROXIMAL = (LR, L1, L2)


@dataclass(frozen=True)
class Documented:
    """An operator's arguments: the states, some scalars, the gradient, the other scalars, and the indices.

    Attributes:
        states: the number of states.
        before, after: scalars before and after the gradient.
        construct: the arguments of the constructor.
    """

    states: int
    before: tuple[float, ...] = ()
    after: tuple[float, ...] = ()
    construct: Mapping[str, float] = field(default_factory=dict)


OPERATORS = {
    "FusedSparseAdam": Documented(3, ADAM),
    "FusedSparseLazyAdam": Documented(3, ADAM),
    "FusedSparseFtrl": Documented(3, construct={"lr": LR, "l1": L1, "l2": L2, "lr_power": LR_POWER}),
    "FusedSparseProximalAdagrad": Documented(2, PROXIMAL),
    "SparseApplyAdagrad": Documented(2, construct={"lr": LR}),
    "Adam": Documented(3, ADAM),
    "AdamWeightDecay": Documented(3, (LR, *BETAS, EPSILON, DECAY)),
    "ApplyAdagrad": Documented(2, (LR,)),
    "ApplyFtrl": Documented(3, after=(LR, L1, L2, LR_POWER)),
    "ApplyMomentum": Documented(2, (LR,), (MOMENTUM,)),
    "ApplyProximalAdagrad": Documented(2, PROXIMAL),
    "ApplyRMSProp": Documented(3, (LR,), (0.9, MOMENTUM, EPSILON)),
}
