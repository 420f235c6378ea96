"""Where MindSpore has no kernel for the CPU or a wrong one: its parameters beside the documented formula in NumPy."""

from collections.abc import Callable
from typing import Any

import mindspore
import numpy as np
import pytest

import fusedstep.mindspore.nn
from tests.mindspore.beside_mindspore.side_by_side import (
    SHAPES,
    STEPS,
    TOLERANCE,
    assert_close,
    gradients,
    parameters,
    stepped,
    values,
)

Formula = Callable[[int, str, np.ndarray, np.ndarray, dict[str, Any]], np.ndarray]


def single(value: float) -> float:
    """A setting as optimizers hold it, in float32."""
    return float(np.float32(value))


def by_formula(formula: Formula, dtype: Any) -> dict[str, np.ndarray]:
    """The parameters after many steps of a formula in float64; each has its own states in a dict."""
    found, states = values(parameters(SHAPES, dtype)), {name: {} for name in SHAPES}
    for step, grads in zip(range(1, STEPS + 1), gradients(SHAPES, dtype), strict=False):
        for name, grad in zip(SHAPES, grads, strict=True):
            found[name] = formula(step, name, found[name], grad.astype(np.float64), states[name])
    return found


def decayed(name: str, var: np.ndarray, grad: np.ndarray, weight_decay: float, loss_scale: float) -> np.ndarray:
    """A gradient with weight decay, which parameters with gamma in their names have not, without the loss' scale."""
    decay = 0.0 if "gamma" in name else single(weight_decay * loss_scale)
    return (grad + decay * var) / loss_scale


def ftrl(step: int, name: str, var: np.ndarray, grad: np.ndarray, states: dict[str, Any]) -> np.ndarray:
    lr, l1, l2 = single(0.1), single(0.02), single(0.01)
    accum, linear = states.get("accum", np.full(var.shape, single(0.5))), states.get("linear", np.zeros(var.shape))
    states["accum"] = accum + grad**2
    states["linear"] = linear = linear + grad - (np.sqrt(states["accum"]) - np.sqrt(accum)) / lr * var
    stepped_to = (np.sign(linear) * l1 - linear) / (np.sqrt(states["accum"]) / lr + 2 * l2)
    return np.where(np.abs(linear) > l1, stepped_to, 0.0)


def nesterov(step: int, name: str, var: np.ndarray, grad: np.ndarray, states: dict[str, Any]) -> np.ndarray:
    lr, momentum = single(0.05), single(0.8)
    grad = decayed(name, var, grad, 0.01, 8.0)
    states["moment"] = momentum * states.get("moment", 0.0) + grad
    return var - lr * (grad + momentum * states["moment"])


def rmsprop(step: int, name: str, var: np.ndarray, grad: np.ndarray, states: dict[str, Any]) -> np.ndarray:
    lr, rho, momentum, epsilon = single(0.01), 0.8, 0.5, 0.3
    states["ms"] = rho * states.get("ms", 1.0) + (1 - rho) * grad**2
    states["moment"] = momentum * states.get("moment", 0.0) + lr * grad / np.sqrt(states["ms"] + epsilon)
    return var - states["moment"]


def lamb(step: int, name: str, var: np.ndarray, grad: np.ndarray, states: dict[str, Any]) -> np.ndarray:
    lr, beta1, beta2, epsilon = single(0.01), single(0.8), single(0.99), single(1e-5)
    decay = 0.0 if "gamma" in name else single(0.1)
    states["m"] = beta1 * states.get("m", 0.0) + (1 - beta1) * grad
    states["v"] = beta2 * states.get("v", 0.0) + (1 - beta2) * grad**2
    update = states["m"] / (1 - beta1**step) / (np.sqrt(states["v"] / (1 - beta2**step)) + epsilon) + decay * var
    return var - lr * np.linalg.norm(var) / np.linalg.norm(update) * update


def lars(
    step: int, name: str, var: np.ndarray, grad: np.ndarray, states: dict[str, Any], clip: bool = False
) -> np.ndarray:
    lr, momentum, coefficient, epsilon = single(0.5), single(0.9), 0.02, 1e-5
    grad = grad / 8.0
    if "bias" not in name:
        decay = 0.0 if "gamma" in name else single(0.08) / 8
        norm, norm_of_grad = np.linalg.norm(var), np.linalg.norm(grad)
        factor = coefficient * norm / (norm_of_grad + decay * norm + epsilon)
        grad = (min(factor / lr, 1.0) if clip else factor) * (grad + decay * var)
    states["moment"] = momentum * states.get("moment", 0.0) + grad
    return var - lr * states["moment"]


def lars_with_clip(*arguments: Any) -> np.ndarray:
    return lars(*arguments, clip=True)


def lars_of(nn: Any, params: list[Any], **more: Any) -> Any:
    return nn.LARS(nn.Momentum(params, 0.5, 0.9, weight_decay=0.01, loss_scale=8.0), coefficient=0.02, **more)


CASES: dict[str, tuple[Formula, Any, str]] = {
    "FTRL with l1": (
        ftrl,
        lambda nn, params: nn.FTRL(params, 0.5, 0.1, l1=0.02, l2=0.01),
        "ApplyFtrl computes l1 - z in place of sign(z) l1 - z",
    ),
    "Momentum with use_nesterov": (
        nesterov,
        lambda nn, params: nn.Momentum(params, 0.05, 0.8, 0.01, 8.0, use_nesterov=True),
        "ApplyMomentum ignores use_nesterov",
    ),
    "RMSProp": (
        rmsprop,
        lambda nn, params: nn.RMSProp(params, 0.01, 0.8, 0.5, 0.3),
        "ApplyRMSProp adds epsilon to the root, but for the last elements",
    ),
    "Lamb": (
        lamb,
        lambda nn, params: nn.Lamb(params, 0.01, 0.8, 0.99, 1e-5, weight_decay=0.1),
        "no kernel for the CPU",
    ),
    "LARS": (lars, lars_of, "no kernel for the CPU"),
    "LARS with use_clip": (
        lars_with_clip,
        lambda nn, params: lars_of(nn, params, use_clip=True),
        "no kernel for the CPU",
    ),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", list(CASES))
def test_the_documented_formula(name: str, dtype: Any) -> None:
    formula, make, _ = CASES[name]
    got = values(stepped(fusedstep.mindspore.nn, make, dtype=dtype).parameters)
    assert_close(got, by_formula(formula, dtype), TOLERANCE if dtype == np.float32 else 1e-9)


@pytest.mark.parametrize("name", list(CASES))
def test_mindspores_own_still_differs(name: str) -> None:
    # When it is as documented, it belongs into test_nn_dense.py.
    formula, make, why = CASES[name]
    try:
        got = values(stepped(mindspore.nn, make).parameters)
    except RuntimeError:
        assert why == "no kernel for the CPU"
        return
    with pytest.raises(AssertionError):
        assert_close(got, by_formula(formula, np.float32))


def centralized(grad: np.ndarray) -> np.ndarray:
    """What is documented: less its mean over all axes but the first, if the length of axis 1 divides by 16."""
    if grad.ndim < 2 or grad.shape[1] % 16:
        return grad
    return grad - grad.mean(tuple(range(1, grad.ndim)), keepdims=True)


@pytest.mark.parametrize("name", ["Adam", "Momentum", "FTRL", "AdaFactor"])
def test_gradient_centralization(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # MindSpore has no kernel of it for the CPU: its own gets gradients that are centralized already.
    more = {"Momentum": {"momentum": 0.9}, "AdaFactor": {"relative_step": False}}.get(name, {}) | {
        "learning_rate": 0.01
    }
    got = stepped(
        fusedstep.mindspore.nn,
        lambda nn, params: getattr(nn, name)([{"params": params, "grad_centralization": True}], **more),
    )

    def changed(*arguments: Any) -> Any:
        return ([centralized(grad) for grad in grads] for grads in gradients(*arguments))

    monkeypatch.setattr("tests.mindspore.beside_mindspore.side_by_side.gradients", changed)
    expected = stepped(mindspore.nn, lambda nn, params: getattr(nn, name)([{"params": params}], **more))
    assert_close(values(got.parameters), values(expected.parameters))
