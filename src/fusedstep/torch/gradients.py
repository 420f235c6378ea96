"""Gradients in the layouts that parameters may have, as the values and rows that a step takes."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from ..arrays.devices import on_device
from ..storage import one_of
from .layouts import compute_dtype, has_numbers


class Gradient(NamedTuple):
    """A gradient of a parameter.

    Attributes:
        values: a dense gradient; or one value for each entry of ``places``, with the parameter's remaining dimensions.
        places: for a sparse gradient, the place of each value along the parameter's first dimensions, of shape
            ``(dimensions, count)``; they may contain duplicates. None for a dense gradient.
    """

    values: Tensor
    places: Tensor | None

    @property
    def dimensions(self) -> int:
        """How many dimensions of the parameter the places span."""
        return 0 if self.places is None else len(self.places)

    def flat_places(self, shape: torch.Size) -> Tensor:
        """The places as indices into the parameter's first dimensions made one; -1 where one is outside."""
        assert self.places is not None
        if len(self.places) == 1:
            return self.places[0]
        sizes = shape[: len(self.places)]
        flat, inside = self.places.new_zeros(self.places.shape[1]), True
        for size, place in zip(sizes, self.places, strict=True):
            # Outside of one dimension, an index would name another entry.
            flat, inside = flat * size + place, (place >= 0) & (place < size) & inside
        return torch.where(inside, flat, -1) if len(sizes) else flat

    def by_row(self, param: Tensor) -> "Gradient":
        """The same gradient with places along the first dimension only: of each row that it names, all values."""
        if self.places is None or len(self.places) == 1:
            return self
        if not len(self.places):
            return Gradient(self.values.sum(0, dtype=compute_dtype(param)), None)
        rows, row_of = self.places[0].unique(return_inverse=True)
        inner = param.shape[1 : len(self.places)]
        within = Gradient(self.values, self.places[1:]).flat_places(inner)
        within, values, _ = without_outside(within, self.values.to(compute_dtype(param)), math.prod(inner))
        summed = values.new_zeros((len(rows), math.prod(inner), *values.shape[1:]))
        # In the order of the gradient, as kernels add.
        summed.index_put_((row_of, within), values, accumulate=True)
        return Gradient(summed.reshape(len(rows), *param.shape[1:]), rows[None])


def without_outside(places: Tensor, values: Tensor, size: int) -> tuple[Tensor, Tensor, Tensor]:
    """Places, values, and which places are inside of ``size``; a place outside becomes 0, with a value of 0.

    On a device, places are not checked.
    """
    inside = (places >= 0) & (places < size)
    shape = (-1, *[1] * (values.dim() - 1))
    return torch.where(inside, places, 0), torch.where(inside.reshape(shape), values, 0), inside


def parts_of(name: str, grad: Tensor) -> Gradient:
    """A gradient's values and places as they are, duplicates included; the values of a COO gradient are its own.

    Raises:
        TypeError: it is neither dense nor sparse COO.
    """
    if grad.layout is torch.strided:
        return Gradient(grad, None)
    if grad.layout is not torch.sparse_coo:
        raise TypeError(f"{name}: a gradient has layout {grad.layout}, expected a dense or a sparse COO one")
    # Uncoalesced: the kernel sums duplicates itself, many times faster than coalesce().
    return Gradient(grad._values(), grad._indices())


def read_gradient(name: str, grad: Tensor, param: Tensor) -> Gradient:
    """A gradient in a type that kernels take beside its parameter.

    Raises:
        TypeError: its layout or type is invalid.
        ValueError: it is sparse and has another shape than the parameter.
        IndexError: on the CPU, an index along several dimensions is out of range.
    """
    found = parts_of(name, grad)
    if found.places is not None and grad.shape != param.shape:
        raise ValueError(f"{name}: a gradient has shape {tuple(grad.shape)}, expected {tuple(param.shape)}")
    if found.dimensions > 1:
        check_places(name, found, param.shape)
    return Gradient(as_type_for(name, found.values, param), found.places)


def check_places(name: str, gradient: Gradient, shape: torch.Size) -> None:
    """Check the places of a sparse gradient on the CPU, each in its own dimension.

    Raises:
        IndexError: one is out of range.
    """
    if gradient.places is None or not has_numbers(gradient.places) or on_device(gradient.places):
        return
    for dimension, (place, size) in enumerate(zip(gradient.places, shape, strict=False)):
        outside = (place < 0) | (place >= size)
        if outside.any():
            first = int(outside.nonzero()[0])
            raise IndexError(
                f"{name}: a sparse gradient has the index {int(place[first])} in dimension {dimension} at place "
                f"{first}, expected 0 to {size - 1}"
            )


def as_type_for(name: str, values: Tensor, param: Tensor) -> Tensor:
    """A gradient's values in a type that kernels take: the parameter's, or float32 beside a narrower one.

    Raises:
        TypeError: they are not real numbers beside a real parameter, or not complex ones beside a complex parameter.
    """
    if values.is_conj() or values.is_neg():
        values = values.resolve_conj().resolve_neg()
    if values.dtype == param.dtype:
        return values
    compute = compute_dtype(param)
    if not (values.is_floating_point() or values.is_complex()) or values.is_complex() != param.is_complex():
        expected = "complex numbers" if param.is_complex() else one_of()
        raise TypeError(f"{name}: grad holds {values.dtype}, expected {expected} beside a parameter of {param.dtype}")
    return values.to(compute)
