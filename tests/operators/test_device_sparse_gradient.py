"""Gradients of bags on a device: the bits of the gradient expanded in the compute type, and the host's refusals."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

import fusedstep as fs
from fusedstep.arrays import torch_device
from fusedstep.operators.bags import BagGradient, Bags
from fusedstep.operators.checks.device_sparse_gradient import view_sparse_gradient
from tests import reference
from tests.codegen.test_stochastic import add_to_both
from tests.devices import INTERPRETED, host, on_device, on_host
from tests.rules.test_rules import momentum

pytestmark = pytest.mark.gpu

ROWS = 11
FLOAT32 = np.dtype(np.float32)
SCALARS = {"lr": 0.1, "beta": 0.9}


def numbers(*shape: int, seed: int = 0, dtype: Any = FLOAT32) -> np.ndarray:
    drawn: np.ndarray = np.random.default_rng(seed).standard_normal(shape).astype(dtype)
    return drawn


class Case(NamedTuple):
    """Two states, and one lookup in arrays of the host."""

    states: list[np.ndarray]
    bags: Bags

    @property
    def tensors(self) -> list[torch.Tensor]:
        return [on_device(each) for each in self.states]


def case(
    width: int = 6, end: int | None = None, weights: Any = None, dtype: Any = FLOAT32, gradient: Any = None
) -> Case:
    """Bags of which some are empty, and one row with most of the gradients; ``end`` is the end of the last bag."""
    indices = np.random.default_rng(3).integers(0, ROWS, 90)
    indices[5:83] = 7
    offsets = np.array([0, 0, 3, 10, 10, 40, 70, 83, 83 if end else 90])
    given = numbers(9, width, seed=2, dtype=gradient or dtype)
    factors = None if weights is None else numbers(90, seed=4, dtype=weights)
    if factors is not None:
        factors[[1, 50]] = 0
    bags = Bags(given, indices, offsets if end is None else np.append(offsets, end), factors)
    return Case([numbers(ROWS, width, dtype=dtype), numbers(ROWS, width, seed=1, dtype=dtype)], bags)


def expanded(bags: Bags, compute: Any) -> tuple[np.ndarray, np.ndarray]:
    """The gradient of each index in the compute type, and the indices."""
    gradient, indices = bags.gradient.astype(compute), np.asarray(bags.indices)
    if bags.offsets is not None:
        offsets = np.asarray(bags.offsets)
        with_end = len(offsets) > len(gradient)
        ends = offsets[1:] if with_end else np.append(offsets[1:], len(indices))
        indices, gradient = indices[: ends[-1]], np.repeat(gradient, ends - offsets[: len(gradient)], axis=0)
    if bags.weights is not None:
        gradient = gradient * bags.weights[: len(indices)].astype(compute)[:, None]
    return gradient, indices


def stepped(rule: Any, states: Sequence[np.ndarray], lookups: Sequence[Bags], rows: str, scalars: Any) -> Any:
    """The states after a step with the expanded gradient of some lookups."""
    compute = np.float64 if states[0].dtype == np.float64 else np.float32
    parts = [expanded(each, compute) for each in lookups]
    gradient, indices = (np.concatenate(each) for each in zip(*parts, strict=True))
    return reference.step(rule, list(states), gradient, indices, rows, scalars, {}, None)


def moved(bags: Bags) -> Bags:
    """A lookup on the device."""
    return Bags(*(on_device(each) if isinstance(each, np.ndarray) else each for each in bags))


def assert_same(tensors: Sequence[torch.Tensor], expected: Sequence[np.ndarray], what: str = "") -> None:
    for tensor, want in zip(tensors, expected, strict=True):
        reference.assert_same_bits(on_host(tensor, want.dtype), want, what)


@pytest.mark.parametrize("weights", [None, FLOAT32])
@pytest.mark.parametrize("width", [1, 3, 70, 600])
@pytest.mark.parametrize("rows", ["touched", "every"])
def test_bags_are_their_expanded_gradient(rows: str, width: int, weights: Any, device: str) -> None:
    # Each form of the offsets: without the end, with it, with indices behind it.
    for end in (None, 90, 85) if width == 3 else (85 if width == 70 else None,):
        given = case(width, end, weights)
        tensors, bags = given.tensors, moved(given.bags)
        fs.Operator(momentum)(*tensors, *bags, rows=rows, **SCALARS)
        assert_same(tensors, stepped(momentum, given.states, [given.bags], rows, SCALARS), f"{end}")


@pytest.mark.parametrize(
    ("dtype", "gradient", "weights"),
    [
        ("float64", "float64", "float64"),
        ("float64", "float64", None),
        ("bfloat16", "bfloat16", "float32"),
        ("bfloat16", "float32", "bfloat16"),
        ("float16", "float16", "float16"),
        ("float16", "float32", None),
    ],
)
def test_products_are_of_the_compute_type(dtype: str, gradient: str, weights: str | None, device: str) -> None:
    kinds = [each and reference.DTYPES[each] for each in (weights, dtype, gradient)]
    given = case(5, 85, *kinds)
    tensors = given.tensors
    fs.Operator(momentum)(*tensors, *moved(given.bags), **SCALARS)
    assert_same(tensors, stepped(momentum, given.states, [given.bags], "touched", SCALARS))


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("weighted", [False, True])
def test_lookups_are_summed_in_their_order(dtype: str, weighted: bool, device: str) -> None:
    kind = reference.DTYPES[dtype]
    first, second = case(4, 85, kind if weighted else None, kind), case(4, None, None, kind, FLOAT32)
    by_row = Bags(numbers(3, 4, seed=9, dtype=kind), np.array([7, 0, 7]))
    nothing = Bags(numbers(0, 4, dtype=kind), np.array([3, 3]), np.array([0]))
    lookups = [first.bags, by_row, nothing, second.bags, by_row]
    tensors, expected = first.tensors, stepped(momentum, first.states, [*lookups[:2], *lookups[3:]], "touched", SCALARS)
    gradient = BagGradient(tuple(map(moved, lookups)))
    fs.Operator(momentum).step(tensors, gradient, None, "touched", list(SCALARS.values()))
    assert_same(tensors, expected)


@pytest.mark.parametrize("weights", [None, FLOAT32])
def test_deferred_rows(weights: Any, device: str) -> None:
    given = case(5, 85, weights)
    tensors, expected = given.tensors, given.states
    table = fs.DeferredRows(momentum, *tensors, method="replay")
    for step in range(3):
        bags = given.bags._replace(indices=(given.bags.indices + step) % 5)
        table.step(*moved(bags), **SCALARS)
        expected = stepped(momentum, expected, [bags], "every", SCALARS)
    both = BagGradient((moved(given.bags), moved(given.bags)))
    table.take(both, None, list(SCALARS.values()))
    table.flush()
    assert_same(tensors, stepped(momentum, expected, [given.bags, given.bags], "every", SCALARS))


def test_a_row_whose_weights_are_zero_takes_the_step(device: str) -> None:
    states = [numbers(3, 2), numbers(3, 2, seed=1)]
    bags = Bags(numbers(1, 2, seed=2), np.array([1]), np.array([0]), np.zeros(1, FLOAT32))
    for end in (None, "end"):
        tensors, own = [on_device(each) for each in states], bags._replace(offsets=np.array([0, 1])) if end else bags
        fs.Operator(momentum)(*tensors, *moved(own), **SCALARS)
        assert_same(tensors, stepped(momentum, states, [own], "touched", SCALARS))
        assert (on_host(tensors[0], FLOAT32)[1] != states[0][1]).all()


def test_sums_over_rows_are_those_of_the_expanded_gradient(device: str) -> None:
    given, scalars = case(70, 85, FLOAT32), {"lr": 0.1, "epsilon": 0.1}
    gradient, indices = expanded(given.bags, FLOAT32)
    accum = np.abs(numbers(ROWS, seed=5))
    for rows in ("touched", "every"):
        one, other = ([on_device(given.states[0]), on_device(accum)] for _ in range(2))
        fs.Operator(fs.rules.rowwise_adagrad)(*one, *moved(given.bags), rows=rows, **scalars)
        fs.Operator(fs.rules.rowwise_adagrad)(*other, on_device(gradient), on_device(indices), rows=rows, **scalars)
        assert_same(one, [on_host(tensor, FLOAT32) for tensor in other])


def test_rounding_by_chance_and_locks(device: str) -> None:
    given = case(5, 85, FLOAT32, reference.DTYPES["bfloat16"], FLOAT32)
    operator = fs.Operator(add_to_both, rounding="stochastic", seed=5, use_locking=True)
    one, other = given.tensors, given.tensors
    gradient, indices = expanded(given.bags, FLOAT32)
    operator(*one, *moved(given.bags), step=3)
    operator(*other, on_device(gradient), on_device(indices), step=3)
    assert_same(one, [on_host(tensor, given.states[0].dtype) for tensor in other])


def test_arguments_within_a_state(device: str) -> None:
    var, mean = numbers(ROWS, 4), numbers(ROWS, 4, seed=1)
    bags = Bags(mean[:2].copy(), np.arange(5), np.array([0, 3]), var.reshape(-1)[:5].copy())
    for operator in (fs.Operator(momentum), fs.Operator(momentum, use_locking=True)):
        tensors = on_device(var), on_device(mean)
        own = Bags(tensors[1][:2], on_device(bags.indices), on_device(bags.offsets), tensors[0].reshape(-1)[:5])
        operator(*tensors, *own, **SCALARS)
        assert_same(tensors, stepped(momentum, [var, mean], [bags], "touched", SCALARS))


def test_any_integers_views_and_lists(device: str) -> None:
    given = case(6, 85, FLOAT32)
    expected, bags = stepped(momentum, given.states, [given.bags], "touched", SCALARS), moved(given.bags)
    apart = Bags(*(torch.stack([each, each], -1)[..., 0] for each in bags))
    assert not any(each.is_contiguous() for each in apart)
    recorded = bags._replace(gradient=bags.gradient.clone().requires_grad_(), weights=bags.weights.requires_grad_())
    narrow = bags._replace(indices=bags.indices.int(), offsets=bags.offsets.to(torch.uint8))
    listed = bags._replace(indices=given.bags.indices.tolist(), offsets=given.bags.offsets.tolist())
    for own in (apart, recorded, narrow, listed):
        tensors = given.tensors
        fs.Operator(momentum)(*tensors, *own, **SCALARS)
        assert_same(tensors, expected)


EMPTY: list[tuple[Any, ...]] = [
    # Gradients, indices, offsets: no bags, only empty ones, bags in front of which no bag ends.
    (0, [], []),
    (0, [], [0]),
    (3, [], [0, 0, 0]),
    (3, [], [0, 0, 0, 0]),
    (0, [4, 4], [0]),
    (2, [4, 4], [0, 0, 0]),
]


@pytest.mark.parametrize(("count", "indices", "offsets"), EMPTY)
@pytest.mark.parametrize("rows", ["touched", "every"])
def test_bags_with_nothing_in_them(count: int, indices: list[int], offsets: list[int], rows: str, device: str) -> None:
    states = [numbers(ROWS, 3), numbers(ROWS, 3, seed=1)]
    grad, weights = numbers(count, 3), numbers(len(indices))
    tensors, named = [on_device(each) for each in states], np.array(indices, np.int64)
    fs.Operator(momentum)(
        *tensors, on_device(grad), on_device(named), on_device(np.array(offsets, np.int64)), on_device(weights),
        rows=rows, **SCALARS,
    )  # fmt: skip
    expected = reference.step(momentum, states, np.empty((0, 3), FLOAT32), named[:0], rows, SCALARS, {}, None)
    assert_same(tensors, expected)


REFUSED: list[tuple[type[Exception], str, dict[str, Any]]] = [
    (TypeError, "offsets holds float32", {"offsets": numbers(9)}),
    (TypeError, "offsets holds bool", {"offsets": np.ones(9, bool)}),
    (ValueError, r"offsets has shape \(1, 9\), expected one dimension", {"offsets": np.zeros((1, 9), int)}),
    (ValueError, r"offsets\[0\] is 1, expected 0", {"offsets": np.arange(9) + 1}),
    (ValueError, r"offsets\[0\] is -1, expected 0", {"offsets": np.arange(9) - 1}),
    (ValueError, r"offsets\[2\] is 3, expected 5 to 90", {"offsets": np.array([0, 5, 3, 6, 7, 8, 9, 9, 90])}),
    (ValueError, r"offsets\[8\] is 91, expected 90 to 90", {"offsets": np.array([0, 5, 5, 6, 7, 8, 9, 90, 91])}),
    (ValueError, r"offsets\[9\] is 91, expected 8 to 90", {"offsets": np.array([*range(9), 91])}),
    (ValueError, "offsets is empty, expected the start of a bag", {"offsets": np.zeros(0, int)}),
    (ValueError, r"grad has shape \(9, 6\), expected \(8, 6\)", {"offsets": np.arange(8)}),
    (ValueError, r"grad has shape \(9, 6\), expected \(11, 6\)", {"offsets": np.arange(11)}),
    (ValueError, r"grad has shape \(9, 6\), expected \(90, 6\)", {"offsets": None}),
    (ValueError, r"weights has shape \(89,\), expected \(90,\)", {"weights": numbers(89)}),
    (ValueError, r"weights has shape \(90, 1\), expected \(90,\)", {"weights": numbers(90, 1)}),
    (TypeError, "weights holds float64, expected float32", {"weights": numbers(90, dtype=float)}),
    (TypeError, "weights holds int64", {"weights": np.ones(90, int)}),
    (IndexError, r"indices\[2\] is 11, expected 0 to 10: var has 11 rows", {"indices": np.arange(90) + 9}),
    (IndexError, r"indices\[84\] is -1, expected", {"indices": 5 - 6 * (np.arange(90) > 83)}),
]


@pytest.mark.parametrize(("kind", "sentence", "wrong"), REFUSED)
def test_what_is_refused_is_refused_as_on_the_host(kind: Any, sentence: str, wrong: Any, device: str) -> None:
    given = case(6, None, FLOAT32)
    wrong = {
        name: np.minimum(value, 10) if sentence.startswith(r"indices\[84") else value for name, value in wrong.items()
    }
    bags, tensors = given.bags._replace(**wrong), given.tensors
    operator = fs.Operator(momentum)
    with host(), pytest.raises(kind, match=f"^momentum: {sentence}") as there:
        operator(*given.states, *bags, **SCALARS)
    with pytest.raises(kind, match=f"^momentum: {sentence}") as here:
        operator(*tensors, *moved(bags), **SCALARS)
    assert str(here.value) == str(there.value)
    table = fs.DeferredRows(momentum, *tensors)
    with pytest.raises(kind, match=sentence):
        table.step(*moved(bags), **SCALARS)
    assert_same(tensors, given.states)


def test_what_only_a_device_refuses(device: str) -> None:
    given = case(6, None, FLOAT32)
    bags, tensors = moved(given.bags), given.tensors
    for name in ("offsets", "weights", "gradient"):
        own = bags._replace(**{name: getattr(given.bags, name)})
        label = "grad" if name == "gradient" else name
        with pytest.raises(TypeError, match=f"^momentum: {label} is of type ndarray, expected a PyTorch tensor on"):
            fs.Operator(momentum)(*tensors, *own, **SCALARS)
    with pytest.raises(TypeError, match=r"^momentum: weights is of type list, expected a PyTorch tensor on"):
        fs.Operator(momentum)(*tensors, *bags._replace(weights=[1.0] * 90), **SCALARS)
    scalars = dict.fromkeys(fs.Operator(fs.rules.lamb).signature.scalars, 0.1)
    with pytest.raises(ValueError, match=r"^lamb: indices are given"):
        fs.Operator(fs.rules.lamb)(*tensors, tensors[0].clone(), *bags, **scalars)
    assert_same(tensors, given.states)


def test_a_graph_takes_what_need_not_be_read(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    given = case(6, None, FLOAT32)
    bags, tensors = moved(given.bags), given.tensors
    expected = stepped(momentum, given.states, [given.bags], "touched", SCALARS)
    monkeypatch.setattr(torch_device, "capturing", lambda like: True)
    with pytest.raises(RuntimeError, match=r"^momentum: indices cannot be checked while a graph is captured"):
        fs.Operator(momentum)(*tensors, *bags, **SCALARS)
    unchecked = fs.Operator(momentum, check_indices=False)
    with pytest.raises(RuntimeError, match=r"^momentum: offsets is of type list while a graph is captured"):
        unchecked(*tensors, *bags._replace(offsets=[0] * 9), **SCALARS)
    assert_same(tensors, given.states)
    monkeypatch.setattr(torch_device, "any_true", None)
    unchecked(*tensors, *bags, **SCALARS)
    assert_same(tensors, expected)


@pytest.mark.skipif(INTERPRETED, reason="there is no graph to capture in the interpreter; make test-gpu")
def test_replays_of_a_graph_see_new_bags(device: str) -> None:
    given = case(6, 85, FLOAT32)
    bags, tensors = moved(given.bags), given.tensors
    operator = fs.Operator(momentum, check_indices=False)
    gradient, scalars = BagGradient((bags, bags)), list(SCALARS.values())
    operator.step(tensors, gradient, None, "touched", scalars)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        operator.step(tensors, gradient, None, "touched", scalars)
    expected = stepped(momentum, given.states, [given.bags] * 2, "touched", SCALARS)
    changed = given.bags._replace(offsets=np.minimum(given.bags.offsets, 60), weights=numbers(90, seed=8))
    for own in (given.bags, changed):
        for tensor, new in zip(bags, own, strict=True):
            tensor.copy_(on_device(new))
        graph.replay()
        expected = stepped(momentum, expected, [own] * 2, "touched", SCALARS)
        assert_same(tensors, expected)


@pytest.mark.parametrize("lookups", [1, 3])
def test_a_call_waits_once(lookups: int, device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    given = case(6, 85, FLOAT32)
    waited, any_true = [], torch_device.any_true
    monkeypatch.setattr(torch_device, "any_true", lambda masks: waited.append(len(masks)) or any_true(masks))
    monkeypatch.setattr(torch_device, "to_host", None)
    gradient = BagGradient((moved(given.bags),) * lookups)
    fs.Operator(momentum).step(given.tensors, gradient, None, "touched", list(SCALARS.values()))
    assert len(waited) == 1


WILD = [
    [5, 2**40, -7, 3, 3, 99, 0, 1, 2],
    [-1] * 9,
    [2**62] * 9,
    [0, 0, 3, 10, 10, 40, 70, 83, 83, 2**40],
    [0, 0, 3, 10, 10, 40, 70, 83, 83, -3],
]


@pytest.mark.parametrize("offsets", WILD)
@pytest.mark.parametrize("rows", ["touched", "every"])
def test_without_the_check_nothing_outside_is_read_or_written(offsets: list[int], rows: str, device: str) -> None:
    given = case(6, None, FLOAT32)
    operator = fs.Operator(momentum, check_indices=False)
    bags = moved(given.bags._replace(offsets=np.array(offsets), indices=given.bags.indices * 2 - 3))
    tensors = [on_device(np.pad(each, ((0, 4), (0, 0)), constant_values=np.nan)) for each in given.states]
    inside = [each[:ROWS] for each in tensors]
    found = view_sparse_gradient(
        operator, "grad", BagGradient((bags,)), None, (ROWS, 6), "float32", inside[0]
    ).contributions
    assert ((found.gradient_rows >= 0) & ((found.gradient_rows < 9) | (found.indices < 0))).all()
    operator(*inside, *bags, rows=rows, **SCALARS)
    for tensor in tensors:
        assert tensor[:ROWS].isfinite().all()
        assert tensor[ROWS:].isnan().all()


def test_without_the_check_indices_behind_the_end_name_no_row(device: str) -> None:
    given = case(6, 85, FLOAT32)
    tensors = given.tensors
    fs.Operator(momentum, check_indices=False)(*tensors, *moved(given.bags), **SCALARS)
    assert_same(tensors, stepped(momentum, given.states, [given.bags], "touched", SCALARS))
