"""What the originals computed, beside what the operators do: a few cases of each.

``golden.json`` is taken from the cases of the test suite; ``python -m tests.golden_cases`` writes it anew.
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

# How far a result may be from an original's, over max(1, |x|): the originals round in orders of their own.
BOUNDS = {"float64": 1e-6, "float32": 4e-6, "float16": 1.6e-2}
CREATED = "returned"


@cache
def cases() -> list[dict[str, Any]]:
    """The cases.

    Each has an ``id``; the ``operator`` that it is about; what is ``made``, an operator or a rule, with which
    ``options``; the states ``before`` the first step; and ``steps``: the ``calls`` that each takes, by the names of
    their arguments, and the states ``after`` it, as far as the original keeps them.
    """
    found: list[dict[str, Any]] = json.loads(resources.files(__package__).joinpath("golden.json").read_text("utf-8"))
    return found


def check_golden(outcome: Outcome) -> None:
    """Runs the cases of an operator."""
    for case in cases():
        if case["operator"] == outcome.name:
            outcome.check("golden", case["id"], check_case, case)


def check_case(case: Mapping[str, Any]) -> None:
    """Takes the steps of a case, each from where the original was."""
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
    """Compares a result with the original's."""
    if got.dtype != original.dtype or got.shape != original.shape:
        raise Mismatch(f"{name} of {got.dtype} {got.shape}", f"{original.dtype} {original.shape}")
    exact = original.astype(np.float64)
    far = np.abs(got.astype(np.float64) - exact) > BOUNDS[original.dtype.name] * np.maximum(1, np.abs(exact))
    far |= np.isnan(got)
    if far.any():
        came, expected = first_difference(got, original, far)
        raise Mismatch(f"{name}: {came}", expected)


def encoded(value: Any) -> Any:
    """An array, or a number, as JSON holds it: of the fewest digits that give it back."""
    if not np.ndim(value):
        return np.asarray(value).item()
    numbers = value.ravel().tolist() if value.dtype.kind in "iu" else [float(str(each)) for each in value.ravel()]
    return {value.dtype.name: numbers, "shape": value.shape}


def decoded(value: Any) -> Any:
    """The array, or the number, that JSON holds."""
    if not isinstance(value, dict):
        return value
    (name, numbers), (_, shape) = value.items()
    return np.array(numbers, name).reshape(shape)
