"""What a module does beside its lookups, while an optimizer defers its table's rows."""

from typing import Any
from weakref import WeakKeyDictionary, ref

import torch
from torch import nn

from .deferred_table import DeferredTable
from .deferred_tensor import out_of_reach

# What watches each module.
watched: "WeakKeyDictionary[nn.Module, Lookups]" = WeakKeyDictionary()


class Lookups:
    """Brings all rows up to date when a module is first evaluated, is called with another weight, or is scripted.

    It keeps the table alive, but not the optimizer: rows are still owed their steps when that has gone.
    """

    def __init__(self, module: nn.Module, table: DeferredTable) -> None:
        before = watched.get(module)
        if before is not None:
            before.end()
        self.table, self.module, self.evaluated = table, ref(module), False
        self.handle = module.register_forward_pre_hook(self.before_forward)
        # Pickling and copying ask the object for its state, and torch.jit.script for what it is to compile.
        self.added = {"__getstate__": self.state, "__prepare_scriptable__": self.before_scripting}
        module.__dict__.update(self.added)
        watched[module] = self

    def end(self) -> None:
        """Watches no longer."""
        self.handle.remove()
        module = self.module()
        if module is not None:
            del watched[module]
            for name in self.added:
                del module.__dict__[name]

    def before_forward(self, module: nn.Module, positional: Any) -> None:
        # In a graph the lookup itself wakes its rows.
        if torch.compiler.is_dynamo_compiling():
            return
        # What stands in the weight's place, as in torch.func, may be the same memory.
        if module._parameters.get("weight") is not self.table.param or not (module.training or self.evaluated):
            self.table.flush()
        self.evaluated = not module.training

    def before_scripting(self) -> Any:
        """The module, which can be compiled only while nothing is added to it; the next step adds it again."""
        self.table.flush()
        out_of_reach("torch.jit.script")
        self.end()
        return self.module()

    def state(self) -> Any:
        """The module's state, without what was added here."""
        module: Any = self.module()
        kind: Any = type(module)
        state = {name: value for name, value in kind.__getstate__(module).items() if name not in self.added}
        for name in ("_forward_pre_hooks", "_forward_pre_hooks_with_kwargs"):
            hooks = state[name]
            state[name] = type(hooks)((number, hook) for number, hook in hooks.items() if number != self.handle.id)
        return state
