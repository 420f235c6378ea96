"""Verifying operators: they pass, and what is wrong is found."""

import copy
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import fusedstep as fs
from fusedstep.codegen.rule.spec import program_of, spec_of
from fusedstep.operators import host_step
from fusedstep.operators.checks import sparse_gradient
from fusedstep.operators.operator import Operator
from fusedstep.runtime.cpu import grouping
from fusedstep.verify import golden, memory
from fusedstep.verify.arguments import arguments, made
from fusedstep.verify.bounds import UNITS, differs, is_exact, is_far
from fusedstep.verify.operators import verify
from fusedstep.verify.outcome import Failure, Outcome
from fusedstep.verify.report import Report
from tests import golden_cases
from tests.rules import test_rules

pytestmark = pytest.mark.usefixtures("split_small")
SPARSE, DENSE = "FusedSparseLazyAdam", "ApplyGradientDescent"


@pytest.mark.parametrize("name", [SPARSE, DENSE, "ApplyFtrl", "Lamb", "LambApplyOptimizerAssign"])
def test_operators_pass(name: str) -> None:
    outcome = verify(name, ["float64", "float32"])
    assert outcome.failures == []
    assert outcome.passed
    assert outcome.made["rule"] >= 6
    assert outcome.made["calls"] > 40
    assert outcome.near == ([] if name in (SPARSE, DENSE) else ["float64", "float32"])


def failed(name: str, kind: str) -> list[Failure]:
    """What is found of an operator that something is wrong with, all of one kind."""
    outcome = verify(name, ["float32"])
    assert not outcome.passed
    assert {failure.kind for failure in outcome.failures} == {kind}
    assert outcome.failed(kind) == len(outcome.failures) <= outcome.made[kind]
    return outcome.failures


def uphill(var: Any, grad: Any, *, lr: Any) -> Any:
    return var + lr * grad


def test_a_kernel_of_another_rule_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fusedstep.operators.operator.spec_of", lambda rule, switches: spec_of(uphill, switches))
    outcome = verify(DENSE, ["float32"])
    assert outcome.failed("rule") == outcome.made["rule"]
    assert outcome.failed("golden") == outcome.made["golden"]
    first = outcome.failures[0]
    assert first.check == "float32, 1 thread"
    assert "elements differ; first at (0, 0): np.float32(" in first.came
    assert first.expected.startswith("np.float32(")


def test_a_call_that_is_not_refused_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def careless(operator: str, array: Any, snapshot: np.ndarray, variable: str, table: Any) -> grouping.Groups:
        return grouping.group(np.clip(snapshot, 0, table.rows - 1), table.rows)

    monkeypatch.setattr(sparse_gradient, "group_indices", careless)
    found = failed(SPARSE, "calls")
    assert {failure.came for failure in found} == {"no error"}
    for index in (6, -1, 2**32 + 1, -(2**63)):
        assert any(failure.check == f"indices with {index} at 1" for failure in found)


Step = Callable[..., tuple[Any, ...]]


def spoil(monkeypatch: pytest.MonkeyPatch, spoilt: Callable[..., None]) -> None:
    """Has every step that is taken followed by something else."""
    step = Operator.step

    def both(operator: Operator, states: Any, gradient: Any, *others: Any) -> Any:
        returned = step(operator, states, gradient, *others)
        spoilt(states, gradient)
        return returned

    monkeypatch.setattr(Operator, "step", both)


def test_a_write_beside_a_state_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def beside(states: Any, gradient: Any) -> None:
        whole = memory.owner(states[0])
        if whole.size > states[0].size:
            whole.reshape(-1)[-1] = 0

    spoil(monkeypatch, beside)
    outcome = verify(DENSE, ["float32"])
    assert {failure.came for failure in outcome.failures} == {"memory beside var was written to"}
    assert outcome.failed("rule") == 3


def test_a_write_to_the_gradient_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def scaled(states: Any, gradient: Any) -> None:
        if gradient.flags.writeable:
            gradient[...] = 2

    spoil(monkeypatch, scaled)
    outcome = verify(DENSE, ["float32"])
    assert "delta was written to" in {failure.came for failure in outcome.failures}
    assert outcome.failed("rule") == 3


def test_bits_that_depend_on_the_threads_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def nudged(states: Any, gradient: Any) -> None:
        if fs.get_num_threads() == 5:
            states[1][...] = np.nextafter(states[1], np.inf)

    spoil(monkeypatch, nudged)
    # Within the bound of a rule with sums.
    [failure] = [each for each in verify("Lamb", ["float64"]).failures if each.kind == "rule"]
    assert failure.check == "float64, 5 threads"
    assert failure.expected.endswith("the same bits for any number of threads")


def test_a_write_before_a_refusal_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    step = Operator.step

    def hasty(operator: Operator, states: Any, *others: Any) -> Any:
        try:
            return step(operator, states, *others)
        except Exception:
            if isinstance(states[0], np.ndarray) and states[0].flags.writeable and states[0].dtype == np.float32:
                states[0][...] = 7
            raise

    monkeypatch.setattr(Operator, "step", hasty)
    found = failed(DENSE, "calls")
    assert all(failure.expected == "memory as it was" for failure in found)
    assert all("var changed before" in failure.came for failure in found)


@pytest.mark.parametrize("error", [RuntimeError("ApplyGradientDescent: no"), ValueError("no")])
def test_an_error_of_another_kind_is_found(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def refuse(*_: Any) -> None:
        raise error

    monkeypatch.setattr(host_step, "view_gradient", refuse)
    outcome = verify(DENSE, [])
    said = {failure.expected for failure in outcome.failures if failure.check == "delta None"}
    assert said == {"TypeError, ValueError or IndexError, and a sentence about ApplyGradientDescent"}
    # Good calls are refused too.
    assert {f"{type(error).__name__}: {error}"} == {each.came for each in outcome.failures if each.kind == "golden"}


def test_a_wrong_golden_value_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = copy.deepcopy(golden.cases())
    [case, *_] = [case for case in wrong if case["operator"] == DENSE]
    [after] = case["steps"][-1]["after"].values()
    after["float32"][2] += 1e-4
    monkeypatch.setattr(golden, "cases", lambda: wrong)
    [failure] = failed(DENSE, "golden")
    assert failure.check == case["id"]
    assert f"var after step {len(case['steps'])}: 1 of " in failure.came


def test_what_is_exact_is_read_from_the_rule() -> None:
    for row in test_rules.RULES:
        program = program_of(row.rule, fs.Operator(row.rule).switches)
        for compute in ("float64", "float32"):
            exact = is_exact(program, row.scalars, compute)
            assert not (exact and compute in row.inexact), row.rule.__name__
            if compute == "float64":
                assert exact == (compute not in row.inexact), row.rule.__name__
        if "lr_power" in row.scalars:
            assert is_exact(program, row.scalars | {"lr_power": -0.5}, "float64")
    for rule in (fs.rules.lamb, fs.rules.adafactor, fs.rules.rowwise_adagrad):
        assert not is_exact(program_of(rule, fs.Operator(rule).switches), {}, "float64")


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_bounds(dtype: Any) -> None:
    place = np.finfo(dtype).eps / 2
    exact = np.array([1.0, 1.0, np.nan, np.inf, np.inf, 0.0])
    got = np.array([1 + 40 * place, 1 + 100 * place, np.nan, np.inf, -np.inf, np.nan], dtype)
    assert UNITS == 32
    assert is_far(got, exact, np.zeros(6, dtype)).tolist() == [False, True, False, False, True, True]
    zeros, others = np.array([0.0, 1.0, np.nan], dtype), np.array([-0.0, 1.0, -np.nan], dtype)
    assert differs(zeros, others, True).tolist() == [True, False, False]
    assert not differs(zeros, others, False).any()


def test_the_memory_around_an_array() -> None:
    wide = np.arange(12, dtype=np.float32).reshape(3, 4)
    before = memory.around(wide[:, 1:3])
    wide[:, 1:3] = 7
    assert memory.around(wide[:, 1:3]) == before
    wide[2, 3] = 7
    assert memory.around(wide[:, 1:3]) != before


def test_arguments_are_good_calls_of_every_shape() -> None:
    values = arguments("FusedAdaFactor", (4, 3))
    shapes = dict.fromkeys(("gradient", "param", "exp_avg", "exp_avg_sq"), (4, 3))
    shapes |= {"exp_avg_sq_row": (4,), "exp_avg_sq_col": (3,)}
    assert {name: value.shape for name, value in values.items() if isinstance(value, np.ndarray)} == shapes
    assert made("FusedSparseFtrl").constructor_arguments["lr_power"] == -0.5


def test_the_golden_cases_are_those_of_the_test_suite() -> None:
    assert golden_cases.FILE.read_text(encoding="utf-8") == golden_cases.text(), "python -m tests.golden_cases"
    assert golden_cases.FILE.stat().st_size < 150_000
    assert {case["id"].split()[0] for case in golden.cases()} == {"mindspore", "tensorflow", "torch"}


def test_numbers_keep_their_bits_in_json() -> None:
    for dtype in (np.float64, np.float32, np.float16, np.int32):
        values = (np.random.default_rng(1).standard_normal((3, 2)) * 100).astype(dtype)
        again = golden.decoded(json.loads(json.dumps(golden.encoded(values))))
        assert again.dtype == values.dtype
        np.testing.assert_array_equal(again, values)
    assert golden.decoded(golden.encoded(np.float32(0.1))) == np.float32(0.1)


def test_a_report_without_failures_has_none() -> None:
    report = Report({"cpu": "C", "cores": 2}, {"python": "3"}, ("float32",), {}, (1,), 0.4, (Outcome("Adam"),))
    assert report.passed
    assert list(report.failures()) == []
