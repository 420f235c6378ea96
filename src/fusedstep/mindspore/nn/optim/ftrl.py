"""``FTRL``: follow the regularized leader."""

from typing import Any, ClassVar

from .... import rules
from ..checks import check_bool, check_float, check_non_negative_float, check_positive_float
from .fused import FusedOptimizer


class FTRL(FusedOptimizer):
    r"""Follow the regularized leader; weights of no use become exactly 0.

    .. math::
        m &= m + g^2 \\
        u &= u + g - \frac{m'^{-p} - m^{-p}}{lr} w \\
        w &= \begin{cases} \dfrac{sign(u)\, l_1 - u}{m^{-p} / lr + 2\, l_2} & |u| > l_1 \\ 0 & |u| \le l_1 \end{cases}

    Here m' is the new m. The gradient g is :math:`(g + decay\, w) / loss\_scale`. With a ``RowTensor`` only its rows
    step; the gradients of one row are summed first.

    Args:
        params: parameters or parameter groups, without ``lr``; see ``Optimizer``.
        initial_accum: the first value of m, 0 or more.
        learning_rate: lr, above 0.
        lr_power: p, 0 or less.
        l1, l2: the strengths of the penalties, 0 or more.
        use_locking: run steps that share memory one after another.
        loss_scale: what the loss was multiplied by.
        weight_decay: the strength of an l2 penalty that is a part of the gradient, or a cell that gives it.

    Raises:
        TypeError, ValueError: an argument is invalid.

    Source: https://arxiv.org/abs/1002.4908; ``mindspore.nn.FTRL``.

    >>> from fusedstep.mindspore import Parameter, Tensor, float32, nn
    >>> var = Parameter(Tensor([1.0, -1.0], float32), name="var")
    >>> nn.FTRL([var], learning_rate=0.5, l1=0.25)((Tensor([1.0, 0.1], float32),))
    (True,)
    >>> print(var.asnumpy())
    [0.10257448 0.        ]
    """

    _state_names = ("moments", "linear")
    _settings: ClassVar[dict[str, str]] = {"l1": "l1", "l2": "l2", "lr_power": "lr_power"}

    def __init__(
        self,
        params: Any,
        initial_accum: float = 0.1,
        learning_rate: float = 0.001,
        lr_power: float = -0.5,
        l1: float = 0.0,
        l2: float = 0.0,
        use_locking: bool = False,
        loss_scale: float = 1.0,
        weight_decay: Any = 0.0,
    ) -> None:
        super().__init__(learning_rate, params, weight_decay, loss_scale)
        name = type(self).__name__
        if self.dynamic_lr or self.is_group_lr:
            raise ValueError(f"{name}: learning rates by step or by group are not supported, expected one number")
        check_non_negative_float(name, initial_accum=initial_accum, l1=l1, l2=l2)
        check_positive_float(name, learning_rate=learning_rate)
        check_float(name, lr_power=lr_power)
        check_bool(name, use_locking=use_locking)
        if lr_power > 0:
            raise ValueError(f"{name}: lr_power is {lr_power}, expected 0 or less")
        self.l1, self.l2 = l1, l2
        self.lr, self.lr_power = learning_rate, lr_power
        self.moments = self.parameters.clone("moments", init=initial_accum)
        self.linear = self.parameters.clone("linear", init="zeros")
        if not self.is_group:
            self.decay_flags = (True,) * len(self.parameters)
        self.use_locking = use_locking
        self._step_by(rules.ftrl, use_locking)
