"""Rules that add up rows, columns or the whole tensor, on a device, as in ``test_rules_with_sums``.

On a device sums run in the compute type, so that in float32 results are further from float64's, and float64's power is
the exponential of a product: eight times what is allowed on the CPU.
"""

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import fusedstep as fs
from fusedstep.arrays import torch_device
from fusedstep.runtime.gpu import whole_tensor
from tests import reference
from tests.devices import INTERPRETED, LONG_INTERPRETED, on_device, on_host
from tests.rules import test_rules_with_sums
from tests.rules.test_rules_with_sums import (
    FLOAT64,
    MATRICES,
    MIXTURES,
    ROWS,
    SHAPES,
    Row,
    assert_near,
    expected,
    inputs,
)

pytestmark = pytest.mark.gpu

FURTHER = 8
# Wider than a tile, and longer than the rows in which what is no table is gone through.
WIDE = [(3, 1100), (600, 9)]


@pytest.fixture(autouse=True)
def nan_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is allocated holds NaN until it is written."""
    empty = torch_device.empty

    def nan(shape: tuple[int, ...], dtype: str, like: Any) -> Any:
        made = empty(shape, dtype, like)
        return made.fill_(float("nan")) if made.is_floating_point() else made

    monkeypatch.setattr(torch_device, "empty", nan)


@pytest.fixture
def shared_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small tensors are shared out among a few programs, each of which has several tiles, or several matrices."""
    for name, value in {"ELEMENTS": 1, "PROGRAMS": 8, "PROGRAMS_OF_COLUMNS": 4, "BYTES_OF_COLUMNS": 256}.items():
        monkeypatch.setattr(whole_tensor, name, value)
    monkeypatch.setattr(whole_tensor, "BLOCKS", 2)
    small = property(lambda call: whole_tensor.tiles_for(call.width, 4, 64))
    monkeypatch.setattr(whole_tensor.KernelCall, "tiles", small)


def run(row: Row, states: list[np.ndarray | None], grad: np.ndarray, *arrays: np.ndarray, **options: Any) -> list[Any]:
    """The states after a step on the device."""
    given = [None if each is None else on_device(each) for each in states]
    operator = fs.Operator(row.rule, **row.switches)
    operator(*given, on_device(grad), *map(on_device, arrays), **options, **row.scalars)
    return [
        None if each is None else on_host(each, grad_like.dtype) for each, grad_like in zip(given, states, strict=True)
    ]


def shapes() -> Iterator[Any]:
    """Every rule in small shapes and in wide ones, which the interpreter sees with one rule of each kind of sum."""
    wide = {fs.rules.rowwise_adagrad, fs.rules.lamb, ROWS[-2].rule}
    for number, row in enumerate(ROWS):
        yield pytest.param(row, SHAPES, id=f"{row.name}-{number}")
        wanted = fs.Operator(row.rule, **row.switches).array_spec
        if wanted.matrices or not ("row" in wanted.kinds or wanted.rows):
            yield pytest.param(row, MATRICES, id=f"{row.name}-matrices-{number}")
        marks = () if row.rule in wide and row is not ROWS[-1] else LONG_INTERPRETED
        yield pytest.param(row, WIDE, id=f"{row.name}-wide-{number}", marks=marks)


@pytest.mark.parametrize(("row", "shapes"), list(shapes()))
def test_float64(row: Row, shapes: list[tuple[int, ...]], device: str) -> None:
    operator = fs.Operator(row.rule, **row.switches)
    for shape in shapes:
        states, grad = inputs(row, shape, (FLOAT64, FLOAT64))
        exact = expected(row, states, grad) if grad.size else states
        got = run(row, states, grad)
        # The interpreter goes through tiles in one order.
        again = run(row, states, grad) if not INTERPRETED or shape == SHAPES[0] else got
        for name, before, want, each, other in zip(operator.signature.states, states, exact, got, again, strict=True):
            if before is not None and want is not None:
                ulps = row.ulps * (FURTHER if "lr_power" in row.scalars else 1)
                assert_near(each, want, before, ulps, f"{name} {shape}")
                reference.assert_same_bits(other, each, f"{name} {shape}, again")


# Of fewer matrices than programs, and more; of one row block and several.
SHARED = [(70, 18), (9, 5), (3, 2, 33), (9, 3, 5)]


def split() -> Iterator[Any]:
    """Every rule with sums beyond a row; the interpreter sees those that have all kinds of sums or maxima, and LAMB."""
    for number, row in enumerate(ROWS):
        if not row.sparse:
            marks = () if row.rule in (fs.rules.lamb, *(each.rule for each in ROWS[-3:])) else LONG_INTERPRETED
            yield pytest.param(row, id=f"{row.name}-{number}", marks=marks)


@pytest.mark.parametrize("row", list(split()))
@pytest.mark.usefixtures("shared_out")
def test_tensors_that_are_shared_out(row: Row, device: str) -> None:
    wanted = fs.Operator(row.rule, **row.switches).array_spec
    by_rows = not wanted.matrices and ("row" in wanted.kinds or wanted.rows)
    for shape in SHARED[: 2 if by_rows else None]:
        states, grad = inputs(row, shape, (FLOAT64, FLOAT64))
        got = run(row, states, grad)
        for before, each, want in zip(states, got, expected(row, states, grad), strict=True):
            if before is not None:
                ulps = row.ulps * (FURTHER if "lr_power" in row.scalars else 1)
                assert_near(each, want, before, ulps, f"{shape}")


def stored() -> Iterator[Any]:
    """Every rule in every mixture of types; the interpreter sees one rule in all of them, and the others in one."""
    for row, types in itertools.product(ROWS, MIXTURES):
        marks = () if types == MIXTURES[0] or row is ROWS[-2] else LONG_INTERPRETED
        yield pytest.param(row, types, id="-".join([row.name, *types, str(ROWS.index(row))]), marks=marks)


@pytest.mark.parametrize(("row", "types"), list(stored()))
def test_storage(row: Row, types: tuple[str, str], device: str) -> None:
    states, grad = inputs(row, (37, 5), (reference.DTYPES[types[0]], reference.DTYPES[types[1]]))
    exact = expected(row, states, grad)
    for before, got, want in zip(states, run(row, states, grad), exact, strict=True):
        if before is not None:
            assert_near(got, want, before, FURTHER * row.ulps, f"{row.name} {types}")


def by_rows() -> Iterator[Any]:
    """Rules whose rows can step alone, in some types; those that ``test_rules_with_sums`` takes in each run."""
    for each in test_rules_with_sums.by_rows():
        yield pytest.param(*each.values, id=each.id, marks=LONG_INTERPRETED if each.marks else ())


@pytest.mark.parametrize(("row", "rows", "types"), list(by_rows()))
def test_sparse(row: Row, rows: str, types: tuple[str, str], device: str) -> None:
    dtypes = (reference.DTYPES[types[0]], reference.DTYPES[types[1]])
    states, _ = inputs(row, (37, 5), dtypes)
    rng = np.random.default_rng(8)
    grad, indices = rng.standard_normal((29, 5)).astype(dtypes[0]), rng.integers(0, 37, 29)
    indices[:5] = 9
    merged = np.zeros((37, 5))
    for index, total in reference.summed(grad, indices, reference.compute_type(np.empty(0, dtypes[0]))).items():
        merged[index] = total
    exact = expected(row, states, merged)
    named = np.isin(np.arange(37), indices) | (rows == "every")
    got = run(row, states, grad, indices, rows=rows)
    for name, before, each, want in zip(fs.Operator(row.rule).signature.states, states, got, exact, strict=True):
        if before is not None:
            further = 1 if types[0] == "float64" else FURTHER
            assert_near(each[named], want[named], before[named], further * row.ulps, name)
            reference.assert_same_bits(each[~named], before[~named], f"{name} of rows that are not named")
