"""``Momentum``: gradient descent with momentum."""

from typing import Any, ClassVar

from .... import rules
from ..checks import check_bool, check_non_negative_float
from .fused import FusedOptimizer


class Momentum(FusedOptimizer):
    r"""Gradient descent with momentum.

    .. math::
        v &= \mu v + g \\
        w &= w - lr\, v

    With ``use_nesterov``, :math:`g + \mu v` takes the place of v in the last line; MindSpore's CPU kernel ignores it.
    The gradient g is :math:`(g + decay\, w) / loss\_scale`. With a ``RowTensor`` only its rows step; the gradients of
    one row are summed first.

    Args:
        params: parameters or parameter groups; see ``Optimizer``.
        learning_rate: lr; see ``Optimizer``.
        momentum: how much of v a step keeps, :math:`\mu`, 0 or more.
        weight_decay: the strength of an l2 penalty that is a part of the gradient, or a cell that gives it.
        loss_scale: what the loss was multiplied by.
        use_nesterov: look one step ahead along the sum.

    Raises:
        TypeError, ValueError: an argument is invalid.

    Source: https://dl.acm.org/doi/10.5555/3042817.3043064; ``mindspore.nn.Momentum``.

    >>> from fusedstep.mindspore import Parameter, Tensor, float32, nn
    >>> var = Parameter(Tensor([1.0, 2.0], float32), name="var")
    >>> nn.Momentum([var], learning_rate=0.5, momentum=0.5)((Tensor([0.25, -4.0], float32),))
    (True,)
    >>> print(var.asnumpy())
    [0.875 4.   ]
    """

    _state_names = ("moments",)
    _settings: ClassVar[dict[str, str]] = {"momentum": "momentum"}

    def __init__(
        self,
        params: Any,
        learning_rate: Any,
        momentum: float,
        weight_decay: Any = 0.0,
        loss_scale: float = 1.0,
        use_nesterov: bool = False,
    ) -> None:
        super().__init__(learning_rate, params, weight_decay, loss_scale)
        name = type(self).__name__
        check_non_negative_float(name, momentum=momentum)
        check_bool(name, use_nesterov=use_nesterov)
        self.momentum, self.use_nesterov = self._setting(momentum, "momentum"), use_nesterov
        self.moments = self.parameters.clone("moments", init="zeros")
        self._step_by(rules.momentum, use_nesterov=use_nesterov)
