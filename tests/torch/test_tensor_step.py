"""Steps that autograd records, and steps of subclasses, fake and meta tensors."""

import contextlib
import inspect
from typing import Any

import pytest

import fusedstep as fs
from tests.torch.test_optimizer import ALL, build

torch = pytest.importorskip("torch")

RECORDED = [name for name in ALL if "differentiable" in inspect.signature(getattr(fs.torch, name)).parameters]
# Settings with which all states of a class are in use.
WHOLE: dict[str, dict[str, Any]] = {
    "SGD": {"momentum": 0.9},
    "Adam": {"amsgrad": True},
    "AdamW": {"amsgrad": True},
    "RMSprop": {"centered": True, "momentum": 0.9},
}
COUNTED = {"step": 10.0, "mu_product": 0.5}


def numbers(count: int, low: float, seed: int) -> Any:
    drawn = torch.rand(count, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return (low + drawn).requires_grad_()


def states_of(name: str) -> dict[str, Any]:
    """States that autograd differentiates by, and counters."""
    optimizer = build(name, [torch.ones(6, dtype=torch.float64)], **WHOLE.get(name, {}))
    found = {key: torch.tensor(COUNTED[key], dtype=torch.float64) for key in optimizer._counters}
    for place, key in enumerate(optimizer._state_keys):
        found[key] = numbers(6, 0.0 if key == "grad_avg" else 1.0, place)
    if name == "RMSprop":
        found["grad_avg"] = (found["grad_avg"].detach() / 8).requires_grad_()
    return found


def stepped(name: str, settings: dict[str, Any], states: dict[str, Any], param: Any, grads: Any) -> tuple[Any, ...]:
    """The parameter and its states after some recorded steps."""
    param = param.clone()
    optimizer = build(name, [param], differentiable=True, **WHOLE.get(name, {}) | settings)
    optimizer.state[param].update({key: value.clone() for key, value in states.items()})
    for grad in grads:
        param.grad = grad
        optimizer.step()
    return param, *(value for value in optimizer.state[param].values() if value.requires_grad)


@pytest.mark.parametrize("name", RECORDED)
def test_derivatives_by_parameters_gradients_and_states(name: str) -> None:
    states = states_of(name)
    keys = [key for key, value in states.items() if value.requires_grad]

    def run(param: Any, grad: Any, *others: Any) -> tuple[Any, ...]:
        return stepped(name, {}, states | dict(zip(keys, others, strict=True)), param, [grad, grad * 0.5])

    assert torch.autograd.gradcheck(run, (numbers(6, 0.5, 7), numbers(6, 0.5, 8), *(states[key] for key in keys)))


@pytest.mark.parametrize("name", RECORDED)
def test_derivatives_by_settings(name: str) -> None:
    known = inspect.signature(getattr(fs.torch, name)).parameters
    by_name = {"lr": 0.9, "weight_decay": 0.1, "eps": 1e-3, "rho": 0.8, "alpha": 0.8, "momentum": 0.9, "lr_decay": 0.5}
    names = [each for each in by_name if each in known]
    betas = [0.8, 0.9] if "betas" in known else []
    given = [*map(by_name.get, names), *betas]
    values = [torch.tensor(each, dtype=torch.float64, requires_grad=True) for each in given]
    states, param, grads = states_of(name), numbers(6, 0.5, 7), [numbers(6, 0.5, 8).detach()] * 2

    def run(*values: Any) -> Any:
        settings = dict(zip(names, values, strict=False))
        if betas:
            settings["betas"] = values[-2:]
        return stepped(name, settings, states, param, grads)[0]

    assert torch.autograd.gradcheck(run, values)


@pytest.mark.parametrize("name", RECORDED)
@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16", "complex128"])
@pytest.mark.parametrize("sparse", [None, 1, 2])
@pytest.mark.parametrize("rows", ["touched", "every"])
def test_recorded_steps_are_a_kernels(name: str, dtype: str, sparse: int | None, rows: str) -> None:
    kind = getattr(torch, dtype)
    value = torch.randn(4, 3, dtype=kind, generator=torch.Generator().manual_seed(1))
    recorded, plain = value.clone(), value.clone()
    optimizers = [build(name, [each], rows=rows, differentiable=each is recorded) for each in (recorded, plain)]
    for seed in range(3):
        grad = torch.randn(4, 3, dtype=kind, generator=torch.Generator().manual_seed(seed))
        grad = grad.masked_fill(torch.arange(12).reshape(4, 3) % 5 == 0, 0)
        for optimizer, each in zip(optimizers, (recorded, plain), strict=True):
            each.grad = grad if sparse is None else grad.to_sparse(sparse)
            optimizer.step()
    torch.testing.assert_close(recorded, plain)
    for key, state in optimizers[1].state[plain].items():
        torch.testing.assert_close(optimizers[0].state[recorded][key], state)


def test_the_step_size_learns_through_steps() -> None:
    rate = torch.tensor(0.01, requires_grad=True)
    start, target = torch.tensor([1.0, -2.0]), torch.zeros(2)
    param = start.clone()
    optimizer = fs.torch.Adam([param], lr=rate, differentiable=True)
    with torch.no_grad():
        for _ in range(5):
            param.grad = (param - target).detach()
            optimizer.step()
    (param - target).square().sum().backward()
    assert rate.grad < 0


def test_a_leaf_is_refused_and_nothing_is_changed() -> None:
    param = torch.ones(2, requires_grad=True)
    param.grad = torch.ones(2)
    optimizer = fs.torch.SGD([param], lr=0.5, momentum=0.5, differentiable=True)
    with pytest.raises(RuntimeError, match=r"^SGD: differentiable is True and a parameter is a leaf"):
        optimizer.step()
    assert param.tolist() == [1, 1]
    assert not optimizer.state


def test_recorded_steps_check_what_kernels_check() -> None:
    """Shapes, indices, and sparse gradients of rules that sum over more than a row."""
    param, grad = torch.ones(2, 3), torch.ones(3, 2)
    optimizer = fs.torch.Adam([param], lr=0.1, differentiable=True)
    param.grad = torch.ones(2, 3)
    param.data, param.grad.data = torch.ones(2, 3), grad
    with pytest.raises(ValueError, match=r"^Adam: grad has shape \(3, 2\), expected \(2, 3\)"):
        optimizer.step()
    for rows in ([-1], [7]):
        param = torch.ones(4, 3)
        param.grad = torch.sparse_coo_tensor([rows], torch.ones(1, 3), (4, 3), check_invariants=False)
        with pytest.raises(IndexError, match=r"^Adam: a sparse gradient has the index (-1|7) in dimension 0"):
            fs.torch.Adam([param], differentiable=True).step()
        assert (param == 1).all()


def test_a_setting_that_is_changed_later_is_followed() -> None:
    param = torch.ones(3)
    optimizer = fs.torch.SGD([param], lr=0.5)
    for recorded in (False, True):
        optimizer.param_groups[0].update(differentiable=recorded, lr=torch.tensor(0.5, requires_grad=recorded))
        param.grad = torch.ones(3)
        optimizer.step()
        assert param.requires_grad == recorded
    assert param.tolist() == [0, 0, 0]


def test_deferred_rows_are_not_recorded() -> None:
    table = torch.nn.Embedding(8, 4, sparse=True)
    with pytest.raises(NotImplementedError, match=r"^Adam: differentiable is True, expected False beside defer"):
        fs.torch.Adam(table.parameters(), defer=[table], differentiable=True)
    optimizer = fs.torch.Adam(table.parameters(), defer=[table])
    optimizer.param_groups[0]["differentiable"] = True
    table(torch.tensor([1])).sum().backward()
    with pytest.raises(NotImplementedError, match=r"^Adam: differentiable is True, expected False beside defer"):
        optimizer.step()


def test_compiled_steps_break_where_they_are_recorded() -> None:
    from fusedstep.torch.compiled import traceable

    assert not traceable(fs.torch.Adam([torch.ones(2)], differentiable=True))
    assert traceable(fs.torch.Adam([torch.ones(2)]))


class Doubled(torch.Tensor):
    """A tensor whose numbers are those of two others: it has no memory of its own."""

    @staticmethod
    def __new__(cls, one: Any, two: Any) -> Any:
        return torch.Tensor._make_wrapper_subclass(cls, one.shape, dtype=one.dtype, requires_grad=one.requires_grad)

    def __init__(self, one: Any, two: Any) -> None:
        self.one, self.two = one, two

    def __repr__(self) -> str:  # type: ignore[override]
        return f"Doubled({self.one}, {self.two})"

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        def of(place: str) -> Any:
            part = lambda each: getattr(each, place) if isinstance(each, Doubled) else each  # noqa: E731
            return func(*torch.utils._pytree.tree_map(part, args), **torch.utils._pytree.tree_map(part, kwargs or {}))

        one, two = of("one"), of("two")
        if func is torch.ops.aten.copy_.default:
            return args[0]
        return Doubled(one, two) if isinstance(one, torch.Tensor) else one


@pytest.mark.parametrize("name", ALL)
def test_a_subclass_that_intercepts_operations(name: str) -> None:
    one, two = torch.ones(4, 3), torch.full((4, 3), 2.0)
    param = torch.nn.Parameter(Doubled(one.clone(), two.clone()))
    plain = [torch.nn.Parameter(each.clone()) for each in (one, two)]
    optimizer, others = build(name, [param]), build(name, plain)
    for seed in range(3):
        grad = torch.randn(4, 3, generator=torch.Generator().manual_seed(seed))
        param.grad = Doubled(grad, grad * 2)
        for each, factor in zip(plain, (1, 2), strict=True):
            each.grad = grad * factor
        optimizer.step()
        others.step()
    torch.testing.assert_close(param.one, plain[0].detach())
    torch.testing.assert_close(param.two, plain[1].detach())


def test_a_subclass_and_a_rule_that_sums_over_more_than_a_row() -> None:
    param = torch.nn.Parameter(Doubled(torch.ones(4, 3), torch.ones(4, 3)))
    settings: dict[str, Any] = {"lr": 0.1, "beta1": 0.9, "beta2": 0.99, "epsilon": 1e-3, "decay": 0.1}
    optimizer = fs.torch.RuleOptimizer([param], fs.rules.lamb, **settings)
    param.grad = Doubled(torch.ones(4, 3), torch.ones(4, 3))
    optimizer.step()
    assert (param.one < 1).all()


def fake() -> Any:
    from torch._subclasses.fake_tensor import FakeTensorMode

    return FakeTensorMode()


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("kind", ["fake cpu", "fake cuda", "meta"])
@pytest.mark.parametrize("capturable", [False, True])
def test_steps_without_numbers(name: str, kind: str, capturable: bool) -> None:
    """Shapes, dtypes, devices and keys of states are those of real steps; counters count."""
    if capturable and "capturable" not in inspect.signature(getattr(fs.torch, name)).parameters:
        pytest.skip("the class does not take it")
    settings = WHOLE.get(name, {}) | ({"capturable": True} if capturable else {})
    real = torch.nn.Parameter(torch.ones(8, 4, dtype=torch.bfloat16))
    reference = build(name, [real], **settings)
    with fake() if "fake" in kind else contextlib.nullcontext():
        param = torch.nn.Parameter(torch.empty(8, 4, dtype=torch.bfloat16, device=kind.split()[-1]))
        optimizer = build(name, [param], **settings)
        for _ in range(2):
            param.grad = torch.empty_like(param)
            optimizer.step()
    for _ in range(2):
        real.grad = torch.ones_like(real)
        reference.step()
    found, expected = optimizer.state[param], reference.state[real]
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        if isinstance(value, torch.Tensor) and key not in reference._counters:
            assert (found[key].dtype, found[key].shape) == (value.dtype, value.shape)
            assert found[key].device.type == param.device.type


@pytest.mark.parametrize("kind", ["fake", "meta"])
def test_shapes_are_checked_without_numbers(kind: str) -> None:
    from fusedstep.torch.gradients import Gradient
    from fusedstep.torch.tensor_step import check_shape

    with fake() if kind == "fake" else contextlib.nullcontext():
        device = "cpu" if kind == "fake" else "meta"
        with pytest.raises(ValueError, match=r"^Adam: grad has shape \(3,\), expected \(2,\)"):
            check_shape("Adam", torch.empty(2, device=device), Gradient(torch.empty(3, device=device), None))


@pytest.mark.parametrize("kind", ["fake", "meta"])
def test_rows_of_entries_without_numbers(kind: str) -> None:
    with fake() if kind == "fake" else contextlib.nullcontext():
        param = torch.nn.Parameter(torch.empty(8, 4, device="cpu" if kind == "fake" else "meta"))
        optimizer = fs.torch.RowwiseAdagrad([param])
        places = torch.zeros(2, 3, dtype=torch.int64, device=param.device)
        values = torch.empty(3, device=param.device)
        param.grad = torch.sparse_coo_tensor(places, values, (8, 4), check_invariants=False)
        optimizer.step()
    assert optimizer.state[param]["sum"].shape == (8,)


def test_memory_is_estimated_without_using_it() -> None:
    with fake():
        model = torch.nn.Linear(100_000, 100_000)
        optimizer = fs.torch.AdamW(model.parameters())
        model(torch.empty(2, 100_000)).sum().backward()
        optimizer.step()
        states = [state for each in optimizer.state.values() for state in each.values()]
        size = sum(state.nbytes for state in states if state.dim())
    assert size == 2 * 4 * (100_000 * 100_000 + 100_000)


def test_a_model_on_the_meta_device_defers_rows() -> None:
    table = torch.nn.Embedding(1000, 4, sparse=True, device="meta")
    optimizer = fs.torch.Adam(table.parameters(), defer=[table])
    table.weight.grad = torch.empty(1000, 4, device="meta")
    optimizer.step()
    assert optimizer.state[table.weight]["exp_avg"].is_meta
