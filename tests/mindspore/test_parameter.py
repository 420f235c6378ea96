"""Parameters: their memory, copies, names, and tuples of them."""

import numpy as np
import pytest

from fusedstep.mindspore import Parameter, ParameterTuple, Tensor, common, get_seed, ops, set_seed
from fusedstep.mindspore.common.initializer import One, initializer


def test_data_shares_memory_and_value_does_not() -> None:
    var = Parameter([1.0, 2.0], name="var")
    var.data[0] = 5
    var.value()[1] = 5
    assert var.tolist() == [5, 2]
    assert (type(var.data), type(var.value())) == (Tensor, Tensor)


def test_set_data_writes_into_the_memory_that_others_hold() -> None:
    var = Parameter([1.0, 2.0], name="var")
    held = var.asnumpy()
    given = Tensor([3, 4])
    assert var.set_data(given) is var
    given[0] = 9
    assert (held.tolist(), var.dtype.name) == ([3, 4], "float32")
    var.set_data(Tensor([1.0]))
    assert (var.tolist(), held.tolist()) == ([1], [3, 4])
    assert Parameter(1.0).set_data(2).item() == 2
    for wrong, error in ((np.ones(2), TypeError), ("zeros", TypeError), (None, TypeError)):
        with pytest.raises(error, match="set_data"):
            var.set_data(wrong)
    with pytest.raises(TypeError, match="int64"):
        Parameter([1], name="step").set_data(1.5)


def test_a_clone_has_memory_of_its_own() -> None:
    var = Parameter(Tensor([1.0, 2.0], "float16"), name="var", requires_grad=False)
    clone = var.clone()
    clone[0] = 7
    assert (var.tolist(), clone.tolist(), clone.name) == ([1, 2], [7, 2], "var")
    for init, expected in (("zeros", [0, 0]), (One(), [1, 1]), (0.5, [0.5, 0.5]), (Tensor([3, 4]), [3, 4])):
        made = var.clone(init)
        assert (made.tolist(), made.dtype.name, made.requires_grad) == (expected, "float16", False)
    with pytest.raises(ValueError, match="shape"):
        var.clone(Tensor([1.0]))
    with pytest.raises(ValueError, match="nothing"):
        var.clone("nothing")


def test_tuples_of_parameters() -> None:
    first, second = Parameter([1.0], name="a"), Parameter([2.0, 3.0], name="b", requires_grad=False)
    moments = ParameterTuple([first, second, first]).clone("moment", "zeros")
    assert isinstance(moments, ParameterTuple)
    assert moments[2] is moments[0]
    assert [each.name for each in moments[:2]] == ["moment.a", "moment.b"]
    assert [each.tolist() for each in moments[:2]] == [[0], [0, 0]]
    assert [each.requires_grad for each in moments[:2]] == [True, False]
    assert first.name == "a"
    with pytest.raises(ValueError, match="two parameters are named 'a'"):
        ParameterTuple([first, Parameter([1.0], name="a")])
    with pytest.raises(TypeError, match="a Tensor, expected parameters"):
        ParameterTuple([Tensor([1.0])])
    for wrong in ("", "a b", "a/b"):
        with pytest.raises(ValueError, match="prefix"):
            ParameterTuple([first]).clone(wrong)


def test_assignment_writes_in_place() -> None:
    var = Parameter([[1.0, 2.0], [3.0, 4.0]], name="var")
    held = var.asnumpy()
    assert ops.assign(var, Tensor([[5, 6], [7, 8]])) is var
    ops.assign_add(var, 1)
    ops.assign_sub(var[0], Tensor([1.0, 1.0]))
    assert held.tolist() == [[5, 6], [8, 9]]
    with pytest.raises(ValueError, match="value has shape"):
        ops.assign(var, Tensor([1.0, 2.0]))


def test_a_seed_repeats_what_is_drawn() -> None:
    set_seed(5)
    first = [initializer(name, [4, 4]).tolist() for name in ("normal", "uniform", "xavier_uniform")]
    set_seed(5)
    assert [initializer(name, [4, 4]).tolist() for name in ("normal", "uniform", "xavier_uniform")] == first
    assert get_seed() == common.get_seed() == 5
    for wrong, error in ((1.5, TypeError), (True, TypeError), (-1, ValueError), (2**32, ValueError)):
        with pytest.raises(error, match="set_seed"):
            set_seed(wrong)
