"""What MindSpore has and we have not."""

import pytest

from fusedstep import mindspore
from fusedstep.mindspore import nn, ops


@pytest.mark.parametrize(
    ("thing", "name"),
    [(nn.TrainOneStepCell, "nn.TrainOneStepCell"), (ops.grad, "ops.grad"), (mindspore.Model, "Model")],
)
def test_using_it_says_so(thing: type, name: str) -> None:
    with pytest.raises(
        NotImplementedError, match=rf"^fusedstep\.mindspore\.{name}: MindSpore has it, this module has not"
    ):
        thing(1, key=2)


def test_a_subclass_names_what_is_missing() -> None:
    class Network(nn.Dense):  # type: ignore[misc]
        pass

    assert issubclass(Network, nn.Dense)
    with pytest.raises(NotImplementedError, match=r"^fusedstep.mindspore.nn.Dense: .* take it from MindSpore"):
        Network(2, 3)


def test_other_names_are_no_attributes() -> None:
    assert not hasattr(nn, "Transformer")
    with pytest.raises(
        AttributeError, match=r"'fusedstep\.mindspore\.ops' has no attribute 'MatMul'; MindSpore may have"
    ):
        ops.MatMul  # noqa: B018
