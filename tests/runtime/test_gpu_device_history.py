"""The history of pending steps on a device, beside that of the host."""

from typing import Any
from unittest import mock

import numpy as np
import pytest
import torch

import fusedstep as fs
from fusedstep.arrays import torch_device
from fusedstep.runtime import history
from fusedstep.runtime.gpu import device_history
from fusedstep.runtime.gpu.device_history import DeviceHistory
from fusedstep.runtime.gpu.numbers import host_numbers
from fusedstep.runtime.history import History
from tests import reference
from tests.devices import on_device, on_host

pytestmark = pytest.mark.gpu

ADAM = {"lr": 0.01, "beta1": 0.01, "beta2": 0.9, "epsilon": 1e-2}
CASES: list[tuple[Any, dict[str, float], dict[str, bool]]] = [
    (fs.rules.adam, ADAM, {}),
    (fs.rules.adamw, ADAM | {"weight_decay": 0.1}, {}),
    # No decaying tail: there is no closed form.
    (fs.rules.adam, ADAM | {"beta1": 0.9, "beta2": 0.5}, {}),
    (fs.rules.momentum, {"lr": 0.1, "momentum": 0.9, "gradient_scale": 1.0}, {"use_nesterov": True}),
    (fs.rules.sgd, {"lr": 0.1, "momentum": 0.5, "dampening": 0.0, "weight_decay": 0.0}, {}),
    (fs.rules.sgd, {"lr": 0.1, "momentum": 0.0, "dampening": 0.0, "weight_decay": 0.0}, {}),
    (fs.rules.proximal_gradient_descent, {"lr": 0.1, "l1": 0.01, "l2": 0.1}, {}),
    (fs.rules.ftrl, {"lr": 0.1, "l1": 0.01, "l2": 0.1, "lr_power": -0.5, "l2_shrinkage": 0.0}, {}),
    (fs.rules.rowwise_adagrad, {"lr": 0.1, "epsilon": 1e-3, "weight_decay": 0.1}, {}),
]


def scalars_at(rule: Any, scalars: dict[str, float], step: int) -> dict[str, float]:
    """The scalars of a step; sometimes the step size is 0."""
    powers = {f"{name}_power": value**step for name, value in scalars.items() if name.startswith("beta")}
    changed = scalars | powers | {"lr": scalars["lr"] / step**0.5 if step % 7 else 0.0}
    return {name: changed[name] for name in fs.Operator(rule).signature.scalars}


@pytest.mark.parametrize("compute", ["float32", "float64"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join([case[0].__name__, *map(str, case[1].values())]))
def test_steps_are_appended_as_on_the_host(case: Any, compute: str, device: str) -> None:
    rule, scalars, switches = case
    operator, like = fs.Operator(rule, **switches), on_device(np.zeros(1))
    closed_form, count = operator.closed_form, len(operator.spec.program.numbers)
    ours, theirs = (kind(closed_form, dict(operator.switches), compute, count) for kind in (DeviceHistory, History))
    room, steps = ours.arrays(operator, like), 12
    for array in room:
        if array.is_floating_point():
            array[...] = float("nan")
    addresses = [each.data_ptr() for each in room]
    with mock.patch.object(device_history, "BLOCK", 8), mock.patch.object(torch_device, "to_device", None):
        for step in range(1, steps + 1):
            named = scalars_at(rule, scalars, step)
            numbers = host_numbers(operator, compute, list(named.values()))
            ours.begin(named)
            ours.append(operator, like, numbers, list(named.values()))
            ours.end(None)
            totals = theirs.begin(named)
            theirs.numbers[theirs.steps] = numbers
            theirs.end(totals)
    assert [each.data_ptr() for each in room] == addresses
    assert (ours.steps, ours.window, ours.closed) == (theirs.steps, theirs.window, theirs.closed)
    got = on_host(room.numbers, np.dtype(compute))[:steps, :count]
    reference.assert_same_bits(got, theirs.numbers[:steps], "numbers")
    if ours.closed:
        got = on_host(room.totals, np.dtype(np.float64))[: len(ours.starts), :steps]
        reference.assert_same_bits(got, theirs.totals[:, :steps], "totals")


def drawn(rule: Any, scalars: dict[str, float], step: int, draw: np.random.Generator) -> dict[str, float]:
    """The scalars of a step; a few times one of the others changes, so that rows catch up, or it rounds to another."""
    found = scalars_at(rule, scalars, step)
    for name in found.keys() - {"lr", "beta1_power", "beta2_power"}:
        if draw.random() < 0.06:
            found[name] = {"beta1": 0.97, "beta2": 0.4, "lr_power": -0.25}.get(name, found[name] + 0.01)
    return found


@pytest.mark.parametrize("compute", ["float32", "float64"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join([case[0].__name__, *map(str, case[1].values())]))
def test_the_device_counts_as_the_host_does(case: Any, compute: str, device: str) -> None:
    rule, scalars, switches = case
    operator, like, draw = fs.Operator(rule, **switches), on_device(np.zeros(1)), np.random.default_rng(5)
    closed_form, count = operator.closed_form, len(operator.spec.program.numbers)
    ours, theirs = (kind(closed_form, dict(operator.switches), compute, count) for kind in (DeviceHistory, History))
    ours.counted_there, flushes, last_steps = True, 0, torch.zeros(3000, dtype=torch.int16, device=device)
    with mock.patch.object(history, "LIMIT", 23), mock.patch.object(device_history, "BLOCK", 8):
        for step in range(1, 80):
            named = drawn(rule, scalars, step, draw)
            numbers = host_numbers(operator, compute, list(named.values()))
            given = [on_device(np.array(each)) if draw.random() < 0.5 else each for each in named.values()]
            due = 0 if theirs.allows(named) else theirs.steps
            before = [theirs.window, int(theirs.closed)]
            if due:
                theirs.forget()
                flushes += 1
            ours.begin(named)
            ours.begin_there(operator, like, given)
            totals = theirs.begin(named)
            theirs.numbers[theirs.steps] = numbers
            room = ours.arrays(operator, like)
            begun, pending, owed = (row[:3].tolist() for row in room.record)
            assert begun == [theirs.steps, theirs.window, int(theirs.closed)]
            assert pending[0] == due or theirs.steps
            assert owed[0] == due
            assert not due or owed[1:] == pending[1:] == before
            last_steps[...] = 3
            ours.forget_rows(last_steps, due=True)
            assert room.record[1].tolist() == room.record[0].tolist()
            assert last_steps.unique().tolist() == [0 if due else 3]
            ours.append(operator, like, [], given)
            theirs.end(totals)
            ours.end(None)
            assert room.record[1].tolist()[:3] == [theirs.steps, theirs.window, int(theirs.closed)]
    assert flushes > 2
    assert ours.steps == 0
    got = on_host(room.numbers, np.dtype(compute))[: theirs.steps, :count]
    reference.assert_same_bits(got, theirs.numbers[: theirs.steps], "numbers")
    if theirs.closed:
        got = on_host(room.totals, np.dtype(np.float64))[: len(ours.starts), : theirs.steps]
        reference.assert_same_bits(got, theirs.totals[:, : theirs.steps], "totals")
    ours.forget_rows(last_steps)
    assert not room.record[1][0]
    assert not last_steps.any()


def test_rows_that_have_replayed_a_window_move_no_more(device: str) -> None:
    operator, like = fs.Operator(fs.rules.adam), torch.zeros(1, device=device)
    ours = DeviceHistory(operator.closed_form, dict(operator.switches), "float64", len(operator.spec.program.numbers))
    for step in (1, 2, 3):
        named = scalars_at(fs.rules.adam, ADAM, step)
        ours.begin(named)
        ours.append(operator, like, host_numbers(operator, "float64", list(named.values())), list(named.values()))
        ours.end(None)
    room = ours.arrays(operator, like)
    # Both keep the moments' powers; the sums are those of no steps.
    differ = (room.kept[:, :3] != room.settled[:, :3]).any(dim=1)
    assert differ.any()
    assert not differ.all()
