"""``Adam``, ``AdamOffload`` and ``AdamWeightDecay``."""

from typing import Any, ClassVar

from .... import rules
from ..checks import check_betas, check_bool
from .fused import FusedOptimizer
from .update_run_op import update_run_op as _update_run_op  # noqa: F401


class AdamMoments(FusedOptimizer):
    """What Adam and its relatives share: two decaying means, and the powers of how much of them a step keeps."""

    _state_names: tuple[str, ...] = ("moment1", "moment2")
    _settings: ClassVar[dict[str, str]] = {"beta1": "beta1", "beta2": "beta2", "epsilon": "eps"}
    _powers: ClassVar[dict[str, str]] = {"beta1_power": "beta1", "beta2_power": "beta2"}

    def _start(self, beta1: float, beta2: float, eps: float, shape: tuple[int, ...]) -> None:
        check_betas(type(self).__name__, beta1, beta2, eps)
        self.beta1, self.beta2, self.eps = self._setting(beta1), self._setting(beta2), self._setting(eps)
        self.beta1_power, self.beta2_power = self._power("beta1_power", shape), self._power("beta2_power", shape)
        self.moment1 = self.parameters.clone("moment1", init="zeros")
        self.moment2 = self.parameters.clone("moment2", init="zeros")


class Adam(AdamMoments):
    r"""Adam, with epsilon beside the uncorrected root.

    .. math::
        m &= \beta_1 m + (1 - \beta_1) g \\
        v &= \beta_2 v + (1 - \beta_2) g^2 \\
        w &= w - lr \frac{\sqrt{1 - \beta_2^t}}{1 - \beta_1^t} \cdot \frac{m}{\sqrt{v} + \epsilon}

    With ``use_nesterov``, :math:`\beta_1 m + (1 - \beta_1) g` takes the place of m in the last line, with
    ``use_amsgrad`` the largest v so far that of v. The gradient g is :math:`(g + decay\, w) / loss\_scale`. With a
    ``RowTensor`` all rows step, those that it does not name with a zero gradient; the gradients of one row are summed
    first.

    Args:
        params: parameters or parameter groups; see ``Optimizer``.
        learning_rate: lr; see ``Optimizer``.
        beta1, beta2: how much of the means a step keeps, above 0 and below 1.
        eps: :math:`\epsilon`, above 0.
        use_locking: run steps that share memory one after another.
        use_nesterov: look one step ahead along the mean.
        weight_decay: the strength of an l2 penalty that is a part of the gradient, or a cell that gives it.
        loss_scale: what the loss was multiplied by.
        use_amsgrad: divide by the root of the largest mean square so far; not with ``use_nesterov``, which MindSpore
            ignores then.
        use_lazy: with a ``RowTensor`` only its rows step.
        use_offload: ignored but for its checks: every step runs on the CPU.

    Raises:
        TypeError, ValueError, KeyError: an argument is invalid.

    Source: https://arxiv.org/abs/1412.6980; ``mindspore.nn.Adam``.

    >>> from fusedstep.mindspore import Parameter, Tensor, float32, nn
    >>> var = Parameter(Tensor([1.0, 2.0], float32), name="var")
    >>> nn.Adam([var], learning_rate=0.5)((Tensor([0.25, -4.0], float32),))
    (True,)
    >>> print(var.asnumpy())
    [0.50000066 2.5       ]
    """

    _rows = "every"

    def __init__(
        self,
        params: Any,
        learning_rate: Any = 1e-3,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-8,
        use_locking: bool = False,
        use_nesterov: bool = False,
        weight_decay: Any = 0.0,
        loss_scale: float = 1.0,
        use_amsgrad: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, params, weight_decay, loss_scale)
        name = type(self).__name__
        unknown = [key for key in kwargs if key not in ("use_lazy", "use_offload")]
        if unknown:
            raise KeyError(f"{name}: the arguments {unknown} are unknown, expected use_lazy or use_offload")
        use_lazy, use_offload = (kwargs.get(key, False) for key in ("use_lazy", "use_offload"))
        check_bool(name, use_locking=use_locking, use_nesterov=use_nesterov, use_amsgrad=use_amsgrad)
        check_bool(name, use_lazy=use_lazy, use_offload=use_offload)
        self.use_locking, self.use_nesterov = use_locking, use_nesterov
        self.use_amsgrad, self.use_lazy, self.use_offload = use_amsgrad, use_lazy, use_offload
        if self.use_amsgrad + self.use_lazy + self.use_offload > 1:
            raise ValueError(f"{name}: use_amsgrad, use_lazy and use_offload exclude each other, expected one of them")
        self._start(beta1, beta2, eps, ())
        if self.use_lazy:
            self._rows = "touched"
        if not use_amsgrad:
            self._step_by(rules.adam, use_locking, use_nesterov=use_nesterov)
            return
        if use_nesterov:
            raise ValueError(f"{name}: use_nesterov and use_amsgrad exclude each other, expected one of them")
        self.vhat = self.parameters.clone("vhat", init="zeros")
        self._state_names = ("moment1", "moment2", "vhat")
        self._step_by(rules.amsgrad, use_locking)


class AdamOffload(AdamMoments):
    r"""Adam, whose steps MindSpore moves from a device to the CPU; here they all run there. See ``Adam``.

    Args:
        params: parameters or parameter groups; see ``Optimizer``.
        learning_rate: see ``Optimizer``.
        beta1, beta2: how much of the means a step keeps, above 0 and below 1.
        eps: added to the root of the mean square, above 0.
        use_locking: run steps that share memory one after another.
        use_nesterov: look one step ahead along the mean.
        weight_decay: the strength of an l2 penalty that is a part of the gradient, or a cell that gives it.
        loss_scale: what the loss was multiplied by.

    Raises:
        TypeError, ValueError: an argument is invalid.

    Source: https://arxiv.org/abs/1412.6980; ``mindspore.nn.AdamOffload``.

    >>> from fusedstep.mindspore import Parameter, Tensor, float32, nn
    >>> var = Parameter(Tensor([1.0, 2.0], float32), name="var")
    >>> nn.AdamOffload([var], learning_rate=0.5)((Tensor([0.25, -4.0], float32),))
    (True,)
    >>> print(var.asnumpy())
    [0.50000066 2.5       ]
    """

    _rows = "every"

    def __init__(
        self,
        params: Any,
        learning_rate: Any = 1e-3,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-8,
        use_locking: bool = False,
        use_nesterov: bool = False,
        weight_decay: Any = 0.0,
        loss_scale: float = 1.0,
    ) -> None:
        super().__init__(learning_rate, params, weight_decay, loss_scale)
        name = type(self).__name__
        check_bool(name, use_locking=use_locking, use_nesterov=use_nesterov)
        self._start(beta1, beta2, eps, (1,))
        self._step_by(rules.adam, use_locking, use_nesterov=use_nesterov)


class AdamWeightDecay(FusedOptimizer):
    r"""Adam without bias correction, with a weight decay beside the step.

    .. math::
        m &= \beta_1 m + (1 - \beta_1) g \\
        v &= \beta_2 v + (1 - \beta_2) g^2 \\
        w &= w - lr \left(\frac{m}{\sqrt{v} + \epsilon} + \lambda w\right)

    With a ``RowTensor`` only its rows step; the gradients of one row are summed first.

    Args:
        params: parameters or parameter groups; see ``Optimizer``.
        learning_rate: lr; see ``Optimizer``.
        beta1, beta2: how much of the means a step keeps, above 0 and below 1.
        eps: :math:`\epsilon`, above 0.
        weight_decay: :math:`\lambda`, or a cell that gives it.

    Raises:
        TypeError, ValueError: an argument is invalid.

    Source: ``mindspore.nn.AdamWeightDecay``; https://arxiv.org/abs/1810.04805.

    >>> from fusedstep.mindspore import Parameter, Tensor, float32, nn
    >>> var = Parameter(Tensor([1.0, 2.0], float32), name="var")
    >>> nn.AdamWeightDecay([var], learning_rate=0.5, beta1=0.5, beta2=0.75, weight_decay=0.25)(
    ...     (Tensor([0.25, -4.0], float32),))
    (True,)
    >>> print(var.asnumpy())
    [0.375004  2.2499998]
    """

    _state_names = ("moments1", "moments2")
    _settings: ClassVar[dict[str, str]] = {"beta1": "beta1", "beta2": "beta2", "epsilon": "eps"}
    _decay_scalar = "decay"

    def __init__(
        self,
        params: Any,
        learning_rate: Any = 1e-3,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-6,
        weight_decay: Any = 0.0,
    ) -> None:
        super().__init__(learning_rate, params, weight_decay)
        check_betas(type(self).__name__, beta1, beta2, eps)
        self.beta1, self.beta2, self.eps = self._setting(beta1), self._setting(beta2), self._setting(eps)
        self.moments1 = self.parameters.clone("adam_m", init="zeros")
        self.moments2 = self.parameters.clone("adam_v", init="zeros")
        self._step_by(rules.adam_weight_decay)
