"""NAdam."""

from collections.abc import Hashable
from typing import Any, ClassVar

import torch
from torch import Tensor

from .. import rules
from .arguments import documented
from .betas import Betas, mean_scalars
from .optimizer import FusedOptimizer, Rule
from .param_groups import ParamGroup
from .settings import from_locals, to_number
from .state_dtype import StateDtype


@documented
class NAdam(FusedOptimizer, torch.optim.NAdam):
    """NAdam: ``torch.optim.NAdam`` on dense and sparse gradients. Runs the rule ``nadam``.

    State keys: ``step``, ``mu_product``, ``exp_avg``, ``exp_avg_sq``.

    Args:
        eps: added to the square root after its bias correction.
        momentum_decay: how fast the momentum grows towards ``betas[0]``.

    >>> import torch, fusedstep as fs
    >>> weight = torch.nn.Parameter(torch.ones(2))
    >>> weight.grad = torch.tensor([0.5, 0.0])
    >>> optimizer = fs.torch.NAdam([weight], lr=0.125)
    >>> _ = optimizer.step()
    >>> print(weight.detach(), optimizer.state[weight]["mu_product"])
    tensor([0.8679, 1.0000]) tensor(0.4501)
    """

    _state_keys = ("exp_avg", "exp_avg_sq")
    _counters: ClassVar[dict[str, int]] = {"step": 0, "mu_product": 1}

    def __init__(
        self,
        params: Any,
        lr: Any = 2e-3,
        betas: Betas = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        rows: str = "touched",
        state_dtype: StateDtype = None,
    ) -> None:
        super().__init__(params, from_locals(locals()))

    def _rule(self, group: ParamGroup) -> tuple[Rule, dict[str, bool]]:
        return rules.nadam, {"decoupled": group["decoupled_weight_decay"]}

    def _progress(self, state: dict[str, Any]) -> Hashable:
        return super()._progress(state), to_number(state.get("mu_product", 1.0))

    def _momentum(self, group: ParamGroup, step: float) -> float:
        """The momentum of a step."""
        momentum: float = group["betas"][0] * (1.0 - 0.5 * 0.96 ** (step * group["momentum_decay"]))
        return momentum

    def _scalars(self, group: ParamGroup, progress: Any) -> dict[str, Any]:
        step, product = progress
        mu = self._momentum(group, step)
        return mean_scalars(group) | {
            "weight_decay": group["weight_decay"],
            "mu": mu,
            "mu_next": self._momentum(group, step + 1),
            "mu_product": next_product(product, mu),
            "beta2_power": group["betas"][1] ** step,
        }

    def _advance(self, group: ParamGroup, state: dict[str, Any]) -> None:
        super()._advance(group, state)
        state["mu_product"] *= self._momentum(group, to_number(state["step"]))


def next_product(product: Any, mu: Any) -> Any:
    """The next product of momenta; as a number it is rounded to float32, as its state is."""
    if isinstance(product, Tensor) or isinstance(mu, Tensor):
        return product * mu
    return torch.tensor(product, device="cpu").mul_(mu).item()
