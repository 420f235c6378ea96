"""``LazyAdam``: Adam for the rows that have a gradient."""

from typing import Any

from .... import rules
from ..checks import check_bool, check_non_negative_float
from .adam import AdamMoments


class LazyAdam(AdamMoments):
    r"""Adam, of which only the rows of a sparse gradient take the step.

    .. math::
        m &= \beta_1 m + (1 - \beta_1) g \\
        v &= \beta_2 v + (1 - \beta_2) g^2 \\
        w &= w - lr \frac{\sqrt{1 - \beta_2^t}}{1 - \beta_1^t} \cdot \frac{m}{\sqrt{v} + \epsilon}

    With ``use_nesterov``, :math:`\beta_1 m + (1 - \beta_1) g` takes the place of m in the last line. The gradient g is
    :math:`(g + decay\, w) / loss\_scale`. With a ``RowTensor`` only its rows step, and their means alone decay; the
    gradients of one row are summed first.

    Args:
        params: parameters or parameter groups; see ``Optimizer``.
        learning_rate: lr; see ``Optimizer``.
        beta1, beta2: how much of the means a step keeps, above 0 and below 1.
        eps: :math:`\epsilon`, above 0.
        use_locking: run steps that share memory one after another.
        use_nesterov: look one step ahead along the mean.
        weight_decay: the strength of an l2 penalty that is a part of the gradient: a float.
        loss_scale: what the loss was multiplied by.

    Raises:
        TypeError, ValueError: an argument is invalid.

    Source: ``mindspore.nn.LazyAdam``; https://arxiv.org/abs/1412.6980.

    >>> from fusedstep.mindspore import Parameter, RowTensor, Tensor, float32, int32, nn
    >>> table = Parameter(Tensor([[1.0, 2.0], [3.0, 4.0]], float32), name="table")
    >>> gradient = RowTensor(Tensor([1, 1], int32), Tensor([[0.5, 0.25], [0.5, 0.25]], float32), (2, 2))
    >>> nn.LazyAdam([table], learning_rate=0.5)((gradient,))
    (True,)
    >>> print(table.asnumpy())
    [[1.        2.       ]
     [2.5000002 3.5000002]]
    """

    def __init__(
        self,
        params: Any,
        learning_rate: Any = 1e-3,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-8,
        use_locking: bool = False,
        use_nesterov: bool = False,
        weight_decay: float = 0.0,
        loss_scale: float = 1.0,
    ) -> None:
        super().__init__(learning_rate, params, weight_decay, loss_scale)
        name = type(self).__name__
        check_non_negative_float(name, weight_decay=weight_decay)
        check_bool(name, use_locking=use_locking, use_nesterov=use_nesterov)
        self.use_locking, self.use_nesterov = use_locking, use_nesterov
        self._start(beta1, beta2, eps, (1,))
        self._step_by(rules.adam, use_locking, use_nesterov=use_nesterov)
