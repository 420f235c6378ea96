"""``Adagrad``: steps that shrink with the root of all squared gradients so far."""

from typing import Any

from .... import rules
from ..checks import check_bool, check_non_negative_float
from .fused import FusedOptimizer


class Adagrad(FusedOptimizer):
    r"""Steps that shrink with the root of all squared gradients so far.

    .. math::
        h &= h + g^2 \\
        w &= w - lr \frac{g}{\sqrt{h}}

    The gradient g is :math:`(g + decay\, w) / loss\_scale`. With a ``RowTensor`` only its rows step; the gradients of
    one row are summed first.

    Args:
        params: parameters or parameter groups; see ``Optimizer``.
        accum: the first value of h, 0 or more.
        learning_rate: lr; see ``Optimizer``.
        update_slots: add to h; else it keeps its value.
        loss_scale: what the loss was multiplied by.
        weight_decay: the strength of an l2 penalty that is a part of the gradient, or a cell that gives it.

    Raises:
        TypeError, ValueError: an argument is invalid.

    Source: https://jmlr.org/papers/v12/duchi11a.html; ``mindspore.nn.Adagrad``.

    >>> from fusedstep.mindspore import Parameter, Tensor, float32, nn
    >>> var = Parameter(Tensor([1.0, 2.0], float32), name="var")
    >>> nn.Adagrad([var], accum=0.0, learning_rate=0.5)((Tensor([0.25, -4.0], float32),))
    (True,)
    >>> print(var.asnumpy())
    [0.5 2.5]
    """

    _state_names = ("accum",)

    def __init__(
        self,
        params: Any,
        accum: float = 0.1,
        learning_rate: Any = 0.001,
        update_slots: bool = True,
        loss_scale: float = 1.0,
        weight_decay: Any = 0.0,
    ) -> None:
        super().__init__(learning_rate, params, weight_decay, loss_scale)
        name = type(self).__name__
        check_non_negative_float(name, accum=accum)
        check_bool(name, update_slots=update_slots)
        self.accum = self.parameters.clone("accum", init=accum)
        self._step_by(rules.adagrad, update_slots=update_slots)
