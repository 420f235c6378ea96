"""``AdaFactor``: second moments in the memory of one row and one column."""

from typing import Any, ClassVar

import numpy as np

from .... import rules
from ..checks import check_between_0_and_1, check_bool, check_non_negative_float
from .fused import FusedOptimizer
from .memory import memory, number


class AdaFactor(FusedOptimizer):
    r"""Adam with second moments kept as the means of rows and of columns, and a step size that needs no setting.

    .. math::
        \beta_2 &= 1 - t^{-c} \\
        r &= \beta_2 r + (1 - \beta_2)\, mean_{row}(g^2 + \epsilon_1) \\
        c &= \beta_2 c + (1 - \beta_2)\, mean_{column}(g^2 + \epsilon_1) \\
        u &= \frac{g}{\sqrt{r\, c / mean(r)}} \\
        u &= \frac{lr}{\max(1, RMS(u) / d)} u \\
        w &= w - (u + lr\, \lambda\, w)

    Parameters of one dimension have a second moment for each element. With ``relative_step`` lr is
    :math:`\min(0.01, 1 / \sqrt{t})`. With ``scale_parameter`` it is multiplied by :math:`\max(\epsilon_2, RMS(w))`.
    With a ``beta1`` above 0, the decaying mean of u takes the place of u. Gradients must be dense.

    Args:
        params: parameters or parameter groups; see ``Optimizer``.
        learning_rate: lr; see ``Optimizer``; None with ``relative_step``.
        eps: :math:`\epsilon_1` and :math:`\epsilon_2`, 0 or more.
        clip_threshold: d, the largest RMS of u that is not reduced.
        decay_rate: c, above 0 and below 1.
        beta1: how much of the mean of u a step keeps, 0 or more; with 0 or None there is no mean.
        weight_decay: :math:`\lambda`, 0 or more and below 1.
        scale_parameter: scale steps with the weights.
        relative_step: take lr from the number of the step.
        warmup_init: begin with smaller steps: lr is at most :math:`10^{-6} t`; needs ``relative_step``.
        compression: keep the second moments of parameters of one dimension in float16.
        loss_scale: ignored but for its checks, as in MindSpore: a step does not depend on the scale of gradients.

    Raises:
        TypeError, ValueError: an argument is invalid.

    Source: https://arxiv.org/abs/1804.04235; ``mindspore.nn.AdaFactor``.

    >>> from fusedstep.mindspore import Parameter, Tensor, float32, nn
    >>> var = Parameter(Tensor([[1.0, 1.0], [1.0, 1.0]], float32), name="var")
    >>> step = nn.AdaFactor([var], learning_rate=0.5, relative_step=False, scale_parameter=False, beta1=0.0)
    >>> step((Tensor([[0.1, 0.2], [0.2, 0.4]], float32),))
    (True,)
    >>> print(var.asnumpy().round(4))
    [[0.5 0.5]
     [0.5 0.5]]
    """

    _state_names = ("exp_avg", "exp_avg_sq_row", "exp_avg_sq_col", "exp_avg_sq")
    _settings: ClassVar[dict[str, str]] = {"beta1": "beta1", "clip_threshold": "clip_threshold"}
    _decay_scalar = "weight_decay"
    _rows = None

    def __init__(
        self,
        params: Any,
        learning_rate: Any = None,
        eps: tuple[float, float] = (1e-30, 1e-3),
        clip_threshold: float = 1.0,
        decay_rate: float = 0.8,
        beta1: float | None = 0.9,
        weight_decay: float = 0.0,
        scale_parameter: bool = True,
        relative_step: bool = True,
        warmup_init: bool = False,
        compression: bool = False,
        loss_scale: float = 1.0,
    ) -> None:
        name = type(self).__name__
        if (learning_rate is None) != bool(relative_step):
            raise ValueError(
                f"{name}: learning_rate is {learning_rate} with relative_step {relative_step}, expected either a "
                "learning_rate, or None with relative_step=True"
            )
        if warmup_init and not relative_step:
            raise ValueError(f"{name}: warmup_init is True without relative_step, expected relative_step=True")
        super().__init__(0.0 if learning_rate is None else learning_rate, params, weight_decay, loss_scale)
        if not isinstance(eps, list | tuple) or len(eps) != 2:
            raise (ValueError if isinstance(eps, list | tuple) else TypeError)(
                f"{name}: eps is {eps!r}, expected two floats: (epsilon1, epsilon2)"
            )
        beta1 = float(beta1) if type(beta1) is int else beta1 or 0.0
        check_non_negative_float(name, epsilon1=eps[0], epsilon2=eps[1], clip_threshold=clip_threshold, beta1=beta1)
        check_between_0_and_1(name, decay_rate=decay_rate)
        check_bool(name, scale_parameter=scale_parameter, relative_step=relative_step)
        check_bool(name, warmup_init=warmup_init, compression=compression)
        self.eps = [self._setting(value) for value in eps]
        self.clip_threshold = self._setting(clip_threshold)
        self.decay_rate = self._setting(-decay_rate)
        if isinstance(weight_decay, float | int) and not weight_decay < 1:
            raise ValueError(f"{name}: weight_decay is {weight_decay}, expected a number of 0 or more and below 1")
        self.beta1 = self._setting(beta1)
        self.scale_parameter = scale_parameter and not self.dynamic_lr
        self.relative_step, self.warmup_init = relative_step, warmup_init
        self.compression = compression
        self.use_first_moment = bool(beta1)
        if not self.is_group:
            self.decay_flags = (True,) * len(self.parameters)
        self._make_states()
        self.step = self._framework.parameter(self._framework.tensor(np.zeros(1, np.float32)), name="afactor_step")
        self._step_by(rules.adafactor, scale_parameter=self.scale_parameter, first_moment=self.use_first_moment)

    def _make_states(self) -> None:
        if self.use_first_moment:
            self.exp_avg = self.parameters.clone("exp_avg", init="zeros")
        else:
            self.exp_avg = [None] * len(self.parameters)
        self.exp_avg_sq_row = self._zeros("exp_avg_sq_row", lambda shape: shape[:-1] if len(shape) > 1 else (1,))
        self.exp_avg_sq_col = self._zeros(
            "exp_avg_sq_col", lambda shape: (*shape[:-2], shape[-1]) if len(shape) > 1 else (1,)
        )
        self.exp_avg_sq = self._zeros("exp_avg_sq", lambda shape: (1,) if len(shape) > 1 else shape)

    def _zeros(self, prefix: str, shape_of: Any) -> Any:
        """States of zeros, of other shapes than the parameters."""
        made = []
        for parameter in self.parameters:
            shape = tuple(parameter.shape)
            compressed = self.compression and prefix == "exp_avg_sq" and len(shape) < 2
            dtype = np.float16 if compressed else memory(parameter).dtype
            tensor = self._framework.tensor(np.zeros(shape_of(shape), dtype))
            made.append(self._framework.parameter(tensor, name=f"{prefix}_{parameter.name}"))
        return self._framework.parameter_tuple(made)

    def _switches(self, index: int) -> tuple[tuple[str, bool], ...]:
        return (("factored", len(self.parameters[index].shape) > 1),)

    def _scalars(self) -> dict[str, Any]:
        step = float(memory(self.step)[0]) + 1
        scalars = super()._scalars() | {
            "beta2": 1.0 - step ** number(self.decay_rate),
            "epsilon1": number(self.eps[0]),
            "epsilon2": number(self.eps[1]),
        }
        if self.relative_step:
            scalars["lr"] = min(1e-6 * step if self.warmup_init else 0.01, step**-0.5)
        return scalars

    def _advance(self, powers: Any) -> None:
        super()._advance(powers)
        memory(self.step)[...] += 1
