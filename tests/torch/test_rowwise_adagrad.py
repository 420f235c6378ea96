"""RowwiseAdagrad's decay of the step size, and its accumulators of elements for dense gradients."""

import copy
import pickle
from typing import Any

import pytest

import fusedstep as fs

torch = pytest.importorskip("torch")

SHAPE = (7, 4)
SETTINGS = {"lr": 0.25, "lr_decay": 0.5, "eps": 0.125}


def weight(shape: tuple[int, ...] = SHAPE, dtype: Any = None) -> Any:
    size = torch.Size(shape).numel()
    return torch.nn.Parameter((torch.arange(size, dtype=dtype or torch.float32).reshape(shape) - 9) / 8)


def gradient(step: int, sparse: bool, shape: tuple[int, ...] = SHAPE, dtype: Any = None) -> Any:
    draw = torch.Generator().manual_seed(step)
    if not sparse:
        return torch.randn(shape, generator=draw, dtype=dtype)
    rows = torch.randint(shape[0], (5,), generator=draw)
    return torch.sparse_coo_tensor(rows[None], torch.randn(5, *shape[1:], generator=draw, dtype=dtype), shape)


def build(params: Any, **settings: Any) -> Any:
    return fs.torch.RowwiseAdagrad(params, **SETTINGS | {"elementwise_dense": True} | settings)


def stepped(optimizer: Any, param: Any, sparse: bool, steps: int = 3, first: int = 0) -> Any:
    for step in range(first, first + steps):
        param.grad = gradient(step, sparse, tuple(param.shape), param.dtype)
        optimizer.step()
    return param


def by_formula(
    param: Any, sparse: bool, steps: int = 3, decay: float = SETTINGS["lr_decay"], start: float = 0.0
) -> Any:
    """The weight and its accumulator after some steps: of mean squares by row, or of squares for dense gradients."""
    var = param.detach().double().clone()
    accum = torch.full(var.shape[:1] if sparse else var.shape, start, dtype=var.dtype)
    for step in range(steps):
        rate = SETTINGS["lr"] / (1 + step * decay)
        grad = gradient(step, sparse, tuple(param.shape), param.dtype).double()
        if sparse:
            whole = grad.to_dense()
            touched = torch.zeros(len(var), dtype=torch.bool).index_fill(0, grad._indices()[0], True)
            accum[touched] += whole.square().mean(1)[touched]
            var[touched] -= rate * whole[touched] / (accum[touched].sqrt() + SETTINGS["eps"])[:, None]
        else:
            accum += grad.square()
            var -= rate * grad / (accum.sqrt() + SETTINGS["eps"])
    return var, accum


@pytest.mark.parametrize("start", [0.0, 0.5])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("sparse", [False, True])
def test_steps_are_those_of_the_formula(sparse: bool, dtype: str, start: float) -> None:
    param = weight(dtype=getattr(torch, dtype))
    wanted, accum = by_formula(param, sparse, start=start)
    optimizer = build([param], initial_accumulator_value=start)
    stepped(optimizer, param, sparse)
    assert optimizer.state[param]["sum"].shape == accum.shape
    bound = {"rtol": 1e-6, "atol": 1e-6} if dtype == "float32" else {"rtol": 1e-14, "atol": 1e-14}
    torch.testing.assert_close(param.detach().double(), wanted, **bound)
    torch.testing.assert_close(optimizer.state[param]["sum"].double(), accum, **bound)


def test_dense_steps_are_those_of_adagrad() -> None:
    one, two = weight(), weight()
    optimizers = build([one], weight_decay=0.5), torch.optim.Adagrad([two], **SETTINGS, weight_decay=0.5)
    for optimizer, param in zip(optimizers, (one, two), strict=True):
        stepped(optimizer, param, sparse=False)
    torch.testing.assert_close(one, two, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("sparse", [False, True])
def test_the_step_size_falls_without_the_choice_too(sparse: bool) -> None:
    one, two = weight(), weight()
    stepped(build([one], elementwise_dense=False), one, sparse)
    accum = torch.zeros(7)
    for step in range(3):
        # What a step of a decayed rate does is that of a rate that was set.
        optimizer = build([two], elementwise_dense=False, lr=0.25 / (1 + 0.5 * step), lr_decay=0.0)
        optimizer.state[two]["sum"] = accum
        stepped(optimizer, two, sparse, 1, first=step)
        accum = optimizer.state[two]["sum"]
    assert accum.shape == (7,)
    assert torch.equal(one, two)


def test_dense_and_sparse_parameters_in_one_group() -> None:
    table, layer, bias, number = weight(), weight((3, 4)), weight((4,)), weight(())
    params = {"table": table, "layer": layer, "bias": bias, "number": number}
    optimizer = build(params.values())
    # Of one dimension or less, a row is an element.
    assert optimizer.state.keys() == {bias, number}
    for step in range(3):
        for name, param in params.items():
            param.grad = gradient(step, name == "table", tuple(param.shape))
        optimizer.step()
    shapes = {name: tuple(optimizer.state[param]["sum"].shape) for name, param in params.items()}
    assert shapes == {"table": (7,), "layer": (3, 4), "bias": (4,), "number": ()}
    for name, param in params.items():
        alone = weight(tuple(param.shape))
        stepped(build([alone]), alone, name == "table")
        assert torch.equal(param, alone), name


def test_dense_parameters_are_stepped_together() -> None:
    param = weight()
    optimizer = build([param])
    stepped(optimizer, param, sparse=False, steps=2)
    calls = []
    original = optimizer._update
    optimizer._update = lambda *arguments: (calls.append(arguments), original(*arguments))
    stepped(optimizer, param, sparse=False, steps=1, first=2)
    assert not calls
    wanted, _ = by_formula(weight(), sparse=False)
    torch.testing.assert_close(param.detach().double(), wanted, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("shape", [SHAPE, (7, 1), (7, 4, 2)])
@pytest.mark.parametrize("sparse", [False, True])
def test_a_parameter_with_both_kinds_of_gradients_is_refused(sparse: bool, shape: tuple[int, ...]) -> None:
    param = weight(shape)
    optimizer = build([param])
    stepped(optimizer, param, sparse)
    if shape == (7, 1) and not sparse:
        # Here the two are one.
        stepped(optimizer, param, True)
        return
    before = copy.deepcopy((param.detach(), optimizer.state[param]))
    expected = r"RowwiseAdagrad: the state sum has shape \(7.*, expected one number for each "
    with pytest.raises(ValueError, match=expected + ("element" if sparse else "row")):
        stepped(optimizer, param, not sparse)
    assert torch.equal(param, before[0])
    assert all(torch.equal(value, before[1][key]) for key, value in optimizer.state[param].items())
    # The remedies.
    del optimizer.state[param]
    stepped(optimizer, param, not sparse)


@pytest.mark.parametrize("sparse", [False, True])
def test_a_vector_may_have_both(sparse: bool) -> None:
    one, two = weight((6,)), weight((6,))
    for param, choice in ((one, True), (two, False)):
        optimizer = build([param], elementwise_dense=choice)
        stepped(optimizer, param, sparse)
        stepped(optimizer, param, not sparse)
    torch.testing.assert_close(one, two)


@pytest.mark.parametrize("way", ["state_dict", "pickle", "file"])
@pytest.mark.parametrize("sparse", [False, True])
def test_a_checkpoint_continues(sparse: bool, way: str, tmp_path: Any) -> None:
    param = weight()
    optimizer = build([param])
    stepped(optimizer, param, sparse)
    copied = torch.nn.Parameter(param.detach().clone())
    if way == "pickle":
        other = pickle.loads(pickle.dumps(optimizer))  # noqa: S301
        (copied,) = other.param_groups[0]["params"]
    else:
        # The checkpoint sets the choice.
        checkpoint, other = copy.deepcopy(optimizer.state_dict()), fs.torch.RowwiseAdagrad([copied])
        if way == "file":
            torch.save(checkpoint, tmp_path / "optimizer.pt")
            checkpoint = torch.load(tmp_path / "optimizer.pt")
        other.load_state_dict(checkpoint)
    assert other.param_groups[0]["elementwise_dense"] is True
    assert other.state[copied]["sum"].shape == (SHAPE[:1] if sparse else SHAPE)
    for each, its in ((optimizer, param), (other, copied)):
        stepped(each, its, sparse, first=3)
    assert torch.equal(param, copied)


def test_a_checkpoint_before_the_first_step() -> None:
    checkpoint, param = build([weight()]).state_dict(), weight()
    assert checkpoint["state"] == {}
    other = build([param])
    other.load_state_dict(checkpoint)
    stepped(other, param, sparse=False)
    assert other.state[param]["sum"].shape == SHAPE


def test_a_checkpoint_without_the_choice() -> None:
    param, again = weight(), weight()
    optimizer = fs.torch.RowwiseAdagrad([param])
    stepped(optimizer, param, sparse=False)
    checkpoint = optimizer.state_dict()
    # As an earlier version wrote it.
    for name in ("elementwise_dense", "lr_decay"):
        del checkpoint["param_groups"][0][name]
    other = build([again])
    other.load_state_dict(checkpoint)
    assert other.param_groups[0]["elementwise_dense"] is True
    with pytest.raises(ValueError, match="expected one number for each element"):
        stepped(other, again, sparse=False)
    stepped(other, again, sparse=True)
    checkpoint["state"][0]["sum"] = torch.ones(2, 2, 2)
    other.load_state_dict(checkpoint)
    with pytest.raises(ValueError, match=r"the state sum has shape \(2, 2, 2\)"):
        stepped(other, again, sparse=False)


def test_a_checkpoint_of_elements_needs_the_choice() -> None:
    param = weight()
    optimizer = build([param])
    stepped(optimizer, param, sparse=False)
    checkpoint = optimizer.state_dict()
    checkpoint["param_groups"][0]["elementwise_dense"] = False
    with pytest.raises(ValueError, match="of another shape: sum with shape"):
        build([weight()], elementwise_dense=False).load_state_dict(checkpoint)


def test_shared_memory_after_a_first_gradient() -> None:
    table, layer, bias = weight(), weight((3, 4)), weight((4,))
    optimizer = build([table, layer, bias])
    with pytest.raises(RuntimeError, match=r"share_memory\(\) came before a first gradient"):
        optimizer.share_memory()
    assert optimizer.state.keys() == {bias}
    assert not any(value.is_shared() for value in optimizer.state[bias].values())
    table.grad, layer.grad = gradient(0, sparse=True), gradient(0, False, (3, 4))
    optimizer.share_memory()
    held = {param: optimizer.state[param]["sum"] for param in (table, layer, bias)}
    assert [tuple(each.shape) for each in held.values()] == [(7,), (3, 4), (4,)]
    bias.grad = gradient(0, False, (4,))
    optimizer.step()
    assert all(optimizer.state[param]["sum"] is each and each.is_shared() for param, each in held.items())
    optimizer.share_memory()


def test_state_dtypes() -> None:
    table, layer = weight(dtype=torch.bfloat16), weight(dtype=torch.bfloat16)
    for choice, wanted in (
        (None, torch.float32),
        (torch.bfloat16, torch.bfloat16),
        ({"sum": torch.float16}, torch.float16),
    ):
        optimizer = build([table, layer], state_dtype=choice)
        stepped(optimizer, table, sparse=True)
        layer.grad = gradient(0, False, SHAPE, torch.bfloat16)
        optimizer.step()
        assert {optimizer.state[param]["sum"].dtype for param in (table, layer)} == {wanted}


@pytest.mark.parametrize("sparse", [False, True])
def test_gradients_of_bags_count_as_what_they_stand_for(sparse: bool) -> None:
    tables = [
        module(*SHAPE, mode="sum", sparse=sparse, _weight=weight().detach())
        for module in (fs.torch.EmbeddingBag, torch.nn.EmbeddingBag)
    ]
    for table in tables:
        optimizer = build(table.parameters())
        for step in range(3):
            optimizer.zero_grad()
            table(torch.tensor([0, step, 3, 3]), torch.tensor([0, 1])).square().sum().backward()
            optimizer.step()
        assert optimizer.state[table.weight]["sum"].shape == (SHAPE[:1] if sparse else SHAPE)
    torch.testing.assert_close(tables[0].weight, tables[1].weight, rtol=1e-6, atol=1e-6)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning", "ignore::FutureWarning")
def test_compiled_steps() -> None:
    torch._dynamo.reset()
    one, two = weight(), weight()
    optimizer = build([two])
    step = torch.compile(optimizer.step, fullgraph=True, backend="aot_eager")
    stepped(build([one]), one, sparse=False)
    for count in range(3):
        two.grad = gradient(count, sparse=False)
        step()
    assert torch.equal(one, two)
    assert optimizer.state[two]["sum"].shape == SHAPE


@pytest.mark.parametrize("value", [2, "rows", None])
def test_the_choice_is_a_flag(value: Any) -> None:
    if value is None:
        assert fs.torch.RowwiseAdagrad([weight()], elementwise_dense=value).state
        return
    with pytest.raises(TypeError, match=r"RowwiseAdagrad: elementwise_dense is .*, expected True or False"):
        build([weight()], elementwise_dense=value)


def test_a_negative_decay_is_refused() -> None:
    with pytest.raises(ValueError, match="RowwiseAdagrad: lr_decay is -1"):
        build([weight()], lr_decay=-1.0)
