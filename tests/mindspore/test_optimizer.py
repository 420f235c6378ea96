"""``nn.Optimizer`` as the base class of a user's optimizer."""

from typing import Any

import numpy as np
import pytest

from fusedstep.mindspore import Parameter, RowTensor, Tensor, float32, nn, ops


class MomentumOfMine(nn.Optimizer):
    """An optimizer of a user, with an operator."""

    def __init__(self, params: Any, learning_rate: Any, momentum: float = 0.5, **more: Any) -> None:
        super().__init__(learning_rate, params, **more)
        self.moments = self.parameters.clone(prefix="moments", init="zeros")
        self.momentum = momentum
        self.opt = ops.ApplyMomentum()

    def construct(self, gradients: Any) -> Any:
        gradients = self.decay_weight(gradients)
        gradients = self.gradients_centralization(gradients)
        gradients = self.scale_grad(gradients)
        lr, success = self.get_lr(), None
        for param, moment, grad in zip(self.parameters, self.moments, gradients, strict=True):
            success = self.opt(param, moment, lr, grad, self.momentum)
        return success


def test_an_optimizer_of_a_user_steps_as_ours() -> None:
    random = np.random.default_rng(0)
    start, grads = random.normal(size=(2, 16)).astype(np.float32), random.normal(size=(3, 2, 16)).astype(np.float32)
    one, other = (Parameter(Tensor(start), name="var") for _ in range(2))
    more: Any = {"weight_decay": 0.25, "loss_scale": 4.0}
    mine = MomentumOfMine([{"params": [one], "grad_centralization": True}], 0.5, **more)
    ours = nn.Momentum([{"params": [other], "grad_centralization": True}], 0.5, 0.5, **more)
    for grad in grads:
        mine((Tensor(grad),))
        ours((Tensor(grad),))
    np.testing.assert_allclose(one.asnumpy(), other.asnumpy(), rtol=1e-5, atol=1e-6)


def test_row_tensors_are_decayed_and_scaled_by_row() -> None:
    var = Parameter(Tensor(np.full((3, 2), 2.0, np.float32)), name="var")
    optimizer = MomentumOfMine([var], 0.5, weight_decay=0.5, loss_scale=2.0)
    rows = RowTensor(Tensor([2, 2]), Tensor(np.ones((2, 2), np.float32)), (3, 2))
    (found,) = optimizer.scale_grad(optimizer.decay_weight((rows,)))
    assert isinstance(found, RowTensor)
    assert found.values.asnumpy().tolist() == [[1.5, 1.5], [1.5, 1.5]]
    assert rows.values.asnumpy().tolist() == [[1.0, 1.0], [1.0, 1.0]]


def test_get_lr_and_get_weight_decay() -> None:
    a, b = Parameter([1.0], name="a"), Parameter([1.0], name="b")
    plain = MomentumOfMine([a, b], 0.5, weight_decay=0.25, loss_scale=4.0)
    assert plain.get_lr().item() == 0.5
    assert plain.get_weight_decay().item() == 1.0
    grouped = MomentumOfMine([{"params": [a], "lr": 0.25}, {"params": [b], "weight_decay": 0.5}], 0.5)
    assert [each.item() for each in grouped.get_lr()] == [0.25, 0.5]
    assert [each.item() for each in grouped.get_weight_decay()] == [0.0, 0.5]
    assert grouped.decay_flags == (False, True)
    stranger = Parameter([1.0], name="stranger")
    with pytest.raises(ValueError, match="stranger is not a parameter of the optimizer"):
        grouped.get_lr_parameter(stranger)
    with pytest.raises(TypeError, match="expected a Parameter or a list of them"):
        grouped.get_lr_parameter("a")


def test_target_and_unique() -> None:
    for optimizer in (MomentumOfMine([Parameter([1.0], name="a")], 0.5), nn.FTRL([Parameter([1.0], name="a")])):
        assert (optimizer.target, optimizer.unique) == ("CPU", True)
        optimizer.target = "CPU"
        optimizer.unique = False
        with pytest.raises(ValueError, match="expected 'CPU'"):
            optimizer.target = "Ascend"
        with pytest.raises(TypeError, match="target is of type int"):
            optimizer.target = 1
        with pytest.raises(TypeError, match=f"{type(optimizer).__name__}: unique is 1"):
            optimizer.unique = 1


@pytest.mark.parametrize(
    ("scale", "error"), [(0.0, ValueError), (-1, ValueError), ("big", TypeError), (True, TypeError)]
)
def test_what_is_refused_as_loss_scale(scale: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="loss_scale"):
        nn.Adam([Parameter([1.0], name="var")], loss_scale=scale)


def test_settings_are_checked_with_mindspores_types_of_errors() -> None:
    var = Parameter(Tensor([1.0], float32), name="var")
    calls: list[tuple[Any, dict[str, Any], type[Exception]]] = [
        (nn.Adam, {"beta1": 1.0}, ValueError),
        (nn.Adam, {"beta2": 1}, TypeError),
        (nn.Adam, {"eps": 0.0}, ValueError),
        (nn.Adam, {"use_lazy": True, "use_offload": True}, ValueError),
        (nn.Adam, {"use_amsgrad": True, "use_lazy": True}, ValueError),
        (nn.Adam, {"use_amsgrad": True, "use_nesterov": True}, ValueError),
        (nn.Adam, {"lazy": True}, KeyError),
        (nn.Adam, {"use_nesterov": 1}, TypeError),
        (nn.LazyAdam, {"weight_decay": -1.0}, ValueError),
        (nn.AdamWeightDecay, {"beta1": 0.0}, ValueError),
        (nn.FTRL, {"learning_rate": [0.1, 0.2]}, ValueError),
        (nn.FTRL, {"learning_rate": 0.0}, ValueError),
        (nn.FTRL, {"lr_power": 0.5}, ValueError),
        (nn.FTRL, {"l1": 1}, TypeError),
        (nn.FTRL, {"l2": -1.0}, ValueError),
        (nn.ProximalAdagrad, {"accum": -0.1}, ValueError),
        (nn.Adagrad, {"update_slots": None}, TypeError),
        (nn.Adadelta, {"rho": 1.5}, ValueError),
        (nn.Momentum, {"learning_rate": 0.1, "momentum": -0.5}, ValueError),
        (nn.SGD, {"nesterov": True}, ValueError),
        (nn.SGD, {"weight_decay": nn.Cell()}, TypeError),
        (nn.RMSProp, {"epsilon": 0.0}, ValueError),
        (nn.Lamb, {"learning_rate": 0.1, "eps": 0.0}, ValueError),
        (nn.AdaFactor, {"learning_rate": 0.1}, ValueError),
        (nn.AdaFactor, {"relative_step": False}, ValueError),
        (nn.AdaFactor, {"eps": (1e-30,)}, ValueError),
        (nn.AdaFactor, {"eps": 1e-30}, TypeError),
        (nn.AdaFactor, {"decay_rate": 1.0}, ValueError),
        (nn.AdaFactor, {"warmup_init": 1}, TypeError),
        (nn.AdaFactor, {"compression": 1}, TypeError),
        (nn.LARS, {"epsilon": 1}, TypeError),
        (nn.LARS, {"lars_filter": "bias"}, TypeError),
    ]
    for optimizer, settings, error in calls:
        given = nn.Momentum([var], 0.1, 0.9) if optimizer is nn.LARS else [var]
        with pytest.raises(error, match=optimizer.__name__):
            optimizer(given, **settings)
    with pytest.raises(TypeError, match="LARS: optimizer is of type list"):
        nn.LARS([var])
