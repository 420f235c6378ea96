"""``Adadelta``: steps of the size of the last steps."""

from typing import Any, ClassVar

from .... import rules
from ..checks import check_non_negative_float
from .fused import FusedOptimizer


class Adadelta(FusedOptimizer):
    r"""Steps of the size of the last steps, whose scale needs no learning rate.

    .. math::
        a &= \rho a + (1 - \rho) g^2 \\
        u &= \frac{\sqrt{b + \epsilon}}{\sqrt{a + \epsilon}} g \\
        b &= \rho b + (1 - \rho) u^2 \\
        w &= w - lr\, u

    Here a is ``accum`` and b ``accum_update``; both start at 0. The gradient g is
    :math:`(g + decay\, w) / loss\_scale`. With a ``RowTensor`` only its rows step; the gradients of one row are summed
    first.

    Args:
        params: parameters or parameter groups; see ``Optimizer``.
        learning_rate: lr; see ``Optimizer``.
        rho: how much of the means a step keeps, 0 to 1.
        epsilon: :math:`\epsilon`, 0 or more.
        loss_scale: what the loss was multiplied by.
        weight_decay: the strength of an l2 penalty that is a part of the gradient, or a cell that gives it.

    Raises:
        TypeError, ValueError: an argument is invalid.

    Source: https://arxiv.org/abs/1212.5701; ``mindspore.nn.Adadelta``.

    >>> from fusedstep.mindspore import Parameter, Tensor, float32, nn
    >>> var = Parameter(Tensor([1.0, 2.0], float32), name="var")
    >>> nn.Adadelta([var], learning_rate=0.5, epsilon=0.0625)((Tensor([0.25, -4.0], float32),))
    (True,)
    >>> print(var.asnumpy())
    [0.8808172 2.3877833]
    """

    _state_names = ("accum", "accum_update")
    _settings: ClassVar[dict[str, str]] = {"rho": "rho", "epsilon": "epsilon"}

    def __init__(
        self,
        params: Any,
        learning_rate: Any = 1.0,
        rho: float = 0.9,
        epsilon: float = 1e-6,
        loss_scale: float = 1.0,
        weight_decay: Any = 0.0,
    ) -> None:
        super().__init__(learning_rate, params, weight_decay, loss_scale)
        name = type(self).__name__
        check_non_negative_float(name, rho=rho, epsilon=epsilon)
        if rho > 1:
            raise ValueError(f"{name}: rho is {rho}, expected 0 to 1")
        self.rho, self.epsilon = rho, epsilon
        self.accum = self.parameters.clone("accum", init=0)
        self.accum_update = self.parameters.clone("accum_update", init=0)
        self._step_by(rules.adadelta)
