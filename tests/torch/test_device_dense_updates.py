"""Dense parameters of a group on a device: one launch, whose table is sent again only when memory has moved."""

import contextlib
import copy
import gc
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import fusedstep as fs
from fusedstep.arrays import torch_device
from fusedstep.runtime.gpu import launch_kernel
from tests.captured import capture
from tests.devices import DEVICE, INTERPRETED, host

pytestmark = pytest.mark.gpu

only_interpreted = pytest.mark.skipif(not INTERPRETED, reason="what is launched is noted in the interpreter")
SHAPES = [(3, 5), (), (1025,), (2, 3, 4), (1,), (7, 150)]


def params_of(shapes: Any = SHAPES, dtype: Any = torch.float32) -> list[torch.nn.Parameter]:
    generator = torch.Generator().manual_seed(3)
    return [torch.nn.Parameter(torch.randn(shape, generator=generator).to(dtype).to(DEVICE)) for shape in shapes]


def with_gradients(params: Any, number: int) -> None:
    generator = torch.Generator().manual_seed(number)
    for param in params:
        param.grad = torch.randn(param.shape, generator=generator).to(param.dtype).to(DEVICE)


@contextmanager
def launches() -> Iterator[list[str]]:
    """The titles of the kernels that are launched within."""
    found: list[str] = []
    launch = launch_kernel.launch_kernel

    def noted(library: Any, kernel: Any, *args: Any, **known: Any) -> None:
        found.append(kernel.fn.__globals__["__doc__"].splitlines()[0])
        launch(library, kernel, *args, **known)

    with (
        mock.patch("fusedstep.runtime.gpu.many_tensors.launch_kernel", noted),
        mock.patch("fusedstep.runtime.gpu.numbers.launch_kernel", noted),
        mock.patch("fusedstep.runtime.gpu.launch.launch_kernel", noted),
        mock.patch("fusedstep.runtime.gpu.kernel_call.launch_kernel", noted),
    ):
        yield found


@contextmanager
def copies() -> Iterator[list[int]]:
    """The sizes of the arrays that are sent to the device within."""
    found: list[int] = []
    send = torch_device.to_device

    def noted(array: Any, like: Any) -> Any:
        found.append(array.size)
        return send(array, like)

    with mock.patch.object(torch_device, "to_device", noted):
        yield found


def same(found: list[Any], expected: list[Any], bound: float = 0.0) -> None:
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one.cpu(), other.cpu(), rtol=bound, atol=bound, equal_nan=True)


@only_interpreted
@pytest.mark.parametrize("name", ["Adam", "SGD", "Adagrad", "RMSprop", "FTRL", "Lion"])
def test_a_group_is_one_launch(name: str, device: str) -> None:
    params = params_of()
    optimizer = getattr(fs.torch, name)(params, lr=0.1)
    with_gradients(params, 0)
    optimizer.step()
    with launches() as found:
        optimizer.step()
    # What is on the device of the first step, which makes states, is made anew.
    assert [each.split(";")[1] for each in found if each.startswith("fusedstep kernel: rule")] == [
        " loop gpu/dense_tensors"
    ]
    with launches() as found, copies() as sent:
        optimizer.step()
    assert len(found) == 1
    assert sent == []


@only_interpreted
def test_what_moves_is_sent_again(device: str) -> None:
    params = params_of()
    optimizer = fs.torch.Adam(params, lr=0.1)
    for number in range(2):
        with_gradients(params, number)
        optimizer.step()
    others = [each.grad for each in params]
    with_gradients(params, 3)
    with copies() as sent:
        optimizer.step()
        optimizer.step()
    assert len(sent) == 1
    del others


@only_interpreted
@pytest.mark.parametrize("lr", [0.1, "tensor"])
def test_counts_that_differ_are_numbers_of_one_launch(lr: Any, device: str) -> None:
    found = []
    for place in ("device", "host"):
        params = params_of()
        given = torch.tensor(0.1) if lr == "tensor" else lr
        optimizer = fs.torch.AdamW(params, lr=given, foreach=False)
        with host() if place == "host" else launches() as titles:
            for number in range(4):
                with_gradients(params, number)
                for param in params[: number % 3]:
                    param.grad = None
                optimizer.step()
        assert place == "host" or lr == "tensor" or any("dense_tensors_by_numbers" in each for each in titles)
        found.append([*params, *(state["step"] for state in optimizer.state.values())])
    same(*found, bound=2e-6 if lr == "tensor" else 0.0)
    assert len({each.item() for each in found[0][-len(SHAPES) :]}) > 1


@only_interpreted
def test_steps_that_are_counted_on_the_device(device: str) -> None:
    numbers = []
    for count in (3, 6):
        params = params_of(SHAPES[:count])
        optimizer = fs.torch.Adam(params, lr=0.1, capturable=True)
        with_gradients(params, 0)
        for _ in range(3):
            with launches() as found:
                optimizer.step()
        numbers.append(len(found))
        assert [each["step"].item() for each in optimizer.state.values()] == [3.0] * count
    # As many launches whatever the number of tensors: one evaluates the numbers of all, one takes the steps.
    assert numbers == [2, 2]


@given(st.data())
@settings(max_examples=25 if INTERPRETED else 200, deadline=None)
def test_drawn_groups_equal_the_cpus(data: st.DataObject) -> None:
    with mock.patch.object(torch_device, "DEVICES", {*torch_device.DEVICES, DEVICE}):
        kinds = [torch.float32, torch.float32, torch.float64, torch.bfloat16]
        shapes = data.draw(st.lists(st.sampled_from([(), (0,), (1,), (3, 5), (1025,), (2, 0)]), min_size=1, max_size=6))
        dtypes = [data.draw(st.sampled_from(kinds)) for _ in shapes]
        askew = [data.draw(st.booleans()) for _ in shapes]
        skipped = [data.draw(st.sets(st.integers(0, len(shapes) - 1))) for _ in range(3)]
        name = data.draw(st.sampled_from(["Adam", "SGD", "Adagrad", "RowwiseAdagrad"]))
        found = []
        for place in ("device", "host"):
            params = []
            for param, dtype, odd in zip(params_of(shapes), dtypes, askew, strict=True):
                memory = torch.empty(param.numel() + 1, dtype=dtype, device=DEVICE)[int(odd) :][: param.numel()]
                params.append(torch.nn.Parameter(memory.copy_(param.detach().flatten()).reshape(param.shape)))
            optimizer = getattr(fs.torch, name)(params, lr=0.1)
            for number, without in enumerate(skipped):
                with_gradients(params, number)
                for k in without:
                    params[k].grad = None
                if place == "host":
                    with host():
                        optimizer.step()
                else:
                    optimizer.step()
            found.append([*params, *(each for state in optimizer.state.values() for each in state.values())])
        same(*[[torch.as_tensor(each) for each in one] for one in found], bound=1e-6 * (name == "RowwiseAdagrad"))


def test_parameters_that_share_memory_take_steps_in_their_order(device: str) -> None:
    found = []
    for place in ("device", "host"):
        memory = torch.linspace(-1, 1, 12, device=DEVICE)
        params = [torch.nn.Parameter(memory[:8]), torch.nn.Parameter(memory[4:]), torch.nn.Parameter(memory[2:3])]
        optimizer = fs.torch.Adam(params, lr=0.1)
        for number in range(3):
            with_gradients(params, number)
            if place == "host":
                with host():
                    optimizer.step()
            else:
                optimizer.step()
        found.append([memory])
    same(*found)


def test_a_failed_step_counts_nothing(device: str) -> None:
    params = params_of()
    optimizer = fs.torch.Adam(params, lr=0.1)
    with_gradients(params, 0)
    optimizer.step()
    before = copy.deepcopy(optimizer.state_dict())
    with (
        mock.patch("fusedstep.runtime.gpu.many_tensors.kernel_of", side_effect=MemoryError),
        pytest.raises(MemoryError),
    ):
        optimizer.step()
    same(*[[each["step"] for each in state["state"].values()] for state in (before, optimizer.state_dict())])


@only_interpreted
@pytest.mark.parametrize("count", [2, 60])
def test_a_graph_reads_its_own_table(count: int, device: str) -> None:
    # More tensors than one kernel writes the table of.
    params = params_of([(k % 5 + 1,) for k in range(count)])
    expected = copy.deepcopy(params)
    optimizer = fs.torch.Adam(params, lr=0.1, capturable=True)
    theirs = fs.torch.Adam(expected, lr=0.1, capturable=True)

    def both(number: int) -> None:
        with_gradients(expected, number)
        theirs.step()

    for number in range(2):
        with_gradients(params, number)
        optimizer.step()
        both(number)
    with_gradients(params, 2)
    static = [each.grad for each in params]
    with capture() as graph:
        optimizer.step()
    both(2)
    for number in range(3, 6):
        # Between replays, other gradients are stepped as ever, and what was launched is sent again.
        with_gradients(params, 10 + number)
        optimizer.step()
        both(10 + number)
        generator = torch.Generator().manual_seed(number)
        for grad in static:
            grad.copy_(torch.randn(grad.shape, generator=generator))
        graph.replay()
        both(number)
    same(params, expected)
    assert {each["step"].item() for each in optimizer.state.values()} == {9.0}


@only_interpreted
@pytest.mark.parametrize("name", ["Adam", "Adagrad", "NAdam", "SparseAdam", "RMSprop"])
def test_a_count_on_the_host_is_not_captured(name: str, device: str) -> None:
    params = params_of()
    optimizer = getattr(fs.torch, name)(params, lr=0.1)
    with_gradients(params, 0)
    optimizer.step()
    before = [each.detach().clone() for each in params]
    with (
        mock.patch.object(torch_device, "capturing", return_value=True),
        pytest.raises(RuntimeError, match=rf"^{name}: "),
    ):
        optimizer.step()
    same(params, before)


@pytest.mark.parametrize("change", ["data", "transposed", "storage", "state", "step", "negated", "type"])
def test_what_changes_between_steps_is_seen(change: str, device: str) -> None:
    found = []
    for place in ("device", "host"):
        params = params_of([(3, 3), (4,)])
        optimizer = fs.torch.Adam(params, lr=0.1)
        first, state = params[0], optimizer.state
        with host() if place == "host" else contextlib.nullcontext():
            for number in range(4):
                with_gradients(params, number)
                if number == 2 and change == "data":
                    first.data = first.detach() * 2
                elif number == 2 and change == "transposed":
                    first.data = first.detach().t()
                elif number == 2 and change == "storage":
                    values = first.detach().clone()
                    first.data.untyped_storage().resize_(0)
                    first.data.untyped_storage().resize_(values.nbytes)
                    first.data.copy_(values)
                elif number == 2 and change == "state":
                    state[first]["exp_avg"] = torch.ones(3, 3, device=DEVICE)
                elif number == 2 and change == "step":
                    state[first]["step"] = torch.tensor(40.0)
                elif number == 2 and change == "negated":
                    first.grad = torch._neg_view(first.grad)
                elif number == 2 and change == "type":
                    state[first]["exp_avg"] = state[first]["exp_avg"].bfloat16()
                optimizer.step()
        found.append([*params, *(each for its in state.values() for each in its.values())])
    same(*found)


def test_gradients_are_not_held(device: str) -> None:
    params = params_of()
    optimizer = fs.torch.Adam(params, lr=0.1)
    for number in range(3):
        with_gradients(params, number)
        optimizer.step()
    gone = [weakref.ref(each.grad) for each in params]
    optimizer.zero_grad()
    gc.collect()
    assert not any(each() is not None for each in gone)
