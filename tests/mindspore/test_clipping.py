"""Clipping by norms gives the numbers of MindSpore 2.10."""

from typing import Any

import numpy as np
import pytest

from fusedstep.mindspore import Parameter, Tensor, float16, float32, float64, ops

FIRST, SECOND = [[2.0, 3.0], [1.0, 2.0]], [[1.0, 4.0], [3.0, 1.0]]
hexes = float.fromhex


def pair() -> tuple[Tensor, Tensor]:
    return Tensor(FIRST, float32), Tensor(SECOND, float32)


def numbers(tensors: Any) -> list[float]:
    return [float(each) for tensor in tensors for each in tensor.asnumpy().ravel()]


# What MindSpore 2.10 computes on the CPU, to the last bit.
GLOBAL = (
    "0x1.314c3ep-2 0x1.c9f25cp-2 0x1.314c3ep-3 0x1.314c3ep-2 0x1.314c3ep-3 0x1.314c3ep-1 0x1.c9f25cp-2 0x1.314c3ep-3"
)
NORM = "0x1.314c3cp-2 0x1.c9f25ap-2 0x1.314c3cp-3 0x1.314c3cp-2 0x1.314c3cp-3 0x1.314c3cp-1 0x1.c9f25ap-2 0x1.314c3cp-3"
ORDER_1 = (
    "0x1.e1e1dep-4 0x1.696966p-3 0x1.e1e1dep-5 0x1.e1e1dep-4 0x1.e1e1dep-5 0x1.e1e1dep-3 0x1.696966p-3 0x1.e1e1dep-5"
)
ORDER_3 = (
    "0x1.8d4608p-2 0x1.29f486p-1 0x1.8d4608p-3 0x1.8d4608p-2 0x1.8d4608p-3 0x1.8d4608p-1 0x1.29f486p-1 0x1.8d4608p-3"
)
LARGEST = (
    "0x1.fffff8p-2 0x1.7ffffap-1 0x1.fffff8p-3 0x1.fffff8p-2 0x1.fffff8p-3 0x1.fffff8p-1 0x1.7ffffap-1 0x1.fffff8p-3"
)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (lambda: ops.clip_by_global_norm(pair(), 1.0), GLOBAL),
        (lambda: ops.composite.clip_by_global_norm(list(pair()), 1), GLOBAL),
        (lambda: ops.functional.clip_by_global_norm(pair(), Tensor(1.0)), GLOBAL),
        (lambda: ops.clip_by_norm(pair(), 1.0), NORM),
        (lambda: ops.functional.clip_by_norm(list(pair()), 1), NORM),
        (lambda: ops.clip_by_norm(pair(), 1.0, 1.0), ORDER_1),
        (lambda: ops.clip_by_norm(pair(), 1.0, norm_type=3), ORDER_3),
        (lambda: ops.clip_by_norm(pair(), 1.0, float("inf")), LARGEST),
    ],
)
def test_numbers_are_mindspores(found: Any, expected: str) -> None:
    result = found()
    assert type(result) is tuple
    np.testing.assert_allclose(numbers(result), [hexes(each) for each in expected.split()], rtol=2e-7)
    assert {each.dtype for each in result} == {float32}


def test_one_tensor_gives_one() -> None:
    expected = [hexes(each) for each in ["0x1.e2b7d8p-2", "0x1.6a09e2p-1", "0x1.e2b7d8p-3", "0x1.e2b7d8p-2"]]
    np.testing.assert_allclose(numbers([ops.clip_by_norm(pair()[0], 1)]), expected, rtol=2e-7)
    assert ops.clip_by_global_norm(pair()[0], 1.0).shape == (2, 2)


def test_what_is_within_the_limit_stays() -> None:
    tensors = pair()
    assert numbers(ops.clip_by_global_norm(tensors, 100.0)) == numbers(tensors)
    assert ops.clip_by_norm(tensors, 100.0) is tensors
    assert ops.clip_by_norm(tensors[0], 100.0) is tensors[0]
    zeros = Tensor([0.0, 0.0])
    assert numbers(ops.clip_by_global_norm([zeros])) == numbers([ops.clip_by_norm(zeros, 0.5)]) == [0.0, 0.0]


def test_arguments_are_not_changed() -> None:
    weight = Parameter(Tensor([3.0, 4.0]), name="weight")
    (clipped,) = ops.clip_by_global_norm((weight,), 1.0)
    assert type(clipped) is Tensor
    ops.clip_by_norm(weight, 1.0)
    assert weight.tolist() == [3.0, 4.0]


@pytest.mark.parametrize("kind", [float16, float64])
def test_types_stay(kind: Any) -> None:
    tensors = (Tensor([2.0, 3.0], kind), Tensor([1.0, 2.0], float32))
    for result in (ops.clip_by_global_norm(tensors, 1.0), ops.clip_by_norm(tensors, 1.0)):
        assert [each.dtype for each in result] == [kind, float32]
        np.testing.assert_allclose(numbers(result), np.array([2, 3, 1, 2]) / np.sqrt(18), rtol=1e-3)


def test_squares_of_16_bits_do_not_overflow() -> None:
    large = Tensor([300.0, 400.0], float16)
    for result in (ops.clip_by_global_norm([large], 5.0)[0], ops.clip_by_norm(large, 5.0)):
        np.testing.assert_allclose(result.asnumpy(), [3, 4], rtol=1e-3)


def test_norms_that_are_not_finite() -> None:
    wrong, right = Tensor([float("nan"), 3.0]), Tensor([2.0])
    assert numbers(ops.clip_by_global_norm((wrong, right), 1.0))[1:] == [3.0, 2.0]
    assert ops.clip_by_norm(wrong, 1.0) is wrong
    infinite = Tensor([float("inf"), 3.0])
    np.testing.assert_array_equal(numbers(ops.clip_by_global_norm((infinite, right), 1.0)), [np.nan, 0, 0])
    np.testing.assert_array_equal(numbers([ops.clip_by_norm(infinite, 1.0)]), [np.nan, 0])
    for each in (wrong, infinite):
        with pytest.raises(RuntimeError, match="expected a finite one"):
            ops.clip_by_norm(each, 1.0, error_if_nonfinite=True)


def test_the_norm_is_that_of_absolute_values() -> None:
    expected = np.array([-2.0, 1.0]) / 9 ** (1 / 3)
    np.testing.assert_allclose(ops.clip_by_norm(Tensor([-2.0, 1.0]), 1.0, 3).asnumpy(), expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("call", "kind", "reason"),
    [
        (lambda: ops.clip_by_global_norm(pair(), 0.0), ValueError, "clip_norm is 0.0"),
        (lambda: ops.clip_by_global_norm(pair(), float("nan")), ValueError, "clip_norm is nan"),
        (lambda: ops.clip_by_global_norm(pair(), "1"), TypeError, "clip_norm is '1'"),
        (lambda: ops.clip_by_global_norm(pair(), 1.0, 2.0), ValueError, "use_norm is 2.0"),
        (lambda: ops.clip_by_global_norm((), 1.0), ValueError, "x is empty"),
        (lambda: ops.clip_by_global_norm((pair(), pair()), 1.0), TypeError, r"x\[0\] is of type tuple"),
        (lambda: ops.clip_by_norm(pair(), -1), ValueError, "max_norm is -1.0"),
        (lambda: ops.clip_by_norm(pair(), 1.0, 0), ValueError, "norm_type is 0.0"),
        (lambda: ops.clip_by_norm([], 1.0), ValueError, "x is empty"),
        (lambda: ops.clip_by_norm(3.0, 1.0), TypeError, "x is of type float"),
    ],
)
def test_what_makes_no_sense_is_refused(call: Any, kind: type, reason: str) -> None:
    with pytest.raises(kind, match=reason):
        call()
