"""Hooks on an embedding whose rows are deferred, for what happens outside its lookups."""

from typing import Any
from weakref import WeakKeyDictionary, ref

import torch
from torch import nn

from .deferred_table import DeferredTable
from .deferred_tensor import warn_of_static_lookups

# The hooks of each module.
hooked: "WeakKeyDictionary[nn.Module, DeferredModule]" = WeakKeyDictionary()


class DeferredModule:
    """Bring all rows up to date when a module is first evaluated, is called with another weight, or is scripted.

    It keeps the table alive, but not the optimizer: rows still owe steps after the optimizer is gone.
    """

    def __init__(self, module: nn.Module, table: DeferredTable) -> None:
        before = hooked.get(module)
        if before is not None:
            before.remove()
        self.table, self.module, self.evaluated = table, ref(module), False
        self.handle = module.register_forward_pre_hook(self.before_forward)
        # Pickling and copying ask the object for its state, torch.jit.script for what to compile.
        self.added = {"__getstate__": self.state, "__prepare_scriptable__": self.before_scripting}
        module.__dict__.update(self.added)
        hooked[module] = self

    def remove(self) -> None:
        """Remove the hooks."""
        self.handle.remove()
        module = self.module()
        if module is not None:
            del hooked[module]
            for name in self.added:
                del module.__dict__[name]

    def before_forward(self, module: nn.Module, positional: Any) -> None:
        # In a compiled graph the lookup itself brings its rows up to date.
        if torch.compiler.is_dynamo_compiling():
            return
        # Another tensor in the weight's place, as in torch.func, may share its memory.
        if module._parameters.get("weight") is not self.table.param or not (module.training or self.evaluated):
            self.table.flush()
        self.evaluated = not module.training

    def before_scripting(self) -> Any:
        """Return the module without hooks, which TorchScript cannot compile; the next step adds them again."""
        self.table.flush()
        warn_of_static_lookups("torch.jit.script")
        self.remove()
        return self.module()

    def state(self) -> Any:
        """The module's state, without the hooks."""
        module: Any = self.module()
        kind: Any = type(module)
        state = {name: value for name, value in kind.__getstate__(module).items() if name not in self.added}
        for name in ("_forward_pre_hooks", "_forward_pre_hooks_with_kwargs"):
            hooks = state[name]
            state[name] = type(hooks)((number, hook) for number, hook in hooks.items() if number != self.handle.id)
        return state
