"""What a rule is called with beside arrays: its switches and its scalars, known or traced."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np

from ..codegen.rule.signature import read_signature
from ..operators.operator import Operator
from ..storage import STORAGES


def operator_of(rule: Callable[..., Any], named: Mapping[str, Any]) -> tuple[Operator, dict[str, Any]]:
    """A rule's operator with the switches among some named values, and the other values.

    Raises:
        TypeError: ``rule`` is not a rule, or a switch is no bool.
    """
    switches = read_signature(rule).switches | {"maximize": False}
    made = Operator(rule, **{name: named.get(name, value) for name, value in switches.items()})
    operator = Operator.from_spec(rule, made.spec, made.labels, made.options._replace(flat_rows=True))
    return operator, {name: value for name, value in named.items() if name not in switches}


def scalars_of(operator: Operator, named: Mapping[str, Any]) -> list[Any]:
    """The rule's scalars in its order: arrays of JAX without dimensions, known numbers as NumPy's float64.

    Raises:
        TypeError: one is missing, not known or no real number.
        ValueError: an array holds another number of elements than one.
    """
    arrays = {name: scalar(operator.name, name, value) for name, value in named.items() if is_array(value)}
    numbers = operator.scalars({**named, **dict.fromkeys(arrays, 0.0)})
    return [
        arrays.get(name, np.float64(number)) for name, number in zip(operator.signature.scalars, numbers, strict=True)
    ]


def scalar(operator: str, name: str, value: jax.Array) -> jax.Array:
    """An array of one real number, without its dimensions."""
    if value.dtype.kind not in "iu" and str(value.dtype) not in STORAGES:
        raise TypeError(f"{operator}: {name} holds {value.dtype}, expected a real number")
    if value.size != 1:
        raise ValueError(f"{operator}: {name} has shape {value.shape}, expected a scalar or an array of one element")
    return value.reshape(())


def is_array(value: Any) -> bool:
    """Whether a value is JAX's, known or traced."""
    return isinstance(value, jax.Array)
