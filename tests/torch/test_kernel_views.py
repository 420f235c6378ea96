"""Parameters that kernels do not see as they are: complex ones, and those with gaps."""

import copy
from typing import Any

import pytest

import fusedstep as fs
from fusedstep.words import column_mean
from tests.torch.test_optimizer import ALL, build

torch = pytest.importorskip("torch")

COMPLEX = [name for name in ALL if name != "SparseAdam"]


def draw(*shape: int, dtype: Any, seed: int = 0) -> Any:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def step(optimizer: Any, param: Any, grad: Any) -> None:
    param.grad = grad
    optimizer.step()


@pytest.mark.parametrize("name", COMPLEX)
@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
def test_a_complex_parameter_steps_as_its_parts(name: str, dtype: str) -> None:
    kind = getattr(torch, dtype)
    whole = draw(4, 3, dtype=kind).requires_grad_()
    parts = torch.view_as_real(whole.detach()).clone().requires_grad_()
    optimizers = [build(name, [each]) for each in (whole, parts)]
    for seed in range(3):
        grad = draw(4, 3, dtype=kind, seed=seed)
        step(optimizers[0], whole, grad.conj() if seed == 2 else grad)
        step(optimizers[1], parts, torch.view_as_real(grad.conj().resolve_conj() if seed == 2 else grad))
    assert torch.equal(torch.view_as_real(whole.detach()), parts.detach())
    states = [optimizer.state[param] for optimizer, param in zip(optimizers, (whole, parts), strict=True)]
    for key in optimizers[0]._state_keys:
        state = states[0].get(key)
        assert (state is None) == (states[1].get(key) is None)
        if state is not None and state.shape == whole.shape:
            assert state.dtype is kind
            assert torch.equal(torch.view_as_real(state), states[1][key])


@pytest.mark.parametrize("rows", ["touched", "every"])
@pytest.mark.parametrize("dimensions", [1, 2])
def test_sparse_complex_gradients(rows: str, dimensions: int) -> None:
    whole = draw(4, 3, dtype=torch.complex128).requires_grad_()
    parts = torch.view_as_real(whole.detach()).clone().requires_grad_()
    optimizers = [fs.torch.AdamW([each], lr=0.1, rows=rows) for each in (whole, parts)]
    for seed in range(3):
        places = torch.tensor([[1, 3, 1], [0, 2, 0]])[:dimensions]
        values = draw(3, *[3] * (2 - dimensions), dtype=torch.complex128, seed=seed)
        step(optimizers[0], whole, torch.sparse_coo_tensor(places, values, whole.shape, check_invariants=True))
        real = torch.sparse_coo_tensor(places, torch.view_as_real(values), parts.shape, check_invariants=True)
        step(optimizers[1], parts, real)
    assert torch.equal(torch.view_as_real(whole.detach()), parts.detach())


@pytest.mark.parametrize("name", ["Adam", "Adagrad", "SGD", "RMSprop"])
def test_checkpoints_of_complex_parameters_are_torchs(name: str) -> None:
    settings: dict[str, Any] = {"momentum": 0.9} if name in ("SGD", "RMSprop") else {}
    params = [draw(4, 3, dtype=torch.complex64).requires_grad_() for _ in range(2)]
    optimizers = [
        getattr(module, name)([param], **settings)
        for module, param in zip((fs.torch, torch.optim), params, strict=True)
    ]
    for optimizer, param in zip(optimizers, params, strict=True):
        step(optimizer, param, draw(4, 3, dtype=torch.complex64, seed=1))
    saved = [copy.deepcopy(optimizer.state_dict()) for optimizer in optimizers]
    for optimizer, param, other in zip(optimizers, params, reversed(saved), strict=True):
        optimizer.load_state_dict(other)
        step(optimizer, param, draw(4, 3, dtype=torch.complex64, seed=2))
    torch.testing.assert_close(*params)


def test_what_cannot_be_complex() -> None:
    table = torch.nn.Embedding(4, 2, dtype=torch.complex64, sparse=True)
    with pytest.raises(ValueError, match=r"^SparseAdam: a parameter holds complex numbers, .* use Adam"):
        fs.torch.SparseAdam(table.parameters())
    with pytest.raises(NotImplementedError, match=r"^Adam: defer\[0\].weight holds torch.complex64"):
        fs.torch.Adam(table.parameters(), defer=[table])
    gaps = torch.nn.Embedding(4, 2)
    gaps.weight = torch.nn.Parameter(torch.zeros(4, 2, 2)[..., 0])
    with pytest.raises(NotImplementedError, match=r"^Adam: defer\[0\].weight .* strides \(4, 2\), expected"):
        fs.torch.Adam(gaps.parameters(), defer=[gaps])


def centered(var: Any, grad: Any, *, lr: Any) -> Any:
    return var - lr * (grad - column_mean(grad))


def gapped(kind: str, values: Any) -> Any:
    """A view of some values that leaves the rest of its memory alone, and that memory."""
    memory = torch.full((8, 6, 2), 9.0, dtype=values.dtype)
    view = {"last": memory[:4, :3, 0], "step": memory[::2, ::2, 1], "turned": memory[:3, :4, 0].t()}[kind]
    view.copy_(values)
    return view.requires_grad_(), memory


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("kind", ["last", "step", "turned"])
def test_gaps_inside_of_rows(name: str, kind: str) -> None:
    values = draw(4, 3, dtype=torch.float64)
    param, memory = gapped(kind, values)
    plain, before = values.clone().requires_grad_(), memory.detach().clone()
    optimizers = [build(name, [each]) for each in (param, plain)]
    for seed in range(4):
        grad = draw(4, 3, dtype=torch.float64, seed=seed)
        for optimizer, each in zip(optimizers, (param, plain), strict=True):
            step(optimizer, each, grad.clone() if seed % 2 else grad.to_sparse(1 + seed // 2))
        optimizers[0].load_state_dict(copy.deepcopy(optimizers[0].state_dict()))
    assert torch.equal(param.detach(), plain.detach())
    changed = memory.detach() != before
    assert changed.sum() <= param.numel()


def test_a_step_of_a_parameter_with_gaps_that_is_refused_changes_nothing() -> None:
    param, _ = gapped("last", torch.ones(4, 3))
    param.grad = torch.sparse_coo_tensor([[9]], torch.ones(1, 3), (4, 3), check_invariants=False)
    version = param._version
    with pytest.raises(IndexError):
        fs.torch.Adam([param]).step()
    assert (param == 1).all()
    assert param._version == version


@pytest.mark.parametrize("kind", ["last", "step", "turned"])
def test_states_of_a_parameter_with_gaps_stay_the_same_tensors(kind: str) -> None:
    param, _ = gapped(kind, draw(4, 3, dtype=torch.float64))
    optimizer = fs.torch.Adam([param])
    step(optimizer, param, torch.ones(4, 3, dtype=torch.float64))
    before = dict(optimizer.state[param])
    step(optimizer, param, torch.ones(4, 3, dtype=torch.float64))
    assert all(optimizer.state[param][key] is value for key, value in before.items())


def test_a_rule_over_columns_refuses_complex_parameters() -> None:
    with pytest.raises(TypeError, match=r"^RuleOptimizer: a parameter holds torch.complex64, expected real numbers"):
        fs.torch.RuleOptimizer([torch.ones(4, 3, dtype=torch.complex64)], centered, lr=0.1)


def test_a_refused_step_leaves_no_states() -> None:
    """A buffer of zeros would count as used: SGD does not dampen a first gradient."""
    param = torch.nn.Parameter(torch.ones(4, 3))
    optimizer = fs.torch.SGD([param], lr=1.0, momentum=0.5, dampening=0.5)
    param.grad = torch.sparse_coo_tensor([[9]], torch.ones(1, 3), (4, 3), check_invariants=False)
    with pytest.raises(IndexError):
        optimizer.step()
    assert not optimizer.state
    step(optimizer, param, torch.ones(4, 3))
    assert (param == 0).all()


def test_autograd_notices_steps_of_copies() -> None:
    param, _ = gapped("step", torch.ones(4, 3))
    loss = (param * param).sum()
    param.grad = torch.ones(4, 3)
    fs.torch.SGD([param], lr=0.5).step()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_a_layer_without_a_shape_yet() -> None:
    layer = torch.nn.LazyLinear(2)
    optimizer = fs.torch.Adam(layer.parameters(), lr=0.1)
    layer(torch.ones(3, 4)).sum().backward()
    optimizer.step()
    assert optimizer.state[layer.weight]["exp_avg"].shape == (2, 4)
