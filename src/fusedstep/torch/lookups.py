"""What a module does before its table is read, while an optimizer defers the table's rows."""

from typing import Any
from weakref import WeakKeyDictionary, ref

import torch
from torch import Tensor, nn

from .deferred_table import DeferredTable

SAVING = ("_state_dict_pre_hooks", "_load_state_dict_pre_hooks")
# What watches each module.
watched: "WeakKeyDictionary[nn.Module, Lookups]" = WeakKeyDictionary()


class Lookups:
    """Brings rows up to date when a module looks them up, and all of them when it is saved, loaded, or evaluated.

    It keeps the table alive, but not the optimizer: rows are still owed their steps when that has gone.
    """

    def __init__(self, module: nn.Module, table: DeferredTable) -> None:
        before = watched.pop(module, None)
        if before is not None:
            before.end()
        self.table, self.module, self.evaluated = table, ref(module), False
        self.handles = [
            module.register_forward_pre_hook(self.before_forward, with_kwargs=True),
            module.register_state_dict_pre_hook(self.before_saving),
            module.register_load_state_dict_pre_hook(self.before_saving),
        ]
        # Pickling and copying ask the object for its state, before they look at the table.
        module.__dict__["__getstate__"] = self.state
        watched[module] = self

    def end(self) -> None:
        """Watches no longer; whoever still steps the table must keep all of it up to date."""
        self.table.flush()
        self.table.awake += 1
        for handle in self.handles:
            handle.remove()
        module = self.module()
        if module is not None:
            del module.__dict__["__getstate__"]

    @torch._disable_dynamo
    def before_forward(self, module: nn.Module, positional: Any, named: dict[str, Any]) -> None:
        indices = positional[0] if positional else named.get("input")
        # What is no lookup in this table is the module's own to refuse.
        if module._parameters.get("weight") is not self.table.param or not isinstance(indices, Tensor):
            return
        if module.training or self.evaluated:
            self.table.catch_up(indices)
        else:
            self.table.flush()
        self.evaluated = not module.training

    def before_saving(self, *anything: Any) -> None:
        self.table.flush()

    def state(self) -> Any:
        """The module's state, without what was added here."""
        self.table.flush()
        module: Any = self.module()
        kind: Any = type(module)
        own = {handle.id for handle in self.handles}
        state = {name: value for name, value in kind.__getstate__(module).items() if name != "__getstate__"}
        for name in ("_forward_pre_hooks", "_forward_pre_hooks_with_kwargs", *SAVING):
            hooks = state[name]
            state[name] = type(hooks)((number, hook) for number, hook in hooks.items() if number not in own)
        return state
