"""Invalid calls, which an operator must refuse, and unusual valid ones, which it must accept."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..operators.catalogue import NamedOperator
from .arguments import made, states_of
from .expected import Expected
from .hostile import ROWS, SHAPE, good, hostile_calls, on_matrices
from .memory import content, guarded
from .outcome import Mismatch, Outcome
from .results import compared

REFUSALS = (TypeError, ValueError, IndexError)


def check_calls(outcome: Outcome) -> None:
    """Check the calls that an operator refuses and accepts."""
    operator = made(outcome.name)
    for description, values in hostile_calls(operator):
        outcome.check("calls", description, check_refused, operator, values)
    for description, values in odd_calls(operator):
        outcome.check("calls", description, check_accepted, operator, values)


def check_refused(operator: NamedOperator, values: dict[str, Any]) -> None:
    """Check that a call raises a standard error that names the operator, and changes no byte."""
    before = content(values)
    try:
        operator(**values)
    except Exception as error:
        came = f"{type(error).__name__}: {error}"
        if type(error) not in REFUSALS or not str(error).startswith(operator.name):
            raise Mismatch(
                came, f"TypeError, ValueError or IndexError, and a sentence about {operator.name}"
            ) from error
        changed = [name for name, held in content(values).items() if held != before[name]]
        if changed:
            raise Mismatch(f"{', '.join(changed)} changed before {came}", "memory as it was") from error
        return
    raise Mismatch("no error", "TypeError, ValueError or IndexError")


def check_accepted(operator: NamedOperator, values: dict[str, Any]) -> None:
    """Check that a call succeeds, with the results of the rule."""
    compared(operator, values, Expected(operator, values))


def odd_calls(operator: NamedOperator) -> Iterator[tuple[str, dict[str, Any]]]:
    """Valid calls that are unusual."""
    name, sparse = operator.name, bool(operator.entry.rows)
    gradient, first = operator.labels.gradient, next(iter(states_of(operator, good(name))))
    yield "no rows", good(name, (0, 4))
    yield "rows of nothing", good(name, (5, 0))
    if sparse:
        none = {gradient: np.empty((0, 4), np.float32)}
        yield "no indices", good(name) | none | {"indices": np.empty(0, np.int64)}
        for kind in (np.int8, np.uint8, np.int32, np.uint64):
            yield f"indices of {kind.__name__}", good(name) | {"indices": np.array([3, 1, 3], kind)}
        yield "indices in a list", good(name) | {"indices": [3, 1, 3]}
        yield "indices in a range", good(name) | {"indices": range(5, 2, -1)}
        yield "indices in steps", good(name) | {"indices": np.array([3, 0, 1, 0, 3])[::2]}
    else:
        yield "no dimension", good(name, ())
        yield "three dimensions", good(name, (2, 3, 4))
    values = good(name)
    yield "a gradient in columns", values | {gradient: np.asfortranarray(values[gradient])}
    swapped = values[gradient].astype(values[gradient].dtype.newbyteorder())
    yield "a gradient of the other byte order", values | {gradient: guarded(swapped)}
    values = good(name)
    values[gradient].flags.writeable = False
    yield "a read-only gradient", values
    if values[first].shape == SHAPE and not on_matrices(operator).array_spec.matrices:
        wide = np.full((ROWS, SHAPE[1] + 3), np.nan, np.float32)
        wide[:, 1 : SHAPE[1] + 1] = values[first]
        yield f"{first} a column slice", good(name) | {first: wide[:, 1 : SHAPE[1] + 1]}
    if not sparse:
        values = good(name)
        yield f"{gradient} in the memory of {first}", values | {gradient: values[first][:]}
