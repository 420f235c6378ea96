"""Sums of an embedding's gradients, and products with numbers, without expanding them."""

import math
from typing import Any

import torch
from torch import Tensor

from ...arrays.devices import on_device
from ..distributed import PLAIN
from .answers import answers, aten
from .content import Content, take
from .lookup import scaled
from .sums import add_rows, merged


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
    if on_device(factor):
        # It is not read back.
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
    return content.new([take(scaled(each, factor, divides)) for each in content.lookups], beside)


def times_(content: Any, factor: Any, divides: bool = False) -> Any:
    """Multiply, or divide, content by a number."""
    if not is_linear(content, factor, divides):
        return NotImplemented
    factor = factor.reshape(()) if isinstance(factor, Tensor) else factor
    with content.lock:
        taken = [take(scaled(each, factor, divides)) for each in content.lookups]
        if content.beside is not None:
            content.beside.div_(factor) if divides else content.beside.mul_(factor)
        content.set(taken, content.beside)
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
    return Content(content.form, sparse, first.taken + second.taken, sum_beside(first, second, sparse))


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
            first.set(whole.taken, whole.beside)
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
        add_rows(tensor, merged(lookups, content.form.shape, content.form.dtype), alpha)
    return tensor
