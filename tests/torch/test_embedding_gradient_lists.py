"""Lists of gradients: torch's GradScaler."""

from typing import Any

import pytest

torch = pytest.importorskip("torch")

from fusedstep.torch.embedding_gradient import EmbeddingGradient, Lookup  # noqa: E402
from tests.torch.test_embedding_gradient import BOTH, is_compact, ours, parameter, same, torchs, twins  # noqa: E402


@BOTH
@pytest.mark.parametrize("clip", [False, True])
@pytest.mark.parametrize("tied", [False, True])
def test_a_scaler_takes_the_same_steps(sparse: bool, clip: bool, tied: bool) -> None:
    weights = []
    for look_up in (ours, torchs):
        weight = parameter(6, 3)
        optimizer = torch.optim.SGD([weight], lr=0.1)
        scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10)
        for step in range(6):
            optimizer.zero_grad()
            loss = look_up(torch.tensor([step, 2, 2]), weight, sparse).square().sum()
            if tied:
                loss = loss + weight.square().sum()
            # The steps in between must be skipped.
            scaler.scale(loss * (float("inf") if step % 3 == 1 else 1.0)).backward()
            scaler.unscale_(optimizer)
            if clip and not (sparse and not tied):
                torch.nn.utils.clip_grad_norm_([weight], 0.5)
            scaler.step(optimizer)
            scaler.update()
        assert scaler.get_scale() == 2.0**8
        weights.append(weight.detach())
    torch.testing.assert_close(*weights)


def unscale(gradient: Any, *others: Any) -> float:
    found = torch.zeros(1)
    torch._amp_foreach_non_finite_check_and_unscale_([*others, gradient], found, torch.tensor(0.5))
    return float(found)


@BOTH
def test_unscaling_stays_compact(sparse: bool) -> None:
    mine, theirs = twins(sparse)
    other = torch.ones(3)
    values, before = mine.grad._lookups[0].values, mine.grad._lookups[0].values.clone()
    assert unscale(mine.grad, other) == 0
    assert is_compact(mine.grad)
    assert torch.equal(values, before)
    assert other.tolist() == [0.5] * 3
    torch.testing.assert_close(mine.grad.to_dense(), theirs.grad.to_dense() / 2)


@pytest.mark.parametrize("where", ["values", "weights", "beside", "others"])
@pytest.mark.parametrize("value", [float("inf"), float("nan")])
def test_what_is_not_finite_is_found(where: str, value: float) -> None:
    tensors = {
        "values": torch.ones(2, 3),
        "weights": torch.ones(3),
        "beside": torch.ones(6, 3),
        "others": torch.ones(2),
    }
    tensors[where].view(-1)[-1] = value
    lookup = Lookup(tensors["values"], torch.tensor([1, 2, 1]), torch.tensor([0, 2]), tensors["weights"])
    gradient = EmbeddingGradient.of(parameter(6, 3), [lookup], False)
    gradient.add_(tensors["beside"])
    assert unscale(gradient, tensors["others"]) == 1


def test_coo_values_are_unscaled_in_place() -> None:
    mine, theirs = twins(True)
    for param in (mine, theirs):
        unscale(param.grad._values())
    same(mine.grad, theirs.grad)
    assert unscale(mine.grad) == 0
    torch.testing.assert_close(mine.grad.to_dense(), theirs.grad.to_dense() / 2)
