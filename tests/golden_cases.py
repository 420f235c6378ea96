"""The cases of ``golden/`` that ``fusedstep verify`` runs; ``python -m tests.golden_cases`` writes them anew.

Of each operator and origin it is one: that runs the kernel which the operator runs by default, if one does, is of
float32, if one is, and is the smallest of these. Left out are those that are not followed, or hold NaN or Inf.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import fusedstep as fs
from fusedstep.operators import catalogue
from fusedstep.verify import golden
from fusedstep.verify.arguments import made
from tests.system import test_golden, test_golden_rules

FILE = Path(golden.__file__).parent / "golden.json"
# Fewer elements of the variable see no mistake, more numbers than this are not needed to see one.
LEAST, LARGEST = 4, 400
# How far some element must go, lest nearly anything be right.
MOVED = 1e-2


def mindspore() -> Iterator[dict[str, Any]]:
    """All cases of MindSpore's operators."""
    for entry in test_golden.manifest():
        case = test_golden.read(entry)
        if {case.id} & (test_golden.EXCEPTIONS.keys() | test_golden.REFUSED.keys()):
            continue
        steps = []
        for arguments, after in zip(case.steps, case.after, strict=True):
            after = {golden.CREATED if name == "out__0" else name: value for name, value in after.items()}
            steps.append({"calls": test_golden.calls(case, arguments), "after": after})
        options = case.attrs | test_golden.OPERATORS[case.name].options
        yield of(f"mindspore {case.id}", case.name, f"ops.{case.name}", options, case.before, steps)


def tensorflow() -> Iterator[dict[str, Any]]:
    """All cases of TensorFlow's operators."""
    for entry in test_golden_rules.manifest("tensorflow"):
        row, arrays = test_golden_rules.TENSORFLOW[entry["op"]], test_golden_rules.read("tensorflow", entry)
        calls = []
        for number, grad in enumerate(map(np.asarray, arrays["grad"])):
            scalars = {
                row.scalars.get(name, name): value[number] if isinstance(value, list) else value
                for name, value in entry["scalars"].items()
            }
            pairs = [{"grad": grad}]
            if "indices" in arrays:
                indices = arrays["indices"][number]
                pairs = [{"grad": grad[k : k + 1], "indices": indices[k : k + 1]} for k in range(len(grad))]
            calls.append([pair | scalars for pair in pairs])
        before = {name: arrays[name][0] for name in entry["states"]}
        yield from of_rule("tensorflow", entry, row.rule, entry["attrs"] | row.switches, before, calls, arrays)


def torch() -> Iterator[dict[str, Any]]:
    """All cases of PyTorch's optimizers."""
    for entry in test_golden_rules.manifest("torch"):
        row, arrays = test_golden_rules.TORCH[entry["op"]], test_golden_rules.read("torch", entry)
        hyper, calls = entry["hyper"], []
        for number, grad in enumerate(map(np.asarray, arrays["grad"])):
            call = {"grad": -grad if hyper["maximize"] else grad} | row.scalars(hyper, number + 1)
            calls.append([call | ({"indices": arrays["indices"][number]} if "indices" in arrays else {})])
        param = np.asarray(arrays["param"][0])
        before = {"param": param} | {name: np.full_like(param, value) for name, value in row.states.items()}
        before |= {name: np.asarray(arrays[name][0]) for name in entry["states"]}
        yield from of_rule("torch", entry, row.rule, row.switches(hyper), before, calls, arrays)


def of_rule(
    origin: str,
    entry: dict[str, Any],
    rule: Any,
    switches: dict[str, bool],
    before: dict[str, np.ndarray],
    calls: list[list[dict[str, Any]]],
    arrays: dict[str, np.ndarray],
) -> Iterator[dict[str, Any]]:
    """A case that a rule runs, if an operator does too."""
    if entry["id"] in test_golden_rules.EXCEPTIONS or "bound" in entry:
        return
    names = dict(zip(before, fs.Operator(rule).signature.states, strict=True))
    rows = "touched" if "indices" in arrays else None
    operators = [each.name for each in catalogue.ENTRIES if (each.rule, each.rows) == (rule, rows)]
    if not operators:
        return
    steps = [
        {"calls": taken, "after": {names[name]: np.asarray(arrays[name][number]) for name in entry["states"]}}
        for number, taken in enumerate(calls, 1)
    ]
    started = {names[name]: np.asarray(value) for name, value in before.items()}
    yield of(f"{origin} {entry['id']}", operators[0], f"rules.{rule.__name__}", switches, started, steps)


def of(
    name: str,
    operator: str,
    kind: str,
    options: dict[str, Any],
    before: dict[str, np.ndarray],
    steps: list[dict[str, Any]],
) -> dict[str, Any]:
    """A case in the form of ``golden.cases``, its arrays as they are."""
    return {"id": name, "operator": operator, "made": kind, "options": options, "before": before, "steps": steps}


def arrays_of(case: dict[str, Any]) -> list[np.ndarray]:
    """All arrays of a case."""
    parts = [case["before"], *(part for step in case["steps"] for part in (step["after"], *step["calls"]))]
    return [np.asarray(value) for part in parts for value in part.values()]


def size(case: dict[str, Any]) -> int:
    """How many numbers a case holds."""
    return sum(array.size for array in arrays_of(case))


def fits(case: dict[str, Any]) -> bool:
    """Whether a case is small, moves the variable, and is of numbers alone."""
    variable, first = next(iter(case["before"].values())), case["steps"][0]["calls"]
    types = {array.dtype.name for array in arrays_of(case)} & {"float64", "float32", "float16", "bfloat16"}
    finite = all(np.isfinite(array.astype(np.float64)).all() for array in arrays_of(case))
    name, after = next(iter(case["before"])), case["steps"][0]["after"]
    if variable.size < LEAST or not first or not np.abs(after[name] - variable).max() > MOVED:
        return False
    return size(case) <= LARGEST and finite and dtype_of(case) in golden.BOUNDS and "bfloat16" not in types


def dtype_of(case: dict[str, Any]) -> str:
    """The type of a case's variable."""
    return str(next(iter(case["before"].values())).dtype)


def needs_another_kernel(case: dict[str, Any]) -> bool:
    """Whether a case has other switches than the operator by default."""
    room, _, name = case["made"].partition(".")
    kind = catalogue.OPERATORS[name] if room == "ops" else getattr(fs.rules, name)
    operator = kind(**case["options"]) if room == "ops" else fs.Operator(kind, **case["options"])
    return bool(operator.switches != made(case["operator"]).switches)


def selected() -> list[dict[str, Any]]:
    """The cases that are shipped, as JSON holds them."""
    best: dict[tuple[str, str], dict[str, Any]] = {}
    for case in sorted(filter(fits, [*mindspore(), *tensorflow(), *torch()]), key=worth):
        best.setdefault((case["operator"], case["id"].split()[0]), case)
    return [encoded(case) for case in sorted(best.values(), key=lambda case: (case["operator"], case["id"]))]


def worth(case: dict[str, Any]) -> tuple[bool, bool, int, str]:
    """What comes first is taken."""
    return needs_another_kernel(case), dtype_of(case) != "float32", size(case), case["id"]


def encoded(case: dict[str, Any]) -> dict[str, Any]:
    steps = [
        {
            "calls": [{name: golden.encoded(value) for name, value in call.items()} for call in step["calls"]],
            "after": {name: golden.encoded(value) for name, value in step["after"].items()},
        }
        for step in case["steps"]
    ]
    before = {name: golden.encoded(value) for name, value in case["before"].items()}
    return case | {"before": before, "steps": steps}


def text() -> str:
    """The file's text: a case a line."""
    lines = ",\n".join(json.dumps(case, separators=(",", ":"), allow_nan=False) for case in selected())
    return f"[\n{lines}\n]\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
