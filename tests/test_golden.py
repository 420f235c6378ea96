"""Values that MindSpore and TensorFlow computed; see golden/README.md.

To test another operator, copy its cases into ``golden/`` and add one row to ``OPERATORS``.
"""

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fusedstep as fs

from . import reference

FOLDER = Path(__file__).parent / "golden"
TOLERANCE = {"float64": 1e-6, "float32": 4e-6, "float16": 1.6e-2, "bfloat16": 1.6e-2}


@dataclass(frozen=True)
class Counterpart:
    """What stands for an original operator here.

    Attributes:
        name: the operator of ``fs.ops``.
        arguments: the original's names of its arguments, in the order of ours.
        cases: how many cases there are.
        options: what to construct ours with, beyond what the case says.
        in_turn: whether the original applies the gradients of one row one after another, where we sum them first.
    """

    name: str
    arguments: str
    cases: int
    options: dict[str, Any] = field(default_factory=dict)
    in_turn: bool = False


ADAM = "var m v beta1_power beta2_power lr beta1 beta2 epsilon gradient indices"
BY_RATE = {"shrink": "lr/sqrt(accum)"}

OPERATORS = {
    "FusedSparseAdam": Counterpart("FusedSparseAdam", ADAM, 14),
    "FusedSparseLazyAdam": Counterpart("FusedSparseLazyAdam", ADAM, 12),
    "FusedSparseProximalAdagrad": Counterpart(
        "FusedSparseProximalAdagrad", "var accum lr l1 l2 grad indices", 9, BY_RATE
    ),
    "ApplyProximalAdagrad": Counterpart("ApplyProximalAdagrad", "var accum lr l1 l2 grad", 13, BY_RATE),
    "ResourceApplyProximalAdagrad": Counterpart("ApplyProximalAdagrad", "var accum lr l1 l2 grad", 15, BY_RATE),
    "ResourceSparseApplyProximalAdagrad": Counterpart(
        "FusedSparseProximalAdagrad", "var accum lr l1 l2 grad indices", 17, BY_RATE, in_turn=True
    ),
}


# Mistakes of an original that are not repeated. Each leaves NaN, nothing else, where it happened: those elements must
# equal the rule in float64 instead.
EXCEPTIONS = {
    "FusedSparseAdam__f32_nesterov_partial": "with use_nesterov MindSpore reads uninitialised memory for rows that are "
    "not named (the manifest's `undefined`); here they take the step with a zero gradient, as without use_nesterov",
    "ResourceApplyProximalAdagrad__zero_state__float32": "TensorFlow computes 0/0 = NaN where accum and gradient are "
    "0; here no step is taken",
    "ResourceApplyProximalAdagrad__denormal__float32": "TensorFlow takes denormal numbers for 0, and 0/0 for NaN; here "
    "no step is taken where squares underflow to 0, and the denormal weights stay",
    "ResourceSparseApplyProximalAdagrad__zero_state__float32__int32": "TensorFlow computes 0/0 = NaN where accum and "
    "gradient are 0; here no step is taken",
}


@dataclass(frozen=True)
class Case:
    """One case of either original: where it starts, the arguments of every step, and the states after it."""

    id: str
    row: Counterpart
    dtype: str
    attrs: dict[str, Any]
    before: dict[str, np.ndarray]
    steps: list[dict[str, np.ndarray]]
    after: list[dict[str, np.ndarray]]


def manifest() -> list[tuple[str, dict[str, Any]]]:
    text = json.loads((FOLDER / "manifest.json").read_text())
    return [(origin, case) for origin in text for case in text[origin]["cases"]]


def read(origin: str, case: dict[str, Any]) -> Case:
    with np.load(FOLDER / case["file"]) as file:
        arrays = dict(file)
    if case["dtype"] == "bfloat16":
        # NumPy's files know no bfloat16: they hold its bits.
        arrays = {
            name: each.view(reference.BFLOAT16) if each.dtype == np.uint16 else each for name, each in arrays.items()
        }
    states, count = case["states"], case["steps"]
    if origin == "mindspore":
        inputs = [name for name in case["inputs"] if name not in states]
        before = {name: arrays[f"state0__{name}"] for name in states}
        steps = [{name: arrays[f"step{k}__in__{name}"] for name in inputs} for k in range(count)]
        after = [{name: arrays[f"step{k}__state__{name}"] for name in states} for k in range(count)]
    else:
        before = {name: arrays[f"init_{name}"] for name in states}
        hypers = {name: arrays[f"h_{name}"] for name in case["hypers"]}
        steps = [hypers | {name: arrays[f"s{k}_{name}"] for name in case["step_inputs"]} for k in range(1, count + 1)]
        after = [{name: arrays[f"out{k}_{name}"] for name in states} for k in range(1, count + 1)]
    return Case(case["id"], OPERATORS[case["op"]], case["dtype"], case["attrs"], before, steps, after)


def distance(got: np.ndarray, expected: np.ndarray) -> float:
    """The largest error over max(1, |x|). What is not finite must be the same on both sides."""
    got, expected = got.astype(np.float64), expected.astype(np.float64)
    finite = np.isfinite(expected)
    np.testing.assert_array_equal(got[~finite], expected[~finite])
    error = np.abs(got[finite] - expected[finite]) / np.maximum(1, np.abs(expected[finite]))
    return float(error.max(initial=0))


def calls(case: Case, arguments: dict[str, np.ndarray]) -> list[dict[str, np.ndarray]]:
    """The calls of ours that one step of the original stands for: one, or one for each gradient row."""
    if not case.row.in_turn:
        return [arguments]
    gradient = "gradient" if "gradient" in arguments else "grad"
    entries = [slice(entry, entry + 1) for entry in range(len(arguments["indices"]))]
    return [arguments | {name: arguments[name][each] for name in (gradient, "indices")} for each in entries]


def by_rule(operator: Any, states: list[np.ndarray], arguments: dict[str, np.ndarray]) -> list[np.ndarray]:
    """The states after a call, by the rule in float64."""
    scalars = {name: arguments[name] for name in operator.signature.scalars}
    gradient, indices = arguments[operator.gradient_name], arguments.get("indices")
    rows, switches = operator.entry.rows, dict(operator.switches)
    return reference.step(operator.rule, states, gradient, indices, rows, scalars, switches, np.dtype(np.float64))


@pytest.mark.parametrize(
    ("origin", "entry"), [pytest.param(*each, id=f"{each[0]}-{each[1]['id']}") for each in manifest()]
)
def test_golden(origin: str, entry: dict[str, Any]) -> None:
    case = read(origin, entry)
    operator = getattr(fs.ops, case.row.name)(**case.attrs, **case.row.options)
    states = {name: array.copy() for name, array in case.before.items()}
    exact = [array.astype(np.float64) for array in states.values()]
    excepted = 0
    for number, arguments in enumerate(case.steps):
        for call in calls(case, arguments):
            values = states | call
            returned = operator(*(values[name] for name in case.row.arguments.split()))
            assert all(ours is given for ours, given in zip(returned, states.values(), strict=True))
            exact = by_rule(operator, exact, call)
        for (name, state), instead in zip(states.items(), exact, strict=True):
            original = case.after[number][name]
            assert state.dtype == original.dtype == reference.DTYPES[case.dtype]
            known = ~np.isnan(original) if case.id in EXCEPTIONS else np.ones(state.shape, bool)
            assert distance(state[known], original[known]) <= TOLERANCE[case.dtype], f"{name}, step {number + 1}"
            assert np.isfinite(state[~known]).all(), f"{name}, step {number + 1}"
            assert distance(state[~known], instead[~known]) <= TOLERANCE[case.dtype], f"{name}, step {number + 1}"
            excepted += np.count_nonzero(~known)
    assert bool(excepted) == (case.id in EXCEPTIONS)


def test_every_golden_case_is_run() -> None:
    entries = [entry for _, entry in manifest()]
    assert Counter(entry["op"] for entry in entries) == {name: row.cases for name, row in OPERATORS.items()}
    assert {entry["file"] for entry in entries} == {str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*.npz")}
    assert len({entry["id"] for entry in entries}) == len(entries)


def test_every_exception_is_of_a_case_and_every_undefined_case_is_one() -> None:
    entries = {entry["id"]: entry for _, entry in manifest()}
    assert EXCEPTIONS.keys() <= entries.keys()
    assert {name for name, entry in entries.items() if entry.get("undefined")} <= EXCEPTIONS.keys()


@pytest.mark.parametrize("name", ["ApplyProximalAdagrad", "FusedSparseProximalAdagrad"])
def test_negative_l1_is_refused(name: str) -> None:
    # MindSpore ignores it: no case may hold one, since none could be right.
    assert all(read(*each).steps[0].get("l1", 0) >= 0 for each in manifest())
    var, accum = np.ones((2, 3), np.float32), np.ones((2, 3), np.float32)
    indices = [np.array([1])] if name == "FusedSparseProximalAdagrad" else []
    grad = np.ones((1, 3) if indices else (2, 3), np.float32)
    with pytest.raises(ValueError, match=rf"{name}: l1 is -0.1"):
        getattr(fs.ops, name)(**BY_RATE)(var, accum, 0.1, -0.1, 0.0, grad, *indices)
    assert (var == 1).all()
    assert (accum == 1).all()
