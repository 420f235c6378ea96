"""The types of states: those that a caller asks for, else their parameter's, but never 16 bits."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from ..arrays import borrow
from ..codegen.xla.build import COMPLEX
from ..operators.checks.arrays import check_storage_mix
from ..operators.operator import Operator
from ..storage import STORAGES, compute_type, one_of

# The types of the parts of complex numbers.
PARTS = {name: part for part, name in COMPLEX.items()}


class StateTypes(NamedTuple):
    """The storage types of states.

    Attributes:
        every: that of all states without one of their own; None follows the parameter.
        own: those of single states by name.
    """

    every: str | None
    own: dict[str, str]

    def storage_of(self, name: str, param: str) -> str:
        """The storage type of a state beside a parameter of a storage type."""
        # A decaying mean of 16 bits stops halfway: a step of 1 - 0.999 of it is less than half of its last place.
        return self.own.get(name) or self.every or compute_type(param)


def parse_state_dtype(operator: Operator, given: Any) -> StateTypes:
    """The types that a caller asks for: one for all states, or some by name.

    Raises:
        TypeError: a type is not one of states, or a name is no state's.
    """
    if isinstance(given, StateTypes):
        return given
    if not isinstance(given, Mapping):
        return StateTypes(parse_type(operator.name, "state_dtype", given), {})
    names = operator.signature.states[1:]
    unknown = sorted(str(name) for name in given if name not in names)
    if unknown:
        states = ", ".join(names) or "no state"
        raise TypeError(f"{operator.name}: takes a state_dtype of {states}; not known: {', '.join(unknown)}")
    found = {name: parse_type(operator.name, f"state_dtype[{name!r}]", each) for name, each in given.items()}
    return StateTypes(None, {name: each for name, each in found.items() if each})


def parse_type(operator: str, name: str, given: Any) -> str | None:
    """The storage type of a state from a type of NumPy or JAX, or its name; of a complex type that of its parts.

    Raises:
        TypeError: it is no type of states.
    """
    if given is None:
        return None
    try:
        found = given if isinstance(given, str) else np.dtype(given).name
    except TypeError:
        raise TypeError(f"{operator}: {name} is {borrow.kind(given)}, expected {one_of()}") from None
    storage = PARTS.get(found, found)
    if storage not in STORAGES:
        raise TypeError(f"{operator}: {name} is {found}, expected {one_of()}")
    return storage


def state_type(operator: Operator, types: StateTypes, name: str, param: Any, is_complex: bool) -> str:
    """The type of a state of a parameter.

    Raises:
        TypeError: it cannot be combined with the parameter's.
    """
    beside = PARTS.get(str(param.dtype), str(param.dtype))
    storage = types.storage_of(name, beside)
    check_beside(operator, name, storage, beside)
    if not is_complex:
        return storage
    if storage not in COMPLEX:
        raise TypeError(
            f"{operator.name}: {name} is complex as its parameter, expected {one_of(COMPLEX)}, got {storage}"
        )
    return COMPLEX[storage]


def check_beside(operator: Operator, name: str, storage: str, param: str) -> None:
    """Check the storage type of a state beside a parameter of a storage type. XLA takes narrower ones beside float64.

    Raises:
        TypeError: it is wider than the type in which the parameter is computed.
    """
    if compute_type(param) != "float64":
        check_storage_mix(operator.name, ("parameter", name), (param, storage))
