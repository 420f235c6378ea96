"""MindSpore's tensors on the CPU: the same memory and the same objects, also through views of tensors."""

import gc
from typing import Any

import numpy as np
import pytest

import fusedstep as fs
from fusedstep.storage import STORAGES
from tests import reference

mindspore = pytest.importorskip("mindspore")


def momentum(var: Any, mean: Any, grad: Any, *, lr: Any, beta: Any) -> tuple[Any, Any]:
    mean = beta * mean + (1 - beta) * grad
    return var - lr * mean, mean


STEP = fs.Operator(momentum)
SCALARS = {"lr": 0.1, "beta": 0.7}


def tensor(array: np.ndarray) -> Any:
    """A tensor with an array's elements."""
    if array.dtype == reference.BFLOAT16:
        return mindspore.Tensor(array.astype(np.float32)).astype(mindspore.bfloat16)
    return mindspore.Tensor(array)


def parameter(array: np.ndarray, name: str = "state") -> Any:
    return mindspore.Parameter(tensor(array), name=name)


def as_numpy(given: Any) -> np.ndarray:
    """A copy of a tensor's elements, made by MindSpore."""
    if given.dtype == mindspore.bfloat16:
        return given.astype(mindspore.float32).asnumpy().astype(reference.BFLOAT16)
    return given.asnumpy().copy()


def draw(dtype: str, shape: tuple[int, ...] = (5, 3), count: int = 3) -> tuple[list[np.ndarray], np.ndarray, Any]:
    rng = np.random.default_rng(1)
    kind = reference.DTYPES[dtype]
    states = [rng.standard_normal(shape).astype(kind) for _ in range(2)]
    return states, rng.standard_normal((count, *shape[1:])).astype(kind), np.array([4, 0, 4])


@pytest.mark.parametrize("dtype", STORAGES)
@pytest.mark.parametrize("rows", ["touched", "every"])
@pytest.mark.parametrize("index", ["int32", "int64"])
def test_parameters_are_updated_in_place(dtype: str, rows: str, index: str) -> None:
    values, grad, indices = draw(dtype)
    expected = reference.step(momentum, values, grad, indices, rows, SCALARS)
    states = [parameter(value) for value in values]
    gradient, addresses = tensor(grad), [state.data_ptr() for state in states]
    returned = STEP(*states, gradient, tensor(indices.astype(index)), rows=rows, **SCALARS)
    for got, state, want, address in zip(returned, states, expected, addresses, strict=True):
        assert got is state
        assert state.data_ptr() == address
        reference.assert_same_bits(as_numpy(state), want)
        # An operator that MindSpore runs later reads what was written.
        reference.assert_same_bits(as_numpy(state.copy()), want)
    reference.assert_same_bits(as_numpy(gradient), grad)


VIEWS = {
    "rows": (lambda table: table[2:7], (10, 3)),
    "columns": (lambda table: table[:, 1:4], (5, 6)),
    "every other row": (lambda table: table[::2], (10, 3)),
    "rows of a matrix": (lambda table: table[1], (3, 5, 3)),
    "another shape": (lambda table: table.view(5, 3), (15,)),
    "reshaped": (lambda table: table.reshape(5, 3), (3, 5)),
    "transposed twice": (lambda table: table.T.T, (5, 3)),
    "a part": (lambda table: mindspore.ops.split(table, 5)[1], (10, 3)),
    "a transposed gap": (lambda table: table.T[1:6].T[:, :3], (5, 8)),
}


@pytest.mark.parametrize("name", list(VIEWS))
@pytest.mark.parametrize("sparse", [False, True])
def test_views_of_tensors_are_written_through(name: str, sparse: bool) -> None:
    make, shape = VIEWS[name]
    values, grad, indices = draw("float32")
    if not sparse:
        grad, indices = np.ones((5, 3), np.float32), None
    table = parameter(np.arange(np.prod(shape), dtype=np.float32).reshape(shape), "table")
    before, view, mean = as_numpy(table), make(table), parameter(values[1])
    expected = reference.step(momentum, [as_numpy(view), values[1]], grad, indices, "touched", SCALARS)
    STEP(view, mean, tensor(grad), None if indices is None else tensor(indices), **SCALARS)
    reference.assert_same_bits(as_numpy(make(table)), expected[0])
    assert np.count_nonzero(as_numpy(table) != before) == np.count_nonzero(
        expected[0] != as_numpy(make(tensor(before)))
    )


@pytest.mark.parametrize("layout", ["transposed", "expanded", "sliced"])
def test_gradients_of_any_layout(layout: str) -> None:
    values, _, indices = draw("float32")
    drawn = tensor(np.arange(36, dtype=np.float32).reshape(6, 6))
    grad = {
        "transposed": lambda: drawn[:3, :3].T,
        "expanded": lambda: drawn[:1, :3].broadcast_to((3, 3)),
        "sliced": lambda: drawn[::2, ::2],
    }[layout]()
    expected = reference.step(momentum, values, as_numpy(grad), indices, "touched", SCALARS)
    states = [parameter(value) for value in values]
    STEP(*states, grad, tensor(indices), **SCALARS)
    reference.assert_same_bits(as_numpy(states[0]), expected[0])


def test_indices_of_any_layout() -> None:
    values, grad, _ = draw("float32")
    pairs = tensor(np.array([[4, 9], [0, 9], [4, 9]], np.int32))
    expected = reference.step(momentum, values, grad, np.array([4, 0, 4]), "touched", SCALARS)
    states = [parameter(value) for value in values]
    STEP(*states, tensor(grad), pairs[:, 0], **SCALARS)
    reference.assert_same_bits(as_numpy(states[0]), expected[0])


def test_tensors_beside_arrays() -> None:
    values, grad, indices = draw("float32")
    expected = reference.step(momentum, values, grad, indices, "touched", SCALARS)
    var, mean = parameter(values[0]), values[1].copy()
    STEP(var, mean, grad, indices, **SCALARS)
    reference.assert_same_bits(as_numpy(var), expected[0])
    reference.assert_same_bits(mean, expected[1])


@pytest.mark.parametrize("dtype", [*STORAGES, "int32", "int64"])
@pytest.mark.parametrize("shape", [(), (1,), (1, 1)])
def test_scalars_in_tensors(dtype: str, shape: tuple[int, ...]) -> None:
    var = parameter(np.ones(3, np.float32))
    lr = mindspore.Tensor(np.full(shape, 2, np.float32)).astype(getattr(mindspore, dtype))
    STEP(var, np.zeros(3, np.float32), np.ones(3, np.float32), lr=lr, beta=mindspore.Tensor(0.5, mindspore.float64))
    assert as_numpy(var).tolist() == [0, 0, 0]


def uninitialised() -> Any:
    return mindspore.Tensor(shape=(3, 3), dtype=mindspore.float32, init=mindspore.common.initializer.One())


REFUSED = {
    "no data yet": (uninitialised, r"a tensor without data; call its init_data\(\) first"),
    "whole numbers": (lambda: tensor(np.ones((3, 3), np.int32)), "holds int32, expected float32"),
    "complex": (lambda: tensor(np.ones((3, 3), np.complex64)), "holds complex64, expected float32"),
    "Booleans": (lambda: tensor(np.ones((3, 3), bool)), "holds bool, expected float32"),
    "four bits": (lambda: mindspore.Tensor([1, 2], mindspore.qint4x2), "a tensor of int4, whose memory NumPy"),
    "transposed": (
        lambda: tensor(np.ones((3, 3), np.float32)).T,
        "rows that are not contiguous .* expected contiguous",
    ),
    "the same row": (
        lambda: tensor(np.ones((1, 3), np.float32)).broadcast_to((3, 3)),
        "rows that overlap .* expected contiguous rows",
    ),
    "the same element": (
        lambda: tensor(np.ones((3, 1), np.float32)).broadcast_to((3, 3)),
        "rows that are not contiguous .* expected contiguous rows",
    ),
    "COO": (
        lambda: mindspore.COOTensor(mindspore.Tensor([[0, 1]]), mindspore.Tensor([1.0]), (3, 3)),
        "a COOTensor, which has several parts; pass its values as gradient, and its indices",
    ),
    "CSR": (
        lambda: mindspore.CSRTensor(
            mindspore.Tensor([0, 1, 1, 1]), mindspore.Tensor([0]), mindspore.Tensor([1.0]), (3, 3)
        ),
        "a CSRTensor, which has several parts",
    ),
    "rows": (
        lambda: mindspore.RowTensor(mindspore.Tensor([0]), tensor(np.ones((1, 3), np.float32)), (3, 3)),
        "a RowTensor, which has several parts",
    ),
}


@pytest.mark.parametrize("name", list(REFUSED))
@pytest.mark.parametrize("place", ["var", "mean"])
def test_other_tensors_are_refused_by_name(name: str, place: str) -> None:
    make, why = REFUSED[name]
    other, grad = parameter(np.ones((3, 3), np.float32)), np.ones((3, 3), np.float32)
    states = (make(), other) if place == "var" else (other, make())
    with pytest.raises((TypeError, ValueError), match=rf"momentum: {place} (is|has|holds) .*{why}|{place} {why}"):
        STEP(*states, grad, **SCALARS)
    assert (as_numpy(other) == 1).all()


def test_sparse_gradients_are_refused_with_the_remedy() -> None:
    rows = mindspore.RowTensor(mindspore.Tensor([0]), tensor(np.ones((1, 3), np.float32)), (3, 3))
    states = [parameter(np.ones((3, 3), np.float32)) for _ in range(2)]
    with pytest.raises(TypeError, match=r"momentum: grad is a RowTensor.*pass its values as gradient, and its indices"):
        STEP(*states, rows, **SCALARS)
    STEP(*states, rows.values, rows.indices, **SCALARS)
    assert not (as_numpy(states[0])[0] == 1).any()


def test_tensors_on_a_device_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    # No address is asked for: on a device it means nothing here.
    monkeypatch.setattr(mindspore.Tensor, "device", "Ascend:0")
    monkeypatch.setattr(mindspore.Tensor, "data_ptr", None)
    with pytest.raises(TypeError, match="momentum: var is a tensor on Ascend:0, whose memory NumPy cannot use"):
        STEP(parameter(np.ones(3, np.float32)), np.ones(3, np.float32), np.ones(3, np.float32), **SCALARS)


@pytest.mark.parametrize("shape", [(0,), (3, 0), (0, 3)])
def test_nothing_to_do(shape: tuple[int, ...]) -> None:
    states = [parameter(np.ones(shape, np.float32)) for _ in range(2)]
    assert STEP(*states, tensor(np.ones(shape, np.float32)), **SCALARS)[0] is states[0]


def test_operators_before_and_after_the_step() -> None:
    # MindSpore runs its operators later, in other threads: what was called before the step must not see it.
    var, mean = (parameter(np.ones((300, 300), np.float32)) for _ in range(2))
    ones = tensor(np.ones((300, 300), np.float32))
    for _ in range(20):
        now = float(as_numpy(var)[0, 0])
        product, before = mindspore.ops.matmul(mindspore.ops.matmul(ones, ones), var), var * 2
        STEP(var, mean, ones, lr=0.5, beta=0.5)
        after = var * 2
        assert (as_numpy(before) == 2 * now).all()
        np.testing.assert_allclose(as_numpy(product), now * 300**2, rtol=1e-5)
        assert (as_numpy(after) == 2 * (now - 0.5)).all()


def test_the_gradient_need_not_be_there_yet() -> None:
    var = parameter(np.zeros((300, 300), np.float32))
    ones, mean = tensor(np.ones((300, 300), np.float32)), np.zeros((300, 300), np.float32)
    for _ in range(10):
        STEP(var, mean, mindspore.ops.matmul(mindspore.ops.matmul(ones, ones), ones), lr=1.0, beta=0.0)
    assert (as_numpy(var) == -10 * 300**2).all()


def test_new_data_between_steps() -> None:
    var, mean, grad = parameter(np.ones(3, np.float32), "var"), np.zeros(3, np.float32), np.ones(3, np.float32)

    class Net(mindspore.nn.Cell):
        def __init__(self) -> None:
            super().__init__()
            self.var = var

    changes = [
        lambda: var.set_data(tensor(np.full(3, 5, np.float32))),
        lambda: mindspore.ops.assign(var, tensor(np.full(3, 5, np.float32))),
        lambda: mindspore.load_param_into_net(Net(), {"var": parameter(np.full(3, 5, np.float32), "var")}),
        lambda: var.asnumpy().fill(5),
        lambda: mindspore.ops.assign_add(var, tensor(5 - as_numpy(var))),
    ]
    for change in changes:
        STEP(var, mean, grad, lr=1.0, beta=0.0)
        change()
        STEP(var, mean, grad, lr=1.0, beta=0.0)
        assert as_numpy(var).tolist() == [4, 4, 4]


def test_an_array_keeps_the_memory_that_it_borrowed() -> None:
    from fusedstep.arrays.borrow import borrow

    var = parameter(np.full(100_000, 3, np.float32))
    kept, view = borrow(var), borrow(var[1:])
    var.set_data(tensor(np.zeros(100_000, np.float32)))
    del var
    gc.collect()
    others = [mindspore.ops.zeros(100_000, mindspore.float32) + 7 for _ in range(20)]
    assert all((as_numpy(each) == 7).all() for each in others)
    assert (kept == 3).all()
    assert (view == 3).all()


def test_a_parameter_and_a_view_of_it_share_memory() -> None:
    table = parameter(np.arange(12, dtype=np.float32).reshape(4, 3))
    with pytest.raises(ValueError, match=r"momentum: .*(var|mean).*(overlap|share)"):
        STEP(table[:3], table[1:], np.ones((3, 3), np.float32), **SCALARS)
    assert (as_numpy(table) == np.arange(12).reshape(4, 3)).all()
    grad = as_numpy(table)
    # A gradient in memory that is updated is copied first.
    expected = reference.step(momentum, [grad, np.zeros((4, 3), np.float32)], grad, None, "every", SCALARS)
    STEP(table, np.zeros((4, 3), np.float32), table, **SCALARS)
    reference.assert_same_bits(as_numpy(table), expected[0])


def test_named_operators_take_parameters() -> None:
    states = [parameter(np.ones((3, 1, 2), np.float32)) for _ in range(3)]
    scalars = [mindspore.Tensor(value, mindspore.float32) for value in (0.9, 0.999, 0.001, 0.9, 0.999, 1e-8)]
    grad = tensor(np.full((2, 1, 2), 0.1, np.float32))
    returned = fs.ops.FusedSparseAdam()(*states, *scalars, grad, mindspore.Tensor([0, 1], mindspore.int32))
    assert all(got is state for got, state in zip(returned, states, strict=True))
    np.testing.assert_array_equal(as_numpy(states[0])[:, 0, 0], np.float32([0.9997121, 0.9997121, 0.99971527]))


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_an_operator_that_returns_a_change_returns_a_tensor(dtype: str) -> None:
    kind = getattr(mindspore, dtype)
    moments = [parameter(np.zeros((2, 2), np.float32)) for _ in range(2)]
    grad = mindspore.Tensor(np.ones((2, 2), np.float32)).astype(mindspore.float32)
    change = fs.ops.AdamNoUpdateParam()(*moments, 0.9, 0.999, 0.1, 0.9, 0.999, 1e-8, grad)
    assert isinstance(change, mindspore.Tensor)
    assert change.dtype == mindspore.float32
    np.testing.assert_allclose(as_numpy(change.astype(kind)), -0.1, rtol=1e-3)
