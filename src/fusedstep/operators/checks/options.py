"""Check the options of operators: flags, switches, rounding, rows, counters."""

import numbers
from collections.abc import Mapping
from typing import Any

import numpy as np

from .scalars import check_host_scalar, parse_scalar


def parse_flag(operator: str, name: str, value: Any) -> bool:
    """Return a bool.

    Raises:
        TypeError: the value is not a bool.
    """
    if type(value) is not bool:
        raise TypeError(f"{operator}: {name} is {value!r} of type {type(value).__name__}, expected True or False")
    return value


def parse_switches(
    operator: str, known: Mapping[str, bool], given: Mapping[str, Any], maximize: Any = False
) -> tuple[tuple[str, bool], ...]:
    """A rule's switches in the order of their names: the defaults and the given ones, and ``maximize`` if it is True.

    Raises:
        TypeError: a switch is not one of the rule's, or is not a bool.
    """
    for name, value in given.items():
        if name not in known:
            raise TypeError(
                f"{operator}: no switch is called {name!r}; the rule's switches: {', '.join(known) or 'none'}; "
                "pass scalars to the call"
            )
        parse_flag(operator, name, value)
    every = {"maximize": True} if parse_flag(operator, "maximize", maximize) else {}
    return tuple(sorted({**known, **given, **every}.items()))


def parse_rounding(operator: str, value: Any) -> bool:
    """Return whether states are rounded stochastically.

    Raises:
        ValueError: the value is neither "nearest" nor "stochastic".
    """
    if not isinstance(value, str) or value not in ("nearest", "stochastic"):
        raise ValueError(f'{operator}: rounding is {value!r}, expected "nearest" or "stochastic"')
    return bool(value == "stochastic")


def check_rows(operator: str, value: Any) -> None:
    """Check the choice of the rows that take the step.

    Raises:
        ValueError: the value is neither "touched" nor "every".
    """
    if not isinstance(value, str) or value not in ("touched", "every"):
        raise ValueError(f"{operator}: rows is {value!r}, expected 'touched' or 'every'")


def parse_counter(operator: str, name: str, value: Any) -> int:
    """A whole number of 64 bits, not negative.

    Raises:
        TypeError: the value is not a whole number.
        ValueError: it is negative, or 2**64 or more.
    """
    if value is None:
        raise TypeError(f"{operator}: {name} is not given; stochastic rounding needs it: pass {name}=, a whole number")
    check_host_scalar(operator, name, value)
    counted = parse_scalar(operator, name, value) if not isinstance(value, numbers.Integral) else int(value)
    if isinstance(value, bool | np.bool_) or (isinstance(counted, float) and not counted.is_integer()):
        raise TypeError(f"{operator}: {name} is {value!r}, expected a whole number")
    if not 0 <= counted < 2**64:
        # Python refuses to write numbers with thousands of digits.
        given = counted if abs(counted) < 10**30 else "far out of range"
        raise ValueError(f"{operator}: {name} is {given}, expected 0 to 2**64 - 1")
    return int(counted)
