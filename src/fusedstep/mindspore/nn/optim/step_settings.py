"""``StepSettings``: the learning rate and the weight decay of an optimizer, for each step and each parameter."""

from typing import Any

from ...common.dtype import float32
from ...common.parameter import Parameter, ParameterTuple
from ...common.tensor import Tensor
from ..cell import Cell
from ..containers import CellList
from .learning_rate import (
    FixedLearningRate,
    IteratorLearningRate,
    is_dynamic,
    parameter_or_schedule,
    read_learning_rate,
    read_weight_decay,
)
from .parameter_groups import Setting


class StepSettings(Cell):
    """The learning rate and the weight decay of an optimizer, for each step and each parameter."""

    global_step: Parameter
    parameters: ParameterTuple
    is_group: bool
    is_group_lr: bool
    loss_scale: float

    def _set_learning_rates(self, name: str, learning_rate: Any, settings: list[Setting]) -> None:
        default = read_learning_rate(name, learning_rate)
        given = {setting.group: setting.lr for setting in settings if setting.lr is not None}
        groups = {group: read_learning_rate(name, lr) for group, lr in given.items()}
        rates = [default, *groups.values()]
        lengths = {rate.size for rate in rates if isinstance(rate, Tensor) and rate.ndim == 1}
        if len(lengths) > 1:
            raise ValueError(f"{name}: learning rates are for {sorted(lengths)} steps, expected one number of steps")
        self.dynamic_lr = any(map(is_dynamic, rates))
        beside_schedules = self.is_group_lr and self.dynamic_lr
        own = parameter_or_schedule(default, "learning_rate", beside_schedules)
        of_groups = {
            group: parameter_or_schedule(rate, f"learning_rate_group_{group}", beside_schedules)
            for group, rate in groups.items()
        }
        if not self.is_group_lr:
            self.learning_rate: Any = own
            return
        each = [of_groups.get(setting.group, own) for setting in settings]
        self.learning_rate = CellList(each, auto_prefix=False) if self.dynamic_lr else ParameterTuple(each)

    def _set_weight_decays(self, name: str, weight_decay: Any, settings: list[Setting]) -> None:
        own = read_weight_decay(name, weight_decay, self.loss_scale)
        given = {setting.group: setting.weight_decay for setting in settings if setting.weight_decay is not None}
        groups = {group: read_weight_decay(name, decay, self.loss_scale) for group, decay in given.items()}
        each = [groups.get(setting.group, own) for setting in settings]
        flags = tuple(isinstance(decay, Cell) for decay in each)
        self.dynamic_weight_decay = any(flags)
        if self.is_group:
            self.weight_decay: Any = tuple(
                decay if flag else Tensor(decay, float32) for decay, flag in zip(each, flags, strict=True)
            )
            self.dynamic_decay_flags: Any = flags
            self.decay_flags = tuple(flag or decay > 0 for decay, flag in zip(each, flags, strict=True))
            self.exec_weight_decay = any(self.decay_flags)
            return
        self.dynamic_decay_flags = isinstance(own, Cell)
        self.weight_decay = own if isinstance(own, Cell) else Tensor(own, float32)
        names = [setting.parameter.name for setting in settings]
        self.decay_flags = tuple("beta" not in each and "gamma" not in each for each in names)
        self.exec_weight_decay = isinstance(own, Cell) or own > 0

    def get_lr(self) -> Any:
        """The learning rate of the next step: a tensor, or one for each parameter if groups have their own."""
        if not self.dynamic_lr:
            return self.learning_rate
        if self.is_group_lr:
            return tuple(rate(self.global_step).reshape(()) for rate in self.learning_rate)
        return self.learning_rate(self.global_step).reshape(())

    def get_weight_decay(self) -> Any:
        """The weight decay of the next step, times ``loss_scale``: a tensor, or one for each parameter with groups."""
        if self.is_group:
            return tuple(
                decay(self.global_step) if flag else decay
                for decay, flag in zip(self.weight_decay, self.dynamic_decay_flags, strict=True)
            )
        return self.weight_decay(self.global_step) if self.dynamic_weight_decay else self.weight_decay

    def get_lr_parameter(self, param: Any) -> Any:
        """The parameter that holds a parameter's learning rate, or the schedule that gives it.

        Args:
            param: a parameter, or a list of them.

        Raises:
            TypeError: it is neither.
            ValueError: the optimizer does not step it.
        """
        if not isinstance(param, Parameter | list):
            raise TypeError(
                f"get_lr_parameter: param is of type {type(param).__name__}, expected a Parameter or a list of them"
            )
        places = {id(each): place for place, each in enumerate(self.parameters)}
        found = []
        for each in param if isinstance(param, list) else [param]:
            if id(each) not in places:
                named = getattr(each, "name", type(each).__name__)
                raise ValueError(f"get_lr_parameter: {named} is not a parameter of the optimizer")
            rate = self.learning_rate[places[id(each)]] if self.is_group_lr else self.learning_rate
            holds = isinstance(rate, FixedLearningRate | IteratorLearningRate)
            found.append(rate.learning_rate if holds else rate)
        return found if isinstance(param, list) else found[0]
