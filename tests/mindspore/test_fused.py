"""The optimizers against the plain rules in NumPy."""

import copy
import os
import pickle
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fusedstep import rules
from fusedstep.mindspore import Parameter, RowTensor, Tensor, nn
from fusedstep.mindspore.nn.learning_rate_schedule import LearningRateSchedule

LR = 0.0625
STEPS = 4


def f32(value: float) -> float:
    return float(np.float32(value))


def power(value: float, step: int) -> float:
    """A power as MindSpore computes it: products in float32."""
    product = np.float32(1)
    for _ in range(step):
        product = product * np.float32(value)
    return float(product)


def adam_scalars(step: int) -> dict[str, float]:
    settings = {"beta1": f32(0.9), "beta2": f32(0.999), "epsilon": f32(1e-8)}
    return settings | {"beta1_power": power(0.9, step), "beta2_power": power(0.999, step)}


def fixed(**scalars: float) -> Callable[[int], dict[str, float]]:
    return lambda step: scalars


@dataclass(frozen=True)
class Case:
    """An optimizer, the rule that it is, and the first values of the rule's states."""

    optimizer: str
    rule: Callable[..., Any]
    states: tuple[float, ...]
    scalars: Callable[[int], dict[str, float]]
    settings: dict[str, Any] = field(default_factory=dict)
    switches: dict[str, bool] = field(default_factory=dict)
    decay_scalar: str = ""

    def __str__(self) -> str:
        return "-".join([self.optimizer, *self.switches])


FTRL = fixed(l1=0.125, l2=0.25, lr_power=-0.5)
RMS = fixed(rho=0.875, momentum=0.5, epsilon=0.125)
CASES = [
    Case("Adam", rules.adam, (0, 0), adam_scalars),
    Case("Adam", rules.adam, (0, 0), adam_scalars, {"use_nesterov": True}, {"use_nesterov": True}),
    Case("Adam", rules.amsgrad, (0, 0, 0), adam_scalars, {"use_amsgrad": True}),
    Case("Adam", rules.adam, (0, 0), adam_scalars, {"use_lazy": True}),
    Case("AdamOffload", rules.adam, (0, 0), adam_scalars),
    Case("LazyAdam", rules.adam, (0, 0), adam_scalars),
    Case("LazyAdam", rules.adam, (0, 0), adam_scalars, {"use_nesterov": True}, {"use_nesterov": True}),
    Case(
        "AdamWeightDecay",
        rules.adam_weight_decay,
        (0, 0),
        fixed(beta1=f32(0.9), beta2=f32(0.999), epsilon=f32(1e-6)),
        decay_scalar="decay",
    ),
    Case("FTRL", rules.ftrl, (0.1, 0), FTRL, {"l1": 0.125, "l2": 0.25}),
    Case(
        "ProximalAdagrad",
        rules.proximal_adagrad,
        (0.1,),
        fixed(l1=0.125, l2=0.25),
        {"l1": 0.125, "l2": 0.25},
        {"shrink_by_rate": True},
    ),
    Case(
        "ProximalAdagrad",
        rules.proximal_adagrad,
        (0.1,),
        fixed(l1=0.125, l2=0.25),
        {"l1": 0.125, "l2": 0.25, "shrink_by_rate": False},
    ),
    Case("Adagrad", rules.adagrad, (0.1,), fixed()),
    Case("Adagrad", rules.adagrad, (0.1,), fixed(), {"update_slots": False}, {"update_slots": False}),
    Case("Adadelta", rules.adadelta, (0, 0), fixed(rho=0.9, epsilon=1e-6)),
    Case("AdaMax", rules.adamax, (0, 0), lambda step: drop(adam_scalars(step), "beta2_power")),
    Case("Momentum", rules.momentum, (0,), fixed(momentum=0.5), {"momentum": 0.5}),
    Case(
        "Momentum",
        rules.momentum,
        (0,),
        fixed(momentum=0.5),
        {"momentum": 0.5, "use_nesterov": True},
        {"use_nesterov": True},
    ),
    Case("SGD", rules.sgd, (0, 1), fixed(momentum=0.5, dampening=0.25), {"momentum": 0.5, "dampening": 0.25}),
    Case("SGD", rules.sgd, (0, 1), fixed(momentum=0.5), {"momentum": 0.5, "nesterov": True}, {"nesterov": True}),
    Case("SGD", rules.sgd, (0, 1), fixed(momentum=0.0)),
    Case("RMSProp", rules.rmsprop, (1, 0), RMS, {"decay": 0.875, "momentum": 0.5, "epsilon": 0.125}),
    Case(
        "RMSProp",
        rules.centered_rmsprop,
        (0, 1, 0),
        RMS,
        {"decay": 0.875, "momentum": 0.5, "epsilon": 0.125, "centered": True},
    ),
]


def drop(named: dict[str, float], name: str) -> dict[str, float]:
    return {key: value for key, value in named.items() if key != name}


def made(case: Case, parameters: Any, **more: Any) -> Any:
    return getattr(nn, case.optimizer)(parameters, learning_rate=LR, **case.settings, **more)


def expected(
    case: Case, arrays: list[np.ndarray], grad: np.ndarray, step: int, decay: float = 0.0, scale: float = 1.0
) -> list[np.ndarray]:
    """The new variable and states, by the plain rule."""
    scalars = case.scalars(step) | {"lr": LR}
    if case.decay_scalar:
        scalars[case.decay_scalar] = f32(decay)
    elif decay:
        grad = grad + f32(decay * scale) * arrays[0]
    grad = f32(1 / scale) * grad if scale != 1 else grad
    return list(case.rule(*arrays, grad, **scalars, **case.switches))


def start(case: Case, shape: tuple[int, ...], random: np.random.Generator) -> list[np.ndarray]:
    return [random.normal(size=shape), *(np.full(shape, value, np.float64) for value in case.states)]


def states_of(optimizer: Any, index: int = 0) -> list[np.ndarray]:
    return [getattr(optimizer, name)[index].asnumpy() for name in optimizer._state_names]


@pytest.mark.parametrize(("decay", "scale"), [(0.0, 1.0), (0.125, 1.0), (0.0, 8.0), (0.125, 8.0)])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_dense_steps_are_those_of_the_rule(case: Case, decay: float, scale: float) -> None:
    random = np.random.default_rng(0)
    arrays = start(case, (7, 3), random)
    var = Parameter(Tensor(arrays[0]), name="var")
    more = {"weight_decay": decay} | ({"loss_scale": scale} if case.optimizer != "AdamWeightDecay" else {})
    optimizer = made(case, [var], **more)
    scale = scale if case.optimizer != "AdamWeightDecay" else 1.0
    for step in range(1, STEPS + 1):
        grad = random.normal(size=(7, 3))
        assert optimizer((Tensor(grad),)) == (True,)
        arrays = expected(case, arrays, grad, step, decay, scale)
        for found, wanted in zip([var.asnumpy(), *states_of(optimizer)], arrays, strict=True):
            np.testing.assert_array_equal(found, wanted)
    assert optimizer.global_step.asnumpy().tolist() == [STEPS]


@pytest.mark.parametrize("scale", [1.0, 8.0])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_rows_of_a_sparse_gradient_step_once(case: Case, scale: float) -> None:
    random = np.random.default_rng(1)
    arrays = start(case, (9, 3), random)
    var = Parameter(Tensor(arrays[0]), name="var")
    takes_scale = case.optimizer != "AdamWeightDecay"
    optimizer = made(case, [var], **({"loss_scale": scale} if takes_scale else {}))
    every = case.optimizer in ("Adam", "AdamOffload") and "use_lazy" not in case.settings
    for step in range(1, STEPS + 1):
        indices = np.array([5, 0, 5, 2, 0, 5], np.int32)
        values = random.normal(size=(6, 3))
        optimizer((RowTensor(Tensor(indices), Tensor(values), (9, 3)),))
        dense = np.zeros((9, 3))
        np.add.at(dense, indices, values)
        stepped = expected(case, arrays, dense, step, scale=scale if takes_scale else 1.0)
        rows = slice(None) if every else np.unique(indices)
        for array, new in zip(arrays, stepped, strict=True):
            array[rows] = new[rows]
        for found, wanted in zip([var.asnumpy(), *states_of(optimizer)], arrays, strict=True):
            np.testing.assert_array_equal(found, wanted)


def test_a_row_that_occurs_twice_is_decayed_twice() -> None:
    var = Parameter(Tensor(np.full((3, 2), 2.0)), name="var")
    rows = RowTensor(Tensor([1, 1]), Tensor(np.ones((2, 2))), (3, 2))
    nn.Momentum([var], learning_rate=0.5, momentum=0.0, weight_decay=0.25)((rows,))
    assert var.asnumpy()[:, 0].tolist() == [2.0, 2.0 - 0.5 * 2 * (1 + 0.25 * 2.0), 2.0]


def test_parameters_with_beta_or_gamma_in_their_names_are_not_decayed() -> None:
    names = ["weight", "bn.beta", "bn.gamma"]
    parameters = [Parameter(Tensor(np.ones(2)), name=name) for name in names]
    optimizer = nn.Momentum(parameters, learning_rate=0.5, momentum=0.0, weight_decay=0.5)
    optimizer(tuple(Tensor(np.zeros(2)) for _ in names))
    assert [parameter.asnumpy()[0] for parameter in parameters] == [0.75, 1.0, 1.0]
    parameters = [Parameter(Tensor(np.ones(2)), name=name) for name in names]
    ftrl = nn.FTRL(parameters, weight_decay=0.5)
    assert ftrl.decay_flags == (True, True, True)


def test_groups_have_their_own_settings() -> None:
    first, second, third = (Parameter(Tensor(np.ones(2)), name=name) for name in ("first", "second", "third"))
    groups = [
        {"params": [second], "lr": 0.25, "weight_decay": 0.5},
        {"params": [first, third]},
        {"order_params": [first, second, third]},
    ]
    optimizer = nn.Momentum(groups, learning_rate=0.5, momentum=0.0, weight_decay=0.0)
    assert [parameter.name for parameter in optimizer.parameters] == ["first", "second", "third"]
    optimizer((Tensor(np.ones(2)), Tensor(np.zeros(2)), Tensor(np.full(2, 2.0))))
    assert [parameter.asnumpy()[0] for parameter in (first, second, third)] == [0.5, 1 - 0.25 * 0.5, 0.0]
    assert optimizer.get_lr_parameter([first, second])[1].asnumpy() == np.float32(0.25)


def test_gradients_are_centralized_where_the_second_axis_divides_by_16() -> None:
    wide, narrow = Parameter(Tensor(np.ones((2, 16))), name="wide"), Parameter(Tensor(np.ones((2, 3))), name="narrow")
    groups = [{"params": [wide, narrow], "grad_centralization": True, "weight_decay": 0.5}]
    grads = [np.random.default_rng(2).normal(size=each.shape) for each in (wide, narrow)]
    nn.Momentum(groups, learning_rate=1.0, momentum=0.0)(tuple(map(Tensor, grads)))
    decayed = grads[0] + 0.5
    np.testing.assert_array_equal(wide.asnumpy(), 1 - (decayed - decayed.mean(axis=1, keepdims=True)))
    np.testing.assert_array_equal(narrow.asnumpy(), 1 - (grads[1] + 0.5 * 1))


def test_settings_follow_the_step() -> None:
    class Decay(nn.Cell):
        def construct(self, step: Any) -> Any:
            return Tensor(np.float32(0.5) * (step.asnumpy() == 1))

    var = Parameter(Tensor(np.ones(2)), name="var")
    optimizer = nn.Momentum([var], learning_rate=[0.5, 0.25, 0.125], momentum=0.0, weight_decay=Decay())
    values = []
    for _ in range(3):
        optimizer((Tensor(np.ones(2)),))
        values.append(var.asnumpy()[0])
    assert values == [0.5, 0.5 - 0.25 * (1 + 0.5 * 0.5), 0.1875 - 0.125]
    with pytest.raises(IndexError, match="learning_rate: has 3 values"):
        optimizer((Tensor(np.ones(2)),))
    assert optimizer.global_step.asnumpy().tolist() == [3]


@pytest.mark.parametrize("wrong", [-0.5, float("nan"), float("inf")])
@pytest.mark.parametrize("setting", ["learning_rate", "weight_decay"])
def test_settings_of_a_step_are_checked_before_the_first_write(setting: str, wrong: float) -> None:
    class Given(LearningRateSchedule):
        def construct(self, step: Any) -> Any:
            return Tensor(np.float32(wrong))

    kinds: list[Any] = [Given()] + [[wrong], Tensor(np.float32(wrong))] * (setting == "learning_rate")
    for kind in kinds:
        first, second = (Parameter(Tensor(np.ones(2)), name=name) for name in ("first", "second"))
        more: dict[str, Any] = {"learning_rate": 0.5, "momentum": 0.0, "loss_scale": 8.0, setting: kind}
        optimizer = nn.Momentum([first, second], **more)
        with pytest.raises(ValueError, match=f"Momentum: {setting} of this step is {wrong}, expected a finite number"):
            optimizer((Tensor(np.ones(2)), Tensor(np.ones(2))))
        assert first.tolist() + second.tolist() == [1.0] * 4
        assert optimizer.global_step.item() == 0


def test_lamb_stretches_steps_to_the_norm_of_the_weights() -> None:
    random = np.random.default_rng(3)
    weights, grad = random.normal(size=(5, 4)), random.normal(size=(5, 4))
    var = Parameter(Tensor(weights), name="var")
    nn.Lamb([var], learning_rate=LR, weight_decay=0.125)((Tensor(grad),))
    direction = grad / (np.abs(grad) + 1e-6) + 0.125 * weights
    ratio = np.linalg.norm(weights) / np.linalg.norm(direction)
    np.testing.assert_allclose(var.asnumpy(), weights - LR * ratio * direction, rtol=1e-6)


@pytest.mark.parametrize("use_clip", [False, True])
def test_lars_scales_the_gradients_of_another_optimizer(use_clip: bool) -> None:
    random = np.random.default_rng(4)
    weights, grads = [random.normal(size=5) for _ in range(2)], [random.normal(size=5) for _ in range(2)]
    parameters = [Parameter(Tensor(w), name=name) for w, name in zip(weights, ("weight", "bias"), strict=True)]
    inner = nn.Momentum(parameters, learning_rate=LR, momentum=0.0, weight_decay=0.25, loss_scale=2.0)
    lars = nn.LARS(inner, epsilon=1e-5, coefficient=0.5, use_clip=use_clip)
    lars(tuple(map(Tensor, grads)))
    norm_w, norm_g = np.linalg.norm(weights[0]), np.linalg.norm(grads[0] / 2)
    rate = 0.5 * norm_w / (norm_g + 0.25 * norm_w + 1e-5)
    rate = min(rate / LR, 1.0) if use_clip else rate
    scaled = rate * (grads[0] / 2 + 0.25 * weights[0])
    np.testing.assert_allclose(parameters[0].asnumpy(), weights[0] - LR * scaled, rtol=1e-12)
    np.testing.assert_array_equal(parameters[1].asnumpy(), weights[1] - LR * (grads[1] / 2))
    assert lars.global_step.asnumpy().tolist() == [1]


def test_adafactor_is_the_rule() -> None:
    random = np.random.default_rng(5)
    matrix, vector = random.normal(size=(4, 6)), random.normal(size=5)
    grads = random.normal(size=(4, 6)), random.normal(size=5)
    parameters = [Parameter(Tensor(matrix), name="matrix"), Parameter(Tensor(vector), name="vector")]
    optimizer = nn.AdaFactor(parameters, weight_decay=0.125)
    optimizer(tuple(map(Tensor, grads)))
    named = {
        "lr": 0.01,
        "beta1": f32(0.9),
        "beta2": 0.0,
        "epsilon1": f32(1e-30),
        "epsilon2": f32(1e-3),
        "clip_threshold": 1.0,
        "weight_decay": 0.125,
        "scale_parameter": True,
        "first_moment": True,
    }
    zeros = np.zeros((4, 1)), np.zeros((1, 6)), None
    wanted = rules.adafactor(matrix, np.zeros((4, 6)), *zeros, grads[0], **named)
    np.testing.assert_allclose(parameters[0].asnumpy(), wanted[0], rtol=1e-12)
    wanted = rules.adafactor(vector, np.zeros(5), None, None, np.zeros(5), grads[1], **named, factored=False)
    np.testing.assert_allclose(parameters[1].asnumpy(), wanted[0], rtol=1e-12)


def test_a_refused_step_changes_nothing() -> None:
    names = ("first", "second")
    for bad, error in (
        ((Tensor(np.ones(3)),), ValueError),
        ((Tensor(np.ones(3)), Tensor(np.ones(4))), ValueError),
        ((Tensor(np.ones(3)), None), TypeError),
        ((Tensor(np.ones(3)), Tensor(np.ones(3, np.int64))), TypeError),
        ((Tensor(np.ones(3)), RowTensor(Tensor([3]), Tensor(np.ones(1)), (3,))), IndexError),
        ((Tensor(np.ones(3)), RowTensor(Tensor([-1]), Tensor(np.ones(1)), (3,))), IndexError),
        ((Tensor(np.ones(3)), RowTensor(Tensor([0]), Tensor(np.ones(1)), (4,))), ValueError),
        (Tensor(np.ones(3)), TypeError),
    ):
        parameters = [Parameter(Tensor(np.ones(3)), name=name) for name in names]
        optimizer = nn.Adam(parameters)
        with pytest.raises(error, match="Adam: "):
            optimizer(bad)
        kept = [parameter.asnumpy() for parameter in optimizer.get_parameters()]
        assert all(np.isin(array, (0, 1, np.float32(0.001))).all() for array in kept), bad


def test_sums_over_a_parameter_need_dense_gradients() -> None:
    rows = RowTensor(Tensor([0]), Tensor(np.ones((1, 2))), (3, 2))
    inner = nn.Momentum([Parameter(Tensor(np.ones((3, 2))), name="inner")], 0.5, 0.5)
    for optimizer in (
        nn.Lamb([Parameter(Tensor(np.ones((3, 2))), name="var")], 0.5),
        nn.AdaFactor([Parameter(Tensor(np.ones((3, 2))), name="var")]),
        nn.LARS(inner),
    ):
        with pytest.raises(TypeError, match="expected a dense gradient"):
            optimizer((rows,))


def test_parameters_may_come_from_an_iterator() -> None:
    parameters = [Parameter(Tensor(np.ones(2)), name=name) for name in ("a", "b")]
    assert len(nn.Adam(filter(lambda each: each.requires_grad, parameters)).parameters) == 2
    groups = ({"params": iter(parameters)} for _ in range(1))
    assert len(nn.Adam(groups).parameters) == 2


def test_optimizers_are_optimizers_and_can_be_copied() -> None:
    class Mine(nn.Momentum):
        def construct(self, gradients: Any) -> Any:
            return super().construct(tuple(Tensor(2 * gradient.asnumpy()) for gradient in gradients))

    var = Parameter(Tensor(np.ones(2)), name="var")
    mine = Mine([var], learning_rate=0.5, momentum=0.0)
    assert isinstance(mine, nn.Optimizer)
    assert isinstance(mine, nn.Momentum)
    assert type(mine).__name__ == "Mine"
    mine((Tensor(np.ones(2)),))
    assert var.asnumpy().tolist() == [0.0, 0.0]
    for other in (copy.deepcopy(nn.Adam([var])), pickle.loads(pickle.dumps(nn.Adam([var])))):  # noqa: S301
        assert other((Tensor(np.ones(2)),)) == (True,)
        assert var.asnumpy().tolist() == [0.0, 0.0]
        assert [each.name for each in other.get_parameters()] == [each.name for each in nn.Adam([var]).get_parameters()]


def test_states_have_mindspores_names() -> None:
    var = Parameter(Tensor(np.ones(2, np.float32)), name="net.var")
    assert list(nn.Adam([var]).parameters_dict()) == [
        "global_step",
        "learning_rate",
        "net.var",
        "beta1_power",
        "beta2_power",
        "moment1.net.var",
        "moment2.net.var",
    ]


def test_16_bit_parameters_take_wider_and_equal_gradients() -> None:
    for dtype in (np.float16, np.float32):
        var = Parameter(Tensor(np.ones(2, np.float16)), name="var")
        nn.Momentum([var], 0.5, 0.0)((Tensor(np.ones(2, dtype)),))
        assert var.asnumpy().tolist() == [0.5, 0.5]
    var = Parameter(Tensor(np.ones(2, np.float32)), name="var")
    nn.Momentum([var], 0.5, 0.0)((Tensor(np.ones(2, np.float16)),))
    assert var.asnumpy().tolist() == [0.5, 0.5]


def test_a_sparse_gradient_may_be_a_tuple_of_its_parts() -> None:
    # MindSpore makes such tuples of the RowTensors of a compiled function.
    table = Parameter(Tensor(np.ones((3, 2))), name="table")
    nn.Momentum([table], 0.5, 0.0)(((Tensor([2, 2]), Tensor(np.ones((2, 2))), (3, 2)),))
    assert table.asnumpy()[:, 0].tolist() == [1.0, 1.0, 0.0]
    with pytest.raises(ValueError, match=r"has the shape \(2, 2\), expected \(3, 2\); of an EmbeddingLookup"):
        nn.Momentum([table], 0.5, 0.0)((Tensor(np.ones((2, 2))),))


@pytest.mark.parametrize("decay", [0.0, 0.125])
@pytest.mark.parametrize(
    ("indices", "rows", "error"),
    [
        ([0.5], (1, 2), TypeError),
        ([True, False, True], (3, 2), TypeError),
        ([[0]], (1, 2), ValueError),
        ([0, 1], (1, 2), ValueError),
        ([0], (2, 2), ValueError),
        ([0], (1, 1), ValueError),
        ([0], (2,), ValueError),
        ([0, 3], (2, 2), IndexError),
        ([-1, 0], (2, 2), IndexError),
    ],
)
def test_rows_that_do_not_fit_are_refused(
    indices: list[Any], rows: tuple[int, ...], error: type[Exception], decay: float
) -> None:
    table = Parameter(Tensor(np.ones((3, 2))), name="table")
    optimizer = nn.Momentum([table], 0.5, 0.0, weight_decay=decay)
    with pytest.raises(error, match=r"^Momentum: grads\[0\], of table, has indices"):
        optimizer(((Tensor(indices), Tensor(np.ones(rows)), (3, 2)),))
    assert (table.asnumpy() == 1).all()


def test_what_an_operator_refuses_names_the_parameter() -> None:
    parameters = [Parameter(Tensor(np.ones(2, np.float32)), name=name) for name in ("net.first", "net.second")]
    with pytest.raises(
        TypeError, match=r"Adam: grads holds float64, .*; in the step of net.second, whose .* grads\[1\]"
    ):
        nn.Adam(parameters)((Tensor(np.ones(2, np.float32)), Tensor(np.ones(2))))


def test_parts_of_a_sparse_gradient_are_checked_before_the_weight_decay_reads_rows() -> None:
    three = Tensor(np.array([0, 1, 1]))
    for indices, shape, error in (
        (three, (1, 2), ValueError),
        (three, (3, 1), ValueError),
        (three, (2, 2), ValueError),
        (Tensor(np.array([[0], [1], [2]])), (3, 2), ValueError),
        (Tensor(np.array([0.0, 1.0, 1.0])), (3, 2), TypeError),
        (Tensor(np.array([True, False, True])), (3, 2), TypeError),
    ):
        for decay in (0.0, 0.25):
            table = Parameter(Tensor(np.ones((5, 2))), name="table")
            with pytest.raises(error, match=r"LazyAdam: grads\[0\], of table, has"):
                nn.LazyAdam([table], 0.5, weight_decay=decay)(((indices, Tensor(np.ones(shape)), (5, 2)),))
            assert (table.asnumpy() == 1).all()


def test_gradients_of_a_narrower_type_are_converted() -> None:
    bfloat16 = pytest.importorskip("ml_dtypes").bfloat16
    for dtype, narrow in ((np.float64, np.float32), (np.float64, bfloat16), (np.float32, bfloat16)):
        var = Parameter(Tensor(np.ones(2, dtype)), name="var")
        nn.Momentum([var], 0.5, 0.0)((Tensor(np.ones(2, narrow)),))
        assert var.asnumpy().tolist() == [0.5, 0.5]


def test_states_and_parameters_that_are_assigned_take_the_next_step() -> None:
    var, other = (Parameter(Tensor(np.ones(2)), name="var") for _ in range(2))
    optimizer = nn.Momentum([var], learning_rate=0.5, momentum=0.5)
    optimizer((Tensor(np.ones(2)),))
    optimizer.moments = optimizer.parameters.clone("moments", init=4.0)
    optimizer((Tensor(np.zeros(2)),))
    assert optimizer.moments[0].asnumpy().tolist() == [2.0, 2.0]
    assert var.asnumpy().tolist() == [-0.5, -0.5]
    optimizer.parameters = type(optimizer.parameters)([other])
    optimizer((Tensor(np.zeros(2)),))
    assert other.asnumpy().tolist() == [0.5, 0.5]
    assert var.asnumpy().tolist() == [-0.5, -0.5]


def test_lars_steps_a_parameter_that_was_given_another_shape() -> None:
    var = Parameter(Tensor(np.ones(2)), name="var")
    inner = nn.Momentum([var], learning_rate=0.5, momentum=0.0)
    lars = nn.LARS(inner, epsilon=0.0, coefficient=0.5)
    lars((Tensor(np.ones(2)),))
    for each in (var, inner.moments[0]):
        each.set_data(Tensor(np.ones(4)))
    lars((Tensor(np.ones(4)),))
    assert var.asnumpy().tolist() == [0.75] * 4


@pytest.mark.parametrize("method", ["decay_weight", "gradients_centralization", "scale_grad"])
def test_methods_that_a_subclass_overrides_are_called(method: str) -> None:
    def doubled(self: Any, gradients: Any) -> Any:
        found = getattr(super(mine, self), method)(gradients)
        return tuple(Tensor(2 * each.asnumpy()) for each in found)

    mine: Any = type("Mine", (nn.Momentum,), {method: doubled})
    grad = np.arange(32.0).reshape(2, 16)
    values = []
    for optimizer, scale in ((nn.Momentum, 2.0), (mine, 1.0)):
        var = Parameter(Tensor(np.ones((2, 16))), name="var")
        # What comes before the overridden method is not doubled.
        decay = 0.25 * scale if method == "scale_grad" else 0.0
        groups = [{"params": [var], "weight_decay": decay, "grad_centralization": True}]
        optimizer(groups, learning_rate=0.5, momentum=0.0, loss_scale=4.0)((Tensor(scale * grad),))
        values.append(var.asnumpy())
    np.testing.assert_allclose(values[1], values[0], rtol=1e-12)


@pytest.mark.parametrize("returned", [None, "0.5", Tensor([0.5, 0.5]), [0.5]])
def test_a_weight_decay_that_is_not_one_number_is_refused(returned: Any) -> None:
    class Decay(nn.Cell):
        def construct(self, step: Any) -> Any:
            return returned

    var = Parameter(Tensor(np.ones(2)), name="var")
    optimizer = nn.Momentum([var], 0.5, 0.5, weight_decay=Decay())
    with pytest.raises((TypeError, ValueError), match=r"expected (a Tensor or a|one) number"):
        optimizer((Tensor(np.ones(2)),))
    assert var.asnumpy().tolist() == [1.0, 1.0]
    assert optimizer.global_step.asnumpy().tolist() == [0]


def test_16_bit_gradients_are_decayed_and_centralized_in_float32() -> None:
    # The weight decay times the scale of the loss is no float16.
    var = Parameter(Tensor(np.ones((3, 16), np.float16)), name="var")
    groups = [{"params": [var], "weight_decay": 0.5}]
    rows = RowTensor(Tensor([1]), Tensor(np.zeros((1, 16), np.float16)), (3, 16))
    nn.Momentum(groups, 0.5, 0.0, loss_scale=2.0**20)((rows,))
    assert var.asnumpy()[:, 0].tolist() == [1.0, 0.75, 1.0]
    values = np.full((3, 16), 1.0, np.float16)
    values[:, 0] = 1 + 2.0**-10
    nn.SGD([{"params": [var], "grad_centralization": True}], 2.0**10)((Tensor(values),))
    assert var.asnumpy()[0, :2].tolist() == [1 - 15 / 16, 1 + 1 / 16]


def test_what_lars_refuses_names_the_parameter() -> None:
    parameters = [Parameter(Tensor(np.ones(2, np.float32)), name=name) for name in ("net.first", "net.second")]
    with pytest.raises(TypeError, match=r"LARS: grads holds float64, .*; in the step of net.second"):
        nn.LARS(nn.SGD(parameters))((Tensor(np.ones(2, np.float32)), Tensor(np.ones(2))))


def test_parameters_may_come_in_any_container() -> None:
    parameters = [Parameter(Tensor(np.ones(2)), name=name) for name in ("a", "b")]
    by_name = {each.name: each for each in parameters}
    for container in (by_name.values(), dict.fromkeys(parameters).keys(), set(parameters), deque(parameters)):
        assert len(nn.Adam(container).parameters) == 2
        assert len(nn.Adam([{"params": container}]).parameters) == 2


def test_a_subclass_may_take_a_file() -> None:
    class Logged(nn.Momentum):
        def __init__(self, parameters: Any, log: Any) -> None:
            super().__init__(parameters, 0.5, 0.5)
            self.log = log

    with Path(os.devnull).open("w") as log:
        assert Logged([Parameter(Tensor(np.ones(2)), name="a")], log).log is log


@pytest.mark.parametrize("decay", [0.0, 0.5])
@pytest.mark.parametrize("sparse", [False, True])
def test_gradients_of_integers_are_refused(sparse: bool, decay: float) -> None:
    var = Parameter(Tensor(np.ones((2, 16))), name="var")
    values = Tensor(np.ones((2, 16), np.int32))
    groups = [{"params": [var], "weight_decay": decay, "grad_centralization": True}]
    with pytest.raises(TypeError, match=r"Adam: grads\[0\], of var, holds int32, expected float64"):
        nn.Adam(groups)((RowTensor(Tensor([0, 1]), values, (2, 16)) if sparse else values,))
    assert var.asnumpy().min() == 1
