"""Functions of tensors for which an embedding's gradient must be a plain tensor before PyTorch dispatches them."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from .content import Content, Form

PLAIN_FUNCTIONS: dict[Any, Callable[..., Any]] = {}


class AsPlain(torch.autograd.Function):
    """The plain form of a gradient that itself depends on tensors."""

    @staticmethod
    def forward(ctx: Any, gradient: Any) -> Tensor:
        return gradient._content.fresh()

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return grad


def of_copy(function: Any, gradient: Any, *args: Any, **named: Any) -> Any:
    """Call a function on the plain form, in memory of its own."""
    plain = AsPlain.apply(gradient) if gradient.requires_grad else gradient._content.fresh()
    return function(plain, *args, **named)


def to_dense(function: Any, gradient: Any, *args: Any, **named: Any) -> Any:
    """A dense tensor in memory of its own; duplicates are summed in the compute type."""
    if gradient.requires_grad:
        return of_copy(function, gradient, *args, **named)
    # That of a dense tensor converts it, if it is asked to.
    return function(gradient._content.fresh_dense(), *args, **named)


def clone(function: Any, gradient: Any, **named: Any) -> Any:
    """A plain tensor: optimizers keep it as a state and change it in place."""
    return of_copy((lambda plain: plain) if not named else function, gradient, **named)


def of_plain(function: Any, gradient: Any, *args: Any, **named: Any) -> Any:
    """Call a function that only reads."""
    return function(gradient._content.plain(), *args, **named)


def of_memory(function: Any, gradient: Any, *args: Any, **named: Any) -> Any:
    """Call a function that returns memory, or changes it; the gradient becomes its plain form."""
    adopted = gradient._content.adopt()
    result = function(adopted, *args, **named)
    return gradient if result is adopted else result


def of_parts(function: Any, gradient: Any) -> Any:
    """Call a function that returns indices or values; of a dense gradient there are none, and it stays as it is."""
    content = gradient._content
    return function(content.adopt() if content.is_coo else content.plain())


def coalesce(function: Any, gradient: Any) -> Any:
    """A COO tensor without duplicates: the gradient's own memory if it has none."""
    content = gradient._content
    plain = content.plain()
    return function(content.adopt() if content.is_coo and plain.is_coalesced() else plain)


def is_sparse(function: Any, gradient: Any, *_: Any) -> bool:
    return bool(gradient._content.is_coo)


def layout(function: Any, gradient: Any, *_: Any) -> torch.layout:
    return torch.sparse_coo if gradient._content.is_coo else torch.strided


def set_data(function: Any, gradient: Any, value: Tensor) -> None:
    """Give a gradient the memory of a tensor, or the content of another gradient; also of another dtype or device."""
    content = getattr(value, "_content", None)
    if content is None:
        content = Content(Form.of(value), value.layout is torch.sparse_coo, (), value.detach())
        content.exposed = True
    if content.form != gradient._content.form:
        function(gradient, gradient._of_content(content))
    gradient._content = content


def register(answer: Callable[..., Any], names: str) -> None:
    PLAIN_FUNCTIONS.update((getattr(Tensor, name), answer) for name in names.split())


register(to_dense, "to_dense")
register(of_copy, "to_sparse to_sparse_coo to_sparse_csr to_sparse_csc to_sparse_bsr to_sparse_bsc to_mkldnn")
register(clone, "clone")
register(of_plain, "tolist is_coalesced _nnz sparse_dim dense_dim")
register(of_memory, "data_ptr untyped_storage storage _typed_storage numpy share_memory_ is_shared apply_ map_ map2_")
register(of_memory, "__array__ __dlpack__ __dlpack_device__")
register(of_parts, "indices values _indices _values")
register(coalesce, "coalesce")
PLAIN_FUNCTIONS.update(
    {
        torch.clone: clone,
        Tensor.is_sparse.__get__: is_sparse,
        Tensor.layout.__get__: layout,
        Tensor.data.__set__: set_data,
    }
)
