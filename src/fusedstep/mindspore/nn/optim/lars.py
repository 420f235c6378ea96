"""``LARS``: gradients scaled, parameter by parameter, to the norm of the weights, for any optimizer."""

from collections.abc import Callable
from typing import Any

import numpy as np

from .... import rules
from ....words import tensor_sum
from ..checks import check_bool, check_float
from .fused import FusedOptimizer
from .gradient_terms import operator_of
from .gradients import check_gradients
from .memory import memory, number, numbers


def scaled_by_norms(
    scaled: Any,
    weight: Any,
    grad: Any,
    *,
    weight_decay: Any,
    learning_rate: Any,
    epsilon: Any,
    hyperpara: Any,
    use_clip: bool = False,
) -> Any:
    """``lars_gradient`` with the norms of the two arrays."""
    return rules.lars_gradient(
        scaled,
        weight,
        grad,
        norm_weight=tensor_sum(weight * weight),
        norm_gradient=tensor_sum(grad * grad),
        weight_decay=weight_decay,
        learning_rate=learning_rate,
        epsilon=epsilon,
        hyperpara=hyperpara,
        use_clip=use_clip,
    )


def default_filter(parameter: Any) -> bool:
    """Whether a parameter is neither a bias nor of a LayerNorm."""
    return "LayerNorm" not in parameter.name and "bias" not in parameter.name


class LARS(FusedOptimizer):
    r"""Gradients scaled, parameter by parameter, to the norm of the weights, for another optimizer.

    .. math::
        \eta &= \theta \frac{\lVert w \rVert}{\lVert g \rVert + \lambda \lVert w \rVert + \epsilon} \\
        \hat g &= \eta\, (g + \lambda w)

    The other optimizer steps with :math:`\hat g`. Its weight decay :math:`\lambda` and its ``loss_scale`` are applied
    here, and no more there. With ``use_clip``, :math:`\min(\eta / lr, 1)` takes the place of :math:`\eta`. Gradients
    must be dense.

    Args:
        optimizer: the optimizer that takes the gradients.
        epsilon: added to the divisor.
        coefficient: :math:`\theta`, how much of its norm a parameter may change by.
        use_clip: limit the factor of the gradient to 1.
        lars_filter: tells for a parameter whether its gradient is scaled; by default if its name has neither LayerNorm
            nor bias in it.

    Raises:
        TypeError, ValueError: an argument is invalid.

    Source: https://arxiv.org/abs/1708.03888; ``mindspore.nn.LARS``.

    >>> from fusedstep.mindspore import Parameter, Tensor, float32, nn
    >>> var = Parameter(Tensor([3.0, 4.0], float32), name="var")
    >>> step = nn.LARS(nn.Momentum([var], learning_rate=0.5, momentum=0.0), epsilon=0.0, coefficient=0.125)
    >>> step((Tensor([0.6, 0.8], float32),))
    (True,)
    >>> print(var.asnumpy())
    [2.8125 3.75  ]
    """

    def __init__(
        self,
        optimizer: Any,
        epsilon: float = 1e-5,
        coefficient: float = 0.001,
        use_clip: bool = False,
        lars_filter: Callable[[Any], bool] = default_filter,
    ) -> None:
        name, framework = type(self).__name__, self._framework
        if not isinstance(optimizer, framework.optimizer):
            raise TypeError(
                f"{name}: optimizer is of type {type(optimizer).__name__}, expected an optimizer of nn, as "
                "nn.Momentum(params, 0.1, 0.9)"
            )
        super().__init__(0.0, [framework.parameter(framework.tensor(np.zeros(1, np.float32)), name="fake_param")])
        check_float(name, epsilon=epsilon, coefficient=coefficient)
        check_bool(name, use_clip=use_clip)
        if not callable(lars_filter):
            raise TypeError(
                f"{name}: lars_filter is of type {type(lars_filter).__name__}, expected a function of a parameter"
            )
        self.epsilon, self.coefficient, self.use_clip = epsilon, coefficient, use_clip
        self.opt = optimizer
        self._take_over(optimizer)
        self.lars_flag = tuple(bool(lars_filter(parameter)) for parameter in self.parameters)
        self._workspaces: dict[int, np.ndarray] = {}
        self._operator = operator_of(name, scaled_by_norms, False, {"use_clip": use_clip})

    def _take_over(self, optimizer: Any) -> None:
        """Take the weight decay and the scale of the loss from an optimizer."""
        for setting in (
            "parameters",
            "global_step",
            "weight_decay",
            "dynamic_weight_decay",
            "decay_flags",
            "dynamic_decay_flags",
            "exec_weight_decay",
            "is_group",
            "reciprocal_scale",
            "loss_scale",
        ):
            setattr(self, setting, getattr(optimizer, setting))
        self.init_params = getattr(optimizer, "init_params", {})
        count = len(self.parameters)
        optimizer.decay_flags = (False,) * count
        optimizer.dynamic_decay_flags = (False,) * count if self.is_group else False
        optimizer.dynamic_weight_decay = optimizer.exec_weight_decay = False
        optimizer.reciprocal_scale = self._framework.tensor(np.float32(1.0))

    def construct(self, gradients: Any) -> Any:
        """Scale the gradients, and take one step of the other optimizer.

        Args:
            gradients: a tensor for each parameter, in the order of ``parameters``.

        Raises:
            TypeError, ValueError: a gradient is invalid; nothing is changed.
        """
        weights = list(map(memory, self.parameters))
        found = check_gradients(type(self).__name__, self.parameters, weights, gradients, sparse=False)
        rates = numbers(self.opt.get_lr() if self.use_clip else 1.0, len(found))
        decays = numbers(self.get_weight_decay(), len(found))
        scale = number(self.reciprocal_scale)
        scaled = []
        for index, (gradient, decay) in enumerate(zip(found, decays, strict=True)):
            values = gradient.values if scale == 1 else gradient.values * gradient.values.dtype.type(scale)
            if self.lars_flag[index]:
                own = decay / self.loss_scale if self.decay_flags[index] else 0.0
                try:
                    values = self._scaled(index, weights[index], values, own, rates[index])
                except (TypeError, ValueError) as error:
                    named = self.parameters[index].name
                    raise type(error)(f"{error}; in the step of {named}, whose gradient is grads[{index}]") from None
            scaled.append(self._framework.tensor.from_numpy(values))
        return self.opt(tuple(scaled))

    def _scaled(self, index: int, weight: np.ndarray, values: np.ndarray, decay: float, rate: float) -> np.ndarray:
        """A gradient scaled to the norm of its weights, in memory that the next step uses again."""
        result = self._workspaces.get(index)
        if result is None or (result.shape, result.dtype) != (weight.shape, weight.dtype):
            result = self._workspaces[index] = np.empty(weight.shape, weight.dtype)
        named = {"weight_decay": decay, "learning_rate": rate, "epsilon": self.epsilon, "hyperpara": self.coefficient}
        self._operator.step([result, weight], values, None, None, self._operator.scalars(named))
        return result
