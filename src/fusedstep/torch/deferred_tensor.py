"""A tensor class that brings rows up to date before PyTorch reads them."""

import warnings
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from .compiled import UNCAPTURED
from .deferred_parameter import DeferredParameter, tables
from .tensor_functions import LOOKUPS, needs_elements

# Attributes that a plain copy does not get.
OWN = ("deferred_parameter", "_is_param")


class DeferredTensor(Tensor):
    """The class of a parameter while an optimizer defers its rows, and of tensors detached from it.

    Every read through PyTorch is up to date: a lookup catches up the rows that it names, any other function that reads
    or changes elements all rows. Functions, modules with the same weight, subclasses and compiled graphs all pass here;
    they do not all pass a module's forward.

    Attributes:
        deferred_parameter: the rows, and the steps that they owe.
    """

    deferred_parameter: DeferredParameter

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if needs_elements(func):
            return with_every_row(func, types, args, kwargs or {})
        if func in LOOKUPS:
            args, kwargs = catch_up_arguments(*args, **(kwargs or {}))
        return call(func, types, args, kwargs or {})

    def plain(self) -> Tensor:
        """The same memory, up to date, as a plain tensor or parameter."""
        self.deferred_parameter.flush()
        with torch._C.DisableTorchFunctionSubclass():
            memory = self.detach()
        if not isinstance(self, nn.Parameter):
            return memory
        result = nn.Parameter(memory, self.requires_grad)
        vars(result).update({name: each for name, each in vars(self).items() if name not in OWN})
        return result

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        plain = self.plain()
        copied = plain.detach().clone(memory_format=torch.preserve_format)
        if isinstance(plain, nn.Parameter):
            copied = nn.Parameter(copied, self.requires_grad)
        return memo.setdefault(id(self), copied)

    def __reduce_ex__(self, protocol: Any) -> Any:
        return self.plain().__reduce_ex__(protocol)

    def __repr__(self, **how: Any) -> str:
        return str(self.plain().__repr__(**how))


@torch._disable_dynamo
def with_every_row(func: Any, types: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """Call a function after bringing all rows up to date.

    It runs outside of graphs, where the parameter's placeholder would reach this function again.
    """
    flush_all((args, kwargs))
    result = call(func, types, args, kwargs)
    return as_deferred(result, args[0].deferred_parameter) if func is Tensor.detach else result


def call(func: Any, types: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """Call a function on plain tensors, unless another tensor subclass must handle it."""
    if not all(issubclass(each, DeferredTensor) or each in (Tensor, nn.Parameter) for each in types):
        return NotImplemented
    with torch._C.DisableTorchFunctionSubclass():
        return func(*args, **kwargs)


def as_deferred(tensor: Any, table: DeferredParameter) -> Any:
    """Make a tensor of a table's memory a DeferredTensor."""
    tensor.__class__, tensor.deferred_parameter = DeferredTensor, table
    return tensor


def defer(param: Tensor) -> DeferredParameter:
    """Defer the rows of a parameter; take over from an optimizer that deferred them before."""
    if isinstance(param, DeferredTensor):
        # The other optimizer must now keep all rows up to date.
        param.deferred_parameter.start_eager()
        table = param.deferred_parameter.successor()
    else:
        table = DeferredParameter(param)
    as_deferred(param, table)._is_param = True
    return table


def catch_up_arguments(
    input: Any,  # noqa: A002 - torch's name: compilers pass it by keyword
    weight: Any,
    *others: Any,
    **named: Any,
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Bring the rows of a lookup up to date, and return its arguments."""
    indices = input
    if not isinstance(weight, DeferredTensor) or not isinstance(indices, Tensor):
        # The function itself refuses other arguments.
        flush_all((indices, weight, others, named))
    elif torch.compiler.is_exporting():
        # All rows are up to date since the exporter read the memory; it records a plain lookup.
        pass
    elif torch.compiler.is_compiling():
        indices = look_up(indices, weight.deferred_parameter.number)
    elif torch.jit.is_tracing():
        weight.deferred_parameter.flush()
        warn_of_static_lookups("torch.jit.trace")
    else:
        weight.deferred_parameter.catch_up(indices)
    return (indices, weight, *others), named


@torch.library.custom_op("fusedstep::look_up", mutates_args=(), **UNCAPTURED)
def look_up(indices: Tensor, table: int) -> Tensor:
    """Bring rows up to date and return a copy of the indices, on which a graph's lookup then depends."""
    tables[table].catch_up(indices)
    return indices.clone()


@look_up.register_fake
def _(indices: Tensor, table: int) -> Tensor:
    return torch.empty_like(indices)


@torch._disable_dynamo
def flush_all(values: Any) -> None:
    """Bring all rows of the parameters among some arguments up to date."""
    for value in tree_leaves(values):
        if isinstance(value, DeferredTensor):
            value.deferred_parameter.flush()


def warn_of_static_lookups(recorder: str) -> None:
    """Warn that recorded lookups bring no rows up to date."""
    if not torch.onnx.is_in_onnx_export():
        warnings.warn(
            f"{recorder}: a table with deferred rows is recorded as it is now; the recorded module brings no rows up "
            "to date: call optimizer.flush() after steps and before it, or call it under optimizer.up_to_date()",
            stacklevel=3,
        )
