"""Whose parameters an optimizer steps."""

import sys

import numpy as np
import pytest

import fusedstep as fs
from fusedstep import mindspore
from fusedstep.mindspore import Parameter, Tensor, nn
from fusedstep.mindspore.nn.optim.framework import OURS, framework_of


def test_parameters_of_ours_have_our_base_class() -> None:
    assert framework_of([[Parameter([1.0], name="var")], nn.Momentum, None, {"params": []}]) is OURS


def test_the_name_of_mindspore_may_be_an_alias_of_the_face(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mindspore", mindspore)
    var = Parameter(Tensor(np.ones((3, 2), np.float32)), name="var")
    gradient = Tensor(np.ones((3, 2), np.float32))
    optimizer = nn.LARS(nn.Momentum([var], 0.5, 0.0), lars_filter=lambda parameter: False)
    assert optimizer((gradient,)) == (True,)
    assert fs.ops.ApplyGradientDescent()(var, 0.25, gradient)[0] is var
    assert var.asnumpy().tolist() == [[0.25, 0.25]] * 3
