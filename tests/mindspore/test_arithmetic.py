"""Tensors calculate as MindSpore's: types of results, and what does not go together."""

import numpy as np
import pytest

import fusedstep.mindspore as ms
from fusedstep.mindspore import Parameter, Tensor
from tests.mindspore.tensor_facts import ARITHMETIC, FUNCTIONS, REDUCTIONS, SHAPING, answer

TYPES = ("bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64")


@pytest.mark.parametrize("expression", [*ARITHMETIC, *FUNCTIONS, *REDUCTIONS, *SHAPING])
def test_the_result_is_mindspores(expression: str) -> None:
    expected = ARITHMETIC | FUNCTIONS | REDUCTIONS | SHAPING
    assert answer(expression, ms) == expected[expression]


@pytest.mark.parametrize("left", TYPES)
@pytest.mark.parametrize("right", TYPES)
def test_the_higher_type_wins(left: str, right: str) -> None:
    # MindSpore's table: floats above integers above bool; uint8 beside int8 is int16.
    floats = [each for each in (left, right) if each.startswith("float")]
    expected = max(floats, key=TYPES.index) if floats else np.result_type(left, right).name
    one, two = Tensor([1, 1]).astype(left), Tensor([1, 1]).astype(right)
    assert (one + two).dtype.name == (two * one).dtype.name == expected
    assert (one / two).dtype.name == (expected if floats else "float32")
    assert (one < two).dtype is ms.bool_


def test_a_number_in_double_precision_is_not_rounded_to_single() -> None:
    # MindSpore computes with float32(0.1).
    assert (Tensor([1.0], ms.float64) * 0.1).item() == 0.1


def test_a_statement_in_place_makes_a_new_tensor() -> None:
    tensor = kept = Tensor([1, 2])
    tensor += 0.5
    assert (tensor.tolist(), kept.tolist()) == ([1.5, 2.5], [1, 2])
    parameter = Parameter([1.0], name="var")
    for made in (
        parameter + 1,
        -parameter,
        parameter[0],
        parameter.sum(),
        parameter.reshape(1),
        parameter.astype("int32"),
    ):
        assert type(made) is Tensor
    parameter.sum()[...] = 5
    assert parameter.tolist() == [1.0]


@pytest.mark.parametrize("other", [1j, "a", None, [1, 2], {1}, np.ones(2)])
@pytest.mark.parametrize("symbol", ["+", "-", "*", "/", "//", "%", "**", "<", "&"])
def test_what_does_not_calculate_with_tensors(other: object, symbol: str) -> None:
    with pytest.raises(TypeError):
        eval(f"tensor {symbol} other", {"tensor": Tensor([1, 2]), "other": other})  # noqa: S307


def test_errors_name_the_operation() -> None:
    with pytest.raises(TypeError, match="bitwise_and does not support float32"):
        Tensor([1.0]) & Tensor([2.0])
    with pytest.raises(ValueError, match=r"add of shapes \(2,\) and \(3,\)"):
        Tensor([1.0, 2.0]) + Tensor([1.0, 2.0, 3.0])
    with pytest.raises(TypeError, match="negative does not support bool"):
        -Tensor([True])


def test_tensors_are_keys_by_themselves() -> None:
    one, two = Tensor([1.0]), Tensor([1.0])
    assert {one: 1, two: 2}[two] == 2
