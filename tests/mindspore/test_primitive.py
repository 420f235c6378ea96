"""Operators of the face compute what the plain ones do, and refuse what MindSpore does."""

import inspect
import pickle
from typing import Any

import numpy as np
import pytest

import fusedstep.mindspore as ms
from fusedstep.mindspore import Parameter, Tensor, ops
from fusedstep.mindspore.ops.contracts import CONTRACTS
from fusedstep.operators import catalogue

# What constructors and calls are given; any other number is 0.
NUMBERS = {"lr": 0.5, "alpha": 0.5, "learning_rate": 0.5, "epsilon": 1e-6, "eps": 1e-6, "lr_power": -0.5} | {
    "beta1_power": 0.9,
    "beta2_power": 0.999,
    "beta1": 0.9,
    "beta2": 0.999,
    "rho": 0.9,
    "decay": 0.1,
    "momentum": 0.9,
    "loss_scale": 1.0,
    "clip_threshold": 1.0,
    "global_step": 1,
    "step": 1,
    "steps": 1,
    "w_norm": 1.0,
    "g_norm": 1.0,
    "norm_weight": 1.0,
    "norm_gradient": 1.0,
    "sub1": 0.1,
    "sub2": 0.001,
}


def options(name: str) -> dict[str, Any]:
    """What an operator cannot be constructed without."""
    parameters = inspect.signature(getattr(ops, name)).parameters.values()
    return {each.name: NUMBERS.get(each.name, 0.0) for each in parameters if each.default is inspect.Parameter.empty}


def made(name: str, **more: Any) -> Any:
    """An operator of the face."""
    return getattr(ops, name)(**options(name), **more)


def plain_made(name: str) -> catalogue.NamedOperator:
    """The operator of the same name that takes any arrays."""
    return catalogue.OPERATORS[name](**options(name))


def arguments(
    name: str, state: str = "float32", scalar: str | None = None, gradient: str | None = None, shape: Any = (4, 2)
) -> dict[str, Any]:
    """A call's arguments by name, of some types; ``None`` makes a scalar a number."""
    operator = plain_made(name)
    order = operator.entry.meanings
    reduced = {"exp_avg_sq_row": shape[:-1], "exp_avg_sq_col": (*shape[:-2], *shape[-1:])}
    values: dict[str, Any] = {}
    for argument, meanings in order.items():
        if argument in operator.state_names:
            values[argument] = Parameter(Tensor(np.ones(reduced.get(argument, shape))).astype(state), name=argument)
        elif argument == "indices":
            values[argument] = Tensor([0, 2], ms.int32)
        elif argument == operator.labels.gradient:
            rows = (2, *shape[1:]) if "indices" in order else shape
            values[argument] = Tensor(np.ones(rows)).astype(gradient or state)
        else:
            number = NUMBERS.get(argument, 0.0)
            pair = (number, number) if len(meanings) == 2 else number
            values[argument] = pair if scalar is None else Tensor(np.array(pair)).astype(scalar)
    return values


def bits(values: dict[str, Any]) -> dict[str, bytes]:
    """Every tensor's memory."""
    return {name: value.asnumpy().tobytes() for name, value in values.items() if isinstance(value, Tensor)}


def refused(name: str, values: dict[str, Any], error: type[Exception], match: str) -> None:
    """A call fails with an error, and changes nothing."""
    before = bits(values)
    with pytest.raises(error, match=match) as caught:
        made(name)(*values.values())
    assert type(caught.value) is error
    assert str(caught.value).startswith(f"{name}: ")
    assert bits(values) == before


NAMES = list(CONTRACTS)


def states_of(name: str) -> list[str]:
    """The arguments that are updated in place, the variable first."""
    operator = plain_made(name)
    return [each for each in operator.state_names if each in operator.entry.meanings]


def variable_of(name: str) -> str:
    """The argument whose type the gradient has."""
    return states_of(name)[0]


def grouped(name: str, *others: str) -> list[str]:
    """Those of some arguments that are made one type with the variable."""
    letters = dict(zip(plain_made(name).entry.meanings, CONTRACTS[name].groups.split(), strict=True))
    return [each for each in others if letters[each] == letters[variable_of(name)] != "-"]


def scalars_of(name: str) -> list[str]:
    """The arguments that are numbers."""
    operator = plain_made(name)
    return [
        each
        for each in operator.entry.meanings
        if each not in (*operator.state_names, operator.labels.gradient, "indices")
    ]


WITH_GRADIENT = [name for name in NAMES if grouped(name, plain_made(name).labels.gradient)]
WITH_SCALARS = [name for name in NAMES if grouped(name, *scalars_of(name))]
WITH_INDICES = [name for name in NAMES if plain_made(name).entry.rows]


def test_every_operator_of_the_catalogue_is_there() -> None:
    missing = sorted(catalogue.OPERATORS.keys() - CONTRACTS.keys())
    assert not missing, f"no row in mindspore/ops/contracts.py: {', '.join(missing)}"
    unknown = sorted(CONTRACTS.keys() - catalogue.OPERATORS.keys())
    assert not unknown, f"no entry in operators/catalogue: {', '.join(unknown)}"


@pytest.mark.parametrize("name", NAMES)
def test_the_table_fits_the_catalogue(name: str) -> None:
    operator = plain_made(name)
    letters = dict(zip(operator.entry.meanings, CONTRACTS[name].groups.split(), strict=True))
    assert letters[operator.labels.gradient] == letters[variable_of(name)]
    assert CONTRACTS[name].outputs in ("all", "first", "zeros")
    for module in (ops, ops.operations, ops.operations.nn_ops):
        assert getattr(module, name) is getattr(ops, name)
    assert getattr(ops, name).__doc__
    assert repr(made(name)).startswith(f"Prim[{name}]<")
    assert inspect.signature(getattr(ops, name)) == inspect.signature(catalogue.OPERATORS[name])


def test_the_modules_that_hold_a_few() -> None:
    from fusedstep.mindspore.ops.auto_generate import AdamW, ApplyAdamW
    from fusedstep.mindspore.ops.operations._inner_ops import Lamb

    assert [AdamW, ApplyAdamW, Lamb] == [ops.AdamW, ops.ApplyAdamW, ops.Lamb]


def test_an_operator_that_is_not_there() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Relu'; MindSpore may have it"):
        _ = ops.Relu
    with pytest.raises(ImportError, match="Relu"):
        from fusedstep.mindspore.ops.operations import Relu  # noqa: F401


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("state", ["float32", "float16"])
@pytest.mark.parametrize("scalar", [None, "float16"])
def test_it_computes_what_the_plain_operator_computes(name: str, state: str, scalar: str | None) -> None:
    values = arguments(name, state, None if state == "float16" else scalar)
    plain = {key: np.array(value) if isinstance(value, Tensor) else value for key, value in values.items()}
    expected = plain_made(name)(*plain.values())
    out = made(name)(*values.values())
    for each in states_of(name):
        assert values[each].asnumpy().tobytes() == plain[each].tobytes()
    if CONTRACTS[name].outputs != "zeros":
        first, wanted = (each[0] if isinstance(each, tuple) else each for each in (out, expected))
        assert first.asnumpy().tobytes() == wanted.tobytes()


@pytest.mark.parametrize("name", NAMES)
def test_what_comes_back(name: str) -> None:
    values = arguments(name)
    out = made(name)(*values.values())
    entry, outputs = plain_made(name).entry, CONTRACTS[name].outputs
    expected = list(entry.returns or entry.creates or states_of(name))
    if outputs == "zeros":
        assert [(each.shape, each.asnumpy().tolist(), each.dtype) for each in out] == [((1,), [0.0], ms.float32)] * 3
        return
    if outputs == "first" or (entry.creates and not entry.returns):
        out, expected = (out,), expected[:1]
    assert type(out) is tuple
    assert [type(each) for each in out] == [Tensor] * len(expected)
    for each, place in zip(out, expected, strict=True):
        assert place not in values or np.shares_memory(each.asnumpy(), values[place].asnumpy())


@pytest.mark.parametrize("name", NAMES)
def test_arguments_in_wrong_number_and_by_name(name: str) -> None:
    values, same = arguments(name), arguments(name)
    with pytest.raises(TypeError, match=name):
        made(name)(*list(values.values())[:-1])
    with pytest.raises(TypeError, match=name):
        made(name)(*values.values(), 1)
    made(name, use_locking=True)(**values)
    made(name)(*same.values())
    for each in states_of(name):
        assert values[each].asnumpy().tobytes() == same[each].asnumpy().tobytes()


def test_options_reach_the_kernel() -> None:
    rate, accum = arguments("ApplyProximalAdagrad") | {"l1": 0.5}, arguments("ApplyProximalAdagrad") | {"l1": 0.5}
    ops.ApplyProximalAdagrad()(*rate.values())
    ops.ApplyProximalAdagrad(shrink="lr/sqrt(accum)")(*accum.values())
    assert rate["var"].asnumpy()[0, 0] != accum["var"].asnumpy()[0, 0]
    plain, nesterov = arguments("FusedSparseAdam"), arguments("FusedSparseAdam")
    ops.FusedSparseAdam()(*plain.values())
    again = pickle.loads(pickle.dumps(ops.FusedSparseAdam(use_nesterov=True)))  # noqa: S301
    again(*nesterov.values())
    assert plain["var"].asnumpy()[1, 0] != nesterov["var"].asnumpy()[1, 0]
    values = arguments("ApplyAdagrad", "float16")
    with pytest.raises(TypeError, match="ApplyAdagrad: step is not given"):
        ops.ApplyAdagrad(rounding="stochastic")(**values)
    ops.ApplyAdagrad(rounding="stochastic")(**values, step=1)
    assert values["var"].asnumpy()[0, 0] < 1


@pytest.mark.parametrize("name", NAMES)
def test_plain_operators_take_the_faces_tensors_in_place(name: str) -> None:
    plain, face = arguments(name), arguments(name)
    out = plain_made(name)(*plain.values())
    made(name)(*face.values())
    if not plain_made(name).entry.creates:
        assert out[0] is plain[variable_of(name)]
    for each in states_of(name):
        assert plain[each].asnumpy().tobytes() == face[each].asnumpy().tobytes()


def test_any_rank() -> None:
    for shape in ((), (0, 3), (1,), (2, 1, 3)):
        values = arguments("ApplyProximalAdagrad", shape=shape)
        assert ops.ApplyProximalAdagrad()(*values.values())[0].shape == shape


# One kernel of MindSpore's knows float32 alone.
ONLY_FLOAT32 = ("FusedSparseProximalAdagrad",)
