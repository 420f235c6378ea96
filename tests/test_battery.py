"""Bad, hostile and odd calls behave as ``battery/*.json`` says; see its README."""

import re
from typing import Any

import numpy as np
import pytest

from . import reference
from .battery_calls import CASES, SETTINGS, Call, Setting, build, in_torch, to_torch

# What is done where a case leaves the choice. Refused are only layouts of states that would need a hidden copy, and
# lists, which have no memory to share.
DECIDED = dict.fromkeys(
    ["S02", "X01", "X02", "H15", "P04", "P06", "M06", "M10", "M11", "M14", "M15", "M17", "D30"], "ok"
)
DECIDED |= dict.fromkeys(["T07", "M07", "M08", "M09", "M12", "M13", "D27", "D28", "D29", "m21", "m22", "d56"], "reject")

CALLS = [
    pytest.param(case, setting, id=f"{case['id']}-{setting.label}")
    for case in CASES
    for setting in SETTINGS
    if case["mode"] == "call" and setting.applies(case)
]
TORCH_CALLS = [each for each in CALLS if in_torch(*each.values)]


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
    names = [name for name in [*call.setting.arguments, "use_locking"] if call.setting.role(name) in suspects]
    assert any(re.search(rf"\b{name}\b", message) for name in names), message
    assert len(message) > len(call.setting.name) + 20


def check_done(case: dict[str, Any], call: Call) -> None:
    states = tuple(call.states)
    before, expected = dict(call.memory(states)), call.expected()
    old = [call.arrays[role].copy() for role in states]
    exact = call.expected(np.dtype(np.float64))
    indices = call.arrays["indices"].tolist() if "indices" in call.arrays else None
    returned = call.make()
    assert len(returned) == len(states)
    for role, given, want, started, value in zip(states, returned, expected, old, exact, strict=True):
        assert given is call.given[role]
        got = np.asarray(call.arrays[role])
        reference.assert_same_bits(got, want, role)
        if case["group"] not in ("overflow", "underflow"):
            for special in (np.isnan, np.isposinf, np.isneginf):
                np.testing.assert_array_equal(special(got.astype(float)), special(value), role)
        if call.setting_rows == "touched" and indices is not None:
            others = np.setdiff1d(np.arange(len(got)), indices)
            reference.assert_same_bits(got[others], np.asarray(started)[others], f"{role}, rows not named")
    assert dict(call.memory(states)) == before


def check(case: dict[str, Any], call: Call) -> None:
    expect = DECIDED[case["id"]] if case["expect"] == "ok_or_reject" else case["expect"]
    {"reject": check_rejected, "ok": check_done, "propagate": check_done}[expect](case, call)


@pytest.mark.parametrize(("case", "setting"), CALLS)
def test_numpy(case: dict[str, Any], setting: Setting) -> None:
    check(case, build(case, setting))


@pytest.mark.parametrize(("case", "setting"), TORCH_CALLS)
def test_torch(case: dict[str, Any], setting: Setting) -> None:
    pytest.importorskip("torch")
    call = build(case, setting)
    to_torch(call)
    check(case, call)


def test_every_choice_is_decided_and_every_case_is_run() -> None:
    assert {case["id"] for case in CASES if case["expect"] == "ok_or_reject"} == DECIDED.keys()
    run = {each.values[0]["id"] for each in CALLS}
    # What is left speaks of a slot that none of the operators has: nothing today.
    assert run == {case["id"] for case in CASES if case["mode"] == "call"}
    assert len({case["id"] for case in CASES}) == len(CASES)
