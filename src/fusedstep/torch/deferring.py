"""What an optimizer does for the tables whose rows it defers."""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from .by_parameter import ByParameter
from .deferred_table import DeferredTable
from .deferred_tensor import DeferredTensor, defer
from .groups import Group, Groups
from .lookups import Lookups, watched
from .spread import check_deferrable


class Deferring(Groups):
    """An optimizer that lets rows of embeddings wait for their steps until they are looked up."""

    def __init__(self, params: Any, defaults: Group) -> None:
        self.deferrable = "defer" in defaults
        self.deferred_modules: list[nn.Module] = []
        modules = defaults.pop("defer", ())
        super().__init__(params, defaults)
        self.deferred_modules = self._checked([*self.deferred_modules, *listed(type(self).__name__, modules)])
        self.made()

    def add_param_group(self, param_group: Group) -> None:
        """Adds a group of parameters, with settings of its own where it names them.

        Args:
            param_group: ``params``, settings, and with ``defer`` embeddings whose rows are deferred, too.

        Raises:
            TypeError, ValueError, NotImplementedError: a setting or a parameter cannot be used.
        """
        if not isinstance(param_group, dict) or "defer" not in param_group:
            super().add_param_group(param_group)
            return
        name = type(self).__name__
        if not self.deferrable:
            raise TypeError(f"{name}: a group has the setting defer, which {name} does not take")
        modules = listed(name, param_group["defer"])
        # Modules are no setting: a checkpoint holds those.
        super().add_param_group({key: value for key, value in param_group.items() if key != "defer"})
        try:
            self.deferred_modules = self._checked([*self.deferred_modules, *modules])
        except (TypeError, ValueError, NotImplementedError):
            self.param_groups.pop()
            raise
        if "tables" in self.__dict__:
            self.follow()

    def made(self) -> None:
        super().made()
        self.tables: ByParameter[DeferredTable] = ByParameter()
        for group in self.param_groups:
            # Checkpoints of earlier versions may hold it.
            group.pop("defer", None)
        self.follow()

    def follow(self) -> None:
        """Defers the rows of the weights that the modules have by now."""
        for module in tuple(self.deferred_modules):
            weight = module._parameters.get("weight")
            if weight not in self.tables and not self._begun(weight):
                self.deferred_modules.remove(module)
                warnings.warn(
                    f"{type(self).__name__}: the weight of {module} was replaced by none of the parameters, and its "
                    'rows are deferred no more; call add_param_group({"params": [module.weight], "defer": [module]})',
                    stacklevel=2,
                )
            elif module not in watched or watched[module].table.param is not weight:
                Lookups(module, self.tables[weight])

    def _begun(self, weight: Any) -> bool:
        """Begins to defer the rows of a weight, if it is a parameter; forgets those that no longer are."""
        params = {param for group in self.param_groups for param in group["params"]}
        for param in [each for each in self.tables if each not in params]:
            del self.tables[param]
        if weight in params:
            self.tables[weight] = defer(weight)
        return weight in params

    def as_stepped(self, param: Tensor) -> Tensor:
        """What stands for a parameter while it takes a step: its memory, which nobody brings up to date before."""
        table = self.tables.get(param)
        return param if table is None else table.memory()

    def flush(self) -> None:
        """Brings all rows of all deferred tables up to date."""
        for table in self.tables.values():
            table.flush()

    @contextmanager
    def up_to_date(self) -> Iterator[None]:
        """Keeps all rows of all deferred tables up to date, for code that reads or changes ``weight`` itself.

        >>> import torch, fusedstep as fs
        >>> table = torch.nn.Embedding(3, 1, sparse=True)
        >>> optimizer = fs.torch.Adam(table.parameters(), defer=[table])
        >>> with optimizer.up_to_date():
        ...     norm = table.weight.norm()
        """
        tables = list(self.tables.values())
        for table in tables:
            table.flush()
            table.awake += 1
        try:
            yield
        finally:
            for table in tables:
                table.awake -= 1

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint holds, as ``torch.optim.Optimizer.state_dict``, with all rows up to date."""
        self.flush()
        found: dict[str, Any] = super().state_dict()
        return found

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.flush()
        super().load_state_dict(state_dict)

    def __getstate__(self) -> dict[str, Any]:
        self.flush()
        own = {"deferred_modules": self.deferred_modules, "deferrable": self.deferrable}
        return {**super().__getstate__(), **own}

    def _checked(self, modules: Sequence[Any]) -> list[nn.Module]:
        """The modules whose tables are deferred, each once.

        Raises:
            TypeError: one is no embedding, or its table no plain parameter.
            ValueError: its table is not one of the parameters.
            NotImplementedError: its table takes steps that a graph is to capture, or other processes read it, too.
        """
        name = type(self).__name__
        groups = {param: group for group in self.param_groups for param in group["params"]}
        for place, module in enumerate(modules):
            if not isinstance(module, nn.Embedding | nn.EmbeddingBag):
                raise TypeError(
                    f"{name}: defer[{place}] is of type {type(module).__name__}, "
                    "expected a torch.nn.Embedding or EmbeddingBag: rows are brought up to date when it looks them up"
                )
            weight = module._parameters.get("weight")
            check_deferrable(name, f"defer[{place}]", weight)
            if weight not in groups:
                raise ValueError(
                    f"{name}: defer[{place}].weight is not one of the parameters; pass it to the optimizer as well"
                )
            if type(weight) not in (nn.Parameter, DeferredTensor):
                raise TypeError(
                    f"{name}: defer[{place}].weight is of type {type(weight).__name__}, expected a plain "
                    "torch.nn.Parameter: of others it is not known when they are looked up"
                )
            if groups[weight].get("capturable"):
                raise NotImplementedError(
                    f"{name}: capturable is True, expected False beside defer: "
                    "what rows sleep through is reckoned on the host"
                )
        return list(dict.fromkeys(modules))


def listed(name: str, modules: Any) -> Sequence[Any]:
    """The modules that ``defer`` names.

    Raises:
        TypeError: they are no list.
    """
    if not isinstance(modules, Sequence):
        raise TypeError(f"{name}: defer is of type {type(modules).__name__}, expected a list of modules")
    return modules
