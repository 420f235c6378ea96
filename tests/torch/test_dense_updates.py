"""Parameters that are stepped together end with the bits and states of parameters that are stepped each by itself."""

import copy
import gc
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
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
    # A checkpoint that lacks a state is refused.
    with suppress(ValueError):
        optimizer.load_state_dict(copy.deepcopy(optimizer.state_dict()))


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

STEP = st.tuples(
    st.lists(st.sampled_from(sorted(GRADIENTS)), min_size=1, max_size=5), st.sampled_from([None, *CHANGES])
)
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
        if "sparse" in gradients:
            # Tables take their steps after all other parameters.
            gradients = [each.replace("another parameter", "plain") for each in gradients]
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
    before = {
        key: value.clone()
        for key, value in {"": param.detach(), **state}.items()
        if value is not spoiled and which != "parameter"
    }
    first = params[0].detach().clone()
    with pytest.raises((TypeError, RuntimeError, IndexError, ValueError)):
        optimizer.step()
    assert not torch.equal(params[0], first)
    assert all(same(value, {"": param.detach(), **state}[key]) for key, value in before.items())


def test_memory_that_another_thread_replaces_stays_until_the_step_has_ended() -> None:
    tensors = [torch.ones(4, 3) for _ in range(3)]
    memory = dense_updates.memory_of(tensors)
    storages = [weakref.ref(each.untyped_storage()) for each in tensors]
    for each in tensors:
        each.data = torch.zeros(4, 3)
    assert memory is not None
    assert all(storage() is not None for storage in storages)
    del memory
    gc.collect()
    assert not any(storage() is not None for storage in storages)


@pytest.mark.parametrize("split", [False, True])
def test_memory_may_be_replaced_during_steps(split: bool, request: pytest.FixtureRequest) -> None:
    if split:
        request.getfixturevalue("split_small")
    params = with_gradients(weights(*[(2000,)] * 20))
    optimizer, ended = fs.torch.Adam(params), threading.Event()
    optimizer.step()

    def replace() -> None:
        while not ended.is_set():
            for param in params:
                param.data = torch.ones(2000)
                param.grad.data = torch.ones(2000)
                optimizer.state[param]["exp_avg"].set_(torch.ones(2000))

    thread = threading.Thread(target=replace)
    thread.start()
    try:
        for _ in range(300):
            optimizer.step()
    finally:
        ended.set()
        thread.join()
    assert all(torch.isfinite(param).all() for param in params)


def test_steps_keep_nothing_alive_and_lose_no_reference() -> None:
    params = with_gradients(weights(*[(3,)] * 5, (2, 2)))
    params[-1].grad = torch.randn(2, 2).t()
    optimizer = fs.torch.Adam(params)
    optimizer.step()
    tensors = [*params, *(param.grad for param in params), *(v for s in optimizer.state.values() for v in s.values())]
    dtype = sys.getrefcount(torch.float32)
    optimizer.step()
    before = [sys.getrefcount(each) for each in tensors]
    objects = len(gc.get_objects())
    for _ in range(2000):
        optimizer.step()
    assert [sys.getrefcount(each) for each in tensors] == before
    assert len(gc.get_objects()) < objects + 100
    assert sys.getrefcount(torch.float32) < dtype + 100
    gone = [weakref.ref(each) for each in tensors]
    del optimizer, params, tensors
    gc.collect()
    assert not any(each() is not None for each in gone)


def kinds_of_gradients() -> dict[str, Any]:
    """Gradients of a parameter of shape (2, 2) that are no plain tensors."""
    with torch.inference_mode():
        inference = torch.ones(2, 2)
    complex_one = torch.complex(torch.ones(2, 2), torch.ones(2, 2))
    return {
        "of a subclass": torch.ones(2, 2).as_subclass(type("Mine", (torch.Tensor,), {})),
        "of inference mode": inference,
        "an imaginary part": complex_one.imag,
        "of a conjugate": complex_one.conj().imag,
        "a parameter": torch.nn.Parameter(torch.ones(2, 2)),
        "of no memory yet": torch._lazy_clone(torch.ones(2, 2)),
    }


@pytest.mark.parametrize("kind", sorted(kinds_of_gradients()))
def test_gradients_of_other_kinds_count_as_ever(kind: str) -> None:
    found = []
    for together in (True, False):
        params = [torch.nn.Parameter(torch.ones(2, 2)) for _ in range(3)]
        optimizer = fs.torch.Adam(params, lr=0.5)
        for _ in range(2):
            with_gradients([])
            for number, param in enumerate(params):
                param.grad = kinds_of_gradients()[kind] if number == 1 else torch.full((2, 2), 0.5)
            if together:
                optimizer.step()
            else:
                with each_by_itself():
                    optimizer.step()
        found.append([each.detach() for each in params])
    assert all(map(same, *found))


def test_an_imaginary_part_of_one_number_is_negated() -> None:
    param = torch.nn.Parameter(torch.zeros(1))
    optimizer = fs.torch.SGD([param], lr=1.0)
    param.grad = torch.tensor([1j]).conj().imag
    optimizer.step()
    assert param.item() == 1.0


def test_parameters_that_share_a_count_advance_it_one_after_the_other() -> None:
    params = with_gradients(weights(*[(3,)] * 3))
    optimizer = fs.torch.Adam(params)
    optimizer.step()
    shared = optimizer.state[params[0]]["step"]
    for param in params:
        optimizer.state[param]["step"] = shared.view(())
    optimizer.step()
    assert shared.item() == 4


def share_counts(optimizer: Any, params: list[Any]) -> None:
    first = optimizer.state[params[0]]
    optimizer.state[params[-1]] |= {key: first[key] for key in optimizer._counters}


def count_in_plain_numbers(optimizer: Any, params: list[Any]) -> None:
    for param in params:
        count_in_numbers(param, optimizer, optimizer.state[param])


def count_in_inference_mode(optimizer: Any, params: list[Any]) -> None:
    with torch.inference_mode():
        for param in params[1:]:
            optimizer.state[param] |= {key: torch.ones(()) for key in optimizer._counters}


@pytest.mark.filterwarnings("ignore:.*duplicate parameters")
@pytest.mark.parametrize("twice", [False, True])
@pytest.mark.parametrize("alone", [None, 0, 1, 2])
@pytest.mark.parametrize("change", [share_counts, count_in_plain_numbers, count_in_inference_mode])
@pytest.mark.parametrize("name", ["Adam", "Lion", "NAdam", "SGD"])
def test_counts_of_any_kind_advance_in_the_order_of_parameters(
    name: str, change: Callable[[Any, Any], None], alone: int | None, twice: bool
) -> None:
    """Of one parameter that is stepped by itself too; one parameter is there twice."""
    found = []
    for place_of_each in (each_by_itself, nullcontext):
        params = [torch.nn.Parameter(torch.ones(2, 3)) for _ in range(3)]
        optimizer = getattr(fs.torch, name)([*params, *params[:twice]], lr=0.5)
        for number in range(4):
            for place, param in enumerate(params):
                param.grad = torch.full((2, 3), place + 1.0) if place != alone else torch.ones(3, 2).t()
            if number == 1:
                change(optimizer, params)
            with place_of_each():
                optimizer.step()
        found.append([*params, *(value for param in params for value in optimizer.state[param].values())])
    assert all(map(same, *found))


class CountsForItself(fs.torch.SGD):
    """A class whose steps leave something behind for each parameter."""

    def _advance(self, group: Any, state: Any) -> None:
        state["steps"] = state.get("steps", 0) + 1


def test_what_a_class_keeps_of_its_steps_is_its_parameters() -> None:
    params = with_gradients(weights((3,), (2, 2)))
    optimizer = CountsForItself(params, lr=0.5)
    for _ in range(3):
        optimizer.step()
    assert [optimizer.state[param] for param in params] == [{"steps": 3}] * 2
    assert not dense_updates.EMPTY


def test_an_invalid_gradient_leaves_its_parameter_alone() -> None:
    params = with_gradients(weights(*[(3,)] * 3))
    optimizer = fs.torch.Adam(params)
    optimizer.step()
    # What a hook may leave behind: torch lets only such changes through.
    params[1].grad.data = torch.ones(4)
    before = [copy.deepcopy((param.detach(), optimizer.state[param])) for param in params]
    with pytest.raises(ValueError, match="shape"):
        optimizer.step()
    assert same(params[1], before[1][0])
    assert all(same(value, before[1][1][key]) for key, value in optimizer.state[params[1]].items())
    assert not same(params[0], before[0][0])
    assert optimizer.state[params[0]]["step"].item() == 2


def test_states_of_inference_mode_are_replaced() -> None:
    params = with_gradients(weights(*[(3,)] * 2))
    optimizer = fs.torch.Adam(params)
    optimizer.step()
    with torch.inference_mode():
        optimizer.state[params[0]]["exp_avg"] = torch.ones(3)
        optimizer.state[params[1]]["step"] = torch.tensor(4.0)
    optimizer.step()
    assert not any(each.is_inference() for state in optimizer.state.values() for each in state.values())


def test_five_thousand_parameters() -> None:
    params = with_gradients(weights(*[(7,)] * 5000))
    twins = [copy.deepcopy(param) for param in params]
    optimizers = [fs.torch.AdamW(each, lr=0.1) for each in (params, twins)]
    for param, twin in zip(params, twins, strict=True):
        twin.grad = param.grad
    for _ in range(3):
        optimizers[0].step()
        with each_by_itself():
            optimizers[1].step()
    assert all(map(same, params, twins))


@pytest.mark.usefixtures("split_small")
def test_a_large_parameter_beside_small_ones_is_cut() -> None:
    params = with_gradients(weights((3,), (20000,), (5, 5), (1,)))
    twins = [copy.deepcopy(param) for param in params]
    for param, twin in zip(params, twins, strict=True):
        twin.grad = param.grad.clone()
    optimizers = [fs.torch.Adam(each, lr=0.1) for each in (params, twins)]
    for _ in range(4):
        optimizers[0].step()
        with each_by_itself():
            optimizers[1].step()
    assert all(map(same, params, twins))
