"""Sparse gradients: beside MindSpore's own optimizers, which take them in a compiled function, and as it makes them."""

from collections.abc import Iterator
from typing import Any

import mindspore
import numpy as np
import pytest
from mindspore.common.sparse_tensor import RowTensorInner

import fusedstep.mindspore.nn
from tests.mindspore.beside_mindspore.side_by_side import (
    STEPS,
    MakeOptimizer,
    assert_close,
    assert_same_parameters,
    parameters,
    tensor,
    values,
)

ROWS, WIDTH, NAMED = 20, 6, 9
SHAPES = {"table": (ROWS, WIDTH), "dense": (4, 3)}
SCALED = {"weight_decay": 0.01, "loss_scale": 8.0}

SETTINGS: dict[str, list[dict[str, Any]]] = {
    "FTRL": [
        {},
        {"learning_rate": 0.1, "l2": 0.01, "use_locking": True},
        {"learning_rate": 0.05, "initial_accum": 0.5, "lr_power": -0.3, **SCALED},
    ],
    "LazyAdam": [
        {},
        {"learning_rate": 0.01, "beta1": 0.8, "beta2": 0.99, "eps": 1e-6, **SCALED},
        {"learning_rate": 0.01, "use_nesterov": True},
    ],
    "Adam": [
        {},
        {"learning_rate": 0.01, "beta1": 0.8, "eps": 1e-6, **SCALED},
        {"use_lazy": True, "use_nesterov": True},
    ],
    "ProximalAdagrad": [{}, {"learning_rate": 0.02, "accum": 0.5, "l1": 0.01, "l2": 0.02, **SCALED}],
}


def batches(count: int = STEPS) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Rows, some of them twice, with their gradients, and the gradient of the dense parameter."""
    rng = np.random.default_rng(2)
    for _ in range(count):
        indices = rng.integers(0, ROWS, NAMED).astype(np.int32)
        yield indices, *(rng.normal(0, 0.1, shape).astype(np.float32) for shape in ((NAMED, WIDTH), SHAPES["dense"]))


def of_mindspore(make: MakeOptimizer, shapes: dict[str, tuple[int, ...]] = SHAPES) -> Any:
    """MindSpore's optimizer after many steps."""
    optimizer = make(mindspore.nn, parameters(shapes))
    optimizer.target = "CPU"

    @mindspore.jit
    def step(indices: Any, gradient: Any, *dense: Any) -> Any:
        return optimizer((RowTensorInner(indices, gradient, (ROWS, WIDTH)), *dense))

    for batch in batches():
        step(*map(tensor, batch[: len(shapes) + 1]))
    return optimizer


def of_ours(make: MakeOptimizer, sparse: Any, shapes: dict[str, tuple[int, ...]] = SHAPES) -> Any:
    """Ours after as many steps."""
    optimizer = make(fusedstep.mindspore.nn, parameters(shapes))
    optimizer.target = "CPU"
    for indices, gradient, dense in batches():
        gradients = sparse(tensor(indices), tensor(gradient), (ROWS, WIDTH)), tensor(dense)
        optimizer(gradients[: len(shapes)])
    return optimizer


@pytest.mark.parametrize(
    ("name", "index"), [(name, index) for name in SETTINGS for index in range(len(SETTINGS[name]))]
)
def test_settings(name: str, index: int) -> None:
    settings = SETTINGS[name][index]

    def make(nn: Any, params: list[Any]) -> Any:
        return getattr(nn, name)(params, **settings)

    expected, got = of_mindspore(make), of_ours(make, RowTensorInner)
    assert_close(values(got.parameters), values(expected.parameters))
    assert_same_parameters(got, expected)


@pytest.mark.parametrize("weight_decay", [0.0, 0.01])
def test_ftrl_with_l1(weight_decay: float) -> None:
    # Without a dense parameter: MindSpore's dense kernel is wrong with an l1, see test_nn_formulas.py.
    def make(nn: Any, params: list[Any]) -> Any:
        return nn.FTRL(params, learning_rate=0.1, l1=0.02, l2=0.01, weight_decay=weight_decay)

    expected, got = (
        of(make, *more, shapes={"table": (ROWS, WIDTH)}) for of, *more in ((of_mindspore,), (of_ours, RowTensorInner))
    )
    found = values(got.parameters)
    assert_close(found, values(expected.parameters))
    assert (found["table"] == 0).any()


@pytest.mark.parametrize("name", ["LazyAdam", "ProximalAdagrad", "Adam"])
def test_groups_and_schedules(name: str) -> None:
    def make(nn: Any, params: list[Any]) -> Any:
        rate = mindspore.nn.ExponentialDecayLR(0.05, 0.9, 10)
        groups = [{"params": params[:1], "lr": rate, "weight_decay": 0.01}, {"params": params[1:], "lr": 0.01}]
        return getattr(nn, name)(groups)

    expected, got = of_mindspore(make), of_ours(make, RowTensorInner)
    assert_close(values(got.parameters), values(expected.parameters))
    assert_same_parameters(got, expected)


def test_mindspores_kinds_of_sparse_gradients_are_one() -> None:
    def make(nn: Any, params: list[Any]) -> Any:
        return nn.LazyAdam(params, learning_rate=0.01)

    expected = values(of_ours(make, RowTensorInner).parameters)
    for kind in (mindspore.RowTensor, lambda *parts: parts):
        got = values(of_ours(make, kind).parameters)
        assert all((got[name] == value).all() for name, value in expected.items())


class Ranking(mindspore.nn.Cell):
    """A network with a table that is trained sparsely, and a dense layer behind it."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = mindspore.nn.EmbeddingLookup(ROWS, WIDTH, target="CPU", sparse=True)
        self.dense = mindspore.nn.Dense(WIDTH, 1)
        for parameter, value in zip(self.trainable_params(), parameters(self.shapes()), strict=True):
            parameter.set_data(value)

    def shapes(self) -> dict[str, tuple[int, ...]]:
        return {each.name: each.shape for each in self.trainable_params()}

    def construct(self, ids: Any) -> Any:
        return (self.dense(self.embedding(ids)) - 1).square().mean()


@pytest.mark.parametrize(
    ("name", "settings"), [("FTRL", {"l2": 0.001}), ("LazyAdam", {}), ("ProximalAdagrad", {"l1": 1e-4})]
)
def test_a_network_with_an_embedding(name: str, settings: dict[str, Any]) -> None:
    found = {}
    for nn in (mindspore.nn, fusedstep.mindspore.nn):
        net = Ranking()
        optimizer = getattr(nn, name)(net.trainable_params(), learning_rate=0.05, **settings)
        optimizer.target = "CPU"
        compute = mindspore.value_and_grad(net, None, net.trainable_params())

        def compiled(ids: Any, compute: Any = compute, optimizer: Any = optimizer) -> Any:
            loss, grads = compute(ids)
            optimizer(grads)
            return loss

        losses = []
        # MindSpore's own takes them inside a graph. A graph hands sparse gradients out as tuples, and ours takes these.
        step = mindspore.jit(compiled) if nn is mindspore.nn else None
        gradients = mindspore.jit(compute)
        for ids, *_ in batches():
            if step:
                losses.append(float(step(tensor(ids))))
            else:
                loss, grads = gradients(tensor(ids))
                assert isinstance(grads[0], tuple)
                optimizer(grads)
                losses.append(float(loss))
        assert losses[-1] < 0.5 * losses[0]
        found[nn] = values(net.trainable_params()) | {"losses": np.array(losses)}
    assert_close(found[fusedstep.mindspore.nn], found[mindspore.nn])


def test_values_without_indices_are_refused() -> None:
    net = Ranking()
    before = values(net.trainable_params())
    optimizer = fusedstep.mindspore.nn.LazyAdam(net.trainable_params())
    _, grads = mindspore.value_and_grad(net, None, net.trainable_params())(tensor(np.int32([1, 1, 3])))
    with pytest.raises(ValueError, match=r"LazyAdam: grads\[0\].*\(3, 6\), expected \(20, 6\).*mindspore.jit"):
        optimizer(grads)
    assert_close(values(net.trainable_params()), before, 0)


def test_indices_out_of_range_are_refused() -> None:
    params = parameters(SHAPES)
    before = values(params)
    optimizer = fusedstep.mindspore.nn.FTRL(params)
    sparse = RowTensorInner(tensor(np.int32([0, ROWS])), tensor(np.ones((2, WIDTH), np.float32)), (ROWS, WIDTH))
    with pytest.raises(IndexError, match=f"FTRL: .*{ROWS}, expected 0 to {ROWS - 1}"):
        optimizer((sparse, tensor(np.ones((4, 3), np.float32))))
    assert_close(values(params), before, 0)
    assert int(optimizer.global_step.asnumpy()[0]) == 0
