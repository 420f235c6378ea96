"""``fs.Operator``: rules of one's own, what they may say, and how they are called."""

import copy
import math
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import fusedstep as fs
from fusedstep import words
from fusedstep.operators.labels import Labels
from tests import reference

HALF = 0.5
THREE = 3
QUARTER = np.float32(0.25)
BELOW = -2.5


def scaled(x: Any, by: Any = 2, *, plus: Any = 0) -> Any:
    return x * by + plus


def both(x: Any, y: Any, weight: Any) -> tuple[Any, Any]:
    kept = 1 - weight
    return kept * scaled(x, weight), scaled(y, plus=kept)


def helpers_and_constants(var: Any, slot: Any, grad: Any, *, lr: Any) -> tuple[Any, Any]:
    """Helper functions get scalars as scalars: expressions of scalars only are computed once, in float64."""
    slot, step = both(slot, grad, lr)
    var = scaled(var, THREE / 7) - QUARTER * step + math.pi * HALF - np.e / 3 + BELOW
    return var, scaled(slot, by=1 - lr, plus=HALF)


def closure(rate: float, cut: int) -> Callable[..., Any]:
    def closed(var: Any, grad: Any, *, lr: Any) -> Any:
        return var * rate - np.maximum(grad, cut) * lr

    return closed


def borrowed_functions(var: Any, slot: Any, grad: Any, *, lr: Any) -> tuple[Any, Any]:
    slot = np.where(np.sign(grad) > 0, np.minimum(slot, np.abs(var)), -abs(slot))
    return var - math.sqrt(lr) * np.sqrt(np.absolute(slot)) * words.maximum(grad, 0), slot


def switched(
    var: Any, slot: Any, grad: Any, *, lr: Any = 0.1, first: bool = False, second: "bool" = True, third: bool = False
) -> tuple[Any, Any]:
    if first and not second:
        slot = slot + grad
    elif first:
        slot = slot - grad
    else:
        if third:
            return var * 2, slot
        slot = slot * grad
    step = lr * slot if second else slot
    return var - (step if first else step + 1), slot


def assignments(var: Any, slot: Any, grad: Any, *, lr: Any) -> tuple[Any, Any]:
    var, slot = slot, var
    rate: Any = lr
    rate *= 3
    grad -= rate
    grad /= 1 + lr
    slot += grad
    slot **= 2
    (a, b) = var, grad
    a, b = b, a
    return a + b * lr, slot


def one_state(var: Any, grad: Any, *, lr: Any) -> Any:
    """One new state needs no tuple."""
    return var - lr * grad


def one_state_in_a_tuple(var: Any, grad: Any, *, lr: Any) -> Any:
    return (var - lr * grad,)


def colliding_names(compute: Any, rule: Any, scalars: Any, *, np: Any, word_sqrt: Any, spans: Any) -> Any:
    word_abs = words.sqrt(rule * rule) * word_sqrt
    i = compute - np * scalars
    new, states, gradient, part_0, part_1, part_2 = i, i, i, i, rule, word_abs
    part_3 = (part_1 + part_2) ** 2 + (part_0 - part_2) ** 2
    return new + spans * states - gradient + part_3, word_abs + part_1


def colliding_with_the_way_out(compute: Any, compute_: Any, grad: Any) -> Any:
    return compute + grad, compute_ - grad


def powers(var: Any, slot: Any, grad: Any, *, lr: Any) -> tuple[Any, Any]:
    var = var - lr**2 * grad**2 + (1 - lr) ** 0.5 * (var * var) ** 0.5
    return var, slot + (grad - var) ** 2


def constant_powers(var: Any, grad: Any) -> Any:
    """Python's whole numbers, which have no largest and whose powers may be fractions."""
    return var + 10**-3 * grad + 2**70 * 1e-20 - THREE**2


def conditions(var: Any, slot: Any, grad: Any, *, lr: Any) -> tuple[Any, Any]:
    inside = (abs(grad) <= lr) & ~(var > slot) | (var != var)
    slot = words.where(inside, slot, words.where((grad == 0) | (slot >= 1), -slot, grad))
    return words.where(lr > 0.05, var - slot, var) + (grad < 0) * lr, slot


class Holder:
    @staticmethod
    def kept_in_a_class(var: Any, grad: Any, *, lr: Any) -> Any:
        return var - lr * grad


GOOD = [
    (helpers_and_constants, {"lr": 0.3}, {}),
    (closure(0.7, 2), {"lr": 0.3}, {}),
    (closure(0.9, -1), {"lr": 0.3}, {}),
    (borrowed_functions, {"lr": 0.3}, {}),
    (switched, {}, {}),
    (switched, {"lr": 0.3}, {"first": True, "second": False}),
    (switched, {"lr": 0.3}, {"first": True}),
    (switched, {"lr": 0.3}, {"third": True}),
    (assignments, {"lr": 0.3}, {}),
    (one_state, {"lr": 0.3}, {}),
    (one_state_in_a_tuple, {"lr": 0.3}, {}),
    (colliding_names, {"np": 0.3, "word_sqrt": 0.7, "spans": 1.1}, {}),
    (colliding_with_the_way_out, {}, {}),
    (powers, {"lr": 0.3}, {}),
    (constant_powers, {}, {}),
    (conditions, {"lr": 0.1}, {}),
    (Holder.kept_in_a_class, {"lr": 0.3}, {}),
]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(
    ("rule", "scalars", "switches"), [pytest.param(*each, id=f"{n}-{each[0].__name__}") for n, each in enumerate(GOOD)]
)
def test_a_rule_of_ones_own(rule: Any, scalars: dict[str, float], switches: dict[str, bool], dtype: str) -> None:
    operator = fs.Operator(rule, **switches)
    rng = np.random.default_rng(1)
    states = [reference.numbers(rng, (7, 3), dtype) for _ in operator.signature.states]
    grad = reference.numbers(rng, (7, 3), dtype)
    grad[2, 1] = 0
    states[0][0, 0] = np.nan
    used = {**operator.signature.defaults, **scalars}
    expected = reference.step(rule, states, grad, None, "touched", used, switches)
    returned = operator(*states, grad, **scalars)
    assert isinstance(returned, tuple)
    for got, state, want in zip(returned, states, expected, strict=True):
        assert got is state
        reference.assert_same_bits(got, want)


def bounded_words(var: Any, slot: Any, grad: Any, *, lr: Any) -> tuple[Any, Any]:
    return np.exp(var) * words.power(slot, grad), np.log(slot) + lr**grad - slot**3 + slot**-1


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_words_that_are_not_correctly_rounded(dtype: str) -> None:
    # Each within 2 units in the last place, of a sum or product of a few: of the largest term, for sums.
    rng = np.random.default_rng(1)
    states = [reference.numbers(rng, (50, 20), dtype), reference.numbers(rng, (50, 20), dtype, positive=True)]
    grad = reference.numbers(rng, (50, 20), dtype)
    exact = bounded_words(*(np.longdouble(each) for each in (*states, grad)), lr=np.longdouble(0.3))
    terms = [abs(exact[0]), abs(exact[1]) + 0.3 ** np.longdouble(grad) + np.longdouble(states[1]) ** 3 + 3]
    fs.Operator(bounded_words)(*states, grad, lr=0.3)
    for got, want, term in zip(states, exact, terms, strict=True):
        assert (abs(got - want) <= 12 * np.finfo(dtype).eps * term).all()


def sum_of_truths(var: Any, grad: Any) -> Any:
    return var + ((grad > 0) + (var > 0))


def test_a_sum_of_truths_is_a_truth_as_in_numpy_or_refused() -> None:
    var, grad = np.array([1.0, 1.0, -1.0]), np.array([1.0, -1.0, -1.0])
    expected = sum_of_truths(var, grad)
    assert expected.tolist() == [2, 2, -1]
    try:
        fs.Operator(sum_of_truths)(var, grad)
    except TypeError:
        return
    reference.assert_same_bits(var, expected)


def test_closures_of_other_numbers_are_other_kernels() -> None:
    results = []
    for rate in (0.5, 0.25):
        var = np.ones(3)
        fs.Operator(closure(rate, 0))(var, np.zeros(3), lr=1.0)
        results.append(var.tolist())
    assert results == [[0.5] * 3, [0.25] * 3]


STEP = fs.Operator(helpers_and_constants)


def test_arrays_by_position_and_by_name() -> None:
    results = []
    for call in (
        lambda var, slot, grad: STEP(var, slot, grad, lr=0.3),
        lambda var, slot, grad: STEP(var, slot, grad=grad, lr=0.3),
        lambda var, slot, grad: STEP(slot=slot, grad=grad, var=var, lr=0.3, indices=None),
        lambda var, slot, grad: STEP(var, slot, grad, None, rows="every", lr=0.3),
    ):
        arrays = [np.full((2, 2), value) for value in (1.0, 2.0, 3.0)]
        assert call(*arrays)[0] is arrays[0]
        results.append([array.tolist() for array in arrays])
    assert all(result == results[0] for result in results)


def steepest(var: Any, slope: Any, *, lr: Any) -> Any:
    return var - lr * slope


def test_the_gradient_may_be_named_as_the_rule_names_it() -> None:
    for name in ("slope", "grad"):
        var = np.ones(2)
        fs.Operator(steepest)(var, lr=0.5, **{name: np.ones(2)})
        assert var.tolist() == [0.5, 0.5]


ONE = np.ones((2, 2))
CALLS = {
    "too many arrays": (lambda: STEP(*[ONE] * 7, lr=1), TypeError, "at most 6 arrays"),
    "given twice": (lambda: STEP(ONE, ONE, ONE, var=ONE, lr=1), TypeError, "var is given twice"),
    "an array missing": (lambda: STEP(ONE, grad=ONE, lr=1), TypeError, "slot not given"),
    "no gradient": (lambda: STEP(ONE, ONE, lr=1), TypeError, "grad not given"),
    "nothing": (lambda: STEP(), TypeError, "var, slot, grad not given"),
    "a scalar missing": (lambda: STEP(ONE, ONE, ONE), TypeError, "missing: lr"),
    "a scalar unknown": (lambda: STEP(ONE, ONE, ONE, lr=1, beta=2), TypeError, "not known: beta"),
    "rows": (lambda: STEP(ONE, ONE, ONE, lr=1, rows="all"), ValueError, "rows is 'all'.*'touched' or 'every'"),
    "rows None": (lambda: STEP(ONE, ONE, ONE, lr=1, rows=None), ValueError, "rows is None"),
    "a scalar None": (lambda: STEP(ONE, ONE, ONE, lr=None), TypeError, "lr is None"),
    "a scalar too long": (lambda: STEP(ONE, ONE, ONE, lr=[1, 2]), TypeError, "lr is of type list"),
}


@pytest.mark.parametrize("name", list(CALLS))
def test_calls_that_do_not_fit(name: str) -> None:
    call, kind, why = CALLS[name]
    with pytest.raises(kind, match=rf"^helpers_and_constants: .*{why}"):
        call()
    assert (ONE == 1).all()


def test_a_rule_of_ones_own_declares_no_step_sizes() -> None:
    var = np.ones(2)
    fs.Operator(one_state)(var, np.ones(2), lr=-1.0)
    assert var.tolist() == [2, 2]
    fs.Operator(one_state)(var, np.ones(2), lr=math.inf)
    assert var.tolist() == [-math.inf, -math.inf]


def test_repr_names_the_rule() -> None:
    assert "one_state" in repr(fs.Operator(one_state))
    assert "FusedSparseAdam" in repr(fs.ops.FusedSparseAdam())


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda each: pickle.loads(pickle.dumps(each))])  # noqa: S301
def test_operators_can_be_copied_and_pickled(again: Callable[[Any], Any]) -> None:
    own = fs.Operator(switched, use_locking=True, first=True)
    # A kernel that was used must not hinder it.
    own(np.ones(2), np.ones(2), np.ones(2))
    other = again(own)
    assert type(other) is fs.Operator
    assert other.rule is switched
    assert other.options.use_locking is True
    assert other.switches == own.switches
    results = []
    for operator in (own, other):
        states = [np.full(2, 2.0), np.full(2, 3.0)]
        operator(*states, np.full(2, 0.5), lr=0.25)
        results.append([state.tolist() for state in states])
    assert results[0] == results[1]

    for named in (fs.ops.ApplyProximalAdagrad(True, shrink="lr/sqrt(accum)"), fs.ops.FusedSparseAdam(False, True)):
        other = again(named)
        assert type(other) is type(named)
        assert other.options == named.options
        assert other.switches == named.switches


def test_an_operator_does_not_change() -> None:
    operator = fs.Operator(switched, first=True)
    before = {name: value for name, value in vars(operator).items() if not name.startswith("_")}
    operator(*(np.ones(2) for _ in range(3)))
    assert {name: value for name, value in vars(operator).items() if name in before} == before
    for name in ("rule", "name", "switches", "labels", "options", "signature"):
        with pytest.raises(AttributeError, match=rf"^switched: {name} cannot be changed; make another operator$"):
            setattr(operator, name, None)
        assert getattr(operator, name) is before[name]


def test_an_operator_of_a_spec_speaks_with_its_labels() -> None:
    made = fs.Operator(switched, first=True)
    labels = Labels("Mine", tuple(f"my {name}" for name in made.signature.states), "my gradient")
    operator = fs.Operator.from_spec(switched, made.spec, labels)
    assert operator.spec is made.spec
    assert operator.switches == made.switches
    states = [np.ones(2) for _ in made.signature.states]
    with pytest.raises(ValueError, match=r"^Mine: my gradient has shape \(3,\)"):
        operator(*states, np.ones(3))
    with pytest.raises(TypeError, match=rf"^Mine: my {made.signature.states[0]} is "):
        operator(None, *states[1:], np.ones(2))
    assert [state.tolist() for state in states] == [[1.0, 1.0]] * len(states)
    operator(*states, np.ones(2))


@pytest.mark.parametrize("indices", [None, np.array([1, 3, 1])], ids=["dense", "sparse"])
@pytest.mark.parametrize("rows", ["touched", "every"])
@pytest.mark.parametrize("use_locking", [False, True])
@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_prepare_changes_nothing_and_launch_takes_the_step(
    library: str, use_locking: bool, rows: str, indices: Any
) -> None:
    kind = np.array if library == "numpy" else pytest.importorskip("torch").tensor
    operator = fs.Operator(fs.rules.momentum, use_locking=use_locking)
    start = [np.linspace(1, 2, 12, dtype=np.float32).reshape(4, 3) for _ in range(2)]
    gradient = np.ones((4 if indices is None else 3, 3), np.float32)
    expected = [each.copy() for each in start]
    operator(*expected, gradient, indices, rows=rows, lr=0.1, momentum=0.9)
    states = [kind(each) for each in start]
    versions = [getattr(each, "_version", 0) for each in states]
    scalars = operator.scalars({"lr": 0.1, "momentum": 0.9})
    launch = operator.prepare(states, kind(gradient), None if indices is None else kind(indices), rows, scalars)
    assert [getattr(each, "_version", 0) for each in states] == versions
    for state, each in zip(states, start, strict=True):
        np.testing.assert_array_equal(np.asarray(state), each)
    launch()
    for state, each in zip(states, expected, strict=True):
        np.testing.assert_array_equal(np.asarray(state), each)


class Counting(fs.Operator):
    """An operator with an attribute of its own, which changes."""

    def __init__(self, rule: Any, **options: Any) -> None:
        super().__init__(rule, **options)
        self.calls = 0

    def __call__(self, *arrays: Any, **named: Any) -> Any:
        self.calls += 1
        return super().__call__(*arrays, **named)


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda each: pickle.loads(pickle.dumps(each))])  # noqa: S301
def test_operators_can_be_subclassed(again: Callable[[Any], Any]) -> None:
    operator = Counting(switched, first=True)
    operator(*(np.ones(2) for _ in range(3)))
    for other in (again(operator), operator.switched(second=False)):
        assert type(other) is Counting
        assert other.calls == 1
        other(*(np.ones(2) for _ in range(3)))
        assert (other.calls, operator.calls) == (2, 1)
        with pytest.raises(AttributeError, match="rule cannot be changed"):
            other.rule = None
    assert type(fs.ops.FusedSparseAdam().switched(use_nesterov=True)) is fs.ops.FusedSparseAdam


@pytest.mark.parametrize(
    ("named", "sentence"),
    [
        ({"rounding": "stochastic", "seed": 1}, "not known: rounding, seed; pass rounding, seed to the constructor"),
        ({"second": False}, "not known: second; pass second to the constructor"),
        ({"rate": 0.5}, "not known: rate"),
    ],
)
def test_a_call_that_is_given_an_option_names_the_constructor(named: dict[str, Any], sentence: str) -> None:
    with pytest.raises(TypeError, match=rf"^switched: takes the scalars lr; {sentence}$"):
        fs.Operator(switched)(*(np.ones(2) for _ in range(3)), **named)


def scalar_called_self(var: Any, slot: Any, grad: Any, *, self: Any, cls: Any = 1.0) -> Any:
    return var - self * cls * grad, slot + grad


def test_scalars_may_have_any_other_name() -> None:
    var, slot = np.ones((2, 2)), np.ones((2, 2))
    fs.Operator(scalar_called_self)(var, slot, ONE, self=0.5)
    assert var.tolist() == [[0.5, 0.5], [0.5, 0.5]]
    table = fs.DeferredRows(scalar_called_self, var, slot)
    table.step(ONE, np.array([0, 1]), self=0.5, cls=0.5)
    assert var.tolist() == [[0.25, 0.25], [0.25, 0.25]]

    def switch_called_self(var: Any, grad: Any, *, self: bool = False) -> Any:
        return var - (2 if self else 1) * grad

    fs.Operator(switch_called_self, self=True)(var, ONE)
    assert var.tolist() == [[-1.75, -1.75], [-1.75, -1.75]]


def unread(var: Any, slot: Any, grad: Any, *, lr: Any) -> Any:
    return var - lr * grad, slot


@pytest.mark.parametrize("slot", [None, np.ones(2), np.ones((3, 4), np.int64), memoryview(b"1234")])
def test_a_state_that_is_not_used_is_an_array_or_none(slot: Any) -> None:
    var = np.ones((2, 2))
    assert fs.Operator(unread)(var, slot, ONE, lr=0.5)[1] is slot
    assert var.tolist() == [[0.5, 0.5], [0.5, 0.5]]
    assert fs.DeferredRows(unread, var, slot).states[1] is slot


@pytest.mark.parametrize("slot", [0.5, 1, "slot", [1.0, 2.0], (), object(), np.float64(1), np.ma.ones(2)])
def test_a_state_that_is_not_used_and_no_array_is_refused(slot: Any) -> None:
    var = np.ones((2, 2))
    sentence = r"unread\)?: slot is .*pass .*, or None: the rule does not use it$"
    with pytest.raises(TypeError, match=sentence):
        fs.Operator(unread)(var, slot, ONE, lr=0.5)
    with pytest.raises(TypeError, match=sentence):
        fs.DeferredRows(unread, var, slot)
    assert (var == 1).all()


FACTOR = 0.5


def with_a_constant(var: Any, grad: Any) -> Any:
    return var - FACTOR * grad


def test_a_rule_and_its_constants_are_read_by_the_constructor(monkeypatch: pytest.MonkeyPatch) -> None:
    step = fs.Operator(with_a_constant)
    monkeypatch.setitem(globals(), "FACTOR", 0.25)
    var = np.ones(2)
    step(var, np.ones(2))
    assert var.tolist() == [0.5, 0.5]
    fs.Operator(with_a_constant)(var, np.ones(2))
    assert var.tolist() == [0.25, 0.25]
    monkeypatch.delitem(globals(), "FACTOR")
    step(var, np.ones(2))
    with pytest.raises(TypeError, match=r"`FACTOR`: this name is unknown"):
        fs.Operator(with_a_constant)


def transposed(var: Any, slot: Any, grad: Any, *, lr: Any, twice: bool = False) -> Any:
    if twice:
        return var - lr * grad.T, slot
    return var - lr * grad, slot


def construct(name: str, **switches: bool) -> Any:
    """Something that runs the rule ``transposed``."""
    if name == "Operator":
        return fs.Operator(transposed, **switches)
    if name == "DeferredRows":
        return fs.DeferredRows(transposed, np.ones((2, 2)), np.ones((2, 2)), **switches)
    if name == "RuleOptimizer":
        torch = pytest.importorskip("torch")
        return fs.torch.RuleOptimizer([torch.nn.Parameter(torch.ones(2))], transposed, lr=0.5, **switches)
    pytest.importorskip("optax")
    return fs.jax.transformation(transposed, lr=0.5, **switches)


@pytest.mark.parametrize("name", ["Operator", "DeferredRows", "RuleOptimizer", "transformation"])
def test_each_constructor_checks_what_a_rule_says(name: str) -> None:
    construct(name)
    with pytest.raises(TypeError, match=r"^rule transposed: cannot compile `grad\.T`: .*test_operator\.py:\d+\)$"):
        construct(name, twice=True)
