"""The documented operators as they are constructed and called; what they compute is in test_golden and test_rules."""

import inspect
import pickle
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import fusedstep as fs
from fusedstep.codegen.rule.program import ReductionScope
from fusedstep.operators import catalogue
from fusedstep.operators.catalogue import NamedOperator
from fusedstep.verify.arguments import arguments, made, options
from tests import reference

NAMES = list(catalogue.OPERATORS)


def states_of(name: str, values: dict[str, Any]) -> list[np.ndarray]:
    """The arrays that a call updates, in the rule's order."""
    return [values[each] for each in made(name).state_names if each in values]


def returned_states(name: str, values: dict[str, Any], returned: Any) -> Iterator[tuple[Any, Any]]:
    """What came back, beside the argument that it must be; None where it must be new."""
    operator = made(name)
    order = [each for each in operator.state_names if each in values]
    expected = operator.entry.returns or operator.entry.creates or order
    got = returned if isinstance(returned, tuple) else (returned,)
    yield from zip(got, (values.get(each) for each in expected), strict=True)


def copied(values: dict[str, Any]) -> dict[str, Any]:
    return {key: np.copy(value) if isinstance(value, np.ndarray) else value for key, value in values.items()}


@pytest.mark.parametrize("name", NAMES)
def test_by_position_and_by_name(name: str) -> None:
    results = []
    for by_name in (0, 2, 20):
        given = arguments(name)
        values = list(given.values())
        kept = max(0, len(values) - by_name)
        returned = made(name)(*values[:kept], **dict(list(given.items())[kept:]))
        assert isinstance(returned, tuple) or made(name).entry.creates
        results.append(states_of(name, given))
        for got, state in returned_states(name, given, returned):
            if state is None:
                assert got.shape == given[made(name).labels.gradient].shape
                assert not any(np.shares_memory(got, each) for each in values if isinstance(each, np.ndarray))
                results[-1].append(got)
            else:
                assert got is state
    for result in results[1:]:
        for got, want in zip(result, results[0], strict=True):
            reference.assert_same_bits(got, want)


@pytest.mark.parametrize("name", NAMES)
def test_arguments_that_do_not_fit(name: str) -> None:
    given = arguments(name)
    step, values, first = made(name), list(given.values()), next(iter(given))
    before = copied(given)
    for positional, named in [
        (values[:-1], {}),
        ([*values, 1.0], {}),
        (values, {first: values[0]}),
        (values, {"x": 1}),
    ]:
        with pytest.raises(TypeError, match=rf"^{name}: .*{first}, "):
            step(*positional, **named)
    either = (TypeError, ValueError)
    wrong: list[tuple[Any, str, Any]] = [
        (TypeError, step.labels.gradient, given[step.labels.gradient].astype(np.float64)),
        (ValueError, step.labels.gradient, given[step.labels.gradient][..., :2].copy()),
        (TypeError, step.labels.gradient, None),
    ]
    if "indices" in given:
        wrong += [(TypeError, "indices", None), (TypeError, "indices", np.array([0.0, 1.0, 2.0]))]
        wrong += [(ValueError, "indices", np.array([[0]])), (IndexError, "indices", np.array([0, 5, 1]))]
    wanted = step.array_spec
    changed = dict(zip(wanted.names, wanted.changed, strict=True))
    for state in step.state_names:
        # What is not used is not looked at.
        if state in given and state not in ("exp_avg", "exp_avg_sq", "max_v"):
            read_only = given[state].copy()
            read_only.flags.writeable = False
            wrong += [(ValueError, state, read_only)] if changed[state] else []
            wrong += [(either, state, None)]
            wrong += [(TypeError, state, given[state].astype(np.int32))]
    for each, meanings in step.entry.meanings.items():
        if each not in (*step.state_names, step.labels.gradient, "indices"):
            wrong += [(TypeError, each, bad) for bad in (None, "a", True)]
            wrong += [(ValueError, each, np.ones(3))]
            if set(meanings) & set(step.entry.step_sizes):
                wrong += [(ValueError, each, bad) for bad in (-0.1, np.nan, np.inf)]
    for error, argument, value in wrong:
        # What an operator makes is like the gradient: then a state may be what does not fit.
        said = rf"({'|'.join(step.state_names)}|{argument})" if step.entry.creates else argument
        with pytest.raises(error, match=rf"^{name}: .*{said}"):
            step(**given | {argument: value})
    for key, value in before.items():
        np.testing.assert_array_equal(given[key], value)


@pytest.mark.parametrize("name", NAMES)
def test_constructors(name: str) -> None:
    kind, needed = catalogue.OPERATORS[name], options(name)
    assert getattr(fs.ops, name) is kind
    assert kind.__name__ == name
    assert kind.__module__ == "fusedstep.ops"
    signature = inspect.signature(kind)
    # In the documented order, by position or by name.
    plain = [each for each in signature.parameters.values() if each.kind is each.POSITIONAL_OR_KEYWORD]
    values = [needed.get(each.name, each.default) for each in plain]
    assert kind(*values).constructor_arguments == kind(**needed).constructor_arguments
    assert kind(**needed, use_locking=True).options.use_locking is True
    assert kind(**needed).options.use_locking is False
    with pytest.raises(TypeError, match=rf"{name}\(\): .*expected \("):
        kind(*values, False)
    with pytest.raises(TypeError, match=rf"{name}\(\): .*rate"):
        kind(**needed, rate=True)
    if needed:
        with pytest.raises(TypeError, match=rf"{name}\(\): .*{next(iter(needed))}"):
            kind()
    for option, parameter in signature.parameters.items():
        sized = option in kind.entry.step_sizes
        bad: list[Any] = ["yes", None]
        if isinstance(parameter.default, bool):
            bad += [1, np.True_]
        for each in bad:
            with pytest.raises((TypeError, ValueError), match=rf"^{name}: {option} is "):
                kind(**needed | {option: each})
        for each in (-0.1, np.nan, np.inf) if sized else ():
            with pytest.raises(ValueError, match=rf"^{name}: {option} is "):
                kind(**needed | {option: each})


# What every constructor ends with.
COMMON = "rounding='nearest', seed=0, check_indices=True"
SIGNATURES = {
    "FusedSparseAdam": "(use_locking=False, use_nesterov=False, *, COMMON)",
    "ApplyMomentum": "(use_nesterov=False, use_locking=False, gradient_scale=1.0, *, COMMON)",
    "ApplyAdagrad": "(update_slots=True, *, use_locking=False, COMMON)",
    "SGD": "(dampening=0.0, weight_decay=0.0, nesterov=False, *, use_locking=False, COMMON)",
    "SparseApplyFtrlV2": "(lr, l1, l2, l2_shrinkage, lr_power, use_locking=False, *, COMMON)",
    "SparseApplyProximalAdagrad": "(use_locking=False, *, shrink='lr', COMMON)",
    "SparseApplyAdagradV2": "(lr, epsilon, use_locking=False, update_slots=True, *, COMMON)",
}


@pytest.mark.parametrize("name", SIGNATURES)
def test_signatures(name: str) -> None:
    assert str(inspect.signature(catalogue.OPERATORS[name])) == SIGNATURES[name].replace("COMMON", COMMON)


@pytest.mark.parametrize("name", NAMES)
def test_pickled_operators_do_the_same(name: str) -> None:
    signature = inspect.signature(catalogue.OPERATORS[name]).parameters.values()
    flipped = {each.name: not each.default for each in signature if isinstance(each.default, bool)}
    operator = made(name, **flipped)
    again = pickle.loads(pickle.dumps(operator))  # noqa: S301
    assert type(again) is type(operator)
    assert again.constructor_arguments == operator.constructor_arguments
    assert again.switches == operator.switches
    first, second = arguments(name), arguments(name)
    operator(*first.values())
    again(*second.values())
    for got, want in zip(states_of(name, second), states_of(name, first), strict=True):
        reference.assert_same_bits(got, want)


@pytest.mark.parametrize("rows", ["touched", pytest.param("every", marks=pytest.mark.long)])
@pytest.mark.parametrize("name", [name for name in NAMES if not made(name).entry.rows])
def test_dense_operators_take_sparse_gradients(name: str, rows: str) -> None:
    operator = made(name)
    given = arguments(name)
    gradient, indices = given[operator.labels.gradient][:3].copy(), np.array([3, 1, 3])
    sparse = given | {operator.labels.gradient: gradient}
    before = copied(given)
    if operator.entry.creates:
        with pytest.raises(TypeError, match=rf"^{name}: .*indices"):
            operator(**sparse, indices=indices, rows=rows)
    elif reaches_beyond(operator, given):
        with pytest.raises(ValueError, match=rf"^{name}: indices are given"):
            operator(**sparse, indices=indices, rows=rows)
    else:
        scalars = dict(zip(operator.signature.scalars, operator.numbers(list(given.values())), strict=True))
        states = states_of(name, given)
        unused = len(operator.signature.states) - len(states)
        used = [state.copy() for state in states] + [np.zeros_like(states[0])] * unused
        expected = reference.step(
            operator.rule, used, gradient, indices, rows, scalars, dict(operator.switches), np.dtype(np.float64)
        )
        operator(**sparse, indices=indices, rows=rows)
        for got, want in zip(states, expected, strict=False):
            np.testing.assert_allclose(got, want, rtol=2e-6, atol=2e-6)
        untouched = [0, 2, 4]
        if rows == "touched":
            for state in operator.state_names:
                if state in given:
                    np.testing.assert_array_equal(given[state][untouched], before[state][untouched])
        return
    for key, value in before.items():
        np.testing.assert_array_equal(given[key], value)


def reaches_beyond(operator: NamedOperator, given: dict[str, Any]) -> bool:
    """Whether the rule adds up more than a row."""
    operator(*copied(given).values())
    inner = next(iter(operator._switched.values()), operator)
    return inner.spec.reduction_scope == ReductionScope.TENSOR


@pytest.mark.parametrize("name", [name for name in NAMES if made(name).entry.rows])
def test_sparse_operators_sum_the_gradients_of_a_row(name: str) -> None:
    operator, given = made(name), arguments(name)
    scalars = dict(zip(operator.signature.scalars, operator.numbers(list(given.values())), strict=True))
    states = states_of(name, given)
    before = [state.copy() for state in states]
    expected = reference.step(
        operator.rule,
        before,
        given[operator.labels.gradient],
        given["indices"],
        str(operator.entry.rows),
        scalars,
        dict(operator.switches),
        np.dtype(np.float64),
    )
    operator(*given.values())
    for got, want in zip(states, expected, strict=True):
        np.testing.assert_allclose(got, want, rtol=2e-6, atol=2e-6)


def test_shrink() -> None:
    for name in ("ApplyProximalAdagrad", "FusedSparseProximalAdagrad", "SparseApplyProximalAdagrad"):
        kind = getattr(fs.ops, name)
        assert dict(kind(shrink="lr/sqrt(accum)").switches) == {"shrink_by_rate": True}
        assert dict(kind(shrink="lr").switches) == {"shrink_by_rate": False}
        with pytest.raises(ValueError, match=rf"{name}: shrink is 'rate', expected one of 'lr', 'lr/sqrt\(accum\)'"):
            kind(shrink="rate")
        with pytest.raises(TypeError, match=rf"{name}: shrink is of type bool, expected a string"):
            kind(shrink=True)
        with pytest.raises(TypeError, match=name):
            kind(False, "lr")


def test_names() -> None:
    assert set(NAMES) == set(fs.ops.__all__)
    with pytest.raises(AttributeError, match=r"no operator 'Adm'; it has .*FusedSparseAdam"):
        fs.ops.Adm  # noqa: B018
    with pytest.raises(AttributeError, match=r"no rule 'adm'; it has .*adam"):
        fs.rules.adm  # noqa: B018
    with pytest.raises(AttributeError, match="'fusedstep' has no attribute 'opps'"):
        fs.opps  # noqa: B018
    assert {"ops", "rules", "words", "Operator", "set_num_threads"} <= set(dir(fs))


@pytest.mark.parametrize("name", NAMES)
def test_every_operator_says_what_it_does(name: str) -> None:
    text = inspect.getdoc(getattr(fs.ops, name))
    assert text is not None
    for part in (".. math::", "Args:", "Raises:", "Source:", ">>> "):
        assert part in text
    for argument in (*arguments(name), *inspect.signature(getattr(fs.ops, name)).parameters):
        assert f"\n    {argument}: " in text
        assert f"\n    {argument}: .\n" not in text


def test_amsgrad_is_a_switch_of_adamw() -> None:
    given = arguments("AdamW")
    before = given["max_v"].copy()
    fs.ops.AdamW()(**given)
    np.testing.assert_array_equal(given["max_v"], before)
    again = arguments("AdamW") | {"max_v": None}
    fs.ops.AdamW()(*again.values())
    reference.assert_same_bits(again["var"], given["var"])
    with pytest.raises(TypeError, match="AdamW: max_v is None"):
        fs.ops.AdamW(amsgrad=True)(*again.values())
    fs.ops.AdamW(amsgrad=True)(**given | {"v": np.full_like(before, 100)})
    assert (given["max_v"] > before).all()


def test_the_documented_step_is_that_of_the_rounding_too() -> None:
    results = []
    for by_name in (False, True):
        given = {
            key: value.astype(np.float16) if isinstance(value, np.ndarray) else value
            for key, value in arguments("AdamW").items()
        }
        step = fs.ops.AdamW(rounding="stochastic", seed=3)
        step(**given) if by_name else step(*given.values())
        results.append(given["var"])
    reference.assert_same_bits(results[0], results[1])


def test_powers_follow_from_the_step() -> None:
    by_step, by_power = arguments("AdamW"), arguments("AdamW")
    fs.ops.AdamW()(**by_step | {"step": 3, "beta1": 0.9, "beta2": 0.99})
    var, m, v, gradient = (by_power[name] for name in ("var", "m", "v", "gradient"))
    fs.ops.ApplyAdamW()(var, m, v, 0.9**3, 0.99**3, 0.1, 0.1, 0.9, 0.99, 1e-3, gradient)
    reference.assert_same_bits(by_step["var"], var)


def test_powers_that_are_no_numbers() -> None:
    given = arguments("AdamW")
    before = copied(given)
    for bad in ({"step": 1e6, "beta1": 1e300}, {"step": 1.5, "beta1": -0.5}, {"step": 1e300, "beta2": 2.0}):
        with pytest.raises(ValueError, match=r"^AdamW: beta\d_power cannot be computed from beta\d .*, step "):
            fs.ops.AdamW()(**given | bad)
    for key, value in before.items():
        np.testing.assert_array_equal(given[key], value)


def test_the_documented_third_row_moves() -> None:
    # Rows that are not named take the step of FusedSparseAdam too, and none of the lazy one.
    for name, last in (("FusedSparseAdam", np.float32(0.99971527)), ("FusedSparseLazyAdam", np.float32(1))):
        var, m, v = (np.ones((3, 1, 2), np.float32) for _ in range(3))
        gradient, indices = np.full((2, 1, 2), 0.1, np.float32), np.array([0, 1], np.int32)
        getattr(fs.ops, name)()(var, m, v, 0.9, 0.999, 0.001, 0.9, 0.999, 1e-8, gradient, indices)
        assert (var[2] == last).all()
        assert (var[:2] != 1).all()
        assert (m[2] == (1 if last == 1 else np.float32(0.9))).all()


def test_the_documented_example_of_proximal_adagrad() -> None:
    var = np.array([[0.6, 0.4], [0.1, 0.5]], np.float32)
    accum = np.array([[0.6, 0.5], [0.2, 0.6]], np.float32)
    grad = np.array([[0.3, 0.7], [0.1, 0.8]], np.float32)
    fs.ops.ApplyProximalAdagrad()(var, accum, 0.01, 0.0, 0.0, grad)
    want_var = np.array([[5.96388459e-01, 3.92964751e-01], [9.78178233e-02, 4.92815793e-01]], np.float32)
    reference.assert_same_bits(var, want_var)
    np.testing.assert_allclose(accum, [[0.69, 0.99], [0.21, 1.24]], rtol=1e-6)


@pytest.mark.parametrize("shrink", ["lr", "lr/sqrt(accum)"])
def test_where_nothing_was_ever_seen_no_step_is_taken(shrink: str) -> None:
    var, accum = np.array([1.0, -2.0, np.nan, 3.0]), np.zeros(4)
    grad = np.array([0.0, 0.0, 0.0, np.nan])
    fs.ops.ApplyProximalAdagrad(shrink=shrink)(var, accum, 0.1, 0.5, 0.0, grad)
    # Shrinkage by lr is due all the same; by lr/sqrt(accum) it is not.
    assert var[:2].tolist() == ([0.95, -1.95] if shrink == "lr" else [1.0, -2.0])
    assert np.isnan(var[2:]).all()
    assert accum[:3].tolist() == [0, 0, 0]
