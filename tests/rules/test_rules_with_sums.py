"""Rules that reduce rows, columns or the whole tensor, against the rule as it stands on NumPy arrays.

How results are bounded: sums run in float64 and in an order of their own, so that in float64 a result is within
``ulps`` of the rule's, and in the other types within that of what the rule gives in float64 on the same stored inputs,
rounded once. For any number of threads the bits are the same.
"""

import itertools
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

import fusedstep as fs
from fusedstep.words import (
    PerColumn,
    PerRow,
    abs,
    column_max,
    column_mean,
    column_min,
    column_sum,
    maximum,
    row_max,
    row_mean,
    row_min,
    row_sum,
    sqrt,
    tensor_max,
    tensor_mean,
    tensor_min,
    tensor_sum,
)
from tests import reference

FLOAT64 = np.dtype(np.float64)


@dataclass(frozen=True)
class Row:
    """A rule, and numbers that suit it.

    Attributes:
        rule: the rule.
        scalars: its scalars.
        switches: its switches.
        unused: the states that these switches leave unused.
        ulps: how many units in the last place a result may be off.
        sparse: whether a row can step alone.
    """

    rule: Callable[..., Any]
    scalars: dict[str, float]
    switches: dict[str, bool] = field(default_factory=dict)
    unused: tuple[str, ...] = ()
    ulps: float = 8
    sparse: bool = False

    @property
    def name(self) -> str:
        return "-".join([self.rule.__name__, *(name for name, value in self.switches.items() if value)])


def everything(
    var: Any, by_row: PerRow, by_column: PerColumn, grad: Any, *, lr: Any, twice: bool = False
) -> tuple[Any, Any, Any]:
    """Every word that adds up, each of each kind of value that it takes, one on top of the other."""
    by_row = by_row / 2 + row_sum(abs(grad)) + row_mean(var)
    by_column = by_column / 2 + column_sum(grad * grad) / 100 + column_mean(var)
    centred = grad - column_mean(by_row) + by_column / (1 + tensor_sum(by_row) ** 2)
    size = 1 + sqrt(tensor_mean(centred * centred)) + tensor_sum(abs(var)) / 1000
    if twice:
        size = size + row_mean(centred / size) ** 2 + tensor_mean(by_row) ** 2
    return var - lr * centred / size, by_row, by_column


def extremes(var: Any, by_row: PerRow, by_column: PerColumn, grad: Any, *, lr: Any) -> tuple[Any, Any, Any]:
    """Every maximum and minimum, of each kind of value that it takes, among sums and one on top of the other."""
    by_row = maximum(by_row / 2, row_max(abs(grad))) - row_min(var)
    by_column = by_column / 2 + column_max(grad) - column_min(var) + column_mean(grad * grad)
    centred = grad - column_max(by_row) + by_column * column_min(by_row)
    size = 1 + tensor_max(centred) - tensor_min(centred) + sqrt(tensor_mean(centred * centred))
    size = size + tensor_max(by_row) - tensor_min(by_row)
    return var - lr * centred / size, by_row, by_column


def largest_of_rows(var: Any, norm: PerRow, grad: Any, *, lr: Any) -> tuple[Any, Any]:
    """A rule whose rows can step alone: Adamax by row, and a sum."""
    norm = maximum(0.9 * norm, row_max(abs(grad))) + row_mean(grad * grad)
    return var - lr * (grad - row_min(grad)) / norm, norm


FACTOR = {"lr": 0.1, "beta1": 0.9, "beta2": 0.7, "epsilon1": 1e-30, "epsilon2": 1e-3, "clip_threshold": 0.7}
FACTOR |= {"weight_decay": 0.01, "global_norm": 1.3}
LAMB = {"lr": 0.1, "beta1": 0.9, "beta2": 0.7, "epsilon": 1e-6, "decay": 0.1, "beta1_power": 0.9, "beta2_power": 0.7}
OPTAX_LAMB = {name: value for name, value in LAMB.items() if name != "decay"}
OPTAX_LAMB |= {"weight_decay": 0.1, "epsilon_root": 0.01}
GROUP = {"lr": 0.3, "l1": 0.1, "l2": 0.3, "l21": 0.2, "beta": 0.1}
BIAS = {"lr": 0.1, "beta1": 0.9, "beta2": 0.7, "epsilon": 1e-6}
LARS = {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.1, "coefficient": 0.3}
PLAIN, FACTORED = ("exp_avg_sq_row", "exp_avg_sq_col"), ("exp_avg_sq",)

ROWS = [
    Row(fs.rules.rowwise_adagrad, {"lr": 0.1, "epsilon": 1e-6, "weight_decay": 0.1}, sparse=True),
    Row(fs.rules.adam_rowwise_bias_correction, BIAS, sparse=True, ulps=16),
    Row(fs.rules.group_lasso_ftrl, GROUP, sparse=True, ulps=32),
    Row(fs.rules.group_lasso_ftrl, GROUP | {"lr_power": -0.6, "l21": 0.0}, sparse=True, ulps=64),
    Row(fs.rules.group_lasso_ftrl, GROUP, {"keep_weights": True}, sparse=True, ulps=64),
    Row(fs.rules.lamb, LAMB),
    Row(fs.rules.lars, LARS),
    Row(fs.rules.optax_lamb, OPTAX_LAMB),
    Row(fs.rules.optax_lars, LARS | {"epsilon": 0.1}),
    Row(fs.rules.optax_lars, LARS, {"nesterov": True}),
    Row(fs.rules.adafactor, FACTOR, unused=("exp_avg", *FACTORED), ulps=16),
    Row(fs.rules.adafactor, FACTOR, {"scale_parameter": True, "first_moment": True}, FACTORED, ulps=16),
    Row(fs.rules.adafactor, FACTOR, {"factored": False, "decay_weights": False}, ("exp_avg", *PLAIN), ulps=16),
    Row(largest_of_rows, {"lr": 0.1}, sparse=True, ulps=16),
    Row(extremes, {"lr": 0.1}, ulps=64),
    Row(everything, {"lr": 0.1}, ulps=64),
    Row(everything, {"lr": 0.1}, {"twice": True}, ulps=64),
]
TABLE = [pytest.param(row, id=f"{row.name}-{number}") for number, row in enumerate(ROWS)]
# Of rows that lanes do not divide, of none, one and many blocks, and of several matrices.
SHAPES = [(37, 5), (1, 1), (150, 33), (0, 4), (5, 0)]
MATRICES = [(3, 2, 67), (2, 3, 1, 4)]


def inputs(
    row: Row, shape: tuple[int, ...], dtypes: tuple[np.dtype, np.dtype], seed: int = 3
) -> tuple[list[np.ndarray | None], np.ndarray]:
    """States and a gradient; states by row and by column with an axis of length 1."""
    rng = np.random.default_rng(seed)
    signature = fs.Operator(row.rule).signature
    matrices = bool(signature.per_column)
    states: list[np.ndarray | None] = []
    for number, name in enumerate(signature.states):
        own = list(shape)
        if name in signature.per_row:
            own[-1 if matrices else 1 :] = [1] * len(own[-1 if matrices else 1 :])
        elif name in signature.per_column:
            own[-2] = 1
        drawn = np.abs(rng.standard_normal(own)) + 0.1 if number else rng.standard_normal(own)
        drawn = np.round(drawn * 4) if name == "count" else drawn
        states.append(None if name in row.unused else drawn.astype(dtypes[bool(number)]))
    return states, rng.standard_normal(shape).astype(dtypes[0])


def expected(row: Row, states: list[np.ndarray | None], grad: np.ndarray) -> list[np.ndarray]:
    """What the rule gives in float64."""
    wide, gradient = [None if each is None else each.astype(FLOAT64) for each in states], grad.astype(FLOAT64)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        # NumPy warns of the mean of nothing.
        warnings.simplefilter("ignore", RuntimeWarning)
        new = row.rule(*wide, gradient, **row.scalars, **row.switches)
    return [
        each if before is None else np.reshape(each, before.shape) for each, before in zip(new, states, strict=True)
    ]


def assert_near(got: np.ndarray, exact: np.ndarray, before: np.ndarray, ulps: float, what: str) -> None:
    """Bounds a result as the head of this file says; what is lost by cancelling counts by what was there before."""
    place = 2.0**-53 if got.dtype == FLOAT64 else 2.0**-24
    with np.errstate(all="ignore"):
        slack = ulps * place * (np.abs(exact) + np.abs(before.astype(FLOAT64)) + 1e-3)
        low, high = ((exact + each).astype(got.dtype).astype(FLOAT64) for each in (-slack, slack))
    value = got.astype(FLOAT64)
    assert (np.isnan(value) == np.isnan(exact)).all(), what
    outside = ~np.isnan(exact) & ((value < low) | (value > high))
    assert not outside.any(), f"{what}: {value[outside][:5]}, expected {exact[outside][:5]}"


@pytest.mark.parametrize("row", TABLE)
@pytest.mark.usefixtures("split_small")
def test_float64_and_threads(row: Row) -> None:
    operator = fs.Operator(row.rule, **row.switches)
    asks_for_rows = "row" in operator.array_spec.kinds or operator.array_spec.rows
    for shape in SHAPES + ([] if asks_for_rows and not operator.array_spec.matrices else MATRICES):
        states, grad = inputs(row, shape, (FLOAT64, FLOAT64))
        # Without elements there is no step, where NumPy has means of nothing.
        exact = expected(row, states, grad) if grad.size else states
        results = []
        for threads in (1, 2, 5):
            fs.set_num_threads(threads)
            given = [None if each is None else each.copy() for each in states]
            operator(*given, grad, **row.scalars)
            results.append(given)
        for name, before, want, *got in zip(operator.signature.states, states, exact, *results, strict=True):
            if before is not None:
                assert_near(got[0], want, before, row.ulps, f"{name} {shape}")
                for other in got[1:]:
                    reference.assert_same_bits(other, got[0], f"{name} {shape}, more threads")


MIXTURES = [("float32", "float32"), ("float16", "float16"), ("bfloat16", "float32"), ("float32", "bfloat16")]


def stored() -> Iterator[Any]:
    """Every rule in every mixture of types; in each run one rule alone goes through all of them."""
    for row, types in itertools.product(ROWS, MIXTURES):
        short = types == MIXTURES[0] or row is ROWS[-2]
        marks = () if short else pytest.mark.long
        yield pytest.param(row, types, id="-".join([row.name, *types, str(ROWS.index(row))]), marks=marks)


@pytest.mark.parametrize(("row", "types"), list(stored()))
def test_storage(row: Row, types: tuple[str, str]) -> None:
    dtypes = (reference.DTYPES[types[0]], reference.DTYPES[types[1]])
    states, grad = inputs(row, (37, 5), dtypes)
    exact = expected(row, states, grad)
    given = [None if each is None else each.copy() for each in states]
    fs.Operator(row.rule, **row.switches)(*given, grad, **row.scalars)
    for before, got, want in zip(states, given, exact, strict=True):
        if before is not None and got is not None:
            assert got.dtype == before.dtype
            assert_near(got, want, before, row.ulps, f"{row.name} {types}")


def by_rows() -> Iterator[Any]:
    """Rules whose rows can step alone, in some types; of every row one in each run."""
    sparse = [row for row in ROWS if row.sparse]
    mixtures = [("float64", "float64"), ("float32", "float32"), ("bfloat16", "float32")]
    for row, rows, types in itertools.product(sparse, ["touched", "every"], mixtures):
        short = {"touched": (mixtures[0], mixtures[2]), "every": (mixtures[1],)}
        marks = () if types in short[rows] else pytest.mark.long
        yield pytest.param(row, rows, types, id="-".join([row.name, rows, *types, str(ROWS.index(row))]), marks=marks)


@pytest.mark.parametrize(("row", "rows", "types"), list(by_rows()))
@pytest.mark.usefixtures("split_small")
def test_sparse(row: Row, rows: str, types: tuple[str, str]) -> None:
    dtypes = (reference.DTYPES[types[0]], reference.DTYPES[types[1]])
    states, _ = inputs(row, (37, 5), dtypes)
    rng = np.random.default_rng(8)
    grad, indices = rng.standard_normal((29, 5)).astype(dtypes[0]), rng.integers(0, 37, 29)
    indices[:5] = 9
    sums = reference.summed(grad, indices, reference.compute_type(np.empty(0, dtypes[0])))
    merged = np.zeros((37, 5))
    for index, total in sums.items():
        merged[index] = total
    exact = expected(row, states, merged)
    named = np.isin(np.arange(37), indices) | (rows == "every")
    for threads in (1, 3):
        fs.set_num_threads(threads)
        # One number a row may come with an axis of length 1, or without.
        given = [each.copy() if threads == 1 or each.shape[1] > 1 else each[:, 0].copy() for each in states]
        fs.Operator(row.rule, **row.switches)(*given, grad, indices, rows=rows, **row.scalars)
        for before, got, want in zip(states, given, exact, strict=True):
            got = got.reshape(before.shape)
            assert_near(got[named], want[named], before[named], row.ulps, f"{row.name} {rows}")
            reference.assert_same_bits(got[~named], before[~named])


def test_pitched_rows() -> None:
    wide = np.random.default_rng(1).standard_normal((40, 16)).astype(np.float32)
    accum, grad = np.ones(40, np.float32), np.ones((40, 8), np.float32)
    whole, one = wide[:, :8].copy(), np.ones(40, np.float32)
    step = fs.Operator(fs.rules.rowwise_adagrad)
    step(wide[:, :8], accum, grad, lr=0.1, epsilon=0.1)
    step(whole, one, grad, lr=0.1, epsilon=0.1)
    reference.assert_same_bits(wide[:, :8], whole)
    reference.assert_same_bits(accum, one)
    step = fs.Operator(fs.rules.lamb)
    wide_states, whole_states = ([np.ones((40, 16), np.float32)[:, :8] for _ in range(3)] for _ in range(2))
    whole_states = [each.copy() for each in whole_states]
    for states in (wide_states, whole_states):
        step(*states, grad, **LAMB)
    for got, want in zip(wide_states, whole_states, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-6)


def test_vectors_and_numbers() -> None:
    # LAMB asks for no rows: any rank will do.
    for shape in ((), (1,), (10_000,)):
        states = [np.full(shape, 0.5, np.float64) for _ in range(3)]
        exact = fs.rules.lamb(*(each.copy() for each in states), np.ones(shape), **LAMB)
        fs.Operator(fs.rules.lamb)(*states, np.ones(shape), **LAMB)
        for got, want in zip(states, exact, strict=True):
            np.testing.assert_allclose(got, want, rtol=1e-14)


def to_rows(var: Any, slot: PerRow, grad: Any) -> tuple[Any, Any]:
    return var, slot + grad


def of_scalars(var: Any, grad: Any, *, lr: Any) -> Any:
    return var - row_mean(lr) * grad


def of_columns(var: Any, grad: Any) -> Any:
    return var - row_sum(column_mean(grad))


def of_conditions(var: Any, grad: Any) -> Any:
    return var - row_sum(grad > 0)


REFUSED = {
    "a row's state that differs by element": (to_rows, "returns one value per element for slot"),
    "a sum of scalars": (of_scalars, "row_mean\\(\\) takes a value that varies by element"),
    "a sum of columns by row": (of_columns, "row_sum\\(\\) takes a value that varies by element"),
    "a sum of conditions": (of_conditions, "it is given a condition, expected a number"),
}


@pytest.mark.parametrize("name", list(REFUSED))
def test_rules_that_cannot_be_woven(name: str) -> None:
    rule, why = REFUSED[name]
    with pytest.raises(TypeError, match=rf"^rule {rule.__name__}: .*{why}.*test_rules_with_sums\.py:\d+\)$"):
        fs.Operator(rule)


CALLS: dict[str, tuple[Callable[..., Any], tuple[Any, ...], dict[str, float], str]] = {
    "one number a row": (
        fs.rules.rowwise_adagrad,
        (np.ones((4, 3)), np.ones((4, 3)), np.ones((4, 3))),
        {"lr": 0.1, "epsilon": 0.1},
        r"rowwise_adagrad: accum has shape \(4, 3\), expected \(4,\), one number per row",
    ),
    "no rows": (
        fs.rules.rowwise_adagrad,
        (np.ones(()), np.ones(()), np.ones(())),
        {"lr": 0.1, "epsilon": 0.1},
        r"var has shape \(\), expected two dimensions: the rule works on rows",
    ),
    "rows of rows": (
        fs.rules.rowwise_adagrad,
        (np.ones((4, 3, 2)), np.ones(4), np.ones((4, 3, 2))),
        {"lr": 0.1, "epsilon": 0.1},
        r"var has shape \(4, 3, 2\), expected two dimensions: .* pass var.reshape\(len\(var\), -1\)",
    ),
    "indices": (
        fs.rules.lamb,
        (*(np.ones((4, 3)) for _ in range(3)), np.ones((1, 3)), np.array([1])),
        LAMB,
        r"lamb: indices are given, but the rule reduces over more than a row",
    ),
    "a vector by columns": (
        everything,
        (np.ones(4), np.ones(1), np.ones(4), np.ones(4)),
        {"lr": 0.1},
        r"everything: var has shape \(4,\), expected two dimensions or more",
    ),
    "columns": (
        everything,
        (np.ones((4, 3)), np.ones(4), np.ones(4), np.ones((4, 3))),
        {"lr": 0.1},
        r"everything: by_column has shape \(4,\), expected \(3,\), one number per column",
    ),
    "gaps": (
        everything,
        (np.ones((4, 3)), np.ones(8)[::2], np.ones(3), np.ones((4, 3))),
        {"lr": 0.1},
        r"everything: by_row has gaps",
    ),
}


@pytest.mark.parametrize("name", list(CALLS))
def test_calls_that_do_not_fit(name: str) -> None:
    rule, arrays, scalars, why = CALLS[name]
    before = [each.copy() for each in arrays]
    with pytest.raises(ValueError, match=why):
        fs.Operator(rule)(*arrays, **scalars)
    for array, each in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(array, each)


def test_a_nan_reaches_all_that_it_is_added_to() -> None:
    var, accum, grad = np.ones((3, 4)), np.ones(3), np.ones((3, 4))
    grad[1, 2] = np.nan
    fs.Operator(fs.rules.rowwise_adagrad)(var, accum, grad, lr=0.1, epsilon=0.1)
    assert np.isnan(var).all(axis=1).tolist() == [False, True, False]
    assert np.isnan(accum).tolist() == [False, True, False]
    states = [np.ones((3, 4)) for _ in range(3)]
    fs.Operator(fs.rules.lamb)(*states, grad, **LAMB)
    assert np.isnan(states[0]).all()


def test_nothing_seen_in_a_row() -> None:
    var, accum = np.ones((2, 3), np.float32), np.zeros(2, np.float32)
    fs.Operator(fs.rules.rowwise_adagrad)(var, accum, np.zeros((2, 3), np.float32), lr=0.1, epsilon=0.0)
    assert (var == 1).all()
    assert (accum == 0).all()
    var, accum, linear = (np.full((2, 3), each) for each in (1.0, 0.0, 0.0))
    step = fs.Operator(fs.rules.group_lasso_ftrl)
    step(var, accum, linear, np.zeros((2, 3)), lr=0.1, l1=0.1, l2=0.0, l21=0.1)
    assert (var == 1).all()


def names_of_woven_text(
    total_0: Any, begin: PerRow, lane: PerRow, term: PerRow, grad: Any, *, lanes_0: Any, key: Any
) -> tuple[Any, Any, Any, Any]:
    """Every name that the text around a rule uses as its own, and a local like the name of a sum."""
    reduced = grad * grad * key
    size = row_mean(reduced) + row_sum(reduced / lanes_0)
    reduced_0, new, i, spans, stage = reduced * size, size + 1, begin + 2, lane * 2, term / 2
    return total_0 - reduced_0 / new, i + row_mean(reduced_0), spans + size, stage + row_sum(total_0)


def test_names_are_mistaken_for_nothing() -> None:
    rng = np.random.default_rng(2)
    states = [rng.standard_normal((9, 7)), *(rng.standard_normal((9, 1)) for _ in range(3))]
    grad = rng.standard_normal((9, 7))
    exact = names_of_woven_text(*states, grad, lanes_0=3.0, key=2.0)
    fs.Operator(names_of_woven_text)(*states, grad, lanes_0=3.0, key=2.0)
    for got, want in zip(states, exact, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-13)


def test_memory_beside_the_states() -> None:
    # One buffer for everything: slices that touch are no overlap, whatever the rule adds up.
    buffer = np.linspace(0.1, 1, 400).astype(np.float32)
    states, gradient = [buffer[k * 100 : k * 100 + 100] for k in range(3)], buffer[:100]
    exact = fs.rules.lamb(*(each.astype(FLOAT64) for each in states), gradient.astype(FLOAT64), **LAMB)
    fs.Operator(fs.rules.lamb)(*states, gradient, **LAMB)
    for got, want in zip(states, exact, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-5)


def test_the_first_state_is_the_variable_whatever_the_rule_does_with_it() -> None:
    def counted(var: Any, total: PerRow, grad: Any) -> tuple[Any, Any]:
        return var, total + row_sum(grad)

    def nothing(var: Any, grad: Any) -> Any:
        return var

    var, total = np.ones((3, 2)), np.zeros(3)
    fs.Operator(counted)(var, total, np.full((3, 2), 2.0))
    assert total.tolist() == [4, 4, 4]
    fs.Operator(nothing)(var, np.ones((3, 2)))
    assert (var == 1).all()
    with pytest.raises(ValueError, match="nothing: grad has shape"):
        fs.Operator(nothing)(var, np.ones((2, 2)))


def test_what_is_only_read_may_be_read_only() -> None:
    weight, gradient = np.ones(3, np.float32), np.full((2, 3), 0.5, np.float32).T[:, 0]
    weight.flags.writeable = False
    scaled = fs.ops.LARSUpdate(epsilon=0.0, hyperpara=0.5)(weight, gradient, 4.0, 1.0, 0.0, 0.1)
    assert scaled.tolist() == [0.5, 0.5, 0.5]
    torch = pytest.importorskip("torch")
    weight = torch.ones(3, requires_grad=True)
    square = (weight * weight).sum()
    fs.ops.LARSUpdate()(weight, torch.ones(3), 1.0, 1.0, 0.1, 0.1)
    square.backward()
    assert weight.grad.tolist() == [2, 2, 2]


def test_a_nan_norm_is_not_hidden() -> None:
    assert np.isnan(fs.ops.LambApplyWeightAssign()(np.nan, 0.0, 0.1, np.ones(2), np.ones(2))[0]).all()
    param, row, column = np.ones((2, 2)), np.ones(2), np.ones(2)
    step = fs.ops.FusedAdaFactorWithGlobalNorm()
    step((1e-30, 1e-3), 1.0, 0.9, 0.8, 0.0, 0.1, np.ones((2, 2)), param, None, row, column, None, np.nan)
    assert np.isnan(param).all()
    for rule in (fs.rules.ftrl, fs.rules.ftrl_proximal):
        var, accum, linear = np.ones(2), np.zeros(2), np.array([np.nan, 0.0])
        fs.Operator(rule)(var, accum, linear, np.zeros(2), lr=0.1, l1=0.1, l2=0.0)
        assert np.isnan(var).tolist() == [True, False]
