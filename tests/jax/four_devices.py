"""Parameters on a mesh of four devices; ``test_sharding.py`` runs these tests in a process of its own."""

import itertools
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import jax
import numpy as np
import optax
import pytest
from jax import numpy as jnp
from jax.sharding import AxisType, NamedSharding, PartitionSpec

import fusedstep as fs
from tests.rules import test_rules, test_rules_with_sums

AXES = [AxisType.Auto, AxisType.Explicit]
ROWS = [*test_rules.RULES[:-3], *test_rules_with_sums.ROWS[:-4]]
SHAPES_AND_AXES = [((4, 6), ("x", "y")), ((4, 6), (None, "x")), ((4, 2, 4), ("x", None, "y")), ((4,), (("x", "y"),))]
# By kind of state, and whether the rule works on columns: which axes of a parameter the state has.
AXES_OF: dict[tuple[str, bool], Callable[[Any], Any]] = {
    ("element", False): lambda axes: axes,
    ("element", True): lambda axes: axes,
    ("row", False): lambda axes: axes[:1],
    ("row", True): lambda axes: axes[:-1],
    ("column", True): lambda axes: (*axes[:-2], axes[-1]),
}
ADAM = {"lr": 0.1, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-3}
SOME = (fs.rules.gradient_descent, fs.rules.adam, fs.rules.ftrl, fs.rules.lamb, fs.rules.adafactor)


def sharded(kind: AxisType, *axes: Any) -> NamedSharding:
    """The sharding with these axes on a mesh of two by two."""
    return NamedSharding(jax.make_mesh((2, 2), ("x", "y"), axis_types=(kind, kind)), PartitionSpec(*axes))


def same_place(one: Any, other: Any) -> bool:
    """Return whether two arrays of one shape have equivalent shardings."""
    return bool(one.sharding.is_equivalent_to(other.sharding, one.ndim))


def drawn(*shape: int) -> np.ndarray:
    return np.random.default_rng(11).standard_normal(shape).astype(np.float32)


def steps(optimizer: Any, params: Any, gradients: Any, state: Any) -> Any:
    """A step with each gradient."""

    def body(carry: Any, gradient: Any) -> tuple[Any, None]:
        params, state = carry
        updates, state = optimizer.update(gradient, state, params)
        return (optax.apply_updates(params, updates), state), None

    return jax.lax.scan(body, (params, state), gradients)[0]


def cases() -> Iterator[Any]:
    """Every rule on both kinds of meshes with many shardings; in each run one rule, and a few others with one sharding.

    The sharding of states depends on their kinds: element, row and column.
    """
    for row, kind, (shape, axes) in itertools.product(ROWS, AXES, SHAPES_AND_AXES):
        if row.rule is not fs.rules.adafactor or len(shape) > 1:
            short = row.rule is fs.rules.rowwise_adagrad
            short = short or (row.rule in SOME and kind is AxisType.Explicit and len(shape) == 3)
            name = f"{row.rule.__name__}-{kind.name}-{axes}"
            yield pytest.param(row, kind, shape, axes, id=name, marks=() if short else pytest.mark.long)


@pytest.mark.parametrize(("row", "kind", "shape", "axes"), list(cases()))
def test_states_have_the_sharding_of_their_parameter(row: Any, kind: AxisType, shape: Any, axes: Any) -> None:
    optimizer = fs.jax.transformation(row.rule, **row.scalars, **getattr(row, "switches", {}))
    param, gradients = drawn(*shape), drawn(3, *shape)
    want = jax.jit(partial(steps, optimizer))(param, gradients, optimizer.init(param))
    param = jax.device_put(param, sharded(kind, *axes))
    gradients = jax.device_put(gradients, sharded(kind, None, *axes))
    state = optimizer.init(param)
    described = jax.ShapeDtypeStruct(param.shape, param.dtype, sharding=param.sharding)
    for other in (jax.jit(optimizer.init)(param), optimizer.init(described)):
        assert all(jax.tree.leaves(jax.tree.map(same_place, other.states, state.states)))
    operator = fs.Operator(row.rule, **getattr(row, "switches", {}))
    kinds = dict(zip(operator.signature.states, operator.spec.kinds, strict=True))
    for name, each in state.states.items():
        wanted = AXES_OF[kinds[name], operator.spec.matrices](axes)
        assert each.sharding.is_equivalent_to(sharded(kind, *wanted), each.ndim), f"{name}: {each.sharding.spec}"
    places = jax.tree.map(lambda each: each.sharding, (param, state.states))
    # JAX warns if a donated array cannot be reused; warnings are errors here.
    new, after = jax.jit(partial(steps, optimizer), donate_argnums=(0, 2))(param, gradients, state)
    for place, each in zip(jax.tree.leaves(places), jax.tree.leaves((new, after.states)), strict=True):
        assert place.is_equivalent_to(each.sharding, each.ndim), f"{each.sharding.spec}, expected {place.spec}"
    for got, wanted in zip(jax.tree.leaves((new, after)), jax.tree.leaves(want), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", AXES)
def test_a_step_without_jit_and_in_a_mesh_context(kind: AxisType) -> None:
    optimizer = fs.jax.group_lasso_ftrl(lr=optax.linear_schedule(0.5, 0.1, 4), l1=0.1, l2=0.0, l21=0.1)
    param, gradient = (jax.device_put(drawn(4, 2, 4), sharded(kind, "x", None, "y")) for _ in range(2))
    updates, state = optimizer.update(gradient, optimizer.init(param), param)
    assert same_place(updates, param)
    assert same_place(state.states["linear"], param)
    with jax.set_mesh(param.sharding.mesh):
        inside, _ = jax.jit(optimizer.update)(gradient, jax.jit(optimizer.init)(param), param)
    np.testing.assert_allclose(inside, updates, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", AXES)
@pytest.mark.parametrize("rule", [fs.rules.amsgrad, fs.rules.adam_rowwise_bias_correction])
def test_init_and_steps_in_a_shard_map(rule: Any, kind: AxisType) -> None:
    powers = {"beta1_power": 0.9, "beta2_power": 0.999} if rule is fs.rules.amsgrad else {}
    optimizer = fs.jax.transformation(rule, **ADAM, **powers)
    param, gradients = drawn(4, 6), drawn(3, 4, 6)

    def whole(param: Any, gradients: Any) -> Any:
        return steps(optimizer, param, gradients, optimizer.init(param))[0]

    rows, stacked = PartitionSpec(("x", "y")), PartitionSpec(None, ("x", "y"))
    mapped = jax.shard_map(whole, mesh=sharded(kind).mesh, in_specs=(rows, stacked), out_specs=rows)
    given = (
        jax.device_put(param, sharded(kind, ("x", "y"))),
        jax.device_put(gradients, sharded(kind, None, ("x", "y"))),
    )
    np.testing.assert_allclose(jax.jit(mapped)(*given), whole(param, gradients), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", AXES)
def test_vmap_preserves_sharding(kind: AxisType) -> None:
    optimizer = fs.jax.rowwise_adagrad(lr=0.1, epsilon=0.1)
    tables = jax.device_put(drawn(4, 6, 2), sharded(kind, "x", "y"))
    # All tables share one count of steps.
    mapped = fs.jax.RuleState(None, 0)
    state = jax.jit(jax.vmap(optimizer.init, out_axes=mapped))(tables)
    assert state.states["accum"].sharding.is_equivalent_to(sharded(kind, "x", "y"), 2)
    updates, after = jax.jit(jax.vmap(optimizer.update, (0, mapped, 0), (0, mapped)))(tables, state, tables)
    assert same_place(updates, tables)
    assert same_place(after.states["accum"], state.states["accum"])


def test_a_parameter_on_one_device_keeps_its_states_there() -> None:
    device = jax.devices()[3]
    optimizer = fs.jax.rowwise_adagrad(lr=0.1, epsilon=0.1)
    param = jax.device_put(drawn(4, 6), device)
    for init in (optimizer.init, jax.jit(optimizer.init)):
        assert init(param).states["accum"].devices() == {device}
    free = optimizer.init(jnp.ones((4, 6)))
    assert not free.states["accum"].committed
    optimizer.update(param, free, param)


@pytest.mark.parametrize("kind", AXES)
@pytest.mark.parametrize("compiled", [False, True])
def test_states_of_a_table_have_its_sharding(compiled: bool, kind: AxisType) -> None:
    table = jax.device_put(drawn(4, 6), sharded(kind, "x", "y"))
    for rule, axes in ((fs.rules.adagrad, ("x", "y")), (fs.rules.rowwise_adagrad, ("x",))):
        make = partial(fs.jax.initial_states, rule)
        (accum,) = (jax.jit(make) if compiled else make)(table)
        assert accum.sharding.is_equivalent_to(sharded(kind, *axes), accum.ndim), f"{accum.sharding.spec}"
        described = jax.ShapeDtypeStruct(table.shape, table.dtype, sharding=table.sharding)
        assert same_place(make(described)[0], accum)
