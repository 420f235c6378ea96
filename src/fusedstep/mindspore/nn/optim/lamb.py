"""``Lamb``: Adam's direction, with a step as long as the weights of the tensor."""

from typing import Any, ClassVar

from .... import rules
from ..checks import check_betas
from .fused import FusedOptimizer
from .memory import memory


class Lamb(FusedOptimizer):
    r"""The direction of Adam, stretched to the norm of the weights of each parameter.

    .. math::
        m &= \beta_1 m + (1 - \beta_1) g \\
        v &= \beta_2 v + (1 - \beta_2) g^2 \\
        u &= \frac{m / (1 - \beta_1^t)}{\sqrt{v / (1 - \beta_2^t)} + \epsilon} + \lambda w \\
        w &= w - lr \frac{\lVert w \rVert}{\lVert u \rVert} u

    The norms are over the whole parameter; where one is 0, their ratio counts as 1. Gradients must be dense.

    Args:
        params: parameters or parameter groups; see ``Optimizer``.
        learning_rate: lr; see ``Optimizer``.
        beta1, beta2: how much of the means a step keeps, above 0 and below 1.
        eps: :math:`\epsilon`, above 0.
        weight_decay: :math:`\lambda`, or a cell that gives it.

    Raises:
        TypeError, ValueError: an argument is invalid.

    Source: https://arxiv.org/abs/1904.00962; ``mindspore.nn.Lamb``.

    >>> from fusedstep.mindspore import Parameter, Tensor, float32, nn
    >>> var = Parameter(Tensor([1.0, 2.0], float32), name="var")
    >>> nn.Lamb([var], learning_rate=0.5)((Tensor([0.25, -4.0], float32),))
    (True,)
    >>> print(var.asnumpy())
    [0.20943213 2.790571  ]
    """

    _state_names = ("moments1", "moments2")
    _settings: ClassVar[dict[str, str]] = {"beta1": "beta1", "beta2": "beta2", "epsilon": "eps"}
    _decay_scalar = "decay"
    _rows = None

    def __init__(
        self,
        params: Any,
        learning_rate: Any,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-6,
        weight_decay: Any = 0.0,
    ) -> None:
        super().__init__(learning_rate, params, weight_decay)
        check_betas(type(self).__name__, beta1, beta2, eps)
        self.beta1, self.beta2, self.eps = self._setting(beta1), self._setting(beta2), self._setting(eps)
        self.moments1 = self.parameters.clone("lamb_m", init="zeros")
        self.moments2 = self.parameters.clone("lamb_v", init="zeros")
        self._step_by(rules.lamb)

    def _scalars(self) -> dict[str, Any]:
        step = int(memory(self.global_step)[0]) + 1
        settings = super()._scalars()
        powers = {f"{beta}_power": settings[beta] ** step for beta in ("beta1", "beta2")}
        return settings | powers
