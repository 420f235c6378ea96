"""Bad, hostile and odd calls behave as ``battery/*.json`` says; see its README.

Calls are made in a child of fork, so that what would crash or hang is a failure like others: all of an operator in
one, and if that fails, each in one of its own. The first four operators see every case; each of the others sees every
eighth, and all of them in ``make test-long``.
"""

import os
import re
import signal
from collections.abc import Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fusedstep.operators import catalogue
from tests import reference
from tests.battery_calls import CASES, Call, build, in_torch, to_torch
from tests.battery_settings import FIRST, SETTINGS, Setting
from tests.forked import in_child
from tests.rules import test_rules, test_rules_with_sums

# What is done where a case leaves the choice. Refused are only layouts of states that would need a hidden copy, and
# states and gradients in lists, which have no memory to share.
DECIDED = dict.fromkeys(
    ["S02", "X01", "X02", "H15", "P04", "P06", "M06", "M10", "M11", "M14", "M15", "M17", "D30", "m22"], "ok"
)
DECIDED |= dict.fromkeys(["T07", "M07", "M08", "M09", "M12", "M13", "D27", "D28", "D29", "m21", "d56"], "reject")
FLOAT64 = np.dtype(np.float64)
CONTROLS = {"sparse": "S00", "dense": "D00"}
EIGHTH = 8


def applicable(torch: bool) -> dict[Setting, list[dict[str, Any]]]:
    """Every operator, and every case that says something of it."""
    called = [case for case in CASES if case["mode"] == "call"]
    found = {setting: [case for case in called if setting.applies(case)] for setting in SETTINGS}
    return {
        setting: [case for case in cases if not torch or in_torch(case, setting)] for setting, cases in found.items()
    }


CALLS, TORCH_CALLS = applicable(torch=False), applicable(torch=True)


def turns(calls: dict[Setting, list[dict[str, Any]]]) -> Iterator[Any]:
    """Every operator with the cases that it sees in each run, and with the others."""
    for number, (setting, cases) in enumerate(calls.items()):
        seen = cases if setting in FIRST else cases[-number % EIGHTH :: EIGHTH]
        yield pytest.param(setting, seen, id=setting.label)
        if others := [case for case in cases if case not in seen]:
            yield pytest.param(setting, others, id=f"{setting.label}-others", marks=pytest.mark.long)


def expectation(case: dict[str, Any], setting: Setting) -> str:
    """What a case must come to."""
    overridden = case["args"].items()
    if any(role in setting.read_only_roles and spec.get("layout") == "readonly" for role, spec in overridden):
        return "ok"
    # What is made has the gradient's type, and 16 bits go with float32.
    if setting.entry.creates and overridden and case["args"].get("grad", {}).get("dtype") == "float16":
        return "ok"
    return DECIDED[case["id"]] if case["expect"] == "ok_or_reject" else str(case["expect"])


def check_rejected(case: dict[str, Any], call: Call) -> None:
    before = dict(call.memory())
    with pytest.raises((TypeError, ValueError, IndexError)) as caught:
        call.make()
    assert type(caught.value) in (TypeError, ValueError, IndexError)
    assert dict(call.memory()) == before
    message = str(caught.value)
    assert message.startswith(call.setting.name)
    # One of the arguments that are not as in the good call, by the operator's own name of it; or the gradient, if it
    # does not fit those.
    suspects = {*case["args"], "grad"} if case["group"] in ("shape", "dtype") else {*case["args"]}
    names = [name for name, role in (*call.roles.items(), ("use_locking", "use_locking")) if role in suspects]
    assert any(re.search(rf"\b{name}\b", message) for name in names), message
    assert len(message) > len(call.setting.name) + 20


def check_done(case: dict[str, Any], call: Call) -> None:
    setting, states = call.setting, tuple(call.states)
    names = setting.operator.state_names
    inexact = setting.inexact(call.arrays["grad"].dtype.name)
    # What is bounded must not be rounded to the storage type first.
    compute = reference.compute_type(call.arrays["grad"]) if inexact and not setting.adds_up else None
    before, expected, exact = dict(call.memory(states)), call.expected(compute), call.expected(FLOAT64)
    old = {name: np.array(call.arrays[call.roles[name]]) for name in names if name in call.roles}
    indices = call.arrays["indices"].tolist() if "indices" in call.arrays else None
    in_range = case["group"] not in ("overflow", "underflow")
    for name, got in came_back(call, call.make()).items():
        started = old.get(name, np.zeros_like(got))
        want, real = expected[names.index(name)], exact[names.index(name)]
        if not inexact:
            reference.assert_same_bits(got, want, name)
        elif not setting.adds_up:
            unit = 2.0 ** (-53 if compute == FLOAT64 else -24)
            test_rules.assert_near(started, got, want.astype(FLOAT64), inexact * unit, name)
        elif in_range:
            test_rules_with_sums.assert_near(got, real, started, inexact, name)
        if in_range:
            for special in (np.isnan, np.isposinf, np.isneginf):
                np.testing.assert_array_equal(special(got.astype(float)), special(real), name)
        if setting.entry.rows == "touched" and indices is not None:
            others = np.setdiff1d(np.arange(len(got)), indices)
            reference.assert_same_bits(got[others], started[others], f"{name}, rows not named")
    assert dict(call.memory(states)) == before


def came_back(call: Call, returned: Any) -> dict[str, np.ndarray]:
    """Every state after a call, and what it created, which must be what was returned."""
    operator = call.setting.operator
    order = [name for name in operator.state_names if name in call.roles]
    documented = operator.entry.returns or operator.entry.creates or order
    results = returned if isinstance(returned, tuple) else (returned,)
    found = {name: np.asarray(call.arrays[call.roles[name]]) for name in order}
    for name, result in zip(documented, results, strict=True):
        if name in call.roles:
            assert result is call.given[call.roles[name]]
        else:
            found[name] = reference.as_array(result)
    return found


def check(case: dict[str, Any], setting: Setting, torch: bool) -> None:
    call = build(case, setting)
    if torch:
        to_torch(call)
    (check_rejected if expectation(case, setting) == "reject" else check_done)(case, call)


def check_all(cases: list[dict[str, Any]], setting: Setting, torch: bool) -> None:
    warm(setting, torch)
    try:
        in_child(lambda: [check(case, setting, torch) for case in cases] and None)
    except AssertionError as together:
        failed = {}
        for case in cases:
            try:
                in_child(partial(check, case, setting, torch))
            except AssertionError as error:
                failed[case["id"]] = error
        raise AssertionError("".join(f"\n{name}: {error}" for name, error in failed.items()) or together) from None


@cache
def warm(setting: Setting, torch: bool) -> None:
    """Makes the good call here, so that its children need not compile or load anything."""
    call = build(next(case for case in CASES if case["id"] == CONTROLS[setting.kind]), setting)
    if torch:
        to_torch(call)
    call.make()


@pytest.mark.parametrize(("setting", "cases"), list(turns(CALLS)))
def test_numpy(setting: Setting, cases: list[dict[str, Any]]) -> None:
    check_all(cases, setting, torch=False)


@pytest.mark.parametrize(("setting", "cases"), list(turns(TORCH_CALLS)))
def test_torch(setting: Setting, cases: list[dict[str, Any]]) -> None:
    pytest.importorskip("torch")
    check_all(cases, setting, torch=True)


def test_a_child_that_fails_is_told_by_its_case(monkeypatch: pytest.MonkeyPatch) -> None:
    setting = FIRST[0]
    good, crashing, wrong = CALLS[setting][:3]

    def failing(case: dict[str, Any], *others: Any) -> None:
        if case is crashing:
            os.kill(os.getpid(), signal.SIGSEGV)
        assert case is good, "what is wrong"

    monkeypatch.setitem(globals(), "check", failing)
    with pytest.raises(AssertionError) as caught:
        check_all([good, crashing, wrong], setting, torch=False)
    said = str(caught.value)
    assert f"{crashing['id']}: the child was killed by SIGSEGV" in said
    assert f"{wrong['id']}: in the child" in said
    assert f"{good['id']}: " not in said


def test_every_choice_is_decided_and_every_case_is_run() -> None:
    assert {case["id"] for case in CASES if case["expect"] == "ok_or_reject"} == DECIDED.keys()
    called = {case["id"] for case in CASES if case["mode"] == "call"}
    assert {case["id"] for cases in CALLS.values() for case in cases} == called
    assert len({case["id"] for case in CASES}) == len(CASES)
    for calls in (CALLS, TORCH_CALLS):
        seen = [(each.values[0], case["id"]) for each in turns(calls) for case in each.values[1]]
        assert sorted(map(str, seen)) == sorted(str((each, case["id"])) for each in calls for case in calls[each])
        assert {each.values[0] for each in turns(calls) if not each.marks and each.values[1]} == set(SETTINGS)


def test_the_page_says_how_many_there_are() -> None:
    page = (Path(__file__).parents[2] / "docs" / "robustness.md").read_text(encoding="utf-8")
    expected = [
        (setting.name, expectation(case, setting))
        for calls in (CALLS, TORCH_CALLS)
        for setting, cases in calls.items()
        for case in cases
    ]

    def row(label: str, chosen: list[str]) -> str:
        refused = chosen.count("reject")
        return f"| {label} | {len(chosen) - refused:,} | {refused:,} | 0 | 0 | 0 | 0 | 0 | 0 / {len(chosen):,} |"

    assert row(f"**fusedstep**, all {len(catalogue.OPERATORS)} operators", [each for _, each in expected]) in page
    for name in sorted({setting.name for setting in FIRST}):
        assert row(f"fusedstep {name}", [each for other, each in expected if other == name]) in page
    assert f"all of them: {len(expected):,}." in page
    assert {name for name, _ in expected} == set(catalogue.OPERATORS)
