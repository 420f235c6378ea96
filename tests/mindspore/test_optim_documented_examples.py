"""The examples that MindSpore documents for its optimizers: their groups step as the documentation says."""

from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import fusedstep.mindspore as face
from fusedstep.mindspore import nn

DECAYED_AND_CENTRALIZED = {"weight_decay": 0.01, "grad_centralization": True}
SLOW = {"lr": 0.01}


@dataclass(frozen=True)
class Example:
    """The two documented calls of an optimizer: with parameters, and with groups.

    Attributes:
        plain: the arguments beside the parameters.
        convolutions: the group of the parameters with "conv" in their names.
        others: the group of the other parameters.
        grouped: the arguments beside the groups, and the learning rate of 0.1.
        coupled: whether weight decay is a part of the gradient.
    """

    plain: dict[str, Any] = field(default_factory=dict)
    convolutions: dict[str, Any] = field(default_factory=lambda: DECAYED_AND_CENTRALIZED)
    others: dict[str, Any] = field(default_factory=lambda: SLOW)
    grouped: dict[str, Any] = field(default_factory=lambda: {"weight_decay": 0.0})
    coupled: bool = True


EXAMPLES = {
    "Adam": Example(grouped={"weight_decay": 0.0, "use_lazy": False, "use_offload": False}),
    "AdamWeightDecay": Example(convolutions={"weight_decay": 0.01}, coupled=False),
    "AdamOffload": Example(convolutions={"weight_decay": 0.01}),
    "LazyAdam": Example(),
    "FTRL": Example(others={}),
    "ProximalAdagrad": Example(),
    "Adagrad": Example(),
    "Adadelta": Example(),
    "AdaMax": Example(),
    "Momentum": Example({"learning_rate": 0.1, "momentum": 0.9}, grouped={"momentum": 0.9, "weight_decay": 0.0}),
    "SGD": Example(convolutions={"grad_centralization": True}),
    "RMSProp": Example({"learning_rate": 0.1}),
    # The rate of its second group is a schedule.
    "Lamb": Example({"learning_rate": 0.1}, others={"lr": ("PolynomialDecayLR", 0.1, 0.01, 4, 0.5)}, coupled=False),
}
# Their examples have other groups, or none.
OTHERS = {"AdaFactor", "LARS"}
STEPS = 3


def network(mindspore: ModuleType) -> Any:
    """A cell with the parameters of two convolutions and a dense layer; no pass is run."""

    class Layer(mindspore.nn.Cell):  # type: ignore[name-defined,misc]
        def __init__(self, *shape: int) -> None:
            super().__init__()
            random = np.random.default_rng(shape)
            for name, size in (("weight", shape), ("bias", shape[:1])):
                array = random.standard_normal(size).astype(np.float32)
                setattr(self, name, mindspore.Parameter(mindspore.Tensor(array), name=name))

    class Net(mindspore.nn.Cell):  # type: ignore[name-defined,misc]
        def __init__(self) -> None:
            super().__init__()
            self.conv1 = Layer(6, 1, 5, 5)
            self.conv2 = Layer(4, 16, 3, 3)
            self.fc1 = Layer(3, 8)

    return Net()


def gradients_of(parameters: Any) -> list[list[np.ndarray]]:
    """The gradients of each step."""
    random = np.random.default_rng(7)
    return [[random.standard_normal(each.shape).astype(np.float32) for each in parameters] for _ in range(STEPS)]


def grouped(name: str, mindspore: ModuleType, net: Any, without: str = "") -> Any:
    """The optimizer of the second call, whose groups may lack a setting."""
    example = EXAMPLES[name]
    settings = {key: value for key, value in example.convolutions.items() if key != without}
    convolutions = [each for each in net.trainable_params() if "conv" in each.name]
    others = [each for each in net.trainable_params() if "conv" not in each.name]
    return getattr(mindspore.nn, name)(
        [
            {"params": convolutions, **settings},
            {"params": others, **{key: rate_of(value, mindspore) for key, value in example.others.items()}},
            {"order_params": net.trainable_params()},
        ],
        learning_rate=0.1,
        **example.grouped,
    )


def rate_of(value: Any, mindspore: ModuleType) -> Any:
    """A number, or the schedule of that name."""
    return getattr(mindspore.nn, value[0])(*value[1:]) if isinstance(value, tuple) else value


def run(optimizer: Any, parameters: Any, mindspore: ModuleType) -> list[np.ndarray]:
    """The parameters after some steps."""
    for gradients in gradients_of(parameters):
        optimizer(tuple(mindspore.Tensor(gradient) for gradient in gradients))
    return [each.asnumpy().copy() for each in parameters]


def one_by_one(name: str) -> list[np.ndarray]:
    """The parameters after the same steps of the optimizers that have one parameter each, and its group's settings."""
    example, net = EXAMPLES[name], network(face)
    parameters = net.trainable_params()
    optimizers, groups = [], []
    for parameter in parameters:
        group = example.convolutions if "conv" in parameter.name else example.others
        groups.append(group)
        rate = rate_of(group.get("lr", 0.1), face)
        settings = {"weight_decay": 0.0 if example.coupled else group.get("weight_decay", 0.0)}
        optimizers.append(getattr(nn, name)([parameter], learning_rate=rate, **example.grouped | settings))
    for gradients in gradients_of(parameters):
        for optimizer, parameter, group, array in zip(optimizers, parameters, groups, gradients, strict=True):
            if example.coupled and "weight_decay" in group:
                array = array + np.float32(group["weight_decay"]) * parameter.asnumpy()
            # MindSpore centralizes where the second axis divides by 16.
            if group.get("grad_centralization") and parameter.name == "conv2.weight":
                array = array - array.mean(axis=(1, 2, 3), keepdims=True)
            optimizer((face.Tensor(array),))
    return [each.asnumpy() for each in parameters]


def test_every_optimizer_has_its_examples() -> None:
    assert {*EXAMPLES, *OTHERS, "Optimizer"} == set(nn.optim.__all__)


@pytest.mark.parametrize("name", EXAMPLES)
def test_parameters_alone_step(name: str) -> None:
    net = network(face)
    before = [each.asnumpy().copy() for each in net.trainable_params()]
    optimizer = getattr(nn, name)(params=net.trainable_params(), **EXAMPLES[name].plain)
    after = run(optimizer, net.trainable_params(), face)
    assert all(np.isfinite(array).all() for array in after)
    assert all((old != new).any() for old, new in zip(before, after, strict=True))
    assert optimizer.global_step.asnumpy().tolist() == [STEPS]


@pytest.mark.parametrize("name", EXAMPLES)
def test_groups_have_the_documented_settings(name: str) -> None:
    net, example = network(face), EXAMPLES[name]
    optimizer = grouped(name, face, net)
    order = ["conv1.weight", "conv1.bias", "conv2.weight", "conv2.bias", "fc1.weight", "fc1.bias"]
    assert [each.name for each in net.trainable_params()] == order
    assert [each.name for each in optimizer.parameters] == order
    other = example.others.get("lr", 0.1)
    rates = optimizer.get_lr()
    rates = rates if isinstance(rates, list | tuple) else [rates] * 6
    # The schedule starts at 0.1.
    expected = [0.1] * 4 + [0.1 if isinstance(other, tuple) else other] * 2
    np.testing.assert_array_equal([float(each.asnumpy()) for each in rates], np.array(expected, np.float32))
    decay = example.convolutions.get("weight_decay", 0.0)
    decays = [float(each.asnumpy()) for each in optimizer.get_weight_decay()]
    np.testing.assert_array_equal(decays, np.array([decay] * 4 + [0.0] * 2, np.float32))
    centralizes = "grad_centralization" in example.convolutions
    assert optimizer.grad_centralization_flags == (centralizes,) * 4 + (False,) * 2


@pytest.mark.parametrize("name", EXAMPLES)
def test_groups_step_as_optimizers_of_one_parameter(name: str) -> None:
    net = network(face)
    together = run(grouped(name, face, net), net.trainable_params(), face)
    for parameter, array, alone in zip(net.trainable_params(), together, one_by_one(name), strict=True):
        np.testing.assert_array_equal(array, alone, err_msg=parameter.name)


def test_adafactor_with_groups() -> None:
    """Groups of one parameter, and no relative step."""

    def steps(make: Any) -> list[np.ndarray]:
        net = network(face)
        first, second = net.trainable_params()[:2]
        optimizers = make(first, second)
        for gradients in gradients_of([first, second]):
            tensors = [face.Tensor(gradient) for gradient in gradients]
            for optimizer, part in optimizers:
                optimizer(tuple(tensors[part]))
        return [first.asnumpy(), second.asnumpy()]

    settings = {"learning_rate": 0.1, "weight_decay": 0.0, "relative_step": False}
    together = steps(
        lambda first, second: [(nn.AdaFactor([{"params": [first]}, {"params": [second]}], **settings), slice(2))]
    )
    apart = steps(
        lambda first, second: [
            (nn.AdaFactor([each], **settings), slice(place, place + 1)) for place, each in enumerate((first, second))
        ]
    )
    for one, other in zip(together, apart, strict=True):
        np.testing.assert_array_equal(one, other)
    net = network(face)
    plain = nn.AdaFactor(params=net.trainable_params())
    assert all(np.isfinite(array).all() for array in run(plain, net.trainable_params(), face))


def test_lars_around_momentum() -> None:
    net = network(face)
    parameters = net.trainable_params()
    weights = [each.asnumpy().astype(float) for each in parameters]
    moments = [np.zeros_like(weight) for weight in weights]
    step = nn.LARS(nn.Momentum(parameters, 0.1, 0.9), epsilon=1e-08, coefficient=0.02)
    after = run(step, parameters, face)
    for gradients in gradients_of(parameters):
        for parameter, weight, moment, gradient in zip(parameters, weights, moments, gradients, strict=True):
            norms = np.linalg.norm(weight), np.linalg.norm(gradient)
            rate = 1.0 if "bias" in parameter.name else 0.02 * norms[0] / (norms[1] + 1e-8)
            moment[...] = 0.9 * moment + rate * gradient
            weight -= 0.1 * moment
    for array, weight in zip(after, weights, strict=True):
        np.testing.assert_allclose(array, weight, rtol=1e-5, atol=1e-6)
