"""Whatever a call is given, it either succeeds or raises a standard error with nothing changed, and it never crashes.

What is wrong with a call is drawn by Hypothesis; ``make fuzz`` has the same properties drawn by a fuzzer.
"""

import contextlib
import inspect
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import fusedstep as fs
from fusedstep.cli import torch_warmup
from fusedstep.operators import catalogue
from fusedstep.operators.entry import constructor
from tests.battery_calls import Memory, laid_out
from tests.odd_values import Hostile, values
from tests.operators import test_catalogue

pytest.importorskip("torch", reason="tensors are among what is drawn")

drawn = settings(deadline=None, max_examples=150, suppress_health_check=list(HealthCheck))
SHAPE = (6, 4)


@contextlib.contextmanager
def refused_by(name: str, *errors: type[Exception]) -> Iterator[None]:
    """Lets pass what a call may raise: an error of a standard type that says who speaks, or the caller's own."""
    try:
        yield
    except Hostile.Error:
        pass
    except (TypeError, ValueError, IndexError, *errors) as error:
        if not str(error).startswith(name):
            raise AssertionError(f"{name} does not speak in {error!r}") from error


class Given:
    """The arguments of a call, and the memory that they lie in."""

    def __init__(self, arguments: dict[str, Any]) -> None:
        self.values: dict[str, Any] = {}
        self.memories: dict[str, list[Memory]] = {}
        for name, value in arguments.items():
            if isinstance(value, np.ndarray):
                memory = laid_out(value, "C")
                self.put(name, memory.view(memory.raw), [memory])
            else:
                self.put(name, value, [])

    def put(self, name: str, value: Any, memories: list[Memory]) -> None:
        self.values[name], self.memories[name] = value, memories

    def memory(self, but: set[str] = frozenset()) -> list[bytes]:  # type: ignore[assignment]
        """All memory, guards included; the elements of some arguments as zeros."""
        found = []
        for name, memories in self.memories.items():
            for memory in memories:
                raw = memory.raw.copy()
                if name in but:
                    view = memory.view(raw)
                    view[...] = np.zeros((), view.dtype)
                found.append(raw.tobytes())
        return found


def spoiled(data: st.DataObject, arguments: Given, states: set[str]) -> set[str]:
    """Puts other values in the place of some arguments; returns the states whose memory a call may change."""
    names = list(arguments.values)
    for name in data.draw(st.lists(st.sampled_from(names), min_size=1, max_size=3, unique=True)):
        if data.draw(st.integers(0, 5)):
            arguments.put(name, *data.draw(values()))
            continue
        # The very object of another argument, or a view of its memory.
        other = data.draw(st.sampled_from(names))
        value = arguments.values[other]
        shared = value[data.draw(st.integers(0, 2)) :] if isinstance(value, np.ndarray) and value.ndim else value
        arguments.put(name, shared, [])
        states = states | {other} if name in states else states
    return states


def anything() -> st.SearchStrategy[Any]:
    return values().map(lambda drawn: drawn[0])


def indices() -> st.SearchStrategy[Any]:
    return st.one_of(st.lists(st.integers(-1, 6), max_size=6).map(lambda rows: np.array(rows, np.int64)), anything())


def wrapped(numbers: list[int], dtype: Any) -> np.ndarray:
    """Whole numbers in an integer type, which takes their last bits."""
    return np.array([number % 2**64 for number in numbers], np.uint64).astype(dtype)


def bags(gradient_rows: int) -> st.SearchStrategy[dict[str, Any]]:
    """Offsets, weights, both or neither: right ones for as many gradient rows, almost right ones, or anything."""
    order = st.lists(st.integers(0, 6), min_size=gradient_rows - 1, max_size=gradient_rows)
    starts = order.map(lambda offsets: [0, *sorted(offsets)])
    ends = st.sampled_from([-1, 0, 3, 6, 7, 2**31, 2**32, 2**63 - 1, 2**63, 2**64 - 1, -(2**63)])
    offsets = st.one_of(starts, st.tuples(starts, ends).map(lambda drawn: [*drawn[0], drawn[1]]))
    kinds = st.sampled_from([np.int8, np.uint8, np.int32, np.int64, np.uint64])
    typed = st.tuples(offsets, kinds).map(lambda drawn: wrapped(*drawn))
    weights = st.lists(st.sampled_from([0.0, -1.0, math.inf, math.nan]), min_size=2, max_size=6)
    factors = weights.map(lambda each: np.array(each, np.float32))
    return st.fixed_dictionaries(
        {},
        optional={
            "offsets": st.one_of(offsets, typed, typed, anything()),
            "weights": st.one_of(factors, factors, anything()),
        },
    )


@drawn
@given(data=st.data(), name=st.sampled_from(test_catalogue.NAMES))
def test_operators(data: st.DataObject, name: str) -> None:
    operator = test_catalogue.made(name)
    arguments = Given(test_catalogue.arguments(name, SHAPE))
    states = spoiled(data, arguments, {each for each in operator.state_names if each in arguments.values})
    rows = st.one_of(st.sampled_from(["touched", "every"]), anything())
    more: dict[str, Any] = {}
    if not operator.entry.rows and not operator.entry.creates and data.draw(st.booleans()):
        more = data.draw(st.fixed_dictionaries({}, optional={"indices": indices(), "rows": rows, "step": anything()}))
    if not operator.entry.creates and data.draw(st.booleans()):
        more |= data.draw(bags(3 if operator.entry.rows else SHAPE[0]))
    before, around = arguments.memory(), arguments.memory(states)
    done = False
    with refused_by(name):
        operator(**arguments.values | more)
        done = True
    assert arguments.memory(states) == around
    assert done or arguments.memory() == before


@drawn
@given(data=st.data(), name=st.sampled_from(test_catalogue.NAMES))
def test_constructors(data: st.DataObject, name: str) -> None:
    kind = catalogue.OPERATORS[name]
    options = st.sampled_from([*constructor(kind.entry).parameters, "unknown"])
    given = test_catalogue.options(name) | data.draw(st.dictionaries(options, anything(), max_size=3))
    with refused_by(name):
        kind(**given)


@drawn
@given(data=st.data())
def test_operators_of_rules(data: st.DataObject) -> None:
    rule = data.draw(st.one_of(st.sampled_from([fs.rules.adam, fs.rules.lars, np.sqrt, print, int]), anything()))
    options = st.sampled_from(["use_locking", "rounding", "seed", "maximize", "use_nesterov"])
    with refused_by(""):
        fs.Operator(rule, **data.draw(st.dictionaries(options, anything(), max_size=2)))


@drawn
@given(data=st.data())
def test_deferred_rows(data: st.DataObject) -> None:
    scalars = {"lr": 0.1, "momentum": 0.9, "gradient_scale": 1.0}
    held = Given({"var": np.ones(SHAPE, np.float32), "accum": np.ones(SHAPE, np.float32)})
    states = spoiled(data, held, {"var", "accum"}) if data.draw(st.booleans()) else {"var", "accum"}
    before, table = held.memory(), None
    with refused_by(""):
        table = fs.DeferredRows(fs.rules.momentum, *held.values.values())
    assert held.memory() == before
    if table is None:
        return
    named = np.array(data.draw(st.lists(st.integers(0, 5), min_size=3, max_size=6)))
    step = Given({"grad": np.ones((3, 4), np.float32), "indices": named} | scalars)
    of_bags = data.draw(bags(3))
    for name, value in of_bags.items():
        step.put(name, value, [])
    if not of_bags or data.draw(st.booleans()):
        spoiled(data, step, set())
    read = step.memory()
    for work in (lambda: table.step(**step.values), lambda: table.catch_up(data.draw(indices())), table.flush):
        before, around, done = held.memory(), held.memory(states), False
        with refused_by(""):
            work()
            done = True
        assert held.memory(states) == around
        assert done or held.memory() == before
        assert step.memory() == read


@drawn
@given(count=anything(), shape=anything(), dtype=anything())
@pytest.mark.usefixtures("threads")
def test_functions(count: Any, shape: Any, dtype: Any) -> None:
    with refused_by("set_num_threads: count"):
        fs.set_num_threads(count)
    for sizes, kind in ((shape, np.float32), ((3, 2), dtype), (shape, dtype)):
        with refused_by("empty_table: ", MemoryError):
            fs.empty_table(sizes, kind)


@drawn
@given(data=st.data(), name=st.sampled_from(torch_warmup.names()))
def test_torch_optimizers(data: st.DataObject, name: str) -> None:
    import torch

    kind = getattr(fs.torch, name)
    options = st.sampled_from([*inspect.signature(kind).parameters][1:])
    weight = torch.nn.Parameter(torch.ones(SHAPE))
    params = data.draw(st.one_of(st.just([weight]), st.just([weight]), anything()))
    settings, optimizer = {"lr": 0.1} | data.draw(st.dictionaries(options, anything(), max_size=2)), None
    with refused_by("", NotImplementedError):
        optimizer = kind(params, **settings)
    if optimizer is None:
        return
    rows = data.draw(st.lists(st.integers(-1, 6), max_size=4))
    grad = torch.sparse_coo_tensor(torch.tensor([rows]).long(), torch.ones(len(rows), 4), SHAPE, check_invariants=False)
    weight.grad = data.draw(st.sampled_from([torch.ones(SHAPE), grad]))
    before, done = weight.detach().clone(), False
    with refused_by(""):
        optimizer.step()
        done = True
    assert done or torch.equal(weight, before)
