"""Methods that the compiler is refused: its modules are played by code of their names."""

import sys
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from fusedstep.mindspore import Parameter, Tensor, nn


def asked_from(module: str, instance: Any) -> Any:
    """``instance.construct``, asked for by code of a module."""
    return eval("instance.construct", {"__name__": module, "instance": instance})  # noqa: S307


def optimizer() -> Any:
    return nn.Momentum([Parameter(Tensor(np.ones(2)), name="var")], 0.5, 0.5)


def test_a_call_gets_the_method() -> None:
    opt = optimizer()
    assert asked_from("mindspore.nn.cell", opt)((Tensor(np.ones(2)),)) == (True,)
    assert nn.Momentum.construct.__doc__.startswith("Take one step.")


@pytest.mark.parametrize("opt", [optimizer(), nn.LARS(optimizer())])
def test_the_compiler_is_refused(opt: Any) -> None:
    with pytest.raises(RuntimeError, match=rf"^{type(opt).__name__} of fusedstep cannot be compiled.*PYNATIVE_MODE"):
        asked_from("mindspore.graph._parse.parser", opt)


def test_what_is_compiled_of_a_subclass_refuses_as_well() -> None:
    with pytest.raises(RuntimeError, match="cannot be compiled"):
        asked_from("mindspore.graph._parse.namespace", optimizer())()


@pytest.mark.parametrize("traced", [None, object()])
def test_a_traced_call_is_refused(traced: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    module: Any = ModuleType("jit_context")
    module.jit_context = lambda: traced
    monkeypatch.setitem(sys.modules, "mindspore.graph.jit_context", module)
    if traced is None:
        assert optimizer()((Tensor(np.ones(2)),)) == (True,)
    else:
        with pytest.raises(RuntimeError, match="cannot be compiled"):
            optimizer()((Tensor(np.ones(2)),))
