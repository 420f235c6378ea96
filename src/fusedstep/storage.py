"""The one table of storage types: how an element lies in memory, and in which type it is computed."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Storage:
    """A storage type. States of several storage types go together if they have one compute type.

    Attributes:
        name: its name; NumPy or ml_dtypes, PyTorch and JAX use the same.
        bits: the size of an element.
        compute: the type in which rules compute, "float32" or "float64".
        stochastic: whether backends have conversions that round stochastically.
        in_numpy: whether it is NumPy's own type; ml_dtypes has the others.
    """

    name: str
    bits: int
    compute: str
    stochastic: bool = False
    in_numpy: bool = True

    @property
    def item_bytes(self) -> int:
        """The size of an element in bytes."""
        return self.bits // 8

    @property
    def is_narrow(self) -> bool:
        """Whether elements are converted when they are loaded and stored."""
        return self.name != self.compute

    @property
    def array_type(self) -> str:
        """NumPy's type of the arrays that kernels see; narrow types lie there as bits."""
        return f"uint{self.bits}" if self.is_narrow else self.name

    @property
    def gradients(self) -> tuple[str, ...]:
        """The storage types of a gradient that goes with a variable of this type."""
        return (self.name, self.compute) if self.is_narrow else (self.name,)


STORAGES = {
    each.name: each
    for each in (
        Storage("float32", 32, "float32"),
        Storage("float64", 64, "float64"),
        Storage("float16", 16, "float32", stochastic=True),
        Storage("bfloat16", 16, "float32", stochastic=True, in_numpy=False),
    )
}


def compute_type(storage: str) -> str:
    """The type in which a variable of a storage type is computed."""
    return STORAGES[storage].compute


def types_beside(storage: str) -> list[str]:
    """The storage types that go together with one: those with its compute type.

    >>> types_beside("bfloat16")
    ['float32', 'float16', 'bfloat16']
    """
    return [each.name for each in STORAGES.values() if each.compute == compute_type(storage)]


def one_of(names: Iterable[str] = STORAGES) -> str:
    """Names of storage types for a sentence.

    >>> one_of()
    'float32, float64, float16 or bfloat16'
    """
    *most, last = names
    return f"{', '.join(most)} or {last}" if most else last
