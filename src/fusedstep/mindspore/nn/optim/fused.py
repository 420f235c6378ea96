"""``FusedOptimizer``: what every optimizer here adds to ``nn.Optimizer``, ours or MindSpore's own."""

from collections.abc import Callable
from operator import is_not
from typing import Any, ClassVar, cast

import numpy as np

from ....interrupts import defer_sigint
from ....operators.operator import Operator
from ....runtime.call import Launch
from ..checks import check_of_step, check_target
from .framework import OURS, Framework, check_framework, empty, framework_of, with_base, with_lists
from .gradient_methods import CENTRALIZATION, DECAY, SCALE, apply_overridden
from .gradient_terms import operator_of, with_gradient_terms
from .gradients import Gradient, centralized, check_gradients, decayed
from .memory import TensorMemory
from .step_scalars import StepScalars


class FusedOptimizer(StepScalars):
    """Steps parameters with fusedstep's kernels: those of ``fusedstep.mindspore``, or MindSpore's own.

    A subclass names its rule and its states. Constructing it makes an object of a class that derives from the subclass
    first and last from ``nn.Optimizer``: from MindSpore's if the parameters are MindSpore's own, else from ours.
    """

    # The attributes that hold the rule's states after the variable, in the rule's order.
    _state_names: tuple[str, ...] = ()
    # The rule's scalar that takes the weight decay; else it is added to the gradient.
    _decay_scalar: ClassVar[str | None] = None
    # Which rows step with a sparse gradient; None if it must be dense.
    _rows: str | None = "touched"
    _framework: ClassVar[Framework]

    # Of nn.Optimizer.
    parameters: Any
    is_group: bool
    grad_centralization_flags: tuple[bool, ...]

    def __new__(cls, *arguments: Any, **keywords: Any) -> Any:
        if hasattr(cls, "_framework"):
            return super().__new__(cls)
        # An iterator yields its parameters once, and they are needed here already.
        lists = {id(value): with_lists(value) for value in (*arguments, *keywords.values())}
        made: Any = with_base(cast(Any, cls), framework_of(lists.values()))
        instance = made.__new__(made)
        instance.__dict__["_lists"] = lists
        return instance

    def __init__(self, learning_rate: Any, params: Any, weight_decay: Any = 0.0, loss_scale: Any = 1.0) -> None:
        lists = self.__dict__.pop("_lists", {})
        params = lists.get(id(params), with_lists(params))
        rate = lists.get(id(learning_rate), learning_rate)
        check_framework(type(self).__name__, self._framework, params, (rate, weight_decay))
        super().__init__(rate, params, weight_decay, loss_scale)  # type: ignore[call-arg]
        self.init_params = {"params": params}

    def __reduce_ex__(self, protocol: Any) -> Any:
        own = {name: value for name, value in vars(self).items() if name not in ("_memories", "_places")}
        return empty, (type(self).__mro__[1], self._framework != OURS), own

    def _step_by(self, rule: Callable[..., Any], use_locking: bool = False, **switches: bool) -> None:
        """Step by a rule, after weight decay and the scale of the loss."""
        name = type(self).__name__
        self._operator: Operator = operator_of(name, with_gradient_terms(rule), use_locking, switches)

    def _switches(self, index: int) -> tuple[tuple[str, bool], ...]:
        """The rule's switches that depend on the parameter."""
        return ()

    @property
    def target(self) -> str:
        """The device of the steps, "CPU"."""
        return "CPU"

    @target.setter
    def target(self, value: str) -> None:
        check_target(type(self).__name__, value)

    def construct(self, gradients: Any) -> tuple[bool, ...]:
        """Take one step. All is checked before the first write.

        Args:
            gradients: a tensor or a ``RowTensor`` for each parameter, in the order of ``parameters``.

        Raises:
            TypeError, ValueError, IndexError: a gradient is invalid; nothing is changed.
        """
        gradients, done = apply_overridden(self, self._framework.optimizer, gradients)
        states = [[each.array() for each in memories] for memories in self._tensor_memories()]
        variables = [each[0] for each in states]
        found = check_gradients(type(self).__name__, self.parameters, variables, gradients, self._rows is not None)
        powers = self._next_powers()
        launches = self._prepare(found, states, powers, done)
        # An interrupt must not come between the steps of two parameters.
        with defer_sigint():
            for launch in launches:
                launch()
            self._advance(powers)
        return (True,) * len(found)

    def _tensor_memories(self) -> list[list[TensorMemory]]:
        """The memory of each parameter and of its states."""
        sources = [self.parameters, *(getattr(self, name) for name in self._state_names)]
        known, found = vars(self).get("_memories", ((), []))
        # Others may have been assigned since the last step.
        if len(known) != len(sources) or any(map(is_not, known, sources)):
            found = [list(map(TensorMemory, tensors)) for tensors in zip(*sources, strict=True)]
            vars(self)["_memories"] = sources, found
        return cast(list[list[TensorMemory]], found)

    def _prepare(
        self, gradients: list[Gradient], arrays: list[list[Any]], powers: dict[str, np.ndarray], done: tuple[str, ...]
    ) -> list[Launch]:
        """Check the steps of all parameters, and return what runs them."""
        count = len(gradients)
        rates = self._rates(count)
        decays = [0.0] * count if DECAY in done and not self._decay_scalar else self._decays(count)
        name, scale = type(self).__name__, self.loss_scale
        check_of_step(name, "learning_rate", set(rates))
        check_of_step(name, "weight_decay", {decay / scale for decay in set(decays)})
        scalars = {name: float(value.item()) for name, value in powers.items()} | self._scalars()
        scalars["loss_scale_inverse"] = 1.0 if SCALE in done else self._number("reciprocal_scale")
        # Parameters with the same settings share what they make of them.
        calls: dict[Any, tuple[Operator, list[float]]] = {}
        launches = []
        for index, states in enumerate(arrays):
            centralizes = self.is_group and self.grad_centralization_flags[index] and CENTRALIZATION not in done
            gradient, term = self._with_terms(gradients[index], states[0], decays[index], centralizes)
            key = (rates[index], decays[index], term, self._switches(index))
            if key not in calls:
                calls[key] = self._call({"lr": rates[index], **scalars}, *key[1:])
            operator, values = calls[key]
            used = operator.spec.used
            if len(used) < len(states):
                states = [state if k in used else None for k, state in enumerate(states)]
            try:
                launches.append(operator.prepare(states, gradient.values, gradient.indices, self._rows, values))
            except (TypeError, ValueError, IndexError) as error:
                # The operator knows no parameter's name.
                named = self.parameters[index].name
                raise type(error)(f"{error}; in the step of {named}, whose gradient is grads[{index}]") from None
        return launches

    def _with_terms(
        self, gradient: Gradient, variable: np.ndarray, decay: float, centralizes: bool
    ) -> tuple[Gradient, float]:
        """A gradient, and the weight decay that the kernel adds to it: what the kernel cannot do is done here."""
        if self._decay_scalar:
            decay = 0.0
        elif decay and (gradient.indices is not None or centralizes):
            gradient, decay = decayed(variable, decay, gradient), 0.0
        return centralized(gradient) if centralizes else gradient, decay

    def _call(
        self, scalars: dict[str, Any], decay: float, term: float, switches: tuple[tuple[str, bool], ...]
    ) -> tuple[Operator, list[float]]:
        """The operator for some settings, and its scalars."""
        scales = scalars["loss_scale_inverse"] != 1
        operator = self._operator.switched(decays=bool(term), scales=scales, **dict(switches))
        if self._decay_scalar:
            scalars[self._decay_scalar] = decay
        return operator, operator.scalars({**scalars, "l2_decay": term})
