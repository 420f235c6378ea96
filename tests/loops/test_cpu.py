"""Loops for the CPU do the same when Python runs them."""

from typing import Any

import numpy as np
import pytest

import fusedstep as fs
from fusedstep.loops.cpu import catch_up_row as waking
from fusedstep.loops.cpu import (
    loop_named,
    memory,
)
from fusedstep.runtime.cpu import loops
from fusedstep.storage import STORAGES
from fusedstep.words import (
    PerColumn,
    PerRow,
    abs,
    column_max,
    column_mean,
    row_mean,
    row_sum,
    sqrt,
    tensor_max,
    tensor_sum,
)
from tests import reference

SCALARS = {"lr": 0.1, "beta": 0.75}


def momentum(var: Any, mean: Any, grad: Any, *, lr: Any, beta: Any) -> tuple[Any, Any]:
    mean = beta * mean + (1 - beta) * grad
    return var - lr * mean, mean


def rule_of_rows(var: Any, slot: PerRow, grad: Any, *, lr: Any) -> tuple[Any, Any]:
    slot = slot + row_mean(grad * grad)
    return var - lr * grad / sqrt(slot), slot


def rule_of_columns(var: Any, slot: PerColumn, grad: Any, *, lr: Any) -> tuple[Any, Any]:
    slot = slot + column_mean(grad * grad) + column_max(abs(grad))
    size = tensor_max(abs(var)) + tensor_sum(row_sum(grad) * 0.5)
    return var - lr * grad / sqrt(slot + size), slot


@pytest.fixture
def loops_by_python(monkeypatch: pytest.MonkeyPatch) -> None:
    """All loops as Python; span functions stay machine code."""
    monkeypatch.setattr(loops, "loop", loop_named)


@pytest.mark.parametrize("indices", [None, [0, 0, 2, 3, 3], [4, 1, 4, 0, 1, 4], list(range(9, -1, -1)) * 3], ids=str)
@pytest.mark.parametrize("rows", ["touched", "every"])
@pytest.mark.parametrize("dtype", reference.DTYPES)
@pytest.mark.parametrize("row_stride", [3, 5], ids=["without gaps", "with gaps"])
@pytest.mark.parametrize("size", ["tiny", "split"])
def test_loops_do_the_same_by_python(
    indices: list[int] | None, rows: str, dtype: str, row_stride: int, size: str, request: pytest.FixtureRequest
) -> None:
    if size == "split":
        request.getfixturevalue("split_small")
    kind, random = reference.DTYPES[dtype], np.random.default_rng(3)
    start = [random.standard_normal((40, row_stride)).astype(kind) for _ in range(2)]
    grad = random.standard_normal((40 if indices is None else len(indices), 3)).astype(kind)
    named = None if indices is None else np.array(indices)

    def stepped() -> list[np.ndarray]:
        tables = [each.copy() for each in start]
        fs.Operator(momentum)(*(each[:, :3] for each in tables), grad, named, rows=rows, **SCALARS)
        return tables

    compiled = stepped()
    request.getfixturevalue("loops_by_python")
    for got, want in zip(stepped(), compiled, strict=True):
        reference.assert_same_bits(got, want)


@pytest.mark.parametrize("named", [{}, {"indices": [4, 1, 4, 0]}, {"indices": [4, 1, 4, 0], "rows": "every"}], ids=str)
@pytest.mark.parametrize("dtype", reference.DTYPES)
@pytest.mark.parametrize("rule", [rule_of_rows, rule_of_columns])
def test_loops_of_rules_that_add_up_do_the_same_by_python(
    rule: Any, named: dict[str, Any], dtype: str, request: pytest.FixtureRequest
) -> None:
    if rule is rule_of_columns and named:
        pytest.skip("takes no indices")
    kind, random = reference.DTYPES[dtype], np.random.default_rng(3)
    start = [random.standard_normal(shape).astype(kind) for shape in ((2, 9, 40), (2, 1, 40) if not named else (2,))]
    if rule is rule_of_rows:
        start = [random.standard_normal(shape).astype(kind) for shape in ((7, 40), (7,))]
    grad = random.standard_normal((4, 40) if named else start[0].shape).astype(kind)

    def stepped() -> list[np.ndarray]:
        tables = [each.copy() for each in start]
        known = {**named, "indices": np.array(named["indices"])} if named else {}
        rounding = "stochastic" if STORAGES[dtype].stochastic else "nearest"
        fs.Operator(rule, rounding=rounding)(*tables, grad, step=3, lr=0.5, **known)
        return tables

    compiled = stepped()
    request.getfixturevalue("loops_by_python")
    for got, want in zip(stepped(), compiled, strict=True):
        reference.assert_same_bits(got, want)


@pytest.mark.parametrize("method", ["series", "replay"])
@pytest.mark.parametrize("dtype", reference.DTYPES)
@pytest.mark.parametrize("row_stride", [3, 5], ids=["without gaps", "with gaps"])
def test_loops_over_deferred_rows_do_the_same_by_python(
    method: str, dtype: str, row_stride: int, request: pytest.FixtureRequest
) -> None:
    kind, random = reference.DTYPES[dtype], np.random.default_rng(3)
    start = [np.abs(random.standard_normal((200, row_stride)) * 10.0 ** -(4 * k)).astype(kind) for k in range(3)]
    # Betas of which no step counts for long: some rows sleep for more than a window, and are served no closed form.
    scalars = {"beta1": 0.1, "beta2": 0.9, "epsilon": 1e-3, "beta1_power": 0.1, "beta2_power": 0.9}
    named = [random.integers(0, 190, 40) for _ in range(40)]
    grads = [random.standard_normal((40, 3)).astype(kind) for _ in named]

    def stepped() -> list[np.ndarray]:
        tables = [each.copy() for each in start]
        rows = fs.DeferredRows(fs.rules.adam, *(each[:, :3] for each in tables), method=method)
        for number, (grad, indices) in enumerate(zip(grads, named, strict=True)):
            rows.step(grad, indices, lr=0.1 / (number + 1), **scalars)
            rows.catch_up(np.arange(number, 190, 40))
        rows.flush()
        return tables

    compiled = stepped()
    request.getfixturevalue("loops_by_python")
    for got, want in zip(stepped(), compiled, strict=True):
        reference.assert_same_bits(got, want)


def test_python_runs_the_loops_over_deferred_rows(loops_by_python: None, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[tuple[int, int, int]] = []

    def take(function: int, block: int, row: int, kept: int, moved: int, checked: int) -> int:
        taken.append((kept, moved, checked))
        return memory.take_closed_form(function, block, row, kept, moved, checked)

    monkeypatch.setattr(waking, "take_closed_form", take)
    states = [np.full((20, 3), value) for value in (1.0, 1.0, 0.0)]
    rows = fs.DeferredRows(fs.rules.adam, *states)
    scalars = {"lr": 0.1, "beta1": 0.1, "beta2": 0.9, "epsilon": 0.0, "beta1_power": 0.1, "beta2_power": 0.9}
    for _ in range(60):
        rows.step(np.ones((1, 3)), np.array([0]), **scalars)
    rows.flush()
    # Where the root of v is 0 and epsilon too, no series serves: a window of steps, then the totals of no steps.
    window = rows._history.window
    assert window < 60
    assert taken == [(0, 0, 1), (window, 60, 0)] * 19
