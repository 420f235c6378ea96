"""``Optimizer``: the base class of optimizers, with parameter groups and settings that depend on the step."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ...common.dtype import float32, int32
from ...common.parameter import Parameter, ParameterTuple
from ...common.sparse_tensor import RowTensorInner
from ...common.tensor import Tensor
from ...ops.composite import HyperMap, Map
from ...ops.functional import assign_add
from ..checks import check_bool, check_positive_float, check_target
from .gradients import Gradient, centralized, decayed
from .memory import memory, number
from .parameter_groups import as_list, read_parameters
from .step_settings import StepSettings


class Optimizer(StepSettings):
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
        self._set_tools(len(self.parameters))

    def _set_tools(self, count: int) -> None:
        """What MindSpore's programs use in an optimizer of their own."""
        self.map_, self.map_reverse = Map(), Map(None, True)
        self.hyper_map, self.hyper_map_reverse = HyperMap(), HyperMap(None, True)
        self.assignadd, self.global_step_increase_tensor = assign_add, Tensor([1], int32)
        self.param_length, self.optim_filter, self.use_parallel = count, (True,) * count, False

    @property
    def _parameters(self) -> Any:
        return self.parameters

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
        check_bool(type(self).__name__, unique=value)
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
