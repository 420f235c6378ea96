"""Learning rates as cells, called with the number of the step. ``dynamic_lr`` makes lists of them instead.

An optimizer takes such a cell as its ``learning_rate``. Below, ``step`` is the number of the step as a float32. All
computations round to float32, as in MindSpore.
"""

import math
from typing import Any

import numpy as np

from ..common.tensor import Tensor
from .cell import Cell
from .checks import (
    check_bool,
    check_non_negative_float,
    check_positive_float,
    check_positive_int,
    check_range_of_rates,
)

__all__ = [
    "CosineDecayLR",
    "ExponentialDecayLR",
    "InverseDecayLR",
    "NaturalExpDecayLR",
    "PolynomialDecayLR",
    "WarmUpLR",
]

ONE = np.float32(1)


class LearningRateSchedule(Cell):
    """The base class of learning rates that an optimizer asks at each step. A subclass defines ``construct``.

    >>> from fusedstep.mindspore import nn
    >>> class Halves(LearningRateSchedule):
    ...     def construct(self, global_step):
    ...         return Tensor(0.5 ** global_step.item())
    >>> print(Halves()(Tensor(2)))
    0.25
    """

    def construct(self, global_step: Any) -> Any:
        """The learning rate of a step, a tensor of one element.

        Args:
            global_step: the number of the step, a tensor of one element.

        Raises:
            NotImplementedError: the subclass does not define it.
        """
        raise NotImplementedError(f"{type(self).__name__}: has no construct(), expected the subclass to define it")


class ClosedForm(LearningRateSchedule):
    """A learning rate that is a formula of the step: a subclass defines ``rate``."""

    def construct(self, global_step: Any) -> Tensor:
        """The learning rate of a step, a float32 tensor with the step's shape.

        Args:
            global_step: the number of the step, a tensor or a number.

        Raises:
            TypeError: the step is not a number.
        """
        step = np.asarray(global_step)
        if step.dtype.kind not in "iuf":
            raise TypeError(
                f"{type(self).__name__}: global_step is of type {type(global_step).__name__}, "
                "expected a tensor of integers"
            )
        # Far beyond the decay a rate may underflow, without a warning as in MindSpore.
        with np.errstate(all="ignore"):
            return Tensor.from_numpy(np.asarray(self.rate(step.astype(np.float32))))

    def rate(self, step: Any) -> Any:
        """The learning rates of an array of steps, both float32."""
        raise NotImplementedError


class Decay(ClosedForm):
    """What the decays without an end share: their settings and the checks of these."""

    def __init__(self, learning_rate: float, decay_rate: float, decay_steps: int, is_stair: bool = False) -> None:
        super().__init__()
        owner = type(self).__name__
        check_positive_int(owner, decay_steps=decay_steps)
        check_positive_float(owner, learning_rate=learning_rate, decay_rate=decay_rate)
        check_bool(owner, is_stair=is_stair)
        self.learning_rate = learning_rate
        self.decay_rate = decay_rate
        self.decay_steps = decay_steps
        self.is_stair = is_stair

    def decays(self, step: Any) -> Any:
        """How many decays there are before a step, in whole with ``is_stair``."""
        decays = step / np.float32(self.decay_steps)
        return np.floor(decays) if self.is_stair else decays


class ExponentialDecayLR(Decay):
    """A learning rate that decays exponentially.

    ``rate = learning_rate * decay_rate ** (step / decay_steps)``

    Args:
        learning_rate: the rate at step 0, above 0.
        decay_rate: the factor of one decay, above 0.
        decay_steps: the number of steps of one decay.
        is_stair: whether the exponent is rounded down, so that the rate changes every ``decay_steps`` steps.

    Raises:
        TypeError: an argument is of another type than documented.
        ValueError: a number is not above 0.

    >>> ExponentialDecayLR(0.1, 0.9, 4)(Tensor(2))
    Tensor(shape=[], dtype=Float32, value= 0.0948683)
    """

    def rate(self, step: Any) -> Any:
        return np.float32(self.learning_rate) * power(self.decay_rate, self.decays(step))


class NaturalExpDecayLR(Decay):
    """A learning rate that decays with the natural exponential function.

    ``rate = learning_rate * e ** (-decay_rate * step)``

    MindSpore documents ``step / decay_steps`` in the place of ``step``, but computes this.

    Args:
        learning_rate: the rate at step 0, above 0.
        decay_rate: the decay in one step, above 0.
        decay_steps: with ``is_stair``, the number of steps between two changes.
        is_stair: whether ``step`` is rounded down to a multiple of ``decay_steps``.

    Raises:
        TypeError: an argument is of another type than documented.
        ValueError: a number is not above 0.

    >>> decay = NaturalExpDecayLR(0.1, 0.9, 4, is_stair=True)
    >>> [round(decay(Tensor(step)).item(), 6) for step in (2, 4)]
    [0.1, 0.002732]
    """

    def rate(self, step: Any) -> Any:
        if self.is_stair:
            step = np.floor_divide(step, np.float32(self.decay_steps)) * np.float32(self.decay_steps)
        return np.float32(self.learning_rate) * power(math.e, np.float32(-self.decay_rate) * step)


class InverseDecayLR(Decay):
    """A learning rate that decays with the inverse of time.

    ``rate = learning_rate / (1 + decay_rate * step / decay_steps)``

    Args:
        learning_rate: the rate at step 0, above 0.
        decay_rate: the growth of the divisor in one decay, above 0.
        decay_steps: the number of steps of one decay.
        is_stair: whether ``step / decay_steps`` is rounded down.

    Raises:
        TypeError: an argument is of another type than documented.
        ValueError: a number is not above 0.

    >>> InverseDecayLR(0.5, 1.0, 2)(Tensor(6))
    Tensor(shape=[], dtype=Float32, value= 0.125)
    """

    def rate(self, step: Any) -> Any:
        # MindSpore divides a number by a tensor in two roundings.
        return np.float32(self.learning_rate) * (ONE / (ONE + np.float32(self.decay_rate) * self.decays(step)))


class CosineDecayLR(ClosedForm):
    """A learning rate that falls along half a cosine wave and then stays.

    ``rate = min_lr + 0.5 * (max_lr - min_lr) * (1 + cos(pi * min(step, decay_steps) / decay_steps))``

    Args:
        min_lr: the rate at the end, 0 or above.
        max_lr: the rate at step 0, above ``min_lr``.
        decay_steps: the number of steps of the fall.

    Raises:
        TypeError: an argument is of another type than documented.
        ValueError: a number is out of its range.

    >>> CosineDecayLR(0.01, 0.1, 4)(Tensor(2))
    Tensor(shape=[], dtype=Float32, value= 0.055)
    """

    def __init__(self, min_lr: float, max_lr: float, decay_steps: int) -> None:
        super().__init__()
        owner = type(self).__name__
        check_range_of_rates(owner, min_lr, max_lr)
        check_positive_int(owner, decay_steps=decay_steps)
        self.min_lr = min_lr
        self.max_lr = max_lr
        self.decay_steps = decay_steps

    def rate(self, step: Any) -> Any:
        half = np.float32(0.5 * (self.max_lr - self.min_lr))
        decay_steps = np.float32(self.decay_steps)
        # MindSpore takes the sine a quarter of a turn later: in float32 the cosine has other last bits.
        angle = np.float32(math.pi) * (np.minimum(step, decay_steps) / decay_steps + np.float32(0.5))
        return np.float32(self.min_lr) + half * (ONE + np.sin(angle, dtype=np.float64).astype(np.float32))


class PolynomialDecayLR(ClosedForm):
    """A learning rate that falls along a polynomial and then stays, or falls again from above.

    ``rate = (learning_rate - end_learning_rate) * (1 - min(step, decay_steps) / decay_steps) ** power +
    end_learning_rate``

    Args:
        learning_rate: the rate at step 0, above 0.
        end_learning_rate: the rate at the end, 0 or above.
        decay_steps: the number of steps of the fall.
        power: the exponent, above 0.
        update_decay_steps: whether ``decay_steps`` is raised to its first multiple that ``step`` does not exceed.

    Raises:
        TypeError: an argument is of another type than documented.
        ValueError: a number is out of its range.

    >>> decay = PolynomialDecayLR(1.0, 0.0, 2, 2.0, update_decay_steps=True)
    >>> [decay(Tensor(step)).item() for step in range(5)]
    [1.0, 0.25, 0.0, 0.0625, 0.0]
    """

    def __init__(
        self,
        learning_rate: float,
        end_learning_rate: float,
        decay_steps: int,
        power: float,
        update_decay_steps: bool = False,
    ) -> None:
        super().__init__()
        owner = type(self).__name__
        check_positive_float(owner, learning_rate=learning_rate, power=power)
        check_non_negative_float(owner, end_learning_rate=end_learning_rate)
        check_positive_int(owner, decay_steps=decay_steps)
        check_bool(owner, update_decay_steps=update_decay_steps)
        self.start_learning_rate = learning_rate
        self.end_learning_rate = end_learning_rate
        self.decay_steps = decay_steps
        self.power = power
        self.update_decay_steps = update_decay_steps

    def rate(self, step: Any) -> Any:
        decay_steps = np.float32(self.decay_steps)
        if self.update_decay_steps:
            decay_steps = decay_steps * np.maximum(np.ceil(step / decay_steps), ONE)
        else:
            step = np.minimum(step, decay_steps)
        fall = np.float32(self.start_learning_rate - self.end_learning_rate)
        return fall * power(ONE - step / decay_steps, self.power) + np.float32(self.end_learning_rate)


class WarmUpLR(ClosedForm):
    """A learning rate that rises from 0 in equal parts and then stays.

    ``rate = learning_rate * min(step, warmup_steps) / warmup_steps``

    Args:
        learning_rate: the rate after the rise, 0 or above.
        warmup_steps: the number of steps of the rise.

    Raises:
        TypeError: an argument is of another type than documented.
        ValueError: a number is out of its range.

    >>> WarmUpLR(0.1, 2)(Tensor(1))
    Tensor(shape=[], dtype=Float32, value= 0.05)
    """

    def __init__(self, learning_rate: float, warmup_steps: int) -> None:
        super().__init__()
        owner = type(self).__name__
        check_non_negative_float(owner, learning_rate=learning_rate)
        check_positive_int(owner, warmup_steps=warmup_steps)
        self.learning_rate = learning_rate
        self.warmup_steps = warmup_steps

    def rate(self, step: Any) -> Any:
        warmup_steps = np.float32(self.warmup_steps)
        return np.float32(self.learning_rate) * (np.minimum(step, warmup_steps) / warmup_steps)


def power(base: Any, exponent: Any) -> Any:
    """A power of float32 numbers, rounded once: float32 powers have other last bits on other processors."""
    base, exponent = (np.float32(each).astype(np.float64) for each in (base, exponent))
    return np.power(base, exponent).astype(np.float32)
