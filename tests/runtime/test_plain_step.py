"""Steps with plain arrays of few elements: taken at once, or left to the checks and loops of all calls, to the same
bits and with the same refusals."""

import inspect
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import fusedstep as fs
from fusedstep.arrays import plain
from fusedstep.operators import host_step
from fusedstep.runtime.cpu import parts, plain_step
from fusedstep.words import sqrt
from tests import reference

torch = pytest.importorskip("torch")

ROWS, WIDTH = 23, 5
INDICES = {
    "sorted": [0, 3, 3, 7, 22],
    "many": [5, 1, 5, 0, 22, 1, 1, 9, 4, 3, 8, 2, 2, 17],
    "sparse": [20, 1, 20],
    "single": [4],
    "all": list(range(ROWS))[::-1] * 2,
}


def momentum(var: Any, mean: Any, square: Any, grad: Any, *, lr: Any, beta: Any) -> tuple[Any, Any, Any]:
    mean = beta * mean + (1 - beta) * grad
    square = square + grad * grad
    return var - lr * mean / sqrt(square), mean, square


OPERATOR = fs.Operator(momentum)
NUMBERS = {"lr": 0.1, "beta": 0.9}


def arrays(dtype: str, count: int | None, seed: int = 1) -> list[np.ndarray]:
    random = np.random.default_rng(seed)
    shapes = [(ROWS, WIDTH)] * 3 + [(ROWS if count is None else count, WIDTH)]
    return [(random.random(shape) + 0.1).astype(dtype) for shape in shapes]


def numpy_of(each: Any) -> np.ndarray:
    """A copy."""
    if not isinstance(each, torch.Tensor):
        return np.array(each)
    array: np.ndarray = each.detach().resolve_neg().numpy().copy()
    return array


def outcome(arrays: Sequence[Any], indices: Any, rows: str = "touched", numbers: dict[str, Any] = NUMBERS) -> Any:
    """What a call leaves in its arrays, or how it is refused."""
    try:
        OPERATOR(*arrays, *(() if indices is None else (indices,)), rows=rows, **numbers)
    except (TypeError, ValueError, IndexError) as error:
        return type(error), str(error)
    return [numpy_of(each) for each in arrays]


@pytest.fixture
def left(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The calls that are left to others."""
    seen: list[Any] = []
    whole = host_step.SpanCall
    monkeypatch.setattr(host_step, "SpanCall", lambda *given: seen.append(given) or whole(*given))
    return seen


@pytest.mark.parametrize("make", [np.array, torch.tensor], ids=["NumPy", "PyTorch"])
@pytest.mark.parametrize(
    ("case", "rows"), [(None, "touched"), *((case, rows) for case in INDICES for rows in ("touched", "every"))]
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_what_is_taken_at_once_has_the_bits_of_any_call(
    make: Callable[..., Any], rows: str, case: str | None, dtype: str, left: list[Any], request: pytest.FixtureRequest
) -> None:
    named = None if case is None else INDICES[case]
    given = arrays(dtype, None if named is None else len(named))
    taken = outcome([make(each) for each in given], None if named is None else make(named), rows)
    assert not left
    request.getfixturevalue("split_small")
    split = outcome([make(each) for each in given], None if named is None else make(named), rows)
    assert len(left) == 1
    for got, want in zip(taken, split, strict=True):
        reference.assert_same_bits(got, want)


def gaps(each: Any) -> Any:
    wide = np.zeros((len(each), each.shape[1] + 2), numpy_of(each).dtype)
    wide[:, : each.shape[1]] = numpy_of(each)
    return torch.from_numpy(wide)[:, : each.shape[1]] if isinstance(each, torch.Tensor) else wide[:, : each.shape[1]]


def unaligned(each: Any) -> Any:
    memory = bytearray(b"\0" + numpy_of(each).tobytes())
    if isinstance(each, torch.Tensor):
        return torch.frombuffer(memory, dtype=each.dtype, offset=1).view(each.shape)
    return np.frombuffer(memory, each.dtype, offset=1).reshape(each.shape)


def read_only(each: Any) -> Any:
    array = numpy_of(each)
    array.flags.writeable = False
    return array


def shrunk(each: Any) -> Any:
    tensor = torch.from_numpy(numpy_of(each)).clone()
    tensor.untyped_storage().resize_(8)
    return tensor


CHANGES: dict[str, Callable[[Any], Any]] = {
    "as it is": lambda each: each,
    "gaps": gaps,
    "transposed": lambda each: each.T,
    "reversed": lambda each: each[::-1] if isinstance(each, np.ndarray) else each.flip(0).t().contiguous().t(),
    "unaligned": unaligned,
    "another type": lambda each: each.astype("float16") if isinstance(each, np.ndarray) else each.half(),
    "wider": lambda each: each.astype("float64") if isinstance(each, np.ndarray) else each.double(),
    "integers": lambda each: each.astype("int64") if isinstance(each, np.ndarray) else each.long(),
    "byte-swapped": lambda each: numpy_of(each).astype(">f4"),
    "read-only": read_only,
    "shrunk": shrunk,
    "shorter": lambda each: each[1:],
    "flat": lambda each: each.reshape(-1),
    "none": lambda each: None,
    "a list": lambda each: each.tolist(),
    "masked": lambda each: np.ma.array(numpy_of(each)),
    "meta": lambda each: torch.empty(each.shape, device="meta"),
    "sparse": lambda each: torch.from_numpy(numpy_of(each)).to_sparse(),
    "negated": lambda each: torch._neg_view(torch.from_numpy(numpy_of(each))),
    "inference": lambda each: inference(each),
    "of a graph": lambda each: torch.from_numpy(numpy_of(each)).requires_grad_() * 1.0,
    "a parameter": lambda each: torch.nn.Parameter(torch.from_numpy(numpy_of(each))),
    "empty": lambda each: each[:0],
}


def inference(each: Any) -> Any:
    with torch.inference_mode():
        return torch.from_numpy(numpy_of(each))


@pytest.mark.parametrize("kind", [np.array, torch.tensor], ids=["NumPy", "PyTorch"])
@pytest.mark.parametrize("place", range(4))
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("indices", [None, [3, 1, 3]], ids=["dense", "sparse"])
def test_arrays_that_are_not_plain_have_the_outcome_of_any_call(
    kind: Callable[..., Any],
    place: int,
    change: str,
    indices: list[int] | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given = arrays("float32", None if indices is None else len(indices))

    def result() -> Any:
        each = [kind(array) for array in given]
        each[place] = CHANGES[change](each[place])
        return outcome(each, None if indices is None else kind(indices))

    first = result()
    monkeypatch.setattr(plain_step, "prepare_dense", lambda *_: None)
    monkeypatch.setattr(plain_step, "prepare_sparse", lambda *_: None)
    second = result()
    assert type(first) is type(second)
    if isinstance(first, tuple):
        assert first == second
        return
    for got, want in zip(first, second, strict=True):
        reference.assert_same_bits(got, want)


@pytest.mark.parametrize("kind", [np.array, torch.tensor], ids=["NumPy", "PyTorch"])
@pytest.mark.parametrize(
    "indices",
    [[3, 1, 23], [3, -1, 0], [2**62, 0, 0], [], [[1, 2, 3]], [1.0, 2.0, 3.0], [True, False, True], 3],
    ids=str,
)
@pytest.mark.parametrize("rows", ["touched", "every"])
def test_indices_have_the_outcome_of_any_call(
    kind: Callable[..., Any], indices: Any, rows: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = arrays("float32", 3)

    def result() -> Any:
        return outcome([kind(array) for array in given], kind(indices), rows)

    first = result()
    assert isinstance(first, tuple)
    monkeypatch.setattr(plain_step, "prepare_sparse", lambda *_: None)
    assert result() == first


@pytest.mark.parametrize("kind", [np.array, torch.tensor], ids=["NumPy", "PyTorch"])
@pytest.mark.parametrize("indices", [None, [3, 1, 3]], ids=["dense", "sparse"])
def test_memory_that_is_shared_is_found(kind: Callable[..., Any], indices: list[int] | None) -> None:
    var, mean, square, grad = (kind(each) for each in arrays("float32", None if indices is None else 3))
    named = None if indices is None else kind(indices)
    refused = outcome([var, var, square, grad], named)
    assert refused == (
        ValueError,
        "momentum: mean and var share memory, expected separate arrays; pass a copy of one",
    )
    # A gradient that is part of a state is read before the state is written.
    part = var if indices is None else var[:3]
    alone = outcome([kind(numpy_of(each)) for each in (var, mean, square, part)], named)
    shared = outcome([var, mean, square, part], named)
    for got, want in zip(shared[:3], alone[:3], strict=True):
        np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("indices", [None, [3, 1, 3]], ids=["dense", "sparse"])
def test_versions_of_tensors_tell_of_steps_alone(indices: list[int] | None) -> None:
    tensors = [torch.tensor(each) for each in arrays("float32", None if indices is None else 3)]
    named = None if indices is None else torch.tensor(indices)
    before = [each._version for each in tensors]
    assert outcome([tensors[0], tensors[0], *tensors[2:]], named)[0] is ValueError
    assert isinstance(outcome(tensors, torch.tensor([99, 0, 0])), tuple)
    assert [each._version for each in tensors] == before
    outcome(tensors, named)
    assert [each._version - old for each, old in zip(tensors, before, strict=True)] == [1, 1, 1, 0]


@pytest.mark.parametrize("numbers", [{"lr": 1, "beta": np.float32(0.5)}, {"lr": torch.tensor(0.1), "beta": 0.9}])
def test_scalars_of_other_kinds_are_taken(numbers: dict[str, Any]) -> None:
    given = arrays("float64", None)
    floats = {name: float(value) for name, value in numbers.items()}
    for got, want in zip(
        outcome([each.copy() for each in given], None, numbers=numbers),
        outcome([each.copy() for each in given], None, numbers=floats),
        strict=True,
    ):
        np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("rows", ["touched", "every"])
def test_work_for_several_threads_is_left_to_others(
    rows: str, left: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    var, mean, square, _ = arrays("float32", None)
    named = np.zeros(3000, np.int64)
    grad = np.ones((len(named), WIDTH), np.float32)
    # The table is small: the gradients are what there is to do.
    monkeypatch.setattr(parts, "ELEMENTS_PER_THREAD", 5000)
    outcome([var, mean, square, grad], named, rows)
    assert len(left) == 1


def test_few_shapes_are_kept() -> None:
    operator = fs.Operator(momentum)
    for size in range(1, 3 * plain_step.SHAPES):
        operator(*(np.ones(size, np.float32) for _ in range(4)), **NUMBERS)
    (functions,) = operator._functions.values()
    assert 0 < len(functions.plain_blocks) <= plain_step.SHAPES


def test_threads_that_call_one_operator_at_once_are_apart() -> None:
    operator, steps = fs.Operator(momentum), 200
    named = np.array([3, 1, 3])

    def train(seed: int) -> list[np.ndarray]:
        dense, sparse = arrays("float64", None, seed), arrays("float64", len(named), seed)
        for step in range(steps):
            numbers = {"lr": 0.01 * seed, "beta": 0.9 - 0.001 * step}
            operator(*dense, **numbers)
            operator(*sparse, named, **numbers)
        return [*dense, *sparse]

    alone = [train(seed) for seed in range(1, 7)]
    with ThreadPoolExecutor(6) as pool:
        together = list(pool.map(train, range(1, 7)))
    for got, want in zip(together, alone, strict=True):
        for each, expected in zip(got, want, strict=True):
            reference.assert_same_bits(each, expected)


@pytest.mark.parametrize("place", range(5))
def test_memory_that_another_thread_exchanges_meanwhile_is_checked(place: int) -> None:
    """A tensor's memory becomes smaller right before it is asked for: after its shape was looked at."""
    tensors = [torch.from_numpy(each).clone() for each in arrays("float32", 3)]
    tensors.append(torch.tensor([3, 1, 3]))
    whole = tensors[place].detach()
    # In the middle of memory that tells of writes beyond it.
    around = torch.full((3 * whole.numel(),), 7, dtype=whole.dtype)
    small = torch.frombuffer(around.numpy()[whole.numel() :][:1], dtype=whole.dtype)

    def exchange(frame: Any, event: str, _: Any) -> Any:
        if frame.f_code is not plain.of_torch.__code__:
            return exchange
        line = inspect.getsourcelines(plain.of_torch)[0][frame.f_lineno - frame.f_code.co_firstlineno]
        if event == "line" and "untyped_storage" in line and frame.f_locals["tensor"] is tensors[place]:
            tensors[place].data = small
        return exchange

    before = sys.gettrace()
    sys.settrace(exchange)
    try:
        refused = outcome(tensors[:4], tensors[4])
    finally:
        sys.settrace(before)
    assert isinstance(refused, tuple)
    assert tensors[place].numel() == 1
    assert (around == 7).all()


def test_the_memory_of_a_tensor_is_kept_when_it_gets_another() -> None:
    tensor = torch.ones(4)
    memory = plain.memory_of(tensor)
    tensor.data = torch.zeros(4)
    assert memory is not None
    assert memory.view().tolist() == [1.0] * 4
