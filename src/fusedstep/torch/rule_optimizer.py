"""RuleOptimizer, for a rule of your own."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch

from ..codegen.rule.signature import follows_from_step, read_signature, training_switches
from ..codegen.rule.text import portable, rule_of
from .arguments import documented
from .optimizer import FusedOptimizer, Rule, operator_for
from .param_groups import ParamGroup
from .settings import as_flag, to_number
from .state_dtype import StateDtype


@documented
class RuleOptimizer(FusedOptimizer, torch.optim.Optimizer):
    """Run an update rule of your own on dense and sparse gradients.

    The rule's scalars are settings of the groups, so that schedulers find ``lr``. Unless it is given or has a default,
    a scalar ``step`` is the number of the step, counted from 1, and a scalar ``beta_power`` is ``beta`` to the power of
    that number.

    State keys: ``step``, and the names of the rule's states after the variable.

    Args:
        rule: the rule, a plain function or its text, see ``fusedstep.Operator``; pickling requires a text, or a
            function defined in a module.
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
        /,
        params: Any,
        rule: Rule | str,
        *,
        initial: Mapping[str, float] | None = None,
        maximize: bool = False,
        rows: str = "touched",
        state_dtype: StateDtype = None,
        defer: Sequence[Any] = (),
        **scalars: Any,
    ) -> None:
        function: Rule = rule_of(rule)
        signature = read_signature(function)
        self._custom_rule, self._initial, self._state_keys = function, dict(initial or {}), signature.states[1:]
        missing = [
            name
            for name in signature.scalars
            if name not in signature.defaults and name not in scalars and not follows_from_step(name, scalars)
        ]
        unknown = sorted(scalars.keys() - {*signature.scalars, *signature.switches})
        unknown += sorted(self._initial.keys() - set(self._state_keys))
        if missing or unknown:
            raise TypeError(
                f"{signature.name}: takes the scalars {', '.join(signature.scalars) or 'none'}"
                + (f" and initial values of {', '.join(self._state_keys)}" if self._state_keys else "")
                + (f"; missing: {', '.join(missing)}" if missing else "")
                + (f"; unknown: {', '.join(unknown)}" if unknown else "")
            )
        # What the rule says is checked before anything is changed.
        chosen = {name: as_flag(scalars.get(name, value)) for name, value in training_switches(function).items()}
        operator_for(
            type(self).__name__,
            function,
            self._state_keys,
            tuple(sorted({**chosen, "maximize": maximize is True}.items())),
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
        own = {name: getattr(self, name) for name in ("_initial", "_state_keys")}
        return {**super().__getstate__(), **own, "_custom_rule": portable(self._custom_rule)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        if "_custom_rule" in state:
            state = {**state, "_custom_rule": rule_of(state["_custom_rule"])}
        super().__setstate__(state)
