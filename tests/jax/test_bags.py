"""Gradients of bags on JAX arrays: steps equal those with the gradient of each id, which is never built."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

import fusedstep as fs
from fusedstep.operators.bags import Bags
from tests import reference
from tests.rules.test_rules import momentum

jax = pytest.importorskip("jax")
pytest.importorskip("optax")

MOMENTUM = {"lr": 0.1, "beta": 0.9}
RULES: dict[str, tuple[Callable[..., Any], dict[str, float], bool]] = {
    "momentum": (momentum, MOMENTUM, False),
    "rowwise_adagrad": (fs.rules.rowwise_adagrad, {"lr": 0.1, "epsilon": 0.1}, True),
}
COUNT, HEIGHT, WIDTH = 29, 37, 5
# Empty bags at the beginning, in the middle and at the end; without the end of the last.
OFFSETS = np.array([0, 0, 4, 11, 11, 12, 25, 29])


def inputs(types: tuple[str, str] = ("float32", "float32"), by_row: bool = False) -> tuple[list[Any], Bags]:
    """A table with one state, and the gradient of bags of its rows, some of which occur in several bags."""
    rng, (storage, of_gradient) = np.random.default_rng(5), (reference.DTYPES[each] for each in types)
    table = rng.standard_normal((HEIGHT, WIDTH)).astype(storage)
    state = np.abs(rng.standard_normal((HEIGHT, *([] if by_row else [WIDTH])))).astype(storage)
    gradient = rng.standard_normal((len(OFFSETS), WIDTH)).astype(of_gradient)
    weights = rng.standard_normal(COUNT).astype(of_gradient)
    weights[::7] = 0
    return [table, state], Bags(gradient, rng.integers(0, HEIGHT // 2, COUNT), OFFSETS, weights)


def expanded(bags: Bags) -> tuple[np.ndarray, np.ndarray]:
    """The gradient of each id that is in a bag, and these ids."""
    compute = np.dtype(np.float64) if bags.gradient.dtype == np.float64 else np.dtype(np.float32)
    if bags.offsets is None:
        bag = np.arange(len(bags.indices))
    else:
        ends = [*np.asarray(bags.offsets)[1:], len(bags.indices)]
        bag = np.repeat(np.arange(len(bags.gradient)), np.diff([*bags.offsets, *ends[-1:]])[: len(bags.gradient)])
    gradient = bags.gradient.astype(compute)[bag]
    if bags.weights is not None:
        gradient = gradient * bags.weights.astype(compute)[: len(bag), None]
    return gradient, np.asarray(bags.indices)[: len(bag)]


def want(name: str, states: list[Any], bags: Bags, rows: str = "touched") -> list[Any]:
    rule, scalars, _ = RULES[name]
    given, (gradient, ids) = [each.copy() for each in states], expanded(bags)
    fs.Operator(rule)(*given, gradient, ids, rows=rows, **scalars)
    return given


def in_kernels(name: str, states: list[Any], bags: Bags, rows: str = "touched", **others: Any) -> list[Any]:
    rule, scalars, _ = RULES[name]
    table, (state,) = fs.jax.sparse_update(
        rule,
        states[0],
        (states[1],),
        bags.indices,
        bags.gradient,
        offsets=bags.offsets,
        weights=bags.weights,
        rows=rows,
        **scalars,
        **others,
    )
    return [table, state]


def in_xla(name: str, states: list[Any], bags: Bags, rows: str = "touched") -> list[Any]:
    """The step that runs where there are no kernels."""
    from fusedstep.jax.functions import functions_of
    from fusedstep.jax.scalars import parse_scalars, split_switches
    from fusedstep.jax.sparse_xla import update_rows

    rule, scalars, _ = RULES[name]
    operator, _ = split_switches(rule, {})
    functions = functions_of(operator, str(states[0].dtype))
    arrays, lookup = jax.tree.map(jax.numpy.asarray, (states, bags))
    return update_rows(functions, rows, parse_scalars(operator, scalars), arrays, lookup, [])


STEPS = {"kernels": in_kernels, "xla": in_xla}
# The forms of a gradient of bags, of one that has them all.
FORMS: dict[str, Callable[[Bags], Bags]] = {
    "bags": lambda bags: bags._replace(weights=None),
    "weighted bags": lambda bags: bags,
    "with the end": lambda bags: bags._replace(offsets=np.array([*bags.offsets, COUNT])),
    "with an end before the last id": lambda bags: bags._replace(offsets=np.array([*bags.offsets[:-1], 27, 27])),
    "weighted rows": lambda bags: Bags(
        bags.gradient[np.arange(COUNT) % len(OFFSETS)], bags.indices, None, bags.weights
    ),
    "one bag": lambda bags: bags._replace(gradient=bags.gradient[:1], offsets=np.zeros(1, np.int64)),
}
TYPES = [("float32", "float32"), ("bfloat16", "bfloat16"), ("float16", "float32"), ("float64", "float64")]


# Every form in one type, and two of them in the others.
CASES = [(form, types) for form in FORMS for types in TYPES if types == TYPES[0] or form in ("bags", "weighted bags")]


@pytest.mark.parametrize(("form", "types"), CASES, ids=lambda each: each if isinstance(each, str) else "-".join(each))
@pytest.mark.parametrize("rows", ["touched", "every"])
@pytest.mark.parametrize("backend", STEPS)
def test_steps_equal_those_of_the_expanded_gradient(backend: str, rows: str, form: str, types: tuple[str, str]) -> None:
    states, bags = inputs(types)
    bags = FORMS[form](bags)
    with jax.enable_x64("float64" in types):
        got = STEPS[backend]("momentum", states, bags, rows)
    for each, wanted in zip(got, want("momentum", states, bags, rows), strict=True):
        reference.assert_same_bits(each, wanted)


def test_a_rule_by_rows() -> None:
    states, bags = inputs(by_row=True)
    for got, wanted in zip(
        in_kernels("rowwise_adagrad", states, bags), want("rowwise_adagrad", states, bags), strict=True
    ):
        reference.assert_same_bits(got, wanted)


@pytest.mark.parametrize(
    "dtype", ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "list", ">i8"]
)
def test_offsets_of_any_integers(dtype: str) -> None:
    states, bags = inputs()
    offsets: Any = OFFSETS.tolist() if dtype == "list" else OFFSETS.astype(dtype)
    got = in_kernels("momentum", states, bags._replace(offsets=offsets))
    reference.assert_same_bits(got[0], want("momentum", states, bags)[0])


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "uint32"])
def test_offsets_in_xla_of_a_type_too_narrow_for_the_number_of_ids(dtype: str) -> None:
    states, bags = inputs()
    bags = bags._replace(indices=np.arange(300) % HEIGHT, weights=None)
    got = in_xla("momentum", states, bags._replace(offsets=OFFSETS.astype(dtype)))
    reference.assert_same_bits(got[0], want("momentum", states, bags)[0])


def test_donated_buffers_are_those_of_the_results() -> None:
    states, bags = inputs()
    step = jax.jit(partial(in_kernels, "momentum"), donate_argnums=0)
    arrays = [jax.numpy.array(each) for each in states]
    places = [each.unsafe_buffer_pointer() for each in arrays]
    new = step(arrays, bags)
    assert [each.unsafe_buffer_pointer() for each in new] == places
    assert all(each.is_deleted() for each in arrays)
    for got, wanted in zip(new, want("momentum", states, bags), strict=True):
        reference.assert_same_bits(got, wanted)


def test_nothing_is_expanded_on_the_cpu() -> None:
    states, bags = inputs()
    text = jax.jit(partial(in_kernels, "momentum")).trace(states, bags).lower(lowering_platforms=("cpu",)).as_text()
    assert f"tensor<{len(OFFSETS)}x{WIDTH}xf32>" in text
    assert f"tensor<{COUNT}x{WIDTH}xf32>" not in text


def test_there_is_no_callback_on_other_devices() -> None:
    states, bags = inputs()
    traced = jax.jit(partial(in_kernels, "momentum")).trace(states, bags)
    assert not any("callback" in traced.lower(lowering_platforms=(name,)).as_text() for name in ("cuda", "tpu"))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("backend", STEPS)
def test_traced_ids_out_of_range_are_ignored_in_their_bags(backend: str, form: str) -> None:
    states, bags = inputs()
    bags = FORMS[form](bags)
    ids = bags.indices.copy()
    ids[[0, 5, 12, 13, 28]] = -1, HEIGHT, HEIGHT + 7, np.iinfo(np.int32).max, np.iinfo(np.int32).min
    gradient, _ = expanded(bags)
    kept = ((ids >= 0) & (ids < HEIGHT))[: len(gradient)]
    wanted = want("momentum", states, Bags(gradient[kept], ids[: len(gradient)][kept]))
    got = jax.jit(partial(STEPS[backend], "momentum"))(states, bags._replace(indices=ids.astype(np.int32)))
    if backend == "kernels":
        reference.assert_same_bits(got[0], wanted[0])
    else:
        np.testing.assert_allclose(got[0], wanted[0], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("backend", STEPS)
def test_bags_are_padded_at_the_end(backend: str) -> None:
    states, bags = inputs()
    padded = Bags(
        np.concatenate([bags.gradient, np.full((3, WIDTH), np.nan, np.float32)]),
        np.concatenate([bags.indices, np.full(4, HEIGHT)]),
        np.concatenate([OFFSETS, np.full(3, COUNT + 4)]),
        np.concatenate([bags.weights, np.full(4, np.nan, np.float32)]),
    )
    got = jax.jit(partial(STEPS[backend], "momentum"))(states, padded)
    np.testing.assert_allclose(got[0], want("momentum", states, bags)[0], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("backend", STEPS)
@pytest.mark.parametrize("rows", ["touched", "every"])
@pytest.mark.parametrize("offsets", [[], [0], [0, 0]])
def test_no_ids(backend: str, rows: str, offsets: list[int]) -> None:
    states, bags = inputs()
    empty = Bags(bags.gradient[: len(offsets)], np.zeros(0, np.int32), np.array(offsets, np.int32), bags.weights[:0])
    bags = Bags(bags.gradient[:0], np.zeros(0, np.int32))
    for each in (empty, empty._replace(gradient=empty.gradient[1:])):
        got = STEPS[backend]("momentum", states, each, rows)
        reference.assert_same_bits(got[0], want("momentum", states, bags, rows)[0])


@pytest.mark.parametrize("backend", STEPS)
def test_a_row_whose_weights_are_0_takes_the_step(backend: str) -> None:
    states, bags = inputs()
    bags = bags._replace(weights=np.zeros(COUNT, np.float32))
    got = STEPS[backend]("momentum", states, bags)
    touched = np.isin(np.arange(HEIGHT), bags.indices)
    assert ((np.asarray(got[0]) != states[0]).any(1) == touched).all()


def refused(offsets: Any = OFFSETS, weights: Any = None, grads: Any = None, ids: Any = None) -> Callable[[], Any]:
    states, bags = inputs()
    grads = bags.gradient if grads is None else grads
    return lambda: in_kernels("momentum", states, Bags(grads, bags.indices if ids is None else ids, offsets, weights))


GRADIENT = np.ones((len(OFFSETS), WIDTH), np.float32)
REFUSED: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "begins late": (refused(OFFSETS + 1), ValueError, r"momentum: offsets\[0\] is 1, expected 0"),
    "negative": (refused(OFFSETS - 1), ValueError, r"momentum: offsets\[0\] is -1, expected 0"),
    "falls": (refused(np.array([0, 4, 3, 5, 6, 7, 8, 9])), ValueError, r"offsets\[2\] is 3, expected 4 or more"),
    "falls, unsigned": (refused(np.array([0, 4, 3, 5, 6, 7, 8, 9], "uint8")), ValueError, r"offsets\[2\] is 3"),
    "beyond the ids": (refused(np.array([*OFFSETS, 30])), ValueError, r"offsets\[8\] is 30, expected at most 29"),
    "wraps in 32 bits": (refused(OFFSETS + 2**32 * (OFFSETS > 28)), ValueError, r"offsets\[7\] is 4294967325"),
    "too few": (refused(OFFSETS[:-1]), ValueError, "momentum: grads has 8 rows, offsets 7 entries"),
    "too many": (refused(np.array([*OFFSETS, 29, 29])), ValueError, "momentum: grads has 8 rows, offsets 10 entries"),
    "expanded": (
        refused(grads=np.ones((COUNT, WIDTH), np.float32)),
        ValueError,
        "grads has 29 rows, offsets 8 entries",
    ),
    "floats": (refused(OFFSETS.astype(float)), TypeError, "momentum: offsets holds float64, expected integers"),
    "a mask": (refused(OFFSETS > 0), TypeError, "momentum: offsets holds bool, expected integers"),
    "two dimensions": (refused(OFFSETS[None]), ValueError, r"momentum: offsets has shape \(1, 8\), expected one dim"),
    "a string": (refused("0"), TypeError, "momentum: offsets is of type str, expected an array of integers"),
    "a gradient's width": (refused(grads=GRADIENT[:, 1:]), ValueError, r"grads has shape \(8, 4\), expected \(8, 5\)"),
    "a number": (refused(grads=np.float32(1)), ValueError, r"grads has shape \(\), expected \(8, 5\)"),
    "a weight a bag": (refused(weights=GRADIENT[:, 0]), ValueError, r"weights has shape \(8,\), expected \(29,\)"),
    "weights of float64": (
        refused(weights=np.ones(COUNT)),
        TypeError,
        "momentum: weights holds float64, expected float32",
    ),
    "weights of 16 bits": (refused(weights=np.ones(COUNT, "f2")), TypeError, "weights holds float16, expected float32"),
    "integers as weights": (refused(weights=np.ones(COUNT, "i4")), TypeError, "weights holds int32, expected float32"),
    "empty": (refused([], grads=GRADIENT[:0]), ValueError, "momentum: offsets is empty, .*; ids has 29 entries"),
    "an id": (refused(ids=np.full(COUNT, HEIGHT)), IndexError, r"ids\[0\] is 37, expected 0 to 36"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_invalid_bags_are_refused(name: str) -> None:
    call, error, message = REFUSED[name]
    with pytest.raises(error, match=message):
        call()


TRACED: dict[str, tuple[Any, str]] = {
    "begins late": (OFFSETS + 1, r"offsets\[0\] is 1, expected 0"),
    "negative": (-OFFSETS, r"offsets\[2\] is -4, expected 0 or more"),
    "falls": (OFFSETS[::-1] - OFFSETS[-1] * (OFFSETS == 0), "expected"),
    "beyond the ids": (OFFSETS * 100, r"expected at most 29"),
    "far": (np.full(8, np.iinfo(np.int32).min), "expected 0"),
}


@pytest.mark.parametrize("name", TRACED)
def test_traced_offsets_that_are_invalid(name: str) -> None:
    """Kernels refuse them before the first write; XLA computes something."""
    states, bags = inputs()
    offsets, message = TRACED[name]
    bags = bags._replace(offsets=offsets.astype(np.int32))
    outside = bags._replace(indices=np.where(np.arange(COUNT) % 2, bags.indices, HEIGHT))
    for each in (bags, outside):
        with pytest.raises(jax.errors.JaxRuntimeError, match=f"ValueError: momentum: .*{message}"):
            jax.block_until_ready(jax.jit(partial(in_kernels, "momentum"))(states, each))
        for array in jax.block_until_ready(jax.jit(partial(in_xla, "momentum"))(states, each)):
            assert np.isfinite(array).all()


def test_maps_and_derivatives_are_refused() -> None:
    states, bags = inputs()
    with pytest.raises(NotImplementedError, match=r"momentum: sparse_update does not support jax\.vmap"):
        jax.vmap(lambda offsets: in_kernels("momentum", states, bags._replace(offsets=offsets)))(
            np.stack([OFFSETS] * 2)
        )
    for name in ("weights", "gradient"):

        def loss(value: Any, name: str = name) -> Any:
            return in_kernels("momentum", states, bags._replace(**{name: value}))[0].sum()

        with pytest.raises(NotImplementedError, match="momentum: sparse_update has no derivative"):
            jax.grad(loss)(getattr(bags, name))


def test_many_steps_in_a_scan() -> None:
    states, bags = inputs()
    gradients = np.stack([bags.gradient, bags.gradient[::-1]])
    offsets = np.stack([OFFSETS, np.array([0, 1, 2, 3, 4, 5, 6, 6])])

    def body(carry: Any, each: Any) -> tuple[Any, None]:
        return in_kernels("momentum", carry, bags._replace(gradient=each[0], offsets=each[1])), None

    got, _ = jax.jit(lambda states: jax.lax.scan(body, states, (gradients, offsets)))(states)
    wanted = states
    for gradient, each in zip(gradients, offsets, strict=True):
        wanted = want("momentum", wanted, bags._replace(gradient=gradient, offsets=each))
    reference.assert_same_bits(got[0], wanted[0])
    reference.assert_same_bits(got[1], wanted[1])
