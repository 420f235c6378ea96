"""Calls with CuPy's arrays, of a stand-in for CuPy: the same bits as NumPy's, the same sentences, the right stream."""

import itertools
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fusedstep as fs
from fusedstep.arrays import cupy_device, devices
from fusedstep.operators.bags import BagGradient, Bags
from fusedstep.storage import STORAGES
from tests import cupy_like, reference
from tests.rules.test_rules import momentum
from tests.rules.test_rules_with_sums import extremes

# CuPy has NumPy's types, and bfloat16 beside ml_dtypes.
IN_CUPY = [each.name for each in STORAGES.values() if each.in_numpy or each.name == "bfloat16"]


SCALARS = {"lr": 0.1, "beta": 0.9}
ADAM = {"lr": 0.1, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-3}


@pytest.fixture
def cupy(monkeypatch: pytest.MonkeyPatch, device: str) -> Iterator[Any]:
    """The stand-in, with its default stream as Triton's."""
    if device != "cpu":
        pytest.skip("the stand-in is the interpreter's")
    monkeypatch.setitem(sys.modules, "cupy", cupy_like.module())
    monkeypatch.setattr(cupy_device, "triton_stream", lambda device: 0)
    cupy_like.NOTED.clear()
    with cupy_like.interpreted():
        yield sys.modules["cupy"]


def numbers(*shape: int, seed: int = 0, dtype: Any = np.float32) -> np.ndarray:
    drawn: np.ndarray = np.random.default_rng(seed).standard_normal(shape).astype(dtype)
    return drawn


def assert_same(arrays: Any, expected: Any) -> None:
    for array, want in zip(arrays, expected, strict=True):
        reference.assert_same_bits(array.get(), want)


INDICES = np.array([3, 0, 3, 10, 3, 7, 0])


@pytest.mark.parametrize("storage", IN_CUPY)
@pytest.mark.parametrize("rows", [None, "touched", "every"])
def test_steps_are_those_of_numpy(rows: str | None, storage: str, cupy: Any) -> None:
    dtype = reference.DTYPES[storage]
    states = [numbers(11, 6, dtype=dtype), numbers(11, 6, seed=1, dtype=dtype)]
    indices = None if rows is None else INDICES
    grad = numbers(11 if rows is None else len(INDICES), 6, seed=2, dtype=dtype)
    expected = reference.step(momentum, states, grad, indices, rows or "touched", SCALARS, {}, None)
    given = [cupy.array(each) for each in states]
    named = () if indices is None else (cupy.array(indices),)
    found = fs.Operator(momentum)(*given, cupy.array(grad), *named, rows=rows or "touched", **SCALARS)
    assert all(one is other for one, other in zip(found, given, strict=True))
    assert_same(given, expected)


@pytest.mark.parametrize("kind", [np.int32, np.uint8])
def test_views_narrow_indices_and_long_segments(kind: Any, cupy: Any) -> None:
    indices = np.repeat([3, 4, 9], [1, 70, 6]).astype(kind)[::-1]
    states, grad = [numbers(11, 6), numbers(11, 6, seed=1)], numbers(77, 6, seed=2)
    wide = numbers(11, 16)
    wide[:, 2:8] = states[0]
    expected = reference.step(momentum, states, grad, indices, "touched", SCALARS, {}, None)
    given = cupy.array(wide)[:, 2:8], cupy.array(states[1])
    fs.Operator(momentum)(*given, cupy.array(np.asfortranarray(grad.T)).T, cupy.array(indices), **SCALARS)
    assert_same(given, expected)


@pytest.mark.parametrize("storage", IN_CUPY)
def test_gradients_of_bags_are_those_of_numpy(storage: str, cupy: Any) -> None:
    dtype = reference.DTYPES[storage]
    states, grad = (
        [numbers(11, 6, dtype=dtype), numbers(11, 6, seed=1, dtype=dtype)],
        numbers(3, 6, seed=2, dtype=dtype),
    )
    weights, named = numbers(5, seed=3, dtype=dtype), INDICES[:4]
    wide = np.float64 if storage == "float64" else np.float32
    rows = numbers(4, 6, seed=4, dtype=wide)
    # The stand-in refuses work on another device than the current one.
    with cupy.cuda.Device(1):
        given = [cupy.array(each) for each in states]
        bags = Bags(
            *map(cupy.array, (grad, np.append(named, [99, 5]).astype(np.int32)[:5], np.array([0, 1, 1, 4]), weights))
        )
        lookups = bags, Bags(cupy.array(rows), cupy.array(named))
    product = grad.astype(wide)[[0, 2, 2, 2]] * weights[:4].astype(wide)[:, None]
    gradient, indices = np.concatenate([product, rows]), np.concatenate([named, named])
    expected = reference.step(momentum, states, gradient, indices, "touched", SCALARS, {}, None)
    fs.Operator(momentum).step(given, BagGradient(lookups), None, "touched", list(SCALARS.values()))
    assert_same(given, expected)
    wrong = BagGradient((bags._replace(offsets=bags.offsets[1:]), *lookups[1:]))
    with pytest.raises(ValueError, match=r"^momentum: offsets\[0\] is 1, expected 0"):
        fs.Operator(momentum).step(given, wrong, None, "touched", list(SCALARS.values()))
    fs.Operator(momentum, check_indices=False)(*given, *bags, rows="every", **SCALARS)
    assert_same(given, reference.step(momentum, expected, product, named, "every", SCALARS, {}, None))


TABLE, BY_ROW, BY_COLUMN = (5, 6), (5,), (6,)


@pytest.mark.parametrize(
    ("rule", "shapes"),
    [
        (fs.rules.lamb, [TABLE, TABLE, TABLE]),
        (fs.rules.adafactor, [TABLE, TABLE, BY_ROW, BY_COLUMN, TABLE]),
        (fs.rules.rowwise_adagrad, [TABLE, BY_ROW]),
        (extremes, [TABLE, (5, 1), (1, 6)]),
    ],
)
def test_sums(rule: Any, shapes: list[tuple[int, ...]], cupy: Any) -> None:
    import torch

    operator = fs.Operator(rule)
    scalars = dict.fromkeys(operator.signature.scalars, 0.1)
    states, grad = [np.abs(numbers(*shape, seed=k)) for k, shape in enumerate(shapes)], numbers(*TABLE, seed=9)
    given, tensors = [cupy.array(each) for each in states], [torch.from_numpy(each.copy()) for each in states]
    operator(*given, cupy.array(grad), **scalars)
    operator(*tensors, torch.from_numpy(grad), **scalars)
    # One program has all rows: no sum depends on the library.
    assert_same(given, [tensor.numpy() for tensor in tensors])


@pytest.mark.parametrize("method", ["series", "replay"])
def test_deferred_rows(method: str, cupy: Any) -> None:
    import torch

    states = [numbers(11, 6), np.zeros((11, 6), np.float32), np.zeros((11, 6), np.float32)]
    given, tensors = [cupy.array(each) for each in states], [torch.from_numpy(each.copy()) for each in states]
    tables = [fs.DeferredRows(fs.rules.adam, *each, method=method) for each in (given, tensors)]
    for step in range(1, 5):
        scalars = ADAM | {"beta1_power": 0.9**step, "beta2_power": 0.999**step}
        grad, indices = numbers(3, 6, seed=step), np.array([step, 0, step])
        tables[0].step(cupy.array(grad), cupy.array(indices), **scalars)
        tables[1].step(torch.from_numpy(grad), torch.from_numpy(indices), **scalars)
        tables[0].catch_up(cupy.array(indices[:1] + 1))
        tables[1].catch_up(torch.from_numpy(indices[:1] + 1))
    for table in tables:
        table.flush()
    assert_same(given, [tensor.numpy() for tensor in tensors])


def test_named_operators_scalars_on_the_device_and_new_arrays(cupy: Any) -> None:
    arrays = [numbers(4, 3), np.ones((4, 3), np.float32)]
    given, grad = [cupy.array(each) for each in arrays], numbers(4, 3, seed=1)
    step = fs.ops.ApplyProximalAdagrad()
    lr = cupy.array(np.array([0.1]))
    step(*given, lr, 0.1, 0.1, cupy.array(grad))
    with pytest.raises(TypeError, match=r"is a tensor on <CUDA Device 0>"):
        step(*(each.copy() for each in arrays), lr, 0.1, 0.1, grad)
    from tests.devices import host

    with host():
        step(*arrays, 0.1, 0.1, 0.1, grad)
    assert_same(given, arrays)
    zeros = [cupy.array(np.zeros(4, np.float32)) for _ in range(2)]
    made = fs.ops.AdamNoUpdateParam()(*zeros, 0.9, 0.999, 0.1, 0.9, 0.999, 1e-8, cupy.array(numbers(4)))
    assert isinstance(made, cupy.ndarray)
    assert made.device == zeros[0].device
    assert (made.get() != 0).all()


def test_the_example_of_the_docs(cupy: Any) -> None:
    page = (Path(__file__).parents[2] / "docs" / "gpu.md").read_text(encoding="utf-8").splitlines()
    start = page.index("    import cupy")
    lines = itertools.takewhile(lambda line: not line or line.startswith("    "), page[start:])
    names: dict[str, Any] = {}
    exec(textwrap.dedent("\n".join(lines)), names)  # noqa: S102 - our own page
    var = names["var"].get()
    assert (var[1] == 1).all()
    assert (var[[0, 2]] < 1).all()


def test_empty_tables_and_gradients(cupy: Any) -> None:
    for shape, count in (((0, 3), 0), ((3, 0), 2), ((3, 2), 0)):
        for rows in ("touched", "every"):
            states, grad = [numbers(*shape), numbers(*shape, seed=1)], numbers(count, *shape[1:])
            indices = np.arange(count)
            expected = reference.step(momentum, states, grad, indices, rows, SCALARS, {}, None)
            given = [cupy.array(each) for each in states]
            fs.Operator(momentum)(*given, cupy.array(grad), cupy.array(indices), rows=rows, **SCALARS)
            assert_same(given, expected)


def test_what_is_refused_changes_nothing(cupy: Any) -> None:
    import torch

    arrays = [numbers(5, 3), numbers(5, 3, seed=1)]
    given = [cupy.array(each) for each in arrays]
    grad, indices = cupy.array(numbers(2, 3)), cupy.array(np.array([0, 1]))
    with cupy.cuda.Device(1):
        elsewhere = cupy.array(numbers(2, 3))
    cases: list[tuple[type[Exception], str, tuple[Any, ...]]] = [
        (IndexError, r"indices\[1\] is 5, expected 0 to 4: var has 5 rows", (grad, cupy.array(np.array([0, 5])))),
        (TypeError, "indices holds float32, expected integers", (grad, cupy.array(numbers(2)))),
        (TypeError, "grad holds float64, expected float32", (cupy.array(numbers(2, 3, dtype=float)), indices)),
        (TypeError, "grad holds complex64", (cupy.array(numbers(2, 3, dtype=np.complex64)), indices)),
        (TypeError, "grad is of type ndarray, expected a CuPy array on <CUDA Device 0>", (numbers(2, 3), indices)),
        (TypeError, "grad is of type Tensor, expected a CuPy array", (torch.ones(2, 3), indices)),
        (ValueError, "grad is on <CUDA Device 1>, expected <CUDA Device 0>", (elsewhere, indices)),
    ]
    for kind, sentence, arguments in cases:
        with pytest.raises(kind, match=f"^momentum: {sentence}"):
            fs.Operator(momentum)(*given, *arguments, **SCALARS)
    with pytest.raises(ValueError, match="share memory"):
        fs.Operator(momentum)(given[0], given[0], grad, indices, **SCALARS)
    with pytest.raises(TypeError, match=r"^momentum: grad is of type ndarray, whose memory NumPy cannot use"):
        fs.Operator(momentum)(*arrays, grad, np.array([0, 1]), **SCALARS)
    assert_same(given, arrays)


def test_work_is_on_the_arrays_device(cupy: Any) -> None:
    # The stand-in refuses work on another device than the current one.
    with cupy.cuda.Device(1):
        given = [cupy.array(numbers(11, 6)) for _ in range(2)]
        grad, indices = cupy.array(numbers(7, 6)), cupy.array(INDICES)
    table = fs.DeferredRows(momentum, *given)
    for rows in ("touched", "every"):
        fs.Operator(momentum)(*given, grad, indices, rows=rows, **SCALARS)
    table.step(grad, indices, **SCALARS)
    table.flush()
    assert cupy_like.CURRENT_DEVICE == [0]


def test_kernels_wait_for_the_current_stream_and_it_for_them(cupy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    given = [cupy.array(numbers(11, 6)) for _ in range(2)]
    grad, indices = cupy.array(numbers(7, 6)), cupy.array(INDICES)
    for triton, own in ((0, 5), (8, 0), (8, 5)):
        monkeypatch.setattr(cupy_device, "triton_stream", lambda device, found=triton: found)
        cupy_like.NOTED.clear()
        with cupy.cuda.Stream(own):
            fs.Operator(momentum, check_indices=False)(*given, grad, indices, **SCALARS)
        noted = cupy_like.NOTED
        assert noted[:2] == [("record", own), ("wait", triton, own)]
        assert noted[-2:] == [("record", triton), ("wait", own, triton)]
        assert set(noted[2:-2]) == {("work", triton)}
    cupy_like.NOTED.clear()
    with cupy.cuda.Stream(8):
        fs.Operator(momentum)(*given, grad, indices, **SCALARS)
    assert set(cupy_like.NOTED) == {("work", 8)}


def test_graphs_are_refused(cupy: Any) -> None:
    given, grad = [cupy.array(numbers(4)) for _ in range(2)], cupy.array(numbers(4))
    stream = cupy.cuda.Stream(5)
    stream.captures = True
    with stream, pytest.raises(RuntimeError, match="a graph of CuPy's cannot capture"):
        fs.Operator(momentum)(*given, grad, **SCALARS)
    assert_same(given, [numbers(4), numbers(4)])


def test_a_type_finds_its_library_by_the_package_that_defines_it(cupy: Any) -> None:
    class Derived(cupy.ndarray):  # type: ignore[misc, name-defined]
        pass

    array = Derived(numbers(3), 0)
    assert devices.find_library(array) is cupy_device
    assert devices.on_device(array)
    assert not any(map(devices.on_device, (None, 1.0, numbers(3), [array])))
