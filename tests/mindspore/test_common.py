"""Tensors, parameters, cells and the context look and behave as MindSpore's."""

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import fusedstep.mindspore as ms
from fusedstep.mindspore import Parameter, Tensor, nn

REPRS: dict[str, tuple[Callable[[], Any], str]] = {
    "float": (lambda: Tensor(1.0), "Tensor(shape=[], dtype=Float32, value= 1)"),
    "int": (lambda: Tensor(-5), "Tensor(shape=[], dtype=Int64, value= -5)"),
    "bool": (lambda: Tensor(True), "Tensor(shape=[], dtype=Bool, value= True)"),
    "six digits": (
        lambda: Tensor(1234567.0, ms.float64),
        "Tensor(shape=[], dtype=Float64, value= 1.23457e+06)",
    ),
    "small": (lambda: Tensor(1e-8, ms.float32), "Tensor(shape=[], dtype=Float32, value= 1e-08)"),
    "half": (lambda: Tensor(0.1, ms.float16), "Tensor(shape=[], dtype=Float16, value= 0.0999756)"),
    "one dimension": (
        lambda: Tensor([1.5, -2]),
        "Tensor(shape=[2], dtype=Float32, value= [ 1.50000000e+00, -2.00000000e+00])",
    ),
    "not finite": (
        lambda: Tensor([np.nan, np.inf, -np.inf, -np.nan], ms.float16),
        "Tensor(shape=[4], dtype=Float16, value= [        nan,         inf,        -inf,        -nan])",
    ),
    "three digits of exponent": (
        lambda: Tensor(np.array([1e300, -1e-300])),
        "Tensor(shape=[2], dtype=Float64, value= [1.00000000e+300, -1.00000000e-300])",
    ),
    "integers": (
        lambda: Tensor([[1, -22], [333, 4]], ms.int32),
        "Tensor(shape=[2, 2], dtype=Int32, value=\n[[  1, -22],\n [333,   4]])",
    ),
    "bools": (lambda: Tensor([True, True]), "Tensor(shape=[2], dtype=Bool, value= [ True,  True])"),
    "three dimensions": (
        lambda: Tensor(np.arange(8, dtype=np.float16).reshape(2, 2, 2)),
        "Tensor(shape=[2, 2, 2], dtype=Float16, value=\n"
        "[[[ 0.0000e+00,  1.0000e+00],\n  [ 2.0000e+00,  3.0000e+00]],\n"
        " [[ 4.0000e+00,  5.0000e+00],\n  [ 6.0000e+00,  7.0000e+00]]])",
    ),
    "empty": (lambda: Tensor([]), "Tensor(shape=[0], dtype=Float32, value= )"),
    "empty rows": (lambda: Tensor(np.zeros((3, 0))), "Tensor(shape=[3, 0], dtype=Float64, value=\n)"),
    "a full line": (
        lambda: Tensor(np.arange(24, dtype=np.int8)),
        "Tensor(shape=[24], dtype=Int8, value= [" + ", ".join(f"{i:2}" for i in range(24)) + "\n ])",
    ),
    "more than a line": (
        lambda: Tensor(np.arange(13) > 5),
        "Tensor(shape=[13], dtype=Bool, value= [" + "False, " * 6 + " True, " * 6 + "\n  True])",
    ),
    "long": (
        lambda: Tensor(np.arange(1001)),
        "Tensor(shape=[1001], dtype=Int64, value= [   0,    1,    2 ...  998,  999, 1000])",
    ),
    "long rows": (
        lambda: Tensor(np.arange(49, dtype=np.uint8).reshape(7, 7)),
        "Tensor(shape=[7, 7], dtype=UInt8, value=\n"
        "[[ 0,  1,  2 ...  4,  5,  6],\n [ 7,  8,  9 ... 11, 12, 13],\n [14, 15, 16 ... 18, 19, 20],\n ...\n"
        " [28, 29, 30 ... 32, 33, 34],\n [35, 36, 37 ... 39, 40, 41],\n [42, 43, 44 ... 46, 47, 48]])",
    ),
    "parameter": (
        lambda: Parameter(np.ones((3, 1, 2), np.float32), name="var"),
        "Parameter (name=var, shape=(3, 1, 2), dtype=Float32, requires_grad=True)",
    ),
    "parameter of an int": (
        lambda: Parameter(1, "step", False),
        "Parameter (name=step, shape=(), dtype=Int32, requires_grad=False)",
    ),
}


@pytest.mark.parametrize("name", REPRS)
def test_tensors_look_as_in_mindspore(name: str) -> None:
    make, expected = REPRS[name]
    assert repr(make()) == expected


def test_a_printed_tensor_is_a_printed_array_and_a_printed_parameter_is_its_repr() -> None:
    assert str(Tensor([[1.0, 2.5]])) == "[[1.  2.5]]"
    assert str(Tensor(1.5)) == "1.5"
    parameter = Parameter([1.0], name="w")
    assert str(parameter) == repr(parameter)


def test_element_types_bear_mindspores_names() -> None:
    from fusedstep.mindspore.common import dtype as mstype

    assert ms.dtype is mstype
    assert ms.float32 is mstype.float32
    assert [repr(each) for each in (ms.bool_, ms.uint8, ms.float16)] == [
        "mindspore.bool",
        "mindspore.uint8",
        "mindspore.float16",
    ]
    assert [str(each) for each in (ms.bool_, ms.uint8, ms.int64, ms.float64)] == ["Bool", "UInt8", "Int64", "Float64"]
    assert ms.float32 in (ms.float16, ms.float32)
    assert ms.float32 != np.float32
    assert ms.dtype_to_nptype(ms.int8) is np.int8


def test_bfloat16() -> None:
    pytest.importorskip("ml_dtypes")
    tensor = Tensor([0.1, 1], ms.bfloat16)
    assert repr(tensor) == "Tensor(shape=[2], dtype=BFloat16, value= [0.100098,        1])"
    assert Tensor(0.1, ms.bfloat16).item() == 0.10009765625
    assert np.asarray(tensor).dtype == ms.bfloat16.numpy
    assert tensor.astype("float32").dtype is ms.float32


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (1, "int64"),
        (1.0, "float32"),
        (True, "bool"),
        ([1, 2], "int64"),
        ([True, 2], "int64"),
        ([1, 2.0], "float32"),
        ((1.0, 2.0), "float32"),
        ([], "float32"),
        ([True], "bool"),
        ([np.float64(1)], "float32"),
        ([np.float16(1)], "float16"),
        ([np.int32(1)], "int64"),
        ([2**63], "uint64"),
        (np.float64(1), "float64"),
        (np.int32(1), "int32"),
        (np.ones(2), "float64"),
        (np.ones(2, np.uint8), "uint8"),
        ([Tensor(1.0), Tensor(2.0)], "float32"),
    ],
)
def test_default_types(data: Any, expected: str) -> None:
    assert Tensor(data).dtype.name == expected


def test_a_float64_tensor_of_a_number_is_the_number() -> None:
    assert Tensor(0.1, ms.float64).item() == 0.1
    assert Tensor([0.1], ms.float64).asnumpy()[0] == 0.1


@pytest.mark.parametrize(
    "data", [None, "a", {1}, range(3), [None], ["a"], [[1, 2], [3]], 1j, 2**70, np.array(["a"]), np.ones(2, ">f4")]
)
def test_what_no_tensor_is_made_of(data: Any) -> None:
    with pytest.raises(TypeError, match="Tensor"):
        Tensor(data)


def test_no_element_type() -> None:
    for wrong in (None, "foo", 3):
        with pytest.raises(TypeError, match="not an element type"):
            Tensor(1.0).astype(wrong)


def test_whose_memory_it_is() -> None:
    array = np.ones(2, np.float32)
    tensor = Tensor(array)
    tensor.asnumpy()[0] = 2
    assert array.tolist() == [1, 1]
    assert tensor.asnumpy().tolist() == [2, 1]
    Tensor(tensor).asnumpy()[1] = 3
    np.asarray(tensor)[0] = 4
    tensor.astype(ms.float32).asnumpy()[0] += 1
    assert tensor.asnumpy().tolist() == [5, 3]
    parameter = Parameter(tensor, name="p")
    parameter.asnumpy()[:] = 0
    Parameter(parameter, name="q").asnumpy()[:] = 9
    Tensor(tensor, ms.float16).asnumpy()[:] = 9
    copy.deepcopy(tensor).asnumpy()[:] = 9
    assert tensor.asnumpy().tolist() == [5, 3]
    assert parameter.asnumpy().tolist() == [0, 0]


def test_attributes() -> None:
    tensor = Tensor(np.ones((2, 3), np.float16))
    assert (tensor.shape, tensor.ndim, tensor.size, len(tensor), tensor.dtype) == ((2, 3), 2, 6, 2, ms.float16)
    assert (Tensor([1.5]).item(), float(Tensor(1.5)), int(Tensor([1.5])), bool(Tensor(0))) == (1.5, 1.5, 1, False)
    assert type(Tensor(1).item()) is int
    assert np.array(tensor, np.float64).dtype == np.float64
    assert repr(pickle.loads(pickle.dumps(tensor))) == repr(tensor)  # noqa: S301
    assert ms.tensor([1, 2], ms.int32).dtype is ms.int32
    for convert in (bool, int, float, Tensor.item):
        with pytest.raises(ValueError, match="6 elements"):
            convert(tensor)
    with pytest.raises(TypeError, match="no dimension"):
        len(Tensor(1.0))


def test_parameters() -> None:
    assert isinstance(Parameter(1.0), Tensor)
    first, second = Parameter([1.0]), Parameter([1.0])
    assert first.name.startswith("Parameter#")
    assert first.name != second.name
    with pytest.raises(TypeError, match="name is of type int"):
        Parameter(1.0, name=3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="requires_grad is 1"):
        Parameter(1.0, requires_grad=1)  # type: ignore[arg-type]


def test_cells_know_their_parameters() -> None:
    class Inner(nn.Cell):
        def __init__(self) -> None:
            super().__init__()
            self.weight = Parameter([1.0])

        def construct(self, x: float, *, times: int = 1) -> float:
            return float(self.weight) * x * times

    class Outer(nn.Cell):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = Inner(), Inner()
            self.fixed = Parameter([1.0], name="constant", requires_grad=False)

    outer = Outer()
    assert list(outer.parameters_dict()) == ["constant", "first.weight", "second.weight"]
    assert [each.name for each in outer.trainable_params()] == ["first.weight", "second.weight"]
    assert outer.trainable_params(recurse=False) == []
    assert outer.first(2.0, times=3) == 6.0
    with pytest.raises(NotImplementedError, match="Outer"):
        outer()
