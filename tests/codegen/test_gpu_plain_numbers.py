"""The numbers of a step by Python's floats: NumPy's bits, or left to NumPy."""

import itertools

import numpy as np
import pytest

import fusedstep as fs
from fusedstep.codegen.gpu.build import WORDS
from fusedstep.codegen.gpu.plain_numbers import plain_numbers
from fusedstep.codegen.gpu.weave import weave_host_numbers
from fusedstep.codegen.module_loader import execute
from tests.rules import test_rules

ODD = (0.0, -0.0, 1.0, -1.0, 0.1, 0.9, 0.999, 5e-324, 1e-45, 3e38, 1e308, float("inf"), float("-inf"), float("nan"))
RULES = {row.rule.__name__: row.rule for row in test_rules.RULES}


@pytest.mark.parametrize("compute", ["float32", "float64"])
@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_numbers_have_the_bits_of_numpy(rule: object, compute: str) -> None:
    operator = fs.Operator(rule)  # type: ignore[arg-type]
    text = weave_host_numbers(operator.spec.program)
    plain = plain_numbers(text, compute)
    if plain is None:
        pytest.skip("other operations than Python's floats round alike")
    module, draw, taken = execute(text), np.random.default_rng(0), 0
    vars(module).update(WORDS)
    count = len(operator.signature.scalars)
    drawn = [draw.random(count).tolist() for _ in range(50)]
    odd = [draw.choice(ODD, count).tolist() for _ in range(300)]
    for scalars in itertools.chain(drawn, odd):
        found = plain(scalars)
        if found is None:
            continue
        taken += 1
        with np.errstate(all="ignore"):
            expected = np.array(module.numbers(*map(np.float64, scalars)), np.float64).astype(compute)
        got = np.array(found, np.float64).astype(compute)
        assert got.tobytes() == expected.tobytes() or same_but_nan(got, expected), scalars
    assert taken >= 50


def same_but_nan(got: np.ndarray, expected: np.ndarray) -> bool:
    """Whether two arrays have the same bits, but for those of a NaN."""
    left = ~np.isnan(expected)
    return bool((np.isnan(got) != left).all() and got[left].tobytes() == expected[left].tobytes())


def test_most_rules_are_evaluated_so() -> None:
    plain = [plain_numbers(weave_host_numbers(fs.Operator(rule).spec.program), "float32") for rule in RULES.values()]
    assert sum(each is not None for each in plain) > len(plain) // 2
    assert plain_numbers("def numbers(a):\n    return (a ** 2.0,)", "float32") is None
    assert plain_numbers("def numbers(a):\n    return (word_exp(a),)", "float32") is None


def test_what_python_refuses_is_left_to_numpy() -> None:
    for text, scalars in (("a / b", (1.0, 0.0)), ("word_sqrt(a - b)", (0.0, 1.0))):
        plain = plain_numbers(f"def numbers(a, b):\n    return ({text},)", "float64")
        assert plain is not None
        assert plain(scalars) is None
        assert plain((4.0, 2.0)) is not None
