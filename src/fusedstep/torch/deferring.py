"""What an optimizer does for the tables whose rows it defers."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from torch import nn

from .by_parameter import ByParameter
from .deferred_table import DeferredTable
from .groups import Group, Groups
from .lookups import Lookups
from .spread import deferrable


class Deferring(Groups):
    """An optimizer that lets rows of embeddings wait for their steps until they are looked up."""

    def __init__(self, params: Any, defaults: Group) -> None:
        modules = defaults.pop("defer", ())
        if modules and defaults.get("capturable"):
            raise NotImplementedError(
                f"{type(self).__name__}: capturable is True, expected False beside defer: "
                "what rows sleep through is reckoned on the host"
            )
        super().__init__(params, defaults)
        self.deferred_modules = self._tables_of(modules)
        self.made()

    def made(self) -> None:
        super().made()
        self.tables: ByParameter[DeferredTable] = ByParameter()
        for module in self.__dict__.get("deferred_modules", ()):
            table = self.tables.setdefault(module.weight, DeferredTable(module.weight))
            Lookups(module, table)

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
        return {**super().__getstate__(), "deferred_modules": self.deferred_modules}

    def _tables_of(self, modules: Any) -> list[nn.Module]:
        """The modules whose tables are deferred, checked.

        Raises:
            TypeError: one is no embedding.
            ValueError: its table is none of the parameters.
            NotImplementedError: other processes read its table, too.
        """
        name = type(self).__name__
        if not isinstance(modules, Sequence):
            raise TypeError(f"{name}: defer is of type {type(modules).__name__}, expected a list of modules")
        params = {param for group in self.param_groups for param in group["params"]}
        for place, module in enumerate(modules):
            if not isinstance(module, nn.Embedding | nn.EmbeddingBag):
                raise TypeError(
                    f"{name}: defer[{place}] is of type {type(module).__name__}, "
                    "expected a torch.nn.Embedding or EmbeddingBag: rows are brought up to date when it looks them up"
                )
            deferrable(name, f"defer[{place}]", module._parameters.get("weight"))
            if module._parameters.get("weight") not in params:
                raise ValueError(
                    f"{name}: defer[{place}].weight is none of the parameters; pass it to the optimizer as well"
                )
        return list(dict.fromkeys(modules))
