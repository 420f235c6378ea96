"""The groups of an optimizer: their settings, checked, and checkpoints that move to and from torch.optim."""

from collections import defaultdict
from typing import Any, ClassVar

import torch
from torch import Tensor

from . import settings
from .checkpoints import Expected, check_states

Group = dict[str, Any]


class Groups(torch.optim.Optimizer):
    """What an optimizer is before it takes a step.

    Attributes:
        limits: what settings must lie in.
    """

    limits: ClassVar[dict[str, str]] = settings.LIMITS
    state: defaultdict[Any, Any]

    def __init__(self, params: Any, defaults: Group) -> None:
        super().__init__(params, defaults)
        settings.without_default_rows(self.defaults)

    def expected(self, group: Group) -> Expected:
        """The states that a parameter of a group has."""
        raise NotImplementedError

    def add_param_group(self, param_group: Group) -> None:
        """Adds a group of parameters, with settings of its own where it names them.

        Raises:
            TypeError, ValueError, NotImplementedError: a setting or a parameter cannot be used.
        """
        super().add_param_group(param_group)
        try:
            settings.check(type(self).__name__, param_group, self.limits)
            for param in param_group["params"]:
                settings.parameter(type(self).__name__, param, param_group.get("capturable", False))
        except (TypeError, ValueError, NotImplementedError):
            self.param_groups.pop()
            raise
        settings.without_default_rows(param_group)

    def made(self) -> None:
        """What is no part of a checkpoint or a pickle begins anew."""

    def __setstate__(self, state: dict[str, Any]) -> None:
        # What a checkpoint of torch's class, or of an earlier version, does not name stays as it was.
        before = self.__dict__.get("param_groups", [])
        named = set(state.get("defaults", self.__dict__.get("defaults", ())))
        super().__setstate__(state)
        for name in self.defaults.keys() - named:
            # torch's own, which not all of its classes have.
            del self.defaults[name]
        self.made()
        for place, group in enumerate(self.param_groups):
            known = self.defaults | settings.ROWS | (before[place] if place < len(before) else {})
            for name in self.defaults | settings.ROWS:
                group.setdefault(name, known[name])
            settings.without_default_rows(group)

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint holds, as ``torch.optim.Optimizer.state_dict``: states of the groups' parameters alone."""
        for group in self.param_groups:
            settings.without_default_rows(group)
        params = {param for group in self.param_groups for param in group["params"]}
        everything = self.state
        if any(isinstance(key, Tensor) and key not in params for key in everything):
            # Their parameters were replaced or left out; they stay here, for they may come back.
            kept = {key: value for key, value in everything.items() if not isinstance(key, Tensor) or key in params}
            self.state = defaultdict(dict, kept)
        try:
            found: dict[str, Any] = super().state_dict()
        finally:
            self.state = everything
        return found

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Loads a checkpoint, of this class or of torch's of the same name. States keep the types that they have there.

        Args:
            state_dict: what ``state_dict()`` returned.

        Raises:
            ValueError: its states are another optimizer's, or its groups have other numbers of parameters; nothing
                has changed.
        """
        seen: dict[str, Any] = {}

        def check(_: Any, loaded: dict[str, Any]) -> None:
            self._check(loaded)
            seen.update(loaded)

        # The hooks are last and first, so that those of others see and change what they would.
        before = self.register_load_state_dict_pre_hook(check)
        after = self.register_load_state_dict_post_hook(lambda _: self._restore(seen), prepend=True)
        try:
            super().load_state_dict(state_dict)
        finally:
            before.remove()
            after.remove()

    def _check(self, loaded: dict[str, Any]) -> None:
        """Refuses a checkpoint of another optimizer."""
        # Groups that differ in number or length are torch's to refuse.
        for group, saved in zip(self.param_groups, loaded["param_groups"], strict=False):
            expected = self.expected(group | saved)
            for param, number in zip(group["params"], saved["params"], strict=False):
                check_states(type(self).__name__, number, param, loaded["state"].get(number, {}), expected)

    def _restore(self, loaded: dict[str, Any]) -> None:
        """Puts states back that torch converted to the parameter's type, and leaves out those that are not there."""
        params = [param for group in self.param_groups for param in group["params"]]
        numbers = [number for group in loaded["param_groups"] for number in group["params"]]
        for number, param in zip(numbers, params, strict=True):
            for key, value in loaded["state"].get(number, {}).items():
                if isinstance(value, Tensor) and self.state[param][key].dtype != value.dtype:
                    self.state[param][key] = value.to(param.device)
                elif isinstance(value, dict) and not value:
                    del self.state[param][key]
