"""Steps of rows on JAX arrays: in place with kernels on the CPU, in XLA elsewhere, with equal results.

Both run on the CPU here, where XLA flushes denormals to 0 and kernels do not.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import pytest

import fusedstep as fs
from fusedstep.operators.bags import Bags
from tests import reference
from tests.rules import test_rules, test_rules_with_sums

jax = pytest.importorskip("jax")
pytest.importorskip("optax")

FLOAT64 = np.dtype(np.float64)
MOMENTUM = {"lr": 0.1, "beta": 0.9}
momentum = test_rules.momentum


def update_in_xla(
    rule: Callable[..., Any], states: Any, ids: Any, grads: Any, rows: str, scalars: dict[str, float], **switches: bool
) -> list[Any]:
    """The step that runs where there are no kernels."""
    from fusedstep.jax.functions import functions_of
    from fusedstep.jax.scalars import parse_scalars, split_switches
    from fusedstep.jax.sparse_xla import update_rows

    operator, _ = split_switches(rule, switches)
    numbers = parse_scalars(operator, scalars)
    functions = functions_of(operator, str(np.asarray(states[0]).dtype))
    arrays = [jax.numpy.asarray(each) for each in states]
    bags = Bags(jax.numpy.asarray(grads), jax.numpy.asarray(ids))
    return update_rows(functions, rows, numbers, arrays, bags, [])


def table() -> Iterator[Any]:
    """Every rule by rows in every type; in each run once, and a few rules in more types and for both ``rows``."""
    some = (fs.rules.adam, fs.rules.ftrl)
    for each in test_rules.table():
        row, switches, storage, loop = each.values
        if loop != "dense" and not storage.mixed:
            wide = storage.var == "float64" and row.rule not in (momentum, test_rules.exact_words)
            short = switches == row.settings[0] and test_rules.tells_apart(storage, loop, first=True) and not wide
            short = short and (loop == "every" or row.rule in (*some, momentum, test_rules.exact_words))
            yield pytest.param(*each.values, id=each.id, marks=() if short else pytest.mark.long)


@pytest.mark.parametrize(("row", "switches", "storage", "rows"), list(table()))
def test_kernels_and_xla_are_equal(
    row: test_rules.Row, switches: dict[str, bool], storage: test_rules.Storage, rows: str
) -> None:
    states, grads, ids = test_rules.inputs(row, storage, rows)
    assert ids is not None
    given = [each.copy() for each in states]
    fs.Operator(row.rule, **switches)(*given, grads, ids, rows=rows, **row.scalars)
    with jax.enable_x64(storage.var == "float64"):
        step = partial(fs.jax.sparse_update, row.rule, rows=rows, **row.scalars, **switches)
        used = [bool(kind) for kind in fs.Operator(row.rule, **switches).spec.kinds]
        new, others = step(states[0], states[1:], ids, grads)
        in_use = [each for each, is_used in zip(states, used, strict=True) if is_used]
        from_xla = iter(update_in_xla(row.rule, in_use, ids, grads, rows, row.scalars, **switches))
    for name, is_used, before, got, want in zip(row.states, used, states, (new, *others), given, strict=True):
        reference.assert_same_bits(got, want, name)
        if is_used and storage.var in row.inexact:
            unit = 2.0 ** (-53 if storage.var == "float64" else -24)
            near = np.asarray(next(from_xla))
            # The error of each may be that large.
            test_rules.assert_near(before, near, want.astype(FLOAT64), 2 * row.inexact[storage.var] * unit, name)
        elif is_used:
            reference.assert_same_bits(next(from_xla), want, f"{name} by XLA")


@pytest.mark.parametrize(("row", "rows", "types"), list(test_rules_with_sums.by_rows()))
def test_rules_with_sums_are_near_in_xla(row: test_rules_with_sums.Row, rows: str, types: tuple[str, str]) -> None:
    dtypes = (reference.DTYPES[types[0]], reference.DTYPES[types[1]])
    states, _ = test_rules_with_sums.inputs(row, (37, 5), dtypes)
    rng = np.random.default_rng(8)
    grads, ids = rng.standard_normal((29, 5)).astype(dtypes[0]), rng.integers(0, 37, 29)
    given = [each.copy() for each in states if each is not None]
    fs.Operator(row.rule)(*given, grads, ids, rows=rows, **row.scalars)
    with jax.enable_x64(types[0] == "float64"):
        new, others = fs.jax.sparse_update(row.rule, states[0], states[1:], ids, grads, rows=rows, **row.scalars)
        from_xla = update_in_xla(row.rule, states, ids, grads, rows, row.scalars)
    for before, got, near, want in zip(states, (new, *others), from_xla, given, strict=True):
        assert before is not None
        reference.assert_same_bits(got, want)
        test_rules_with_sums.assert_near(
            np.asarray(near), want.astype(FLOAT64), before, 2 * row.ulps, f"{row.name} {rows}"
        )


@pytest.mark.parametrize("rows", ["touched", "every"])
@pytest.mark.parametrize("row", [test_rules.RULES[0], test_rules.RULES[-1]], ids=lambda row: row.rule.__name__)
def test_the_step_in_xla_is_near_under_jit(row: test_rules.Row, rows: str) -> None:
    states, grads, ids = test_rules.inputs(row, test_rules.Storage("float32", "float32", "float32"), rows)
    exact = reference.step(row.rule, states, grads, ids, rows, row.scalars, {}, FLOAT64)
    step = jax.jit(lambda states, ids, grads: traced_update_in_xla(row, rows, states, ids, grads))
    for name, before, got, want in zip(row.states, states, step(states, ids, grads), exact, strict=True):
        test_rules.assert_near(before, np.asarray(got), want, row.ulps * 2.0**-24, name)


def traced_update_in_xla(row: test_rules.Row, rows: str, states: Any, ids: Any, grads: Any) -> list[Any]:
    from fusedstep.jax.functions import functions_of
    from fusedstep.jax.scalars import split_switches
    from fusedstep.jax.sparse_xla import update_rows

    operator, _ = split_switches(row.rule, {})
    numbers = [np.float64(row.scalars[name]) for name in operator.signature.scalars]
    return update_rows(functions_of(operator, "float32"), rows, numbers, states, Bags(grads, ids), [])


def inputs(rows: int = 37, count: int = 29) -> tuple[Any, Any, Any, Any]:
    rng = np.random.default_rng(2)
    table, mean = (rng.standard_normal((rows, 5)).astype(np.float32) for _ in range(2))
    return (
        table,
        mean,
        rng.integers(0, rows, count).astype(np.int32),
        rng.standard_normal((count, 5)).astype(np.float32),
    )


def expected(table: Any, mean: Any, ids: Any, grads: Any, rows: str = "touched", **scalars: float) -> list[Any]:
    given = [table.copy(), mean.copy()]
    fs.Operator(momentum)(*given, grads, ids, rows=rows, **MOMENTUM | scalars)
    return given


def test_donated_buffers_are_those_of_the_results() -> None:
    table, mean, ids, grads = inputs()
    step = jax.jit(partial(fs.jax.sparse_update, momentum, **MOMENTUM), donate_argnums=(0, 1))
    arrays = [jax.numpy.array(each) for each in (table, mean)]
    places = [each.unsafe_buffer_pointer() for each in arrays]
    new, (after,) = step(arrays[0], (arrays[1],), ids, grads)
    assert [new.unsafe_buffer_pointer(), after.unsafe_buffer_pointer()] == places
    assert all(each.is_deleted() for each in arrays)
    for got, want in zip((new, after), expected(table, mean, ids, grads), strict=True):
        reference.assert_same_bits(got, want)


@pytest.mark.parametrize("compiled", [False, True])
def test_arrays_that_are_not_donated_are_unchanged(compiled: bool) -> None:
    table, mean, ids, grads = inputs()
    step = partial(fs.jax.sparse_update, momentum, **MOMENTUM)
    arrays = [jax.numpy.array(each) for each in (table, mean, ids, grads)]
    new, _ = (jax.jit(step) if compiled else step)(arrays[0], (arrays[1],), *arrays[2:])
    reference.assert_same_bits(new, expected(table, mean, ids, grads)[0])
    for array, before in zip(arrays, (table, mean, ids, grads), strict=True):
        assert np.array_equal(array, before)


def test_one_array_may_be_two_states() -> None:
    table, _, ids, grads = inputs()
    step = jax.jit(partial(fs.jax.sparse_update, momentum, **MOMENTUM))
    one = jax.numpy.array(table)
    for got, want in zip(
        jax.tree.leaves(step(one, (one,), ids, grads)), expected(table, table, ids, grads), strict=True
    ):
        reference.assert_same_bits(got, want)
    reference.assert_same_bits(one, table)


def test_many_steps_in_a_scan_with_a_traced_scalar() -> None:
    table, mean, ids, grads = inputs()
    rates = np.array([0.1, 0.2, 0.3], np.float32)

    def body(carry: Any, rate: Any) -> tuple[Any, None]:
        return fs.jax.sparse_update(momentum, *carry, ids, grads, lr=rate, beta=0.9), None

    step = jax.jit(lambda carry: jax.lax.scan(body, carry, rates)[0], donate_argnums=0)
    new, (after,) = step((jax.numpy.array(table), (jax.numpy.array(mean),)))
    want = [table, mean]
    for rate in rates:
        want = expected(*want, ids, grads, lr=float(rate))
    reference.assert_same_bits(new, want[0])
    reference.assert_same_bits(after, want[1])


def test_known_scalars_are_float64() -> None:
    table, mean, ids, grads = inputs()
    for beta in (0.999, 0.9999):
        want = expected(table, mean, ids, grads, beta=beta)
        got, _ = fs.jax.sparse_update(momentum, table, (mean,), ids, grads, lr=0.1, beta=beta)
        reference.assert_same_bits(got, want[0])


STEPS: dict[str, Callable[..., Any]] = {
    "kernels": jax.jit(
        lambda ids, *rest: fs.jax.sparse_update(momentum, rest[0], (rest[1],), ids, rest[2], **MOMENTUM)[0]
    ),
    "xla": lambda ids, table, mean, grads: update_in_xla(momentum, [table, mean], ids, grads, "touched", MOMENTUM)[0],
}


@pytest.mark.parametrize("backend", STEPS)
@pytest.mark.parametrize("dtype", ["int32", "int8", "uint8", "int16", "uint32"])
def test_traced_ids_out_of_range_are_ignored(backend: str, dtype: str) -> None:
    table, mean, _, grads = inputs(300, 6)
    signed = dtype.startswith("i")
    outside = -1 if signed else np.iinfo(dtype).max if dtype == "uint32" else 7
    beyond = 300 if np.iinfo(dtype).max > 300 else 8
    ids = np.array([3, outside, 3, beyond, 0, np.iinfo(dtype).min if signed else 3]).astype(dtype)
    inside = (ids.astype(np.int64) >= 0) & (ids.astype(np.int64) < 300)
    got = STEPS[backend](ids, table, mean, grads)
    reference.assert_same_bits(got, expected(table, mean, ids[inside], grads[inside])[0])


@pytest.mark.parametrize("backend", STEPS)
def test_all_ids_may_be_ignored(backend: str) -> None:
    table, mean, _, grads = inputs(37, 4)
    reference.assert_same_bits(STEPS[backend](np.full(4, 37, np.int32), table, mean, grads), table)


@pytest.mark.parametrize("backend", STEPS)
@pytest.mark.parametrize("shape", [(0, 5), (37, 0), (37,)])
@pytest.mark.parametrize("count", [0, 3])
def test_empty_calls_and_tables_of_numbers(backend: str, shape: tuple[int, ...], count: int) -> None:
    table, mean = np.ones(shape, np.float32), np.ones(shape, np.float32)
    ids, grads = np.zeros(count, np.int32), np.ones((count, *shape[1:]), np.float32)
    got = np.asarray(STEPS[backend](ids, table, mean, grads))
    want = expected(table, mean, ids, grads)[0] if shape[0] else table
    reference.assert_same_bits(got, want)


@pytest.mark.parametrize("backend", STEPS)
def test_signs_of_zeros(backend: str) -> None:
    table = mean = np.full((2, 1), -0.0, np.float32)
    got = STEPS[backend](np.array([1, 0, 0], np.int32), table, mean, np.array([[-0.0], [-0.0], [-0.0]], np.float32))
    # -0 - 0.1 * -0 is 0; with a gradient of +0 it would be -0.
    reference.assert_same_bits(got, expected(table, mean, np.array([1, 0]), np.full((2, 1), -0.0, np.float32))[0])
    assert not np.signbit(np.asarray(got)).any()


@pytest.mark.parametrize("backend", STEPS)
def test_duplicates_are_added_in_their_order(backend: str) -> None:
    table, mean = np.zeros((3, 1), np.float32), np.zeros((3, 1), np.float32)
    values = np.array([[1.0], [2.0**25], [1.0], [-(2.0**25)]], np.float32)
    found = [
        STEPS[backend](np.full(4, 1, np.int32), table, mean, values[list(order)])
        for order in ([0, 1, 2, 3], [1, 3, 0, 2])
    ]
    got = [float(np.asarray(each)[1, 0]) for each in found]
    assert got[0] == 0.0
    assert got[1] < -0.01


def test_invalid_arguments_are_refused() -> None:
    table, mean, ids, grads = inputs()
    with pytest.raises(ValueError, match="rows is 'all', expected 'touched' or 'every'"):
        fs.jax.sparse_update(momentum, table, (mean,), ids, grads, rows="all", **MOMENTUM)
    with pytest.raises(
        ValueError, match=r"lamb: the rule reduces over more than a row, .* pass a dense gradient to dense_update"
    ):
        fs.jax.sparse_update(fs.rules.lamb, table, (mean, mean), ids, grads, **test_rules_with_sums.LAMB)
    with pytest.raises(ValueError, match=r"grads has shape \(28, 5\), expected \(29, 5\)"):
        fs.jax.sparse_update(momentum, table, (mean,), ids, grads[1:], **MOMENTUM)
    with pytest.raises(TypeError, match="momentum: grads is None, expected an array of float32"):
        fs.jax.sparse_update(momentum, table, (mean,), ids, None, **MOMENTUM)
    with pytest.raises(TypeError, match=r"momentum: var holds float64, expected float32, .* jax.enable_x64\(True\)"):
        fs.jax.sparse_update(momentum, table.astype(FLOAT64), (mean,), ids, grads, **MOMENTUM)
    with pytest.raises(ValueError, match="var has no dimension"):
        fs.jax.sparse_update(momentum, table[0, 0], (mean[0, 0],), ids, grads[:, 0], **MOMENTUM)


def test_maps_and_derivatives_are_refused() -> None:
    table, mean, ids, grads = inputs()
    step = partial(fs.jax.sparse_update, momentum, **MOMENTUM)
    with pytest.raises(NotImplementedError, match=r"momentum: sparse_update does not support jax\.vmap"):
        jax.vmap(lambda table: step(table, (mean,), ids, grads))(np.stack([table, table]))
    with pytest.raises(NotImplementedError, match="momentum: sparse_update has no derivative"):
        jax.grad(lambda grads: step(table, (mean,), ids, grads)[0].sum())(grads)


ON_TWO_DEVICES = """
from functools import partial
import jax, numpy as np
from jax.sharding import AxisType, NamedSharding, PartitionSpec
import fusedstep as fs

mesh = jax.make_mesh((2,), ("rows",), axis_types=(AxisType.Auto,))
by_rows = PartitionSpec("rows")
table = np.ones((4, 2), np.float32)
ids, grads = np.array([0, 1], np.int32), np.ones((2, 2), np.float32)
sharded = jax.device_put(table, NamedSharding(mesh, by_rows))
step = partial(fs.jax.sparse_update, fs.rules.adagrad, lr=0.1, epsilon=0.1)
calls = [
    lambda: step(sharded, (table,), ids, grads),
    lambda: step(table, (sharded,), ids, grads),
    lambda: jax.jit(jax.shard_map(
        lambda table, accum: step(table, (accum,), ids, grads)[0], mesh=mesh, in_specs=by_rows, out_specs=by_rows
    ))(sharded, sharded),
]
for call in calls:
    try:
        call()
    except (ValueError, NotImplementedError) as error:
        print(str(error).splitlines()[0])
"""


def test_a_table_on_several_devices_is_refused() -> None:
    environment = os.environ | {"XLA_FLAGS": "--xla_force_host_platform_device_count=2", "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(
        [sys.executable, "-c", ON_TWO_DEVICES], env=environment, capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout.splitlines() == [
        "adagrad: var is on 2 devices, expected one; move it with jax.device_put, or use dense_update",
        "adagrad: accum is on 2 devices, expected one; move it with jax.device_put, or use dense_update",
        "adagrad: sparse_update does not support jax.shard_map, expected a table on one device; use dense_update",
    ]


def test_there_is_no_callback_on_other_devices() -> None:
    table, mean, ids, grads = inputs()
    traced = jax.jit(partial(fs.jax.sparse_update, momentum, **MOMENTUM)).trace(table, (mean,), ids, grads)
    text = {name: traced.lower(lowering_platforms=(name,)).as_text() for name in ("cpu", "cuda", "tpu")}
    assert "python_cpu_callback" in text["cpu"]
    assert not any("callback" in text[name] for name in ("cuda", "tpu"))


def test_rows_of_two_dimensions() -> None:
    rng = np.random.default_rng(4)
    table, accum = rng.standard_normal((6, 2, 3)).astype(np.float32), np.ones(6, np.float32)
    ids, grads = np.array([1, 4, 1]), rng.standard_normal((3, 2, 3)).astype(np.float32)
    scalars = {"lr": 0.1, "epsilon": 0.1}
    new, (after,) = fs.jax.sparse_update(fs.rules.rowwise_adagrad, table, (accum,), ids, grads, **scalars)
    given = [table.reshape(6, 6).copy(), accum.copy()]
    fs.Operator(fs.rules.rowwise_adagrad)(*given, grads.reshape(3, 6), ids, **scalars)
    reference.assert_same_bits(np.asarray(new).reshape(6, 6), given[0])
    reference.assert_same_bits(after, given[1])


def test_a_state_that_is_not_used_comes_back() -> None:
    table, _, ids, grads = inputs()
    scalars = {"lr": 0.1, "momentum": 0.0, "dampening": 0.0, "weight_decay": 0.0}
    new, (none,) = fs.jax.sparse_update(fs.rules.torch_sgd, table, (None,), ids, grads, use_momentum=False, **scalars)
    given = table.copy()
    fs.Operator(fs.rules.torch_sgd, use_momentum=False)(given, None, grads, ids, **scalars)
    assert none is None
    reference.assert_same_bits(new, given)
