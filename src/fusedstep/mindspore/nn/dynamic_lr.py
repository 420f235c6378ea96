"""Learning rates as lists with one float for each step. ``learning_rate_schedule`` computes them at each step instead.

An optimizer takes such a list as its ``learning_rate``. Below, ``epoch`` is ``i // step_per_epoch`` at step ``i``.
"""

import math
from collections.abc import Callable
from typing import Any

from .checks import (
    check_bool,
    check_float,
    check_non_negative_float,
    check_positive_float,
    check_positive_int,
    check_range_of_rates,
)

__all__ = [
    "cosine_decay_lr",
    "exponential_decay_lr",
    "inverse_decay_lr",
    "natural_exp_decay_lr",
    "piecewise_constant_lr",
    "polynomial_decay_lr",
    "warmup_lr",
]


def piecewise_constant_lr(milestone: Any, learning_rates: Any) -> list[float]:
    """A constant learning rate up to each milestone.

    ``rate[i] = learning_rates[t]`` for ``milestone[t - 1] <= i < milestone[t]``

    Args:
        milestone: a list or tuple of ints above 0, which never decrease: the step at which each rate ends.
        learning_rates: a list or tuple of floats, one for each milestone.

    Returns:
        As many floats as the last milestone says.

    Raises:
        TypeError: an argument is not a list or tuple, a milestone is not an int, or a rate is not a float.
        ValueError: the lengths differ, a milestone is not above 0 or below the one before it, or a rate is not finite.

    >>> piecewise_constant_lr([2, 5], [0.1, 0.05])
    [0.1, 0.1, 0.05, 0.05, 0.05]
    """
    owner = "piecewise_constant_lr"
    for name, value in (("milestone", milestone), ("learning_rates", learning_rates)):
        if not isinstance(value, list | tuple):
            raise TypeError(f"{owner}: {name} is of type {type(value).__name__}, expected a list or a tuple")
    if len(milestone) != len(learning_rates):
        raise ValueError(
            f"{owner}: milestone has {len(milestone)} elements and learning_rates {len(learning_rates)}, "
            "expected one rate for each milestone"
        )
    rates: list[float] = []
    for place, (end, rate) in enumerate(zip(milestone, learning_rates, strict=True)):
        check_positive_int(owner, **{f"milestone[{place}]": end})
        check_float(owner, **{f"learning_rates[{place}]": rate})
        if end < len(rates):
            raise ValueError(
                f"{owner}: milestone[{place}] is {end}, expected {len(rates)} or above: milestones never decrease"
            )
        rates += [rate] * (end - len(rates))
    return rates


def exponential_decay_lr(
    learning_rate: float,
    decay_rate: float,
    total_step: int,
    step_per_epoch: int,
    decay_epoch: int,
    is_stair: bool = False,
) -> list[float]:
    """A learning rate that decays exponentially.

    ``rate[i] = learning_rate * decay_rate ** (epoch / decay_epoch)``

    Args:
        learning_rate: the rate at the first step, above 0.
        decay_rate: the factor of one decay, above 0.
        total_step: the number of steps.
        step_per_epoch: the number of steps in an epoch.
        decay_epoch: the number of epochs of one decay.
        is_stair: whether the exponent is rounded down, so that the rate changes every ``decay_epoch`` epochs.

    Returns:
        ``total_step`` floats.

    Raises:
        TypeError: an argument is of another type than documented.
        ValueError: a number is not above 0.

    >>> exponential_decay_lr(0.5, 0.25, total_step=6, step_per_epoch=2, decay_epoch=2)
    [0.5, 0.5, 0.25, 0.25, 0.125, 0.125]
    """
    check_decay("exponential_decay_lr", learning_rate, decay_rate, total_step, step_per_epoch, decay_epoch, is_stair)

    def rate(epoch: int) -> float:
        decays = epoch // decay_epoch if is_stair else epoch / decay_epoch
        return float(learning_rate * decay_rate**decays)

    return each_step(rate, total_step, step_per_epoch)


def natural_exp_decay_lr(
    learning_rate: float,
    decay_rate: float,
    total_step: int,
    step_per_epoch: int,
    decay_epoch: int,
    is_stair: bool = False,
) -> list[float]:
    """A learning rate that decays with the natural exponential function.

    ``rate[i] = learning_rate * e ** (-decay_rate * epoch)``

    Args:
        learning_rate: the rate at the first step, above 0.
        decay_rate: the decay in one epoch, above 0.
        total_step: the number of steps.
        step_per_epoch: the number of steps in an epoch.
        decay_epoch: with ``is_stair``, the number of epochs between two changes.
        is_stair: whether ``epoch`` is rounded down to a multiple of ``decay_epoch``.

    Returns:
        ``total_step`` floats.

    Raises:
        TypeError: an argument is of another type than documented.
        ValueError: a number is not above 0.

    >>> rates = natural_exp_decay_lr(0.1, 0.9, total_step=6, step_per_epoch=2, decay_epoch=2, is_stair=True)
    >>> [round(rate, 6) for rate in rates]
    [0.1, 0.1, 0.1, 0.1, 0.01653, 0.01653]
    """
    check_decay("natural_exp_decay_lr", learning_rate, decay_rate, total_step, step_per_epoch, decay_epoch, is_stair)

    def rate(epoch: int) -> float:
        decays = epoch // decay_epoch * decay_epoch if is_stair else epoch
        return float(learning_rate * math.e ** (-decay_rate * decays))

    return each_step(rate, total_step, step_per_epoch)


def inverse_decay_lr(
    learning_rate: float,
    decay_rate: float,
    total_step: int,
    step_per_epoch: int,
    decay_epoch: int,
    is_stair: bool = False,
) -> list[float]:
    """A learning rate that decays with the inverse of time.

    ``rate[i] = learning_rate / (1 + decay_rate * epoch / decay_epoch)``

    Args:
        learning_rate: the rate at the first step, above 0.
        decay_rate: the growth of the divisor in one decay, above 0.
        total_step: the number of steps.
        step_per_epoch: the number of steps in an epoch.
        decay_epoch: the number of epochs of one decay.
        is_stair: whether ``epoch / decay_epoch`` is rounded down.

    Returns:
        ``total_step`` floats.

    Raises:
        TypeError: an argument is of another type than documented.
        ValueError: a number is not above 0.

    >>> inverse_decay_lr(0.5, 1.0, total_step=4, step_per_epoch=1, decay_epoch=1)
    [0.5, 0.25, 0.16666666666666666, 0.125]
    """
    check_decay("inverse_decay_lr", learning_rate, decay_rate, total_step, step_per_epoch, decay_epoch, is_stair)

    def rate(epoch: int) -> float:
        if is_stair:
            return learning_rate / (1 + decay_rate * (epoch // decay_epoch))
        return learning_rate / (1 + decay_rate * epoch / decay_epoch)

    return each_step(rate, total_step, step_per_epoch)


def cosine_decay_lr(
    min_lr: float, max_lr: float, total_step: int, step_per_epoch: int, decay_epoch: int
) -> list[float]:
    """A learning rate that falls along half a cosine wave and then stays.

    ``rate[i] = min_lr + 0.5 * (max_lr - min_lr) * (1 + cos(pi * min(epoch, decay_epoch) / decay_epoch))``

    Args:
        min_lr: the rate at the end, 0 or above.
        max_lr: the rate at the first step, above ``min_lr``.
        total_step: the number of steps.
        step_per_epoch: the number of steps in an epoch.
        decay_epoch: the number of epochs of the fall.

    Returns:
        ``total_step`` floats.

    Raises:
        TypeError: an argument is of another type than documented.
        ValueError: a number is out of its range.

    >>> rates = cosine_decay_lr(0.01, 0.1, total_step=6, step_per_epoch=2, decay_epoch=2)
    >>> [round(rate, 6) for rate in rates]
    [0.1, 0.1, 0.055, 0.055, 0.01, 0.01]
    """
    check_range_of_rates("cosine_decay_lr", min_lr, max_lr)
    check_positive_int("cosine_decay_lr", total_step=total_step, step_per_epoch=step_per_epoch, decay_epoch=decay_epoch)
    half = 0.5 * (max_lr - min_lr)

    def rate(epoch: int) -> float:
        return min_lr + half * (1 + math.cos(math.pi * min(epoch, decay_epoch) / decay_epoch))

    return each_step(rate, total_step, step_per_epoch)


def polynomial_decay_lr(
    learning_rate: float,
    end_learning_rate: float,
    total_step: int,
    step_per_epoch: int,
    decay_epoch: int,
    power: float,
    update_decay_epoch: bool = False,
) -> list[float]:
    """A learning rate that falls along a polynomial and then stays, or falls again from above.

    ``rate[i] = (learning_rate - end_learning_rate) * (1 - min(epoch, decay_epoch) / decay_epoch) ** power +
    end_learning_rate``

    Args:
        learning_rate: the rate at the first step, above 0.
        end_learning_rate: the rate at the end, 0 or above.
        total_step: the number of steps.
        step_per_epoch: the number of steps in an epoch.
        decay_epoch: the number of epochs of the fall.
        power: the exponent, above 0.
        update_decay_epoch: whether ``decay_epoch`` is raised to its first multiple that ``epoch`` does not exceed.

    Returns:
        ``total_step`` floats.

    Raises:
        TypeError: an argument is of another type than documented.
        ValueError: a number is out of its range.

    >>> polynomial_decay_lr(1.0, 0.0, total_step=5, step_per_epoch=1, decay_epoch=2, power=2.0)
    [1.0, 0.25, 0.0, 0.0, 0.0]
    >>> polynomial_decay_lr(1.0, 0.0, 5, 1, 2, 2.0, update_decay_epoch=True)
    [1.0, 0.25, 0.0, 0.0625, 0.0]
    """
    owner = "polynomial_decay_lr"
    check_positive_float(owner, learning_rate=learning_rate, power=power)
    check_non_negative_float(owner, end_learning_rate=end_learning_rate)
    check_positive_int(owner, total_step=total_step, step_per_epoch=step_per_epoch, decay_epoch=decay_epoch)
    check_bool(owner, update_decay_epoch=update_decay_epoch)
    fall = learning_rate - end_learning_rate

    def rate(epoch: int) -> float:
        falls = max(math.ceil(epoch / decay_epoch), 1) if update_decay_epoch else 1
        part = min(epoch, falls * decay_epoch) / (falls * decay_epoch)
        return float(fall * (1 - part) ** power + end_learning_rate)

    return each_step(rate, total_step, step_per_epoch)


def warmup_lr(learning_rate: float, total_step: int, step_per_epoch: int, warmup_epoch: int) -> list[float]:
    """A learning rate that rises from 0 in equal parts and then stays.

    ``rate[i] = learning_rate * min(epoch, warmup_epoch) / warmup_epoch``

    Args:
        learning_rate: the rate after the rise, 0 or above.
        total_step: the number of steps.
        step_per_epoch: the number of steps in an epoch.
        warmup_epoch: the number of epochs of the rise.

    Returns:
        ``total_step`` floats.

    Raises:
        TypeError: an argument is of another type than documented.
        ValueError: a number is out of its range.

    >>> warmup_lr(0.1, total_step=6, step_per_epoch=2, warmup_epoch=2)
    [0.0, 0.0, 0.05, 0.05, 0.1, 0.1]
    """
    check_non_negative_float("warmup_lr", learning_rate=learning_rate)
    check_positive_int("warmup_lr", total_step=total_step, step_per_epoch=step_per_epoch, warmup_epoch=warmup_epoch)

    def rate(epoch: int) -> float:
        return learning_rate * min(epoch, warmup_epoch) / warmup_epoch

    return each_step(rate, total_step, step_per_epoch)


def check_decay(
    owner: str,
    learning_rate: Any,
    decay_rate: Any,
    total_step: Any,
    step_per_epoch: Any,
    decay_epoch: Any,
    is_stair: Any,
) -> None:
    """Check the arguments that three of the decays share.

    Raises:
        TypeError: an argument is of another type than documented.
        ValueError: a number is not above 0.
    """
    check_positive_int(owner, total_step=total_step, step_per_epoch=step_per_epoch, decay_epoch=decay_epoch)
    check_positive_float(owner, learning_rate=learning_rate, decay_rate=decay_rate)
    check_bool(owner, is_stair=is_stair)


def each_step(rate: Callable[[int], float], total_step: int, step_per_epoch: int) -> list[float]:
    """The rate of each step, from a function of its epoch."""
    return [rate(step // step_per_epoch) for step in range(total_step)]
