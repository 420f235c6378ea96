"""clip_grad_norm_ compared with torch's, in one process."""

import inspect
import warnings
from typing import Any

import pytest

import fusedstep as fs
from tests.torch.test_optimizer_training import table, weights

torch = pytest.importorskip("torch")

INFINITY = float("inf")
ORDERS = [2, 2.0, 1, 0.5, 0, -1, "inf", INFINITY, -INFINITY, "2"]


def params(*grads: Any) -> list[Any]:
    """Parameters with gradients, and one without."""
    made = [torch.nn.Parameter(torch.zeros_like(grad)) for grad in (*grads, torch.ones(2))]
    for param, grad in zip(made, grads, strict=False):
        param.grad = grad.clone()
    return made


def test_the_signature_is_torchs() -> None:
    ours, theirs = (inspect.signature(each.clip_grad_norm_) for each in (fs.torch, torch.nn.utils))
    assert [(each.name, each.default, each.kind) for each in ours.parameters.values()] == [
        (each.name, each.default, each.kind) for each in theirs.parameters.values()
    ]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("foreach", [None, True, False])
@pytest.mark.parametrize("dtypes", ["float32", "float64 float32", "bfloat16 float16 float32"])
@pytest.mark.parametrize("max_norm", [0, 0.5, 1e6, INFINITY, "0.5", torch.tensor(0.5)], ids=str)
def test_bits_are_torchs(order: Any, foreach: Any, dtypes: str, max_norm: Any) -> None:
    grads = [(torch.arange(12.0).reshape(3, 4) - 5).to(getattr(torch, dtype)) / 3 for dtype in dtypes.split()]
    ours, theirs = params(*grads), params(*grads)
    norm = fs.torch.clip_grad_norm_(ours, max_norm, order, foreach=foreach)
    expected = torch.nn.utils.clip_grad_norm_(theirs, max_norm, order, foreach=foreach)
    assert norm.dtype is expected.dtype
    assert torch.equal(norm, expected)
    for one, two in zip(ours[:-1], theirs[:-1], strict=True):
        assert torch.equal(one.grad, two.grad)
    assert ours[-1].grad is None


@pytest.mark.parametrize("order", ORDERS)
def test_an_empty_gradient_adds_nothing(order: Any) -> None:
    full = torch.arange(1.0, 5.0)
    for empty in (torch.ones(0), torch.ones(0, 3), torch.ones(3, 0)):
        with_it, without = params(empty, full, empty), params(full)
        norm = fs.torch.clip_grad_norm_(with_it, 0.5, order)
        assert norm == torch.nn.utils.clip_grad_norm_(without, 0.5, order)
        assert torch.equal(with_it[1].grad, without[0].grad)
        assert fs.torch.clip_grad_norm_(params(empty), 0.5, order) == 0
        norm = fs.torch.clip_grad_norm_(params(empty.double()), 0.5, order, error_if_nonfinite=True)
        assert (norm, norm.dtype) == (0, torch.float64)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("rows", [[], [1], [1, 1, 3], [3, 0, 1, 2, 4, 0]])
@pytest.mark.parametrize("coalesced", [False, True])
def test_sparse_gradients_count_as_the_dense_ones_they_stand_for(order: Any, rows: Any, coalesced: bool) -> None:
    values = torch.arange(1.0, 1.0 + 2 * len(rows)).reshape(-1, 2)
    grad = torch.sparse_coo_tensor(torch.tensor([rows]).long(), values, (5, 2), check_invariants=True)
    grad = grad.coalesce() if coalesced else grad
    sparse, dense = params(torch.ones(5, 2), torch.ones(3)), params(grad.to_dense(), torch.ones(3))
    sparse[0].grad, coalesced = grad, grad.is_coalesced()
    norm = fs.torch.clip_grad_norm_(sparse, 0.5, order)
    torch.testing.assert_close(norm, torch.nn.utils.clip_grad_norm_(dense, 0.5, order))
    for one, two in zip(sparse[:-1], dense[:-1], strict=True):
        torch.testing.assert_close(one.grad.to_dense(), two.grad)
    assert sparse[0].grad.is_coalesced() is coalesced


def test_generators_may_be_used_up() -> None:
    made = params(torch.ones(4))
    assert fs.torch.clip_grad_norm_((each for each in made), 1.0) == 2
    for nothing in ([], (), {}.values(), iter([]), params()):
        assert fs.torch.clip_grad_norm_(nothing, 1.0) == 0
    with pytest.warns(UserWarning, match="parameters is an empty generator") as told:
        fs.torch.clip_grad_norm_((each for each in ()), 1.0)
    assert told[0].filename == __file__


@pytest.mark.parametrize("max_norm", [-1, -1e-9, "-1", float("-inf"), float("nan"), torch.tensor(-1.0)], ids=str)
def test_a_negative_norm_is_refused(max_norm: Any) -> None:
    for made in ([], params(torch.ones(4))):
        with pytest.raises(ValueError, match=r"clip_grad_norm_: max_norm is .*, expected 0 or more"):
            fs.torch.clip_grad_norm_(made, max_norm)
        assert not made or torch.equal(made[0].grad, torch.ones(4))


@pytest.mark.parametrize(
    ("kind", "told", "call"),
    [
        (ValueError, "norm_type is 'largest', expected a number", {"norm_type": "largest"}),
        (TypeError, "norm_type is None, expected a number", {"norm_type": None}),
        (TypeError, "max_norm is None, expected a number", {"max_norm": None}),
        (TypeError, "parameters has a str, expected tensors", {"parameters": {"weight": torch.ones(2)}}),
        (TypeError, "parameters has a tuple, expected tensors", {"parameters": [("weight", torch.ones(2))]}),
    ],
)
def test_what_it_does_not_take(kind: Any, told: str, call: Any) -> None:
    made = params(torch.ones(4))
    with pytest.raises(kind, match=f"clip_grad_norm_: {told}"):
        fs.torch.clip_grad_norm_(**{"parameters": made, "max_norm": 1.0} | call)
    assert torch.equal(made[0].grad, torch.ones(4))


@pytest.mark.parametrize("dimensions", [0, 1, 2, 3])
@pytest.mark.parametrize("order", [2, 1, 0, -1, INFINITY])
def test_gradients_that_are_sparse_in_any_way(dimensions: int, order: float) -> None:
    """Duplicates are summed before the norm is taken, whatever the number of sparse dimensions."""
    dense = (torch.arange(24.0).reshape(4, 3, 2) - 7).masked_fill(torch.arange(24).reshape(4, 3, 2) % 3 == 0, 0)
    places, filled = torch.zeros(0, 1, dtype=torch.int64), dense[None]
    if dimensions:
        once = dense.to_sparse(dimensions)
        places, filled = once._indices(), once._values()
    values = torch.cat([filled, filled]) / 2
    ours, theirs = params(torch.zeros_like(dense)), params(filled if order >= 0 else dense)
    ours[0].grad = torch.sparse_coo_tensor(places.repeat(1, 2), values, dense.shape, check_invariants=True)
    norm = fs.torch.clip_grad_norm_(ours, 0.5, order)
    torch.testing.assert_close(norm, torch.nn.utils.clip_grad_norm_(theirs, 0.5, order))
    torch.testing.assert_close(ours[0].grad.to_dense(), dense * (0.5 / (norm + 1e-6)).clamp(max=1))


@pytest.mark.parametrize("value", [INFINITY, float("nan")])
@pytest.mark.parametrize("order", [2, "inf"])
def test_norms_that_are_not_finite(value: float, order: Any) -> None:
    made, theirs = params(torch.tensor([1.0, value])), params(torch.tensor([1.0, value]))
    with pytest.raises(RuntimeError, match="the norm of the gradients is"):
        fs.torch.clip_grad_norm_(made, 1.0, order, error_if_nonfinite=True)
    assert made[0].grad[0] == 1
    with warnings.catch_warnings():
        fs.torch.clip_grad_norm_(made, 1.0, order)
        torch.nn.utils.clip_grad_norm_(theirs, 1.0, order)
    assert torch.equal(made[0].grad.isnan(), theirs[0].grad.isnan())


@pytest.mark.parametrize("norm_type", [1.0, 2.0, 3.0, float("inf")])
@pytest.mark.parametrize("max_norm", [0.5, 100.0])
def test_clipping_equals_torchs_on_merged_gradients(norm_type: float, max_norm: float) -> None:
    models = [torch.nn.Sequential(table(sparse), torch.nn.Linear(4, 1)) for sparse in (True, False)]
    models[1].load_state_dict(models[0].state_dict())
    for model in models:
        model(torch.tensor([1, 2, 2, 2])).square().sum().backward()
    expected = torch.nn.utils.clip_grad_norm_(models[1].parameters(), max_norm, norm_type)
    norm = fs.torch.clip_grad_norm_(models[0].parameters(), max_norm, norm_type)
    torch.testing.assert_close(norm, expected)
    for ours, theirs in zip(models[0].parameters(), models[1].parameters(), strict=True):
        torch.testing.assert_close(ours.grad.to_dense(), theirs.grad)
    assert not models[0][0].weight.grad.is_coalesced()


def test_clipping_at_its_edges() -> None:
    assert fs.torch.clip_grad_norm_([weights(2)], 1.0) == 0
    param = weights(2)
    param.grad = torch.tensor([1.0, float("inf")])
    assert fs.torch.clip_grad_norm_(param, 1.0) == float("inf")
    with pytest.raises(RuntimeError, match="the norm of the gradients is"):
        fs.torch.clip_grad_norm_(param, 1.0, error_if_nonfinite=True)
