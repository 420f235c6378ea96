"""The documented examples beside MindSpore, where that is installed: its documentation, and its own results."""

import inspect
import re
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from tests.mindspore.documented import EXAMPLES, WITHOUT
from tests.mindspore.documented.example import Example, run
from tests.mindspore.test_ops_documented_examples import agree

# MindSpore has no kernel of these for the CPU.
NO_KERNEL = {
    "ApplyKerasMomentum",
    "FusedWeightScaleApplyMomentum",
    "LARSUpdate",
    "SparseApplyAdadelta",
    "SparseApplyProximalAdagrad",
}


@pytest.fixture(scope="module")
def real() -> Iterator[Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield pytest.importorskip("mindspore")


def example_text(name: str, mindspore: Any) -> str:
    """The section of examples in an operator's documentation."""
    from mindspore.ops import auto_generate
    from mindspore.ops.operations import _inner_ops, nn_ops

    homes = (mindspore.ops, mindspore.ops.operations, nn_ops, _inner_ops, auto_generate)
    operator = next(getattr(home, name) for home in homes if hasattr(home, name))
    return (inspect.getdoc(operator) or "").partition("Examples:")[2]


def numbers(printed: str) -> list[str]:
    """The texts of the elements of printed arrays.

    >>> numbers("(Tensor(shape=[2, 2], dtype=Float32, value= [[ 5.0e-01,  3.9e-01]]))")
    ['5.0e-01', '3.9e-01']
    """
    return re.findall(r"-?\d[\d.]*(?:e[-+]\d+)?", re.sub(r"Tensor\(.*?value=", "", printed))


def test_the_tables_are_those_of_the_documentation(real: Any) -> None:
    assert [name for name in WITHOUT if example_text(name, real)] == []
    for name, example in EXAMPLES.items():
        text = example_text(name, real)
        assert text, name
        if not example.silent:
            assert numbers(text.rpartition(">>> print(")[2]) == numbers(" ".join(example.prints)), name


@pytest.mark.parametrize("example", EXAMPLES.values(), ids=EXAMPLES)
def test_mindspore_gives_the_same(example: Example, real: Any) -> None:
    if example.operator in NO_KERNEL:
        with pytest.raises(RuntimeError, match="Unsupported op"):
            run(example, real)
    else:
        agree(run(example.mended(), real), example.prints)
