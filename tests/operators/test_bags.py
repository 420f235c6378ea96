"""Gradients of bags: equal to the gradient expanded in the compute type, and refused before anything is written."""

import collections
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pytest

import fusedstep as fs
from fusedstep import rules
from fusedstep.operators.bags import BagGradient, Bags
from fusedstep.storage import compute_type
from tests import reference

SCALARS = {"lr": 0.125, "beta1": 0.9, "beta2": 0.99, "epsilon": 1e-8, "beta1_power": 0.9, "beta2_power": 0.99}
# Counting, hashing, and one row for all indices; odd widths, one of them more than the lines that are prefetched.
SHAPES = [(5, 1), (40, 3), (3000, 7), (1, 300)]
DTYPES = ["float32", "float64", "float16", "bfloat16"]


class Case(NamedTuple):
    """Bags, and the same gradient with a row for each index."""

    gradient: np.ndarray
    indices: np.ndarray
    offsets: np.ndarray
    weights: np.ndarray | None
    expanded: np.ndarray


def case(rows: int, width: int, dtype: str, weighted: bool, bags: int = 23, seed: int = 0) -> Case:
    """Bags of 0 to 6 indices; some weights are 0, which still names a row."""
    random = np.random.default_rng(seed)
    kind, compute = reference.DTYPES[dtype], np.dtype(compute_type(dtype))
    counts = random.integers(0, 7, bags)
    counts[[0, 5, -1]] = 0
    offsets = np.concatenate([[0], np.cumsum(counts)])
    indices = random.integers(0, rows, offsets[-1])
    gradient = random.standard_normal((bags, width)).astype(kind)
    weights = None
    expanded = gradient.astype(compute)[np.repeat(np.arange(bags), counts)]
    if weighted:
        weights = random.standard_normal(len(indices)).astype(kind)
        weights[::4] = 0
        expanded = expanded * weights.astype(compute)[:, None]
    return Case(gradient, indices, offsets, weights, expanded)


def states(rows: int, width: int, dtype: str) -> list[np.ndarray]:
    random = np.random.default_rng(1)
    kind = reference.DTYPES[dtype]
    var, m = (random.standard_normal((rows, width)).astype(kind) for _ in range(2))
    return [var, m, np.abs(random.standard_normal((rows, width))).astype(kind)]


def assert_same(got: Any, expected: Any) -> None:
    for each, other in zip(got, expected, strict=True):
        reference.assert_same_bits(each, other)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("rows", ["touched", "every"])
def test_steps_are_those_of_the_expanded_gradient(
    shape: tuple[int, int], dtype: str, rows: str, weighted: bool
) -> None:
    given, operator = case(*shape, dtype, weighted), fs.Operator(rules.adam)
    by_bags, by_rows = states(*shape, dtype), states(*shape, dtype)
    operator(
        *by_bags,
        given.gradient,
        given.indices,
        offsets=given.offsets[:-1],
        weights=given.weights,
        rows=rows,
        **SCALARS,
    )
    operator(*by_rows, given.expanded, given.indices, rows=rows, **SCALARS)
    assert_same(by_bags, by_rows)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("method", ["series", "replay"])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_deferred_steps_are_those_of_the_expanded_gradient(dtype: str, method: str, weighted: bool) -> None:
    shape = 60, 5
    by_bags, by_rows = states(*shape, dtype), states(*shape, dtype)
    bags, expanded = (fs.DeferredRows(rules.adam, *each, method=method) for each in (by_bags, by_rows))
    for seed in range(4):
        given = case(*shape, dtype, weighted, bags=6, seed=seed)
        bags.step(given.gradient, given.indices, given.offsets, given.weights, **SCALARS)
        expanded.step(given.expanded, given.indices, **SCALARS)
    bags.flush()
    expanded.flush()
    assert_same(by_bags, by_rows)


@pytest.mark.parametrize("rows", ["touched", "every"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("count", [1, 2, 3, 7])
@pytest.mark.usefixtures("split_small")
def test_threads_do_not_change_bits(count: int, weighted: bool, rows: str) -> None:
    shape, given = (200, 5), case(200, 5, "float32", weighted, bags=300)
    found = []
    for threads in (1, count):
        fs.set_num_threads(threads)
        each = states(*shape, "float32")
        fs.Operator(rules.adam)(
            *each, given.gradient, given.indices, given.offsets, given.weights, rows=rows, **SCALARS
        )
        found.append(each)
    assert_same(*found)


@pytest.mark.parametrize("rows", ["touched", "every"])
def test_rules_that_see_rows(rows: str) -> None:
    given = case(40, 3, "float32", weighted=True)
    found = []
    for gradient, bags in (
        (given.gradient, {"offsets": given.offsets, "weights": given.weights}),
        (given.expanded, {}),
    ):
        var, accum = states(40, 3, "float32")[0], np.ones(40, np.float32)
        step = fs.Operator(rules.rowwise_adagrad)
        step(var, accum, gradient, given.indices, **bags, rows=rows, lr=0.125, epsilon=1e-8)
        found.append((var, accum))
    assert_same(*found)


def test_operators_of_the_catalogue_take_bags() -> None:
    given = case(40, 3, "float32", weighted=True)
    numbers = [0.9, 0.99, 0.125, 0.9, 0.99, 1e-8]
    ftrl = fs.ops.FusedSparseFtrl(0.1, 0.0, 0.0, -0.5)
    for operator in (fs.ops.FusedSparseAdam(), fs.ops.FusedSparseLazyAdam(), ftrl):
        scalars = [] if operator is ftrl else numbers
        by_bags, by_rows = states(40, 3, "float32"), states(40, 3, "float32")
        bags = {"offsets": given.offsets, "weights": given.weights}
        operator(*by_bags, *scalars, given.gradient, given.indices, **bags)
        operator(*by_rows, *scalars, given.expanded, given.indices)
        assert_same(by_bags, by_rows)
    by_bags, by_rows = states(40, 3, "float32")[::2], states(40, 3, "float32")[::2]
    bags = {"offsets": given.offsets, "weights": given.weights}
    fs.ops.ApplyAdagrad()(
        *by_bags, 0.1, given.gradient, indices=given.indices, offsets=given.offsets, weights=given.weights
    )
    fs.ops.ApplyAdagrad()(*by_rows, 0.1, given.expanded, indices=given.indices)
    assert_same(by_bags, by_rows)


def test_lookups_are_summed_in_their_order() -> None:
    shape = 40, 3
    parts = [case(*shape, "float32", weighted, bags=9, seed=seed) for seed, weighted in enumerate((True, False, True))]
    lookups = [Bags(each.gradient, each.indices, each.offsets, each.weights) for each in parts]
    # One lookup whose indices are bags of their own, and one in another type beside 16 bits.
    lookups.append(Bags(parts[0].expanded, parts[0].indices))
    indices = np.concatenate([*(each.indices for each in parts), parts[0].indices])
    expanded = np.concatenate([*(each.expanded for each in parts), parts[0].expanded])
    operator = fs.Operator(rules.adam)
    by_bags, by_rows = states(*shape, "float32"), states(*shape, "float32")
    scalars = operator.scalars(SCALARS)
    operator.step(by_bags, BagGradient(tuple(lookups)), None, "touched", scalars)
    operator.step(by_rows, expanded, indices, "touched", scalars)
    assert_same(by_bags, by_rows)


def test_lookups_of_several_types() -> None:
    shape = 40, 3
    narrow, wide = case(*shape, "bfloat16", weighted=True, seed=1), case(*shape, "float32", weighted=False, seed=2)
    operator = fs.Operator(rules.adam)
    by_bags, by_rows = states(*shape, "bfloat16"), states(*shape, "bfloat16")
    lookups = [Bags(each.gradient, each.indices, each.offsets, each.weights) for each in (narrow, wide)]
    scalars = operator.scalars(SCALARS)
    operator.step(by_bags, BagGradient(tuple(lookups)), None, "every", scalars)
    expanded, indices = (
        np.concatenate([getattr(each, name) for each in (narrow, wide)]) for name in ("expanded", "indices")
    )
    operator.step(by_rows, expanded, indices, "every", scalars)
    assert_same(by_bags, by_rows)


def test_a_gradient_within_a_state_is_read_before_it_changes() -> None:
    indices, offsets, weights = np.array([5, 0, 2, 3]), np.array([0, 1, 3]), np.array([1.0, 2.0, 0.5, 4.0])
    found = []
    for shared in (True, False):
        var = np.arange(24.0).reshape(8, 3)
        gradient = var[2:5] if shared else var[2:5].copy()
        fs.Operator("def descent(var, grad, *, lr): return var - lr * grad")(
            var, gradient, indices, offsets, weights, lr=0.5
        )
        found.append([var])
    assert_same(*found)


def test_use_locking_and_views() -> None:
    given = case(40, 3, "float32", weighted=True)
    wide = np.full((23, 9), np.nan, np.float32)
    wide[:, 2:8:2] = given.gradient
    found = []
    for gradient, options in ((wide[:, 2:8:2], {"use_locking": True}), (given.gradient, {})):
        each = states(40, 3, "float32")
        operator = fs.Operator(rules.adam, **options)
        operator(
            *each, gradient, given.indices.astype(np.int32), given.offsets.astype(np.uint16), given.weights, **SCALARS
        )
        found.append(each)
    assert_same(*found)


OFFSETS = {
    "list": list,
    "range": lambda offsets: range(0, 6, 2),
    "deque": collections.deque,
    "int8": lambda offsets: np.array(offsets, np.int8),
    "uint64": lambda offsets: np.array(offsets, np.uint64),
    "strided": lambda offsets: np.repeat(np.array(offsets), 2)[::2],
}


@pytest.mark.parametrize("kind", OFFSETS)
def test_offsets_of_any_kind(kind: str) -> None:
    var = np.zeros((6, 2))
    step = fs.Operator("def descent(var, grad, *, lr): return var - lr * grad")
    step(var, -np.ones((3, 2)), [0, 1, 2, 3, 4, 4], offsets=OFFSETS[kind]([0, 2, 4]), lr=1.0)
    assert var.tolist() == [[1.0] * 2] * 4 + [[2.0] * 2, [0.0] * 2]


def test_indices_behind_the_end_of_the_last_bag_are_ignored() -> None:
    var = np.zeros((6, 2))
    step = fs.Operator("def descent(var, grad, *, lr): return var - lr * grad")
    step(var, -np.ones((2, 2)), [0, 1, 2, -7, 99], [0, 2, 3], np.array([1.0, 2.0, 3.0, np.nan, np.nan]), lr=1.0)
    assert var[:, 0].tolist() == [1.0, 2.0, 3.0, 0.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("bags", "indices", "offsets"), [(0, [], []), (0, [], [0]), (3, [], [0, 0, 0]), (3, [], [0, 0, 0, 0])]
)
@pytest.mark.parametrize("rows", ["touched", "every"])
def test_no_index_at_all(bags: int, indices: list[int], offsets: list[int], rows: str) -> None:
    by_bags, by_rows = states(6, 2, "float64"), states(6, 2, "float64")
    operator = fs.Operator(rules.adam)
    operator(*by_bags, np.full((bags, 2), np.nan), indices, offsets, rows=rows, **SCALARS)
    operator(*by_rows, np.empty((0, 2)), [], rows=rows, **SCALARS)
    assert_same(by_bags, by_rows)


@pytest.mark.parametrize("shape", [(0, 2), (6, 0)])
def test_empty_tables(shape: tuple[int, int]) -> None:
    var = np.zeros(shape)
    step = fs.Operator("def descent(var, grad, *, lr): return var - lr * grad")
    step(var, np.empty((2, shape[1])), [0, 1] * bool(shape[0]), [0, 0], lr=1.0)
    assert var.shape == shape


NAN = np.full((2, 2), np.nan)
WRONG: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "start": ({"offsets": [1, 2]}, ValueError, r"offsets\[0\] is 1, expected 0, where the first bag starts"),
    "negative": ({"offsets": [-1, 2]}, ValueError, r"offsets\[0\] is -1, expected 0"),
    "fall": ({"offsets": [0, 2, 1], "grad": np.ones((3, 2))}, ValueError, r"offsets\[2\] is 1, expected 2 to 3"),
    "beyond": ({"offsets": [0, 4]}, ValueError, r"offsets\[1\] is 4, expected 0 to 3: .* indices has 3 entries"),
    "end beyond": ({"offsets": [0, 1, 4]}, ValueError, r"offsets\[2\] is 4, expected 1 to 3"),
    "wraps": (
        {"offsets": np.array([0, 2**64 - 1], np.uint64)},
        ValueError,
        r"offsets\[1\] is 18446744073709551615, expected 0 to 3",
    ),
    "falls furthest": (
        {"offsets": [0, 2, -(2**63)], "grad": np.ones((3, 2))},
        ValueError,
        r"offsets\[2\] is -9223372036854775808, expected 2 to 3",
    ),
    "ends furthest below": (
        {"offsets": np.array([0, 2, 2**63], np.uint64)},
        ValueError,
        r"offsets\[2\] is 9223372036854775808, expected 2 to 3",
    ),
    "empty": ({"offsets": [], "grad": np.empty((0, 2))}, ValueError, "offsets is empty, expected the start of a bag"),
    "too few": ({"offsets": [0]}, ValueError, r"grad has shape \(2, 2\), expected \(1, 2\)"),
    "too many": ({"offsets": [0, 1, 2, 3]}, ValueError, r"grad has shape \(2, 2\), expected \(4, 2\)"),
    "floats": ({"offsets": [0.0, 1.0]}, TypeError, r"offsets\[0\] is of type float, expected an integer"),
    "float array": ({"offsets": np.zeros(2)}, TypeError, "offsets holds float64, expected integers"),
    "mask": ({"offsets": np.array([False, True])}, TypeError, "offsets holds bool, expected integers"),
    "list of truths": ({"offsets": [False, True]}, TypeError, r"offsets\[0\] is of type bool, expected an integer$"),
    "dimensions": (
        {"offsets": np.zeros((1, 2), int)},
        ValueError,
        r"offsets has shape \(1, 2\), expected one dimension",
    ),
    "huge": ({"offsets": [0, 2**70]}, IndexError, r"offsets\[1\] is"),
    "text": ({"offsets": "01"}, TypeError, "offsets is of type str"),
    "outside": ({"indices": [0, 1, 6]}, IndexError, r"indices\[2\] is 6, expected 0 to 5: var has 6 rows"),
    "below": ({"indices": [0, -1, 2]}, IndexError, r"indices\[1\] is -1, expected 0 to 5"),
    "unsigned": (
        {"indices": np.array([0, 1, 2**64 - 1], np.uint64)},
        IndexError,
        r"indices\[2\] is 18446744073709551615",
    ),
    "no indices": ({"indices": None}, TypeError, "offsets given without indices"),
    "weights alone": ({"indices": None, "offsets": None, "weights": np.ones(3)}, TypeError, "weights given without"),
    "weights' length": ({"weights": np.ones(2)}, ValueError, r"weights has shape \(2,\), expected \(3,\)"),
    "weights' shape": ({"weights": np.ones((3, 1))}, ValueError, r"weights has shape \(3, 1\), expected \(3,\)"),
    "weights' type": ({"weights": np.ones(3, np.float32)}, TypeError, "weights holds float32, expected float64"),
    "weights list": ({"weights": [1.0, 1.0, 1.0]}, TypeError, r"pass np.asarray\(weights, np.float64\)"),
    "gradient's type": ({"grad": np.ones((2, 2), np.float32)}, TypeError, "grad holds float32, expected float64"),
    "gradient's width": ({"grad": np.ones((2, 3))}, ValueError, r"grad has shape \(2, 3\), expected \(2, 2\)"),
}


@pytest.mark.parametrize("rows", ["touched", "every", "deferred"])
@pytest.mark.parametrize("wrong", WRONG)
def test_nothing_changes_where_an_argument_is_wrong(wrong: str, rows: str) -> None:
    changed, error, message = WRONG[wrong]
    arguments = {"grad": np.ones((2, 2)), "indices": [0, 1, 2], "offsets": [0, 1]} | changed
    given, before = states(6, 2, "float64"), states(6, 2, "float64")
    step: Callable[..., Any] = fs.DeferredRows(rules.adam, *given).step
    if rows != "deferred":
        step = partial(fs.Operator(rules.adam), *given, rows=rows)
    with pytest.raises(error, match=message):
        step(**arguments, **SCALARS)
    assert_same(given, before)


def test_a_rule_that_reduces_over_more_than_a_row_takes_no_bags() -> None:
    rule = "def scaled(var, grad, *, lr): return var - lr * grad / tensor_max(abs(grad))"
    with pytest.raises(ValueError, match="reduces over more than a row"):
        fs.Operator(rule)(np.ones((6, 2)), np.ones((1, 2)), [0], offsets=[0], lr=1.0)


def test_states_may_be_called_as_the_optional_arrays() -> None:
    def rule(weights: Any, offsets: Any, grad: Any, *, lr: Any) -> Any:
        return weights - lr * grad, offsets + grad

    weights, offsets = np.zeros((3, 1)), np.zeros((3, 1))
    step = fs.Operator(rule)
    step(weights=weights, offsets=offsets, grad=np.ones((3, 1)), lr=1.0)
    step(weights, offsets, np.ones((1, 1)), [0, 2], [0], np.array([1.0, 3.0]), lr=1.0)
    assert weights.ravel().tolist() == [-2.0, -1.0, -4.0]
    assert offsets.ravel().tolist() == [2.0, 1.0, 4.0]


@pytest.mark.parametrize("name", ["offsets", "weights"])
def test_scalars_may_not_be_called_so(name: str) -> None:
    with pytest.raises(TypeError, match=f"no argument can be called {name!r}"):
        fs.Operator(f"def descent(var, grad, *, {name}): return var - {name} * grad")


def test_one_gradient_row_an_index_is_never_made() -> None:
    """The memory of a call does not grow with the width of what the bags share."""
    tracemalloc = pytest.importorskip("tracemalloc")
    rows, width, bags, length = 64, 4096, 4, 2000
    var, gradient = np.zeros((rows, width), np.float32), np.ones((bags, width), np.float32)
    indices, offsets = np.arange(bags * length) % rows, np.arange(0, bags * length, length)
    step = fs.Operator("def descent(var, grad, *, lr): return var - lr * grad")
    step(var, gradient, indices, offsets, lr=1.0)
    tracemalloc.start()
    step(var, gradient, indices, offsets, lr=1.0)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # The segment sums, and some arrays with a number for each index.
    assert peak < 2 * var.nbytes + 200 * len(indices)
    assert (var == -2 * bags * length / rows).all()


def test_offsets_are_those_of_torch() -> None:
    torch = pytest.importorskip("torch")
    given = case(40, 3, "float32", weighted=True)
    table = torch.nn.EmbeddingBag(40, 3, mode="sum")
    var = table.weight.detach().numpy().copy()
    indices, offsets, weights = (torch.from_numpy(each) for each in (given.indices, given.offsets[:-1], given.weights))
    table(indices, offsets, weights).backward(torch.from_numpy(given.gradient))
    torch.optim.SGD(table.parameters(), lr=0.5).step()
    step = fs.Operator("def descent(var, grad, *, lr): return var - lr * grad")
    step(var, given.gradient, given.indices, given.offsets[:-1], given.weights, lr=0.5)
    np.testing.assert_allclose(var, table.weight.detach().numpy(), rtol=1e-6, atol=1e-6)


def test_counts_of_bags() -> None:
    """The case that others rest on has empty bags first and last, duplicates, and weights of 0."""
    given = case(5, 1, "float32", weighted=True)
    counts = [stop - start for start, stop in pairwise(given.offsets)]
    assert counts[0] == counts[-1] == 0 < max(counts)
    assert len(set(given.indices)) < len(given.indices)
    assert (given.weights == 0).any()
