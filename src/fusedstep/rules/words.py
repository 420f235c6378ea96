"""The vocabulary of rules, with its meaning on NumPy arrays.

A rule may use these words, the operators ``+ - * / ** %``, comparisons and ``& | ~``. NumPy's and ``math``'s functions
of the same names are understood as well. Each backend (``codegen/*/words.py``) implements the same words; the functions
here are the reference. The result of a word has the type that ``+`` gives the same arguments: beside a Python number an
array keeps its own. ``isnan``, ``isinf`` and ``isfinite`` give a condition.

``x % y`` is Python's and NumPy's: the result has the sign of ``y`` and is NaN where ``y`` is 0. It is exact on every
backend, however large the quotient.
"""

from typing import Annotated, Any

import numpy as np

__all__ = [
    "abs",
    "ceil",
    "clip",
    "column_max",
    "column_mean",
    "column_min",
    "column_sum",
    "divide_or_zero",
    "exp",
    "floor",
    "isfinite",
    "isinf",
    "isnan",
    "log",
    "maximum",
    "minimum",
    "power",
    "row_max",
    "row_mean",
    "row_min",
    "row_sum",
    "sign",
    "sqrt",
    "tanh",
    "tensor_max",
    "tensor_mean",
    "tensor_min",
    "tensor_sum",
    "where",
]

# Annotations of states that hold one number per row or per column.
PerRow = Annotated[Any, "one number a row"]
PerColumn = Annotated[Any, "one number a column"]


def per_row(state: Any, var: Any) -> Any:
    """Return a state annotated ``PerRow``; raise ValueError if it lacks the axis of length 1 that ``row_sum`` leaves.

    NumPy would broadcast a state of shape ``(n,)`` along rows, without an error if the table is square. Operators take
    both shapes, since they read the annotation; they ignore this word.

    Raises:
        ValueError: the state has another shape; or the variable has fewer than two dimensions.

    >>> per_row(np.ones((2, 1)), np.ones((2, 3))).tolist()
    [[1.0], [1.0]]
    """
    return with_unit_axis("per_row", state, np.shape(var), -1)


def per_column(state: Any, var: Any) -> Any:
    """Return a state annotated ``PerColumn``; see ``per_row``.

    >>> per_column(np.ones((1, 3)), np.ones((2, 3))).tolist()
    [[1.0, 1.0, 1.0]]
    """
    return with_unit_axis("per_column", state, np.shape(var), -2)


def with_unit_axis(word: str, state: Any, shape: tuple[int, ...], axis: int) -> Any:
    """Return the state; raise ValueError unless it has ``shape`` with length 1 along an axis."""
    if len(shape) < 2:
        raise ValueError(f"{word}: the variable has shape {shape}, expected two dimensions or more")
    expected = list(shape)
    expected[axis] = 1
    if np.shape(state) != tuple(expected):
        raise ValueError(
            f"{word}: the state has shape {np.shape(state)}, expected {tuple(expected)} beside a variable of shape "
            f"{shape}; pass np.expand_dims(state, {axis}), which operators of the rule also take"
        )
    return state


def sqrt(x: Any) -> Any:
    """The square root, correctly rounded; NaN below zero.

    >>> float(sqrt(2.25))
    1.5
    """
    return np.sqrt(x)


def abs(x: Any) -> Any:  # noqa: A001 - the usual name
    """The magnitude.

    >>> float(abs(-0.5))
    0.5
    """
    return np.abs(x)


def sign(x: Any) -> Any:
    """-1, 0 or 1; NaN for NaN.

    >>> float(sign(-0.5))
    -1.0
    """
    return np.sign(x)


def maximum(x: Any, y: Any) -> Any:
    """The larger of the two; NaN if either is NaN.

    >>> float(maximum(0.5, 0))
    0.5
    """
    return np.maximum(x, y)


def minimum(x: Any, y: Any) -> Any:
    """The smaller of the two; NaN if either is NaN.

    >>> float(minimum(0.5, 0))
    0.0
    """
    return np.minimum(x, y)


def clip(x: Any, low: Any, high: Any) -> Any:
    """``x``, raised to ``low`` and then lowered to ``high``; NaN if one of them is NaN.

    A zero between the bounds, or equal to one of them, keeps its sign.

    >>> clip(np.array([-2.0, 0.25, 2.0]), -1, 1).tolist()
    [-1.0, 0.25, 1.0]
    """
    raised = np.where((x >= low) | (x != x), x, low)
    return np.where((raised <= high) | (raised != raised), raised, high)


def floor(x: Any) -> Any:
    """The largest whole number that is not above x; -0 for -0.

    >>> float(floor(-0.5))
    -1.0
    """
    return np.floor(x)


def ceil(x: Any) -> Any:
    """The smallest whole number that is not below x; -0 for -0 and for numbers between -1 and 0.

    >>> float(ceil(1.5))
    2.0
    """
    return np.ceil(x)


def isnan(x: Any) -> Any:
    """Whether x is NaN: a condition.

    >>> isnan(np.array([0.5, np.nan])).tolist()
    [False, True]
    """
    return np.isnan(x)


def isinf(x: Any) -> Any:
    """Whether x is infinite, of either sign: a condition.

    >>> isinf(np.array([0.5, -np.inf, np.nan])).tolist()
    [False, True, False]
    """
    return np.isinf(x)


def isfinite(x: Any) -> Any:
    """Whether x is neither infinite nor NaN: a condition.

    >>> isfinite(np.array([0.5, -np.inf, np.nan])).tolist()
    [True, False, False]
    """
    return np.isfinite(x)


def where(condition: Any, x: Any, y: Any) -> Any:
    """``x`` where the condition holds, else ``y``.

    A NaN makes every comparison false: write the condition so that the branch for false returns the NaN
    (``where(abs(z) <= l1, 0, z)``, not ``where(abs(z) > l1, z, 0)``).

    >>> float(where(2 > 1, 0.25, 0.75))
    0.25
    """
    return np.where(condition, x, y)


def exp(x: Any) -> Any:
    """e to the power x.

    >>> float(exp(0.0))
    1.0
    """
    return np.exp(x)


def log(x: Any) -> Any:
    """The natural logarithm.

    >>> float(log(1.0))
    0.0
    """
    return np.log(x)


def tanh(x: Any) -> Any:
    """The hyperbolic tangent; -0 for -0, and 1 with the sign of x where it is infinite.

    Kernels and XLA are within 2.5 units in the last place for every x, from the same steps: those of the CPU and of
    devices give the same bits.

    >>> float(tanh(0.0))
    0.0
    """
    return np.tanh(x)


def power(x: Any, y: Any) -> Any:
    """x to the power y; by a root where y is 0.5 for all elements.

    >>> float(power(2.0, 3.0))
    8.0
    """
    return np.sqrt(x, dtype=common_type(x, y)) if np.ndim(y) == 0 and y == 0.5 else np.power(x, y)


def divide_or_zero(x: Any, y: Any) -> Any:
    """``x / y``, and 0 where ``y`` is exactly 0; NaN propagates.

    For divisors that are 0 where no gradient was ever seen, so that no step is taken.

    >>> divide_or_zero(1.0, np.array([0.0, 4.0])).tolist()
    [0.0, 0.25]
    """
    common = common_type(x, y)
    dtype = np.float64 if common.kind in "biu" else common
    x, y = np.asarray(x, dtype), np.asarray(y, dtype)
    quotient = np.zeros(np.broadcast_shapes(x.shape, y.shape), dtype)
    return np.divide(x, y, out=quotient, where=y != 0)[()]


def common_type(x: Any, y: Any) -> np.dtype:
    """The type of ``x + y``."""
    with np.errstate(all="ignore"):
        return np.asarray(np.add(sample(x), sample(y))).dtype


def sample(x: Any) -> Any:
    """The smallest operand with the effect of ``x`` on the type of a sum."""
    # As an array, a Python number would have its own type, and widen the other operand.
    if isinstance(x, int | float):
        return x
    array = np.asarray(x)
    return np.empty(0, array.dtype) if array.ndim else array


def row_sum(x: Any) -> Any:
    """The sum over each row, the last axis, kept with length 1.

    Kernels add in float64, in a fixed order that does not depend on the machine or the number of threads.

    >>> row_sum(np.array([[1.0, 2.0], [3.0, 4.0]])).tolist()
    [[3.0], [7.0]]
    """
    return np.sum(x, axis=-1, keepdims=True)


def row_mean(x: Any) -> Any:
    """The mean over each row, the last axis, kept with length 1; see ``row_sum``.

    >>> row_mean(np.array([[1.0, 2.0], [3.0, 4.0]])).tolist()
    [[1.5], [3.5]]
    """
    return np.mean(x, axis=-1, keepdims=True)


def column_sum(x: Any) -> Any:
    """The sum over each column, the last axis but one, kept with length 1; see ``row_sum``.

    In a rule with this word, rows and columns are the last two dimensions of the variable.

    >>> column_sum(np.array([[1.0, 2.0], [3.0, 4.0]])).tolist()
    [[4.0, 6.0]]
    """
    return np.sum(x, axis=-2, keepdims=True)


def column_mean(x: Any) -> Any:
    """The mean over each column, the last axis but one, kept with length 1; see ``column_sum``.

    >>> column_mean(np.array([[1.0, 2.0], [3.0, 4.0]])).tolist()
    [[2.0, 3.0]]
    """
    return np.mean(x, axis=-2, keepdims=True)


def tensor_sum(x: Any) -> Any:
    """The sum over everything; see ``row_sum``.

    >>> float(tensor_sum(np.array([[1.0, 2.0], [3.0, 4.0]])))
    10.0
    """
    return np.sum(x)


def tensor_mean(x: Any) -> Any:
    """The mean over everything; see ``row_sum``.

    >>> float(tensor_mean(np.array([[1.0, 2.0], [3.0, 4.0]])))
    2.5
    """
    return np.mean(x)


def row_max(x: Any) -> Any:
    """The largest number of each row, the last axis, kept with length 1; NaN if one of them is NaN.

    Maxima and minima are exact, but for the sign of a zero. A variable without elements takes no step, so that kernels
    have no maximum of nothing, for which NumPy raises an error.

    >>> row_max(np.array([[1.0, 2.0], [4.0, 3.0]])).tolist()
    [[2.0], [4.0]]
    """
    return np.max(x, axis=-1, keepdims=True)


def row_min(x: Any) -> Any:
    """The smallest number of each row, the last axis, kept with length 1; see ``row_max``.

    >>> row_min(np.array([[1.0, 2.0], [4.0, 3.0]])).tolist()
    [[1.0], [3.0]]
    """
    return np.min(x, axis=-1, keepdims=True)


def column_max(x: Any) -> Any:
    """The largest number of each column, the last axis but one, kept with length 1; see ``row_max``, ``column_sum``.

    >>> column_max(np.array([[1.0, 2.0], [4.0, 3.0]])).tolist()
    [[4.0, 3.0]]
    """
    return np.max(x, axis=-2, keepdims=True)


def column_min(x: Any) -> Any:
    """The smallest number of each column, the last axis but one, kept with length 1; see ``column_max``.

    >>> column_min(np.array([[1.0, 2.0], [4.0, 3.0]])).tolist()
    [[1.0, 2.0]]
    """
    return np.min(x, axis=-2, keepdims=True)


def tensor_max(x: Any) -> Any:
    """The largest number of all; see ``row_max``.

    >>> float(tensor_max(np.array([[1.0, 2.0], [4.0, 3.0]])))
    4.0
    """
    return np.max(x)


def tensor_min(x: Any) -> Any:
    """The smallest number of all; see ``row_max``.

    >>> float(tensor_min(np.array([[1.0, 2.0], [4.0, 3.0]])))
    1.0
    """
    return np.min(x)
