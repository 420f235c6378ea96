"""Prepared steps of small parameters notice every change between two steps."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fusedstep as fs

torch = pytest.importorskip("torch")

SHAPE = (4, 3)


def other_memory(param: Any, optimizer: Any) -> None:
    param.data = param.detach().clone()


def other_strides(param: Any, optimizer: Any) -> None:
    # The same memory and size, another order.
    param.data = param.detach().as_strided(SHAPE, (1, 4) if param.is_contiguous() else (3, 1))


def other_state(param: Any, optimizer: Any) -> None:
    optimizer.state[param]["exp_avg"] = torch.full(SHAPE, 0.5, dtype=param.dtype)


def no_state(param: Any, optimizer: Any) -> None:
    optimizer.state.clear()


def double(param: Any, optimizer: Any) -> None:
    param.data = param.detach().double()
    for key in ("exp_avg", "exp_avg_sq", "max_exp_avg_sq"):
        if key in optimizer.state[param]:
            optimizer.state[param][key] = optimizer.state[param][key].double()


def other_settings(param: Any, optimizer: Any) -> None:
    optimizer.param_groups[0].update(lr=0.25, amsgrad=True, betas=(0.5, 0.75))


def uphill(param: Any, optimizer: Any) -> None:
    optimizer.param_groups[0]["maximize"] = True


def loaded(param: Any, optimizer: Any) -> None:
    optimizer.load_state_dict(optimizer.state_dict())


CHANGES = [other_memory, other_strides, other_state, no_state, double, other_settings, uphill, loaded]


def plain(param: Any, value: Any) -> Any:
    return value


def transposed(param: Any, value: Any) -> Any:
    return value.t().contiguous().t()


def in_a_graph(param: Any, value: Any) -> Any:
    return value.requires_grad_() * 1


def by_rows(param: Any, value: Any) -> Any:
    return torch.sparse_coo_tensor([[2, 0, 2, 1]], value, SHAPE, check_invariants=True)


def the_parameter_itself(param: Any, value: Any) -> Any:
    return param.detach()


GRADIENTS = [plain, transposed, in_a_graph, by_rows, the_parameter_itself]


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.sampled_from([None, *CHANGES]), st.sampled_from(GRADIENTS)), min_size=2, max_size=8))
def test_the_short_path_does_what_the_long_one_does(steps: list[tuple[Any, Any]]) -> None:
    generator = torch.Generator().manual_seed(5)
    value = torch.randn(SHAPE, generator=generator)
    params = [torch.nn.Parameter(value.clone()) for _ in range(2)]
    optimizers = [fs.torch.Adam([param], lr=0.125) for param in params]
    for change, gradient in [(None, plain), (None, plain), *steps]:
        drawn = torch.randn(SHAPE, generator=generator)
        for param, optimizer in zip(params, optimizers, strict=True):
            param.grad = None
            if change:
                change(param, optimizer)
            if gradient is by_rows and not param.is_contiguous():
                continue
            param.grad = gradient(param, drawn.to(param.dtype, copy=True))
            before = param._version
            optimizer.step()
            assert param._version > before
            optimizers[1]._prepared_steps.clear()
        assert torch.equal(*params)
        first, second = (optimizer.state[param] for param, optimizer in zip(params, optimizers, strict=True))
        assert first.keys() == second.keys()
        assert all(torch.equal(first[key], second[key]) for key in first)


def test_small_parameters_take_it_and_no_others() -> None:
    small, half, wide = torch.ones(3), torch.ones(3, dtype=torch.bfloat16), torch.ones(2000, 1000)
    params = [torch.nn.Parameter(each) for each in (small, half, wide)]
    optimizer = fs.torch.SGD(params)
    for param in params:
        param.grad = torch.ones_like(param)
    optimizer.step()
    assert set(optimizer._prepared_steps) >= {params[0]}
    assert params[1] not in optimizer._prepared_steps


def stepped_twice() -> tuple[Any, Any]:
    """A small parameter whose next step is prepared, and its optimizer."""
    param = torch.nn.Parameter(torch.zeros(100))
    optimizer = fs.torch.SGD([param], lr=1.0)
    for _ in range(2):
        param.grad = torch.ones(100)
        optimizer.step()
    return param, optimizer


def test_a_gradient_whose_storage_was_shrunk_is_refused() -> None:
    param, optimizer = stepped_twice()
    param.grad = torch.ones(100)
    param.grad.untyped_storage().resize_(4)
    before = param.detach().clone()
    with pytest.raises(TypeError, match="outside of its storage"):
        optimizer.step()
    assert torch.equal(param, before)


def test_a_smaller_storage_at_the_address_that_was_checked_is_refused() -> None:
    param, optimizer = stepped_twice()
    storage, start = param.untyped_storage(), param.data_ptr()
    for _ in range(100):
        storage.resize_(0)
        storage.resize_(296)
        if param.data_ptr() == start:
            break
    with pytest.raises(TypeError, match="outside of its storage"):
        optimizer.step()
