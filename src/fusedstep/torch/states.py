"""The states that an optimizer keeps for each parameter."""

from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor

from ..operators.operator import Operator
from .checkpoints import ExpectedStates
from .deferred_optimizer import DeferredOptimizer
from .distributed import check_placements, redistribute_as
from .layouts import compute_dtype, contiguous_order, full_like, full_reduced, like_param, like_rows, without_inference
from .param_groups import ParamGroup
from .state_dtype import check_state_dtype

Rule = Callable[..., Any]


class OptimizerStates(DeferredOptimizer):
    """An optimizer that creates, checks and aligns the states of its rule.

    Attributes:
        _counters: the states that are one number, and their initial values; ``step`` counts a parameter's steps.
    """

    _counters: ClassVar[dict[str, int]] = {"step": 0}

    def _rule(self, group: ParamGroup) -> tuple[Rule, dict[str, bool]]:
        """The rule that a group's settings select, and its switches."""
        raise NotImplementedError

    def _operator(self, group: ParamGroup) -> Operator:
        """The operator for a group's settings."""
        raise NotImplementedError

    def _operator_without_switches(self, group: ParamGroup) -> Operator:
        """The operator for a group with all of the rule's switches off, which has the fewest states."""
        raise NotImplementedError

    def _check_parameter(self, group: ParamGroup, param: Tensor) -> None:
        super()._check_parameter(group, param)
        if param.is_complex() and self._operator(group).spec.matrices:
            raise TypeError(
                f"{type(self).__name__}: a parameter holds {param.dtype}, expected real numbers: the rule reduces over "
                "columns, and the parts of complex numbers would be columns"
            )

    def _initial_value(self, group: ParamGroup, key: str) -> float:
        """The initial value of a state."""
        return 0.0

    def _new_counter(self, group: ParamGroup, param: Tensor, value: float) -> Any:
        """Create a state that is one number."""
        double = torch.get_default_dtype() == torch.float64
        # A captured graph counts on the device. Else the host counts, without waiting for the device.
        device = param.device if group.get("capturable") else "cpu"
        return torch.tensor(value, dtype=torch.float64 if double else torch.float32, device=device)

    def _initialise(self, group: ParamGroup, param: Tensor, state: dict[str, Any]) -> None:
        """Create the states that a parameter lacks."""
        spec = self._operator(group).spec
        check_placements(type(self).__name__, spec.reduction_scope, param)
        check_state_dtype(type(self).__name__, group, param, self._state_keys)
        for key, initial in self._counters.items():
            if state.get(key) is None:
                state[key] = self._new_counter(group, param, initial)
        for key, kind in zip(self._state_keys, spec.kinds[1:], strict=True):
            if kind and state.get(key) is None:
                value = self._initial_value(group, key)
                dtype = self._chosen_dtype(group, key) or compute_dtype(param).to_real()
                if kind != "element":
                    # What a row or column has in common is real.
                    state[key] = full_reduced(param, value, dtype, kind, spec.matrices)
                else:
                    state[key] = full_like(param, value, dtype.to_complex() if param.is_complex() else dtype)

    def _used_keys(self, operator: Operator) -> list[str]:
        """The keys of the states that an operator uses."""
        return [key for key, kind in zip(self._state_keys, operator.spec.kinds[1:], strict=True) if kind]

    def _lacks_states(self, operator: Operator, state: dict[str, Any]) -> bool:
        """Return whether a parameter lacks a state that an operator uses."""
        return any(state.get(key) is None for key in (*self._counters, *self._used_keys(operator)))

    def _expected_states(self, group: ParamGroup) -> ExpectedStates:
        every, fewest = self._operator(group), self._operator_without_switches(group)
        kinds = list(zip(every.spec.kinds[1:], fewest.spec.kinds[1:], strict=True))
        known = dict.fromkeys(self._counters, "number")
        known |= {key: now or without for key, (now, without) in zip(self._state_keys, kinds, strict=True)}
        needed = {key for key, each in zip(self._state_keys, kinds, strict=True) if all(each)}
        return ExpectedStates(known, {*self._counters, *needed})

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:
            for param in group["params"]:
                its = self.state.get(param, {})
                for key in self._counters:
                    if isinstance(its.get(key), int | float):
                        its[key] = self._new_counter(group, param, its[key])

    def _align(self, operator: Operator, param: Tensor, state: dict[str, Any]) -> None:
        """Give states their parameter's strides."""
        order = contiguous_order(param)
        for key in self._counters:
            if isinstance(state[key], Tensor):
                state[key] = without_inference(state[key])
        for key, kind in zip(self._state_keys, operator.spec.kinds[1:], strict=True):
            if kind:
                value = redistribute_as(operator.name, f"the state {key}", state[key], param)
                state[key] = like_param(param, value, order) if kind == "element" else like_rows(param, value)
