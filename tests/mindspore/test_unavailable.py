"""What MindSpore has and we have not."""

import importlib
import importlib.util
import sys

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
    with pytest.raises(
        NotImplementedError, match=r"^fusedstep.mindspore.nn.Dense: .* take mindspore.nn.Dense from MindSpore"
    ):
        Network(2, 3)


def run(statement: str) -> None:
    exec(statement)  # noqa: S102


def test_other_names_are_no_attributes() -> None:
    assert not hasattr(nn, "Transformer")
    with pytest.raises(
        AttributeError, match=r"'fusedstep\.mindspore\.ops' has no attribute 'MatMul'; MindSpore may have"
    ):
        ops.MatMul  # noqa: B018


@pytest.mark.parametrize(
    ("package", "name", "reason"),
    [
        ("", "amp", "layers and its autodiff"),
        ("", "train", "layers and its autodiff"),
        ("", "dataset", "no data sets"),
        ("", "boost", "rewrites MindSpore's own optimizers"),
        ("", "mint", "torch.optim"),
        ("", "save_checkpoint", "no checkpoints"),
        ("", "load_checkpoint", "no checkpoints"),
        ("", "load_param_into_net", "no checkpoints"),
        (".nn", "Rprop", "signs of gradients"),
        (".nn", "ASGD", "averages the weights"),
        (".nn", "thor", "second order"),
        (".nn", "AdaSumByGradWrapCell", "several processes"),
        (".nn", "AdaSumByDeltaWeightWrapCell", "several processes"),
        (".nn", "OptTFTWrapper", "failover"),
        (".nn", "DynamicLossScaleUpdateCell", "layers and its autodiff"),
        (".nn.optim", "thor", "second order"),
        (".nn.optim", "Rprop", "signs of gradients"),
    ],
)
def test_importing_what_is_missing_says_why(package: str, name: str, reason: str) -> None:
    where = f"fusedstep.mindspore{package}"
    told = (
        rf"'{name}'.*; MindSpore has it, this module has not\. .*{reason}.* To use "
        rf"mindspore{package}\.{name}, run beside MindSpore"
    )
    for statement in (f"from {where} import {name}", f"import {where}.{name}"):
        with pytest.raises(ImportError, match=f"cannot import name {told}"):
            run(statement)
    module = importlib.import_module(where)
    assert not hasattr(module, name)
    its = told if package != ".nn.optim" else ""
    with pytest.raises(AttributeError, match=f"has no attribute {its}"):
        getattr(module, name)


@pytest.mark.parametrize("package", ["", ".nn", ".nn.optim", ".ops", ".ops.operations", ".common"])
def test_importing_an_unknown_name_says_what_is_here(package: str) -> None:
    with pytest.raises(ImportError, match=r"cannot import name 'Other' from .*; MindSpore may have it: fusedstep"):
        run(f"from fusedstep.mindspore{package} import Other")


def test_imports_elsewhere_are_as_ever() -> None:
    for statement in ("from fusedstep import amp", "import fusedstep.amp", "import amp_of_nobody"):
        with pytest.raises(ImportError) as told:
            run(statement)
        assert "MindSpore" not in str(told.value)
    assert importlib.util.find_spec("fusedstep.amp") is None
    assert importlib.util.find_spec("fusedstep.mindspore.nn") is not None
    assert importlib.util.find_spec("fusedstep.mindspore.__main__") is None
    assert [each.__name__ for each in sys.meta_path if isinstance(each, type)].count("Explainer") == 1
