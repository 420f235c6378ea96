"""What a rule may not say: a TypeError that names the rule, what it says, and the remedy."""

import functools
import inspect
import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import fusedstep as fs
from fusedstep.words import maximum, row_sum, sqrt, where

MISSING = None
NOT_A_NUMBER = float("nan")
TABLE = np.ones(3)
NAME = "weights"
WORDS = ("sum", 1)
HALVES = (0.5, 0.25)
LIMITS = (0.5, NOT_A_NUMBER)
TOO_LARGE = 10**400


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


def ternary_on_an_array(var: Any, grad: Any) -> Any:
    return var - grad if grad > 0 else var


def if_on_a_row(var: Any, grad: Any) -> Any:
    if row_sum(grad) > 0:
        var = var - grad
    return var


def returned_one_way(var: Any, grad: Any, *, lr: Any) -> Any:
    if lr > 0:
        return var - grad


def assigned_one_way(var: Any, grad: Any, *, lr: Any) -> Any:
    if lr > 0:
        rate = lr * 2
    return var - rate * grad


def loop_over_a_scalar(var: Any, grad: Any, *, steps: Any) -> Any:
    for _ in range(steps):
        var = var - grad
    return var


def loop_over_an_array(var: Any, grad: Any) -> Any:
    for each in grad:
        var = var - each
    return var


def refused_in_an_argument(var: Any, grad: Any) -> Any:
    first, _ = pair(grad.T)
    return var - first


def number_that_is_too_large(var: Any, grad: Any) -> Any:
    return var - TOO_LARGE * grad


def loop_over_words(var: Any, grad: Any) -> Any:
    for each in WORDS:
        var = var - each * grad
    return var


def item_that_is_missing(var: Any, grad: Any) -> Any:
    return var - HALVES[2] * grad


def item_by_a_scalar(var: Any, grad: Any, *, lr: Any) -> Any:
    return var - HALVES[lr] * grad


def one_in_a_tuple(var: Any, grad: Any) -> Any:
    step = (grad,)
    return var - step


def loop_over_pairs(var: Any, grad: Any) -> Any:
    for number, rate in enumerate((0.5, 0.25)):
        var = var - number * rate * grad
    return var


def loop_that_is_long(var: Any, grad: Any) -> Any:
    for _ in range(10**9):
        var = var - grad
    return var


def loops_that_are_long(var: Any, grad: Any) -> Any:
    for _ in range(20):
        for _ in range(20):
            var = var - grad
    return var


def loop_of_fractions(var: Any, grad: Any) -> Any:
    for _ in range(2.5):  # type: ignore[call-overload]
        var = var - grad
    return var


def loop_left(var: Any, grad: Any) -> Any:
    for number in range(3):
        if number == 2:
            break
        var = var - grad
    return var


def loop_continued(var: Any, grad: Any) -> Any:
    for number in range(3):
        if number == 2:
            continue
        var = var - grad
    return var


def while_loop(var: Any, grad: Any) -> Any:
    while True:
        var = var - grad
    return var


def nested_function(var: Any, grad: Any) -> Any:
    def half(x: Any) -> Any:
        return x / 2

    return var - half(grad)


def nested_class(var: Any, grad: Any) -> Any:
    class Half:
        pass

    return var - grad


def imported(var: Any, grad: Any) -> Any:
    import math

    return var - math.pi * grad


def changes_a_global(var: Any, grad: Any) -> Any:
    global NAME
    NAME = "other"
    return var - grad


def deleted(var: Any, grad: Any) -> Any:
    del grad
    return var


def raised_error(var: Any, grad: Any) -> Any:
    raise ValueError


def in_a_with(var: Any, grad: Any) -> Any:
    with np.errstate(all="ignore"):
        return var - grad


def matched(var: Any, grad: Any) -> Any:
    match grad:
        case _:
            return var


def expression(var: Any, grad: Any) -> Any:
    var - grad
    return var


async def asynchronous(var: Any, grad: Any) -> Any:
    return var - grad


def generator(var: Any, grad: Any) -> Any:
    yield var - grad


def starred_target(var: Any, grad: Any) -> Any:
    first, *_ = var, grad
    return first


def nested_target(var: Any, grad: Any) -> Any:
    (a, (b, c)) = var, grad
    return a + b + c


def attribute_assigned(var: Any, grad: Any) -> Any:
    var.data = grad
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
def transposed(var: Any, grad: Any) -> Any:
    return var - grad.T


def shape_of(var: Any, grad: Any, *, lr: Any) -> Any:
    return var - lr.shape[0] * grad


def method_of_a_sum(var: Any, grad: Any) -> Any:
    return var - (var + grad).mean()


def word_that_is_missing(var: Any, grad: Any) -> Any:
    return var - fs.words.row_median(grad)


def function_that_is_missing(var: Any, grad: Any) -> Any:
    return var - np.row_median(grad)


def norm(var: Any, grad: Any) -> Any:
    return var - np.linalg.norm(grad)


def sum_of_numpy(var: Any, grad: Any) -> Any:
    return var - np.sum(grad)


def builtin_max(var: Any, grad: Any) -> Any:
    return max(var, grad)


def converted(var: Any, grad: Any, *, lr: Any) -> Any:
    return var - float(lr) * grad


def formatted(var: Any, grad: Any) -> Any:
    return var - f"{grad}"


def text_constant(var: Any, grad: Any) -> Any:
    return var - "0.5"


def complex_constant(var: Any, grad: Any) -> Any:
    return var - 1j * grad


def list_of_terms(var: Any, grad: Any) -> Any:
    return var - [grad]


def called_argument(var: Any, grad: Any) -> Any:
    return var(grad)


def called_twice(var: Any, grad: Any) -> Any:
    return pair(var)(grad)


def identity(var: Any, grad: Any, *, lr: Any) -> Any:
    return var if lr is None else var - grad


def membership(var: Any, grad: Any, *, lr: Any) -> Any:
    return var if lr in (0, 1) else var - grad


def or_between_arrays(var: Any, grad: Any, *, lr: Any) -> Any:
    return where(grad > 0 or lr > 0, var, grad)


def inverted_switch(var: Any, grad: Any, *, plain: bool = False) -> Any:
    return where(~plain & (grad > 0), var, grad)


def is_large(x: Any) -> Any:
    return x > 1


def inverted_helper(var: Any, grad: Any, *, lr: Any) -> Any:
    return where(~is_large(lr) & (grad > 0), var, grad)


def inverted_function_of_math(var: Any, grad: Any, *, lr: Any) -> Any:
    return var if ~math.isnan(lr) else grad


def inverted_constant_of_math(var: Any, grad: Any) -> Any:
    return var if ~math.isfinite(0.5) else grad


def compared_conditions(var: Any, grad: Any) -> Any:
    return where((var > 0) == (grad > 0), var, grad)


def number_or_condition(var: Any, grad: Any, *, lr: Any) -> Any:
    return var - (lr if lr > 0 else grad > 0)


def pairs_of_other_lengths(var: Any, slot: Any, grad: Any, *, lr: Any) -> Any:
    return (var, slot) if lr > 0 else (var, slot, grad)


def used_too_early(var: Any, grad: Any) -> Any:
    step = NAMED_LATER * grad  # noqa: F821
    NAMED_LATER = 2.0  # noqa: N806
    return var - step * NAMED_LATER


def unknown_name(var: Any, grad: Any) -> Any:
    return var - learning_rate * grad  # noqa: F821


def no_number(var: Any, grad: Any) -> Any:
    return var - MISSING * grad


def not_a_number(var: Any, grad: Any) -> Any:
    return var - NOT_A_NUMBER * grad


def not_a_number_of_numpy(var: Any, grad: Any) -> Any:
    return where(grad > 0, np.nan, var)


def difference_of_infinities(var: Any, grad: Any) -> Any:
    return var - (math.inf - 1e309) * grad


def loop_over_no_number(var: Any, grad: Any) -> Any:
    for each in LIMITS:
        var = var - each * grad
    return var


def with_a_default(x: Any, y: Any = NOT_A_NUMBER) -> Any:
    return x + y


def default_of_a_helper(var: Any, grad: Any) -> Any:
    return with_a_default(var)


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


def remembered(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda var, grad: function(var, grad)


@remembered
def decorated_by_a_lambda(var: Any, grad: Any) -> Any:
    return var - grad


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
    if_on_a_row: r"`row_sum\(grad\) > 0`.*where\(\)",
    returned_one_way: "return both ways",
    assigned_one_way: "`rate`.*it has no value here.*both ways",
    ternary_on_an_array: r"`grad > 0`.*where\(\)",
    loop_over_a_scalar: "`for _ in range.steps.:`.*use constants and switches, not scalars",
    loop_over_an_array: "`for each in grad:`.*a loop goes over range.n. or a tuple of constants",
    refused_in_an_argument: "^rule refused_in_an_argument: cannot compile `grad.T`: a rule sees one element",
    number_that_is_too_large: "`TOO_LARGE`: it is neither",
    loop_over_words: "`WORDS`: it holds something else than numbers that a float can be",
    item_that_is_missing: "the index must be a constant from -2 to 1",
    item_by_a_scalar: "the index must be a constant from -2 to 1",
    one_in_a_tuple: "`step`: a tuple or list is assigned",
    loop_over_pairs: "a loop goes over range.n. or a tuple of constants",
    loop_that_is_long: "256 passes at most",
    loops_that_are_long: "256 passes at most",
    loop_of_fractions: "'float' object cannot be interpreted as an integer",
    loop_left: "`break`.*where",
    loop_continued: "`continue`.*where",
    while_loop: "write for ... in range.n. with a constant n",
    nested_function: "`def half.*define helpers outside of the rule",
    nested_class: "define classes outside of the rule",
    imported: "`import math`: import outside of the rule",
    changes_a_global: "`global NAME`.*return what changes as a state",
    deleted: "a rule consists of assignments",
    raised_error: "a rule consists of assignments",
    in_a_with: "a rule consists of assignments",
    matched: "a rule consists of assignments",
    expression: "`var - grad`: its value is not used",
    asynchronous: "it is async: write a plain function",
    generator: "it is a generator: write a plain function",
    starred_target: "plain names",
    nested_target: "plain names",
    attribute_assigned: "plain names",
    transposed: "`grad.T`: a rule sees one element.*no attributes",
    shape_of: "a rule sees one element",
    method_of_a_sum: "methods of arrays are not supported.*row_sum",
    word_that_is_missing: "'row_median'; it has abs, .*where",
    function_that_is_missing: "numpy.* has no attribute 'row_median'",
    norm: r"write sqrt\(tensor_sum\(x \* x\)\)",
    sum_of_numpy: r"use row_sum\(x\), column_sum\(x\) or tensor_sum\(x\)",
    builtin_max: r"write maximum\(x, y\)",
    converted: "leave it out: numbers are converted",
    formatted: "numbers, not with strings",
    text_constant: "`'0.5'`: it is not a number",
    complex_constant: "`1j`: it is not a number",
    list_of_terms: "expected one number here",
    called_argument: "var is a number here, not a function",
    called_twice: "cannot compile",
    identity: "compare numbers with == and !=",
    membership: "compare numbers with == and !=|expected one number here",
    or_between_arrays: "`or`.*write .a > b. . .c > d.",
    inverted_switch: "`~plain`: .*write not",
    inverted_helper: r"`~is_large\(lr\)`: .*write not",
    inverted_function_of_math: r"`~math.isnan\(lr\)`: .*write not",
    inverted_constant_of_math: r"`~math.isfinite\(0.5\)`: .*write not",
    compared_conditions: "a condition is compared",
    number_or_condition: "make both numbers",
    pairs_of_other_lengths: "one way has 2 values and the other 3",
    used_too_early: "`NAMED_LATER`: it has no value here",
    decorated_by_a_lambda: "it is a lambda",
    tried: "a rule consists of assignments",
    asserted: "a rule consists of assignments",
    assigned_to_an_item: "plain names",
    assigned_unevenly: "3 values are assigned",
    walrus: "assign the name on a line of its own",
    unknown_name: "`learning_rate`.*is unknown where",
    no_number: "`MISSING`.*pass numbers as scalars",
    not_a_number: "`NOT_A_NUMBER`: it is a NaN; pass numbers as scalars",
    not_a_number_of_numpy: "`np.nan`: it is a NaN",
    difference_of_infinities: "`math.inf - 1e309`: it is not a number",
    loop_over_no_number: "`LIMITS`: it holds something else than numbers that a float can be",
    default_of_a_helper: "the default of y is nan, expected a number",
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
    executed(): "its source is not available.*define it with def.*or pass its text: fs.Operator.*def executed",
    a_lambda: "write it as def|define it with def",
}


@pytest.mark.parametrize("rule", [pytest.param(rule, id=rule.__name__) for rule in REFUSED])
def test_refused(rule: Callable[..., Any]) -> None:
    with pytest.raises(TypeError, match=REFUSED[rule]) as caught:
        fs.Operator(rule)
    assert type(caught.value) is TypeError
    # A helper's fault is told by the helper's name, and where it stands.
    message = str(caught.value)
    assert any(name in message for name in (rule.__name__, "lambda", "endless", "silent", "raised"))
    said = re.search(r" \(([^()]+):(\d+)\)$", message)
    assert said
    assert said[1] == ("<string>" if rule.__name__ == "executed" else __file__)


def line_of(function: Callable[..., Any], text: str) -> int:
    """The line of a function's file where a text stands."""
    lines, first = inspect.getsourcelines(function)
    return first + next(number for number, line in enumerate(lines) if text in line)


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (too_few, "return var - grad"),
        (only_a_gradient, "def only_a_gradient"),
        (if_on_an_array, "if grad > 0"),
        (while_loop, "while True"),
        (assigned_unevenly, "grad, grad"),
        (loop_left, "break"),
        (loops_that_are_long, "    for _ in range(20):\n"),
        (nested_function, "def half"),
        (used_too_early, "step = "),
        (word_of_one, "maximum"),
    ],
    ids=lambda each: getattr(each, "__name__", ""),
)
def test_a_refusal_names_the_line(rule: Callable[..., Any], text: str) -> None:
    with pytest.raises(TypeError) as caught:
        fs.Operator(rule)
    line = line_of(rule, text)
    if rule is loops_that_are_long:
        line += 1
    assert str(caught.value).endswith(f"({__file__}:{line})")


def test_a_refusal_in_a_helper_names_the_rule_and_the_line_of_the_helper() -> None:
    with pytest.raises(TypeError, match=r"^rule endless_helper, in endless: cannot compile `endless\(x\)`") as caught:
        fs.Operator(endless_helper)
    assert str(caught.value).endswith(f"({__file__}:{line_of(endless, 'return')})")


def test_a_name_around_a_rule_may_be_assigned_later() -> None:
    def rule(var: Any, grad: Any, *, lr: Any) -> Any:
        return var - rate(lr) * grad

    with pytest.raises(TypeError, match=r"^rule rule: cannot compile `rate`: it has no value yet") as caught:
        fs.Operator(rule)
    assert str(caught.value).endswith(f"({__file__}:{line_of(rule, 'return')})")

    def rate(lr: Any) -> Any:
        return lr * SCALE

    with pytest.raises(TypeError, match=r"^rule rule, in rate: cannot compile `SCALE`: it has no value yet"):
        fs.Operator(rule)
    SCALE = 0.5  # noqa: N806
    var = np.ones(3)
    fs.Operator(rule)(var, np.ones(3), lr=0.5)
    assert var.tolist() == [0.75] * 3


def ways_that_double(count: int) -> str:
    """A rule of choices that go on, each with a way that returns."""
    choices = [
        f"    if lr > {k}:\n        x = x * 2\n        if lr < -{k}:\n            return var\n" for k in range(count)
    ]
    return f"def rule(var, grad, *, lr):\n    x = grad\n{''.join(choices)}    return var - x"


def repeated(passes: int, line: str) -> str:
    """A rule that repeats a line on a scalar."""
    return f"""def rule(var, grad, *, lr):
    x = lr
    for k in range({passes}):
        {line}
    return var - x * grad"""


LONG = {
    "ways that double": (ways_that_double(14), "statements are translated.*return once at the end"),
    "more ways than Python can follow": (ways_that_double(300), "statements are translated.*return once at the end"),
    "choices inside one another": (
        "def rule(var, grad, *, lr):\n    if lr < 0:\n        x = 1\n"
        + "".join(f"    elif lr < {k}:\n        x = {k}\n" for k in range(700))
        + "    else:\n        x = 0\n    return var - x",
        "nested too deeply|inside one another",
    ),
    "a root by Newton": (repeated(200, "x = 0.5 * (x + lr / x)"), "`x`: .* pass the result as a scalar"),
    "a polynomial": (repeated(256, "x = x * lr + k"), "`x`: .* pass the result as a scalar"),
    "signs": (repeated(256, "x = -x"), "`x`: .* pass the result as a scalar"),
    "choices": (repeated(256, "x = x if x > k else k"), "pass the result as a scalar"),
    "conditions": (repeated(256, "x = where((x > k) | (x < -k), x * lr, k)"), "pass the result as a scalar"),
    "a chain of or": (
        f"def rule(var, grad, *, lr):\n    return var - ({' or '.join(f'lr * {k}' for k in range(40))}) * grad",
        "pass the result as a scalar",
    ),
}


@pytest.mark.parametrize("name", list(LONG))
def test_what_becomes_too_long_is_refused(name: str) -> None:
    text, why = LONG[name]
    with pytest.raises(TypeError, match=rf"^rule rule: .*({why})"):
        fs.Operator(text)


class Nested:
    """Rules that are indented in their file."""

    @staticmethod
    def refused(
        var: Any,
        grad: Any,
    ) -> Any:
        half = grad / 2

        return var - half.T


def test_a_refusal_in_an_indented_rule_names_the_line() -> None:
    with pytest.raises(TypeError, match=r"`half.T`") as caught:
        fs.Operator(Nested.refused)
    assert str(caught.value).endswith(f"({__file__}:{line_of(Nested.refused, 'half.T')})")


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


@pytest.mark.parametrize(
    ("rule", "named"),
    [
        (CallableObject, "the class CallableObject"),
        (CallableObject().bound, "the method CallableObject.bound, which takes an object first"),
        (
            functools.partial(pair, 1),
            r"a functools.partial of .*, whose arguments a rule takes as scalars and switches",
        ),
        (len, "the built-in function len"),
        (functools.cache(pair), "which a decorator made of one"),
        (np.zeros(10**6), "of type ndarray"),
        ("adam", "or pass fs.rules.adam"),
    ],
    ids=["class", "method", "partial", "builtin", "cache", "array", "name"],
)
def test_what_is_no_function_is_named(rule: Any, named: str) -> None:
    with pytest.raises(TypeError, match=named) as caught:
        fs.Operator(rule)
    assert len(str(caught.value)) < 300


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
    with pytest.raises(TypeError, match=r"pair: no switch|rule pair: it takes 1 positional"):
        fs.Operator(pair, twice=True)


def test_a_switch_is_set_when_the_operator_is_made_not_when_it_is_called() -> None:
    with pytest.raises(TypeError, match=r"switched: .*not known: twice"):
        fs.Operator(switched)(np.ones(3), np.ones(3), twice=True)


@pytest.mark.parametrize(("default", "why"), [("0.1", "str"), (None, "None"), (True, "bool")])
def test_a_default_that_is_no_number_is_refused(default: Any, why: str) -> None:
    def rule(var: Any, grad: Any, *, lr: Any = default) -> Any:
        return var - lr * grad

    with pytest.raises(TypeError, match=rf"rule: lr is .*{why}"):
        fs.Operator(rule)


@pytest.mark.parametrize("default", [1, None, "yes"])
def test_a_switch_whose_default_is_no_bool_is_refused(default: Any) -> None:
    def rule(var: Any, grad: Any, *, twice: bool = default) -> Any:
        return var - (2 * grad if twice else grad)

    with pytest.raises(TypeError, match=r"rule: twice is .* by default, expected True or False"):
        fs.Operator(rule)


@pytest.mark.parametrize("name", ["rule", "check_indices", "method", "initial"])
def test_a_switch_with_the_name_of_an_argument_of_constructors_is_refused(name: str) -> None:
    with pytest.raises(TypeError, match=rf"no switch can be called '{name}': constructors use that name"):
        fs.Operator(f"def rule(var, grad, *, {name}: bool = False): return var - grad")
