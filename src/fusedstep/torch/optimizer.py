"""FusedOptimizer: the step that every optimizer takes."""

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from types import NoneType
from typing import Any

import torch
from torch import Tensor

from ..arrays.devices import on_device
from ..interrupts import defer_sigint
from ..operators.labels import Labels
from ..operators.operator import Operator
from . import compiled, settings
from .dense_updates import EMPTY, DenseUpdates
from .kernel_bags import rows_of_bags
from .page_faults import PageFaults
from .param_groups import ParamGroup
from .parameter_steps import ParameterSteps, ScalarCache
from .settings import as_flag, as_numbers
from .states import Rule as Rule
from .table_updates import TableUpdate, is_of_table, run_updates, table_update


class FusedOptimizer(ParameterSteps):
    """A step by a rule. A subclass names the rule, and maps torch's states and settings to the rule's.

    Its last base is torch's class of its name, or ``torch.optim.Optimizer``, which gives it a type and nothing else.

    Public names are torch's. All others start with an underscore: users' subclasses may use any others.
    """

    def _reset_runtime(self) -> None:
        super()._reset_runtime()
        self._traced_states = compiled.TracedStates()
        self._page_faults = PageFaults()
        # Of groups on a device, by their places: the memory of the last step, and what the device knows of it.
        self._held: dict[int, Any] = {}
        self._placed: dict[int, Any] = {}
        self._table_words: dict[Any, Any] = {}
        if "_graph_number" not in self.__dict__:
            self._graph_number = compiled.register(self)
        # Text is a constant of a graph. A number becomes a variable when a second one comes, before PyTorch 2.11.
        self._graph_name = str(self._graph_number)

    def _current(self, group: ParamGroup) -> ParamGroup:
        """A group with the current values of its settings; tensors on the CPU become numbers.

        Raises:
            TypeError, ValueError: a setting has become invalid.
        """
        return as_numbers(type(self).__name__, group, self._limits, self._number_of_betas)

    def _operator(self, group: ParamGroup) -> Operator:
        rule, switches = self._rule(group)
        flags = {**switches, "maximize": group["maximize"]}
        chosen = tuple(sorted((name, as_flag(value)) for name, value in flags.items()))
        return operator_for(type(self).__name__, rule, self._state_keys, chosen)

    def _operator_without_switches(self, group: ParamGroup) -> Operator:
        rule, switches = self._rule(group)
        return operator_for(
            type(self).__name__, rule, self._state_keys, tuple((name, False) for name in sorted(switches))
        )

    def _asks_each(self) -> bool:
        """Whether each parameter must be asked for its progress: the class knows more of it than a count of steps."""
        kind = type(self)
        known = FusedOptimizer._progress, FusedOptimizer._advance
        return (kind._progress, kind._advance) != known or self._counters.keys() > {"step"}

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Step every parameter that has a gradient.

        Args:
            closure: evaluates the model again and returns the loss.

        Returns:
            The closure's result.

        Raises:
            TypeError, ValueError, IndexError: a gradient is invalid; its parameter and states are unchanged.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        if torch.compiler.is_compiling() and compiled.traceable(self):
            compiled.trace(self)
        elif torch.is_inference_mode_enabled():
            # States that are created in it could not be changed outside. Leaving it turns gradients on.
            with torch.inference_mode(False), torch.no_grad():
                self._step_groups()
        else:
            self._step_groups()
        return loss

    @torch._disable_dynamo  # as torch's own use it: torch.compiler.disable would import the compiler at once
    @defer_sigint()  # parameters, states and step counts change together
    def _step_groups(self) -> None:
        """Step all groups, outside of a graph."""
        self._page_faults.count(type(self).__name__)
        self._traced_states.discard_from(self.state)
        self._track_weights()
        tables: list[TableUpdate] = []
        waiting: list[tuple[Tensor, dict[str, Any]]] = []
        groups = [self._current(group) for group in self.param_groups]
        try:
            for group in groups:
                operator = self._operator(group)
                cache: ScalarCache = {}
                recorded, rows = bool(group.get("differentiable")), settings.own_setting(group, "rows")
                for param, grad in self._step_together(group, operator, cache):
                    if recorded or not is_of_table(grad):
                        self._update_stored(group, operator, param, grad, cache)
                    else:
                        # States are in the order of the parameters, as torch's.
                        waiting.append((param, self.state[param]))
                        parts = self._update_in_parts(group, operator, param, grad, cache)
                        every_row = param not in self._tables and rows_of_bags(grad, rows) == "every"
                        tables.append(table_update(parts, self._memory_of(param), grad, every_row))
            if tables:
                run_updates(tables)
        finally:
            for param, state in waiting:
                if not state:
                    self.state.pop(param, None)

    def _step_together(
        self, group: ParamGroup, operator: Operator, cache: ScalarCache
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Step what a kernel steps together; yield in order the other parameters and their gradients."""
        params, grads = group["params"], [param.grad for param in group["params"]]
        if NoneType in set(map(type, grads)):
            pairs = [(param, grad) for param, grad in zip(params, grads, strict=True) if grad is not None]
            params, grads = [param for param, _ in pairs], [grad for _, grad in pairs]
        if params:
            its = self.state
            # A lookup by parameter takes as long as the step of a small one.
            needed = self._counters or self._used_keys(operator) or self._asks_each()
            states = [its.get(param, EMPTY) for param in params] if needed else [EMPTY] * len(params)
            for place in self._dense_updates(group, operator, params, grads, states, cache).run():
                yield params[place], grads[place]

    def _dense_updates(
        self, group: ParamGroup, operator: Operator, params: Sequence[Tensor], *others: Any
    ) -> DenseUpdates:
        """The dense steps of some parameters of a group, for their device."""
        # A group lies on one kind of device, mostly: the first parameter tells.
        if on_device(params[0]):
            from .device_dense_updates import DeviceDenseUpdates

            return DeviceDenseUpdates(self, group, operator, params, *others)
        return DenseUpdates(self, group, operator, params, *others)

    def state_dict(self) -> dict[str, Any]:
        self._traced_states.discard_from(self.state)
        return super().state_dict()

    def __getstate__(self) -> dict[str, Any]:
        self._traced_states.discard_from(self.state)
        return super().__getstate__()

    def _init_group(self, group: ParamGroup, *lists: list[Any]) -> None:
        # torch's compiler calls a method of this name directly instead of tracing it: states are created outside.
        compiled.collect_group(self, group, *lists)


@lru_cache(maxsize=256)
def operator_for(name: str, rule: Rule, keys: tuple[str, ...], switches: tuple[tuple[str, bool], ...]) -> Operator:
    """A rule's operator that speaks of an optimizer, its parameters and its states."""
    chosen: dict[str, Any] = dict(switches)
    # The rows of a sparse gradient lie within it, and it has the parameter's shape.
    made = Operator(rule, check_indices=False, **chosen)
    labels, options = Labels(name, ("a parameter", *keys)), made.options._replace(flat_rows=True)
    return Operator.from_spec(rule, made.spec, labels, options)
