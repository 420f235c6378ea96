"""Every rule on PyTorch's tensors, compared with the rule on NumPy arrays.

The rows are those of ``test_rules`` and ``test_rules_with_sums``, with their bounds. PyTorch runs operation by
operation: results must be NumPy's bit for bit where kernels' are and no root is taken. PyTorch's own roots differ from
the correctly rounded ones in the last place on some CPUs.
"""

import inspect
import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import fusedstep as fs
from fusedstep import words
from fusedstep.codegen.recipe import Recipe
from tests import reference
from tests.rules import test_rules, test_rules_with_sums

torch = pytest.importorskip("torch")

FLOAT64 = np.dtype(np.float64)
# NumPy arrays of these have the compute type.
STORAGES = ("float64", "float32")


def step(rule: Any, states: list[Any], grad: Any, scalars: dict[str, Any], switches: dict[str, bool]) -> list[Any]:
    """The new states; None for a state that is not used."""
    from fusedstep.codegen.torch.build import build

    operator = fs.Operator(rule, **switches)
    used = [torch.from_numpy(states[k].copy()) for k in operator.spec.used]
    storages = tuple(str(each.dtype).removeprefix("torch.") for each in used)
    functions = build(Recipe(operator.spec, storages, storages[0]))
    new = functions.step(used, torch.from_numpy(grad.copy()), functions.numbers(operator.scalars(scalars)))
    found: list[Any] = list(states)
    for k, state in zip(operator.spec.used, new, strict=True):
        found[k] = state.numpy()
    return found


def elementwise() -> Iterator[Any]:
    for row, storage in itertools.product(test_rules.RULES, STORAGES):
        for switches in row.settings:
            on = [name for name, value in switches.items() if value != row.settings[0][name]]
            yield pytest.param(row, switches, storage, id="-".join([row.rule.__name__, *on, storage]))


@pytest.mark.parametrize(("row", "switches", "storage"), list(elementwise()))
def test_rule(row: test_rules.Row, switches: dict[str, bool], storage: str) -> None:
    states, grad, _ = test_rules.inputs(row, test_rules.Storage(storage, storage, storage), "dense")
    for branch in ({}, *row.branches):
        scalars = row.scalars | branch
        roots = {"sqrt", "power"} & fs.Operator(row.rule, **switches).spec.program.words
        unrounded = reference.compute_type(states[0]) if storage in row.inexact or roots else None
        expected = reference.step(row.rule, states, grad, None, "touched", scalars, switches, unrounded)
        new = step(row.rule, states, grad, scalars, switches)
        for name, before, got, want in zip(row.states, states, new, expected, strict=True):
            if unrounded:
                unit = 2.0 ** (-53 if storage == "float64" else -24)
                exact = want.astype(FLOAT64)
                test_rules.assert_near(
                    before, got, exact, row.inexact.get(storage, row.ulps) * unit, f"{name}, {branch}"
                )
            else:
                reference.assert_same_bits(got, want, f"{name}, {branch}")


@pytest.mark.parametrize("row", test_rules_with_sums.ROWS, ids=lambda row: row.name)
@pytest.mark.parametrize("storage", STORAGES)
def test_rule_with_sums(row: test_rules_with_sums.Row, storage: str) -> None:
    dtypes = (reference.DTYPES[storage], reference.DTYPES[storage])
    matrices = fs.Operator(row.rule, **row.switches).spec.matrices
    for shape in [(37, 5), (1, 1), (0, 4), *([(3, 2, 67)] if matrices else [])]:
        states, grad = test_rules_with_sums.inputs(row, shape, dtypes)
        exact = test_rules_with_sums.expected(row, states, grad) if grad.size else states
        new = step(row.rule, list(states), grad, row.scalars, row.switches)
        for before, got, want in zip(states, new, exact, strict=True):
            if before is not None and want is not None:
                assert got.shape == before.shape
                test_rules_with_sums.assert_near(got, want, before, row.ulps, f"{row.name} {storage} {shape}")


def of_scalars(var: Any, grad: Any, *, lr: Any, low: Any) -> Any:
    chosen = words.where((lr != 0) & (lr > low), words.divide_or_zero(1 - lr, lr), words.power(lr, low))
    return var + words.where(lr > low, 1, 0) * chosen + (lr > 0)


@pytest.mark.parametrize("scalars", [{"lr": 0.999, "low": 0.5}, {"lr": 0.0, "low": 2.0}, {"lr": 0.25, "low": 0.5}])
@pytest.mark.parametrize("recorded", [False, True])
def test_scalars_alone_are_float64(scalars: dict[str, float], recorded: bool) -> None:
    from fusedstep.codegen.torch.build import build

    functions = build(Recipe(fs.Operator(of_scalars).spec, ("float32",), "float32"))
    given = [torch.tensor(each, dtype=torch.float64, requires_grad=recorded) for each in scalars.values()]
    zero = torch.zeros(3)
    (new,) = functions.step([zero], zero, functions.numbers(given if recorded else list(scalars.values())))
    with np.errstate(all="ignore"):
        want = np.float32(of_scalars(0.0, 0.0, **{name: np.float64(each) for name, each in scalars.items()}))
    assert new.tolist() == [want] * 3


def root(var: Any, grad: Any) -> Any:
    return var + words.sqrt(grad)


def root_of_square(var: Any, grad: Any) -> Any:
    return var + words.sqrt(grad * grad)


def power(var: Any, grad: Any) -> Any:
    return var + words.power(words.abs(grad), 0.3)


def logarithm(var: Any, grad: Any) -> Any:
    return var + words.where(grad > 0, words.log(grad), 0)


def quotient(var: Any, grad: Any) -> Any:
    return var + words.where(grad == 0, 0, 1 / grad)


def quotient_or_zero(var: Any, grad: Any) -> Any:
    return var + words.divide_or_zero(1, grad)


@pytest.mark.parametrize("rule", [root, root_of_square, power, logarithm, quotient, quotient_or_zero])
def test_derivatives_at_zero_are_zero_where_they_are_infinite(rule: Any) -> None:
    from fusedstep.codegen.torch.build import build

    functions = build(Recipe(fs.Operator(rule).spec, ("float64",), "float64"))
    grad = torch.tensor([0.0, 4.0], dtype=torch.float64, requires_grad=True)
    (new,) = functions.step([torch.zeros(2, dtype=torch.float64)], grad, functions.numbers([]))
    new.sum().backward()
    assert grad.grad[0] == 0
    assert grad.grad[1].isfinite()
    assert grad.grad[1] != 0


ODD = [0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 3.0, 1e-30, -1e30, 7.25, float("inf"), float("-inf"), float("nan")]
# Words that PyTorch does not round correctly.
INEXACT = {"sqrt", "exp", "log", "power", "tanh"}
REDUCING = {name for name in words.__all__ if name.split("_")[0] in ("row", "column", "tensor")}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", [*sorted({*words.__all__} - REDUCING), "divide", "remainder"])
def test_words_are_numpys_for_odd_numbers(name: str, dtype: str) -> None:
    from fusedstep.codegen.torch import words as torch_words

    reference_word = getattr(words, name, None) or getattr(np, name)
    word = getattr(torch_words, f"word_{name}")
    count = {"clip": 3, "where": 2}.get(name, len(inspect.signature(word).parameters))
    values = [each.reshape(-1) for each in np.meshgrid(*[np.array(ODD, dtype)] * count, indexing="ij")]
    if name == "power":
        # A power by 0.5 is a root, which differs from NumPy's power where the base is negative or a zero.
        rooted = (values[1] == 0.5) & ~(values[0] > 0)
        values = [each[~rooted] for each in values]
    conditions = [values[0] > values[1]] if name == "where" else []
    with np.errstate(all="ignore"):
        want = np.asarray(reference_word(*conditions, *values))
    got = word(*map(torch.from_numpy, (*conditions, *values))).numpy()
    assert got.dtype == want.dtype
    if name in INEXACT:
        np.testing.assert_allclose(got, want, rtol=4 * np.finfo(dtype).eps, atol=0)
        return
    if name in ("maximum", "minimum"):
        # Of two zeros NumPy may give either.
        got, want = got + 0, want + 0
    reference.assert_same_bits(got, want, name)


def test_every_word_is_there() -> None:
    from fusedstep.codegen.torch import words as torch_words

    assert {f"word_{name}" for name in words.__all__} <= vars(torch_words).keys()


@pytest.mark.parametrize("name", [*sorted({*words.__all__} - REDUCING - {"where"}), "divide", "remainder"])
def test_derivatives_of_words(name: str) -> None:
    from fusedstep.codegen.torch import words as torch_words

    word = getattr(torch_words, f"word_{name}")
    count = 3 if name == "clip" else len(inspect.signature(word).parameters)
    given = [torch.tensor(each, dtype=torch.float64) for each in ([0.3, 1.7, 2.2], [0.7, 0.4, 3.1], [1.1, 1.2, 4.0])]
    given = [each.requires_grad_() for each in given[:count]]
    if not name.startswith("is"):
        assert torch.autograd.gradcheck(lambda *values: word(*values), given)
