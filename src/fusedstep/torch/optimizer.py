"""What every optimizer has in common: states, and steps."""

from collections.abc import Callable, Hashable
from functools import lru_cache
from typing import Any, ClassVar

import torch
from torch import Tensor

from ..arrays.devices import capturing, on_device
from ..codegen.rule.program import ReductionScope
from ..interrupts import defer_sigint
from ..operators.labels import Labels
from ..operators.operator import Operator
from . import compiled, settings
from .by_parameter import ByParameter
from .checkpoints import Expected
from .deferring import Deferring
from .groups import Group
from .layouts import alike, changeable, contiguous_order, filled_like, in_order, rows_of
from .prepared import Prepared, prepare
from .settings import as_numbers, plain
from .spread import check_placements, here, is_spread, rows_filled, spread_as

Rule = Callable[..., Any]


class FusedOptimizer(Deferring):
    """An optimizer that runs a rule. A subclass says which, and what its states and scalars are called in torch.

    Attributes:
        keys: torch's names of the rule's states after the variable, in the rule's order.
        counts: the states that are one number, and where they start; ``step`` is the number of a parameter's steps.
        wide: whether states are float32 at least; else they are of the parameter's type, as torch's.
    """

    keys: tuple[str, ...] = ()
    counts: ClassVar[dict[str, int]] = {"step": 0}
    wide: ClassVar[bool] = False

    def made(self) -> None:
        super().made()
        self.ready: ByParameter[Prepared] = ByParameter()
        self.ahead = compiled.Ahead()
        if "number" not in self.__dict__:
            self.number = compiled.number_of(self)

    def current(self, group: Group) -> Group:
        """A group with its settings as they are now, tensors among them as numbers.

        Raises:
            TypeError, ValueError: one has become what it may not be.
        """
        return as_numbers(type(self).__name__, group, self.limits)

    def rule(self, group: Group) -> tuple[Rule, dict[str, bool]]:
        """The rule that a group's settings ask for, and its switches."""
        raise NotImplementedError

    def scalars(self, group: Group, progress: Any) -> dict[str, Any]:
        """The rule's scalars, from a group's settings and a parameter's progress."""
        raise NotImplementedError

    def progress(self, state: dict[str, Any]) -> Hashable:
        """What the scalars depend on beside the group: the number of the step that comes, counted from 1."""
        return plain(state["step"]) + 1 if "step" in state else 1.0

    def start(self, group: Group, key: str) -> float:
        """What a state starts at."""
        return 0.0

    def advance(self, group: Group, state: dict[str, Any]) -> None:
        """Notes that a step was taken."""
        if "step" in self.counts:
            state["step"] += 1

    def count(self, group: Group, param: Tensor, value: float) -> Any:
        """A state that is one number."""
        wide = torch.get_default_dtype() == torch.float64
        # A captured graph counts by itself; else the host does, and need not wait.
        device = param.device if group.get("capturable") else "cpu"
        return torch.tensor(value, dtype=torch.float64 if wide else torch.float32, device=device)

    def initialise(self, group: Group, param: Tensor, state: dict[str, Any]) -> None:
        """Creates the states that a parameter has not got yet."""
        spec = self.operator(group).spec
        check_placements(type(self).__name__, spec.reduction_scope, param)
        for key, first in self.counts.items():
            if state.get(key) is None:
                state[key] = self.count(group, param, first)
        for key, kind in zip(self.keys, spec.kinds[1:], strict=True):
            if kind and state.get(key) is None:
                value = self.start(group, key)
                dtype = torch.promote_types(param.dtype, torch.float32) if self.wide else param.dtype
                if kind == "row":
                    state[key] = rows_filled(param, value, dtype)
                else:
                    state[key] = filled_like(param, value, dtype)

    def used(self, operator: Operator) -> list[str]:
        """The states that an operator needs, by their keys."""
        return [key for key, kind in zip(self.keys, operator.spec.kinds[1:], strict=True) if kind]

    def lacks(self, operator: Operator, state: dict[str, Any]) -> bool:
        """Whether a parameter has not got all that an operator needs."""
        return any(state.get(key) is None for key in (*self.counts, *self.used(operator)))

    def expected(self, group: Group) -> Expected:
        rule, switches = self.rule(group)
        least = operator_for(type(self).__name__, rule, self.keys, tuple((name, False) for name in sorted(switches)))
        both = list(zip(self.operator(group).spec.kinds[1:], least.spec.kinds[1:], strict=True))
        kinds = dict.fromkeys(self.counts, "number")
        kinds |= {key: now or then for key, (now, then) in zip(self.keys, both, strict=True)}
        return Expected(kinds, {*self.counts, *(key for key, each in zip(self.keys, both, strict=True) if all(each))})

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:
            for param in group["params"]:
                its = self.state.get(param, {})
                for key in self.counts:
                    if isinstance(its.get(key), int | float):
                        its[key] = self.count(group, param, its[key])

    def align(self, operator: Operator, param: Tensor, state: dict[str, Any]) -> list[int] | None:
        """Gives states the parameter's strides; returns the order of dimensions in which a kernel can walk them."""
        order = contiguous_order(param)
        if order and operator.spec.reduction_scope != ReductionScope.ELEMENT and order[0] != 0:
            # Its rows lie scattered; the operator says so.
            return None
        for key in self.counts:
            if isinstance(state[key], Tensor):
                state[key] = changeable(state[key])
        for key in self.used(operator):
            state[key] = alike(param, spread_as(operator.name, f"the state {key}", state[key], param), order)
        return order

    def operator(self, group: Group) -> Operator:
        """The operator for a group's settings."""
        rule, switches = self.rule(group)
        chosen = tuple(sorted({**switches, "maximize": group["maximize"]}.items()))
        return operator_for(type(self).__name__, rule, self.keys, chosen)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Takes a step with every parameter that has a gradient.

        Args:
            closure: evaluates the model again and returns the loss.

        Returns:
            What the closure returned.

        Raises:
            TypeError, ValueError, IndexError: a gradient cannot be used; its parameter and states are unchanged.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        if torch.compiler.is_compiling() and compiled.traceable(self):
            compiled.trace(self)
        elif torch.is_inference_mode_enabled():
            # States that are made in it could not be changed outside. Leaving it turns gradients on.
            with torch.inference_mode(False), torch.no_grad():
                self.move()
        else:
            self.move()
        return loss

    @torch._disable_dynamo  # as torch's own use it: torch.compiler.disable would import the compiler at once
    @defer_sigint()  # parameters, states and their counts of steps go together
    def move(self) -> None:
        """Takes a step here and now."""
        self.ahead.forget(self.state)
        self.follow()
        moved: list[Tensor] = []
        groups = [self.current(group) for group in self.param_groups]
        try:
            for group in groups:
                operator = self.operator(group)
                known: dict[Hashable, list[float]] = {}
                for param in group["params"]:
                    grad = param.grad
                    if grad is None:
                        continue
                    state, ready = self.state.get(param, {}), self.ready.get(param)
                    fitting = ready.fits(operator, param, state, grad) if ready is not None else None
                    if (
                        ready is not None
                        and fitting is not None
                        and state.keys() >= self.counts.keys()
                        and ready.run(fitting, self.numbers(group, operator, state, known))
                    ):
                        moved += fitting.tensors
                        self.advance(group, state)
                    else:
                        self.update_kept(group, operator, param, grad, known)
        finally:
            if moved:
                torch.autograd.graph.increment_version(moved)

    def update_kept(
        self, group: Group, operator: Operator, param: Tensor, grad: Tensor, known: dict[Hashable, list[float]]
    ) -> None:
        """Takes a step with a parameter and the states that are kept for it; one without any has no entry."""
        state = self.state[param]
        try:
            self.update(group, operator, param, grad, state, known)
        finally:
            if not state:
                del self.state[param]

    def numbers(
        self, group: Group, operator: Operator, state: dict[str, Any], known: dict[Hashable, list[float]]
    ) -> list[float]:
        """The scalars of a parameter's next step; those of parameters that have come as far are known."""
        progress = self.progress(state)
        if progress not in known:
            known[progress] = operator.scalars(self.scalars(group, progress))
        return known[progress]

    def update(
        self,
        group: Group,
        operator: Operator,
        param: Tensor,
        grad: Tensor,
        state: dict[str, Any],
        known: dict[Hashable, list[float]],
    ) -> None:
        """Takes a step with one parameter.

        Args:
            group: the parameter's group.
            operator: the group's operator.
            param: the parameter.
            grad: its gradient.
            state: its states by name.
            known: the scalars of parameters that have come as far.
        """
        check_placements(operator.name, operator.spec.reduction_scope, param)
        values, rows = rows_of(operator.name, here(spread_as(operator.name, "a gradient", grad, param)))
        not_captured(operator.name, group, param)
        scalars = self.numbers(group, operator, state, known)
        stepped = self.as_stepped(param)
        if self.lacks(operator, state):
            self.initialise(group, stepped, state)
        order = self.align(operator, stepped, state)
        kinds = operator.spec.kinds[1:]
        states = [stepped, *(state[key] if kind else None for key, kind in zip(self.keys, kinds, strict=True))]
        views = [each if each is None else in_order(each, order) for each in states]
        table = self.tables.get(param)
        if table is not None:
            table.step(operator, views, in_order(values, order), rows, scalars)
        else:
            operator.step(views, in_order(values, order), rows, settings.rows(group), scalars)
        if is_spread(param) and not param.is_inference():
            # The part that was written to tells autograd by itself, but not the whole.
            torch.autograd.graph.increment_version(param)
        self.advance(group, state)
        if rows is None and param in self.state and table is None:
            prepared = prepare(operator, self.used(operator), states)
            if prepared:
                self.ready[param] = prepared

    def state_dict(self) -> dict[str, Any]:
        self.ahead.forget(self.state)
        return super().state_dict()

    def __getstate__(self) -> dict[str, Any]:
        self.ahead.forget(self.state)
        return super().__getstate__()

    def _init_group(self, group: Group, *lists: list[Any]) -> None:
        # The name by which torch's compiler calls it at once, in place of tracing it: states are not made in the graph.
        compiled.hand_over(self, group, *lists)


def not_captured(name: str, group: Group, param: Tensor) -> None:
    """Steps that are counted on the host would stand still in a graph.

    Raises:
        RuntimeError: a graph is being captured, and the group is not made for it.
    """
    if on_device(param) and not group.get("capturable", True) and capturing(param):
        raise RuntimeError(f"{name}: capturable is False, expected True while a graph is captured")


@lru_cache(maxsize=256)
def operator_for(name: str, rule: Rule, keys: tuple[str, ...], switches: tuple[tuple[str, bool], ...]) -> Operator:
    """A rule's operator that speaks of an optimizer, its parameters and its states."""
    chosen: dict[str, Any] = dict(switches)
    # The rows of a sparse gradient lie within it, and it has the parameter's shape.
    made = Operator(rule, check_indices=False, **chosen)
    labels, options = Labels(name, ("a parameter", *keys)), made.options._replace(flat_rows=True)
    return Operator.from_spec(rule, made.spec, labels, options)
