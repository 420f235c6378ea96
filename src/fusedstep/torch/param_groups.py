"""Parameter groups: checked settings, and checkpoints that torch.optim's classes load, too."""

import inspect
from collections import defaultdict
from typing import Any, ClassVar

import torch
from torch import Tensor

from . import settings
from .checkpoints import ExpectedStates, check_states
from .state_dtype import check_state_dtype, chosen_dtype

ParamGroup = dict[str, Any]
# An optimizer is also an instance of torch's class of its name, since frameworks ask for that. Nothing of that class
# may run: what torch's optimizers share is called by name.
Optimizer = torch.optim.Optimizer


class ParamGroups:
    """An optimizer's parameter groups and checkpoints; no steps. It stands before torch's class among the bases.

    Attributes:
        _limits: the ranges of settings by name.
        _state_keys: torch's names of the rule's states after the variable, in the rule's order.
        _number_of_betas: the number of ``betas``, that of the constructor's default.
    """

    _limits: ClassVar[dict[str, str]] = settings.LIMITS
    _number_of_betas: ClassVar[int] = 2
    _state_keys: tuple[str, ...] = ()
    state: defaultdict[Any, Any]
    defaults: ParamGroup
    param_groups: list[ParamGroup]

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        betas = inspect.signature(cls.__init__).parameters.get("betas")
        if betas is not None and isinstance(betas.default, tuple):
            cls._number_of_betas = len(betas.default)

    def __init__(self, params: Any, defaults: ParamGroup) -> None:
        Optimizer.__init__(self, params, defaults)
        settings.drop_defaults(self.defaults)

    def _expected_states(self, group: ParamGroup) -> ExpectedStates:
        """The states that a parameter of a group must have."""
        raise NotImplementedError

    def add_param_group(self, param_group: ParamGroup) -> None:
        """Add a parameter group; its settings override the optimizer's.

        Raises:
            TypeError, ValueError, NotImplementedError: a setting or a parameter is invalid.
        """
        Optimizer.add_param_group(self, param_group)
        try:
            settings.check_group(type(self).__name__, param_group, self._limits, self._number_of_betas)
            for param in param_group["params"]:
                self._check_parameter(param_group, param)
                check_state_dtype(type(self).__name__, param_group, param, self._state_keys)
        except (TypeError, ValueError, NotImplementedError):
            self.param_groups.pop()
            raise
        settings.drop_defaults(param_group)

    def _check_parameter(self, group: ParamGroup, param: Tensor) -> None:
        """Check that the steps of a group can update a parameter.

        Raises:
            TypeError, ValueError: it has another dtype or layout.
        """
        settings.check_parameter(type(self).__name__, param)

    def _chosen_dtype(self, group: ParamGroup, key: str) -> Any:
        """The dtype that a group chooses for a state, for a complex one that of its parts; None if it chooses none."""
        return chosen_dtype(group, key)

    def _reset_runtime(self) -> None:
        """Reset what neither checkpoints nor pickles hold."""

    def __getstate__(self) -> dict[str, Any]:
        found: dict[str, Any] = Optimizer.__getstate__(self)
        return found

    def __setstate__(self, state: dict[str, Any]) -> None:
        # Settings that a checkpoint of torch, or of an earlier version, lacks keep their values.
        before = self.__dict__.get("param_groups", [])
        named = set(state.get("defaults", self.__dict__.get("defaults", ())))
        Optimizer.__setstate__(self, state)
        for name in self.defaults.keys() - named:
            # Settings that torch added, which not all of its classes have.
            del self.defaults[name]
        self._reset_runtime()
        for place, group in enumerate(self.param_groups):
            known = self.defaults | settings.NOT_OF_TORCH | (before[place] if place < len(before) else {})
            for name in self.defaults | settings.NOT_OF_TORCH:
                group.setdefault(name, known[name])
            settings.drop_defaults(group)

    def state_dict(self) -> dict[str, Any]:
        """Return a checkpoint, as ``torch.optim.Optimizer.state_dict``, with states of the groups' parameters only."""
        for group in self.param_groups:
            settings.drop_defaults(group)
        params = {param for group in self.param_groups for param in group["params"]}
        everything = self.state
        if any(isinstance(key, Tensor) and key not in params for key in everything):
            # States of parameters that left the groups stay in the optimizer: the parameters may come back.
            current = {key: value for key, value in everything.items() if not isinstance(key, Tensor) or key in params}
            self.state = defaultdict(dict, current)
        try:
            found: dict[str, Any] = Optimizer.state_dict(self)
        finally:
            self.state = everything
        return found

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Load a checkpoint of this class, or of torch's class of the same name. States keep their dtypes.

        Args:
            state_dict: a result of ``state_dict()``.

        Raises:
            ValueError: its states belong to another optimizer, or its groups have other sizes; nothing is changed.
        """
        seen: dict[str, Any] = {}

        def check(_: Any, loaded: dict[str, Any]) -> None:
            self._check(loaded)
            seen.update(loaded)

        # The last hook before and the first after, so that other hooks still see and change the checkpoint.
        before = Optimizer.register_load_state_dict_pre_hook(self, check)
        after = Optimizer.register_load_state_dict_post_hook(self, lambda _: self._restore(seen), prepend=True)
        try:
            Optimizer.load_state_dict(self, state_dict)
        finally:
            before.remove()
            after.remove()

    def _check(self, loaded: dict[str, Any]) -> None:
        """Refuse a checkpoint of another optimizer."""
        # torch refuses groups that differ in number or length.
        for group, saved in zip(self.param_groups, loaded["param_groups"], strict=False):
            merged = group | saved
            expected = self._expected_states(merged)
            for param, number in zip(group["params"], saved["params"], strict=False):
                check_state_dtype(type(self).__name__, merged, param, self._state_keys)
                check_states(type(self).__name__, number, param, loaded["state"].get(number, {}), expected)

    def _restore(self, loaded: dict[str, Any]) -> None:
        """Undo torch's conversion of states to the parameter's dtype; remove states that the checkpoint lacks."""
        params = [(group, param) for group in self.param_groups for param in group["params"]]
        numbers = [number for group in loaded["param_groups"] for number in group["params"]]
        for number, (group, param) in zip(numbers, params, strict=True):
            for key, value in loaded["state"].get(number, {}).items():
                if isinstance(value, Tensor):
                    dtype = self._chosen_dtype(group, key) if key in self._state_keys else None
                    dtype = value.dtype if dtype is None else dtype.to_complex() if value.is_complex() else dtype
                    if self.state[param][key].dtype != dtype:
                        self.state[param][key] = value.to(param.device, dtype)
                elif isinstance(value, dict) and not value:
                    del self.state[param][key]
