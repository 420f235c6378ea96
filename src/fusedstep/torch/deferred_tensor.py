"""A tensor that brings its rows up to date before anyone reads them."""

import warnings
from types import GetSetDescriptorType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils._pytree import tree_leaves

from .compiled import UNCAPTURED
from .deferred_table import DeferredTable, tables

LOOKUPS = (functional.embedding, functional.embedding_bag)
# Properties of a tensor that are made of its elements.
ELEMENTS = {"data", "T", "mT", "H", "mH", "real", "imag"}
PROPERTIES = [
    value
    for name in dir(Tensor)
    if name not in ELEMENTS and isinstance(value := getattr(Tensor, name), GetSetDescriptorType | property)
]
METHODS = [
    *("size", "dim", "ndimension", "numel", "nelement", "stride", "is_contiguous", "storage_offset", "element_size"),
    *(
        "get_device",
        "is_floating_point",
        "is_complex",
        "is_conj",
        "is_neg",
        "is_inference",
        "is_signed",
        "is_same_size",
    ),
    *("is_shared", "is_pinned", "_is_view", "requires_grad_", "register_hook", "register_post_accumulate_grad_hook"),
    *("retain_grad", "new_empty", "new_zeros", "new_ones", "new_full", "__len__", "__hash__"),
]
LIKE = [torch.empty_like, torch.zeros_like, torch.ones_like, torch.full_like, torch.rand_like, torch.randn_like]
# Comparisons see what lies in memory: they tell whether rows sleep.
COMPARISONS = [torch.allclose, torch.equal, Tensor.allclose, Tensor.equal]
# What is not carried over to a plain tensor.
OWN = ("deferred_table", "_is_param")
# What can be done with a parameter without reading or writing its elements.
WITHOUT_ELEMENTS = frozenset(
    [
        *(each.__get__ for each in PROPERTIES),
        *(each.__set__ for each in PROPERTIES),
        *(getattr(Tensor, name) for name in METHODS),
        *LIKE,
        *(torch.is_floating_point, torch.is_complex, torch.is_conj, torch.is_neg, torch.is_inference, torch.is_signed),
        *(torch.numel, torch.result_type, torch._has_compatible_shallow_copy_type),
        *COMPARISONS,
    ]
)


class DeferredTensor(Tensor):
    """What a parameter is while an optimizer defers its rows, and what is detached from it.

    Whoever reads it through PyTorch gets what is right: a lookup brings up to date the rows that it names, and all
    else that reads or changes elements brings up to date all of them. It is here, and not in a module's forward, that
    functions, modules with the same weight, subclasses and compiled graphs all pass by.

    Attributes:
        deferred_table: its rows and what they are owed.
    """

    deferred_table: DeferredTable

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if needs_elements(func):
            return with_every_row(func, types, args, kwargs or {})
        if func in LOOKUPS:
            args, kwargs = looked_up(*args, **(kwargs or {}))
        return called(func, types, args, kwargs or {})

    def plain(self) -> Tensor:
        """The same memory, up to date, as a tensor that watches no more."""
        self.deferred_table.flush()
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


def needs_elements(func: Any) -> bool:
    """Whether a function reads or writes elements, and is no lookup."""
    return func not in LOOKUPS and func not in WITHOUT_ELEMENTS


# As torch.compiler.assume_constant_result, which would import the compiler at once: it does not look into such a set.
needs_elements._dynamo_marked_constant = True  # type: ignore[attr-defined]


@torch._disable_dynamo
def with_every_row(func: Any, types: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """What a function returns that is to see all rows up to date. It is called outside of graphs: in one, whatever
    stands for the parameter would come here again."""
    flush_all((args, kwargs))
    result = called(func, types, args, kwargs)
    return watching(result, args[0].deferred_table) if func is Tensor.detach else result


def called(func: Any, types: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """What a function returns, unless another kind of tensor has a word in what happens, too."""
    if not all(issubclass(each, DeferredTensor) or each in (Tensor, nn.Parameter) for each in types):
        return NotImplemented
    with torch._C.DisableTorchFunctionSubclass():
        return func(*args, **kwargs)


def watching(tensor: Any, table: DeferredTable) -> Any:
    """A tensor of a table's memory, made to watch over it."""
    tensor.__class__, tensor.deferred_table = DeferredTensor, table
    return tensor


def defer(param: Tensor) -> DeferredTable:
    """Begins to defer the rows of a parameter, instead of whoever did so before."""
    if isinstance(param, DeferredTensor):
        param.deferred_table.flush()
        # Whoever still steps that table must keep all of it up to date.
        param.deferred_table.awake += 1
    table = DeferredTable(param)
    watching(param, table)._is_param = True
    return table


def looked_up(
    input: Any,  # noqa: A002 - torch's name: compilers hand arguments on as they are given
    weight: Any,
    *others: Any,
    **named: Any,
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments of a lookup, once the rows that it names are up to date."""
    indices = input
    if not isinstance(weight, DeferredTensor) or not isinstance(indices, Tensor):
        # What is no lookup is the function's own to refuse.
        flush_all((indices, weight, others, named))
    elif torch.compiler.is_exporting():
        # All rows woke when the exporter looked at the memory; what it writes down is a plain lookup.
        pass
    elif torch.compiler.is_compiling():
        indices = look_up(indices, weight.deferred_table.number)
    elif torch.jit.is_tracing():
        weight.deferred_table.flush()
        out_of_reach("torch.jit.trace")
    else:
        weight.deferred_table.catch_up(indices)
    return (indices, weight, *others), named


@torch.library.custom_op("fusedstep::look_up", mutates_args=(), **UNCAPTURED)
def look_up(indices: Tensor, table: int) -> Tensor:
    """Indices that are handed on once their rows are up to date, so that a graph must do that before the lookup."""
    tables[table].catch_up(indices)
    return indices.clone()


@look_up.register_fake
def _(indices: Tensor, table: int) -> Tensor:
    return torch.empty_like(indices)


@torch._disable_dynamo
def flush_all(values: Any) -> None:
    """Brings up to date all rows of the parameters among some arguments."""
    for value in tree_leaves(values):
        if isinstance(value, DeferredTensor):
            value.deferred_table.flush()


def out_of_reach(maker: str) -> None:
    """Warns that lookups are written down by which no row is brought up to date."""
    if not torch.onnx.is_in_onnx_export():
        warnings.warn(
            f"{maker}: a table with deferred rows is written down as it is now; what comes of it brings no rows up to "
            "date: call optimizer.flush() after steps and before it is called, or call it under optimizer.up_to_date()",
            stacklevel=3,
        )
