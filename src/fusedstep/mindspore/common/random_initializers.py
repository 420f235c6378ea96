"""Initializers that draw numbers, from NumPy's generators."""

import math

import numpy as np

from .initializer_base import Initializer, needs_dimensions, registered
from .seed import generator

# The standard deviation of a standard normal distribution that is cut off at -2 and 2.
CUT_DEVIATION = 0.87962566103423978
GAINS = {"sigmoid": 1.0, "tanh": 5 / 3, "relu": math.sqrt(2)}
LINEAR = ("linear", *(f"conv{kind}{n}d" for kind in ("", "_transpose") for n in (1, 2, 3)))


@registered()
class Normal(Initializer):
    """The normal distribution.

    Args:
        sigma: its standard deviation.
        mean: its mean.
    """

    def __init__(self, sigma: float = 0.01, mean: float = 0.0) -> None:
        super().__init__(sigma=sigma, mean=mean)
        self.sigma, self.mean = sigma, mean

    def _initialize(self, arr: np.ndarray) -> None:
        arr[...] = generator().normal(self.mean, self.sigma, arr.shape)


@registered()
class Uniform(Initializer):
    """The uniform distribution between -scale and scale.

    Args:
        scale: the bound.
    """

    def __init__(self, scale: float = 0.07) -> None:
        super().__init__(scale=scale)
        self.scale = scale

    def _initialize(self, arr: np.ndarray) -> None:
        arr[...] = generator().uniform(-self.scale, self.scale, arr.shape)


@registered()
class TruncatedNormal(Initializer):
    """The normal distribution between two bounds, which are counted in standard deviations from the mean.

    Args:
        sigma: the standard deviation.
        mean: the mean.
        a: the lower bound.
        b: the upper bound.
    """

    def __init__(self, sigma: float = 0.01, mean: float = 0.0, a: float = -2.0, b: float = 2.0) -> None:
        super().__init__(sigma=sigma, mean=mean, a=a, b=b)
        self.sigma, self.mean, self.a, self.b = sigma, mean, a, b

    def _initialize(self, arr: np.ndarray) -> None:
        arr[...] = self.mean + self.sigma * cut_normal(arr.shape, self.a, self.b)


@registered("xavier_normal")
class XavierNormal(Initializer):
    """The normal distribution with deviation gain * sqrt(2 / (fan_in + fan_out)).

    Args:
        gain: the factor.
    """

    def __init__(self, gain: float = 1) -> None:
        super().__init__(gain=gain)
        self.gain = gain

    def _initialize(self, arr: np.ndarray) -> None:
        Normal(self.gain * math.sqrt(2 / sum(fans(arr.shape))))(arr)


@registered("xavier_uniform")
class XavierUniform(Initializer):
    """The uniform distribution with bound gain * sqrt(6 / (fan_in + fan_out)).

    Args:
        gain: the factor.
    """

    def __init__(self, gain: float = 1) -> None:
        super().__init__(gain=gain)
        self.gain = gain

    def _initialize(self, arr: np.ndarray) -> None:
        Uniform(self.gain * math.sqrt(6 / sum(fans(arr.shape))))(arr)


class He(Initializer):
    """What the two initializers of He have in common.

    Args:
        negative_slope: the slope of ``leaky_relu`` below 0.
        mode: "fan_in" or "fan_out".
        nonlinearity: the name of the function behind the layer.

    Raises:
        ValueError: the mode or the name is unknown.
    """

    def __init__(self, negative_slope: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu") -> None:
        super().__init__(negative_slope=negative_slope, mode=mode, nonlinearity=nonlinearity)
        self.negative_slope, self.mode, self.nonlinearity = negative_slope, mode, nonlinearity

    def deviation(self, shape: tuple[int, ...]) -> float:
        """The standard deviation for a shape."""
        name = type(self).__name__
        if self.mode.lower() not in ("fan_in", "fan_out"):
            raise ValueError(f"{name}: mode is {self.mode!r}, expected 'fan_in' or 'fan_out'")
        known = {**dict.fromkeys(LINEAR, 1.0), **GAINS, "leaky_relu": math.sqrt(2 / (1 + self.negative_slope**2))}
        if self.nonlinearity not in known:
            raise ValueError(f"{name}: nonlinearity is {self.nonlinearity!r}, expected one of {', '.join(known)}")
        fan_in, fan_out = fans(shape)
        return known[self.nonlinearity] / math.sqrt(fan_in if self.mode.lower() == "fan_in" else fan_out)


@registered("he_normal")
class HeNormal(He):
    """The normal distribution with deviation gain / sqrt(fan)."""

    def _initialize(self, arr: np.ndarray) -> None:
        Normal(self.deviation(arr.shape))(arr)


@registered("he_uniform")
class HeUniform(He):
    """The uniform distribution with bound gain * sqrt(3 / fan)."""

    def _initialize(self, arr: np.ndarray) -> None:
        Uniform(math.sqrt(3) * self.deviation(arr.shape))(arr)


@registered()
class Sparse(Initializer):
    """The normal distribution, with a part of each column set to 0.

    Args:
        sparsity: which part of each column is 0.
        sigma: the standard deviation of the others.

    Raises:
        ValueError: the tensor is no matrix.
    """

    def __init__(self, sparsity: float, sigma: float = 0.01) -> None:
        super().__init__(sparsity=sparsity, sigma=sigma)
        self.sparsity, self.sigma = sparsity, sigma

    def _initialize(self, arr: np.ndarray) -> None:
        needs_dimensions("Sparse", arr.shape, (2,))
        Normal(self.sigma)(arr)
        random = generator()
        zeros = math.ceil(self.sparsity * arr.shape[0])
        for column in range(arr.shape[1]):
            arr[random.permutation(arr.shape[0])[:zeros], column] = 0


@registered()
class Orthogonal(Initializer):
    """A matrix with orthogonal rows or columns, whichever are fewer.

    Args:
        gain: the length of each.

    Raises:
        ValueError: there are fewer than two dimensions.
    """

    def __init__(self, gain: float = 1.0) -> None:
        super().__init__(gain=gain)
        self.gain = gain

    def _initialize(self, arr: np.ndarray) -> None:
        needs_dimensions("Orthogonal", arr.shape, tuple(range(2, 65)))
        rows, columns = arr.shape[0], arr.size // arr.shape[0]
        q, r = np.linalg.qr(generator().normal(size=(max(rows, columns), min(rows, columns))))
        q *= np.sign(np.diag(r))
        arr[...] = self.gain * (q.T if rows < columns else q).reshape(arr.shape)


@registered()
class VarianceScaling(Initializer):
    """A distribution whose variance is scale / n, where n counts inputs, outputs, or is their mean.

    Args:
        scale: the factor.
        mode: "fan_in", "fan_out" or "fan_avg".
        distribution: "uniform", "truncated_normal" or "untruncated_normal".

    Raises:
        ValueError: an argument is invalid.
    """

    def __init__(self, scale: float = 1.0, mode: str = "fan_in", distribution: str = "truncated_normal") -> None:
        super().__init__(scale=scale, mode=mode, distribution=distribution)
        modes, distributions = ("fan_in", "fan_out", "fan_avg"), ("uniform", "truncated_normal", "untruncated_normal")
        if not scale > 0:
            raise ValueError(f"VarianceScaling: scale is {scale!r}, expected a number above 0")
        for name, given, known in (("mode", mode, modes), ("distribution", distribution, distributions)):
            if given not in known:
                raise ValueError(f"VarianceScaling: {name} is {given!r}, expected one of {', '.join(known)}")
        self.scale, self.mode, self.distribution = scale, mode, distribution

    def _initialize(self, arr: np.ndarray) -> None:
        fan_in, fan_out = fans(arr.shape)
        fan = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        deviation = math.sqrt(self.scale / max(1.0, fan))
        if self.distribution == "uniform":
            Uniform(math.sqrt(3) * deviation)(arr)
        elif self.distribution == "truncated_normal":
            TruncatedNormal(deviation / CUT_DEVIATION)(arr)
        else:
            Normal(deviation)(arr)


def fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """How many inputs and outputs an element of a weight has: dimensions from the third on count for both.

    >>> fans((2, 3, 5))
    (15, 10)
    """
    needs_dimensions("initializer", shape, tuple(range(2, 65)))
    field = math.prod(shape[2:])
    return shape[1] * field, shape[0] * field


def cut_normal(shape: tuple[int, ...], low: float, high: float) -> np.ndarray:
    """Numbers of the standard normal distribution that lie between two bounds.

    Raises:
        ValueError: hardly any number lies between the bounds.
    """
    if (math.erf(high / math.sqrt(2)) - math.erf(low / math.sqrt(2))) / 2 < 1e-4:
        raise ValueError(f"TruncatedNormal: between a {low} and b {high} is too little of the normal distribution")
    random = generator()
    drawn = random.normal(size=shape)
    outside = (drawn < low) | (drawn > high)
    while outside.any():
        drawn = np.where(outside, random.normal(size=shape), drawn)
        outside = (drawn < low) | (drawn > high)
    return drawn
