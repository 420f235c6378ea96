"""Reductions as objects, beside NumPy's functions."""

from typing import Any

import numpy as np
import pytest

import fusedstep.mindspore as ms
from fusedstep.mindspore import Tensor, ops
from fusedstep.mindspore.ops.reduction_primitives import CLASSES

ARRAY = np.arange(1, 25, dtype=np.float32).reshape(2, 3, 4)


@pytest.mark.parametrize("axis", [(), [], 0, -1, (0, 2), [1, -1], (0, 1, 2)])
@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("name", CLASSES)
def test_a_reduction_is_numpys(name: str, keep: bool, axis: Any) -> None:
    operator = getattr(ops, name)(keep_dims=keep)
    named = tuple(axis) or None if isinstance(axis, tuple | list) else axis
    expected = getattr(np, name.removeprefix("Reduce").lower())(ARRAY / 8, axis=named, keepdims=keep)
    found = operator(Tensor(ARRAY / 8), axis)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found.asnumpy(), expected, rtol=1e-6)


@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.parametrize("type_", ["float16", "float64", "int32"])
def test_a_result_has_the_type_of_its_argument(name: str, type_: str) -> None:
    found = getattr(ops.operations, name)()(Tensor(np.full((2, 2), 2)).astype(type_))
    assert (found.dtype, found.shape) == (getattr(ms, type_), ())


def test_keep_dims_is_a_bool() -> None:
    with pytest.raises(TypeError, match=r"^ReduceSum: keep_dims is 1, expected True or False"):
        ops.ReduceSum(1)
    assert repr(ops.ReduceSum()) == "Prim[ReduceSum]"
