"""What the tests of tensors call MindSpore's answers are MindSpore's answers, where that is installed."""

import warnings
from collections.abc import Iterator
from types import ModuleType

import pytest

from tests.mindspore.tensor_facts import ARITHMETIC, FUNCTIONS, INDEXING, REDUCTIONS, SHAPING, answer

FACTS = ARITHMETIC | FUNCTIONS | INDEXING | REDUCTIONS | SHAPING


@pytest.fixture(scope="module")
def real() -> Iterator[ModuleType]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield pytest.importorskip("mindspore")


@pytest.mark.parametrize("expression", FACTS)
def test_mindspore_answers_this(expression: str, real: ModuleType) -> None:
    assert answer(expression, real) == FACTS[expression]
