"""Functions beside the operators, as functions and as objects, and what there is not."""

from typing import Any

import numpy as np
import pytest

import fusedstep.mindspore as ms
from fusedstep.mindspore import Parameter, Tensor, common, nn, ops
from fusedstep.mindspore.common.api import _pynative_executor
from fusedstep.mindspore.ops import composite, functional, operations
from fusedstep.mindspore.ops.tensor_primitives import NAMES
from tests.mindspore.tensor_facts import told

# MindSpore's answers.
ANSWERS: dict[str, str] = {
    "ops.unique(Tensor([3, 1, 2, 1, 3]))": "Int64 [3, 1, 2]; Int64 [0, 1, 2, 1, 0]",
    "P.Unique()(Tensor([3, 1, 3], ms.int32))": "Int32 [3, 1]; Int32 [0, 1, 0]",
    "P.Unique()(Tensor([3.5, 1, 3.5]))": "Float32 [3.5, 1.0]; Int32 [0, 1, 0]",
    "ops.unique(Tensor([[3, 1], [2, 3]]))": "Int64 [3, 1, 2]; Int64 [[0, 1], [2, 0]]",
    "P.Gather()(Tensor([[1.0, 2], [3, 4]]), Tensor([1, 0, 1]), 0)": "Float32 [[3.0, 4.0], [1.0, 2.0], [3.0, 4.0]]",
    "P.Gather()(Tensor([[1.0, 2], [3, 4]]), Tensor([1, 0]), 1)": "Float32 [[2.0, 1.0], [4.0, 3.0]]",
    "P.Gather()(Tensor([[1.0, 2], [3, 4]]), Tensor(1), 0)": "Float32 [3.0, 4.0]",
    "F.fill(ms.int32, (2, 2), 1.5)": "Int32 [[1, 1], [1, 1]]",
    "F.zeros_like(Tensor([1, 2]))": "Int64 [0, 0]",
    "F.ones_like(Tensor([1.0, 2]))": "Float32 [1.0, 1.0]",
    "F.addn([Tensor([1.0]), Tensor([2.0])])": "Float32 [3.0]",
    "P.AddN()((Tensor([1.0]), Tensor([2.0])))": "Float32 [3.0]",
    "F.dtype(Tensor([1.0]))": "mindspore.float32",
    "P.Shape()(Tensor([1.0]))": "1",
    "F.depend(Tensor([1.0]), None)": "Float32 [1.0]",
    "F.cast(1.5, ms.int32)": "Int32 1",
    "F.reshape(Tensor([1, 2]), (2, 1))": "Int64 [[1], [2]]",
    "F.select(Tensor([True, False]), Tensor([1, 2]), Tensor([3, 4]))": "Int64 [1, 4]",
    "ops.select(Tensor([True, False]), 1.0, 2.0)": "Float32 [1.0, 2.0]",
    "ops.clip_by_value(Tensor([1.0, 5.0]), 2.0, Tensor(3.0))": "Float32 [2.0, 3.0]",
    "ops.assign(Parameter([1.0]), Tensor([5]))": "Float32 [5.0]",
    "P.Pow()(Tensor([2.0]), 3)": "Float32 [8.0]",
    "P.Mul()(2, 3)": "Int64 6",
    "P.Greater()(Tensor([2.0]), 1)": "Bool [True]",
    "P.ReLU()(Tensor([-2.0, 1]))": "Float32 [0.0, 1.0]",
    "nn.Norm()(Tensor([3.0, 4.0]))": "Float32 5.0",
    "nn.Norm(axis=0, keep_dims=True)(Tensor([[3.0, 4.0]]))": "Float32 [[3.0, 4.0]]",
    "F.partial(lambda a, b: a + b, 1)(2)": "3",
}


@pytest.mark.parametrize("expression", ANSWERS)
def test_the_answer_is_mindspores(expression: str) -> None:
    names: dict[str, Any] = {"ms": ms, "nn": nn, "ops": ops, "P": operations, "F": functional}
    names |= {"Tensor": Tensor, "Parameter": Parameter}
    assert told(eval(expression, names)) == ANSWERS[expression]  # noqa: S307


def test_each_object_is_its_function() -> None:
    for name, function in NAMES.items():
        made = getattr(operations, name)()
        assert (made.name, repr(made)) == (name, f"Prim[{name}]")
        assert getattr(ops, name) is type(made)
        assert type(made).function is getattr(functional, function)
        assert made.set_device("CPU") is made


def test_what_is_gathered_must_exist() -> None:
    with pytest.raises(IndexError, match="5"):
        ops.gather(Tensor([1.0, 2.0]), Tensor([0, 5]), 0)


def test_compilers_are_not_needed() -> None:
    def twice(x: Any) -> Any:
        return x * 2

    assert ms.jit(twice) is twice
    assert ms.jit(capture_mode="ast")(twice) is twice
    assert ms.jit_class(nn.Cell) is nn.Cell
    assert common.jit is ms.jit
    _pynative_executor.sync()


@pytest.mark.parametrize(
    "module", [ms, ms.context, ms.common, ms.nn, ms.nn.layer, ops, functional, composite, operations, operations.nn_ops]
)
def test_what_is_missing_is_said(module: Any) -> None:
    with pytest.raises(AttributeError, match=f"{module.__name__}'.*'Conv7d'; MindSpore may have it"):
        module.Conv7d  # noqa: B018
    assert not hasattr(module, "Conv7d")


@pytest.mark.parametrize("name", ["Dense", "Conv2d", "TrainOneStepCell", "SoftmaxCrossEntropyWithLogits"])
def test_what_trains_can_be_imported_and_not_used(name: str) -> None:
    layer = getattr(nn, name)
    with pytest.raises(NotImplementedError, match=rf"nn\.{name}: MindSpore has it.*no autodiff"):
        layer(3, 4)
    with pytest.raises(NotImplementedError, match="value_and_grad"):
        ms.value_and_grad(np.sum)
    with pytest.raises(NotImplementedError, match="GradOperation"):
        composite.GradOperation(get_all=True)


def test_a_penalty_below_zero_is_none() -> None:
    # By the documented formula: the threshold is there if l1 > 0.
    def stepped(l1: Any) -> list[Any]:
        var, total, squares = (Parameter([[1.0, 2.0]], name=name) for name in ("var", "total", "squares"))
        gradient, step = Tensor([[0.5, -3.0]]), Tensor(1)
        rate = Tensor(0.5)
        ops.ApplyAdagradDA()(var, total, squares, gradient, rate, l1, 0.0, step)
        operations.nn_ops.SparseApplyAdagradDA()(var, total, squares, gradient, Tensor([0]), rate, l1, rate, step)
        return var.tolist()

    assert stepped(-1.0) == stepped(Tensor(-1.0)) == stepped(-0.0) == stepped(0.0)
    assert stepped(0.5) != stepped(0.0)
    for wrong in (float("nan"), float("-inf")):
        with pytest.raises(ValueError, match="l1"):
            stepped(wrong)
