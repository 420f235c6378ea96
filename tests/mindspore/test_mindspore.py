"""MindSpore's face: documented examples, looks, implicit conversion; and MindSpore's own tensors where it is there."""

import contextlib
import copy
import inspect
import io
import itertools
import pickle
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import fusedstep as fs
import fusedstep.mindspore as ms
from fusedstep.mindspore import Parameter, Tensor, context, nn, ops
from fusedstep.mindspore.ops.documented import DOCUMENTED
from fusedstep.operators import catalogue

DENSE = """
import numpy as np
from mindspore import Tensor, Parameter, nn, ops

class Descent(nn.Cell):
    def __init__(self):
        super(Descent, self).__init__()
        self.step = ops.ApplyProximalAdagrad()
        self.var = Parameter(Tensor(np.array([[0.6, 0.4], [0.1, 0.5]]).astype(np.float32)), name="var")
        self.accum = Parameter(Tensor(np.array([[0.6, 0.5], [0.2, 0.6]]).astype(np.float32)), name="accum")
        self.lr, self.l1, self.l2 = 0.01, 0.0, 0.0
    def construct(self, grad):
        return self.step(self.var, self.accum, self.lr, self.l1, self.l2, grad)

print(Descent()(Tensor(np.array([[0.3, 0.7], [0.1, 0.8]]).astype(np.float32))))
"""
DENSE_PRINTS = """\
(Tensor(shape=[2, 2], dtype=Float32, value=
[[ 5.96388459e-01,  3.92964751e-01],
 [ 9.78178233e-02,  4.92815793e-01]]), Tensor(shape=[2, 2], dtype=Float32, value=
[[ 6.90000057e-01,  9.90000010e-01],
 [ 2.10000008e-01,  1.24000001e+00]]))
"""

ADAM = """
import numpy as np
import mindspore
from mindspore import Tensor, nn, ops, Parameter

class Table(nn.Cell):
    def __init__(self):
        super(Table, self).__init__()
        self.step = ops.{name}()
        self.var, self.m, self.v = (
            Parameter(Tensor(np.ones([3, 1, 2]).astype(np.float32)), name=name) for name in ("var", "m", "v")
        )
    def construct(self, beta1_power, beta2_power, lr, beta1, beta2, epsilon, grad, indices):
        return self.step(
            self.var, self.m, self.v, beta1_power, beta2_power, lr, beta1, beta2, epsilon, grad, indices
        )

table = Table()
scalars = [Tensor(value, mindspore.float32) for value in (0.9, 0.999, 0.001, 0.9, 0.999, 1e-8)]
gradient = Tensor(np.array([[[0.1, 0.1]], [[0.1, 0.1]]]), mindspore.float32)
output = table(*scalars, gradient, Tensor([0, 1], mindspore.int32))
print(table.var.asnumpy())
print(table.trainable_params())
"""
ADAM_PRINTS = """\
[[[{touched}]]

 [[{touched}]]

 [[{last}]]]
[Parameter (name=var, shape=(3, 1, 2), dtype=Float32, requires_grad=True), \
Parameter (name=m, shape=(3, 1, 2), dtype=Float32, requires_grad=True), \
Parameter (name=v, shape=(3, 1, 2), dtype=Float32, requires_grad=True)]
"""

OLDER_ADAM = """
import numpy as np
import mindspore.context as context
import mindspore.common.dtype as mstype
from mindspore.common.tensor import Tensor
from mindspore.common.parameter import Parameter
from mindspore.ops import operations as P
import mindspore.nn as nn

context.set_context(mode=context.PYNATIVE_MODE, device_target="CPU")

class Table(nn.Cell):
    def __init__(self):
        super().__init__()
        self.step = P.FusedSparseAdam(use_nesterov=False)
        self.var = Parameter(Tensor(np.ones([3, 1, 2]).astype(np.float32)), name="var")
        self.m = Parameter(Tensor(np.ones([3, 1, 2]).astype(np.float32)), name="m")
        self.v = Parameter(Tensor(np.ones([3, 1, 2]).astype(np.float32)), name="v")
    def construct(self, *rest):
        return self.step(self.var, self.m, self.v, *rest)

table = Table()
scalars = [Tensor(value, mstype.float32) for value in (0.9, 0.999, 0.001, 0.9, 0.999, 1e-8)]
table(*scalars, Tensor(np.random.rand(2, 1, 2), mstype.float32), Tensor([0, 1], mstype.int32))
print(table.var.asnumpy()[2])
"""

PROXIMAL = """
import numpy as np
import mindspore
from mindspore import Tensor, nn, ops, Parameter

class Table(nn.Cell):
    def __init__(self):
        super(Table, self).__init__()
        self.step = ops.FusedSparseProximalAdagrad()
        self.var = Parameter(Tensor(np.ones([3, 1, 2]).astype(np.float32)), name="var")
        self.accum = Parameter(Tensor(np.ones([3, 1, 2]).astype(np.float32)), name="accum")
        self.scalars = [Tensor(value, mindspore.float32) for value in (0.01, 0.0, 0.0)]
    def construct(self, grad, indices):
        return self.step(self.var, self.accum, *self.scalars, grad, indices)

table = Table()
table(Tensor(np.array([[[0.1, 0.1]], [[0.1, 0.1]]]).astype(np.float32)), Tensor(np.array([0, 1]).astype(np.int32)))
print(table.var.asnumpy().ravel())
"""

EXAMPLES = {
    "ApplyProximalAdagrad": (DENSE, DENSE_PRINTS),
    "FusedSparseAdam": (
        ADAM.format(name="FusedSparseAdam"),
        ADAM_PRINTS.format(touched="0.9997121  0.9997121 ", last="0.99971527 0.99971527"),
    ),
    "FusedSparseLazyAdam": (
        ADAM.format(name="FusedSparseLazyAdam"),
        ADAM_PRINTS.format(touched="0.9997121 0.9997121", last="1.        1.       "),
    ),
    "FusedSparseAdam, older": (OLDER_ADAM, "[[0.99971527 0.99971527]]\n"),
    "FusedSparseProximalAdagrad": (PROXIMAL, "[0.99900496 0.99900496 0.99900496 0.99900496 1.         1.        ]\n"),
}


def printed(program: str) -> str:
    """What a program prints."""
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        exec(program, {"__name__": "example"})  # noqa: S102
    return output.getvalue()


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_documented_example_runs_with_only_its_imports_changed(name: str) -> None:
    program, prints = EXAMPLES[name]
    imports = "\n".join(
        line.replace("mindspore", "fusedstep.mindspore", 1) + (" as mindspore" if line == "import mindspore" else "")
        if "import" in line
        else line
        for line in program.splitlines()
    )
    assert printed(imports) == prints


def test_importing_it_imports_nothing_heavy() -> None:
    heavy = "{'numba', 'llvmlite', 'torch', 'mindspore', 'jax', 'triton'}"
    program = f"import sys, fusedstep.mindspore; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


# Looks


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


# Tensors and parameters


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
        with pytest.raises(TypeError, match="no element type"):
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


@pytest.mark.parametrize("operate", [lambda a, b: a + b, lambda a, b: a * 2, lambda a, b: -a, lambda a, b: a[0]])
def test_there_is_no_arithmetic(operate: Callable[[Any, Any], Any]) -> None:
    with pytest.raises(TypeError):
        operate(Tensor([1.0]), Tensor([2.0]))


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


def test_the_context_is_the_cpu() -> None:
    ms.set_context(mode=ms.GRAPH_MODE, device_target="CPU")
    assert ms.get_context("mode") == context.GRAPH_MODE
    context.set_context(mode=context.PYNATIVE_MODE)
    ms.set_device("CPU")
    for wrong in ({"device_target": "GPU"}, {"mode": 2}, {"max_call_depth": 10}):
        with pytest.raises(ValueError, match="set_context"):
            ms.set_context(**wrong)
    with pytest.raises(ValueError, match="get_context"):
        ms.get_context("max_call_depth")


# Operators


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


NAMES = list(DOCUMENTED)


def states_of(name: str) -> list[str]:
    """The arguments that are updated in place, the variable first."""
    operator = plain_made(name)
    return [each for each in operator.state_names if each in operator.entry.meanings]


def variable_of(name: str) -> str:
    """The argument whose type the gradient has."""
    return states_of(name)[0]


def grouped(name: str, *others: str) -> list[str]:
    """Those of some arguments that are made one type with the variable."""
    letters = dict(zip(plain_made(name).entry.meanings, DOCUMENTED[name].groups.split(), strict=True))
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
    missing = sorted(catalogue.OPERATORS.keys() - DOCUMENTED.keys())
    assert not missing, f"no row in mindspore/ops/documented.py: {', '.join(missing)}"
    unknown = sorted(DOCUMENTED.keys() - catalogue.OPERATORS.keys())
    assert not unknown, f"no entry in operators/catalogue: {', '.join(unknown)}"


@pytest.mark.parametrize("name", NAMES)
def test_the_table_fits_the_catalogue(name: str) -> None:
    operator = plain_made(name)
    letters = dict(zip(operator.entry.meanings, DOCUMENTED[name].groups.split(), strict=True))
    assert letters[operator.labels.gradient] == letters[variable_of(name)]
    assert DOCUMENTED[name].outputs in ("all", "first", "zeros")
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
    with pytest.raises(AttributeError, match="no operator 'Relu'"):
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
    if DOCUMENTED[name].outputs != "zeros":
        first, wanted = (each[0] if isinstance(each, tuple) else each for each in (out, expected))
        assert first.asnumpy().tobytes() == wanted.tobytes()


@pytest.mark.parametrize("name", NAMES)
def test_what_comes_back(name: str) -> None:
    values = arguments(name)
    out = made(name)(*values.values())
    entry, outputs = plain_made(name).entry, DOCUMENTED[name].outputs
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
@pytest.mark.parametrize("gradient", ["bool", "int8", "uint8", "int32", "int64", "float16", "float32"])
def test_a_lower_gradient_is_converted(name: str, gradient: str) -> None:
    values, same = arguments(name, gradient=gradient), arguments(name)
    if name not in WITH_GRADIENT and gradient != "float32":
        # What an operator makes may be of a type of its own.
        if gradient == "float16" and plain_made(name).entry.creates:
            made(name)(*values.values())
        else:
            refused(name, values, TypeError, "ends up as|holds")
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
    values, error = arguments(name, state, gradient=gradient), DOCUMENTED[name].refusal
    beside = plain_made(name).labels.gradient
    refused(name, values, error, f"{variable_of(name)} is {state} beside .*{beside}.* and would become {gradient}")
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
            refused(name, values, DOCUMENTED[name].refusal, f"{place} is {wrong}")


@pytest.mark.parametrize("name", WITH_SCALARS)
def test_scalars_of_the_group_convert_it(name: str) -> None:
    variable, scalar, error = variable_of(name), grouped(name, *scalars_of(name))[0], DOCUMENTED[name].refusal
    wide, narrow = arguments(name, scalar="float64"), arguments(name, "float16", scalar="float32")
    refused(name, wide, error, f"{variable} is float32 beside .*{scalar}.*float64")
    refused(name, narrow, error, f"{variable} is float16 beside .*{scalar}.*float32")
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
        refused(name, arguments(name) | {scalar: wrong}, TypeError, f"{scalar} ends up as .*expected float16 or float")
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
    if type_ not in DOCUMENTED[name].types:
        refused(name, arguments(name, type_), TypeError, f"ends up as {type_}, expected float16 or float32")
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
        refused(name, arguments(name) | {"indices": wrong}, TypeError, "indices ends up as .*expected int32 or int64")
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


# The real MindSpore, where it is installed


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


# One kernel of MindSpore's knows float32 alone.
ONLY_FLOAT32 = ("FusedSparseProximalAdagrad",)


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


def test_a_view_of_mindspores_is_refused_where_it_would_be_updated(real: ModuleType) -> None:
    # Its asnumpy() is a copy: an update would be lost without a word.
    table = real.Tensor(np.ones((4, 2), np.float32))
    for view in (table[1:3], table.T, table.reshape(2, 4)):
        accum, grad = (real.Tensor(np.ones(view.shape, np.float32)) for _ in range(2))
        with pytest.raises(ValueError, match="ApplyProximalAdagrad: var is read-only"):
            fs.ops.ApplyProximalAdagrad()(view, accum, 0.1, 0.0, 0.0, grad)
        assert (accum.asnumpy() == 1).all()
    whole, accum = (real.Tensor(np.ones((2, 4), np.float32)) for _ in range(2))
    fs.ops.ApplyProximalAdagrad()(whole, accum, 0.1, 0.0, 0.0, table.T)
    assert (whole.asnumpy() != 1).all()
