"""All optimizers of torch.optim take the steps that they take with torch's embeddings."""

import inspect
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from tests.torch.test_embedding_gradient import BOTH, is_compact, ours, parameter, torchs  # noqa: E402

CLASSES = [
    each
    for each in vars(torch.optim).values()
    if inspect.isclass(each) and issubclass(each, torch.optim.Optimizer) and each is not torch.optim.Optimizer
]
OF_SPARSE = {"SGD", "Adagrad", "SparseAdam", "LBFGS"}
MORE: dict[str, list[dict[str, Any]]] = {
    "SGD": [
        {"momentum": 0.9},
        {"momentum": 0.9, "nesterov": True},
        {"maximize": True, "momentum": 0.5, "dampening": 0.1},
    ],
    "RMSprop": [{"momentum": 0.9, "centered": True}],
    "Adam": [{"amsgrad": True}, {"maximize": True}],
    "SparseAdam": [{"maximize": True}],
}
DENSE = [{"weight_decay": 0.1}]


def settings(kind: Any, sparse: bool) -> list[dict[str, Any]]:
    """Each loop over parameters that a class has, and other settings."""
    known = inspect.signature(kind).parameters
    loops = [{}, *({name: value} for name in ("foreach", "fused") if name in known for value in (True, False))]
    decays = DENSE if "weight_decay" in known and not sparse else []
    found = [loop | more for loop in loops for more in [{}, *MORE.get(kind.__name__, []), *decays]]
    return [each for each in found if not (sparse and each.get("fused"))]


def train(look_up: Any, kind: Any, sparse: bool, tied: bool, named: dict[str, Any]) -> list[Any]:
    weight, other = parameter(6, 3, dtype=torch.float64), parameter(3, dtype=torch.float64, seed=2)
    params = [weight] if kind.__name__ in ("SparseAdam", "Muon") else [weight, other]
    optimizer = kind(params, lr=1e-3 if kind.__name__ == "LBFGS" else 0.1, **named)
    for step in range(5):

        def closure(step: int = step) -> Any:
            optimizer.zero_grad()
            loss = look_up(torch.tensor([step, 2, 2]), weight, sparse).mul(other).sum()
            loss = loss + look_up(torch.tensor([1, step]), weight, sparse).square().sum()
            if tied:
                loss = loss + weight.square().sum()
            loss.backward()
            return loss

        optimizer.step(closure)
    states = [value for state in optimizer.state.values() for value in state.values()]
    assert not any(type(value).__name__ == "EmbeddingGradient" for value in states)
    return [weight.detach(), other.detach()]


@BOTH
@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("kind", CLASSES, ids=lambda each: each.__name__)
def test_five_steps(kind: Any, sparse: bool, tied: bool) -> None:
    name = kind.__name__
    if (name == "SparseAdam" and (tied or not sparse)) or (sparse and not tied and name not in OF_SPARSE):
        for look_up in (ours, torchs):
            with pytest.raises(RuntimeError, match=r"sparse|dense"):
                train(look_up, kind, sparse, tied, {})
        return
    for named in settings(kind, sparse):
        for one, two in zip(
            train(ours, kind, sparse, tied, named), train(torchs, kind, sparse, tied, named), strict=True
        ):
            torch.testing.assert_close(one, two)


@BOTH
def test_steps_in_the_backward_pass(sparse: bool) -> None:
    weights = []
    for look_up in (ours, torchs):
        weight = parameter(6, 3)
        optimizer = torch.optim.SGD([weight], lr=0.1, momentum=0.9, foreach=False)

        def step(_: Any, optimizer: Any = optimizer) -> None:
            optimizer.step()
            optimizer.zero_grad()

        weight.register_post_accumulate_grad_hook(step)
        for at in range(5):
            look_up(torch.tensor([at, 2, 2]), weight, sparse).square().sum().backward()
        weights.append(weight.detach())
    torch.testing.assert_close(*weights)


def test_stochastic_descent_never_expands() -> None:
    weight = parameter(6, 3)
    for foreach in (True, False):
        optimizer = torch.optim.SGD([weight], lr=0.1, foreach=foreach)
        ours(torch.tensor([1, 2, 2]), weight).square().sum().backward()
        optimizer.step()
        assert is_compact(weight.grad)
