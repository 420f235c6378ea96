"""Optimizers on MindSpore's parameters whose memory is replaced, that are interrupted, or that a program subclasses."""

import os
import signal
import threading
import time
from collections import deque
from typing import Any

import mindspore
import numpy as np
import pytest

import fusedstep.mindspore.nn

from .side_by_side import tensor

ONES = np.ones((3, 3), np.float32)


def made(array: Any, name: str = "var") -> Any:
    return mindspore.Parameter(tensor(array), name=name)


def test_a_parameter_whose_memory_was_replaced_steps_there() -> None:
    var = made(ONES)
    optimizer = fusedstep.mindspore.nn.SGD([var], 0.5)
    for start in (tensor(3 * ONES), tensor(np.arange(18, dtype=np.float32).reshape(6, 3))[::2], tensor(0 * ONES)):
        var.set_data(start)
        before = var.asnumpy().copy()
        optimizer((tensor(ONES),))
        np.testing.assert_array_equal(var.asnumpy(), before - 0.5)


@pytest.mark.parametrize("steps_before", [0, 1])
def test_the_same_memory_in_another_order_is_noticed(steps_before: int) -> None:
    var = made(np.arange(9, dtype=np.float32).reshape(3, 3))
    optimizer = fusedstep.mindspore.nn.SGD([var], 0.5)
    for _ in range(steps_before):
        optimizer((tensor(0 * ONES),))
    var.set_data(var.T)
    before = var.asnumpy().copy()
    with pytest.raises(ValueError, match="var has rows that are not contiguous"):
        optimizer((tensor(np.arange(9, dtype=np.float32).reshape(3, 3)),))
    np.testing.assert_array_equal(var.asnumpy(), before)


def test_states_that_are_assigned_take_the_next_step() -> None:
    var = made(ONES)
    optimizer = fusedstep.mindspore.nn.Momentum([var], 0.5, 0.5)
    optimizer((tensor(ONES),))
    optimizer.moments = optimizer.parameters.clone("moments", init="zeros")
    optimizer((tensor(ONES),))
    np.testing.assert_array_equal(optimizer.moments[0].asnumpy(), ONES)


@pytest.mark.parametrize("method", ["decay_weight", "gradients_centralization", "scale_grad"])
def test_methods_that_a_subclass_overrides_are_called_as_by_mindspore(method: str) -> None:
    values = []
    for nn in (mindspore.nn, fusedstep.mindspore.nn):

        def clipped(self: Any, gradients: Any) -> Any:
            found = getattr(mindspore.nn.Optimizer, method)(self, gradients)
            return tuple(mindspore.ops.clip_by_value(each, -0.5, 0.5) for each in found)

        var = made(np.linspace(-1, 1, 32, dtype=np.float32).reshape(2, 16))
        # MindSpore has no kernel for the CPU that centralizes gradients.
        groups = [{"params": [var], "weight_decay": 0.25}]
        optimizer = type("Mine", (nn.Momentum,), {method: clipped})(groups, 0.5, 0.5, loss_scale=4.0)
        for step in range(3):
            optimizer((tensor(np.linspace(-2, 4, 32, dtype=np.float32).reshape(2, 16) * step),))
        values.append(var.asnumpy())
    np.testing.assert_allclose(values[1], values[0], rtol=1e-5)


def test_an_interrupt_comes_before_or_after_the_steps_of_all_parameters() -> None:
    parameters = [made(np.zeros((40, 40), np.float32), f"var{number}") for number in range(300)]
    gradients = tuple(tensor(np.ones((40, 40), np.float32)) for _ in parameters)
    optimizer = fusedstep.mindspore.nn.SGD(parameters, 1.0)
    start = time.perf_counter()
    optimizer(gradients)
    duration = time.perf_counter() - start

    def step_and_wait(timer: threading.Timer) -> None:
        timer.start()
        optimizer(gradients)
        time.sleep(60)

    for attempt in range(40):
        timer = threading.Timer(duration * attempt / 40, os.kill, (os.getpid(), signal.SIGINT))
        with pytest.raises(KeyboardInterrupt):
            step_and_wait(timer)
        timer.join()
        steps = {-float(each.asnumpy()[0, 0]) for each in parameters}
        assert steps == {float(optimizer.global_step.asnumpy()[0])}


def test_parameters_of_mindspore_may_come_in_any_container() -> None:
    parameters = [made(ONES, "a"), made(ONES, "b")]
    by_name = {each.name: each for each in parameters}
    for container in (by_name.values(), dict.fromkeys(parameters).keys(), set(parameters), deque(parameters)):
        assert len(fusedstep.mindspore.nn.Adam(container).parameters) == 2
        assert len(fusedstep.mindspore.nn.Adam([{"params": list(container)}]).parameters) == 2
