"""Values that MindSpore computed, by the operators of the same names; see golden/README.md.

To test another operator, add its cases to ``golden/`` and one row to ``OPERATORS``.
"""

import json
from collections import Counter
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fusedstep as fs
from tests import reference

FOLDER = Path(__file__).parents[1] / "golden"
TOLERANCE = {"float64": 1e-6, "float32": 4e-6, "float16": 1.6e-2, "bfloat16": 1.6e-2}


@dataclass(frozen=True)
class Original:
    """What is particular to an original operator.

    Attributes:
        cases: how many cases there are.
        options: what to construct ours with, beyond what the case says.
        in_turn: whether the original applies the gradients of one row one after another, where we sum them first.
    """

    cases: int
    options: dict[str, Any] = field(default_factory=dict)
    in_turn: bool = False


BY_RATE = {"shrink": "lr/sqrt(accum)"}

OPERATORS = {
    "Adam": Original(7),
    "AdamNoUpdateParam": Original(6),
    "AdamWeightDecay": Original(6),
    "ApplyAdaMax": Original(5),
    "ApplyAdadelta": Original(7),
    "ApplyAdagrad": Original(7),
    "ApplyAdagradDA": Original(6),
    "ApplyAdagradV2": Original(7),
    "ApplyAdamWithAmsgrad": Original(8),
    "ApplyAdamWithAmsgradV2": Original(8),
    "ApplyAddSign": Original(6),
    "ApplyCenteredRMSProp": Original(6),
    "ApplyFtrl": Original(7),
    "ApplyGradientDescent": Original(7),
    "ApplyMomentum": Original(6),
    "ApplyPowerSign": Original(5),
    "ApplyProximalAdagrad": Original(13, BY_RATE),
    "ApplyProximalGradientDescent": Original(12),
    "ApplyRMSProp": Original(6),
    "FusedAdaFactor": Original(10),
    "FusedAdaFactorWithGlobalNorm": Original(10),
    "FusedCastAdamWeightDecay": Original(5),
    "FusedSparseAdam": Original(14),
    "FusedSparseFtrl": Original(8),
    "FusedSparseLazyAdam": Original(12),
    "FusedSparseProximalAdagrad": Original(9, BY_RATE),
    "SGD": Original(10),
    "SparseApplyAdagrad": Original(7),
    "SparseApplyAdagradDA": Original(10, in_turn=True),
    "SparseApplyAdagradV2": Original(8),
    "SparseApplyCenteredRMSProp": Original(9, in_turn=True),
    "SparseApplyFtrl": Original(10, in_turn=True),
    "SparseApplyMomentum": Original(10, in_turn=True),
    "SparseApplyProximalGradientDescent": Original(10, in_turn=True),
    "SparseApplyRMSProp": Original(7),
}

# Mistakes of an original that are not repeated: the states that it gets wrong, each of which must equal the rule in
# float64 instead. The other states are right.
NESTEROV = (
    "var",
    "MindSpore reads uninitialised memory for rows that are not named (the manifest's `undefined`); here they take the "
    "step with a zero gradient, as without use_nesterov",
)
NOT_ZEROED = ("var", "MindSpore computes abs(s - l1 t) in place of max(abs(s) - l1 t, 0), against its documentation")
EPSILON_BESIDE = (
    "var moment",
    "MindSpore adds epsilon beside the root in all but the last few elements, against its documentation",
)
NO_SIGN = ("var", "MindSpore computes l1 - z in place of sign(z) l1 - z where z is below -l1")
EPSILON_WITHIN = ("var", "MindSpore computes sqrt(accum + epsilon) in place of sqrt(accum) + epsilon, as documented")
EXCEPTIONS = {
    "FusedSparseAdam__f32_nesterov_partial": NESTEROV,
    **{f"ApplyAdagradDA__f32_{case}": NOT_ZEROED for case in ("vec7", "strong", "64x16")},
    **{f"ApplyRMSProp__f32_{case}": EPSILON_BESIDE for case in ("strong", "64x16")},
    **{f"ApplyFtrl__f32_{case}": NO_SIGN for case in ("strong", "64x16", "l1")},
    **{
        f"SparseApplyAdagradV2__f32_{case}": EPSILON_WITHIN
        for case in (
            *("312", "vec7", "strong", "zeros_in_grad", "one_row"),
            *("200x8", "int64_indices", "update_slots_False"),
        )
    },
    "SparseApplyRMSProp__f32_zeros_in_grad": (
        "ms",
        "MindSpore leaves ms as it is where the gradient is 0, against its documentation",
    ),
    "SparseApplyMomentum__f32_nesterov": ("var", "MindSpore ignores use_nesterov"),
}

# Calls that MindSpore takes, against its documentation, and that are refused here.
REFUSED = {
    "AdamWeightDecay__f32_decay_negative": "decay is -",
    "FusedCastAdamWeightDecay__f32_decay_negative": "decay is -",
    "ApplyProximalGradientDescent__f32_l1_negative": "l1 is -",
}


@dataclass(frozen=True)
class Case:
    """One case: where it starts, the arguments of every step, and the states after it.

    What an operator returns beside the states stands among those after a step, under the number of the output.
    """

    id: str
    name: str
    dtype: str
    attrs: dict[str, Any]
    before: dict[str, np.ndarray]
    steps: list[dict[str, np.ndarray]]
    after: list[dict[str, np.ndarray]]


@cache
def manifest() -> list[dict[str, Any]]:
    cases: list[dict[str, Any]] = json.loads((FOLDER / "mindspore.json").read_text())["cases"]
    return cases


@cache
def archive(name: str) -> dict[str, np.ndarray]:
    with np.load(FOLDER / "mindspore" / f"{name}.npz") as file:
        return dict(file)


def read(entry: dict[str, Any]) -> Case:
    name, _, tag = entry["id"].partition("__")
    arrays = {key.removeprefix(f"{tag}/"): each for key, each in archive(name).items() if key.startswith(f"{tag}/")}
    states, steps = entry["states"], range(entry["steps"])
    inputs = [each for each in entry["inputs"] if each not in states]
    after = [{each: arrays[f"step{k}__state__{each}"] for each in states} for k in steps]
    outputs = [f"out__{k}" for k, output in enumerate(entry.get("outputs", [])) if output == "stored"]
    for k in steps:
        stored = [arrays[f"step{k}__{output}"] for output in outputs]
        if entry.get("state_written_back", True):
            after[k] |= zip(outputs, stored, strict=True)
        else:
            # The original returned the new states, and forgot to write them.
            after[k] = dict(zip(states, stored, strict=True))
    return Case(
        id=entry["id"],
        name=name,
        dtype=entry["dtype"],
        attrs=entry["attrs"],
        before={each: arrays[f"state0__{each}"] for each in states},
        steps=[{each: arrays[f"step{k}__in__{each}"] for each in inputs} for k in steps],
        after=after,
    )


def distance(got: np.ndarray, expected: np.ndarray) -> float:
    """The largest error over max(1, |x|). What is not finite must be the same on both sides."""
    got, expected = got.astype(np.float64), expected.astype(np.float64)
    finite = np.isfinite(expected)
    np.testing.assert_array_equal(got[~finite], expected[~finite])
    error = np.abs(got[finite] - expected[finite]) / np.maximum(1, np.abs(expected[finite]))
    return float(error.max(initial=0))


def calls(case: Case, arguments: dict[str, np.ndarray]) -> list[dict[str, np.ndarray]]:
    """The calls of ours that one step of the original stands for: one, or one for each gradient row."""
    if not OPERATORS[case.name].in_turn:
        return [arguments]
    entries = [slice(entry, entry + 1) for entry in range(len(arguments["indices"]))]
    return [arguments | {name: arguments[name][each] for name in ("grad", "indices")} for each in entries]


def by_rule(operator: Any, states: dict[str, np.ndarray], arguments: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The states after a call, by the rule in float64."""
    values = states | arguments
    numbers = operator.numbers([values[name] for name in operator.entry.meanings])
    scalars = dict(zip(operator.signature.scalars, numbers, strict=True))
    gradient, indices = arguments[operator.labels.gradient], arguments.get("indices")
    rows, switches = operator.entry.rows, dict(operator.switches)
    given = [states[name] for name in operator.state_names]
    new = reference.step(operator.rule, given, gradient, indices, rows, scalars, switches, np.dtype(np.float64))
    return dict(zip(operator.state_names, new, strict=True))


def constructed(case: Case) -> Any:
    return getattr(fs.ops, case.name)(**case.attrs, **OPERATORS[case.name].options)


@pytest.mark.parametrize("entry", [pytest.param(each, id=each["id"]) for each in manifest()])
def test_golden(entry: dict[str, Any]) -> None:
    case = read(entry)
    operator = constructed(case)
    assert list(operator.entry.meanings) == entry["inputs"]
    wrong, _ = EXCEPTIONS.get(case.id, ("", ""))
    states = {name: array.copy() for name, array in case.before.items()}
    furthest = dict.fromkeys(states, 0.0)
    for number, arguments in enumerate(case.steps):
        exact = {name: array.copy() for name, array in states.items()}
        for call in calls(case, arguments):
            values = states | call
            if case.id in REFUSED:
                with pytest.raises(ValueError, match=rf"^{case.name}: {REFUSED[case.id]}"):
                    operator(*(values[name] for name in entry["inputs"]))
                continue
            returned = operator(*(values[name] for name in entry["inputs"]))
            if isinstance(returned, tuple):
                assert all(ours is given for ours, given in zip(returned, states.values(), strict=True))
            else:
                states["out__0"] = returned
            exact = by_rule(operator, exact, call) if wrong else exact
        if case.id in REFUSED:
            assert all((states[name] == case.before[name]).all() for name in states)
            return
        for name, state in states.items():
            original = case.after[number][name]
            assert state.dtype == original.dtype
            if name in wrong.split():
                assert distance(state, exact[name]) <= TOLERANCE[case.dtype], f"{name}, step {number + 1}"
                known = ~np.isnan(original)
                furthest[name] = max(furthest[name], distance(state[known], original[known]), 1.0 - known.all())
            else:
                assert distance(state, original) <= TOLERANCE[case.dtype], f"{name}, step {number + 1}"
        states.pop("out__0", None)
        if wrong:
            # What is wrong in one step must not be in the next.
            states = {name: case.after[number][name].copy() for name in states}
    # Every exception is needed.
    assert all(furthest[name] > TOLERANCE[case.dtype] for name in wrong.split())


def test_every_golden_case_is_run() -> None:
    assert Counter(entry["op"] for entry in manifest()) == {name: row.cases for name, row in OPERATORS.items()}
    assert {path.stem for path in (FOLDER / "mindspore").iterdir()} == OPERATORS.keys()
    assert len({entry["id"] for entry in manifest()}) == len(manifest()) == 284
    for name in OPERATORS:
        tags = {key.partition("/")[0] for key in archive(name)}
        assert {f"{name}__{tag}" for tag in tags} == {each["id"] for each in manifest() if each["op"] == name}


def test_every_exception_is_of_a_case_and_every_undefined_case_is_one() -> None:
    entries = {entry["id"]: entry for entry in manifest()}
    assert EXCEPTIONS.keys() | REFUSED.keys() <= entries.keys()
    assert not EXCEPTIONS.keys() & REFUSED.keys()
    assert {name for name, entry in entries.items() if entry.get("undefined")} <= EXCEPTIONS.keys()


@pytest.mark.parametrize("name", ["ApplyProximalAdagrad", "FusedSparseProximalAdagrad"])
def test_negative_l1_is_refused(name: str) -> None:
    # MindSpore ignores it: no case may hold one, since none could be right.
    cases = [read(each) for each in manifest() if each["op"] == name]
    assert all(arguments["l1"] >= 0 for case in cases for arguments in case.steps)
    var, accum = np.ones((2, 3), np.float32), np.ones((2, 3), np.float32)
    indices = [np.array([1])] if name == "FusedSparseProximalAdagrad" else []
    grad = np.ones((1, 3) if indices else (2, 3), np.float32)
    with pytest.raises(ValueError, match=rf"{name}: l1 is -0.1"):
        getattr(fs.ops, name)(**BY_RATE)(var, accum, 0.1, -0.1, 0.0, grad, *indices)
    assert (var == 1).all()
    assert (accum == 1).all()
