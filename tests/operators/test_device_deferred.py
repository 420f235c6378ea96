"""Deferred rows of tensors on a device, beside those of arrays."""

import itertools
import pickle
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch

import fusedstep as fs
from fusedstep.arrays import torch_device
from fusedstep.codegen.gpu import build
from fusedstep.operators import device_deferred
from fusedstep.rules.idle import ClosedForm, closed_form_of, register
from fusedstep.runtime import history
from fusedstep.runtime.gpu import device_history, kernel_call
from tests import reference
from tests.captured import capture
from tests.devices import LONG_INTERPRETED, on_device, on_host
from tests.rules.test_rules import RULES, Row, exact_words
from tests.waits import NoWaits

pytestmark = pytest.mark.gpu

ROWS, WIDTH = 41, 6
ADAM = {"lr": 0.01, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}
PROXIMAL = {"lr": 0.1, "l1": 0.01, "l2": 0.1}
CASES: list[tuple[Callable[..., Any], dict[str, float], dict[str, bool]]] = [
    (fs.rules.adam, ADAM, {}),
    (fs.rules.adam, ADAM, {"use_nesterov": True}),
    (fs.rules.adamw, ADAM | {"weight_decay": 0.1}, {}),
    # No decaying tail: nothing but replay serves.
    (fs.rules.adam, ADAM | {"beta2": 0.5}, {}),
    # An epsilon of the moments' size: the series serves some elements only.
    (fs.rules.adam, ADAM | {"beta1": 0.5, "beta2": 0.9, "epsilon": 1e-2}, {}),
    (fs.rules.momentum, {"lr": 0.1, "momentum": 0.9}, {}),
    (fs.rules.proximal_adagrad, PROXIMAL, {}),
    (fs.rules.proximal_gradient_descent, PROXIMAL, {}),
    (fs.rules.rowwise_adagrad, {"lr": 0.1, "epsilon": 1e-3, "weight_decay": 0.1}, {}),
]


def scalars_at(scalars: dict[str, float], step: int) -> dict[str, float]:
    """The scalars of a step, with a step size of its own, and those that follow from the step."""
    powers = {f"{name}_power": value**step for name, value in scalars.items() if name.startswith("beta")}
    return scalars | powers | {"lr": scalars["lr"] / step**0.5}


def taken(rule: Callable[..., Any], scalars: dict[str, float], step: int) -> dict[str, float]:
    """Those that the rule takes."""
    known = fs.Operator(rule).signature.scalars
    return {name: value for name, value in scalars_at(scalars, step).items() if name in known}


def tables(rule: Callable[..., Any], dtype: np.dtype, switches: dict[str, bool]) -> list[np.ndarray]:
    """States; those that the switches leave unused, too."""
    rng, signature = np.random.default_rng(3), fs.Operator(rule, **switches).signature
    shapes = [(ROWS,) if name in signature.per_row else (ROWS, WIDTH) for name in signature.states]
    values = [rng.standard_normal(shape) for shape in shapes]
    values[1:] = [np.abs(value) * 1e-4 for value in values[1:]]
    return [value.astype(dtype) for value in values]


STORAGES = ("float32", "float64", "bfloat16")


def sleepers() -> Iterator[Any]:
    """Every case by both methods in every type; the interpreter sees each case once, and a few by replay."""
    for number, case in enumerate(CASES):
        for method, storage in itertools.product(("series", "replay"), STORAGES):
            turn = STORAGES[number % 3] == storage and (method == "series" or number in (1, 5, 8))
            short = turn or (number, method, storage) in ((0, "series", "float32"), (5, "replay", "float32"))
            name = "-".join([case[0].__name__, *map(str, case[1].values()), *map(str, case[2]), storage, method])
            yield pytest.param(case, storage, method, id=name, marks=() if short else LONG_INTERPRETED)


@pytest.mark.parametrize(("case", "storage", "method"), list(sleepers()))
def test_rows_sleep_and_wake_as_those_of_arrays(case: Any, storage: str, method: str, device: str) -> None:
    rule, scalars, switches = case
    dtype = reference.DTYPES[storage]
    states, rng = tables(rule, dtype, switches), np.random.default_rng(4)
    given = [on_device(state) for state in states]
    host = fs.DeferredRows(rule, *states, method=method, **switches)
    table = fs.DeferredRows(rule, *given, method=method, **switches)
    for step in range(1, 10):
        indices = rng.integers(0, ROWS // 3 if step > 2 else ROWS, 12)
        grad = rng.standard_normal((12, WIDTH)).astype(dtype)
        host.step(grad, indices, **taken(rule, scalars, step))
        table.step(on_device(grad), on_device(indices), **taken(rule, scalars, step))
        if step % 4 == 0:
            seen = rng.integers(0, ROWS, 5)
            host.catch_up(seen)
            table.catch_up(on_device(seen))
            table = pickle.loads(pickle.dumps(table))  # noqa: S301 - our own
    for name, tensor, want in zip(host._operator.array_spec.names, table.states, states, strict=False):
        assert_equal(tensor, want, rule, f"{name}, asleep")
    host.flush()
    table.flush()
    for name, tensor, want in zip(host._operator.array_spec.names, table.states, states, strict=False):
        assert_equal(tensor, want, rule, f"{name}, awake")


def assert_equal(tensor: torch.Tensor, want: np.ndarray, rule: Callable[..., Any], what: str) -> None:
    """The same bits; of a rule that adds up rows, nearly so, since the order of sums is the device's own."""
    got = on_host(tensor, want.dtype)
    if rule is not fs.rules.rowwise_adagrad:
        reference.assert_same_bits(got, want, what)
    else:
        unit = {8: 1e-14, 4: 1e-6, 2: 1e-2}[want.itemsize]
        np.testing.assert_allclose(got.astype(float), want.astype(float), rtol=unit, atol=unit, err_msg=what)


def every_rule() -> Iterator[Any]:
    """Every rule with every setting of its switches; in each run in float32, by the interpreter some of them.

    Replay takes the very steps of a rule that ``loops/test_gpu.py`` sees. Some have a switch, a power, and numbers that
    are computed of scalars alone.
    """
    some = (exact_words, fs.rules.adam, fs.rules.ftrl, fs.rules.radam, fs.rules.sgd)
    for row in RULES:
        for switches in row.settings:
            on = [name for name, value in switches.items() if value]
            for storage in ("float32", "float64", "float16", "bfloat16"):
                marks = () if row.rule in some else LONG_INTERPRETED
                marks = marks if storage == "float32" else pytest.mark.long
                yield pytest.param(row, switches, storage, id="-".join([row.rule.__name__, *on, storage]), marks=marks)


@pytest.mark.parametrize(("row", "switches", "storage"), list(every_rule()))
def test_replay_is_a_step_of_every_row_at_each_step(row: Row, switches: Any, storage: str, device: str) -> None:
    dtype, rng = reference.DTYPES[storage], np.random.default_rng(6)
    states = [reference.numbers(rng, (9, 5), dtype, positive=name in row.positive) for name in row.states]
    table = fs.DeferredRows(row.rule, *(on_device(state) for state in states), method="replay", **switches)
    for step in range(4):
        grad, indices = reference.numbers(rng, (3, 5), dtype), rng.integers(0, 9, 3)
        scalars = row.scalars | {"lr": 0.1 / (step + 1)} if "lr" in row.scalars else row.scalars
        table.step(on_device(grad), on_device(indices), **scalars)
        states = reference.step(row.rule, states, grad, indices, "every", scalars, switches, None)
    table.flush()
    for name, tensor, want in zip(row.states, table.states, states, strict=True):
        got = on_host(tensor, dtype)
        if storage in row.inexact:
            # What is off by units in the last place goes into the next step.
            unit = 1e-13 if storage == "float64" else 2.0**-8 if dtype.itemsize == 2 else 1e-5
            np.testing.assert_allclose(got.astype(float), want.astype(float), rtol=unit, atol=unit, err_msg=name)
        else:
            reference.assert_same_bits(got, want, name)


def changed_scalars(rule: Callable[..., Any], scalars: dict[str, float], step: int) -> dict[str, float]:
    """The scalars of a step; at some, one that must be constant is another, or the closed form is invalid."""
    changed = scalars | ({"epsilon": 2 * scalars["epsilon"]} if step > 9 and "epsilon" in scalars else {})
    changed |= {"beta2": 0.5} if step in (5, 6) and "beta2" in scalars else {}
    return taken(rule, changed, step)


@pytest.mark.parametrize("method", ["series", "replay"])
@pytest.mark.parametrize("case", CASES[:1] + CASES[4:6] + CASES[8:], ids=lambda case: case[0].__name__)
def test_scalars_on_the_device_are_those_of_the_host(
    case: Any, method: str, device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rule, scalars, switches = case
    monkeypatch.setattr(history, "LIMIT", 6)
    monkeypatch.setattr(device_deferred, "PROGRAMS", 2)
    states, rng = tables(rule, np.dtype(np.float32), switches), np.random.default_rng(4)
    one, other = (
        fs.DeferredRows(rule, *map(on_device, states), method=method, check_indices=False, **switches) for _ in range(2)
    )
    for step in range(1, 16):
        grad, indices = rng.standard_normal((7, WIDTH)).astype(np.float32), rng.integers(0, ROWS, 7)
        arrays, known = (on_device(grad), on_device(indices)), changed_scalars(rule, scalars, step)
        if step == 3:
            # The host counts the first two steps. When the device begins to, all rows catch up.
            one.flush()
        one.step(*arrays, **known)
        there = set() if step in (1, 2, 8) else set(known) - {"beta1"} if step % 2 else {"lr"}
        seen = on_device(rng.integers(0, ROWS, 3))
        given = {name: on_device(np.array(value)) if name in there else value for name, value in known.items()}
        with NoWaits():
            other.step(*arrays, **given)
            if step % 4 == 0:
                other.catch_up(seen)
        if step % 4 == 0:
            one.catch_up(seen)
            other = pickle.loads(pickle.dumps(other))  # noqa: S301 - our own
        for got, want in zip(other.states, one.states, strict=True):
            assert torch.equal(got, want), step
        assert torch.equal(other._last_steps, one._last_steps)
    with NoWaits():
        other.flush()
    one.flush()
    assert not other._last_steps.any()
    for got, want in zip(other.states, one.states, strict=True):
        assert torch.equal(got, want)


def momentum_tables(count: int = 2, method: str = "series") -> list[tuple[Any, list[torch.Tensor]]]:
    made = []
    for _ in range(count):
        states = [on_device(each) for each in tables(fs.rules.momentum, np.dtype(np.float32), {})]
        table = fs.DeferredRows(fs.rules.momentum, *states, method=method, check_indices=False)
        made.append((table, states))
    return made


def test_a_graph_repeats_lookups_steps_and_flushes(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "LIMIT", 9)
    (ours, our), (theirs, their) = momentum_tables()
    rng, lr = np.random.default_rng(2), on_device(np.array(0.1))
    named, seen, grad = on_device(np.arange(6)), on_device(np.arange(3)), on_device(np.ones((6, WIDTH), np.float32))

    def refill() -> None:
        named.copy_(torch.as_tensor(rng.integers(0, ROWS, 6)))
        seen.copy_(torch.as_tensor(rng.integers(0, ROWS, 3)))
        grad.copy_(torch.as_tensor(rng.standard_normal((6, WIDTH))))
        lr.copy_(torch.as_tensor(rng.random()))

    def take(table: Any, momentum: float) -> None:
        table.catch_up(seen)
        table.step(grad, named, lr=lr, momentum=momentum)

    for table in (ours, theirs):
        take(table, 0.5)
    with capture() as graph:
        take(ours, 0.9)
    with capture() as flushing:
        ours.flush()
    take(theirs, 0.9)
    theirs.flush()
    for step in range(30):
        refill()
        if step % 7 == 3:
            # Between replays, steps outside the graph are counted, too.
            take(ours, 0.25)
            take(theirs, 0.25)
            refill()
        graph.replay()
        take(theirs, 0.9)
        if step in (4, 20):
            flushing.replay()
            theirs.flush()
        if step == 25:
            ours.flush()
            theirs.flush()
        for got, want in zip(our, their, strict=True):
            assert torch.equal(got, want), step
    ours.flush()
    theirs.flush()
    for got, want in zip(our, their, strict=True):
        assert torch.equal(got, want)


def test_a_step_that_raises_leaves_the_count_to_the_host(device: str) -> None:
    def fading(*, lr: Any, **others: Any) -> float:
        return 0 if lr > 0 else 1

    def states_idle(var: Any, *, moved: Any) -> Any:
        return var - moved

    def plain_step(var: Any, grad: Any, *, lr: Any) -> Any:
        return var - lr * grad

    register(plain_step, ClosedForm(states_idle, lambda moved=0.0, **others: moved, None, fading, ()))
    var, grad, indices = on_device(np.ones((3, 2))), on_device(np.ones((1, 2))), on_device(np.array([1]))
    table = fs.DeferredRows(plain_step, var)
    table.step(grad, indices, lr=0.5)
    with pytest.raises(TypeError, match="chooses by a scalar"):
        table.step(grad, indices, lr=on_device(np.array(0.5)))
    table.step(grad, indices, lr=0.25)
    assert var.tolist() == [[1, 1], [0.25, 0.25], [1, 1]]


@pytest.mark.parametrize("call", ["step", "catch_up", "flush"])
def test_what_the_host_counts_is_not_captured(call: str, device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ((table, states),) = momentum_tables(1)
    arrays = on_device(np.ones((2, WIDTH), np.float32)), on_device(np.array([1, 3]))
    table.step(*arrays, lr=0.1, momentum=0.9)
    before = [each.clone() for each in states]
    calls = {
        "step": lambda: table.step(*arrays, lr=on_device(np.array(0.1)), momentum=0.9),
        "catch_up": lambda: table.catch_up(arrays[1]),
        "flush": table.flush,
    }
    with monkeypatch.context() as patched:
        patched.setattr(torch_device, "capturing", lambda like: True)
        with pytest.raises(RuntimeError, match=r"^DeferredRows\(momentum\): a graph is captured, and the steps that"):
            calls[call]()
    assert all(map(torch.equal, states, before))
    calls["step"]()
    monkeypatch.setattr(torch_device, "capturing", lambda like: True)
    calls[call]()


def momentum_step(table: Any, step: int, there: bool) -> None:
    """A step of two rows, which are others in each step."""
    arrays = on_device(np.full((2, WIDTH), step + 1, np.float32)), on_device(np.array([step % 3, 2 * step % 7]))
    table.step(*arrays, lr=on_device(np.array(0.5)) if there else 0.5, momentum=0.5)


@pytest.mark.parametrize(("there", "before"), [(False, 0), (True, 0), (True, 2)])
def test_a_step_whose_kernels_do_not_compile_changes_nothing(
    there: bool, before: int, device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    load, failing, failed = build.load, 0, True
    while failed:
        # Operators of their own: they keep what was built.
        (ours, our), (theirs, their) = momentum_tables()
        for step in range(before):
            momentum_step(ours, step, False)
            momentum_step(theirs, step, False)
        loads = itertools.count()

        def load_or_fail(text: str, loads: Any = loads, failing: int = failing) -> Any:
            if next(loads) == failing:
                raise RuntimeError("no compiler")
            return load(text)

        with monkeypatch.context() as patched:
            patched.setattr(build, "load", load_or_fail)
            failed = raises(RuntimeError("no compiler"), momentum_step, ours, before, there)
        if not failed:
            momentum_step(theirs, before, there)
        # As if there had been no call: the step is taken anew.
        for table in (ours, theirs):
            momentum_step(table, before + 1, there)
            table.flush()
        for got, want in zip(our, their, strict=True):
            torch.testing.assert_close(got, want, rtol=1e-6, atol=1e-6)
        failing += 1
    assert failing > (4 if there else 1)


def raises(expected: Exception, call: Callable[..., Any], *given: Any) -> bool:
    """Whether a call raises an error."""
    try:
        call(*given)
    except type(expected) as error:
        if str(error) != str(expected):
            raise
        return True
    return False


def flush_before(place: int, table: Any, patched: pytest.MonkeyPatch) -> Iterator[int]:
    """Has a table flushed before the launch of that number; returns the counter of launches."""
    launches = itertools.count()
    for module in (device_history, kernel_call):

        def launch(*given: Any, original: Any = module.launch_kernel, **known: Any) -> None:
            if next(launches) == place:
                table.flush()
            original(*given, **known)

        patched.setattr(module, "launch_kernel", launch)
    return launches


@pytest.mark.parametrize("there", [False, True])
def test_a_flush_within_a_call_leaves_the_call_to_it(there: bool, device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # As a signal's handler does that saves a checkpoint: before each launch, also where all rows must catch up.
    monkeypatch.setattr(history, "LIMIT", 3)
    place, more = 0, True
    while more:
        (ours, our), (theirs, their) = momentum_tables(method="replay")
        with monkeypatch.context() as patched:
            launches = flush_before(place, ours, patched)
            for step in range(5):
                momentum_step(ours, step, there)
            ours.flush()
        more = next(launches) > place
        for step in range(5):
            momentum_step(theirs, step, there)
        theirs.flush()
        for got, want in zip(our, their, strict=True):
            assert torch.equal(got, want), place
        place += 1
    assert place > 9


# Those whose totals a device computes by exponents, with last bits of its own.
CLOSED = [row for row in RULES if closed_form_of(row.rule)]


@pytest.mark.parametrize("row", CLOSED, ids=lambda row: row.rule.__name__)
def test_every_closed_form_is_that_of_the_host(row: Row, device: str) -> None:
    rng, dtype = np.random.default_rng(6), np.dtype(np.float32)
    states = [reference.numbers(rng, (9, 5), dtype, positive=name in row.positive) for name in row.states]
    given = [on_device(state) for state in states]
    for table in (fs.DeferredRows(row.rule, *states), fs.DeferredRows(row.rule, *given)):
        draw = np.random.default_rng(7)
        for step in range(4):
            grad, indices = reference.numbers(draw, (3, 5), dtype), draw.integers(0, 9, 3)
            arrays = (grad, indices) if table.states[0] is states[0] else (on_device(grad), on_device(indices))
            table.step(*arrays, **row.scalars | ({"lr": 0.1 / (step + 1)} if "lr" in row.scalars else {}))
        table.flush()
    for name, tensor, want in zip(row.states, given, states, strict=True):
        got = on_host(tensor, dtype)
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6, err_msg=name)


def test_a_row_with_many_gradients(device: str) -> None:
    states, grad = [np.ones((ROWS, WIDTH)), np.ones((ROWS, WIDTH))], np.random.default_rng(1).random((99, WIDTH))
    given = [on_device(state) for state in states]
    indices = np.where(np.arange(99) % 9 == 0, 7, 5)
    for table, arrays in (
        (fs.DeferredRows(fs.rules.momentum, *states), (grad, indices)),
        (fs.DeferredRows(fs.rules.momentum, *given), (on_device(grad), on_device(indices))),
    ):
        for _ in range(2):
            table.step(*arrays, lr=0.1, momentum=0.9)
        table.flush()
    for tensor, want in zip(given, states, strict=True):
        reference.assert_same_bits(on_host(tensor, want.dtype), want)


def test_what_is_refused(device: str) -> None:
    var, m = on_device(np.ones((ROWS, WIDTH), np.float32)), on_device(np.zeros((ROWS, WIDTH), np.float32))
    table = fs.DeferredRows(fs.rules.momentum, var, m)
    grad, indices = on_device(np.ones((2, WIDTH), np.float32)), on_device(np.array([1, ROWS]))
    with pytest.raises(IndexError, match=rf"indices\[1\] is {ROWS}, expected 0 to {ROWS - 1}: var has {ROWS} rows"):
        table.step(grad, indices, lr=0.1, momentum=0.9)
    with pytest.raises(TypeError, match="lr holds complex128, expected a real number"):
        table.step(grad, indices[:1].repeat(2), lr=on_device(np.array(0.1)).to(torch.complex128), momentum=0.9)
    assert (var == 1).all()
    unchecked = fs.DeferredRows(fs.rules.momentum, var, m, check_indices=False)
    unchecked.step(grad, indices, lr=0.5, momentum=0.9)
    unchecked.flush()
    assert (var[1] == 0.5).all()
    assert (var == 1).sum() == (ROWS - 1) * WIDTH
