"""Properties that hold for any shape, layout and way of giving an argument, with drawn examples.

The rule is a cheap one in few types: what is drawn here happens before a kernel runs, whatever the rule.
"""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import fusedstep as fs
from fusedstep.storage import compute_type
from tests import reference


def momentum(var: Any, mean: Any, grad: Any, *, lr: Any, beta: Any) -> tuple[Any, Any]:
    mean = beta * mean + (1 - beta) * grad
    return var - lr * mean, mean


STEP = fs.Operator(momentum)
SCALARS = {"lr": 0.1, "beta": 0.7}
INDEX_TYPES = [np.dtype(f"{sign}{size}") for sign in "iu" for size in (1, 2, 4, 8)]
TYPES = ("float32", "float64", "bfloat16")
# Compiling a kernel and splitting tiny work take longer than Hypothesis allows by itself.
drawn = settings(deadline=None, max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture])

sizes = st.sampled_from([0, 1, 1, 2, 3, 5])
seeds = st.integers(0, 2**32 - 1)


@st.composite
def state_layouts(draw: st.DrawFn, shape: tuple[int, ...], dtype: np.dtype, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A state with contiguous rows, and the whole stretch of memory in which it lies."""
    values = reference.numbers(np.random.default_rng(seed), shape, dtype)
    if not shape:
        whole = np.full(5, np.nan, dtype)
        view = whole[2:3].reshape(())
    else:
        stride, before = draw(st.integers(1, 3)), draw(st.integers(0, 2))
        if len(shape) == 2 and draw(st.booleans()):
            # A few columns of a wider array.
            whole = np.full((shape[0] * stride, shape[1] + before + 1), np.nan, dtype)
            view = whole[::stride, before : before + shape[1]]
        else:
            whole = np.full((shape[0] * stride + before, *shape[1:]), np.nan, dtype)
            view = whole[before::stride][: shape[0]]
    view[...] = values
    return view, whole


@st.composite
def gradients(draw: st.DrawFn, shape: tuple[int, ...], dtype: np.dtype, seed: int) -> np.ndarray:
    """A gradient in any layout."""
    values = reference.numbers(np.random.default_rng(seed + 1), shape, dtype)
    layout = draw(st.sampled_from(["C", "F", "reversed", "broadcast", "readonly", "swapped", "askew", "every other"]))
    match layout:
        case "F":
            return np.array(values, order="F")
        case "reversed":
            return np.asarray(values[tuple(slice(None, None, -1) for _ in shape)])
        case "broadcast" if shape:
            return np.broadcast_to(values[:1] if shape[0] else values, shape)
        case "readonly":
            values.flags.writeable = False
        case "swapped" if dtype != reference.BFLOAT16:
            return values.astype(dtype.newbyteorder())
        case "askew":
            raw = np.zeros(values.nbytes + 1, np.uint8)
            askew = np.ndarray(shape, dtype, raw, 1)
            askew[...] = values
            return askew
        case "every other" if shape:
            return np.repeat(values, 2, axis=-1)[..., ::2]
    return values


@st.composite
def index_arrays(draw: st.DrawFn, rows: int) -> np.ndarray:
    """Rows in any order, some of them often, in any integer type and layout."""
    places = st.lists(st.integers(0, rows - 1), max_size=12) if rows else st.just([])
    indices = np.array(draw(places), draw(st.sampled_from(INDEX_TYPES)))
    match draw(st.sampled_from(["plain", "swapped", "reversed", "every other", "readonly"])):
        case "swapped":
            return indices.astype(indices.dtype.newbyteorder())
        case "reversed":
            return indices[::-1]
        case "every other":
            return np.repeat(indices, 2)[::2]
        case "readonly":
            indices.flags.writeable = False
    return indices


def outside(whole: np.ndarray, view: np.ndarray) -> np.ndarray:
    """What of a stretch of memory is not seen in a view of it; the rest as zeros."""
    marked = whole.copy()
    start = view.__array_interface__["data"][0] - whole.__array_interface__["data"][0] if view.size else 0
    np.ndarray(view.shape, view.dtype, marked, start, view.strides)[...] = 0
    return marked


def check(states: list[Any], whole: list[np.ndarray], grad: np.ndarray, indices: np.ndarray | None, rows: str) -> None:
    """One step: the result, what comes back, and what must be as before."""
    native = grad.astype(grad.dtype.newbyteorder("="))
    expected = reference.step(momentum, states, native, indices, rows, SCALARS)
    around = [outside(*each) for each in zip(whole, states, strict=True)]
    kept = grad.tobytes(), None if indices is None else indices.tobytes()
    returned = STEP(*states, grad, indices, rows=rows, **SCALARS)
    assert all(got is state for got, state in zip(returned, states, strict=True))
    for state, want, stretch, before in zip(states, expected, whole, around, strict=True):
        reference.assert_same_bits(state, want)
        reference.assert_same_bits(outside(stretch, state), before)
    assert (grad.tobytes(), None if indices is None else indices.tobytes()) == kept


@drawn
@given(data=st.data(), seed=seeds, dtype=st.sampled_from(TYPES), shape=st.lists(sizes, max_size=4).map(tuple))
@pytest.mark.usefixtures("split_small")
def test_dense(data: st.DataObject, seed: int, dtype: str, shape: tuple[int, ...]) -> None:
    kind = reference.DTYPES[dtype]
    var, around_var = data.draw(state_layouts(shape, kind, seed))
    mean, around_mean = data.draw(state_layouts(shape, kind, seed + 2))
    grad = data.draw(gradients(shape, kind, seed))
    fs.set_num_threads(data.draw(st.integers(1, 4)))
    check([var, mean], [around_var, around_mean], grad, None, "touched")


@drawn
@given(
    data=st.data(),
    seed=seeds,
    dtype=st.sampled_from(TYPES),
    shape=st.lists(sizes, min_size=1, max_size=4).map(tuple),
    rows=st.sampled_from(["touched", "every"]),
)
@pytest.mark.usefixtures("split_small")
def test_sparse(data: st.DataObject, seed: int, dtype: str, shape: tuple[int, ...], rows: str) -> None:
    kind = reference.DTYPES[dtype]
    var, around_var = data.draw(state_layouts(shape, kind, seed))
    mean, around_mean = data.draw(state_layouts(shape, kind, seed + 2))
    indices = data.draw(index_arrays(shape[0]))
    grad = data.draw(gradients((len(indices), *shape[1:]), kind, seed))
    fs.set_num_threads(data.draw(st.integers(1, 4)))
    check([var, mean], [around_var, around_mean], grad, indices, rows)


@drawn
@given(
    data=st.data(),
    seed=seeds,
    dtype=st.sampled_from(TYPES),
    shape=st.lists(sizes, min_size=1, max_size=4).map(tuple),
    rows=st.sampled_from(["touched", "every"]),
)
@pytest.mark.usefixtures("split_small")
def test_bags(data: st.DataObject, seed: int, dtype: str, shape: tuple[int, ...], rows: str) -> None:
    """A step of bags is that of the gradient expanded in the compute type."""
    kind, compute = reference.DTYPES[dtype], np.dtype(compute_type(dtype))
    var, around_var = data.draw(state_layouts(shape, kind, seed))
    mean, around_mean = data.draw(state_layouts(shape, kind, seed + 2))
    indices = data.draw(index_arrays(shape[0]))
    starts = sorted(data.draw(st.lists(st.integers(0, len(indices)), max_size=6)))
    offsets = np.array([0, *starts], data.draw(st.sampled_from(INDEX_TYPES)))
    # With the end of the last bag among them, or without.
    ends = np.full(data.draw(st.integers(0, 1)), len(indices))
    counts = np.diff(offsets.astype(int), append=ends)
    grad = data.draw(gradients((len(counts), *shape[1:]), kind, seed))
    bags = {"offsets": offsets}
    expanded = grad.astype(compute)[np.repeat(np.arange(len(counts)), counts)]
    if data.draw(st.booleans()):
        bags["weights"] = weights = data.draw(gradients((len(indices),), kind, seed + 1))
        expanded = expanded * weights.astype(compute)[: len(expanded)].reshape(-1, *[1] * (len(shape) - 1))
    fs.set_num_threads(data.draw(st.integers(1, 4)))
    states, kept = [var, mean], [each.tobytes() for each in (grad, indices, *bags.values())]
    expected = reference.step(momentum, states, expanded, np.array(indices[: len(expanded)]), rows, SCALARS)
    around = [outside(*each) for each in zip((around_var, around_mean), states, strict=True)]
    STEP(*states, grad, indices, rows=rows, **bags, **SCALARS)
    for state, want, stretch, before in zip(states, expected, (around_var, around_mean), around, strict=True):
        reference.assert_same_bits(state, want)
        reference.assert_same_bits(outside(stretch, state), before)
    assert [each.tobytes() for each in (grad, indices, *bags.values())] == kept


@drawn
@given(
    seed=seeds,
    rows=st.integers(1, 400),
    count=st.integers(0, 900),
    width=st.sampled_from([1, 1, 2, 7, 16]),
    skew=st.sampled_from([0.0, 1.5, 4.0]),
    threads=st.integers(1, 7),
    every=st.booleans(),
)
@pytest.mark.usefixtures("split_small")
def test_many_rows(seed: int, rows: int, count: int, width: int, skew: float, threads: int, every: bool) -> None:
    # Enough for tables of several sizes; a high skew names one row again and again.
    rng = np.random.default_rng(seed)
    indices = rng.permutation(rows)[(rows * rng.random(count) ** (1 + skew)).astype(int)]
    states = [reference.numbers(rng, (rows, width)) for _ in range(2)]
    fs.set_num_threads(threads)
    grad = reference.numbers(rng, (count, width))
    check(states, states, grad, indices, "every" if every else "touched")


NUMBERS = {
    "float": float,
    "NumPy scalar": np.float64,
    "float32 scalar": np.float32,
    "0-d array": np.array,
    "array of one": lambda value: np.array([value], np.float32),
    "array (1, 1)": lambda value: np.array([[value]], ">f8"),
    "float16": np.float16,
}


@drawn
@given(kind=st.sampled_from(list(NUMBERS)), value=st.sampled_from([0.0, 0.125, -2.0, math.inf, math.nan]))
def test_scalars(kind: str, value: float) -> None:
    # A rule of one's own declares no step sizes: any real number goes.
    states = [np.arange(6, dtype=np.float32).reshape(3, 2) + 1 for _ in range(2)]
    expected = reference.step(momentum, states, states[0] * 2, None, "touched", {"lr": value, "beta": 0.5})
    STEP(*states, states[0] * 2, lr=NUMBERS[kind](value), beta=NUMBERS[kind](0.5))
    for state, want in zip(states, expected, strict=True):
        reference.assert_same_bits(state, want)


@drawn
@given(value=st.integers(-(2**60), 2**60))
def test_whole_numbers_as_scalars(value: int) -> None:
    states = [np.ones(3), np.ones(3)]
    expected = reference.step(momentum, states, np.ones(3), None, "touched", {"lr": value, "beta": 0})
    for given_as in (value, np.int64(value), np.array([value])):
        again = [state.copy() for state in states]
        STEP(*again, np.ones(3), lr=given_as, beta=0)
        for state, want in zip(again, expected, strict=True):
            reference.assert_same_bits(state, want)
