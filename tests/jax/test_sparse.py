"""Steps of rows on JAX arrays: in place by the kernels on the CPU, by XLA elsewhere, equal to each other.

Both are run on the CPU here. XLA takes numbers below the smallest normal one for 0 there; kernels do not.
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
from tests import reference
from tests.rules import test_rules, test_rules_with_sums

jax = pytest.importorskip("jax")
pytest.importorskip("optax")

FLOAT64 = np.dtype(np.float64)
MOMENTUM = {"lr": 0.1, "beta": 0.9}
momentum = test_rules.momentum


def by_xla(
    rule: Callable[..., Any], states: Any, ids: Any, grads: Any, rows: str, scalars: dict[str, float], **switches: bool
) -> list[Any]:
    """What runs where there are no kernels."""
    from fusedstep.jax import by_xla, woven
    from fusedstep.jax.scalars import operator_of, scalars_of

    operator, _ = operator_of(rule, switches)
    numbers = [float(each) for each in scalars_of(operator, scalars)]
    made = woven.weave(operator, str(np.asarray(states[0]).dtype))
    arrays = [jax.numpy.asarray(each) for each in states]
    return by_xla.update_rows(made, rows, numbers, arrays, jax.numpy.asarray(ids), jax.numpy.asarray(grads), [])


def table() -> Iterator[Any]:
    """Every rule by rows in every type; in each run once, and a few rules in more types and both ways of rows."""
    some = (fs.rules.adam, fs.rules.ftrl)
    for each in test_rules.table():
        row, switches, storage, loop = each.values
        if loop != "dense" and not storage.mixed:
            wide = storage.var == "float64" and row.rule not in (momentum, test_rules.exact_words)
            short = switches == row.settings[0] and test_rules.tells_apart(storage, loop, first=True) and not wide
            short = short and (loop == "every" or row.rule in (*some, momentum, test_rules.exact_words))
            yield pytest.param(*each.values, id=each.id, marks=() if short else pytest.mark.long)


@pytest.mark.parametrize(("row", "switches", "storage", "rows"), list(table()))
def test_both_ways_are_equal(
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
        other_way = iter(by_xla(row.rule, in_use, ids, grads, rows, row.scalars, **switches))
    for name, is_used, before, got, want in zip(row.states, used, states, (new, *others), given, strict=True):
        reference.assert_same_bits(got, want, name)
        if is_used and storage.var in row.inexact:
            unit = 2.0 ** (-53 if storage.var == "float64" else -24)
            near = np.asarray(next(other_way))
            # Each of the two may be as far from NumPy.
            test_rules.assert_near(before, near, want.astype(FLOAT64), 2 * row.inexact[storage.var] * unit, name)
        elif is_used:
            reference.assert_same_bits(next(other_way), want, f"{name} by XLA")


@pytest.mark.parametrize(("row", "rows", "types"), list(test_rules_with_sums.by_rows()))
def test_both_ways_are_near_where_rows_add_up(row: test_rules_with_sums.Row, rows: str, types: tuple[str, str]) -> None:
    dtypes = (reference.DTYPES[types[0]], reference.DTYPES[types[1]])
    states, _ = test_rules_with_sums.inputs(row, (37, 5), dtypes)
    rng = np.random.default_rng(8)
    grads, ids = rng.standard_normal((29, 5)).astype(dtypes[0]), rng.integers(0, 37, 29)
    given = [each.copy() for each in states if each is not None]
    fs.Operator(row.rule)(*given, grads, ids, rows=rows, **row.scalars)
    with jax.enable_x64(types[0] == "float64"):
        new, others = fs.jax.sparse_update(row.rule, states[0], states[1:], ids, grads, rows=rows, **row.scalars)
        other_way = by_xla(row.rule, states, ids, grads, rows, row.scalars)
    for before, got, near, want in zip(states, (new, *others), other_way, given, strict=True):
        assert before is not None
        reference.assert_same_bits(got, want)
        test_rules_with_sums.assert_near(
            np.asarray(near), want.astype(FLOAT64), before, 2 * row.ulps, f"{row.name} {rows}"
        )


@pytest.mark.parametrize("rows", ["touched", "every"])
@pytest.mark.parametrize("row", [test_rules.RULES[0], test_rules.RULES[-1]], ids=lambda row: row.rule.__name__)
def test_the_way_of_xla_is_near_under_jit(row: test_rules.Row, rows: str) -> None:
    states, grads, ids = test_rules.inputs(row, test_rules.Storage("float32", "float32", "float32"), rows)
    exact = reference.step(row.rule, states, grads, ids, rows, row.scalars, {}, FLOAT64)
    step = jax.jit(lambda states, ids, grads: by_xla_traced(row, rows, states, ids, grads))
    for name, before, got, want in zip(row.states, states, step(states, ids, grads), exact, strict=True):
        test_rules.assert_near(before, np.asarray(got), want, row.ulps * 2.0**-24, name)


def by_xla_traced(row: test_rules.Row, rows: str, states: Any, ids: Any, grads: Any) -> list[Any]:
    from fusedstep.jax import by_xla, woven
    from fusedstep.jax.scalars import operator_of

    operator, _ = operator_of(row.rule, {})
    numbers = [row.scalars[name] for name in operator.signature.scalars]
    return by_xla.update_rows(woven.weave(operator, "float32"), rows, numbers, states, ids, grads, [])


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
def test_what_is_not_donated_is_unchanged(compiled: bool) -> None:
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


def test_known_numbers_keep_all_their_bits() -> None:
    table, mean, ids, grads = inputs()
    for beta in (0.999, 0.9999):
        want = expected(table, mean, ids, grads, beta=beta)
        got, _ = fs.jax.sparse_update(momentum, table, (mean,), ids, grads, lr=0.1, beta=beta)
        reference.assert_same_bits(got, want[0])


WAYS: dict[str, Callable[..., Any]] = {
    "kernels": jax.jit(
        lambda ids, *rest: fs.jax.sparse_update(momentum, rest[0], (rest[1],), ids, rest[2], **MOMENTUM)[0]
    ),
    "xla": lambda ids, table, mean, grads: by_xla(momentum, [table, mean], ids, grads, "touched", MOMENTUM)[0],
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("dtype", ["int32", "int8", "uint8", "int16", "uint32"])
def test_traced_ids_that_are_no_rows_are_left_out(way: str, dtype: str) -> None:
    table, mean, _, grads = inputs(300, 6)
    signed = dtype.startswith("i")
    outside = -1 if signed else np.iinfo(dtype).max if dtype == "uint32" else 7
    beyond = 300 if np.iinfo(dtype).max > 300 else 8
    ids = np.array([3, outside, 3, beyond, 0, np.iinfo(dtype).min if signed else 3]).astype(dtype)
    kept = (ids.astype(np.int64) >= 0) & (ids.astype(np.int64) < 300)
    got = WAYS[way](ids, table, mean, grads)
    reference.assert_same_bits(got, expected(table, mean, ids[kept], grads[kept])[0])


@pytest.mark.parametrize("way", WAYS)
def test_all_ids_may_be_left_out(way: str) -> None:
    table, mean, _, grads = inputs(37, 4)
    reference.assert_same_bits(WAYS[way](np.full(4, 37, np.int32), table, mean, grads), table)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("shape", [(0, 5), (37, 0), (37,)])
@pytest.mark.parametrize("count", [0, 3])
def test_nothing_to_do_and_tables_of_numbers(way: str, shape: tuple[int, ...], count: int) -> None:
    table, mean = np.ones(shape, np.float32), np.ones(shape, np.float32)
    ids, grads = np.zeros(count, np.int32), np.ones((count, *shape[1:]), np.float32)
    got = np.asarray(WAYS[way](ids, table, mean, grads))
    want = expected(table, mean, ids, grads)[0] if shape[0] else table
    reference.assert_same_bits(got, want)


@pytest.mark.parametrize("way", WAYS)
def test_a_lone_negative_zero_stays(way: str) -> None:
    table = mean = np.full((2, 1), -0.0, np.float32)
    got = WAYS[way](np.array([1, 0, 0], np.int32), table, mean, np.array([[-0.0], [-0.0], [-0.0]], np.float32))
    # -0 - 0.1 * -0 is 0, and with a gradient of +0 it were -0.
    reference.assert_same_bits(got, expected(table, mean, np.array([1, 0]), np.full((2, 1), -0.0, np.float32))[0])
    assert not np.signbit(np.asarray(got)).any()


@pytest.mark.parametrize("way", WAYS)
def test_duplicates_are_added_in_their_order(way: str) -> None:
    table, mean = np.zeros((3, 1), np.float32), np.zeros((3, 1), np.float32)
    values = np.array([[1.0], [2.0**25], [1.0], [-(2.0**25)]], np.float32)
    found = [
        WAYS[way](np.full(4, 1, np.int32), table, mean, values[list(order)]) for order in ([0, 1, 2, 3], [1, 3, 0, 2])
    ]
    got = [float(np.asarray(each)[1, 0]) for each in found]
    assert got[0] == 0.0
    assert got[1] < -0.01


IDS: dict[str, tuple[Any, type[Exception], str]] = {
    "beyond": ([0, 37], IndexError, r"momentum: ids\[1\] is 37, expected 0 to 36: var has 37 rows"),
    "negative": ([0, -1], IndexError, r"ids\[1\] is -1"),
    "what wraps in 32 bits": (np.array([2**32 + 1, 0]), IndexError, r"ids\[0\] is 4294967297"),
    "floats": ([0.0, 1.0], TypeError, "momentum: ids holds float64, expected integers"),
    "none": (None, TypeError, "momentum: ids is None, expected an array of integers"),
    "a dict": ({}, TypeError, "momentum: ids is of type dict, expected an array of integers"),
    "a str": ("ids", TypeError, "momentum: ids is of type str, expected an array of integers"),
    "a list of lists": ([[0], [1, 2]], TypeError, "momentum: ids is of type list, expected an array of integers"),
    "beyond, large": (np.array([2**64 - 1], np.uint64), IndexError, r"ids\[0\] is 18446744073709551615, expected 0 to"),
    "two dimensions": ([[0, 1]], ValueError, r"momentum: ids has shape \(1, 2\), expected one dimension"),
}


@pytest.mark.parametrize("name", IDS)
def test_known_ids_are_checked(name: str) -> None:
    ids, error, message = IDS[name]
    table, mean, _, grads = inputs(37, 2)
    with pytest.raises(error, match=message):
        fs.jax.sparse_update(momentum, table, (mean,), ids, grads, **MOMENTUM)
    # Known inside a trace, too.
    with pytest.raises(error, match=message):
        jax.jit(lambda table: fs.jax.sparse_update(momentum, table, (mean,), ids, grads, **MOMENTUM))(table)


def test_traced_ids_are_integers_in_one_dimension() -> None:
    table, mean, ids, grads = inputs()
    step = jax.jit(lambda ids: fs.jax.sparse_update(momentum, table, (mean,), ids, grads, **MOMENTUM))
    with pytest.raises(TypeError, match="momentum: ids holds float32, expected integers"):
        step(ids.astype(np.float32))
    with pytest.raises(ValueError, match=r"momentum: ids has shape .*, expected one dimension"):
        step(ids[:, None])
    for key in (jax.random.key(0), jax.random.split(jax.random.key(0), len(ids))):
        with pytest.raises(TypeError, match="momentum: ids holds key<fry>, expected integers"):
            step(key)
        with pytest.raises(TypeError, match="momentum: ids holds key<fry>, expected integers"):
            fs.jax.sparse_update(momentum, table, (mean,), key, grads, **MOMENTUM)


@pytest.mark.parametrize("none", [[], ()])
def test_a_list_of_no_ids(none: Any) -> None:
    table, mean, _, grads = inputs()
    new, _ = fs.jax.sparse_update(momentum, table, (mean,), none, grads[:0], **MOMENTUM)
    reference.assert_same_bits(new, table)


def test_ids_of_the_other_byte_order() -> None:
    table, mean, ids, grads = inputs()
    swapped = ids.astype(ids.dtype.newbyteorder("S"))
    new, _ = fs.jax.sparse_update(momentum, table, (mean,), swapped, grads, **MOMENTUM)
    reference.assert_same_bits(new, expected(table, mean, ids, grads)[0])


def test_what_does_not_fit_is_refused() -> None:
    table, mean, ids, grads = inputs()
    with pytest.raises(ValueError, match="rows is 'all', expected 'touched' or 'every'"):
        fs.jax.sparse_update(momentum, table, (mean,), ids, grads, rows="all", **MOMENTUM)
    with pytest.raises(
        ValueError, match=r"lamb: the rule adds up more than a row, .* pass a dense gradient to dense_update"
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
    with pytest.raises(NotImplementedError, match=r"momentum: sparse_update under jax\.vmap"):
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
spread = jax.device_put(table, NamedSharding(mesh, by_rows))
step = partial(fs.jax.sparse_update, fs.rules.adagrad, lr=0.1, epsilon=0.1)
calls = [
    lambda: step(spread, (table,), ids, grads),
    lambda: step(table, (spread,), ids, grads),
    lambda: jax.jit(jax.shard_map(
        lambda table, accum: step(table, (accum,), ids, grads)[0], mesh=mesh, in_specs=by_rows, out_specs=by_rows
    ))(spread, spread),
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
        "adagrad: var lies on 2 devices, expected one; move it with jax.device_put, or use dense_update",
        "adagrad: accum lies on 2 devices, expected one; move it with jax.device_put, or use dense_update",
        "adagrad: sparse_update under jax.shard_map, expected a table on one device; use dense_update",
    ]


def test_elsewhere_nothing_calls_back() -> None:
    table, mean, ids, grads = inputs()
    traced = jax.jit(partial(fs.jax.sparse_update, momentum, **MOMENTUM)).trace(table, (mean,), ids, grads)
    text = {name: traced.lower(lowering_platforms=(name,)).as_text() for name in ("cpu", "cuda", "tpu")}
    assert "python_cpu_callback" in text["cpu"]
    assert not any("callback" in text[name] for name in ("cuda", "tpu"))


@pytest.mark.parametrize("threads_used", [1, 3])
@pytest.mark.usefixtures("split_small")
def test_numbers_near_zero_are_kept_whatever_the_threads(threads_used: int) -> None:
    fs.set_num_threads(threads_used)
    table = np.full((40, 5), 2.0**-140, np.float32)
    step = jax.jit(partial(fs.jax.sparse_update, fs.rules.gradient_descent, lr=0.5))
    new, _ = step(table, (), np.arange(40, dtype=np.int32), table)
    assert (np.asarray(new).view(np.int32) == np.float32(2.0**-141).view(np.int32)).all()
    # What runs afterwards is as it was.
    assert np.float32(2.0**-140) * np.float32(0.5) == np.float32(2.0**-141)


def test_where_the_floating_point_environment_cannot_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    table, mean, ids, grads = inputs()
    monkeypatch.setattr("fusedstep.jax.denormals.environment", lambda: None)
    new, _ = fs.jax.sparse_update(momentum, table, (mean,), ids, grads, **MOMENTUM)
    reference.assert_same_bits(new, expected(table, mean, ids, grads)[0])


def test_rows_of_rows() -> None:
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
