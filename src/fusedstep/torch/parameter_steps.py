"""The step of one parameter."""

from collections.abc import Generator, Hashable
from contextlib import closing, nullcontext
from functools import partial
from typing import Any

import torch
from torch import Tensor

from ..codegen.rule.program import ReductionScope
from ..operators.operator import Operator
from ..runtime.call import Launch
from . import settings
from .distributed import check_placements, is_distributed, redistribute_as, to_local
from .gradients import Gradient, read_gradient
from .kernel_bags import bags_of, has_bags, plain_gradient, rows_of_bags
from .kernel_views import kernel_views
from .layouts import has_numbers, is_intercepted
from .param_groups import ParamGroup
from .plain_tables import plain_launch
from .settings import has_history, to_number
from .states import OptimizerStates
from .tensor_step import check_numbers, check_recordable, check_shape, take_step

# The values of a rule's scalars by a parameter's progress, which many parameters of a group share.
ScalarCache = dict[Hashable, list[Any]]


class ParameterSteps(OptimizerStates):
    """An optimizer that steps one parameter at a time."""

    def _scalars(self, group: ParamGroup, progress: Any) -> dict[str, Any]:
        """The rule's scalars, from a group's settings and a parameter's progress."""
        raise NotImplementedError

    def _progress(self, state: dict[str, Any]) -> Hashable:
        """What the scalars depend on besides the group: the number of the next step, counted from 1.

        Of a class that counts no steps, whether gradients came before, which its states show.
        """
        if self._counters:
            return to_number(state["step"]) + 1 if "step" in state else 1.0
        return all(state.get(key) is not None for key in self._state_keys)

    def _advance(self, group: ParamGroup, state: dict[str, Any]) -> None:
        """Count a step."""
        if "step" in self._counters:
            state["step"] += 1

    def _settings_for(self, group: ParamGroup, param: Tensor, grad: Tensor) -> ParamGroup:
        """The settings of a parameter's step: the group, or a copy that selects another rule.

        For dense gradients, they depend on dtypes alone.
        """
        return group

    def _update_stored(
        self, group: ParamGroup, operator: Operator, param: Tensor, grad: Tensor, cache: ScalarCache
    ) -> None:
        """Step a parameter with its states in ``self.state``."""
        with closing(self._update_in_parts(group, operator, param, grad, cache)) as parts:
            for launch in parts:
                launch()

    def _update_in_parts(
        self, group: ParamGroup, operator: Operator, param: Tensor, grad: Tensor, cache: ScalarCache
    ) -> Generator[Launch, None, None]:
        """The same, in parts: what is yielded, if anything, must be called between them. No empty entries stay."""
        state = self.state[param]
        before = {**state}
        try:
            known = group, operator, param, grad, state, cache
            launch = plain_launch(self, *known) or self._update(*known)
            if launch is not None:
                yield launch
                self._advance(group, state)
        except BaseException:
            # States that were created for the step would count as used: SGD does not dampen a first gradient.
            for key in state.keys() - before.keys():
                del state[key]
            raise
        finally:
            if not state:
                # Several threads may step one optimizer.
                self.state.pop(param, None)

    def _numbers(self, group: ParamGroup, operator: Operator, progress: Hashable, cache: ScalarCache) -> list[Any]:
        """The scalars of a parameter's next step, shared with parameters of the same progress."""
        if progress not in cache:
            named = self._scalars(group, progress)
            cache[progress] = operator.scalars(named)
            if group.get("differentiable"):
                numbers = zip(operator.signature.scalars, cache[progress], strict=True)
                cache[progress] = [found if has_history(found := named.get(name)) else each for name, each in numbers]
        return cache[progress]

    def _update(
        self,
        group: ParamGroup,
        operator: Operator,
        param: Tensor,
        grad: Tensor,
        state: dict[str, Any],
        cache: ScalarCache,
    ) -> Launch | None:
        """Step one parameter.

        Args:
            group: the parameter's group.
            operator: the group's operator.
            param: the parameter.
            grad: its gradient.
            state: its states by name.
            cache: the scalars of parameters by their progress.

        Returns:
            What is left to do before the step is counted; None if it is counted.
        """
        own_group = self._settings_for(group, param, grad)
        if own_group is not group:
            # The cache is for the rule of the group.
            group, operator, cache = own_group, self._operator(own_group), {}
        check_placements(operator.name, operator.spec.reduction_scope, param)
        recorded = bool(group.get("differentiable"))
        if not recorded and has_bags(grad, self._memory_of(param), operator.spec.reduction_scope):
            return self._step_by_bags(group, operator, param, grad, state, cache)
        grad = plain_gradient(grad)
        if recorded:
            check_recordable(operator.name, param, param in self._tables)
        # Autograd records the steps of a differentiable group, whatever mode the caller is in.
        with torch.enable_grad() if recorded else nullcontext():
            given = redistribute_as(operator.name, "a gradient", grad, param)
            local, own = (given, param) if recorded else (to_local(given), to_local(param))
            gradient = self._gradient(operator, param, local)
            check_shape(operator.name, own, gradient)
            check_numbers(operator.name, own, local)
            if has_numbers(local):
                scalars, states = self._scalars_and_states(group, operator, param, state, cache)
                self._take_step(group, operator, param, states, gradient, scalars)
            else:
                self._states(group, operator, param, state)
            self._advance(group, state)
        return None

    def _step_by_bags(
        self,
        group: ParamGroup,
        operator: Operator,
        param: Tensor,
        grad: Any,
        state: dict[str, Any],
        cache: ScalarCache,
    ) -> Launch:
        """The checked step of an embedding's weight by the gradients of its lookups; see ``_update``."""
        scalars, states = self._scalars_and_states(group, operator, param, state, cache)
        bags, table = bags_of(operator.name, grad, self._memory_of(param)), self._tables.get(param)
        rows = rows_of_bags(grad, settings.own_setting(group, "rows"))
        if table is not None:
            joint = table.table_launch(operator, states, bags, scalars)
            return joint or partial(table.step, operator, states, bags, None, scalars)
        return operator.prepare(states, bags, None, rows, scalars)

    def _scalars_and_states(
        self, group: ParamGroup, operator: Operator, param: Tensor, state: dict[str, Any], cache: ScalarCache
    ) -> tuple[list[Any], list[Tensor | None]]:
        """The scalars of a parameter's next step, and its memory and states.

        Raises:
            RuntimeError: a graph is being captured, and would repeat one count, or make the states anew.
        """
        settings.refuse_capture(operator.name, group, param, bool(self._counters))
        if self._lacks_states(operator, state):
            settings.refuse_first_capture(operator.name, param)
            if group.get("capturable"):
                # The first step, too, is counted on the device: what a graph then repeats is the same.
                self._states(group, operator, param, state)
        if group.get("capturable"):
            settings.refuse_count_elsewhere(operator.name, param, state)
        scalars = self._numbers(group, operator, self._progress(state), cache)
        return scalars, self._states(group, operator, param, state)

    def _gradient(self, operator: Operator, param: Tensor, local: Tensor) -> Gradient:
        """A parameter's gradient as its step takes it."""
        memory = self._memory_of(param)
        gradient = read_gradient(operator.name, local, memory)
        by_row = param in self._tables or operator.spec.reduction_scope != ReductionScope.ELEMENT
        return gradient.by_row(memory) if by_row and has_numbers(local) else gradient

    def _states(
        self, group: ParamGroup, operator: Operator, param: Tensor, state: dict[str, Any]
    ) -> list[Tensor | None]:
        """A parameter's memory and its states, in the order of the rule; missing ones are created."""
        memory = self._memory_of(param)
        if self._lacks_states(operator, state):
            self._initialise(group, memory, state)
        self._align(operator, memory, state)
        kinds = operator.spec.kinds[1:]
        return [memory, *(state[key] if kind else None for key, kind in zip(self._state_keys, kinds, strict=True))]

    def _take_step(
        self,
        group: ParamGroup,
        operator: Operator,
        param: Tensor,
        states: list[Tensor | None],
        gradient: Gradient,
        scalars: list[Any],
    ) -> None:
        """Step a parameter and its states, by a kernel where there is one for such tensors."""
        rows, table = settings.own_setting(group, "rows"), self._tables.get(param)
        # Autograd records what happens to a DTensor, not to its part.
        recorded = bool(group.get("differentiable"))
        local = [each if each is None or recorded else to_local(each) for each in states]
        if recorded or any(each is not None and is_intercepted(each) for each in (gradient.values, *local)):
            take_step(operator, local, gradient, rows, scalars)
            return
        kinds = ("element", *operator.spec.kinds[1:])
        views = kernel_views(local, kinds, gradient, operator.spec.reduction_scope)
        if table is not None:
            table.step(operator, views.states, views.values, views.rows, scalars)
        else:
            operator.step(views.states, views.values, views.rows, rows, scalars)
        views.write_back()
        if is_distributed(param) and not param.is_inference():
            # The operator bumps the version of the local shard only.
            torch.autograd.graph.increment_version(param)
