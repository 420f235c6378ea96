"""Parameter groups, and what is refused in them. The types of errors are MindSpore's."""

from typing import Any

import numpy as np
import pytest

from fusedstep.mindspore import Parameter, Tensor
from fusedstep.mindspore.nn.optim.parameter_groups import Setting, read_parameters


def parameters(*names: str) -> list[Parameter]:
    return [Parameter(Tensor(np.ones(2)), name=name) for name in names]


def test_parameters_without_groups_have_no_settings_of_their_own() -> None:
    given = parameters("a", "b")
    assert read_parameters("Adam", iter(given)) == [Setting(each) for each in given]


def test_groups_are_in_the_order_of_order_params() -> None:
    a, b, c = parameters("a", "b", "c")
    groups = [{"params": [b, c], "lr": 0.5, "grad_centralization": True}, {"order_params": [a, b, c]}, {"params": [a]}]
    found = read_parameters("Adam", groups)
    assert [setting.parameter.name for setting in found] == ["a", "b", "c"]
    assert [setting.group for setting in found] == [2, 0, 0]
    assert [setting.lr for setting in found] == [None, 0.5, 0.5]
    assert [setting.grad_centralization for setting in found] == [False, True, True]


A, B = parameters("a", "b")
REFUSED: list[tuple[Any, type[Exception], str]] = [
    (None, ValueError, "is None"),
    ([], ValueError, "is empty"),
    (5, TypeError, "expected a list of Parameters or of groups"),
    ("weights", TypeError, "expected a list of Parameters or of groups"),
    (A, TypeError, "expected a list of Parameters or of groups"),
    (Tensor([1.0, 2.0]), TypeError, "expected a list of Parameters or of groups"),
    (np.ones(2), TypeError, "expected a list of Parameters or of groups"),
    ([A, Tensor([1.0])], TypeError, "number 1 is of type Tensor, expected a Parameter"),
    ([A, {"params": [B]}], TypeError, "number 1 is of type dict"),
    ([A, A], RuntimeError, "the parameter a is given twice"),
    ([A, Parameter([1.0], name="a")], RuntimeError, "the parameter a is given twice"),
    ([{"params": [A], "learning_rate": 0.5}], KeyError, "learning_rate"),
    ([{"lr": 0.5}], KeyError, "has no params"),
    ([{"params": []}], ValueError, "params of parameters.0. is empty"),
    ([{"params": A}], TypeError, "params of parameters.0. is of type Parameter"),
    ([{"params": [A], "grad_centralization": 1}], TypeError, "expected a bool"),
    ([{"params": [A]}, {"params": [A]}], RuntimeError, "given twice"),
    ([{"params": [A]}, {"order_params": [A, B]}], ValueError, "order_params has 2 Parameters"),
    ([{"params": [A, B]}, {"order_params": [A, A]}], ValueError, "each of the 2 Parameters"),
    ([{"params": [A]}, {"order_params": [A], "lr": 1.0}], ValueError, "order_params alone"),
]


@pytest.mark.parametrize(("given", "error", "message"), REFUSED)
def test_what_is_refused(given: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        read_parameters("Adam", given)
