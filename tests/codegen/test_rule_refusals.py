"""What a rule may not say: a TypeError that names the rule, what it says, and the remedy."""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import fusedstep as fs
from fusedstep.words import maximum, sqrt, where

MISSING = None
NOT_A_NUMBER = float("nan")
TABLE = np.ones(3)
NAME = "weights"


# Signatures.
def only_a_gradient(grad: Any, *, lr: Any) -> Any:
    return grad


def gradient_first(grad: Any, var: Any, *, lr: Any) -> Any:
    return var


def scalar_called_indices(var: Any, grad: Any, *, indices: Any) -> Any:
    return var - indices * grad


def scalar_called_rows(var: Any, grad: Any, *, rows: Any) -> Any:
    return var - rows * grad


def scalar_called_use_locking(var: Any, grad: Any, *, use_locking: Any) -> Any:
    return var - use_locking * grad


def state_called_indices(var: Any, indices: Any, grad: Any) -> Any:
    return var, indices


def star_arguments(var: Any, *others: Any) -> Any:
    return var


def keyword_arguments(var: Any, grad: Any, **scalars: Any) -> Any:
    return var


def state_with_a_default(var: Any, grad: Any = 0) -> Any:
    return var - grad


def positional_only(var: Any, /, grad: Any) -> Any:
    return var - grad


# What is returned.
def too_few(var: Any, slot: Any, grad: Any) -> Any:
    return var - grad


def too_many(var: Any, grad: Any) -> Any:
    return var - grad, grad


def nothing(var: Any, grad: Any) -> Any:
    var = var - grad


# Statements.
def if_on_an_array(var: Any, grad: Any) -> Any:
    if grad > 0:
        var = var - grad
    return var


def if_on_a_scalar(var: Any, grad: Any, *, lr: Any) -> Any:
    if lr > 0:
        var = var - lr * grad
    return var


def ternary_on_an_array(var: Any, grad: Any) -> Any:
    return var - grad if grad > 0 else var


def for_loop(var: Any, grad: Any) -> Any:
    for _ in range(3):
        var = var - grad
    return var


def while_loop(var: Any, grad: Any) -> Any:
    while True:
        var = var - grad
    return var


def tried(var: Any, grad: Any) -> Any:
    try:
        return var - grad
    except ValueError:
        return var


def asserted(var: Any, grad: Any) -> Any:
    assert True
    return var - grad


def assigned_to_an_item(var: Any, grad: Any) -> Any:
    var[0] = grad
    return var


def assigned_unevenly(var: Any, grad: Any) -> Any:
    var, grad = var, grad, grad
    return var


def walrus(var: Any, grad: Any) -> Any:
    return (step := grad) + var + step


# Expressions.
def unknown_name(var: Any, grad: Any) -> Any:
    return var - learning_rate * grad  # noqa: F821


def no_number(var: Any, grad: Any) -> Any:
    return var - MISSING * grad


def not_a_number(var: Any, grad: Any) -> Any:
    return var - NOT_A_NUMBER * grad


def global_array(var: Any, grad: Any) -> Any:
    return var - TABLE * grad


def global_string(var: Any, grad: Any) -> Any:
    return var - NAME


def item(var: Any, grad: Any) -> Any:
    return var - grad[0]


def method(var: Any, grad: Any) -> Any:
    return var - grad.sum()


def floor_division(var: Any, grad: Any) -> Any:
    return var // grad


def remainder_by_zero(var: Any, grad: Any) -> Any:
    return var - (5 % 0) * grad


def matrix_product(var: Any, grad: Any) -> Any:
    return var @ grad


def and_between_arrays(var: Any, grad: Any) -> Any:
    return where(var > 0 and grad > 0, var, grad)


def not_of_an_array(var: Any, grad: Any) -> Any:
    return where(not var > 0, var, grad)


def chained_comparison(var: Any, grad: Any) -> Any:
    return where(0 < var < 1, var, grad)


def bits_of_numbers(var: Any, grad: Any) -> Any:
    return where((var > 0) & grad, var, grad)


def inverted_number(var: Any, grad: Any) -> Any:
    return where(~var, var, grad)


def negated_truth(var: Any, grad: Any) -> Any:
    return var - (-(grad > 0))


def difference_of_truths(var: Any, grad: Any) -> Any:
    return var + ((grad > 0) - (var > 0))


def comprehension(var: Any, grad: Any) -> Any:
    return sum([var, grad])


def inner_lambda(var: Any, grad: Any) -> Any:
    return (lambda x: x)(var)


def other_function(var: Any, grad: Any) -> Any:
    return np.cumsum(var)


def printed(var: Any, grad: Any) -> Any:
    print(var)
    return var


def word_by_name(var: Any, grad: Any) -> Any:
    return maximum(x=var, y=grad)


def word_of_one(var: Any, grad: Any) -> Any:
    return maximum(var)


def word_of_two(var: Any, grad: Any) -> Any:
    return sqrt(var, grad)


def endless(x: Any) -> Any:
    return endless(x)


def endless_helper(var: Any, grad: Any) -> Any:
    return endless(var)


def silent(x: Any) -> Any:
    x = x + 1


def silent_helper(var: Any, grad: Any) -> Any:
    return silent(var)


def pair(x: Any) -> Any:
    return x, x


def pair_as_one(var: Any, grad: Any) -> Any:
    return var + pair(grad)


def helper_called_wrongly(var: Any, grad: Any) -> Any:
    return pair(var, grad)


# Functions that are not what their text says.
def doubled(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*values: Any, **scalars: Any) -> Any:
        return 2 * function(*values, **scalars)

    return wrapper


@doubled
def decorated(var: Any, grad: Any) -> Any:
    return var - grad


@doubled
def raised(x: Any) -> Any:
    return x + 1


def decorated_helper(var: Any, grad: Any) -> Any:
    return raised(var)


def executed() -> Callable[..., Any]:
    space: dict[str, Any] = {}
    exec("def executed(var, grad, *, lr):\n    return var - lr * grad", space)  # noqa: S102
    return space["executed"]


a_lambda = lambda var, grad: var - grad  # noqa: E731

REFUSED = {
    only_a_gradient: "takes 1 positional argument.*states.*then the gradient",
    gradient_first: "'grad'.* last positional",
    scalar_called_indices: "'indices'.*the call uses that name",
    scalar_called_rows: "'rows'.*the call uses that name",
    scalar_called_use_locking: "'use_locking'.*the call uses that name",
    state_called_indices: "'indices'.*the call uses that name",
    star_arguments: "'others' must be",
    keyword_arguments: "'scalars' must be",
    state_with_a_default: "'grad' must be a plain positional one without a default",
    positional_only: "'var' must be",
    too_few: "returns 1 for its 2 states: return the new var, slot",
    too_many: "returns 2 for its 1 states: return the new var",
    nothing: "returns nothing for its 1 states",
    if_on_an_array: r"`grad > 0`.*where\(\)",
    if_on_a_scalar: r"`lr > 0`.*where\(\)",
    ternary_on_an_array: r"`grad > 0`.*where\(\)",
    for_loop: "`for _ in range.3.:`: a rule consists of assignments",
    while_loop: "a rule consists of assignments",
    tried: "a rule consists of assignments",
    asserted: "a rule consists of assignments",
    assigned_to_an_item: "plain names",
    assigned_unevenly: "3 values are assigned",
    walrus: "use \\+ - ",
    unknown_name: "`learning_rate`.*is unknown where",
    no_number: "`MISSING`.*pass numbers as scalars",
    not_a_number: "`NOT_A_NUMBER`",
    global_array: "`TABLE`.*pass numbers as scalars",
    global_string: "`NAME`",
    item: r"`grad\[0\]`",
    method: "`grad",
    floor_division: "`var // grad`.*use \\+ - ",
    remainder_by_zero: "`5 % 0`: it cannot be computed: ",
    matrix_product: "`var @ grad`.*use \\+ - ",
    and_between_arrays: "&",
    not_of_an_array: "~",
    chained_comparison: "`0 < var < 1`",
    bits_of_numbers: "&",
    # NumPy refuses these three as well.
    inverted_number: "~",
    negated_truth: "it is a condition, expected a number",
    difference_of_truths: "of conditions is invalid",
    comprehension: "sum",
    inner_lambda: "lambda",
    other_function: r"`np.cumsum\(var\)`.*neither a word of fusedstep.words",
    printed: "`print",
    word_by_name: "positional arguments only",
    word_of_one: r"maximum\(\) takes 2",
    word_of_two: r"sqrt\(\) takes 1",
    endless_helper: "cannot call itself",
    silent_helper: "returns nothing",
    pair_as_one: "returns 2 values, expected one",
    helper_called_wrongly: "too many positional arguments",
    decorated: "decorat|wrap",
    decorated_helper: "decorat|wrap",
    executed(): "source of executed is not available.*define it with def",
    a_lambda: "write it as def|define it with def",
}


def construct_and_call(rule: Callable[..., Any], arrays: list[np.ndarray]) -> None:
    """Some rules are refused when the operator is made, the others when it is first called."""
    operator = fs.Operator(rule)
    count = len(operator.signature.states) + 1
    operator(*arrays[:count], **dict.fromkeys(operator.signature.scalars, 0.5))


@pytest.mark.parametrize("rule", [pytest.param(rule, id=rule.__name__) for rule in REFUSED])
def test_refused(rule: Callable[..., Any]) -> None:
    arrays = [np.ones(3), np.ones(3), np.ones(3)]
    with pytest.raises(TypeError, match=REFUSED[rule]) as caught:
        construct_and_call(rule, arrays)
    assert type(caught.value) is TypeError
    # A helper's fault is told by the helper's name.
    assert any(name in str(caught.value) for name in (rule.__name__, "lambda", "endless", "silent", "raised"))
    assert all((array == 1).all() for array in arrays)


class CallableObject:
    def __call__(self, var: Any, grad: Any) -> Any:
        return var - grad

    def bound(self, var: Any, grad: Any) -> Any:
        return var - grad


@pytest.mark.parametrize(
    "rule",
    [
        None,
        3,
        "adam",
        CallableObject,
        CallableObject(),
        CallableObject().bound,
        functools.partial(pair, 1),
        np.sqrt,
        len,
        [],
        {},
    ],
    ids=lambda rule: type(rule).__name__,
)
def test_what_is_no_function_is_refused(rule: Any) -> None:
    with pytest.raises(TypeError, match=r"a rule is a plain Python function, got .*define it with def"):
        fs.Operator(rule)


def switched(var: Any, grad: Any, *, twice: bool = False) -> Any:
    return var - (2 * grad if twice else grad)


@pytest.mark.parametrize("value", [1, 0, None, "yes", np.True_])
def test_a_switch_is_a_bool(value: Any) -> None:
    with pytest.raises(TypeError, match=r"switched: twice is .*expected True or False"):
        fs.Operator(switched, twice=value)
    with pytest.raises(TypeError, match=r"switched: use_locking is .*expected True or False"):
        fs.Operator(switched, use_locking=value)


def test_an_unknown_switch_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(TypeError, match=r"switched: no switch is called 'thrice'; the rule's switches: twice"):
        fs.Operator(switched, thrice=True)
    with pytest.raises(TypeError, match=r"pair: no switch|rule pair takes 1 positional"):
        fs.Operator(pair, twice=True)


def test_a_switch_is_set_when_the_operator_is_made_not_when_it_is_called() -> None:
    with pytest.raises(TypeError, match=r"switched: .*not known: twice"):
        fs.Operator(switched)(np.ones(3), np.ones(3), twice=True)


@pytest.mark.parametrize(("default", "why"), [("0.1", "str"), (None, "None"), (True, "bool")])
def test_a_default_that_is_no_number_is_refused(default: Any, why: str) -> None:
    def rule(var: Any, grad: Any, *, lr: Any = default) -> Any:
        return var - lr * grad

    with pytest.raises(TypeError, match=rf"rule: lr is .*{why}"):
        fs.Operator(rule)(np.ones(3), np.ones(3))
