"""``ProximalAdagrad``: a step of Adagrad, then shrinkage by l1 and l2."""

from typing import Any, ClassVar

from .... import rules
from ..checks import check_bool, check_non_negative_float
from .fused import FusedOptimizer


class ProximalAdagrad(FusedOptimizer):
    r"""A step of Adagrad, then shrinkage by l1 and l2.

    .. math::
        accum &= accum + g^2 \\
        \eta &= lr / \sqrt{accum} \\
        p &= w - \eta g \\
        w &= \frac{sign(p)}{1 + \eta\, l_2} \max(|p| - \eta\, l_1, 0)

    MindSpore's optimizer computes this; its documentation has lr in place of :math:`\eta` in the last line. So has
    ``shrink_by_rate=False``, and ``ops.ApplyProximalAdagrad`` by default. The gradient g is
    :math:`(g + decay\, w) / loss\_scale`. With a ``RowTensor`` only its rows step; the gradients of one row are summed
    first.

    Args:
        params: parameters or parameter groups; see ``Optimizer``.
        accum: the first value of ``accum``, 0 or more.
        learning_rate: lr; see ``Optimizer``.
        l1, l2: the strengths of the penalties, 0 or more.
        use_locking: run steps that share memory one after another.
        loss_scale: what the loss was multiplied by.
        weight_decay: the strength of an l2 penalty that is a part of the gradient, or a cell that gives it.
        shrink_by_rate: shrink by each element's own rate; else by lr.

    Raises:
        TypeError, ValueError: an argument is invalid.

    Source: Efficient Learning using Forward-Backward Splitting, NeurIPS 2009; ``mindspore.nn.ProximalAdagrad``.

    >>> from fusedstep.mindspore import Parameter, Tensor, float32, nn
    >>> var = Parameter(Tensor([1.0, 2.0], float32), name="var")
    >>> nn.ProximalAdagrad([var], accum=0.0, learning_rate=0.5, l1=0.5)((Tensor([0.25, -4.0], float32),))
    (True,)
    >>> print(var.asnumpy())
    [0.     2.4375]
    """

    _state_names = ("accum",)
    _settings: ClassVar[dict[str, str]] = {"l1": "l1", "l2": "l2"}

    def __init__(
        self,
        params: Any,
        accum: float = 0.1,
        learning_rate: Any = 0.001,
        l1: float = 0.0,
        l2: float = 0.0,
        use_locking: bool = False,
        loss_scale: float = 1.0,
        weight_decay: Any = 0.0,
        *,
        shrink_by_rate: bool = True,
    ) -> None:
        super().__init__(learning_rate, params, weight_decay, loss_scale)
        name = type(self).__name__
        check_non_negative_float(name, accum=accum, l1=l1, l2=l2)
        check_bool(name, use_locking=use_locking, shrink_by_rate=shrink_by_rate)
        self.l1, self.l2, self.use_locking = self._setting(l1), self._setting(l2), use_locking
        self.accum = self.parameters.clone("accum", init=accum)
        self._step_by(rules.proximal_adagrad, use_locking, shrink_by_rate=shrink_by_rate)
