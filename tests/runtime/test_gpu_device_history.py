"""The history of pending steps on a device, beside that of the host."""

from typing import Any
from unittest import mock

import numpy as np
import pytest
import torch

import fusedstep as fs
from fusedstep.arrays import torch_device
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


def test_rows_that_have_replayed_a_window_move_no_more(device: str) -> None:
    operator, like = fs.Operator(fs.rules.adam), torch.zeros(1, device=device)
    history = DeviceHistory(
        operator.closed_form, dict(operator.switches), "float64", len(operator.spec.program.numbers)
    )
    for step in (1, 2, 3):
        named = scalars_at(fs.rules.adam, ADAM, step)
        history.begin(named)
        history.append(operator, like, host_numbers(operator, "float64", list(named.values())), list(named.values()))
        history.end(None)
    room = history.arrays(operator, like)
    # Both keep the moments' powers; the sums are those of no steps.
    differ = (room.kept[:, :3] != room.settled[:, :3]).any(dim=1)
    assert differ.any()
    assert not differ.all()
