"""Clipping by norms gives MindSpore's own numbers (where MindSpore is installed)."""

import warnings
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from fusedstep.mindspore import Tensor, ops

CALLS: list[tuple[str, tuple[Any, ...]]] = [
    *(("clip_by_global_norm", (limit,)) for limit in (0.5, 1, 1000.0)),
    *(("clip_by_norm", (limit,)) for limit in (0, 0.5, 1, 1000.0)),
    *(("clip_by_norm", (0.5, order)) for order in (2, 4.0, float("inf"))),
]


@pytest.fixture(scope="module")
def real() -> Iterator[ModuleType]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield pytest.importorskip("mindspore")


@pytest.mark.parametrize(("name", "arguments"), CALLS)
@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_numbers_are_mindspores(name: str, arguments: tuple[Any, ...], kind: Any, real: ModuleType) -> None:
    random = np.random.default_rng(0)
    arrays = [random.normal(size=shape).astype(kind) for shape in ((3, 4), (5,), (2, 2, 2))]
    expected = getattr(real.ops, name)([real.Tensor(each) for each in arrays], *arguments)
    found = getattr(ops, name)([Tensor(each) for each in arrays], *arguments)
    for one, other in zip(found, expected, strict=True):
        assert one.asnumpy().dtype == other.asnumpy().dtype
        np.testing.assert_allclose(one.asnumpy(), other.asnumpy(), rtol=2e-3 if kind is np.float16 else 1e-6)
