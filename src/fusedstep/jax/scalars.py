"""The scalars and switches of a call. A scalar is known, or traced by JAX."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from ..codegen.rule.signature import read_signature
from ..codegen.rule.text import rule_of
from ..operators.operator import Operator
from ..storage import STORAGES


def split_switches(
    rule: Callable[..., Any] | str, given: Mapping[str, Any], name: str = ""
) -> tuple[Operator, dict[str, Any]]:
    """Split keyword arguments: return the rule's operator, with its switches set, and the other arguments.

    Args:
        rule: the rule.
        given: the arguments.
        name: what messages call the operator; by default the rule's name.

    Raises:
        TypeError: ``rule`` is not a rule, or a switch is not a bool.
    """
    function = rule_of(rule)
    switches = read_signature(function).switches | {"maximize": False}
    made = Operator(function, **{name: given.get(name, value) for name, value in switches.items()})
    # Translated at each call, since global constants are read at each call of a function of JAX.
    # Rows may have more than one dimension, as in the optimizers of fusedstep.torch.
    labels = made.labels._replace(operator=name or made.name)
    operator = Operator.from_spec(function, made.spec, labels, made.options._replace(flat_rows=True))
    return operator, {name: value for name, value in given.items() if name not in switches}


def parse_scalars(operator: Operator, given: Mapping[str, Any]) -> list[Any]:
    """The rule's scalars in order: arrays of JAX without dimensions, and NumPy's float64 for known numbers.

    Raises:
        TypeError: one is missing, unknown or not a real number.
        ValueError: an array does not have exactly one element.
    """
    arrays = {name: parse_scalar_array(operator.name, name, value) for name, value in given.items() if is_array(value)}
    numbers = operator.scalars({**given, **dict.fromkeys(arrays, 0.0)})
    return [
        arrays.get(name, np.float64(number)) for name, number in zip(operator.signature.scalars, numbers, strict=True)
    ]


def parse_scalar_array(operator: str, name: str, value: jax.Array) -> jax.Array:
    """An array of one real number, without dimensions.

    Raises:
        TypeError: its type is not a real number's.
        ValueError: it does not have exactly one element.
    """
    if value.dtype.kind not in "iu" and str(value.dtype) not in STORAGES:
        raise TypeError(f"{operator}: {name} holds {value.dtype}, expected a real number")
    if value.size != 1:
        raise ValueError(f"{operator}: {name} has shape {value.shape}, expected a scalar or an array of one element")
    return value.reshape(())


def split_arrays(values: Sequence[Any]) -> tuple[list[Any], list[jax.Array]]:
    """Split values: return them with None in place of JAX's arrays, and these arrays."""
    return [None if is_array(each) else each for each in values], [each for each in values if is_array(each)]


def join_arrays(known: Sequence[Any], arrays: Sequence[Any]) -> list[Any]:
    """Put the arrays of ``split_arrays`` back in place."""
    remaining = iter(arrays)
    return [next(remaining) if each is None else each for each in known]


def is_array(value: Any) -> bool:
    """Return whether a value is an array of JAX, known or traced."""
    return isinstance(value, jax.Array)
