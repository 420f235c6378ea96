"""Rules that are given as text, wherever a rule is taken."""

import copy
import linecache
import pickle
import traceback
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import fusedstep as fs
from fusedstep import words
from fusedstep.codegen.rule.text import portable, rule_of, text_of

MOMENTUM = """
    import math

    HALF = 0.5

    def halved(x):
        return HALF * x

    def momentum(var, m, grad, *, lr, root: bool = False):
        '''A docstring.'''
        m = halved(m) + grad

        return var - lr * sign(m) * (np.sqrt(4.0) if root else math.fabs(-1.0)), m
"""


def stepped(operator: Any) -> list[Any]:
    return [each.tolist() for each in operator(np.ones(2), np.ones(2), np.array([0.5, -1.0]), lr=0.25)]


def test_a_text_is_a_rule() -> None:
    operator = fs.Operator(MOMENTUM)
    assert operator.name == "momentum"
    assert stepped(operator) == [[0.75, 1.25], [1.0, -0.5]]
    assert stepped(fs.Operator(MOMENTUM, root=True)) == [[0.5, 1.5], [1.0, -0.5]]
    # It is a function like any other.
    assert operator.rule.__doc__ == "A docstring."
    var, m = operator.rule(1.0, 1.0, 0.5, lr=0.25)
    assert (float(var), float(m)) == (0.75, 1.0)


def test_equal_texts_are_one_rule() -> None:
    assert rule_of(MOMENTUM) is rule_of(MOMENTUM)
    assert rule_of(rule_of(MOMENTUM)) is rule_of(MOMENTUM)
    assert rule_of(stepped) is stepped
    assert text_of(stepped) is None


@pytest.mark.parametrize("name", sorted({*words.__all__, "per_row", "per_column", "PerRow", "PerColumn", "np", "math"}))
def test_a_text_sees_the_words(name: str) -> None:
    function = rule_of(f"def rule(var, grad): return {name}")
    expected = {"np": np, "math": __import__("math")}.get(name) or getattr(words, name)
    assert function(1, 2) is expected


def test_a_text_sees_nothing_else() -> None:
    with pytest.raises(TypeError, match=r"`MOMENTUM`: this name is unknown where the rule was defined \(<rule step"):
        fs.Operator("def step(var, grad): return var - MOMENTUM * grad")


def test_states_by_row_are_annotated_in_a_text() -> None:
    text = """
        def rowwise(var, accum: PerRow, grad, *, lr):
            accum = per_row(accum, var) + row_mean(grad * grad)
            return var - divide_or_zero(lr, sqrt(accum)) * grad, accum
    """
    var, accum = np.ones((1, 2)), np.zeros(1)
    fs.Operator(text)(var, accum, np.array([[3.0, 4.0]]), lr=0.5)
    assert accum.tolist() == [12.5]


INVALID = {
    "no Python": ("def rule(var, grad: return var", "the text of a rule is invalid Python: .* in line 1"),
    "a name twice": (
        "def rule(var, m, grad, *, m): return var, m",
        "invalid Python: duplicate argument 'm'.* in line 1",
    ),
    "a zero byte": ("def rule(var, grad): return var\0", "the text of a rule is invalid Python"),
    "nothing": ("", "got the text '', which defines none: define it with def"),
    "no function": ("rate = 0.5", "got the text 'rate = 0.5', which defines none"),
    "a lambda": ("rule = lambda var, grad: var", "which defines none"),
    "a rule that is deleted": ("def rule(var, grad): return var\ndel rule", "defines rule, .*: do not delete it"),
    "a rule that is None": ("def rule(var, grad): return var\nrule = None", "defines rule, which has no value"),
    "a name that is unknown": (
        "rate = start / 2\ndef rule(var, grad): return var - rate * grad",
        "cannot be executed: name 'start' is not defined; it sees the words .*: import or define",
    ),
    "a default that is unknown": ("def rule(var, grad, *, lr=start): return var", "name 'start' is not defined"),
    "a name": ("adam", r"define it with def, as in fs.Operator\('''def rule.*, or pass fs.rules.adam"),
    "a long text": ("x = 1\n" * 1000, "which defines none"),
    "no rule": ("def rule(grad): return grad", r"it takes 1 positional arguments.* \(<rule rule \w{8}>:1\)"),
    "no word": ("\n\ndef rule(var, grad):\n\n    return softmax(var)", r"`softmax`: .* \(<rule rule \w{8}>:5\)"),
}


@pytest.mark.parametrize("name", list(INVALID))
def test_a_text_that_is_no_rule_is_refused(name: str) -> None:
    text, why = INVALID[name]
    with pytest.raises(TypeError, match=why) as caught:
        fs.Operator(text)
    assert len(str(caught.value)) < 300


def test_what_a_text_raises_is_raised() -> None:
    with pytest.raises(ModuleNotFoundError, match="nothing_of_this_name"):
        fs.Operator("import nothing_of_this_name\ndef rule(var, grad): return var")


def test_tracebacks_show_the_lines_of_a_text() -> None:
    with pytest.raises(TypeError) as caught:
        fs.Operator(MOMENTUM).rule(1.0, 1.0, None, lr=0.5)
    assert "m = halved(m) + grad" in "".join(traceback.format_exception(caught.value))


def test_a_text_is_found_again_where_the_cache_of_lines_was_cleared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linecache, "cache", {})
    rule_of("def kept(var, grad, *, lr): return var - lr * grad")
    linecache.cache.clear()
    assert fs.Operator("def kept(var, grad, *, lr): return var - lr * grad").name == "kept"


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda each: pickle.loads(pickle.dumps(each))])  # noqa: S301
def test_operators_of_texts_can_be_copied_and_pickled(again: Callable[[Any], Any]) -> None:
    operator = again(fs.Operator(MOMENTUM, root=True, use_locking=True))
    assert stepped(operator) == [[0.5, 1.5], [1.0, -0.5]]
    assert operator.options.use_locking
    assert operator.rule is rule_of(MOMENTUM)
    table = again(fs.DeferredRows(MOMENTUM, np.ones((3, 2)), np.ones((3, 2))))
    table.step(np.ones((1, 2)), np.array([1]), lr=0.25)
    assert table.flush()[0][:, 0].tolist() == [0.75, 0.75, 0.75]


def test_a_helper_of_a_text_is_not_taken_for_its_rule() -> None:
    helper = rule_of(MOMENTUM).__globals__["halved"]
    assert portable(helper) is helper
    assert portable(rule_of(MOMENTUM)) == text_of(rule_of(MOMENTUM))


def test_deferred_rows_take_a_text() -> None:
    table = fs.DeferredRows(MOMENTUM, np.ones((3, 2)), np.ones((3, 2)), root=True)
    assert "DeferredRows(momentum)" in repr(table)
    with pytest.raises(TypeError, match=r"DeferredRows\(momentum\): takes the scalars lr; missing: lr"):
        table.step(np.ones((1, 2)), np.array([1]))
    with pytest.raises(TypeError, match=r"`var\.T`"):
        fs.DeferredRows("def rule(var, grad): return var.T", np.ones((3, 2)))


def test_an_optimizer_takes_a_text() -> None:
    torch = pytest.importorskip("torch")
    weight = torch.nn.Parameter(torch.ones(2))
    weight.grad = torch.tensor([0.5, -1.0])
    optimizer = fs.torch.RuleOptimizer([weight], MOMENTUM, lr=0.25, initial={"m": 1.0})
    other = pickle.loads(pickle.dumps(optimizer))  # noqa: S301
    optimizer.step()
    assert weight.tolist() == [0.75, 1.25]
    (copied,) = other.param_groups[0]["params"]
    copied.grad = torch.tensor([0.5, -1.0])
    other.step()
    assert copied.tolist() == [0.75, 1.25]


def test_functions_of_jax_take_a_text() -> None:
    jnp = pytest.importorskip("jax.numpy")
    pytest.importorskip("optax")
    ones, grad = jnp.ones(2), jnp.array([0.5, -1.0])
    var, (m,) = fs.jax.dense_update(MOMENTUM, ones, (ones,), grad, lr=0.25)
    assert (var.tolist(), m.tolist()) == ([0.75, 1.25], [1.0, -0.5])
    var, _ = fs.jax.sparse_update(MOMENTUM, ones, (ones,), jnp.array([1]), grad[1:], lr=0.25)
    assert var.tolist() == [1.0, 1.25]
    optimizer = fs.jax.transformation(MOMENTUM, lr=0.25, initial={"m": 1.0})
    updates, _ = optimizer.update(grad, optimizer.init(ones), ones)
    assert updates.tolist() == [-0.25, 0.25]
