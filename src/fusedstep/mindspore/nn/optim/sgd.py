"""``SGD``: gradient descent with momentum, of which the first gradient counts in full."""

from typing import Any, ClassVar

from .... import rules
from ..checks import check_bool, check_non_negative_float
from .fused import FusedOptimizer


class SGD(FusedOptimizer):
    r"""Gradient descent with momentum, dampening and Nesterov's look ahead.

    .. math::
        v &= \begin{cases} g & \text{in the first step} \\ \mu v + (1 - d) g & \text{later} \end{cases} \\
        w &= w - lr\, v

    With ``nesterov``, :math:`g + \mu v` takes the place of v in the last line; with a momentum of 0, g does.
    The gradient g is :math:`(g + decay\, w) / loss\_scale`. With a ``RowTensor`` only its rows step; the gradients of
    one row are summed first.

    Args:
        params: parameters or parameter groups; see ``Optimizer``.
        learning_rate: lr; see ``Optimizer``.
        momentum: how much of v a step keeps, :math:`\mu`, 0 or more.
        dampening: how much of a later gradient is left out of v, d, 0 or more.
        weight_decay: the strength of an l2 penalty that is a part of the gradient: a number.
        nesterov: look one step ahead along the sum; needs momentum, and no dampening.
        loss_scale: what the loss was multiplied by.

    Raises:
        TypeError, ValueError: an argument is invalid.

    Source: https://dl.acm.org/doi/10.5555/3042817.3043064; ``mindspore.nn.SGD``.

    >>> from fusedstep.mindspore import Parameter, Tensor, float32, nn
    >>> var = Parameter(Tensor([1.0, 2.0], float32), name="var")
    >>> nn.SGD([var], learning_rate=0.5, momentum=0.5)((Tensor([0.25, -4.0], float32),))
    (True,)
    >>> print(var.asnumpy())
    [0.875 4.   ]
    """

    _state_names = ("accum", "stat")
    _settings: ClassVar[dict[str, str]] = {"momentum": "momentum", "dampening": "dampening"}

    def __init__(
        self,
        params: Any,
        learning_rate: Any = 0.1,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        loss_scale: float = 1.0,
    ) -> None:
        super().__init__(learning_rate, params, weight_decay, loss_scale)
        name = type(self).__name__
        momentum, dampening = (float(each) if type(each) is int else each for each in (momentum, dampening))
        check_non_negative_float(name, momentum=momentum, dampening=dampening)
        check_bool(name, nesterov=nesterov)
        self.dampening, self.nesterov = dampening, nesterov
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError(
                f"{name}: nesterov is True with momentum {momentum} and dampening {dampening}, expected a momentum "
                "above 0 and a dampening of 0"
            )
        if self.dynamic_weight_decay:
            raise TypeError(f"{name}: weight_decay is a Cell, expected a number: it cannot depend on the step here")
        self.momentum = self._setting(momentum, "momentum")
        self.accum = self.parameters.clone("accum", init="zeros")
        self.stat = self.parameters.clone("stat", init="ones")
        self._step_by(rules.sgd, nesterov=nesterov)
