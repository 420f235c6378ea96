"""RuleOptimizer, for a rule of your own."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch

from ..codegen.rule.signature import follows_from_step, read_signature, training_switches
from .arguments import documented
from .optimizer import FusedOptimizer, Rule
from .param_groups import ParamGroup
from .settings import to_number
from .state_dtype import StateDtype


@documented
class RuleOptimizer(FusedOptimizer, torch.optim.Optimizer):
    """Run an update rule of your own on dense and sparse gradients.

    The rule's scalars are settings of the groups, so that schedulers find ``lr``. Unless it is given or has a default,
    a scalar ``step`` is the number of the step, counted from 1, and a scalar ``beta_power`` is ``beta`` to the power of
    that number.

    State keys: ``step``, and the names of the rule's states after the variable.

    Args:
        rule: the rule, a plain function, see ``fusedstep.rules``; pickling requires one defined in a module.
        initial: initial values of states that do not start at 0.
        **scalars: the rule's scalars and switches; a switch ``keep_weights`` is on by default.

    >>> import torch, fusedstep as fs
    >>> from fusedstep.words import sign
    >>> def sign_descent(var, mean, grad, *, lr, beta):
    ...     mean = beta * mean + (1 - beta) * grad
    ...     return var - lr * sign(mean), mean
    >>> weight = torch.nn.Parameter(torch.ones(2))
    >>> optimizer = fs.torch.RuleOptimizer([weight], sign_descent, lr=0.125, beta=0.9)
    >>> weight.grad = torch.tensor([0.5, 0.0])
    >>> _ = optimizer.step()
    >>> weight.tolist()
    [0.875, 1.0]
    """

    _limits: ClassVar[dict[str, str]] = {}

    def __init__(
        self,
        params: Any,
        rule: Rule,
        *,
        initial: Mapping[str, float] | None = None,
        maximize: bool = False,
        rows: str = "touched",
        state_dtype: StateDtype = None,
        defer: Sequence[Any] = (),
        **scalars: Any,
    ) -> None:
        signature = read_signature(rule)
        self._custom_rule, self._initial, self._state_keys = rule, dict(initial or {}), signature.states[1:]
        missing = [
            name
            for name in signature.scalars
            if name not in signature.defaults and name not in scalars and not follows_from_step(name, scalars)
        ]
        unknown = sorted(scalars.keys() - {*signature.scalars, *signature.switches})
        unknown += sorted(self._initial.keys() - set(self._state_keys))
        if missing or unknown:
            raise TypeError(
                f"{rule.__name__}: takes the scalars {', '.join(signature.scalars) or 'none'} and initial values of "
                f"{', '.join(self._state_keys) or 'no state'}"
                + (f"; missing: {', '.join(missing)}" if missing else "")
                + (f"; unknown: {', '.join(unknown)}" if unknown else "")
            )
        others = {"maximize": maximize, "rows": rows, "state_dtype": state_dtype, "defer": defer}
        super().__init__(params, scalars | others)

    def _rule(self, group: ParamGroup) -> tuple[Rule, dict[str, bool]]:
        return self._custom_rule, {
            name: group.get(name, value) for name, value in training_switches(self._custom_rule).items()
        }

    def _scalars(self, group: ParamGroup, progress: Any) -> dict[str, Any]:
        found, signature = {}, read_signature(self._custom_rule)
        for name in signature.scalars:
            if name in group:
                found[name] = group[name]
            # A scalar with a default, such as FTRL's lr_power, is not a power of the step's number.
            elif name not in signature.defaults and follows_from_step(name, group):
                found[name] = progress if name == "step" else to_number(group[name.removesuffix("_power")]) ** progress
        return found

    def _initial_value(self, group: ParamGroup, key: str) -> float:
        return self._initial.get(key, 0.0)

    def __getstate__(self) -> dict[str, Any]:
        own = {name: getattr(self, name) for name in ("_custom_rule", "_initial", "_state_keys")}
        return {**super().__getstate__(), **own}
