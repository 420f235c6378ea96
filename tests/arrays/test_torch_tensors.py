"""PyTorch tensors on the CPU: the same memory, the same objects, and autograd told of the change."""

from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest

import fusedstep as fs
from fusedstep.storage import STORAGES
from tests import reference

torch = pytest.importorskip("torch")


def momentum(var: Any, mean: Any, grad: Any, *, lr: Any, beta: Any) -> tuple[Any, Any]:
    mean = beta * mean + (1 - beta) * grad
    return var - lr * mean, mean


STEP = fs.Operator(momentum)
SCALARS = {"lr": 0.1, "beta": 0.7}


def as_numpy(tensor: Any) -> np.ndarray:
    return reference.as_array(tensor.detach())


def tensors(dtype: str, shape: tuple[int, ...] = (5, 3), count: int = 3) -> tuple[list[Any], Any, Any]:
    generator = torch.Generator().manual_seed(1)
    kind = getattr(torch, dtype)
    states = [torch.randn(shape, generator=generator).to(kind) for _ in range(2)]
    grad = torch.randn((count, *shape[1:]), generator=generator).to(kind)
    return states, grad, torch.tensor([4, 0, 4])


def expect(states: list[Any], grad: Any, indices: Any, rows: str) -> list[np.ndarray]:
    arrays = [as_numpy(state).copy() for state in states]
    return reference.step(momentum, arrays, as_numpy(grad), indices.numpy(), rows, SCALARS)


@pytest.mark.parametrize("dtype", STORAGES)
@pytest.mark.parametrize("rows", ["touched", "every"])
def test_tensors_are_updated_in_place(dtype: str, rows: str) -> None:
    states, grad, indices = tensors(dtype)
    expected, before = expect(states, grad, indices, rows), grad.clone()
    addresses, versions = [state.data_ptr() for state in states], [state._version for state in states]
    returned = STEP(*states, grad, indices, rows=rows, **SCALARS)
    for got, state, want, address, version in zip(returned, states, expected, addresses, versions, strict=True):
        assert got is state
        assert state.data_ptr() == address
        assert state._version > version
        reference.assert_same_bits(as_numpy(state), want)
    assert torch.equal(grad, before)
    assert grad._version == 0
    assert indices._version == 0


@pytest.mark.parametrize("dtype", STORAGES)
def test_parameters_that_require_grad(dtype: str) -> None:
    states, grad, indices = tensors(dtype)
    expected = expect(states, grad, indices, "touched")
    var = torch.nn.Parameter(states[0])
    assert STEP(var, states[1], grad, indices, **SCALARS)[0] is var
    assert var.requires_grad
    assert var.grad_fn is None
    reference.assert_same_bits(as_numpy(var), expected[0])


def test_a_gradient_that_is_part_of_a_graph() -> None:
    states, grad, indices = tensors("float32")
    expected = expect(states, grad, indices, "touched")
    STEP(*states, (grad.requires_grad_() * 1), indices, **SCALARS)
    reference.assert_same_bits(as_numpy(states[0]), expected[0])


def test_backward_notices_that_a_saved_tensor_was_changed() -> None:
    states, grad, indices = tensors("float32")
    factor = torch.ones(5, 3, requires_grad=True)
    product = (factor * states[0]).sum()
    STEP(*states, grad, indices, **SCALARS)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        product.backward()


def test_a_refused_call_raises_no_version() -> None:
    states, grad, _ = tensors("float32")
    before = [state.clone() for state in states]
    with pytest.raises(IndexError, match=r"momentum: indices\[2\] is 5, expected 0 to 4.*var has 5 rows"):
        STEP(*states, grad, torch.tensor([0, 1, 5]), **SCALARS)
    assert all(torch.equal(*pair) for pair in zip(states, before, strict=True))
    assert [state._version for state in states] == [0, 0]


def test_a_view_raises_the_version_of_its_base() -> None:
    states, grad, indices = tensors("float32")
    table = torch.zeros(5, 8)
    version = table._version
    STEP(table[:, 2:5], states[1], grad, indices, **SCALARS)
    assert table._version > version
    assert table[4, 2:5].abs().min() > 0
    assert not table[:, :2].any()
    assert not table[:, 5:].any()


def test_inference_tensors_have_no_version_and_are_updated() -> None:
    states, grad, indices = tensors("float32")
    expected = expect(states, grad, indices, "touched")
    with torch.inference_mode():
        inside = [state.clone() for state in states]
        STEP(*inside, grad, indices, **SCALARS)
    reference.assert_same_bits(as_numpy(inside[0]), expected[0])


def test_tensors_beside_arrays() -> None:
    states, grad, indices = tensors("float32")
    expected = expect(states, grad, indices, "touched")
    mean = as_numpy(states[1])
    STEP(states[0], mean, as_numpy(grad), indices.numpy().astype(np.int16), **SCALARS)
    reference.assert_same_bits(as_numpy(states[0]), expected[0])
    reference.assert_same_bits(mean, expected[1])


@pytest.mark.parametrize("dtype", [*STORAGES, "int32", "int64"])
@pytest.mark.parametrize("shape", [(), (1,), (1, 1)])
def test_scalars_in_tensors(dtype: str, shape: tuple[int, ...]) -> None:
    var = torch.ones(3)
    lr = torch.full(shape, 2, dtype=getattr(torch, dtype))
    if dtype == "float32":
        lr = lr.requires_grad_()
    STEP(var, torch.zeros(3), torch.ones(3), lr=lr, beta=torch.tensor(0.5, dtype=torch.float64))
    assert var.tolist() == [0, 0, 0]


@pytest.mark.parametrize("layout", ["transposed", "expanded", "sliced", "flipped"])
def test_gradients_of_any_layout(layout: str) -> None:
    states, _, indices = tensors("float32")
    drawn = torch.randn(6, 6)
    grad = {
        "transposed": drawn[:3, :3].T,
        "expanded": drawn[:1, :3].expand(3, 3),
        "sliced": drawn[::2, ::2],
        "flipped": drawn[:3, :3].flip(0),
    }[layout]
    expected = expect(states, grad, indices, "touched")
    STEP(*states, grad, indices, **SCALARS)
    reference.assert_same_bits(as_numpy(states[0]), expected[0])


REFUSED = {
    "sparse": (lambda: torch.eye(3).to_sparse(), "sparse"),
    "complex": (lambda: torch.ones(3, 3, dtype=torch.complex64), "complex64"),
    "whole numbers": (lambda: torch.ones(3, 3, dtype=torch.int32), "int32"),
    "float8": (lambda: torch.ones(3, 3).to(torch.float8_e4m3fn), "float8|memory NumPy cannot use"),
    "no memory": (lambda: torch.ones(3, 3, device="meta"), "meta"),
    "expanded": (lambda: torch.ones(1, 3).expand(3, 3), "expected contiguous rows"),
    "transposed": (lambda: torch.arange(9.0).reshape(3, 3).T, "expected contiguous rows"),
}


@pytest.mark.parametrize("name", list(REFUSED))
def test_other_tensors_are_refused_by_name(name: str) -> None:
    make, why = REFUSED[name]
    mean = torch.ones(3, 3)
    with pytest.raises((TypeError, ValueError), match=rf"momentum: var .*({why})"):
        STEP(make(), mean, torch.ones(3, 3), **SCALARS)
    assert mean.eq(1).all()
    assert mean._version == 0


def test_sparse_gradients_are_refused_with_the_remedy() -> None:
    with pytest.raises(TypeError, match=r"momentum: grad .*sparse.*indices"):
        STEP(torch.ones(3, 3), torch.ones(3, 3), torch.eye(3).to_sparse(), **SCALARS)


def test_named_operators_take_tensors() -> None:
    states = [torch.ones(3, 1, 2) for _ in range(3)]
    given = [states[0], states[1], states[2], 0.9, 0.999, 0.001, 0.9, 0.999, 1e-8]
    returned = fs.ops.FusedSparseAdam()(*given, torch.full((2, 1, 2), 0.1), torch.tensor([0, 1]))
    assert all(got is state for got, state in zip(returned, states, strict=True))
    np.testing.assert_array_equal(states[0][:, 0, 0].numpy(), np.float32([0.9997121, 0.9997121, 0.99971527]))


@pytest.mark.parametrize("asked", ["launch.alloc_sums", "plain_step.alloc_sums"])
def test_a_call_without_memory_is_no_change_that_autograd_notices(
    asked: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    if asked == "launch.alloc_sums":
        request.getfixturevalue("split_small")
    var, mean = torch.ones(4, 3), torch.ones(4, 3)
    versions = var._version, mean._version
    monkeypatch.setattr(f"fusedstep.runtime.cpu.{asked}", Mock(side_effect=MemoryError))
    for rows in ("touched", "every"):
        with pytest.raises(MemoryError):
            fs.Operator(fs.rules.momentum)(
                var, mean, torch.ones(2, 3), torch.tensor([1, 1]), rows=rows, lr=0.1, momentum=0.9
            )
    assert (var._version, mean._version) == versions
    assert (var == 1).all()
