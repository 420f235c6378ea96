"""Copies and conversions of an embedding's gradient, and tensors that are made like it."""

from typing import Any

import torch
from torch import Tensor

from ..layouts import compute_dtype_of
from .answers import answers, aten
from .arithmetic import add_to_dense, is_dense_like
from .content import Content


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
            into.set(copied.taken, copied.beside if into.sparse or copied.beside is None else copied.beside.to_dense())
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
