"""FTRL for 16-bit weights, with master weights that are not rounded.

A step from rounded weights loses gradients that move them by less than their last place. This is not a public rule: it
takes the precision of the storage type, which rules do not know.
"""

from typing import Any

from .idle import idle
from .proximal_ftrl import ftrl_proximal, last_rate
from .words import abs, maximum, where

__all__: list[str] = []


def unrounded(var: Any, master: Any, *, splitter: Any, least: Any) -> Any:
    """The master weights, or the stored weights where other code has set them.

    Args:
        var: the stored weights.
        master: the weights before rounding.
        splitter: 1 plus the last place of the storage type, in units of the last place of the compute type.
        least: half the smallest step of the storage type.
    """
    # Veltkamp's splitting: the nearest number with fewer bits; at a tie, either one.
    large = splitter * master
    nearest = large - (large - master)
    return where(abs(var - master) <= maximum(abs(nearest - master), least), master, var)


def ftrl_proximal_with_master(
    var: Any,
    accum: Any,
    linear: Any,
    master: Any,
    grad: Any,
    *,
    lr: Any,
    l1: Any,
    l2: Any,
    beta: Any,
    lr_power: Any,
    splitter: Any = 1.0,
    least: Any = 0.0,
    rounded: bool = False,
) -> tuple[Any, Any, Any, Any]:
    """``ftrl_proximal`` with ``keep_weights``; with ``rounded`` it starts from the master weights."""
    weight = unrounded(var, master, splitter=splitter, least=least) if rounded else var
    weight, accum, linear = ftrl_proximal(
        weight, accum, linear, grad, lr=lr, l1=l1, l2=l2, beta=beta, lr_power=lr_power, keep_weights=True
    )
    return weight, accum, linear, weight if rounded else master


@idle(ftrl_proximal_with_master, kept=last_rate, constant=("l1", "l2", "beta", "lr_power"))
def ftrl_proximal_with_master_idle(
    var: Any,
    accum: Any,
    linear: Any,
    master: Any,
    *,
    last: Any,
    l1: Any,
    l2: Any,
    beta: Any,
    lr_power: Any,
    splitter: Any,
    least: Any,
    rounded: bool = False,
) -> tuple[Any, Any, Any, Any]:
    return ftrl_proximal_with_master(
        var,
        accum,
        linear,
        master,
        0,
        lr=last,
        l1=l1,
        l2=l2,
        beta=beta,
        lr_power=lr_power,
        splitter=splitter,
        least=least,
        rounded=rounded,
    )
