"""What the operations of linear algebra make of an embedding's gradient, without expanding it.

Functions see its content in its place, and return content where the result is such a gradient, too. What they do not
know, they answer with NotImplemented.
"""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from .distributed import PLAIN
from .gradient_content import Content, keep
from .layouts import compute_dtype_of
from .lookups import merged, scaled

aten = torch.ops.aten
KNOWN: dict[Any, Callable[..., Any]] = {}


def answers(*overloads: Any) -> Callable[[Any], Any]:
    """Register the function that answers operations."""

    def register(function: Any) -> Any:
        KNOWN.update(dict.fromkeys(overloads, function))
        return function

    return register


def is_linear(content: Any, factor: Any, divides: bool = False) -> bool:
    """Return whether a factor, or divisor, leaves the dtype, the shape and the rows without a gradient as they are."""
    if not isinstance(content, Content):
        return False
    if isinstance(factor, Tensor):
        if factor.numel() != 1 or factor.dim() > len(content.form.shape):
            return False
    elif not isinstance(factor, int | float):
        return False
    if torch.result_type(torch.empty(1, dtype=content.form.dtype), factor) is not content.form.dtype:
        return False
    if content.is_coo:
        return True
    # 0 times infinity is NaN.
    number = float(factor)
    return number != 0 and not math.isnan(number) if divides else math.isfinite(number)


def times(content: Content, factor: Any, divides: bool = False) -> Content:
    """The content multiplied, or divided, by a number."""
    factor = factor.reshape(()) if isinstance(factor, Tensor) else factor
    beside = content.beside
    if beside is not None:
        beside = beside / factor if divides else beside * factor
    return content.new([keep(scaled(each, factor, divides)) for each in content.lookups], beside)


def times_(content: Any, factor: Any, divides: bool = False) -> Any:
    """Multiply, or divide, content by a number."""
    if not is_linear(content, factor, divides):
        return NotImplemented
    factor = factor.reshape(()) if isinstance(factor, Tensor) else factor
    with content.lock:
        kept = [keep(scaled(each, factor, divides)) for each in content.lookups]
        if content.beside is not None:
            content.beside.div_(factor) if divides else content.beside.mul_(factor)
        content.set(kept, content.beside)
    return content


@answers(aten.mul.Tensor, aten.mul.Scalar)
def mul(first: Any, second: Any) -> Any:
    content, factor = (first, second) if isinstance(first, Content) else (second, first)
    return times(content, factor) if is_linear(content, factor) else NotImplemented


@answers(aten.div.Tensor, aten.div.Scalar)
def div(content: Any, divisor: Any) -> Any:
    return times(content, divisor, True) if is_linear(content, divisor, True) else NotImplemented


@answers(aten.neg.default)
def neg(content: Content) -> Content:
    return times(content, -1)


@answers(aten.mul_.Tensor, aten.mul_.Scalar)
def mul_(content: Any, factor: Any) -> Any:
    return times_(content, factor)


@answers(aten.div_.Tensor, aten.div_.Scalar)
def div_(content: Any, divisor: Any) -> Any:
    return times_(content, divisor, True)


@answers(aten.neg_.default)
def neg_(content: Content) -> Any:
    return times_(content, -1)


@answers(aten.zero_.default)
def zero_(content: Content) -> Content:
    with content.lock:
        content.set((), None if content.beside is None else content.beside.zero_())
    return content


def is_dense_like(content: Content, tensor: Any) -> bool:
    """Return whether a tensor is a dense one of the form of a gradient."""
    form = content.form
    return (
        type(tensor) in PLAIN
        and tensor.layout is torch.strided
        and (tensor.shape, tensor.dtype, tensor.device) == (form.shape, form.dtype, form.device)
    )


def as_content(content: Content, other: Any) -> Content | None:
    """Another gradient as content of the same form; None if it has another."""
    if isinstance(other, Content):
        form = other.form
        fits = (form.shape, form.dtype, form.device) == (content.form.shape, content.form.dtype, content.form.device)
        return other if fits else None
    return content.new((), other) if is_dense_like(content, other) else None


def sum_beside(first: Content, second: Content, sparse: bool) -> Tensor | None:
    """The sum of what two gradients have beside their lookups, in memory of its own."""
    parts = [each.beside for each in (first, second) if each.beside is not None]
    if not sparse:
        parts = [each.to_dense() for each in parts]
    # Of a dense and a COO tensor, torch wants the dense one first.
    parts.sort(key=lambda each: each.layout is not torch.strided)
    return parts[0].clone() if len(parts) == 1 else parts[0] + parts[1] if parts else None


@answers(aten.add.Tensor)
def add(first: Any, second: Any, *, alpha: Any = 1) -> Any:
    content = first if isinstance(first, Content) else second
    first, second = as_content(content, first), as_content(content, second)
    if first is None or second is None or not is_linear(second, alpha):
        return NotImplemented
    second = second if alpha == 1 else times(second, alpha)
    sparse = first.sparse and second.sparse
    return Content(content.form, sparse, first.kept + second.kept, sum_beside(first, second, sparse))


@answers(aten.sub.Tensor)
def sub(first: Any, second: Any, *, alpha: Any = 1) -> Any:
    return add(first, second, alpha=-alpha)


@answers(aten.add_.Tensor)
def add_(first: Any, second: Any, *, alpha: Any = 1) -> Any:
    if not isinstance(first, Content):
        return add_to_dense(first, second, alpha)
    if first.exposed and not first.is_coo:
        # Views see the sum. Those of a COO tensor's values do not, in PyTorch either.
        whole = add_to_dense(first.adopt(), second, alpha) if isinstance(second, Content) else NotImplemented
        return whole if whole is NotImplemented else first
    with first.lock:
        whole = add(first, second, alpha=alpha)
        if whole is not NotImplemented:
            first.sparse = whole.sparse
            first.set(whole.kept, whole.beside)
    return NotImplemented if whole is NotImplemented else first


@answers(aten.sub_.Tensor)
def sub_(first: Any, second: Any, *, alpha: Any = 1) -> Any:
    return add_(first, second, alpha=-alpha)


def add_to_dense(tensor: Tensor, content: Content, alpha: Any) -> Any:
    """Add a gradient to a dense tensor, row by row."""
    if not is_dense_like(content, tensor) or not is_linear(content, alpha):
        return NotImplemented
    lookups = content.lookups
    if content.beside is not None:
        tensor.add_(content.beside, alpha=alpha)
    if lookups:
        tensor.index_add_(0, *merged(lookups, content.form.dtype), alpha=alpha)
    return tensor


@answers(aten.copy_.default)
def copy_(into: Any, source: Any, non_blocking: bool = False) -> Any:
    if not isinstance(into, Content):
        # Only the rows are written one by one.
        return add_to_dense(into.zero_(), source, 1) if is_dense_like(source, into) else NotImplemented
    with into.lock:
        if into.exposed:
            return NotImplemented
        if isinstance(source, Content) and source.form.shape == into.form.shape:
            copied = source.to(into.form.dtype, into.form.device, non_blocking).copy()
            into.set(copied.kept, copied.beside if into.sparse or copied.beside is None else copied.beside.to_dense())
        elif isinstance(source, Tensor) and source.layout is not torch.strided and into.sparse:
            into.set((), torch.empty_like(source, dtype=into.form.dtype, device=into.form.device).copy_(source))
        else:
            source = source.plain() if isinstance(source, Content) else source
            into.set((), into.form.zeros().copy_(source.to_dense(), non_blocking))
    return into


@answers(aten.clone.default)
def clone(content: Content, *, memory_format: Any = None) -> Any:
    return content.copy()


@answers(aten._to_copy.default)
def to_copy(
    content: Content,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: Any = None,
    non_blocking: bool = False,
    memory_format: Any = None,
) -> Any:
    form, device = content.form, torch.device(device or content.form.device)
    dtype = dtype or form.dtype
    # Sums in 16 bits are rounded before they are converted.
    rounds = dtype is not form.dtype and compute_dtype_of(form.dtype) is not form.dtype
    if dtype.is_floating_point and not rounds and not pin_memory and device.type != "meta":
        return content.to(dtype, device, non_blocking).copy()
    # PyTorch passes the layout that it believes a gradient to have.
    named = {"dtype": dtype, "device": device, "pin_memory": pin_memory, "non_blocking": non_blocking}
    return aten._to_copy.default(content.plain(), **named)


@answers(aten.detach.default, aten.alias.default, aten.lift_fresh.default, aten.detach_.default)
def alias(content: Content) -> Content:
    return content


@answers(aten.view.default)
def view(content: Content, size: Any) -> Any:
    return content if tuple(size) == tuple(content.form.shape) else NotImplemented


def answer_likes(packet: Any) -> None:
    """Answer an operation that reads no element, only the form of a tensor."""
    for overload in (getattr(packet, name) for name in packet.overloads() if "out" not in name):

        def like(content: Content, *args: Any, overload: Any = overload, **named: Any) -> Any:
            if content.is_coo:
                return overload(content.form.zeros(is_coo=True), *args, **named)
            return overload(
                content.form.meta(), *args, **{**named, "device": named.get("device") or content.form.device}
            )

        answers(overload)(like)


for packet in (
    *(aten.empty_like, aten.zeros_like, aten.ones_like, aten.full_like, aten.rand_like, aten.randn_like),
    *(aten.randint_like, aten.new_empty, aten.new_empty_strided, aten.new_zeros, aten.new_ones, aten.new_full),
):
    answer_likes(packet)
