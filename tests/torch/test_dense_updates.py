"""Parameters that are stepped together end with the bits and the states of parameters that are stepped each by itself."""

import copy
import gc
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fusedstep as fs

torch = pytest.importorskip("torch")

from fusedstep.torch import dense_updates  # noqa: E402
from fusedstep.torch.optimizer import FusedOptimizer  # noqa: E402
from tests.torch.test_optimizer import ALL, ROWS, build  # noqa: E402

SETTINGS = [(row.name, setting) for row in ROWS for setting in row.settings]
SETTINGS += [(name, {}) for name in ALL if name not in dict(SETTINGS)]
SETTINGS += [("SGD", {"momentum": 0.5, "state_dtype": torch.bfloat16}), ("Adam", {"state_dtype": torch.float16})]


@contextmanager
def each_by_itself() -> Iterator[None]:
    """No parameters are stepped together within."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dense_updates, "can_run", lambda *_: False)
        yield


@contextmanager
def nothing_by_itself() -> Iterator[None]:
    """A parameter that is stepped by itself is an error within."""

    def refuse(*_: Any) -> Any:
        raise AssertionError("a parameter is stepped by itself")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FusedOptimizer, "_update", refuse)
        yield


def same(first: Any, second: Any) -> bool:
    """Whether two values are equal, bit by bit."""
    if not isinstance(first, torch.Tensor):
        return bool(first == second)
    kinds = (first.dtype, first.shape, first.stride()) == (second.dtype, second.shape, second.stride())
    views = [each.detach().clone().contiguous().reshape(-1).view(torch.uint8) for each in (first, second)]
    return kinds and torch.equal(*views)


def flat_views(random: Any) -> list[Any]:
    buffer = random(40)
    return [buffer[:8].view(2, 4), buffer[8:9].view(()), buffer[9:31], buffer[31:]]


# What parameters are made of.
PARAMETERS: dict[str, Callable[[Any], list[Any]]] = {
    "several": lambda random: [random(3), random(4, 5), random(1), random(2, 1, 3)],
    "of no dimension": lambda random: [random()],
    "empty": lambda random: [random(0), random(3, 0)],
    "long": lambda random: [random(1000)],
    "transposed": lambda random: [random(3, 4).t()],
    "channels last": lambda random: [random(2, 3, 4, 2).to(memory_format=torch.channels_last)],
    "with gaps": lambda random: [random(4, 6)[:, :4]],
    "double": lambda random: [random(5).double(), random(7).double()],
    "bfloat16": lambda random: [random(5).bfloat16(), random(2, 9).bfloat16()],
    "float16": lambda random: [random(5).half()],
    "complex": lambda random: [torch.complex(random(3), random(3))],
    "views of one buffer": flat_views,
    "askew": lambda random: [torch.frombuffer(bytearray(64), dtype=torch.float32, count=5, offset=4).copy_(random(5))],
}


def sparse(param: Any, drawn: Any, others: Any) -> Any:
    if not param.dim() or not param.numel():
        return drawn
    rows = torch.tensor([[0, len(param) - 1, 0]])
    values = drawn[[0, len(param) - 1, 0]]
    return torch.sparse_coo_tensor(rows, values, param.shape, check_invariants=True)


def negated(param: Any, drawn: Any, others: Any) -> Any:
    return drawn if param.is_complex() else torch._neg_view(drawn)


def of_other_strides(param: Any, drawn: Any, others: Any) -> Any:
    return drawn.mT.contiguous().mT if param.dim() > 1 else drawn


def as_before(param: Any, drawn: Any, others: Any) -> Any:
    """The gradient, or the memory, of a parameter before of the same kind."""
    for other in others:
        if other.shape == param.shape and other.dtype == param.dtype and other.grad is not None:
            return other.grad
    return drawn


def another_parameter(param: Any, drawn: Any, others: Any) -> Any:
    for other in others:
        if other.shape == param.shape and other.dtype == param.dtype:
            return other.detach()
    return drawn


GRADIENTS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "none": lambda param, drawn, others: None,
    "plain": lambda param, drawn, others: drawn,
    "in the parameter's order": lambda param, drawn, others: torch.empty_like(param).copy_(drawn).detach(),
    "of other strides": of_other_strides,
    "of one number": lambda param, drawn, others: drawn.reshape(-1)[:1].sum().expand(param.shape),
    "in a graph": lambda param, drawn, others: drawn.requires_grad_() * 1,
    "negated": negated,
    "sparse": sparse,
    "the parameter itself": lambda param, drawn, others: param.detach(),
    "that of another": as_before,
    "another parameter": another_parameter,
}


def replace_memory(param: Any, optimizer: Any, state: Any) -> None:
    param.data = param.detach().clone()


def replace_states(param: Any, optimizer: Any, state: Any) -> None:
    for key, value in state.items():
        if isinstance(value, torch.Tensor):
            state[key] = value.clone()


def change_layout(param: Any, optimizer: Any, state: Any) -> None:
    for key, value in state.items():
        if key in optimizer._state_keys and isinstance(value, torch.Tensor) and value.dim() == 2:
            state[key] = value.t().contiguous().t()


def forget_states(param: Any, optimizer: Any, state: Any) -> None:
    state.clear()


def forget_one_state(param: Any, optimizer: Any, state: Any) -> None:
    if state:
        del state[next(reversed(state))]


def count_in_doubles(param: Any, optimizer: Any, state: Any) -> None:
    if isinstance(state.get("step"), torch.Tensor):
        state["step"] = state["step"].double()


def count_in_integers(param: Any, optimizer: Any, state: Any) -> None:
    if "step" in state:
        state["step"] = torch.tensor(int(state["step"]))


def count_in_numbers(param: Any, optimizer: Any, state: Any) -> None:
    if "step" in state:
        state["step"] = float(state["step"])


def count_from_far(param: Any, optimizer: Any, state: Any) -> None:
    if isinstance(state.get("step"), torch.Tensor):
        state["step"].fill_(2**24)


def load(param: Any, optimizer: Any, state: Any) -> None:
    optimizer.load_state_dict(copy.deepcopy(optimizer.state_dict()))


def schedule(param: Any, optimizer: Any, state: Any) -> None:
    for group in optimizer.param_groups:
        group["lr"] = 0.0625 if not isinstance(group["lr"], torch.Tensor) else torch.tensor(0.125)


CHANGES = [
    replace_memory,
    replace_states,
    change_layout,
    forget_states,
    forget_one_state,
    count_in_doubles,
    count_in_integers,
    count_in_numbers,
    count_from_far,
    load,
]

STEP = st.tuples(st.lists(st.sampled_from(sorted(GRADIENTS)), min_size=1, max_size=5), st.sampled_from([None, *CHANGES]))
PROGRAMS = st.tuples(
    st.lists(st.sampled_from(sorted(PARAMETERS)), min_size=1, max_size=5),
    st.lists(STEP, min_size=1, max_size=6),
    st.integers(1, 3),
    st.integers(0, 999),
)


class World:
    """Some parameters, and the optimizers that step them."""

    def __init__(self, name: str, setting: dict[str, Any], kinds: list[str], groups: int, together: bool) -> None:
        generator = torch.Generator().manual_seed(1)
        made = [each for kind in kinds for each in PARAMETERS[kind](lambda *s: torch.randn(s, generator=generator))]
        if name == "SparseAdam" or "state_dtype" in setting:
            made = [each for each in made if not each.is_complex() and each.dtype != torch.float64] or [torch.ones(3)]
        self.params = [torch.nn.Parameter(each) for each in made]
        if together:
            shared = [{"params": self.params[k::groups]} | ({"lr": 0.5} if k else {}) for k in range(groups)]
            optimizer = build(name, [each for each in shared if each["params"]], **setting)
            self.optimizers = [optimizer] * len(self.params)
        else:
            self.optimizers = [
                build(name, [{"params": [each]} | ({"lr": 0.5} if k % groups else {})], **setting)
                for k, each in enumerate(self.params)
            ]
        self.groups = groups

    def step(self, gradients: list[str], change: Any, which: int, generator: Any) -> None:
        params = self.params
        for param in params:
            param.grad = None
        if params and change is load:
            for optimizer in {id(each): each for each in self.optimizers}.values():
                load(None, optimizer, None)
        elif params and change:
            place = which % len(params)
            change(params[place], self.optimizers[place], self.optimizers[place].state[params[place]])
        for place, param in enumerate(params):
            drawn = torch.randn(param.shape, generator=generator).to(param.dtype)
            param.grad = GRADIENTS[gradients[place % len(gradients)]](param, drawn, params[:place])
        # The optimizer goes through its groups.
        for optimizer in {id(self.optimizers[k]): self.optimizers[k] for k in self.order()}.values():
            optimizer.step()

    def order(self) -> list[int]:
        return [k for group in range(self.groups) for k in range(group, len(self.params), self.groups)]


def run_twice(name: str, setting: dict[str, Any], program: Any) -> None:
    kinds, steps, groups, seed = program
    together, alone = (World(name, setting, kinds, groups, both) for both in (True, False))
    drawn = [torch.Generator().manual_seed(seed) for _ in range(2)]
    for gradients, change in steps:
        if name == "RowwiseAdagrad" or change in (count_in_numbers, count_in_integers):
            gradients = [each for each in gradients if each != "sparse"] or ["plain"]
        versions = [each._version for each in together.params]
        together.step(gradients, change, seed, drawn[0])
        with each_by_itself():
            alone.step(gradients, change, seed, drawn[1])
        for place, (first, second) in enumerate(zip(together.params, alone.params, strict=True)):
            assert same(first, second), place
            states = [w.optimizers[place].state.get(w.params[place], {}) for w in (together, alone)]
            assert list(states[0]) == list(states[1])
            for key in states[0]:
                assert same(states[0][key], states[1][key]), (place, key)
            if first.grad is not None and first.numel() and change is not replace_memory:
                assert first._version > versions[place]


@pytest.mark.filterwarnings("ignore:.*non-writable|.*Sparse invariant")
@pytest.mark.parametrize(("name", "setting"), SETTINGS, ids=str)
@settings(deadline=None, max_examples=12)
@given(program=PROGRAMS)
def test_together_as_each_by_itself(name: str, setting: dict[str, Any], program: Any) -> None:
    run_twice(name, setting, program)


@pytest.mark.usefixtures("split_small")
@pytest.mark.parametrize(("name", "setting"), SETTINGS, ids=str)
@settings(deadline=None, max_examples=6)
@given(program=PROGRAMS)
def test_together_on_threads_as_each_by_itself(name: str, setting: dict[str, Any], program: Any) -> None:
    run_twice(name, setting, program)


def weights(*shapes: tuple[int, ...]) -> list[Any]:
    return [torch.nn.Parameter(torch.randn(shape)) for shape in shapes]


def with_gradients(params: Any) -> Any:
    for param in params:
        param.grad = torch.randn(param.shape).to(param.dtype)
    return params


@pytest.mark.parametrize(("name", "setting"), SETTINGS, ids=str)
def test_usual_parameters_are_stepped_together(name: str, setting: dict[str, Any]) -> None:
    params = weights((), (3,), (2, 5), (2, 3, 4, 4), (1,))
    params[3].data = params[3].detach().to(memory_format=torch.channels_last)
    optimizer = build(name, params, **setting)
    with_gradients(params)
    params[3].grad = params[3].grad.to(memory_format=torch.channels_last)
    optimizer.step()
    if optimizer._operator(optimizer.param_groups[0]).spec.reduction_scope:
        pytest.skip("its rule adds up rows")
    with nothing_by_itself():
        optimizer.step()


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float64"])
def test_other_types_are_too(dtype: str) -> None:
    params = [torch.nn.Parameter(each.detach().to(getattr(torch, dtype))) for each in weights((3,), (2, 5))]
    optimizer = fs.torch.Adam(params)
    with_gradients(params)
    optimizer.step()
    with nothing_by_itself():
        optimizer.step()


def shrunk(tensor: Any) -> None:
    tensor.untyped_storage().resize_(8)


def emptied(tensor: Any) -> None:
    tensor.untyped_storage().resize_(0)


def shrunk_in_place(tensor: Any) -> None:
    start = tensor.data_ptr()
    for _ in range(100):
        tensor.untyped_storage().resize_(0)
        tensor.untyped_storage().resize_(tensor.nbytes - 8)
        if tensor.data_ptr() == start:
            break


@pytest.mark.parametrize("spoil", [shrunk, emptied, shrunk_in_place])
@pytest.mark.parametrize("which", ["parameter", "gradient", "exp_avg", "step"])
@pytest.mark.parametrize("offset", [0, 40])
def test_memory_that_is_not_there_is_refused(spoil: Any, which: str, offset: int) -> None:
    """Of one parameter; the one before is stepped, and nothing of the refused one is changed."""
    params = with_gradients([torch.nn.Parameter(torch.randn(offset + 100)[offset:]) for _ in range(2)])
    optimizer = fs.torch.Adam(params)
    optimizer.step()
    param, state = params[1], optimizer.state[params[1]]
    param.grad = torch.randn(offset + 100)[offset:]
    if which == "step" and spoil is not emptied:
        pytest.skip("a number is whole or gone")
    spoiled = {"parameter": param, "gradient": param.grad, **state}[which]
    spoil(spoiled)
    before = {key: value.clone() for key, value in {"": param.detach(), **state}.items() if value is not spoiled
              and which != "parameter"}
    first = params[0].detach().clone()
    with pytest.raises((TypeError, RuntimeError, IndexError, ValueError)):
        optimizer.step()
    assert not torch.equal(params[0], first)
    assert all(same(value, {"": param.detach(), **state}[key]) for key, value in before.items())
