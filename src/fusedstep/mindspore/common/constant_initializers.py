"""Initializers without chance."""

import numpy as np

from .initializer_base import Initializer, needs_dimensions, registered


@registered("zeros")
class Zero(Initializer):
    """Fills with 0."""

    def _initialize(self, arr: np.ndarray) -> None:
        arr[...] = 0


@registered("ones")
class One(Initializer):
    """Fills with 1."""

    def _initialize(self, arr: np.ndarray) -> None:
        arr[...] = 1


class Constant(Initializer):
    """Fills with a number.

    Args:
        value: the number.
    """

    def __init__(self, value: float) -> None:
        super().__init__(value=value)
        self.value = value

    def _initialize(self, arr: np.ndarray) -> None:
        arr[...] = self.value


@registered()
class Identity(Initializer):
    """1 on the diagonal of a matrix, else 0.

    Raises:
        ValueError: the tensor is no matrix.
    """

    def _initialize(self, arr: np.ndarray) -> None:
        needs_dimensions("Identity", arr.shape, (2,))
        arr[...] = np.eye(*arr.shape)


@registered()
class Dirac(Initializer):
    """Convolution weights that keep as many channels as possible as they are.

    Args:
        groups: into how many parts the first dimension is divided.

    Raises:
        ValueError: there are not three to five dimensions, or the groups do not divide the first.
    """

    def __init__(self, groups: int = 1) -> None:
        super().__init__(groups=groups)
        self.groups = groups

    def _initialize(self, arr: np.ndarray) -> None:
        needs_dimensions("Dirac", arr.shape, (3, 4, 5))
        if arr.shape[0] % self.groups:
            raise ValueError(f"Dirac: shape {arr.shape} is not divisible into {self.groups} groups in its first length")
        arr[...] = 0
        per_group = arr.shape[0] // self.groups
        middle = tuple(length // 2 for length in arr.shape[2:])
        for group in range(self.groups):
            for channel in range(min(per_group, arr.shape[1])):
                arr[(group * per_group + channel, channel, *middle)] = 1
