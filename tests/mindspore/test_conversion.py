"""Arguments are converted, or refused, as MindSpore does it."""

import inspect

import numpy as np
import pytest

import fusedstep.mindspore as ms
from fusedstep.mindspore import Parameter, Tensor, ops
from fusedstep.mindspore.ops.contracts import CONTRACTS
from tests.mindspore.test_primitive import (
    NAMES,
    WITH_GRADIENT,
    WITH_INDICES,
    WITH_SCALARS,
    arguments,
    grouped,
    made,
    plain_made,
    refused,
    scalars_of,
    states_of,
    variable_of,
)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("gradient", ["bool", "int8", "uint8", "int32", "int64", "float16", "float32"])
def test_a_lower_gradient_is_converted(name: str, gradient: str) -> None:
    values, same = arguments(name, gradient=gradient), arguments(name)
    if name not in WITH_GRADIENT and gradient != "float32":
        # What an operator makes may be of a type of its own.
        if gradient == "float16" and plain_made(name).entry.creates:
            made(name)(*values.values())
        else:
            refused(name, values, TypeError, "after conversion|holds")
        return
    before = repr(values)
    made(name)(*values.values())
    made(name)(*same.values())
    for each in states_of(name):
        assert values[each].asnumpy().tobytes() == same[each].asnumpy().tobytes()
    assert repr(values[plain_made(name).labels.gradient]) in before


def test_a_bfloat16_gradient_is_converted() -> None:
    pytest.importorskip("ml_dtypes")
    values = arguments("FusedSparseLazyAdam", gradient="bfloat16")
    ops.FusedSparseLazyAdam()(*values.values())
    assert values["var"].asnumpy()[0, 0] < 1
    # Neither of the two 16-bit types holds the other: both would become float32.
    refused(
        "FusedSparseLazyAdam", arguments("FusedSparseLazyAdam", "float16", gradient="bfloat16"), RuntimeError, "float32"
    )


@pytest.mark.parametrize("name", WITH_GRADIENT)
@pytest.mark.parametrize(
    ("state", "gradient"), [("float32", "float64"), ("float16", "float32"), ("float16", "float64"), ("int32", "int64")]
)
def test_a_parameter_is_never_converted(name: str, state: str, gradient: str) -> None:
    values, error = arguments(name, state, gradient=gradient), CONTRACTS[name].refusal
    others = plain_made(name).labels.gradient
    refused(
        name,
        values,
        error,
        f"{variable_of(name)} is {state} together with .*{others}.* and would be converted to {gradient}",
    )
    for key, value in values.items():
        # The same holds for plain tensors in their places.
        values[key] = Tensor(value) if isinstance(value, Parameter) else value
    refused(name, values, error, variable_of(name))


@pytest.mark.parametrize("name", WITH_GRADIENT)
def test_states_of_two_types(name: str) -> None:
    for place in grouped(name, *states_of(name)):
        for wrong in ("float16", "int32"):
            values = arguments(name)
            values[place] = values[place].astype(wrong)
            refused(name, values, CONTRACTS[name].refusal, f"{place} is {wrong}")


@pytest.mark.parametrize("name", WITH_SCALARS)
def test_scalars_of_the_group_convert_it(name: str) -> None:
    variable, scalar, error = variable_of(name), grouped(name, *scalars_of(name))[0], CONTRACTS[name].refusal
    wide, narrow = arguments(name, scalar="float64"), arguments(name, "float16", scalar="float32")
    refused(name, wide, error, f"{variable} is float32 together with .*{scalar}.*float64")
    refused(name, narrow, error, f"{variable} is float16 together with .*{scalar}.*float32")
    values, same = arguments(name), arguments(name)
    values[scalar], same[scalar] = Tensor(1), Tensor(1.0)
    made(name)(*values.values())
    made(name)(*same.values())
    assert values[variable].asnumpy().tobytes() == same[variable].asnumpy().tobytes()


@pytest.mark.parametrize("scalar", ["lr", "l1", "l2"])
def test_scalars_of_their_own_group(scalar: str) -> None:
    name = "ApplyProximalAdagrad"
    for good in (0.5, 1, np.float32(0.5), np.float64(0.5), Tensor(0.5), Tensor(0.5, ms.float16), Parameter(0.5)):
        for state in ("float16", "float32"):
            ops.ApplyProximalAdagrad()(*(arguments(name, state) | {scalar: good}).values())
    for wrong in (Tensor(0.5, ms.float64), Tensor(1), Tensor(1, ms.int32), Tensor(True)):
        refused(
            name,
            arguments(name) | {scalar: wrong},
            TypeError,
            f"{scalar} is .* after conversion, expected float16 or float",
        )
    for neither in ("a", None, [0.5], (0.5,), np.array(0.5), True, 1j):
        refused(name, arguments(name) | {scalar: neither}, TypeError, scalar)
    refused(name, arguments(name) | {scalar: Tensor([0.5, 0.5])}, ValueError, scalar)
    refused(name, arguments(name) | {scalar: -0.5}, ValueError, scalar)


@pytest.mark.parametrize("name", ["ApplyAdagradDA", "SparseApplyAdagradDA"])
@pytest.mark.parametrize("type_", ["int32", "int64"])
def test_steps_are_counted_in_integers(name: str, type_: str) -> None:
    values, same = arguments(name) | {"global_step": Tensor(1).astype(type_)}, arguments(name)
    made(name)(*values.values())
    made(name)(*same.values())
    assert values["var"].asnumpy().tobytes() == same["var"].asnumpy().tobytes()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("type_", ["float64", "int32", "int64", "bool"])
def test_types_that_are_not_documented(name: str, type_: str) -> None:
    if type_ not in CONTRACTS[name].types:
        refused(name, arguments(name, type_), TypeError, f"is {type_} after conversion, expected float16 or float32")
        return
    values = arguments(name, type_)
    made(name)(*values.values())
    assert values[variable_of(name)].asnumpy().ravel()[0] != 1


@pytest.mark.parametrize("name", NAMES)
def test_arrays_that_are_no_tensors(name: str) -> None:
    good, gradient, variable = arguments(name), plain_made(name).labels.gradient, variable_of(name)
    shape = good[gradient].shape
    for wrong in (np.ones(shape, np.float32), 1.0, None, np.ones(shape).tolist()):
        refused(name, good | {gradient: wrong}, TypeError, f"{gradient} is of type")
    refused(name, good | {variable: np.ones((4, 2))}, TypeError, f"{variable} is of type ndarray.*fusedstep.ops")


@pytest.mark.parametrize("name", WITH_INDICES)
def test_indices(name: str) -> None:
    for good in (Tensor([0, 2], ms.int64), Parameter(np.array([0, 2], np.int32), name="indices")):
        made(name)(*(arguments(name) | {"indices": good}).values())
    for wrong in (Tensor([0.0, 2.0]), Tensor([True, False]), Tensor([0, 2], ms.uint8), Tensor([0, 2], ms.int16)):
        refused(
            name,
            arguments(name) | {"indices": wrong},
            TypeError,
            "indices is .* after conversion, expected int32 or int64",
        )
    for wrong in ([0, 2], np.array([0, 2]), None):
        refused(name, arguments(name) | {"indices": wrong}, TypeError, "indices is of type")
    for outside in (4, -1, 2**40):
        refused(name, arguments(name) | {"indices": Tensor([0, outside])}, IndexError, r"indices\[1\]")
    refused(name, arguments(name) | {"indices": Tensor([0, 1, 2])}, ValueError, "shape")


@pytest.mark.parametrize("name", NAMES)
def test_flags_are_bools(name: str) -> None:
    for flag, parameter in inspect.signature(getattr(ops, name)).parameters.items():
        if isinstance(parameter.default, bool):
            for wrong in (0, 1, None, "a", np.bool_(True)):
                with pytest.raises(TypeError, match=f"{name}: {flag}"):
                    made(name, **{flag: wrong})
    with pytest.raises(TypeError, match="no_such_option"):
        made(name, no_such_option=True)
