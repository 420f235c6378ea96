"""The step of an operator in plain NumPy: gradients are summed by row, then the rule is called.

The rule is run on NumPy arrays of the compute type, whose arithmetic is correctly rounded as the kernels' is, so that
results are compared bit for bit in every type. Only arithmetic between scalars differs in NumPy: kernels compute it in
float64 and round the result once. ``Scalar`` lets NumPy do the same.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np


class Scalar(np.lib.mixins.NDArrayOperatorsMixin):
    """A float64 that is rounded to the compute type when it is combined with an array."""

    def __init__(self, value: Any, compute: np.dtype) -> None:
        # Conditions stay truth values, so that & | ~ work.
        self.value = bool(value) if isinstance(value, bool | np.bool_) else float(value)
        self.compute = compute

    def __bool__(self) -> bool:
        return bool(self.value)

    def __float__(self) -> float:
        return float(self.value)

    def rounded(self) -> Any:
        """The number in the compute type; a condition unchanged."""
        return self.value if isinstance(self.value, bool | np.bool_) else self.compute.type(self.value)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.value, self.compute if dtype is None else dtype)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        if any(isinstance(each, np.ndarray | np.generic) for each in inputs):
            rounded = [each.rounded() if isinstance(each, Scalar) else each for each in inputs]
            return getattr(ufunc, method)(*rounded, **options)
        return Scalar(ufunc(*(getattr(each, "value", each) for each in inputs)), self.compute)


def compute_type(var: np.ndarray) -> np.dtype:
    """float64 for float64, float32 for all others."""
    return np.dtype(np.float64 if var.dtype == np.float64 else np.float32)


def summed(gradient: np.ndarray, indices: np.ndarray, compute: np.dtype) -> dict[int, np.ndarray]:
    """The gradient of each row of the indices, summed in their order, from the row's first gradient on."""
    sums: dict[int, np.ndarray] = {}
    with np.errstate(all="ignore"):
        for row, each in zip(indices.tolist(), gradient.astype(compute), strict=True):
            sums[row] = sums[row] + each if row in sums else each
    return sums


def apply_rule(
    rule: Callable[..., Any],
    states: Sequence[np.ndarray],
    gradient: np.ndarray,
    scalars: Mapping[str, Any],
    switches: Mapping[str, bool],
    compute: np.dtype,
) -> list[np.ndarray]:
    """The new states of a rule in the compute type, before they are rounded to their storage types."""
    exact = compute == np.float64
    numbers = {name: float(value) if exact else Scalar(value, compute) for name, value in scalars.items()}
    with np.errstate(all="ignore"):
        new = rule(*(state.astype(compute) for state in states), gradient.astype(compute), **numbers, **switches)
        return [np.asarray(each, compute) for each in (new if isinstance(new, tuple) else (new,))]


def step(
    rule: Callable[..., Any],
    states: Sequence[np.ndarray],
    gradient: np.ndarray,
    indices: np.ndarray | None,
    rows: str,
    scalars: Mapping[str, Any],
    switches: Mapping[str, bool] | None = None,
    compute: np.dtype | None = None,
) -> list[np.ndarray]:
    """The states after one step; the arguments are unchanged."""
    if not states[0].ndim:
        # Before NumPy 2 an array without dimensions takes the type of a literal beside it.
        lines = [each.reshape(1) for each in states]
        return [
            each.reshape(()) for each in step(rule, lines, gradient.reshape(1), None, rows, scalars, switches, compute)
        ]
    arithmetic = compute or compute_type(states[0])
    sums: dict[int, np.ndarray] = {}
    if indices is not None:
        # Sums have the compute type of the kernel: the rule in float64 gets the same sums.
        sums = summed(gradient, indices, compute_type(states[0]))
        gradient = np.zeros(states[0].shape, arithmetic)
        for row, total in sums.items():
            gradient[row] = total
    new = apply_rule(rule, states, gradient, scalars, switches or {}, arithmetic)
    results = [state.copy() if compute is None else state.astype(compute) for state in states]
    stepped: Any = ... if indices is None or rows == "every" else sorted(sums)
    with np.errstate(all="ignore"):
        for result, each in zip(results, new, strict=True):
            result[stepped] = np.broadcast_to(each, result.shape).astype(result.dtype)[stepped]
    return results


def bits(array: Any) -> np.ndarray:
    """An array's bits as integers, with one value for all NaNs."""
    whole = np.ascontiguousarray(array)
    found = whole.view(f"u{whole.itemsize}").copy()
    found[np.isnan(whole)] = np.iinfo(found.dtype).max
    return found.reshape(np.shape(array))
