"""What an embedding's gradient consists of. Its aliases share it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from threading import RLock
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils._python_dispatch import _disable_current_modes

from ..uncompiled import uncompiled
from .lookup import Lookup, converted
from .sums import add_rows, coo, dense, merged


class Taken(NamedTuple):
    """A lookup, and the version of its values when it was taken: others may hold the same memory.

    The values are never changed in place.
    """

    lookup: Lookup
    version: int | None


def take(lookup: Lookup) -> Taken:
    """Take a lookup. Its values are detached from their graph, if there is one."""
    values = lookup.values
    if values.requires_grad:
        values = values.detach()
        lookup = lookup._replace(values=values)
    return Taken(lookup, None if values.is_inference() else values._version)


@contextmanager
def without_modes() -> Iterator[None]:
    """Compute on plain tensors: what a mode makes, a fake or an inference tensor, must not stay in a gradient."""
    real = _disable_current_modes() if torch._C._len_torch_dispatch_stack() else nullcontext()
    with real, torch.inference_mode(False) if torch.is_inference_mode_enabled() else nullcontext():
        yield


class Form(NamedTuple):
    """Shape, strides, dtype and device of a gradient."""

    shape: torch.Size
    stride: tuple[int, ...]
    dtype: torch.dtype
    device: torch.device

    @staticmethod
    def of(tensor: Tensor) -> "Form":
        """The form of a tensor's gradient. Autograd copies a gradient whose strides are not the weight's."""
        if tensor.layout is torch.strided and tensor.is_contiguous():
            return Form(tensor.shape, tensor.stride(), tensor.dtype, tensor.device)
        dense = tensor.layout is torch.strided
        packed = torch.empty_like(tensor, device="meta") if dense else torch.empty(tensor.shape, device="meta")
        return Form(tensor.shape, packed.stride(), tensor.dtype, tensor.device)

    def meta(self) -> Tensor:
        """A dense tensor without memory."""
        return torch.empty_strided(self.shape, self.stride, dtype=self.dtype, device="meta")

    def zeros(self, is_coo: bool = False) -> Tensor:
        """A gradient of zeros; the COO one has no gradient row."""
        if is_coo:
            empty = torch.zeros(0, *self.shape[1:], dtype=self.dtype, device=self.device)
            places = torch.zeros(1, 0, dtype=torch.int64, device=self.device)
            return torch.sparse_coo_tensor(places, empty, self.shape, check_invariants=False)
        return torch.empty_strided(self.shape, self.stride, dtype=self.dtype, device=self.device).zero_()


class Content:
    """The sum of lookups and of a tensor beside them.

    Attributes:
        form: shape, strides, dtype and device.
        sparse: whether lookups stand for a sparse COO gradient, as of ``torch.nn.Embedding`` with ``sparse=True``.
        taken: the lookups, in the order in which their gradients are summed. The list itself is never changed.
        beside: a dense or COO tensor that no one else has made; None if there is none.
        plain_cache: the plain form, until the content changes.
        exposed: whether others may hold views of the tensor beside the lookups. Then there are no lookups.
        lock: held while the content changes; threads may share it.
    """

    def __init__(self, form: Form, sparse: bool, taken: Sequence[Taken] = (), beside: Tensor | None = None) -> None:
        self.form, self.sparse = form, sparse
        self.taken, self.beside = tuple(taken), beside
        self.plain_cache: Tensor | None = None
        self.exposed = False
        self.lock = RLock()

    @property
    def is_coo(self) -> bool:
        """Whether the plain form is a COO tensor. A dense tensor beside sparse lookups makes the sum dense."""
        return self.sparse and (self.beside is None or self.beside.layout is torch.sparse_coo)

    @property
    def lookups(self) -> list[Lookup]:
        """The lookups.

        Raises:
            RuntimeError: the values of one were changed in place since it was taken.
        """
        for lookup, version in self.taken:
            if version is not None and lookup.values._version != version:
                raise RuntimeError(
                    "EmbeddingGradient: the gradient of what a lookup returned was changed in place after backward(), "
                    f"it is at version {lookup.values._version}, expected version {version}; clone it before "
                    "changing it, or before passing it to backward()"
                )
        return [each.lookup for each in self.taken]

    def set(self, taken: Sequence[Taken], beside: Tensor | None) -> None:
        """Replace the lookups and the tensor beside them."""
        self.exposed = self.exposed and beside is self.beside
        self.taken, self.beside, self.plain_cache = tuple(taken), beside, None

    def new(self, taken: Sequence[Taken], beside: Tensor | None = None) -> "Content":
        """Other content of the same form."""
        return Content(self.form, self.sparse, taken, beside)

    @uncompiled
    def fresh(self) -> Tensor:
        """The plain form, in memory of its own."""
        if not self.is_coo:
            return self.fresh_dense()
        lookups = self.lookups
        if not lookups:
            return self.form.zeros(is_coo=True) if self.beside is None else self.beside.clone()
        rows = coo(lookups, self.form.shape, self.form.dtype)
        return rows if self.beside is None else self.beside + rows

    @uncompiled
    def fresh_dense(self) -> Tensor:
        """The sum as a dense tensor, in memory of its own."""
        lookups = self.lookups
        if self.beside is None:
            made = dense(lookups, self.form.shape, self.form.dtype) if lookups else self.form.zeros()
            return self.as_laid_out(made)
        made = self.beside.clone() if self.beside.layout is torch.strided else self.beside.to_dense()
        return add_rows(made, merged(lookups, self.form.shape, self.form.dtype)) if lookups else made

    def as_laid_out(self, tensor: Tensor) -> Tensor:
        """A dense tensor with the strides of the weight."""
        return tensor if tensor.stride() == self.form.stride else self.form.zeros().copy_(tensor)

    def plain(self) -> Tensor:
        """The plain form, to be read only and until the content changes."""
        with self.lock:
            if not self.taken and self.beside is not None:
                return self.beside
            if self.plain_cache is None:
                with without_modes():
                    self.plain_cache = self.fresh()
            return self.plain_cache

    @uncompiled
    def adopt(self) -> Tensor:
        """Become the plain form, and return it: what is written to it reaches the gradient."""
        with self.lock:
            if self.taken and self.beside is not None and not self.is_coo and self.plain_cache is None:
                with without_modes():
                    rows = merged(self.lookups, self.form.shape, self.form.dtype)
                    self.set((), add_rows(self.beside, rows))
            elif self.taken or self.beside is None:
                self.set((), self.plain())
            assert self.beside is not None
            self.exposed = True
            return self.beside

    @uncompiled
    def copy(self) -> "Content":
        """The same content, in memory of its own."""
        lookups = [Lookup(*(each if each is None else each.clone() for each in lookup)) for lookup in self.lookups]
        beside = None if self.beside is None else self.beside.clone()
        return self.new([take(each) for each in lookups], beside)

    def to(self, dtype: torch.dtype, device: torch.device, non_blocking: bool = False) -> "Content":
        """A copy in another dtype or on another device; lookups are shared where they stay as they are."""
        taken = [take(converted(each, dtype, device, non_blocking)) for each in self.lookups]
        beside = None if self.beside is None else self.beside.to(device, dtype, non_blocking=non_blocking, copy=True)
        form = self.form._replace(dtype=dtype, device=device)
        return Content(form, self.sparse, taken, beside)
