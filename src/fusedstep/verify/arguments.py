"""A valid call of every operator: numbers that suit it, and arrays of any shape and type."""

import inspect
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np

from ..operators import catalogue
from ..operators.catalogue import NamedOperator
from ..storage import STORAGES

# Arguments of constructors and calls; any other number is 0.1.
NUMBERS = {"lr_power": -0.5, "momentum": 0.9, "epsilon": 1e-3, "eps": 1e-3, "global_step": 3, "step": 3, "steps": 3}
PENALTIES = ("l1", "l2", "l2_shrinkage")
# States under a square root, by their names in rules; all others may be negative.
ROOTED = {
    *("v", "vhat", "accum", "accum_update", "mean_square", "gradient_squared_accumulator"),
    *("exp_avg_sq_row", "exp_avg_sq_col", "exp_avg_sq"),
}
SHAPE = (5, 4, 3)


@cache
def dtypes() -> dict[str, np.dtype]:
    """NumPy's types for the storage types, by name; without ml_dtypes only NumPy's."""
    try:
        import ml_dtypes
    except ModuleNotFoundError:
        ml_dtypes = None
    homes = {name: np if storage.in_numpy else ml_dtypes for name, storage in STORAGES.items()}
    return {name: np.dtype(getattr(home, name)) for name, home in homes.items() if home}


def numbers(rng: np.random.Generator, shape: tuple[int, ...], dtype: Any = np.float32, positive: bool = False) -> Any:
    """Normal numbers, or their magnitudes plus 0.1."""
    drawn = rng.standard_normal(shape)
    return np.asarray(np.abs(drawn) + 0.1 if positive else drawn).astype(dtype)


def number(name: str) -> float:
    """A number that suits a scalar."""
    return NUMBERS.get(name, 0.01 if name in PENALTIES else 0.1)


def options(name: str) -> dict[str, Any]:
    """The required arguments of an operator's constructor."""
    parameters = inspect.signature(catalogue.OPERATORS[name]).parameters.values()
    return {each.name: number(each.name) for each in parameters if each.default is inspect.Parameter.empty}


def made(name: str, **more: Any) -> NamedOperator:
    """An operator with its required arguments."""
    return catalogue.OPERATORS[name](**options(name) | more)


@cache
def described(name: str) -> NamedOperator:
    """An operator whose arguments are inspected, never called; cached, since thousands of calls need it."""
    return made(name)


def arguments(
    name: str, shape: tuple[int, ...] = SHAPE, dtype: Any = np.float32, indices: Any = (3, 1, 3)
) -> dict[str, Any]:
    """The arguments of a valid call by name; ``shape`` is the variable's, ``indices`` are for sparse operators."""
    rng = np.random.default_rng(2)
    operator = described(name)
    rooted = {
        each for each, rule in zip(operator.state_names, operator.signature.states, strict=True) if rule in ROOTED
    }
    values: dict[str, Any] = {}
    for each, meanings in operator.entry.meanings.items():
        if each in operator.state_names:
            values[each] = numbers(rng, shape_of(operator, each, shape), dtype, positive=each in rooted)
        elif each == operator.labels.gradient:
            rows = (len(indices), *shape[1:]) if operator.entry.rows else shape
            values[each] = numbers(rng, rows, dtype)
        elif each == "indices":
            values[each] = np.array(indices, np.int64)
        else:
            values[each] = number(each) if len(meanings) == 1 else (number(each), number(each))
    return values


def shape_of(operator: NamedOperator, state: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of a state: the variable's, without its last axis per row, or the one before per column."""
    signature = operator.signature
    meaning = signature.states[operator.state_names.index(state)]
    if meaning in signature.per_row and len(shape) > 1:
        return shape[:-1]
    return shape[:-2] + shape[-1:] if meaning in signature.per_column and len(shape) > 1 else shape


def states_of(operator: NamedOperator, values: Mapping[str, Any]) -> list[str]:
    """The states among the arguments of a call, in the rule's order."""
    return [name for name in operator.state_names if name in values]
