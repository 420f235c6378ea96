"""The recipe for flax on the page about JAX, beside a model whose table has a dense gradient."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fusedstep as fs

jax = pytest.importorskip("jax")
optax = pytest.importorskip("optax")
nnx = pytest.importorskip("flax.nnx")

PAGE = Path(__file__).parents[2] / "docs" / "jax.md"
COUNT, HEIGHT = 40, 1000
OFFSETS = np.array([0, 7, 7, 20, 33])


@pytest.fixture
def recipe() -> dict[str, Any]:
    """What the recipe defines."""
    (text,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)
    names: dict[str, Any] = {}
    exec(text, names)  # noqa: S102 - the page's own text
    return names


def batches() -> list[Any]:
    rng = np.random.default_rng(3)
    return [
        (rng.integers(0, HEIGHT // 20, COUNT), OFFSETS, rng.standard_normal(len(OFFSETS)).astype(np.float32))
        for _ in range(5)
    ]


def test_the_recipe_trains_as_a_dense_gradient_does(recipe: dict[str, Any]) -> None:
    model, optimizer = recipe["model"], recipe["optimizer"]
    table = jax.numpy.array(model.table[...])
    (accum,) = fs.jax.initial_states(fs.rules.rowwise_adagrad, table)
    layer = {"kernel": jax.numpy.array(model.layer.kernel[...]), "bias": jax.numpy.array(model.layer.bias[...])}
    adam = optax.adam(1e-2)
    state, bag = adam.init(layer), np.repeat(np.arange(len(OFFSETS)), np.diff([*OFFSETS, COUNT]))

    def loss(table: Any, layer: Any, ids: Any, targets: Any) -> Any:
        pooled = jax.ops.segment_sum(table[ids], bag, len(OFFSETS))
        return ((pooled @ layer["kernel"] + layer["bias"] - targets[:, None]) ** 2).mean()

    first = None
    for ids, offsets, targets in batches():
        value, (of_table, of_layer) = jax.value_and_grad(loss, argnums=(0, 1))(table, layer, ids, targets)
        table, (accum,) = fs.jax.dense_update(fs.rules.rowwise_adagrad, table, (accum,), of_table, lr=0.1, epsilon=1e-8)
        updates, state = adam.update(of_layer, state)
        layer = optax.apply_updates(layer, updates)
        got = recipe["train"](model, optimizer, ids, offsets, targets)
        first = value if first is None else first
        np.testing.assert_allclose(got, value, rtol=1e-4)
    assert value != first
    for mine, wanted in (
        (model.table[...], table),
        (model.states.get_value()[0], accum),
        (model.layer.kernel[...], layer["kernel"]),
        (model.layer.bias[...], layer["bias"]),
    ):
        np.testing.assert_allclose(mine, wanted, rtol=1e-4, atol=1e-6)


def test_the_recipe_updates_the_table_in_place(recipe: dict[str, Any]) -> None:
    model = recipe["model"]
    before = [model.table[...], *model.states.get_value()]
    places = [each.unsafe_buffer_pointer() for each in before]
    recipe["train"](model, recipe["optimizer"], *batches()[0])
    after = [model.table[...], *model.states.get_value()]
    assert [each.unsafe_buffer_pointer() for each in after] == places
    assert all(each.is_deleted() for each in before)
    assert not isinstance(model.table, nnx.Param)
