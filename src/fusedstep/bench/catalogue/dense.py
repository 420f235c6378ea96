"""Operators on dense gradients."""

from ..libraries.data import Size
from ..works import Contender, Work
from .contenders import fused, ours, stored, torch

TABLE = Size(1_000_000, 64)


def dense(name: str, title: str, states: int, *contenders: Contender) -> Work:
    """A step of all rows, with a dense gradient."""
    return Work(name, title, TABLE, contenders, states)


WORKS = [
    dense("dense-adam", "Adam, dense gradient", 3, ours("Adam"), fused("Adam")),
    dense("dense-adamw", "AdamWeightDecay, dense gradient", 3, ours("AdamWeightDecay"), fused("AdamW")),
    dense("ApplyAdagrad", "Adagrad, dense gradient", 2, ours("ApplyAdagrad"), fused("Adagrad")),
    dense("ApplyProximalAdagrad", "Proximal Adagrad, dense gradient", 2, ours("ApplyProximalAdagrad")),
    dense("ApplyFtrl", "FTRL, dense gradient", 3, ours("ApplyFtrl")),
    dense(
        "ApplyRMSProp",
        "RMSProp with momentum, dense gradient",
        3,
        ours("ApplyRMSProp"),
        torch("dense", "RMSprop", momentum=0.9),
    ),
    dense(
        "ApplyMomentum",
        "SGD with momentum, dense gradient",
        2,
        ours("ApplyMomentum"),
        torch("dense", "SGD", "torch SGD fused", momentum=0.9, fused=True),
    ),
    dense("dense-adam-16-bit", "Adam, dense gradient, in 16 bits (the limit: in 32)", 3, *stored("Adam")),
]
