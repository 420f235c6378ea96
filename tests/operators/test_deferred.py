"""Deferred rows: what is flushed equals the same run with every row updated at every step."""

import copy
import math
import pickle
from collections.abc import Callable, Iterator
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import fusedstep as fs
from fusedstep.runtime import advice, history
from fusedstep.words import column_mean, row_mean, sign
from tests import reference
from tests.reference import assert_same_bits

ROWS, WIDTH = 23, 5


def wandering(var: Any, mean: Any, grad: Any, *, lr: Any, beta: Any, twice: bool = False) -> tuple[Any, Any]:
    """A rule that has no closed form, and moves without a gradient."""
    mean = beta * mean + (1 - beta) * grad
    return var - lr * sign(mean) * (mean * var if twice else 0.5), mean


def by_row(var: Any, mean: Any, grad: Any, *, lr: Any, beta: Any) -> tuple[Any, Any]:
    """A rule that adds up rows."""
    mean = beta * mean + (1 - beta) * grad
    return var - lr * mean - lr * row_mean(var), mean


def by_column(var: Any, grad: Any, *, lr: Any) -> Any:
    return var - lr * grad - lr * column_mean(var)


def scalars_of_adam(step: int, beta1: float = 0.9, beta2: float = 0.999, epsilon: float = 1e-8) -> dict[str, float]:
    """Adam's scalars under a cosine schedule."""
    return {
        "lr": 1e-3 * (1.01 + math.cos(step / 300)) / 2,
        "beta1": beta1,
        "beta2": beta2,
        "epsilon": epsilon,
        "beta1_power": beta1**step,
        "beta2_power": beta2**step,
    }


def scalars_of_wandering(step: int) -> dict[str, float]:
    return {"lr": 0.1 / step, "beta": 0.9 + 0.05 * math.sin(step)}


def numbers(dtype: Any, count: int = 2, rows: int = ROWS) -> list[np.ndarray]:
    """States, the last one positive."""
    rng = np.random.default_rng(7)
    states = [rng.standard_normal((rows, WIDTH)).astype(dtype) for _ in range(count)]
    states[-1] = np.abs(states[-1])
    return states


def batches(steps: int, dtype: Any, rows: int = ROWS) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """The number of each step, a gradient and indices, some of them twice, some steps without any."""
    rng = np.random.default_rng(3)
    for step in range(1, steps + 1):
        count = int(rng.integers(0, 5))
        yield step, rng.standard_normal((count, WIDTH)).astype(dtype), rng.integers(0, rows, count)


@pytest.mark.parametrize(
    ("rule", "count", "scalars", "switches", "dtypes"),
    [
        (fs.rules.adam, 3, scalars_of_adam, {}, (np.float64,) * 3),
        (wandering, 2, scalars_of_wandering, {"twice": True}, (np.float16, np.float32)),
        (wandering, 2, scalars_of_wandering, {}, (ml_dtypes.bfloat16,) * 2),
        (by_row, 2, scalars_of_wandering, {}, (np.float32,) * 2),
    ],
)
@pytest.mark.usefixtures("split_small")
def test_replay_equals_every_row_at_every_step(
    rule: Callable[..., Any], count: int, scalars: Any, switches: dict[str, bool], dtypes: tuple[Any, ...]
) -> None:
    states = [state.astype(dtype) for state, dtype in zip(numbers(np.float64, count), dtypes, strict=True)]
    expected, every = copy.deepcopy(states), fs.Operator(rule, **switches)
    table = fs.DeferredRows(rule, *states, method="replay", **switches)
    for step, grad, indices in batches(60, dtypes[0]):
        fs.set_num_threads(step % 3 + 1)
        assert table.step(grad, indices, **scalars(step))[0] is states[0]
        every(*expected, grad, indices, rows="every", **scalars(step))
        if step % 7 == 0:
            looked_up = np.array([3, step % ROWS, 3])
            table.catch_up(looked_up)
            for got, want in zip(states, expected, strict=True):
                assert_same_bits(got[looked_up], want[looked_up], f"step {step}")
        if step == 40:
            table.flush()
            table.flush()
    table.flush()
    for got, want in zip(states, expected, strict=True):
        assert_same_bits(got, want)


BETAS = [(0.9, 0.999), (0.9, 0.99), (0.9, 0.95), (0.99, 0.999), (0.0, 0.999), (0.95, 0.9)]
STEPS = 3000


HAT, TORCH = (fs.rules.adam, 3, {}), (fs.rules.adamw, 4, {"weight_decay": 0.1})


def adams() -> Iterator[Any]:
    """Where epsilon stands, in both compute types, with betas of all kinds; in each run every second ones."""
    runs = {"hat-float32": (*HAT, np.float32), "torch-float64": (*TORCH, np.float64)}
    runs |= {"hat-float64": (*HAT, np.float64), "torch-float32": (*TORCH, np.float32)}
    for number, (name, run) in enumerate(runs.items()):
        for turn in (0, 1):
            marks = () if number == turn else pytest.mark.long
            yield pytest.param(*run, BETAS[turn::2], id=f"{name}-{turn}", marks=marks)


@pytest.mark.parametrize(("rule", "count", "more", "dtype", "several"), list(adams()))
def test_series_equals_every_row_at_every_step(
    rule: Callable[..., Any], count: int, more: dict[str, float], dtype: Any, several: list[tuple[float, float]]
) -> None:
    rows, tolerance = 32, 2e-5 if dtype == np.float32 else 1e-10
    for betas in several:
        rng = np.random.default_rng(0)
        # Many elements have a root of v near epsilon; and some rows sleep for most of the run.
        size = 10.0 ** rng.uniform(-9, -1, (rows, WIDTH))
        often = np.arange(1, rows + 1) ** -1.5
        states = [np.zeros((rows, WIDTH), dtype) for _ in range(count)]
        expected, moved = [np.zeros((rows, WIDTH)) for _ in range(count)], np.zeros((rows, WIDTH))
        table = fs.DeferredRows(rule, *states)
        for step in range(1, STEPS + 1):
            indices = np.flatnonzero(rng.random(rows) < 0.5 * often)
            grad = (size[indices] * rng.standard_normal((indices.size, WIDTH))).astype(np.float32)
            scalars = scalars_of_adam(step, *betas) | more
            table.step(grad.astype(dtype), indices, **scalars)
            dense, before = np.zeros((rows, WIDTH)), expected[0]
            dense[indices] = grad
            expected = list(rule(*expected, dense, **scalars))
            moved += np.abs(expected[0] - before)
        table.flush()
        error = np.abs(states[0] - expected[0])
        assert (error <= tolerance * moved).all(), f"{betas}: {np.nanmax(error / moved):.2}"
        if dtype == np.float64:
            for got, want in zip(states[1:], expected[1:], strict=True):
                np.testing.assert_allclose(got, want, rtol=1e-10, atol=0, err_msg=str(betas))


def momentum_table(rows: int = 6, **options: Any) -> tuple[fs.DeferredRows, list[np.ndarray]]:
    states = [np.ones((rows, 2), np.float32), np.ones((rows, 2), np.float32)]
    return fs.DeferredRows(fs.rules.momentum, *states, **options), states


GRAD, INDICES = np.full((2, 2), 0.5, np.float32), np.array([1, 4])


def test_what_is_held_constant_brings_all_rows_up_to_date() -> None:
    states = numbers(np.float64, 3)
    expected = copy.deepcopy(states)
    table = fs.DeferredRows(fs.rules.adam, *states)
    for step, grad, indices in batches(60, np.float64):
        changed = (0.9, 0.999) if step < 20 else (0.5, 0.999) if step < 30 else (0.99, 0.9)
        scalars = scalars_of_adam(step, *changed, epsilon=1e-8 if step < 50 else 1e-3)
        table.step(grad, indices, **scalars)
        expected = reference.step(fs.rules.adam, expected, grad, indices, "every", scalars)
    assert table._history.steps == 11
    table.flush()
    for got, want in zip(states, expected, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-11, atol=1e-15)


def cycled(step: int, low: float, high: float) -> tuple[float, float]:
    """Betas of which the first falls and rises again, and the second rises for once."""
    return low + (high - low) * abs(math.cos(step / 17)), 0.95 if step < 150 else 0.999


@pytest.mark.parametrize(("low", "high"), [(0.85, 0.95), (0.0, 0.9), (0.0, 0.2)])
@pytest.mark.parametrize(
    ("rule", "count", "more", "dtype"), [(*HAT, np.float64), (*HAT, np.float32), (*TORCH, np.float64)]
)
def test_betas_may_change_while_rows_sleep(
    rule: Callable[..., Any], count: int, more: dict[str, float], dtype: Any, low: float, high: float
) -> None:
    rng = np.random.default_rng(5)
    states = [np.zeros((ROWS, WIDTH), dtype) for _ in range(count)]
    expected, moved = [np.zeros((ROWS, WIDTH)) for _ in range(count)], np.zeros((ROWS, WIDTH))
    # Some elements are served by the series, some replay.
    size = 10.0 ** rng.uniform(-9, -1, (ROWS, WIDTH))
    table, power = fs.DeferredRows(rule, *states), [1.0, 1.0]
    for step in range(1, 400):
        beta1, beta2 = cycled(step, low, high) if step % 40 else (0.0, 0.95)
        power = [power[0] * beta1, power[1] * beta2]
        indices = np.flatnonzero(rng.random(ROWS) < 0.3 / np.arange(1, ROWS + 1))
        grad = (size[indices] * rng.standard_normal((indices.size, WIDTH))).astype(np.float32)
        scalars = scalars_of_adam(step, beta1, beta2) | more
        scalars |= {"beta1_power": power[0], "beta2_power": power[1]}
        table.step(grad.astype(dtype), indices, **scalars)
        dense, before = np.zeros((ROWS, WIDTH)), expected[0]
        dense[indices] = grad
        expected = list(rule(*expected, dense, **scalars))
        moved += np.abs(expected[0] - before)
    assert table._history.steps == 399
    table.flush()
    assert (np.abs(states[0] - expected[0]) <= (2e-5 if dtype == np.float32 else 1e-10) * moved).all()


@pytest.mark.parametrize("method", ["series", "replay"])
def test_the_history_is_bounded(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "LIMIT", 150)
    table, states = momentum_table(method=method)
    expected = copy.deepcopy(states)
    for _ in range(400):
        table.step(GRAD, INDICES, lr=0.125, momentum=0.875)
        scalars = {"lr": 0.125, "momentum": 0.875, "gradient_scale": 1.0}
        expected = reference.step(fs.rules.momentum, expected, GRAD, INDICES, "every", scalars)
    assert table._history.steps == 100
    assert len(table._history.numbers) <= 256
    table.flush()
    assert table._history.steps == 0
    np.testing.assert_allclose(states, expected, rtol=1e-5)


def test_a_flush_within_a_flush_takes_no_step_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    # As a signal's handler does that saves a checkpoint, wherever it finds the first one.
    (ours, our), (theirs, their) = momentum_table(), momentum_table()
    for table in (ours, theirs):
        for _ in range(3):
            table.step(GRAD, INDICES, lr=0.125, momentum=0.875)
    theirs.flush()
    forget = history.History.forget

    def forget_twice(each: history.History) -> None:
        monkeypatch.undo()
        ours.flush()
        forget(each)
        ours.flush()

    monkeypatch.setattr(history.History, "forget", forget_twice)
    ours.flush()
    np.testing.assert_array_equal(our, their)
    assert not ours._last_steps.any()


@pytest.mark.usefixtures("split_small")
def test_any_number_of_threads_gives_the_same_bits() -> None:
    results = []
    for threads in (1, 2, 5):
        fs.set_num_threads(threads)
        states = numbers(np.float32, 3)
        table = fs.DeferredRows(fs.rules.adam, *states)
        for step, grad, indices in batches(50, np.float32):
            table.step(grad, indices, **scalars_of_adam(step, epsilon=1e-2))
            table.catch_up(np.array([step % ROWS, 0]))
        table.flush()
        results.append(states)
    for states in results[1:]:
        for got, want in zip(states, results[0], strict=True):
            assert_same_bits(got, want)


# Threads share rows out by their numbers.
@pytest.mark.parametrize("stride", [1, 2, 64, 4096])
@pytest.mark.parametrize("kind", [np.int64, np.int32, np.uint8])
@pytest.mark.usefixtures("split_small")
def test_only_the_rows_that_are_named_catch_up_however_they_are_shared_out(stride: int, kind: Any) -> None:
    rows = 40 * stride
    named = np.random.default_rng(3).integers(0, 40, 200)[::3]
    named = np.where(named == 7, 8, named).astype(np.int64) * stride
    if kind is np.uint8 and rows > 256:
        pytest.skip("these integers do not name all rows")
    found = []
    for threads in (1, 2, 3):
        fs.set_num_threads(threads)
        states = numbers(np.float32, 3, rows)
        table = fs.DeferredRows(fs.rules.adam, *states, method="replay")
        for step in range(1, 5):
            table.step(np.ones((2, WIDTH), np.float32), np.array([0, 3 * stride]), **scalars_of_adam(step))
        before = copy.deepcopy(states)
        table.catch_up(named.astype(kind)[::-1])
        others = np.setdiff1d(np.arange(rows), named)
        for state, held in zip(states, before, strict=True):
            assert_same_bits(state[others], held[others])
        assert table.first_pending(named) is None
        assert table.first_pending(others) == others[others > 0][0]
        table.flush()
        found.append(states)
    wanted = numbers(np.float32, 3, rows)
    every, grad = fs.Operator(fs.rules.adam), np.ones((2, WIDTH), np.float32)
    for step in range(1, 5):
        every(*wanted, grad, np.array([0, 3 * stride]), rows="every", **scalars_of_adam(step))
    for states in found:
        for got, want in zip(states, wanted, strict=True):
            assert_same_bits(got, want)


@pytest.mark.parametrize("place", [0, 1, 17, 40])
@pytest.mark.parametrize("wrong", [-1, ROWS, 2**62, -(2**63)])
def test_a_row_that_is_not_there_lets_no_row_catch_up(place: int, wrong: int) -> None:
    table, states = momentum_table(ROWS)
    table.step(GRAD, INDICES, lr=0.125, momentum=0.5)
    before, named = copy.deepcopy(states), np.arange(41) % ROWS
    named[place] = wrong
    with pytest.raises(IndexError, match=rf"indices\[{place}\] is {wrong}, expected 0 to {ROWS - 1}"):
        table.catch_up(named)
    for state, held in zip(states, before, strict=True):
        assert_same_bits(state, held)
    assert table.first_pending(np.arange(ROWS)) == 0


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda table: pickle.loads(pickle.dumps(table))])  # noqa: S301
def test_a_copy_goes_on_by_itself(copied: Callable[[Any], Any]) -> None:
    table, states = momentum_table()
    table.step(GRAD, INDICES, lr=0.125, momentum=0.5)
    other = copied(table)
    with pytest.raises(TypeError, match=r"DeferredRows\(momentum\): takes the scalars"):
        other.step(GRAD, INDICES)
    before = copy.deepcopy(states)
    other.step(GRAD, INDICES, lr=0.125, momentum=0.5)
    other.flush()
    for state, held in zip(states, before, strict=True):
        assert_same_bits(state, held)
    table.step(GRAD, INDICES, lr=0.125, momentum=0.5)
    table.flush()
    for got, want in zip(other.states, states, strict=True):
        assert_same_bits(got, want)


def test_torch_tensors_are_updated_in_place_and_told() -> None:
    torch = pytest.importorskip("torch")
    states = [torch.ones(6, 2), torch.ones(6, 2)]
    table = fs.DeferredRows(fs.rules.momentum, *states)
    versions = [state._version for state in states]
    assert table.step(torch.full((2, 2), 0.5), torch.tensor([1, 4]), lr=0.125, momentum=0.5)[0] is states[0]
    assert table.catch_up(torch.tensor([0]))[1] is states[1]
    assert all(state._version > version for state, version in zip(states, versions, strict=True))
    other, arrays = momentum_table()
    other.step(GRAD, INDICES, lr=0.125, momentum=0.5)
    other.flush()
    for got, want in zip(table.flush(), arrays, strict=True):
        assert_same_bits(got.numpy(), want)


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (4,)])
def test_tables_with_little_in_them(shape: tuple[int, ...]) -> None:
    states = [np.ones(shape, np.float32) for _ in range(2)]
    table = fs.DeferredRows(fs.rules.momentum, *states)
    none = np.empty(0, np.int64)
    for _ in range(3):
        table.step(np.empty((0, *shape[1:]), np.float32), none, lr=0.5, momentum=0.5)
    table.catch_up(none)
    table.flush()
    np.testing.assert_array_equal(states[1], np.full(shape, 0.125, np.float32))


def test_a_call_that_raises_has_changed_nothing() -> None:
    table, states = momentum_table()
    table.step(GRAD, INDICES, lr=0.125, momentum=0.5)
    before, steps, scalars = copy.deepcopy(states), table._history.steps, {"lr": 0.1, "momentum": 0.5}
    with pytest.raises(IndexError, match=r"DeferredRows\(momentum\): indices\[1\] is 6, expected 0 to 5"):
        table.step(GRAD, np.array([0, 6]), **scalars)
    with pytest.raises(IndexError, match="indices"):
        table.catch_up(np.array([-1]))
    with pytest.raises(ValueError, match=r"grad has shape \(1, 2\)"):
        table.step(GRAD[:1], INDICES, **scalars)
    with pytest.raises(TypeError, match="grad holds float64"):
        table.step(GRAD.astype(np.float64), INDICES, **scalars)
    with pytest.raises(TypeError, match="missing: momentum"):
        table.step(GRAD, INDICES, lr=0.1)
    with pytest.raises(TypeError, match="expected a real number"):
        table.step(GRAD, INDICES, lr="much", momentum=0.5)
    with pytest.raises(TypeError, match="expected integers"):
        table.catch_up(np.array([0.5]))
    states[0].flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        table.flush()
    states[0].flags.writeable = True
    assert table._history.steps == steps
    for state, held in zip(states, before, strict=True):
        assert_same_bits(state, held)


def test_what_cannot_be_deferred() -> None:
    var, accum = np.ones((3, 2)), np.ones((3, 2))
    with pytest.raises(TypeError, match=r"takes the states var, accum, got 1"):
        fs.DeferredRows(fs.rules.momentum, var)
    with pytest.raises(ValueError, match=r'method is \'often\', expected "series" or "replay"'):
        fs.DeferredRows(fs.rules.momentum, var, accum, method="often")
    with pytest.raises(TypeError, match="no switch is called 'rounding'"):
        fs.DeferredRows(fs.rules.momentum, var, accum, rounding="stochastic")
    with pytest.raises(ValueError, match="no row can be deferred"):
        fs.DeferredRows(by_column, var)
    with pytest.raises(ValueError, match="accum has shape"):
        fs.DeferredRows(fs.rules.momentum, var, accum[:2])
    with pytest.raises(ValueError, match="share memory"):
        fs.DeferredRows(fs.rules.momentum, var, var)
    with pytest.raises(ValueError, match="var has no dimension"):
        fs.DeferredRows(fs.rules.gradient_descent, np.array(1.0))


def test_a_tensor_that_has_another_shape_since_is_refused() -> None:
    torch = pytest.importorskip("torch")
    table = fs.DeferredRows(fs.rules.gradient_descent, torch.ones(3, 2))
    table.states[0].data = torch.ones(4, 2)
    with pytest.raises(ValueError, match=r"var is now \(4, 2\)"):
        table.flush()


@pytest.mark.parametrize("method", ["series", "replay"])
def test_steps_that_name_most_rows_are_taken_by_all(
    method: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level("DEBUG", "fusedstep")
    monkeypatch.setattr(advice, "_advised", set())

    def often_named(var: Any, mean: Any, grad: Any, *, lr: Any, beta: Any) -> tuple[Any, Any]:
        mean = beta * mean + (1 - beta) * grad
        return var - lr * mean, mean

    states = numbers(np.float64)
    expected, every = copy.deepcopy(states), fs.Operator(often_named)
    table = fs.DeferredRows(often_named, *states, method=method)
    rng = np.random.default_rng(11)
    for step in range(1, 13):
        count = 4 * ROWS if step % 3 == 0 else 2
        grad, indices = rng.standard_normal((count, WIDTH)), rng.integers(0, ROWS, count)
        table.step(grad, indices, lr=0.1 / step, beta=0.9)
        every(*expected, grad, indices, rows="every", lr=0.1 / step, beta=0.9)
        if step % 3 == 0:
            # Nothing is owed after such a step.
            assert_same_bits(states[0], expected[0], f"step {step}")
    said = [text for text in caplog.messages if text.startswith("DeferredRows(often_named)")]
    assert len(said) == 1
    assert "names 21 of 23 rows" in said[0]
