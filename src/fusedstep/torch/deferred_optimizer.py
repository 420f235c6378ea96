"""Defer rows of embeddings: register modules, flush, and keep checkpoints up to date."""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from .deferred_module import DeferredModule, hooked
from .deferred_parameter import DeferredParameter
from .deferred_tensor import DeferredTensor, defer
from .distributed import check_deferrable
from .layouts import has_rows
from .param_groups import ParamGroup, ParamGroups
from .weak_parameter_dict import WeakParameterDict

RECORDED = "differentiable is True, expected False beside defer: autograd cannot record steps that rows owe"


class DeferredOptimizer(ParamGroups):
    """An optimizer whose embeddings' rows take their steps when they are looked up."""

    @torch._disable_dynamo  # a break of a graph in torch's constructor would lose what is set before it
    def __init__(self, params: Any, defaults: ParamGroup) -> None:
        self._deferrable = "defer" in defaults
        self._deferred_modules: list[nn.Module] = []
        modules = defaults.pop("defer", ())
        super().__init__(params, defaults)
        self._deferred_modules = self._checked([*self._deferred_modules, *check_list(type(self).__name__, modules)])
        self._reset_runtime()

    def add_param_group(self, param_group: ParamGroup) -> None:
        """Add a parameter group; its settings override the optimizer's.

        Args:
            param_group: ``params`` and settings; ``defer`` lists further embeddings whose rows are deferred.

        Raises:
            TypeError, ValueError, NotImplementedError: a setting or a parameter is invalid.
        """
        if not isinstance(param_group, dict) or "defer" not in param_group:
            super().add_param_group(param_group)
            return
        name = type(self).__name__
        if not self._deferrable:
            raise TypeError(f"{name}: a group has the setting defer, which {name} does not take")
        modules = check_list(name, param_group["defer"])
        # Modules are not settings, which checkpoints hold.
        super().add_param_group({key: value for key, value in param_group.items() if key != "defer"})
        try:
            self._deferred_modules = self._checked([*self._deferred_modules, *modules])
        except (TypeError, ValueError, NotImplementedError):
            self.param_groups.pop()
            raise
        if "_tables" in self.__dict__:
            self._track_weights()

    def _reset_runtime(self) -> None:
        super()._reset_runtime()
        self._tables: WeakParameterDict[DeferredParameter] = WeakParameterDict()
        for group in self.param_groups:
            # Checkpoints of earlier versions may hold ``defer``.
            group.pop("defer", None)
        self._track_weights()

    def _track_weights(self) -> None:
        """Defer the rows of the modules' current weights."""
        for module in tuple(self._deferred_modules):
            weight = module._parameters.get("weight")
            if weight not in self._tables and not self._start_deferring(weight):
                self._deferred_modules.remove(module)
                warnings.warn(
                    f"{type(self).__name__}: the weight of {module} was replaced by none of the parameters, so its "
                    "rows are no longer deferred; call "
                    'add_param_group({"params": [module.weight], "defer": [module]})',
                    stacklevel=2,
                )
            elif module not in hooked or hooked[module].table is not self._tables[weight]:
                DeferredModule(module, self._tables[weight])

    def _start_deferring(self, weight: Any) -> bool:
        """Defer the rows of a weight and return True, if it is one of the parameters; drop those that left."""
        params = {param for group in self.param_groups for param in group["params"]}
        for param in [each for each in self._tables if each not in params]:
            del self._tables[param]
        if weight in params:
            self._tables[weight] = defer(weight)
        return weight in params

    def _memory_of(self, param: Tensor) -> Tensor:
        """The tensor that a step updates: of a deferred parameter its memory, without catching up its rows."""
        table = self._tables.get(param)
        return param if table is None else table.memory()

    def flush(self) -> None:
        """Bring all rows of all deferred tables up to date."""
        for table in self._tables.values():
            table.flush()

    @contextmanager
    def up_to_date(self) -> Iterator[None]:
        """Keep all rows of all deferred tables up to date, for code that reads or changes ``weight`` itself.

        >>> import torch, fusedstep as fs
        >>> table = torch.nn.Embedding(3, 1, sparse=True)
        >>> optimizer = fs.torch.Adam(table.parameters(), defer=[table])
        >>> with optimizer.up_to_date():
        ...     norm = table.weight.norm()
        """
        with ExitStack() as held:
            for table in list(self._tables.values()):
                held.enter_context(table.up_to_date())
            yield

    def state_dict(self) -> dict[str, Any]:
        """Return a checkpoint, as ``torch.optim.Optimizer.state_dict``, after bringing all rows up to date."""
        self.flush()
        found: dict[str, Any] = super().state_dict()
        return found

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.flush()
        super().load_state_dict(state_dict)

    def __getstate__(self) -> dict[str, Any]:
        self.flush()
        own = {"_deferred_modules": self._deferred_modules, "_deferrable": self._deferrable}
        return {**super().__getstate__(), **own}

    def _checked(self, modules: Sequence[Any]) -> list[nn.Module]:
        """Check the modules whose rows are deferred, and return each of them once.

        Raises:
            TypeError: one is not an embedding, or its weight not a plain parameter.
            ValueError: its weight is not one of the parameters.
            NotImplementedError: its group is ``differentiable``, its rows have gaps or are complex, or other processes
                read them.
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
                    "torch.nn.Parameter, whose lookups can be seen"
                )
            if weight.is_complex() or not has_rows(weight):
                raise NotImplementedError(
                    f"{name}: defer[{place}].weight holds {weight.dtype} with strides {weight.stride()}, expected real "
                    "numbers in contiguous rows; leave it out of defer"
                )
            if groups[weight].get("differentiable"):
                raise NotImplementedError(f"{name}: {RECORDED}")
        return list(dict.fromkeys(modules))


def check_list(name: str, modules: Any) -> Sequence[Any]:
    """Check that ``defer`` is a list.

    Raises:
        TypeError: it is not.
    """
    if not isinstance(modules, Sequence):
        raise TypeError(f"{name}: defer is of type {type(modules).__name__}, expected a list of modules")
    return modules
