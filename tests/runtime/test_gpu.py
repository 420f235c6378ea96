"""Calls with tensors on a device: what beside the rule must be as on the CPU, and what is refused."""

import pickle
from typing import Any

import numpy as np
import pytest
import torch

import fusedstep as fs
from fusedstep.arrays import torch_device
from fusedstep.operators.bags import BagGradient, Bags
from fusedstep.words import exp, log, power
from tests import reference
from tests.codegen.test_stochastic import HALVES, add_to_both, add_to_row
from tests.devices import DEVICE, INTERPRETED, host, on_device, on_host
from tests.rules.test_rules import momentum

pytestmark = pytest.mark.gpu

FLOAT32 = np.dtype(np.float32)
ADAM = {"lr": 0.1, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-3, "beta1_power": 0.729, "beta2_power": 0.997}


def numbers(*shape: int, seed: int = 0, dtype: Any = FLOAT32) -> np.ndarray:
    drawn: np.ndarray = np.random.default_rng(seed).standard_normal(shape).astype(dtype)
    return drawn


@pytest.mark.parametrize("width", [1, 2, 7, 64, 100, 1024, 1500])
@pytest.mark.parametrize("rows", ["touched", "every"])
def test_any_width_and_many_duplicates(width: int, rows: str, device: str) -> None:
    count = 20 if width > 100 else 90
    states, grad = [numbers(11, width), numbers(11, width, seed=1)], numbers(count, width, seed=2)
    indices = np.random.default_rng(3).integers(0, 11, count)
    # One row has most of the gradients.
    indices[5 : count - 5] = 7
    expected = reference.step(momentum, states, grad, indices, rows, {"lr": 0.1, "beta": 0.9}, {}, None)
    for kind in (np.int64, np.int32, np.uint8) if width == 7 else (np.int64,):
        given = [on_device(state) for state in states]
        named = on_device(indices.astype(kind))
        fs.Operator(momentum)(*given, on_device(grad), named, rows=rows, lr=0.1, beta=0.9)
        for tensor, want in zip(given, expected, strict=True):
            reference.assert_same_bits(on_host(tensor, FLOAT32), want, f"{width} {kind}")


@pytest.mark.parametrize("rows", ["touched", "every"])
@pytest.mark.parametrize("storage", ["float64", "bfloat16"])
def test_several_rows_with_many_gradients(storage: str, rows: str, device: str) -> None:
    dtype = reference.DTYPES[storage]
    # As many as are added up apart, one more, and far more; two of them one behind the other.
    indices = np.repeat([3, 4, 5, 6, 9], [1, 65, 64, 150, 66])
    np.random.default_rng(1).shuffle(indices)
    states, grad = [numbers(11, 40), numbers(11, 40, seed=1)], numbers(len(indices), 40, seed=2)
    states, grad = [state.astype(dtype) for state in states], grad.astype(dtype)
    expected = reference.step(momentum, states, grad, indices, rows, {"lr": 0.1, "beta": 0.9}, {}, None)
    given = [on_device(state) for state in states]
    fs.Operator(momentum)(*given, on_device(grad), on_device(indices), rows=rows, lr=0.1, beta=0.9)
    for tensor, want in zip(given, expected, strict=True):
        reference.assert_same_bits(on_host(tensor, dtype), want)


@pytest.mark.parametrize("size", [1, 1023, 1024, 1025, 5000])
def test_any_number_of_elements(size: int, device: str) -> None:
    states, grad = [numbers(size), numbers(size, seed=1)], numbers(size, seed=2)
    expected = reference.step(momentum, states, grad, None, "touched", {"lr": 0.1, "beta": 0.9}, {}, None)
    # Behind the last element begins what no kernel may touch.
    given = [on_device(np.append(state, np.full(40, np.nan, FLOAT32))) for state in states]
    fs.Operator(momentum)(*(each[:size] for each in given), on_device(grad), lr=0.1, beta=0.9)
    for tensor, want in zip(given, expected, strict=True):
        reference.assert_same_bits(on_host(tensor[:size], FLOAT32), want)
        assert tensor[size:].isnan().all()


@pytest.mark.parametrize("rows", [None, "touched", "every"])
def test_rows_with_gaps(rows: str | None, device: str) -> None:
    wide, narrow = numbers(30, 16), numbers(30, 6, seed=1)
    grad = numbers(30 if rows is None else 9, 6, seed=2)
    indices = None if rows is None else np.array([3, 3, 29, 0, 7, 3, 8, 9, 29])
    first = [wide[:, 2:8].copy(), narrow]
    expected = reference.step(momentum, first, grad, indices, rows or "touched", {"lr": 0.1, "beta": 0.9}, {}, None)
    tensors = on_device(wide), on_device(narrow)
    given = tensors[0][:, 2:8], tensors[1]
    named = () if indices is None else (on_device(indices),)
    fs.Operator(momentum)(*given, on_device(grad), *named, rows=rows or "touched", lr=0.1, beta=0.9)
    for tensor, want in zip(given, expected, strict=True):
        reference.assert_same_bits(on_host(tensor, FLOAT32), want)
    outside = [*range(2), *range(8, 16)]
    reference.assert_same_bits(on_host(tensors[0][:, outside], FLOAT32), wide[:, outside])


@pytest.mark.parametrize(("shape", "count"), [((0, 3), 0), ((3, 0), 2), ((3, 2), 0), ((5,), 3), ((2, 3, 4), 2)])
@pytest.mark.parametrize("rows", ["touched", "every"])
def test_tables_with_little_in_them(shape: tuple[int, ...], count: int, rows: str, device: str) -> None:
    states, grad = [numbers(*shape), numbers(*shape, seed=1)], numbers(count, *shape[1:], seed=2)
    indices = np.arange(count) % max(1, shape[0])
    expected = reference.step(momentum, states, grad, indices, rows, {"lr": 0.1, "beta": 0.9}, {}, None)
    given = [on_device(state) for state in states]
    fs.Operator(momentum)(*given, on_device(grad), on_device(indices), rows=rows, lr=0.1, beta=0.9)
    for tensor, want in zip(given, expected, strict=True):
        reference.assert_same_bits(on_host(tensor, FLOAT32), want)


@pytest.mark.parametrize("name", HALVES)
@pytest.mark.parametrize("rule", [add_to_both, add_to_row])
@pytest.mark.parametrize("rows", [None, "every"])
def test_rounding_by_chance_gives_the_same_bits(rule: Any, name: str, rows: str | None, device: str) -> None:
    dtype = reference.DTYPES[name]
    states = [numbers(37, 50).astype(dtype), numbers(*((37,) if rule is add_to_row else (37, 50))).astype(dtype)]
    grad = (numbers(37, 50, seed=1) / 300).astype(np.float32)
    indices = () if rows is None else (np.arange(37)[::-1].copy(),)
    operator = fs.Operator(rule, rounding="stochastic", seed=5)
    given = [on_device(state) for state in states]
    for step in (0, 1, 2**40):
        operator(*states, grad, *indices, rows=rows or "touched", step=step)
        operator(*given, on_device(grad), *map(on_device, indices), rows=rows or "touched", step=step)
        for tensor, want in zip(given, states, strict=True):
            reference.assert_same_bits(on_host(tensor, dtype), want, f"{step}")


@pytest.mark.parametrize("storage", ["float32", "float64", "bfloat16"])
@pytest.mark.parametrize("loop", ["dense", "rows"])
def test_scalars_on_the_device(storage: str, loop: str, device: str) -> None:
    dtype = reference.DTYPES[storage]
    states, grad = [np.abs(numbers(11, 6, seed=k)).astype(dtype) for k in range(3)], numbers(11, 6).astype(dtype)
    indices = () if loop == "dense" else (on_device(np.arange(11)),)
    one, other = ([on_device(state) for state in states] for _ in range(2))
    step = fs.Operator(fs.rules.adam)
    step(*one, on_device(grad), *indices, **ADAM)
    wide = {name: torch.tensor(value, dtype=torch.float64, device=DEVICE) for name, value in ADAM.items()}
    # Some of them, in any number of dimensions.
    mixed: dict[str, Any] = wide | {"epsilon": ADAM["epsilon"], "lr": wide["lr"].reshape(1, 1)}
    step(*other, on_device(grad), *indices, **mixed)
    for tensor, want in zip(other, one, strict=True):
        reference.assert_same_bits(on_host(tensor, dtype), on_host(want, dtype))


def proximal(storage: str = "float32") -> list[torch.Tensor]:
    return [on_device(numbers(5, 3).astype(storage)), on_device(np.ones((5, 3), storage))]


def test_a_documented_operator(device: str) -> None:
    arrays = [numbers(5, 3), np.ones((5, 3), np.float32)]
    grad, indices = numbers(4, 3, seed=1), np.array([0, 3, 3, 1], np.int32)
    step = fs.ops.FusedSparseProximalAdagrad(use_locking=True)
    tensors = [on_device(array) for array in arrays]
    step(*arrays, 0.1, 0.2, 0.3, grad, indices)
    lr = torch.tensor(0.1, dtype=torch.float64, device=DEVICE)
    before = tensors[0]._version
    returned = pickle.loads(pickle.dumps(step))(*tensors, lr, 0.2, 0.3, on_device(grad), on_device(indices))  # noqa: S301
    assert all(one is other for one, other in zip(returned, tensors, strict=True))
    assert tensors[0]._version > before
    for tensor, want in zip(tensors, arrays, strict=True):
        reference.assert_same_bits(on_host(tensor, FLOAT32), want)


def test_new_arrays_are_made_on_the_device(device: str) -> None:
    gradient, m, v = on_device(numbers(4)), on_device(np.zeros(4, np.float32)), on_device(np.zeros(4, np.float32))
    delta = fs.ops.AdamNoUpdateParam()(m, v, 0.9, 0.999, 0.1, 0.9, 0.999, 1e-8, gradient)
    assert delta.device == gradient.device
    assert (on_host(delta, FLOAT32) != 0).all()


def test_a_gradient_within_a_state(device: str) -> None:
    var, mean = numbers(6, 4), numbers(6, 4, seed=1)
    expected = reference.step(momentum, [var, mean], mean, None, "touched", {"lr": 0.1, "beta": 0.9}, {}, None)
    given = on_device(var), on_device(mean)
    fs.Operator(momentum)(*given, given[1], lr=0.1, beta=0.9)
    for tensor, want in zip(given, expected, strict=True):
        reference.assert_same_bits(on_host(tensor, FLOAT32), want)


def test_what_is_refused_changes_nothing(device: str) -> None:
    var, accum = proximal()
    before = [each.clone() for each in (var, accum)]
    grad, indices = on_device(numbers(2, 3)), on_device(np.array([0, 1]))
    step = fs.Operator(fs.rules.proximal_adagrad)
    scalars = {"lr": 0.1, "l1": 0.1, "l2": 0.1}
    complex_lr = torch.tensor(1j, device=DEVICE)
    cases: list[tuple[type[Exception], str, tuple[Any, ...], dict[str, Any]]] = [
        (IndexError, r"indices\[1\] is 5, expected 0 to 4: var has 5 rows", (grad, on_device(np.array([0, 5]))), {}),
        (IndexError, r"indices\[0\] is -1", (grad, on_device(np.array([-1, 5]))), {}),
        (TypeError, "indices holds float32, expected integers", (grad, on_device(numbers(2))), {}),
        (ValueError, "indices has shape", (grad, on_device(np.array([[0, 1]]))), {}),
        (ValueError, r"grad has shape \(2, 3\), expected \(1, 3\)", (grad, indices[:1]), {}),
        (TypeError, "grad holds float64, expected float32", (grad.double(), indices), {}),
        (TypeError, "grad holds complex64", (grad.to(torch.complex64), indices), {}),
        (TypeError, "grad is of type ndarray, expected a PyTorch tensor on", (numbers(2, 3), indices), {}),
        (TypeError, "indices is of type ndarray, expected a PyTorch tensor on", (grad, np.array([0, 1])), {}),
        (TypeError, "indices is of type set, expected", (grad, {0, 1}), {}),
        (TypeError, "grad is of type list, expected a PyTorch tensor on", ([[1.0] * 3] * 2, indices), {}),
        (TypeError, r"indices\[0\] is of type bool, expected an integer; of a mask", (grad, [True, False]), {}),
        (TypeError, "indices holds bool, expected integers; of a mask", (grad, indices.bool()), {}),
        (IndexError, r"indices\[1\] is 5, expected 0 to 4: var has 5 rows", (grad, [0, 5]), {}),
        (IndexError, r"indices\[0\] is 18446744073709551616", (grad, [2**64, 5]), {}),
        (TypeError, "grad is a tensor of layout torch.sparse_coo", (grad.to_sparse(), indices), {}),
        (ValueError, r"lr has shape \(2,\), expected one element", (grad, indices), {"lr": grad[0, :2]}),
        (TypeError, "lr holds complex64, expected a real number", (grad, indices), {"lr": complex_lr}),
    ]
    for kind, sentence, arguments, others in cases:
        with pytest.raises(kind, match=f"^proximal_adagrad: {sentence}"):
            step(var, accum, *arguments, **scalars | others)
    with pytest.raises(ValueError, match=r"^proximal_adagrad: accum and var share memory"):
        step(var, var, grad, indices, **scalars)
    with pytest.raises(ValueError, match=r"^proximal_adagrad: accum has shape \(5, 2\), expected \(5, 3\)"):
        step(var, accum[:, :2], grad, indices, **scalars)
    with pytest.raises(ValueError, match=r"^proximal_adagrad: var has rows that are not contiguous"):
        step(var.T, accum.T, on_device(numbers(2, 5)), indices, **scalars)
    with pytest.raises(ValueError, match=r"lamb: indices are given"):
        fs.Operator(fs.rules.lamb)(
            *(torch.ones(2, 3, device=DEVICE) for _ in range(3)), grad, indices,
            **dict.fromkeys(fs.Operator(fs.rules.lamb).signature.scalars, 0.1),
        )  # fmt: skip
    for tensor, was in zip((var, accum), before, strict=True):
        assert torch.equal(tensor, was)


@pytest.mark.parametrize("rows", ["touched", "every"])
def test_without_the_check_indices_of_no_row_are_left_out(rows: str, device: str) -> None:
    states, grad = [numbers(6, 4), numbers(6, 4, seed=1)], numbers(5, 4, seed=2)
    good = np.array([False, True, True, False, True])
    expected = reference.step(
        momentum, states, grad[good], np.array([2, 5, 2]), rows, {"lr": 0.1, "beta": 0.9}, {}, None
    )
    given = [on_device(state) for state in states]
    indices = on_device(np.array([-1, 2, 5, 6, 2]))
    operator = fs.Operator(momentum, check_indices=False)
    operator(*given, on_device(grad), indices, rows=rows, lr=0.1, beta=0.9)
    for tensor, want in zip(given, expected, strict=True):
        reference.assert_same_bits(on_host(tensor, FLOAT32), want)
    with host(), pytest.raises(IndexError):
        operator(*(state.copy() for state in states), grad, indices.cpu().numpy(), rows=rows, lr=0.1, beta=0.9)


def test_a_scalar_on_a_device_is_none_for_the_cpu(device: str) -> None:
    lr = torch.tensor(0.1, device=DEVICE)
    with pytest.raises(TypeError, match=r"^momentum: lr is a tensor on .*, expected a number; pass lr.item\(\)"):
        fs.Operator(momentum)(numbers(3), numbers(3), numbers(3), lr=lr, beta=0.9)


def of_words(var: Any, other: Any, grad: Any, *, scale: Any) -> tuple[Any, Any]:
    return exp(grad) * scale, log(other) * scale


def of_power(var: Any, exponent: Any, grad: Any, *, scale: Any) -> tuple[Any, Any]:
    return power(grad, exponent) * scale, exponent


def units_off(got: np.ndarray, exact: np.ndarray) -> float:
    """How many units in the last place results are off at most; they must be infinite and no numbers alike."""
    with np.errstate(all="ignore"):
        nearest = exact.astype(np.float32)
        assert (np.isnan(got) == np.isnan(nearest)).all()
        special = ~np.isfinite(nearest)
        assert (got[special & ~np.isnan(nearest)] == nearest[special & ~np.isnan(nearest)]).all()
        unit = np.spacing(np.abs(nearest)).astype(np.float64)
        off = np.abs(got.astype(np.float64) - exact) / unit
    return float(off[~special].max())


SPECIAL = np.array([0.0, -0.0, 1.0, -1.0, 2.0, 0.5, np.inf, -np.inf, np.nan, 1e-45, 1e-38, 3.4e38], np.float32)


def test_exp_and_log_in_float32(device: str) -> None:
    rng = np.random.default_rng(2)
    x = np.concatenate([rng.uniform(-104, 89, 20_000), rng.standard_normal(5000) / 100, SPECIAL]).astype(np.float32)
    y = np.concatenate([np.exp2(rng.uniform(-148, 127, 20_000)), 1 + rng.standard_normal(5000) / 100, SPECIAL])
    y = y.astype(np.float32)
    given = on_device(np.zeros_like(x)), on_device(y)
    fs.Operator(of_words)(*given, on_device(x), scale=1.0)
    with np.errstate(all="ignore"):
        assert units_off(on_host(given[0], FLOAT32), np.exp(x.astype(float))) <= 1.5
        assert units_off(on_host(given[1], FLOAT32), np.log(y.astype(float))) <= 1.5


def test_power_in_float32(device: str) -> None:
    rng = np.random.default_rng(2)
    x, y = np.exp2(rng.uniform(-148, 127, 30_000)), rng.uniform(-2, 2, 30_000)
    pairs = np.array(np.meshgrid(SPECIAL, [*SPECIAL, 3.0, -3.0, 0.3])).reshape(2, -1)
    x, y = (np.concatenate([each, other]).astype(np.float32) for each, other in zip((x, y), pairs, strict=True))
    given = on_device(np.zeros_like(x)), on_device(y)
    fs.Operator(of_power)(*given, on_device(x), scale=1.0)
    with np.errstate(all="ignore"):
        # The words take the root where an exponent is one half, on minus infinity and minus zero too.
        exact = np.where(y == 0.5, np.sqrt(x.astype(float)), np.power(x.astype(float), y.astype(float)))
    assert units_off(on_host(given[0], FLOAT32), exact) <= 2.5


def test_tensors_without_plain_memory_are_refused(device: str) -> None:
    var, accum = proximal()
    scalars = {"lr": 0.1, "l1": 0.1, "l2": 0.1}
    step = fs.Operator(fs.rules.proximal_adagrad)

    def of(grad: torch.Tensor) -> torch.Tensor:
        step(var, accum, grad, **scalars)
        return grad.sum()

    for function in (torch.func.grad(of), torch.func.vmap(of)):
        with pytest.raises(TypeError, match=r"^proximal_adagrad: grad is a tensor without memory"):
            function(torch.ones(2, 5, 3, device=DEVICE))
    lazily = torch.ones(5, 3, dtype=torch.complex64, device=DEVICE).conj().imag
    with pytest.raises(TypeError, match=r"^proximal_adagrad: grad is a tensor that is lazily negated"):
        step(var, accum, lazily, **scalars)


def test_the_default_device_is_of_no_matter(device: str) -> None:
    given, grad = proximal(), on_device(numbers(5, 3))
    # Nothing may be made there: it is where no memory is.
    with torch.device("meta"):
        fs.Operator(fs.rules.proximal_adagrad)(*given, grad, lr=0.1, l1=0.1, l2=0.1)
        table = fs.DeferredRows(fs.rules.proximal_adagrad, *given)
        table.step(grad[:1], on_device(np.array([2])), lr=0.1, l1=0.1, l2=0.1)
        table.flush()
    assert (given[1] != 1).all()


def test_what_would_stand_still_in_a_graph_is_refused(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    bits = [on_device(np.ones((5, 3), np.float16)) for _ in range(3)]
    by_chance = fs.Operator(momentum, rounding="stochastic")
    table = fs.DeferredRows(momentum, *proximal(), check_indices=False)
    grad, indices = on_device(numbers(2, 3)), on_device(np.array([0, 1]))
    table.step(grad, indices, lr=0.1, beta=0.9)
    param = torch.nn.Parameter(torch.ones(3, device=DEVICE))
    param.grad = torch.ones(3, device=DEVICE)
    optimizer = fs.torch.Adam([param])
    monkeypatch.setattr(torch_device, "capturing", lambda tensor: True)
    with pytest.raises(RuntimeError, match=r"^momentum: stochastic rounding cannot be captured"):
        by_chance(*bits, lr=0.1, beta=0.9, step=1)
    for call in (lambda: table.step(grad, indices, lr=0.1, beta=0.9), lambda: table.catch_up(indices), table.flush):
        with pytest.raises(RuntimeError, match="steps that rows owe are counted on the host"):
            call()
    with pytest.raises(RuntimeError, match="indices cannot be checked while a graph is captured"):
        fs.Operator(momentum)(*proximal(), grad, indices, lr=0.1, beta=0.9)
    with pytest.raises(
        RuntimeError, match=r"indices is of type list while a graph is captured.*; pass a PyTorch tensor"
    ):
        fs.Operator(momentum, check_indices=False)(*proximal(), grad, [0, 1], lr=0.1, beta=0.9)
    with pytest.raises(RuntimeError, match=r"^Adam: capturable is False, expected True"):
        optimizer.step()


@pytest.mark.parametrize("listed", [[4, 1, 4], (4, 1, 4), range(4, 1, -1), []])
def test_a_list_of_indices_is_copied_to_the_device(listed: Any, device: str) -> None:
    grad, scalars = on_device(numbers(len(listed), 3)), {"lr": 0.1, "l1": 0.1, "l2": 0.1}
    found = []
    for indices in (listed, on_device(np.array(listed, np.int64))):
        given, slept = proximal(), proximal()
        fs.Operator(fs.rules.proximal_adagrad)(*given, grad, indices, **scalars)
        table = fs.DeferredRows(fs.rules.proximal_adagrad, *slept)
        table.step(grad, indices, **scalars)
        table.catch_up(indices)
        found.append([each.tolist() for each in (*given, *slept)])
    assert found[0] == found[1]


def test_the_number_of_a_step_is_a_number(device: str) -> None:
    bits = [on_device(np.ones((5, 3), np.float16)) for _ in range(3)]
    step = torch.tensor(3, device=DEVICE)
    with pytest.raises(TypeError, match=r"^momentum: step is a tensor on .*; pass step.item\(\)"):
        fs.Operator(momentum, rounding="stochastic")(*bits, lr=0.1, beta=0.9, step=step)


@pytest.mark.skipif(INTERPRETED, reason="there is no graph to capture in the interpreter; make test-gpu")
def test_steps_are_captured_in_a_graph(device: str) -> None:
    states, grad, indices = [numbers(40, 16), numbers(40, 16, seed=1)], numbers(9, 16, seed=2), np.arange(9) % 5
    lr = torch.tensor(0.1, dtype=torch.float64, device=DEVICE)
    given = [on_device(state) for state in states]
    arguments = [*given, on_device(grad), on_device(indices)]
    operator = fs.Operator(momentum, check_indices=False)
    operator(*arguments, lr=lr, beta=0.9)
    table = fs.DeferredRows(momentum, *(each.clone() for each in given))
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        operator(*arguments, lr=lr, beta=0.9)
        with pytest.raises(RuntimeError, match="indices cannot be checked"):
            fs.Operator(momentum)(*arguments, lr=lr, beta=0.9)
        with pytest.raises(RuntimeError, match="cannot be captured"):
            table.step(*arguments[2:], lr=0.1, beta=0.9)
    expected = states
    for rate in (0.1, 0.2, 0.3):
        if rate > 0.1:
            lr.fill_(rate)
            graph.replay()
        scalars = {"lr": rate, "beta": 0.9}
        expected = reference.step(momentum, expected, grad, indices, "touched", scalars, {}, None)
        for tensor, want in zip(given, expected, strict=True):
            reference.assert_same_bits(on_host(tensor, FLOAT32), want)


@pytest.mark.skipif(INTERPRETED, reason="the interpreter has no streams; make test-gpu")
def test_steps_on_two_streams(device: str) -> None:
    states, grad = [numbers(2000, 64), numbers(2000, 64, seed=1)], numbers(500, 64, seed=2)
    indices, scalars = np.arange(500) * 7 % 2000, {"lr": 0.1, "beta": 0.9}
    given = [[on_device(state) for state in states] for _ in range(2)]
    arguments, operator = (on_device(grad), on_device(indices)), fs.Operator(momentum, use_locking=True)
    streams = [torch.cuda.Stream(), torch.cuda.Stream()]
    for stream in streams:
        stream.wait_stream(torch.cuda.current_stream())
    # Each on a stream of its own, then each on the other's, behind an event.
    for turn in range(2):
        for number, stream in enumerate(streams):
            with torch.cuda.stream(stream):
                operator(*given[number ^ turn], *arguments, rows="every", **scalars)
        for stream, other in zip(streams, reversed(streams), strict=True):
            stream.wait_event(other.record_event())
    torch.cuda.synchronize()
    expected = states
    for _ in range(2):
        expected = reference.step(momentum, expected, grad, indices, "every", scalars, {}, None)
    for each in given:
        for tensor, want in zip(each, expected, strict=True):
            reference.assert_same_bits(on_host(tensor, FLOAT32), want)


@pytest.mark.skipif(INTERPRETED, reason="nothing waits in the interpreter; make test-gpu")
def test_steps_do_not_wait_for_the_device(device: str) -> None:
    given, grad, indices = proximal(), on_device(numbers(2, 3)), on_device(np.array([0, 1]))
    operator = fs.Operator(fs.rules.proximal_adagrad, check_indices=False)
    table = fs.DeferredRows(fs.rules.proximal_adagrad, *proximal(), check_indices=False)
    bags = {"offsets": on_device(np.array([0, 0, 1])), "weights": on_device(numbers(2))}
    both = BagGradient((Bags(grad, indices, **bags), Bags(grad, indices)))
    scalars = {"lr": 0.1, "l1": 0.1, "l2": 0.1}
    try:
        # Compiling comes first.
        for mode in ("default", "error"):
            torch.cuda.set_sync_debug_mode(mode)
            operator(*given, grad, indices, **scalars)
            operator(*given, grad, indices, rows="every", **scalars)
            operator(*given, grad, indices, **bags, **scalars)
            operator.step(given, both, None, "every", list(scalars.values()))
            table.step(grad, indices, **scalars)
            table.step(grad, indices, **bags, **scalars)
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize(
    "value", [torch.Generator(), torch.ones(2).untyped_storage(), np.ones((4, 3), np.float32), None]
)
def test_what_is_not_a_tensor_is_refused_by_name(value: Any, device: str) -> None:
    var, mean = (on_device(np.ones((4, 3), np.float32)) for _ in range(2))
    with pytest.raises(TypeError, match=r"^momentum: grad is .*, expected a PyTorch tensor on "):
        fs.Operator(fs.rules.momentum)(var, mean, value, lr=0.1, momentum=0.9)
    assert var.tolist() == mean.tolist() == [[1.0] * 3] * 4
