"""The face beside MindSpore, where that is installed."""

import itertools
import warnings
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import fusedstep as fs
from fusedstep.mindspore import Parameter, Tensor
from tests.mindspore.test_mindspore_examples import EXAMPLES, printed
from tests.mindspore.test_primitive import ONLY_FLOAT32, arguments, made


@pytest.fixture(scope="module")
def real() -> Iterator[ModuleType]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield pytest.importorskip("mindspore")


@pytest.mark.parametrize("name", EXAMPLES)
def test_mindspore_prints_the_same(name: str, real: ModuleType) -> None:
    program, prints = EXAMPLES[name]
    assert printed(program) == prints


def test_mindspores_tensors_look_the_same(real: ModuleType) -> None:
    random = np.random.default_rng(0)
    shapes: list[tuple[int, ...]] = [
        (),
        (0,),
        (3,),
        (12,),
        (24,),
        (1001,),
        (2, 0),
        (6, 7),
        (7, 6),
        (2, 3, 4),
        (8, 1, 8),
    ]
    for shape in shapes:
        for name in ("float16", "float32", "float64", "int8", "int32", "int64", "uint8", "bool"):
            array = np.asarray(random.standard_normal(shape) * 10.0 ** random.integers(0, 3, shape)).clip(0, 99)
            array = array.astype(name)
            assert repr(Tensor(array)) == repr(real.Tensor(array))
            assert str(Tensor(array)) == str(real.Tensor(array))


def accepts(call: Callable[..., Any], values: dict[str, Any]) -> bool:
    """Whether a call comes back."""
    try:
        call(*values.values())
    except (TypeError, RuntimeError):
        return False
    return True


def mindspores(real: ModuleType, value: Any) -> Any:
    """The same as MindSpore's own."""
    if isinstance(value, Parameter):
        return real.Parameter(real.Tensor(np.array(value)), name=value.name)
    return real.Tensor(np.array(value)) if isinstance(value, Tensor) else value


@pytest.mark.parametrize(
    "name", ["ApplyProximalAdagrad", "FusedSparseAdam", "FusedSparseLazyAdam", "FusedSparseProximalAdagrad"]
)
def test_mindspore_converts_the_same(name: str, real: ModuleType) -> None:
    types = ("bool", "int8", "int64", "float16", "float32", "float64")
    for state, scalar, gradient in itertools.product(("float16", "float32", "float64", "int32"), (None, *types), types):
        ours = arguments(name, state, scalar, gradient)
        theirs = {key: mindspores(real, value) for key, value in ours.items()}
        accepted = accepts(made(name), ours)
        if scalar != "bool" and (state != "float16" or name not in ONLY_FLOAT32):
            # As bools, beta1_power would be 1.
            assert accepts(getattr(real.ops, name)(), theirs) == accepted
        if accepted and state == "float32" and scalar in (None, "float16", "float32"):
            # Among float16 tensors MindSpore rounds Python numbers to float16, and does not always write in place.
            np.testing.assert_allclose(ours["var"].asnumpy(), theirs["var"].asnumpy(), rtol=2e-6)


@pytest.mark.parametrize("type_", ["float16", "float32", "float64"])
@pytest.mark.parametrize("kind", ["Parameter", "Tensor"])
def test_plain_operators_take_mindspores_tensors_in_place(type_: str, kind: str, real: ModuleType) -> None:
    def state(name: str) -> Any:
        tensor = real.Tensor(np.ones((3, 1, 2), type_))
        return real.Parameter(tensor, name=name) if kind == "Parameter" else tensor

    var, m, v = state("var"), state("m"), state("v")
    scalars = [real.Tensor(value, real.float32) for value in (0.9, 0.999, 0.001, 0.9, 0.999, 1e-6)]
    gradient, indices = real.Tensor(np.full((2, 1, 2), 0.1, type_)), real.Tensor([0, 1], real.int32)
    out = fs.ops.FusedSparseAdam()(var, m, v, *scalars, gradient, indices)
    assert out[0] is var
    # What MindSpore's own operators see.
    seen = (var + 0).asnumpy()
    assert seen.dtype == type_
    np.testing.assert_array_equal(seen, var.asnumpy())
    np.testing.assert_allclose(seen[2], 0.99971525, rtol=1e-3 if type_ == "float16" else 1e-7)
    np.testing.assert_allclose((m * 1).asnumpy().ravel(), [0.91] * 4 + [0.9] * 2, rtol=1e-3)
