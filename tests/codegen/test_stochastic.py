"""Stochastic rounding: right in the mean, to one of two neighbours, and the same bits whatever the threads."""

import pickle
from dataclasses import replace as replaced
from typing import Any

import numpy as np
import pytest

import fusedstep as fs
from fusedstep.storage import STORAGES
from fusedstep.words import PerRow
from tests import reference

HALVES = [each.name for each in STORAGES.values() if each.stochastic]


def add(var: Any, grad: Any) -> Any:
    return var + grad


def replace(var: Any, grad: Any) -> Any:
    return grad


def add_to_both(var: Any, other: Any, grad: Any) -> tuple[Any, Any]:
    return var + grad, other + grad


def add_to_row(var: Any, total: PerRow, grad: Any) -> tuple[Any, Any]:
    return var + grad, total + 0.001


def stochastic(rule: Any = add, seed: int = 0) -> fs.Operator:
    return fs.Operator(rule, rounding="stochastic", seed=seed)


def rounded(values: np.ndarray, name: str, seed: int = 0, step: int = 0) -> np.ndarray:
    """Some float32 numbers, rounded stochastically."""
    var = np.zeros(values.shape, reference.DTYPES[name])
    stochastic(replace, seed)(var, values, step=step)
    return var


def neighbours(values: np.ndarray, dtype: np.dtype) -> tuple[np.ndarray, np.ndarray]:
    """The largest number of a type that is not above each value, and the smallest that is not below."""
    nearest = values.astype(dtype)
    up = np.nextafter(nearest, dtype.type(np.inf)).astype(np.float32)
    down = np.nextafter(nearest, dtype.type(-np.inf)).astype(np.float32)
    centre = nearest.astype(np.float32)
    return np.where(centre > values, down, centre), np.where(centre < values, up, centre)


def spread(dtype: np.dtype) -> np.ndarray:
    """Numbers of all sizes: normal, subnormal, and just below the largest."""
    rng = np.random.default_rng(1)
    info = np.finfo(np.float16) if dtype == np.float16 else None
    smallest, largest = (-26.0, 15.9) if info else (-133.5, 127.9)
    magnitudes = np.exp2(rng.uniform(smallest, largest, 40_000))
    return (magnitudes * rng.choice([-1, 1], magnitudes.size)).astype(np.float32)


@pytest.mark.parametrize("name", HALVES)
def test_rounds_to_a_neighbour_and_leaves_what_fits(name: str) -> None:
    dtype = reference.DTYPES[name]
    values = spread(dtype)
    low, high = neighbours(values, dtype)
    for step in range(3):
        got = rounded(values, name, step=step).astype(np.float32)
        assert ((got == low) | (got == high)).all()
    every = np.arange(2**16, dtype=np.uint16).view(dtype)
    with np.errstate(all="ignore"):
        held = every.astype(np.float32)
        reference.assert_same_bits(rounded(held, name), held.astype(dtype))


@pytest.mark.parametrize("name", HALVES)
def test_right_in_the_mean(name: str) -> None:
    dtype = reference.DTYPES[name]
    for value in (1.0 + 2.0**-12, 1.7503 * 2.0**-9, -3.001, 2.0**-24 * 5.3 if name == "float16" else 1e-39):
        values = np.full(200_000, value, np.float32)
        low, high = (float(each[0]) for each in neighbours(values[:1], dtype))
        up = np.mean(rounded(values, name).astype(np.float64) == high)
        share = (float(values[0]) - low) / (high - low)
        # Five standard deviations.
        assert abs(up - share) <= 5 * np.sqrt(share * (1 - share) / values.size), value


def test_small_steps_are_not_lost() -> None:
    near, chance = np.ones(1000, reference.BFLOAT16), np.ones(1000, reference.BFLOAT16)
    step = np.full(1000, 1e-4, np.float32)
    for number in range(1000):
        fs.Operator(add)(near, step)
        stochastic()(chance, step, step=number)
    assert (near == 1).all()
    assert abs(float(chance.astype(np.float64).mean()) - 1.1) < 0.002


@pytest.mark.usefixtures("split_small")
@pytest.mark.parametrize("indices", [None, np.arange(200)[::-1] % 61], ids=["dense", "sparse"])
@pytest.mark.parametrize("rows", ["touched", "every"])
def test_the_same_bits_whatever_the_threads(indices: Any, rows: str) -> None:
    rng = np.random.default_rng(4)
    grad = rng.standard_normal((61 if indices is None else 200, 7)).astype(np.float32)
    results = []
    for threads in (1, 2, 5):
        fs.set_num_threads(threads)
        states = [np.ones((61, 7), reference.BFLOAT16), np.ones((61, 7), np.float16)]
        stochastic(add_to_both, seed=3)(*states, grad, indices, rows=rows, step=9)
        results.append(states)
    for other in results[1:]:
        for got, want in zip(other, results[0], strict=True):
            reference.assert_same_bits(got, want)


def test_what_the_chance_depends_on() -> None:
    values = np.full(4096, 1 + 2.0**-8, np.float32)
    first = rounded(values, "bfloat16", seed=1, step=1)
    reference.assert_same_bits(rounded(values, "bfloat16", seed=1, step=1), first)
    for seed, step in ((1, 2), (2, 1), (0, 2), (2**64 - 1, 1), (1, 2**64 - 1)):
        other = rounded(values, "bfloat16", seed=seed, step=step)
        # Of two that have nothing to do with each other half are the same.
        assert abs(np.mean(other == first) - 0.5) < 0.05
    # Neighbours in a row, and the same element of two states.
    assert abs(np.mean(first[1:] == first[:-1]) - 0.5) < 0.05
    states = [np.ones(4096, reference.BFLOAT16) for _ in range(2)]
    stochastic(add_to_both)(*states, values - 1, step=0)
    assert abs(np.mean(states[0] == states[1]) - 0.5) < 0.05
    # An element's chance is its own, wherever its row lies in memory.
    wide, tight = np.ones((64, 16), reference.BFLOAT16)[:, :8], np.ones((64, 8), reference.BFLOAT16)
    for var in (wide, tight):
        stochastic()(var, np.full((64, 8), 2.0**-9, np.float32), step=0)
    reference.assert_same_bits(wide, tight)


def test_wider_types_are_as_ever() -> None:
    for dtype in (np.float32, np.float64):
        var, other = np.linspace(0, 1, 99).astype(dtype), np.linspace(0, 1, 99).astype(dtype)
        stochastic()(var, np.full(99, 0.3, dtype), step=1)
        fs.Operator(add)(other, np.full(99, 0.3, dtype))
        reference.assert_same_bits(var, other)


def test_states_of_one_number_a_row() -> None:
    var, total = np.ones((1000, 3), np.float32), np.ones(1000, reference.BFLOAT16)
    stochastic(add_to_row)(var, total, np.ones((1000, 3), np.float32), step=0)
    assert len(np.unique(total.astype(np.float32))) == 2


def test_infinities_and_nans() -> None:
    for name in HALVES:
        values = np.array([np.inf, -np.inf, np.nan, -np.nan, 0.0, -0.0], np.float32)
        got = rounded(values, name).astype(np.float32)
        reference.assert_same_bits(got, values)
        assert np.isinf(rounded(np.full(9, 3.4e38, np.float32), "float16").astype(np.float32)).all()


@pytest.mark.parametrize("step", [None, 1.5, -1, 2**64, "1", True])
def test_steps_that_are_none(step: Any) -> None:
    var = np.ones(3, reference.BFLOAT16)
    with pytest.raises((TypeError, ValueError), match="add: step is"):
        stochastic()(var, np.ones(3, np.float32), step=step)
    assert (var == 1).all()


def test_a_type_without_stochastic_rounding_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(STORAGES, "float16", replaced(STORAGES["float16"], stochastic=False))
    var, other = np.ones(3, np.float32), np.ones(3, np.float16)
    with pytest.raises(TypeError, match="add_to_both: other holds float16, which cannot be rounded stochastically"):
        stochastic(add_to_both)(var, other, np.ones(3, np.float32), step=0)
    assert (var == 1).all()
    stochastic(add)(var, np.ones(3, np.float32), step=0)
    assert (var == 2).all()


def test_how_it_is_asked_for() -> None:
    with pytest.raises(ValueError, match='add: rounding is \'up\', expected "nearest" or "stochastic"'):
        fs.Operator(add, rounding="up")
    with pytest.raises(ValueError, match="add: seed is -1"):
        stochastic(seed=-1)
    for huge in (2**64, 10**400, 10**5000):
        with pytest.raises(ValueError, match=r"add: seed is .*, expected 0 to 2\*\*64 - 1"):
            stochastic(seed=huge)
    operator = pickle.loads(pickle.dumps(stochastic(seed=5)))  # noqa: S301
    assert (operator.options.stochastic, operator.options.seed) == (True, 5)
    named = fs.ops.ApplyGradientDescent(rounding="stochastic", seed=5)
    for again in (named, pickle.loads(pickle.dumps(named))):  # noqa: S301
        var = np.ones(64, reference.BFLOAT16)
        again(var, 1.0, np.full(64, 2.0**-9, np.float32), step=np.int64(3))
        assert len(np.unique(var.astype(np.float32))) == 2
    with pytest.raises(TypeError, match="ApplyGradientDescent: step is not given"):
        named(var, 1.0, np.full(64, 2.0**-9, np.float32))


def test_torch_tensors() -> None:
    torch = pytest.importorskip("torch")
    var, values = torch.ones(999, dtype=torch.bfloat16), np.full(999, 2.0**-9, np.float32)
    stochastic()(var, torch.from_numpy(values), step=torch.tensor(0))
    mine = np.ones(999, reference.BFLOAT16)
    stochastic()(mine, values, step=0)
    reference.assert_same_bits(var.float().numpy(), mine.astype(np.float32))
