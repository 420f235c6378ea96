"""The learning rate and the weight decay of an optimizer: fixed, or from the number of the step."""

import reprlib
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from ...common.dtype import float32
from ...common.parameter import Parameter
from ...common.tensor import Tensor
from ..cell import Cell
from ..learning_rate_schedule import LearningRateSchedule


class IteratorLearningRate(LearningRateSchedule):
    """A learning rate that is given for each step.

    Args:
        values: the learning rates of the steps, of shape ``(steps,)``.
        name: the name of the parameter that holds them.
    """

    def __init__(self, values: Tensor, name: str) -> None:
        super().__init__()
        self.learning_rate = Parameter(values, name)

    def construct(self, global_step: Tensor) -> Tensor:
        """The learning rate of a step.

        Raises:
            IndexError: there are fewer learning rates.
        """
        values, step = self.learning_rate.asnumpy(), int(global_step)
        if not 0 <= step < values.size:
            raise IndexError(
                f"learning_rate: has {values.size} values, and step {step} has none; give a value for each step"
            )
        return Tensor(values[step])


class FixedLearningRate(LearningRateSchedule):
    """A fixed learning rate among others that depend on the step.

    Args:
        learning_rate: the parameter that holds it.
    """

    def __init__(self, learning_rate: Parameter) -> None:
        super().__init__()
        self.learning_rate = learning_rate

    def construct(self, global_step: Tensor) -> Tensor:
        """The learning rate."""
        return Tensor(self.learning_rate.asnumpy().copy())


class ScaledWeightDecay(Cell):
    """A weight decay from the number of the step, times the scale of the loss.

    Args:
        weight_decay: the cell that gives it.
        loss_scale: the scale of the loss.
    """

    def __init__(self, weight_decay: Cell, loss_scale: float) -> None:
        super().__init__()
        self.weight_decay = weight_decay
        self.loss_scale = loss_scale

    def construct(self, global_step: Tensor) -> Tensor:
        """The weight decay of a step."""
        found = self.weight_decay(global_step)
        if not isinstance(found, Tensor | float | int | np.ndarray | np.generic):
            raise TypeError(
                f"weight_decay: {type(self.weight_decay).__name__} returned a {type(found).__name__}, expected a "
                "Tensor or a number"
            )
        value = found.asnumpy() if isinstance(found, Tensor) else np.float32(found)
        return Tensor(np.asarray(value * np.float32(self.loss_scale), np.float32))


def read_learning_rate(name: str, value: Any) -> Any:
    """A float, a float32 tensor of no or one dimension, or a schedule.

    Raises:
        TypeError, ValueError: the learning rate is invalid.
    """
    if isinstance(value, LearningRateSchedule):
        return value
    if isinstance(value, float | int | np.floating | np.integer) and not isinstance(value, bool):
        if not value >= 0:
            raise ValueError(f"{name}: learning_rate is {value}, expected a number that is 0 or more")
        return float(value)
    if isinstance(value, Tensor):
        if value.ndim > 1:
            raise ValueError(f"{name}: learning_rate has {value.ndim} dimensions, expected none or one")
        return value.astype(float32)
    if isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping):
        return Tensor(rate_of_each_step(name, list(value)))
    raise TypeError(
        f"{name}: learning_rate is of type {type(value).__name__}, expected a number, a Tensor, a list of numbers or a "
        "LearningRateSchedule"
    )


def rate_of_each_step(name: str, values: list[Any]) -> np.ndarray:
    """The learning rates of a list as float32.

    Raises:
        ValueError: it is empty, or has something else than numbers.
    """
    try:
        rates = np.array(values)
    except ValueError:
        # Lists of different lengths.
        rates = np.empty((0, 0))
    if rates.ndim != 1 or not rates.size or rates.dtype.kind not in "iuf":
        raise ValueError(f"{name}: learning_rate is {reprlib.repr(values)}, expected a number for each step")
    return rates.astype(np.float32)


def is_dynamic(value: Any) -> bool:
    """Whether a learning rate depends on the step."""
    return isinstance(value, LearningRateSchedule) or (isinstance(value, Tensor) and value.ndim == 1)


def parameter_or_schedule(value: Any, parameter_name: str, beside_schedules: bool) -> Any:
    """A learning rate as an optimizer holds it: a parameter, or a schedule."""
    if isinstance(value, LearningRateSchedule):
        return value
    if isinstance(value, Tensor) and value.ndim == 1:
        return IteratorLearningRate(value, parameter_name)
    parameter = Parameter(Tensor(value, float32), parameter_name)
    return FixedLearningRate(parameter) if beside_schedules else parameter


def read_weight_decay(name: str, value: Any, loss_scale: float) -> Any:
    """A weight decay times the scale of the loss: a float, or a cell.

    Raises:
        TypeError, ValueError: the weight decay is invalid.
    """
    if isinstance(value, Cell):
        return ScaledWeightDecay(value, loss_scale)
    if not isinstance(value, float | int) or isinstance(value, bool):
        raise TypeError(f"{name}: weight_decay is of type {type(value).__name__}, expected a number or a Cell")
    if not value >= 0:
        raise ValueError(f"{name}: weight_decay is {value}, expected a number that is 0 or more")
    return float(value) * loss_scale
