"""Results of other libraries, compared with the operators': a few cases of each.

``golden.json`` comes from the cases of the test suite; ``python -m tests.golden_cases`` writes it.
"""

import json
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

import numpy as np

from .. import rules
from ..operators import catalogue
from ..operators.operator import Operator
from .expected import first_difference
from .outcome import Mismatch, Outcome

# The allowed difference from an original, relative to max(1, |x|): the originals round in other orders.
BOUNDS = {"float64": 1e-6, "float32": 4e-6, "float16": 1.6e-2}
CREATED = "returned"


@cache
def cases() -> list[dict[str, Any]]:
    """The cases.

    Each has an ``id``; the checked ``operator``; what is ``made``, an operator or a rule, with its ``options``; the
    states ``before`` the first step; and ``steps``: the ``calls`` of each, by argument names, and the states ``after``
    it that the original returns.
    """
    found: list[dict[str, Any]] = json.loads(resources.files(__package__).joinpath("golden.json").read_text("utf-8"))
    return found


def check_golden(outcome: Outcome) -> None:
    """Check the cases of an operator."""
    for case in cases():
        if case["operator"] == outcome.name:
            outcome.check("golden", case["id"], check_case, case)


def check_case(case: Mapping[str, Any]) -> None:
    """Take the steps of a case, each from the states of the original."""
    room, _, name = case["made"].partition(".")
    step: Any = (
        catalogue.OPERATORS[name](**case["options"])
        if room == "ops"
        else Operator(getattr(rules, name), **case["options"])
    )
    states = {each: decoded(value) for each, value in case["before"].items()}
    for number, taken in enumerate(case["steps"], 1):
        returned: Any = None
        for call in taken["calls"]:
            returned = step(**states, **{each: decoded(value) for each, value in call.items()})
        originals = {each: decoded(value) for each, value in taken["after"].items()}
        for each, original in originals.items():
            compare(f"{each} after step {number}", states[each] if each != CREATED else returned, original)
        states |= {each: original for each, original in originals.items() if each != CREATED}


def compare(name: str, got: np.ndarray, original: np.ndarray) -> None:
    """Compare a result with the original's."""
    if got.dtype != original.dtype or got.shape != original.shape:
        raise Mismatch(f"{name} of {got.dtype} {got.shape}", f"{original.dtype} {original.shape}")
    exact = original.astype(np.float64)
    far = np.abs(got.astype(np.float64) - exact) > BOUNDS[original.dtype.name] * np.maximum(1, np.abs(exact))
    far |= np.isnan(got)
    if far.any():
        came, expected = first_difference(got, original, far)
        raise Mismatch(f"{name}: {came}", expected)


def encoded(value: Any) -> Any:
    """An array or a number for JSON, with the fewest digits that restore it."""
    if not np.ndim(value):
        return np.asarray(value).item()
    numbers = value.ravel().tolist() if value.dtype.kind in "iu" else [float(str(each)) for each in value.ravel()]
    return {value.dtype.name: numbers, "shape": value.shape}


def decoded(value: Any) -> Any:
    """An array or a number from JSON."""
    if not isinstance(value, dict):
        return value
    (name, numbers), (_, shape) = value.items()
    return np.array(numbers, name).reshape(shape)
