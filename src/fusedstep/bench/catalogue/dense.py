"""Operators on dense gradients."""

from ..contenders.tables import Size
from ..works import Work
from .lineup import mindspore, ours, stored, tensorflow, torch

TABLE = Size(1_000_000, 64)

WORKS = [
    Work(
        "dense-adam",
        "Adam, dense gradient",
        TABLE,
        (ours("Adam"), mindspore("Adam"), torch("dense", "Adam", "torch Adam fused", fused=True), tensorflow("Adam")),
        states=3,
    ),
    Work(
        "dense-adamw",
        "AdamWeightDecay, dense gradient",
        TABLE,
        (
            ours("AdamWeightDecay"),
            mindspore("AdamWeightDecay"),
            torch("dense", "AdamW", "torch AdamW fused", fused=True),
        ),
        states=3,
    ),
    Work(
        "ApplyAdagrad",
        "Adagrad, dense gradient",
        TABLE,
        (
            ours("ApplyAdagrad"),
            mindspore("ApplyAdagrad"),
            torch("dense", "Adagrad", "torch Adagrad fused", fused=True),
            tensorflow("AdagradV2"),
        ),
        states=2,
    ),
    Work(
        "ApplyProximalAdagrad",
        "Proximal Adagrad, dense gradient",
        TABLE,
        (ours("ApplyProximalAdagrad"), mindspore("ApplyProximalAdagrad"), tensorflow("ProximalAdagrad")),
        states=2,
    ),
    Work(
        "ApplyFtrl",
        "FTRL, dense gradient",
        TABLE,
        (ours("ApplyFtrl"), mindspore("ApplyFtrl"), tensorflow("Ftrl")),
        states=3,
    ),
    Work(
        "ApplyRMSProp",
        "RMSProp with momentum, dense gradient",
        TABLE,
        (
            ours("ApplyRMSProp"),
            mindspore("ApplyRMSProp"),
            torch("dense", "RMSprop", momentum=0.9),
            tensorflow("RMSProp"),
        ),
        states=3,
    ),
    Work(
        "ApplyMomentum",
        "SGD with momentum, dense gradient",
        TABLE,
        (
            ours("ApplyMomentum"),
            mindspore("ApplyMomentum"),
            torch("dense", "SGD", "torch SGD fused", momentum=0.9, fused=True),
            tensorflow("Momentum"),
        ),
        states=2,
    ),
    Work("dense-adam-16-bit", "Adam, dense gradient, in 16 bits (the limit: in 32)", TABLE, stored("Adam"), states=3),
]
