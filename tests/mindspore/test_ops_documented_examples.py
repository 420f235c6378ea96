"""Each example that MindSpore documents for an operator gives the documented numbers."""

import numpy as np
import pytest

import fusedstep.mindspore as face
from fusedstep.mindspore.ops.contracts import CONTRACTS
from fusedstep.operators.catalogue import OPERATORS
from tests.mindspore.documented import EXAMPLES, WITHOUT
from tests.mindspore.documented.example import Example, documented, run

ROUNDINGS = 2  # The documented numbers are those of float32 kernels, which round in another order.


def agree(arrays: list[np.ndarray], prints: tuple[str, ...]) -> None:
    """Arrays are those that are printed, up to the roundings of both."""
    for array, text in zip(arrays, prints, strict=True):
        numbers, halves = documented(text)
        assert array.shape == numbers.shape
        expected = numbers.astype(array.dtype)
        apart = np.abs(array.astype(float) - numbers)
        assert (apart <= halves + ROUNDINGS * np.abs(np.spacing(expected))).all(), (array, text)


def test_each_operator_has_an_example_or_is_known_to_have_none() -> None:
    missing = set(OPERATORS) - set(EXAMPLES) - WITHOUT
    assert not missing, f"{sorted(missing)}: add the documented example to tests/mindspore/documented/, or to WITHOUT"
    assert set(EXAMPLES) | WITHOUT == set(CONTRACTS)
    assert not set(EXAMPLES) & WITHOUT


@pytest.mark.parametrize("example", EXAMPLES.values(), ids=EXAMPLES)
def test_a_documented_example_gives_the_documented_numbers(example: Example) -> None:
    before = face.get_context("mode")
    try:
        if example.graph:
            face.set_context(mode=face.GRAPH_MODE)
            face.set_device(device_target="CPU")
        if example.refused:
            with pytest.raises((IndexError, ValueError)) as caught:
                run(example, face)
            assert f"{caught.typename}: {caught.value}".startswith(example.refused)
        agree(run(example.mended(), face), example.prints)
    finally:
        face.set_context(mode=before)


@pytest.mark.parametrize("example", EXAMPLES.values(), ids=EXAMPLES)
def test_the_arguments_have_the_documented_names(example: Example) -> None:
    operator = OPERATORS[example.operator](**example.settings)
    assert list(example.arguments) == list(operator.entry.meanings)


def test_numbers_that_are_not_the_documented_ones_are_seen() -> None:
    example = EXAMPLES["ApplyMomentum"]
    (array,) = run(example, face)
    agree([array], example.prints)
    array[1, 0] += 3e-8
    with pytest.raises(AssertionError):
        agree([array], example.prints)
