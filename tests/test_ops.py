"""The documented operators as they are constructed and called; what they compute is in test_golden and test_rules."""

import inspect
from typing import Any

import numpy as np
import pytest

import fusedstep as fs

from . import reference

NAMES = ["FusedSparseAdam", "FusedSparseLazyAdam", "ApplyProximalAdagrad", "FusedSparseProximalAdagrad"]


def arguments(name: str) -> dict[str, Any]:
    """A good call, by name."""
    rng = np.random.default_rng(2)
    states = {"var": 0, "m": 0, "v": 1, "accum": 1}
    order = getattr(fs.ops, name).entry.arguments.split()
    made: dict[str, Any] = {
        each: reference.numbers(rng, (4, 2), np.float32, bool(states[each])) for each in order if each in states
    }
    made |= {each: 0.1 for each in order if each not in states}
    made["indices" if "indices" in order else "grad"] = np.array([3, 1, 3])
    made["gradient" if "gradient" in order else "grad"] = reference.numbers(rng, (3 if "indices" in order else 4, 2))
    return made


@pytest.mark.parametrize("name", NAMES)
def test_by_position_and_by_name(name: str) -> None:
    results = []
    for by_name in (0, 2, 20):
        given = arguments(name)
        values = list(given.values())
        kept = max(0, len(values) - by_name)
        returned = getattr(fs.ops, name)()(*values[:kept], **dict(list(given.items())[kept:]))
        states = [value for key, value in given.items() if key in ("var", "m", "v", "accum")]
        assert isinstance(returned, tuple)
        assert all(got is state for got, state in zip(returned, states, strict=True))
        results.append(states)
    for result in results[1:]:
        for got, want in zip(result, results[0], strict=True):
            reference.assert_same_bits(got, want)


@pytest.mark.parametrize("name", NAMES)
def test_arguments_that_do_not_fit(name: str) -> None:
    given = arguments(name)
    step, values = getattr(fs.ops, name)(), list(given.values())
    before = {key: np.copy(value) for key, value in given.items()}
    for positional, named in [
        (values[:-1], {}),
        ([*values, 1.0], {}),
        (values, {"var": values[0]}),
        (values, {"x": 1}),
    ]:
        with pytest.raises(TypeError, match=rf"^{name}: .*var, "):
            step(*positional, **named)
    if "indices" in given:
        with pytest.raises(TypeError, match=rf"^{name}: indices is None"):
            step(**given | {"indices": None})
    for key, value in before.items():
        np.testing.assert_array_equal(given[key], value)


@pytest.mark.parametrize("name", NAMES)
def test_constructors(name: str) -> None:
    kind = getattr(fs.ops, name)
    assert kind.__name__ == name
    assert kind.__module__ == "fusedstep.ops"
    assert kind(True).use_locking is True
    assert kind(use_locking=True).use_locking is True
    assert kind().use_locking is False
    with pytest.raises(TypeError, match=rf"{name}\(\): .*expected \(use_locking=False"):
        kind(False, False, False)
    with pytest.raises(TypeError, match=rf"{name}\(\): .*rate"):
        kind(rate=True)
    for bad in ("yes", 1, None, np.True_):
        with pytest.raises(TypeError, match=rf"{name}: use_locking is .*expected True or False"):
            kind(bad)


def test_nesterov() -> None:
    for name in ("FusedSparseAdam", "FusedSparseLazyAdam"):
        kind = getattr(fs.ops, name)
        assert str(inspect.signature(kind)) == "(use_locking=False, use_nesterov=False)"
        assert dict(kind(False, True).switches) == {"use_nesterov": True}
        assert dict(kind().switches) == {"use_nesterov": False}
        with pytest.raises(TypeError, match=rf"{name}: use_nesterov is 1 of type int"):
            kind(use_nesterov=1)


def test_shrink() -> None:
    for name in ("ApplyProximalAdagrad", "FusedSparseProximalAdagrad"):
        kind = getattr(fs.ops, name)
        assert str(inspect.signature(kind)) == "(use_locking=False, *, shrink='lr')"
        assert dict(kind(shrink="lr/sqrt(accum)").switches) == {"shrink_by_rate": True}
        assert dict(kind(shrink="lr").switches) == {"shrink_by_rate": False}
        with pytest.raises(ValueError, match=rf"{name}: shrink is 'rate', expected one of 'lr', 'lr/sqrt\(accum\)'"):
            kind(shrink="rate")
        with pytest.raises(TypeError, match=rf"{name}: shrink is of type bool, expected a string"):
            kind(shrink=True)
        with pytest.raises(TypeError, match=name):
            kind(False, "lr")


def test_names() -> None:
    assert set(NAMES) <= set(fs.ops.__all__)
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
    for part in (".. math::", "Args:", "Raises:", "Source:", ">>> ", *arguments(name)):
        assert part in text


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
