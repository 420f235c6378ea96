"""``AdaMax``: Adam with the largest gradient in place of the mean square."""

from typing import Any, ClassVar

from .... import rules
from ..checks import check_betas
from .fused import FusedOptimizer


class AdaMax(FusedOptimizer):
    r"""Adam with the largest gradient in place of the mean square.

    .. math::
        m &= \beta_1 m + (1 - \beta_1) g \\
        v &= \max(\beta_2 v, |g|) \\
        w &= w - \frac{lr}{1 - \beta_1^t} \cdot \frac{m}{v + \epsilon}

    The gradient g is :math:`(g + decay\, w) / loss\_scale`. With a ``RowTensor`` only its rows step; the gradients of
    one row are summed first.

    Args:
        params: parameters or parameter groups; see ``Optimizer``.
        learning_rate: lr; see ``Optimizer``.
        beta1, beta2: how much of m and v a step keeps, above 0 and below 1.
        eps: :math:`\epsilon`, above 0.
        weight_decay: the strength of an l2 penalty that is a part of the gradient, or a cell that gives it.
        loss_scale: what the loss was multiplied by.

    Raises:
        TypeError, ValueError: an argument is invalid.

    Source: https://arxiv.org/abs/1412.6980, section 7.1; ``mindspore.nn.AdaMax``.

    >>> from fusedstep.mindspore import Parameter, Tensor, float32, nn
    >>> var = Parameter(Tensor([1.0, 2.0], float32), name="var")
    >>> nn.AdaMax([var], learning_rate=0.5)((Tensor([0.25, -4.0], float32),))
    (True,)
    >>> print(var.asnumpy())
    [0.5 2.5]
    """

    _state_names = ("moment1", "moment2")
    _settings: ClassVar[dict[str, str]] = {"beta1": "beta1", "beta2": "beta2", "epsilon": "eps"}
    _powers: ClassVar[dict[str, str]] = {"beta1_power": "beta1"}

    def __init__(
        self,
        params: Any,
        learning_rate: Any = 0.001,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-8,
        weight_decay: Any = 0.0,
        loss_scale: float = 1.0,
    ) -> None:
        super().__init__(learning_rate, params, weight_decay, loss_scale)
        check_betas(type(self).__name__, beta1, beta2, eps)
        self.beta1, self.beta2, self.eps = self._setting(beta1), self._setting(beta2), self._setting(eps)
        self.beta1_power = self._power("beta1_power", (1,))
        self.moment1 = self.parameters.clone("moment1", init="zeros")
        self.moment2 = self.parameters.clone("moment2", init="zeros")
        self._step_by(rules.adamax)
