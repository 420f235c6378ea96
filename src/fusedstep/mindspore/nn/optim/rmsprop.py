"""``RMSProp``: steps by a gradient over the root of its decaying mean square."""

from typing import Any, ClassVar

from .... import rules
from ..checks import check_bool, check_non_negative_float, check_positive_float
from .fused import FusedOptimizer


class RMSProp(FusedOptimizer):
    r"""Steps by a gradient over the root of its decaying mean square.

    .. math::
        s &= \rho s + (1 - \rho) g^2 \\
        m &= \mu m + \frac{lr}{\sqrt{s + \epsilon}} g \\
        w &= w - m

    With ``centered``, :math:`s - a^2` takes the place of s in the second line, where a is a decaying mean of the
    gradients. The mean square s starts at 1, the others at 0.
    The gradient g is :math:`(g + decay\, w) / loss\_scale`. With a ``RowTensor`` only its rows step; the gradients of
    one row are summed first.

    Args:
        params: parameters or parameter groups; see ``Optimizer``.
        learning_rate: lr; see ``Optimizer``.
        decay: how much of the means a step keeps, :math:`\rho`, 0 or more.
        momentum: how much of m a step keeps, :math:`\mu`, 0 or more.
        epsilon: :math:`\epsilon`, above 0.
        use_locking: run steps that share memory one after another.
        centered: divide by the root of the variance.
        loss_scale: what the loss was multiplied by.
        weight_decay: the strength of an l2 penalty that is a part of the gradient, or a cell that gives it.

    Raises:
        TypeError, ValueError: an argument is invalid.

    Source: https://arxiv.org/abs/1308.0850; ``mindspore.nn.RMSProp``.

    >>> from fusedstep.mindspore import Parameter, Tensor, float32, nn
    >>> var = Parameter(Tensor([1.0, 2.0], float32), name="var")
    >>> nn.RMSProp([var], learning_rate=0.5)((Tensor([0.25, -4.0], float32),))
    (True,)
    >>> print(var.asnumpy())
    [0.8686936 3.2649112]
    """

    _state_names: tuple[str, ...] = ("ms", "moment")
    _settings: ClassVar[dict[str, str]] = {"rho": "decay", "momentum": "momentum", "epsilon": "epsilon"}

    def __init__(
        self,
        params: Any,
        learning_rate: Any = 0.1,
        decay: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-10,
        use_locking: bool = False,
        centered: bool = False,
        loss_scale: float = 1.0,
        weight_decay: Any = 0.0,
    ) -> None:
        super().__init__(learning_rate, params, weight_decay, loss_scale)
        name = type(self).__name__
        check_non_negative_float(name, decay=decay, momentum=momentum)
        check_positive_float(name, epsilon=epsilon)
        check_bool(name, use_locking=use_locking, centered=centered)
        self.decay, self.momentum, self.epsilon, self.centered = decay, momentum, epsilon, centered
        if centered:
            self.mg = self.parameters.clone("mean_grad", init="zeros")
            self._state_names = ("mg", "ms", "moment")
        self.ms = self.parameters.clone("mean_square", init="ones")
        self.moment = self.parameters.clone("moment", init="zeros")
        self._step_by(rules.centered_rmsprop if centered else rules.rmsprop, use_locking)
