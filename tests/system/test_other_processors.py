"""Whole operators on AArch64 and RISC-V: grouping, sums, loops and steps, in an emulator; the bits of x86-64."""

import itertools
from pathlib import Path

import numpy as np
import pytest

import fusedstep as fs
from tests import reference
from tests.emulated_operators import Call, Compiled, results
from tests.exported_programs import ALL_TARGETS, TARGETS
from tests.instruction_sets import EXACT, STEPS, arrays, cases, digest_of, indices_for
from tests.system.test_instruction_sets import PINNED
from tests.system.test_instruction_sets import SHORT as OF_EACH

ELSEWHERE = [target for target in TARGETS if target != "host"]
SHORT = [*OF_EACH, "exact_words-float16-touched", "exact_words-bfloat16-every", "adagrad-float64-touched"]
SHORT += ["torch_sgd-float32-every", "lion-bfloat16-touched"]


def pinned(target: str, names: list[str], folder: Path) -> dict[str, str]:
    """The digests of some calls, with the arrays of those that are pinned."""
    calls = []
    for name, row, dtype, loop in cases():
        if name in names:
            compiled, (states, gradient) = Compiled(row.rule, dtype), arrays(row, dtype)
            used = dict(zip(row.states, states, strict=True))
            own = [used[state] for state in compiled.program.signature.states]
            indices = indices_for(loop)
            named = [] if indices is None else indices.tolist()
            calls.append((name, used, Call(compiled, row.scalars, loop, own, gradient, named, STEPS, parts=3)))
    found = results(target, [call for *_, call in calls], folder)
    digests = {}
    for (name, used, call), states in zip(calls, found, strict=True):
        new = dict(zip(call.compiled.program.signature.states, states, strict=True))
        digests[name] = digest_of([new.get(state, before) for state, before in used.items()])
    return digests


# Indices as each way of grouping takes them: sorted, of few rows, and of many.
INDICES = {"sorted": [0, 0, 3, 7, 7, 7, 59], "many": [5, 1, 5, 0, 9, 1, 5] * 9, "scattered": [58, 3, 41, 3, 58, 3]}


@pytest.mark.parametrize("target", ELSEWHERE)
def test_ways_of_grouping_and_rows_with_gaps(target: str, tmp_path: Path) -> None:
    random, calls = np.random.default_rng(5), []
    for name, dtype in (("adam", "float32"), ("exact_words", "float16")):
        row, kind = EXACT[name], reference.DTYPES[dtype]
        compiled = Compiled(row.rule, dtype)
        for loop, named in [("dense", []), *itertools.product(("touched", "every"), INDICES.values())]:
            for width in (0, 3):
                number = len(compiled.program.signature.states)
                states = [np.abs(random.standard_normal((60, 5))).astype(kind) for _ in range(number)]
                gradient = random.standard_normal((len(named) or 60, width or 5)).astype(kind)
                calls.append(Call(compiled, row.scalars, loop, states, gradient, named, parts=2, width=width))
    for call, got in zip(calls, results(target, calls, tmp_path), strict=True):
        for table, want in zip(got, stepped_here(call), strict=True):
            reference.assert_same_bits(table, want, f"{call.compiled}, {call.kind}, {call.indices}, {call.width}")


def stepped_here(call: Call) -> list[np.ndarray]:
    """The tables after the same call of the operator."""
    tables = [state.copy() for state in call.states]
    views = dict(
        zip(call.compiled.program.signature.states, (each[:, : call.width or None] for each in tables), strict=True)
    )
    operator = fs.Operator(call.compiled.rule)
    given = [views.get(name) for name in operator.signature.states]
    indices = np.array(call.indices) if call.indices else None
    rows = "every" if call.kind == "every" else "touched"
    operator(*given, call.gradient, indices, rows=rows, **call.scalars)
    return tables


@pytest.mark.parametrize("target", ELSEWHERE)
def test_the_pinned_bits(target: str, tmp_path: Path) -> None:
    assert pinned(target, SHORT, tmp_path) == {name: PINNED[name] for name in SHORT}


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("target", ALL_TARGETS)
def test_the_pinned_bits_of_every_rule(target: str, tmp_path: Path) -> None:
    assert pinned(target, list(PINNED), tmp_path) == PINNED
