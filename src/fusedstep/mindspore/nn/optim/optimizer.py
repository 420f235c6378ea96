"""``Optimizer``: the base class of optimizers, with parameter groups and settings that depend on the step."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ...common.dtype import float32
from ...common.parameter import Parameter, ParameterTuple
from ...common.sparse_tensor import RowTensorInner
from ...common.tensor import Tensor
from ..cell import Cell
from ..checks import check_bool, check_positive_float, check_target
from ..containers import CellList
from .gradients import Gradient, centralized, decayed
from .learning_rate import (
    FixedLearningRate,
    IteratorLearningRate,
    held,
    is_dynamic,
    read_learning_rate,
    read_weight_decay,
)
from .memory import memory, number
from .parameter_groups import Setting, as_list, read_parameters


class Optimizer(Cell):
    """The base class of optimizers. A subclass defines ``construct(gradients)``, which steps ``parameters``.

    Args:
        learning_rate: a number or a tensor of one; or, for each step another, a list or a tensor of numbers, or a
            ``LearningRateSchedule``.
        parameters: parameters, or parameter groups: dicts with ``params`` and any of ``lr``, ``weight_decay`` and
            ``grad_centralization``; one more dict may have ``order_params``, all parameters in the order of the steps.
        weight_decay: the strength of the l2 penalty, or a cell that gives it for a step. Without groups, parameters
            with beta or gamma in their names are not decayed.
        loss_scale: what the loss was multiplied by; gradients are divided by it.

    Raises:
        TypeError, ValueError, KeyError, RuntimeError: an argument is invalid.

    >>> class Descent(Optimizer):
    ...     def construct(self, gradients):
    ...         for parameter, gradient in zip(self.parameters, self.decay_weight(gradients)):
    ...             parameter.asnumpy()[...] -= float(self.get_lr()) * gradient.asnumpy()
    >>> var = Parameter(Tensor([1.0, 2.0], float32), name="var")
    >>> descent = Descent(0.5, [var], weight_decay=0.25)
    >>> descent((Tensor([1.0, 0.0], float32),))
    >>> print(var.asnumpy())
    [0.375 1.75 ]
    """

    def __init__(self, learning_rate: Any, parameters: Any, weight_decay: Any = 0.0, loss_scale: float = 1.0) -> None:
        super().__init__(auto_prefix=False)
        name = type(self).__name__
        self.loss_scale = float(loss_scale) if type(loss_scale) is int else loss_scale
        check_positive_float(name, loss_scale=self.loss_scale)
        given = as_list(name, "parameters", parameters)
        settings = read_parameters(name, given)
        self.is_group = isinstance(given[0], dict)
        self.is_group_lr = any(setting.lr is not None for setting in settings)
        self.is_group_params_ordered = self.is_group and any("order_params" in group for group in given)
        self.global_step = Parameter(Tensor(np.zeros(1, np.int32)), name="global_step")
        self._set_learning_rates(name, learning_rate, settings)
        self._set_weight_decays(name, weight_decay, settings)
        self.grad_centralization_flags = tuple(setting.grad_centralization for setting in settings)
        self.parameters = ParameterTuple([setting.parameter for setting in settings])
        self.reciprocal_scale = Tensor(1.0 / self.loss_scale, float32)
        self.need_scale = self.loss_scale != 1.0
        self._unique, self._target = True, "CPU"

    def _set_learning_rates(self, name: str, learning_rate: Any, settings: list[Setting]) -> None:
        default = read_learning_rate(name, learning_rate)
        groups = {setting.group: read_learning_rate(name, setting.lr) for setting in settings if setting.lr is not None}
        rates = [default, *groups.values()]
        lengths = {rate.size for rate in rates if isinstance(rate, Tensor) and rate.ndim == 1}
        if len(lengths) > 1:
            raise ValueError(f"{name}: learning rates are for {sorted(lengths)} steps, expected one number of steps")
        self.dynamic_lr = any(map(is_dynamic, rates))
        beside_schedules = self.is_group_lr and self.dynamic_lr
        own = held(default, "learning_rate", beside_schedules)
        of_groups = {
            group: held(rate, f"learning_rate_group_{group}", beside_schedules) for group, rate in groups.items()
        }
        if not self.is_group_lr:
            self.learning_rate: Any = own
            return
        each = [of_groups.get(setting.group, own) for setting in settings]
        self.learning_rate = CellList(each, auto_prefix=False) if self.dynamic_lr else ParameterTuple(each)

    def _set_weight_decays(self, name: str, weight_decay: Any, settings: list[Setting]) -> None:
        own = read_weight_decay(name, weight_decay, self.loss_scale)
        groups = {
            setting.group: read_weight_decay(name, setting.weight_decay, self.loss_scale)
            for setting in settings
            if setting.weight_decay is not None
        }
        each = [groups.get(setting.group, own) for setting in settings]
        flags = tuple(isinstance(decay, Cell) for decay in each)
        self.dynamic_weight_decay = any(flags)
        if self.is_group:
            self.weight_decay: Any = tuple(
                decay if flag else Tensor(decay, float32) for decay, flag in zip(each, flags, strict=True)
            )
            self.dynamic_decay_flags: Any = flags
            self.decay_flags = tuple(flag or decay > 0 for decay, flag in zip(each, flags, strict=True))
            self.exec_weight_decay = any(self.decay_flags)
            return
        self.dynamic_decay_flags = isinstance(own, Cell)
        self.weight_decay = own if isinstance(own, Cell) else Tensor(own, float32)
        names = [setting.parameter.name for setting in settings]
        self.decay_flags = tuple("beta" not in each and "gamma" not in each for each in names)
        self.exec_weight_decay = isinstance(own, Cell) or own > 0

    @property
    def _parameters(self) -> Any:
        return self.parameters

    def get_lr(self) -> Any:
        """The learning rate of the next step: a tensor, or one for each parameter if groups have their own."""
        if not self.dynamic_lr:
            return self.learning_rate
        if self.is_group_lr:
            return tuple(rate(self.global_step).reshape(()) for rate in self.learning_rate)
        return self.learning_rate(self.global_step).reshape(())

    def get_weight_decay(self) -> Any:
        """The weight decay of the next step, times ``loss_scale``: a tensor, or one for each parameter with groups."""
        if self.is_group:
            return tuple(
                decay(self.global_step) if flag else decay
                for decay, flag in zip(self.weight_decay, self.dynamic_decay_flags, strict=True)
            )
        return self.weight_decay(self.global_step) if self.dynamic_weight_decay else self.weight_decay

    def get_lr_parameter(self, param: Any) -> Any:
        """The parameter that holds a parameter's learning rate, or the schedule that gives it.

        Args:
            param: a parameter, or a list of them.

        Raises:
            TypeError: it is neither.
            ValueError: the optimizer does not step it.
        """
        if not isinstance(param, Parameter | list):
            raise TypeError(
                f"get_lr_parameter: param is of type {type(param).__name__}, expected a Parameter or a list of them"
            )
        places = {id(each): place for place, each in enumerate(self.parameters)}
        found = []
        for each in param if isinstance(param, list) else [param]:
            if id(each) not in places:
                named = getattr(each, "name", type(each).__name__)
                raise ValueError(f"get_lr_parameter: {named} is not a parameter of the optimizer")
            rate = self.learning_rate[places[id(each)]] if self.is_group_lr else self.learning_rate
            holds = isinstance(rate, FixedLearningRate | IteratorLearningRate)
            found.append(rate.learning_rate if holds else rate)
        return found if isinstance(param, list) else found[0]

    def decay_weight(self, gradients: Any) -> Any:
        """Gradients with the weight decay of the next step: g + decay * w.

        Args:
            gradients: a tensor or a ``RowTensor`` for each parameter.
        """
        if not self.exec_weight_decay:
            return gradients
        decays = self.get_weight_decay()
        decays = decays if isinstance(decays, tuple) else (decays,) * len(gradients)
        return tuple(
            changed(gradient, partial(decayed, memory(parameter), number(decay))) if flag else gradient
            for gradient, parameter, decay, flag in zip(
                gradients, self.parameters, decays, self.decay_flags, strict=True
            )
        )

    def gradients_centralization(self, gradients: Any) -> Any:
        """Gradients less their means, for the parameters of groups with ``grad_centralization``.

        Args:
            gradients: a tensor or a ``RowTensor`` for each parameter.
        """
        return tuple(
            changed(gradient, centralized) if flag else gradient
            for gradient, flag in zip(gradients, self.grad_centralization_flags, strict=True)
        )

    def scale_grad(self, gradients: Any) -> Any:
        """Gradients divided by ``loss_scale``.

        Args:
            gradients: a tensor or a ``RowTensor`` for each parameter.
        """
        if not self.need_scale:
            return gradients
        return tuple(changed(gradient, partial(scaled, number(self.reciprocal_scale))) for gradient in gradients)

    def flatten_gradients(self, gradients: Any) -> Any:
        """The gradients as they are: parameters are never flattened here."""
        return gradients

    @property
    def unique(self) -> bool:
        """Whether gradients may name a row twice. Ignored: duplicate rows are always summed first."""
        return self._unique

    @unique.setter
    def unique(self, value: bool) -> None:
        check_bool("Optimizer", unique=value)
        self._unique = value

    @property
    def target(self) -> str:
        """The device of the steps, "CPU"."""
        return self._target

    @target.setter
    def target(self, value: str) -> None:
        check_target(type(self).__name__, value)


def changed(gradient: Any, change: Callable[[Gradient], Gradient]) -> Any:
    """A gradient after a change, of the same kind and type."""
    if isinstance(gradient, RowTensorInner):
        found = change(Gradient(memory(gradient.values), memory(gradient.indices)))
        values = Tensor.from_numpy(found.values).astype(gradient.values.dtype)
        return type(gradient)(gradient.indices, values, gradient.dense_shape)
    return Tensor.from_numpy(change(Gradient(memory(gradient))).values).astype(gradient.dtype)


def scaled(scale: float, gradient: Gradient) -> Gradient:
    """A gradient times a number."""
    return gradient._replace(values=gradient.values * gradient.values.dtype.type(scale))
