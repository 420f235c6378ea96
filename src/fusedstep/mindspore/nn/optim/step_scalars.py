"""``StepScalars``: the numbers of a step of an optimizer: settings, powers, learning rates and weight decays."""

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from .framework import Framework
from .memory import TensorMemory, memory, number, numbers

# MindSpore's cell of a list runs operators for what lies in its parameter. That of a number rounds it, and is called.
LISTS = ("IteratorLearningRate", "_IteratorLearningRate")


class StepScalars:
    """The numbers of a step: the rule's scalars from the attributes of an optimizer, and what differs by parameter."""

    # The attributes that hold the rule's scalars.
    _settings: ClassVar[dict[str, str]] = {}
    # The attributes that a step multiplies by another attribute.
    _powers: ClassVar[dict[str, str]] = {}
    _framework: ClassVar[Framework]

    # Of nn.Optimizer.
    global_step: Any
    learning_rate: Any
    weight_decay: Any
    is_group: bool
    is_group_lr: bool
    dynamic_lr: bool
    dynamic_weight_decay: bool
    exec_weight_decay: bool
    decay_flags: tuple[bool, ...]
    reciprocal_scale: Any
    loss_scale: float
    get_lr: Callable[[], Any]
    get_weight_decay: Callable[[], Any]

    def _power(self, name: str, shape: tuple[int, ...]) -> Any:
        """A parameter of one element that starts at 1, for the power of a setting."""
        return self._framework.parameter(self._framework.tensor(np.ones(shape, np.float32)), name=name)

    def _setting(self, value: float, name: str | None = None) -> Any:
        """A setting as a float32 tensor, or as a parameter if it has a name; a step reads it."""
        tensor = self._framework.tensor(np.float32(value))
        return tensor if name is None else self._framework.parameter(tensor, name=name)

    def _advance(self, powers: dict[str, np.ndarray]) -> None:
        """Write what the next step starts from."""
        for power, value in powers.items():
            self._memory_of(power)[...] = value
        self._memory_of("global_step")[...] += 1

    def _next_powers(self) -> dict[str, np.ndarray]:
        """The powers after this step. They have the type of the parameters that hold them, as in MindSpore."""
        return {power: self._memory_of(power) * self._memory_of(factor) for power, factor in self._powers.items()}

    def _memory_of(self, name: str) -> Any:
        """The memory of a tensor that is an attribute."""
        tensor, places = getattr(self, name), vars(self).setdefault("_places", {})
        if name not in places or places[name].tensor is not tensor:
            places[name] = TensorMemory(tensor)
        return places[name].array()

    def _number(self, name: str) -> float:
        """A setting that is an attribute: a number, or a tensor of one element."""
        return float(np.asarray(self._memory_of(name)).item())

    def _scalars(self) -> dict[str, Any]:
        """The rule's scalars in this step; a learning rate among them replaces that of the parameters."""
        return {name: self._number(setting) for name, setting in self._settings.items()}

    def _rates(self, count: int) -> list[float]:
        """The learning rate of each parameter."""
        if self._inherits("get_lr"):
            if self.dynamic_lr:
                return self._each(self.learning_rate if self.is_group_lr else [self.learning_rate] * count)
            if not self.is_group_lr:
                return [self._number("learning_rate")] * count
        return numbers(self.get_lr(), count)

    def _decays(self, count: int) -> list[float]:
        """The weight decay of each parameter, times the scale of the loss."""
        if not self.exec_weight_decay:
            return [0.0] * count
        if self._inherits("get_weight_decay") and self.is_group:
            values = self._each(self.weight_decay)
        else:
            values = numbers(self.get_weight_decay(), count)
        return [value if flag else 0.0 for value, flag in zip(values, self.decay_flags, strict=True)]

    def _inherits(self, name: str) -> bool:
        """Whether a method is that of nn.Optimizer."""
        return getattr(type(self), name) is getattr(self._framework.optimizer, name)

    def _each(self, settings: Any) -> list[float]:
        """The numbers of settings in this step. Parameters of a group share one, which is asked once."""
        settings = list(settings)
        known = {id(setting): self._in_step(setting) for setting in {id(each): each for each in settings}.values()}
        return [known[id(setting)] for setting in settings]

    def _in_step(self, setting: Any) -> float:
        """A setting in this step: a number, a tensor of one, or a cell that is called with the step."""
        if not callable(setting):
            return number(setting)
        if type(setting).__name__ in LISTS:
            values, step = memory(setting.learning_rate), int(self._number("global_step"))
            if 0 <= step < len(values):
                return float(values[step])
        return number(setting(self.global_step))
