"""Parameter groups: checked settings, and checkpoints that torch.optim's classes load, too."""

import inspect
from collections import defaultdict
from functools import cache
from typing import Any, ClassVar

import torch
from torch import Tensor

from . import settings
from .checkpoints import ExpectedStates, check_states

ParamGroup = dict[str, Any]


class ParamGroups(torch.optim.Optimizer):
    """An optimizer's parameter groups and checkpoints; no steps.

    Attributes:
        limits: the ranges of settings by name.
    """

    limits: ClassVar[dict[str, str]] = settings.LIMITS
    state: defaultdict[Any, Any]

    def __init__(self, params: Any, defaults: ParamGroup) -> None:
        super().__init__(params, defaults)
        settings.drop_default_rows(self.defaults)

    def expected_states(self, group: ParamGroup) -> ExpectedStates:
        """The states that a parameter of a group must have."""
        raise NotImplementedError

    def add_param_group(self, param_group: ParamGroup) -> None:
        """Add a parameter group; its settings override the optimizer's.

        Raises:
            TypeError, ValueError, NotImplementedError: a setting or a parameter is invalid.
        """
        super().add_param_group(param_group)
        try:
            settings.check_group(type(self).__name__, param_group, self.limits, count_of_betas(type(self)))
            for param in param_group["params"]:
                settings.check_parameter(type(self).__name__, param, param_group.get("capturable", False))
        except (TypeError, ValueError, NotImplementedError):
            self.param_groups.pop()
            raise
        settings.drop_default_rows(param_group)

    def reset_runtime(self) -> None:
        """Reset what neither checkpoints nor pickles hold."""

    def __setstate__(self, state: dict[str, Any]) -> None:
        # Settings that a checkpoint of torch, or of an earlier version, lacks keep their values.
        before = self.__dict__.get("param_groups", [])
        named = set(state.get("defaults", self.__dict__.get("defaults", ())))
        super().__setstate__(state)
        for name in self.defaults.keys() - named:
            # Settings that torch added, which not all of its classes have.
            del self.defaults[name]
        self.reset_runtime()
        for place, group in enumerate(self.param_groups):
            known = self.defaults | settings.ROWS | (before[place] if place < len(before) else {})
            for name in self.defaults | settings.ROWS:
                group.setdefault(name, known[name])
            settings.drop_default_rows(group)

    def state_dict(self) -> dict[str, Any]:
        """Return a checkpoint, as ``torch.optim.Optimizer.state_dict``, with states of the groups' parameters only."""
        for group in self.param_groups:
            settings.drop_default_rows(group)
        params = {param for group in self.param_groups for param in group["params"]}
        everything = self.state
        if any(isinstance(key, Tensor) and key not in params for key in everything):
            # States of parameters that left the groups stay in the optimizer: the parameters may come back.
            current = {key: value for key, value in everything.items() if not isinstance(key, Tensor) or key in params}
            self.state = defaultdict(dict, current)
        try:
            found: dict[str, Any] = super().state_dict()
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
        before = self.register_load_state_dict_pre_hook(check)
        after = self.register_load_state_dict_post_hook(lambda _: self._restore(seen), prepend=True)
        try:
            super().load_state_dict(state_dict)
        finally:
            before.remove()
            after.remove()

    def _check(self, loaded: dict[str, Any]) -> None:
        """Refuse a checkpoint of another optimizer."""
        # torch refuses groups that differ in number or length.
        for group, saved in zip(self.param_groups, loaded["param_groups"], strict=False):
            expected = self.expected_states(group | saved)
            for param, number in zip(group["params"], saved["params"], strict=False):
                check_states(type(self).__name__, number, param, loaded["state"].get(number, {}), expected)

    def _restore(self, loaded: dict[str, Any]) -> None:
        """Undo torch's conversion of states to the parameter's dtype; remove states that the checkpoint lacks."""
        params = [param for group in self.param_groups for param in group["params"]]
        numbers = [number for group in loaded["param_groups"] for number in group["params"]]
        for number, param in zip(numbers, params, strict=True):
            for key, value in loaded["state"].get(number, {}).items():
                if isinstance(value, Tensor) and self.state[param][key].dtype != value.dtype:
                    self.state[param][key] = value.to(param.device)
                elif isinstance(value, dict) and not value:
                    del self.state[param][key]


@cache
def count_of_betas(kind: Any) -> int:
    """How many betas the optimizers of a class take: as many as the default has."""
    betas = inspect.signature(kind).parameters.get("betas")
    return 2 if betas is None or betas.default is betas.empty else len(betas.default)
