"""Later calls with tensors on a device, whose layout was checked: the same bits, and the same refusals."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import fusedstep as fs
from fusedstep.runtime.gpu import plain_step
from tests.devices import DEVICE

pytestmark = pytest.mark.gpu

SCALARS = {"lr": 0.1, "momentum": 0.9}
ROWS, WIDTH = 11, 6
NAMED = [3, 10, 3, 0, 7, 3, 3, 10]


@pytest.fixture
def launched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The loops of the calls that took the shorter way."""
    found: list[str] = []
    launch = plain_step.launch

    def noted(operator: Any, layout: Any, loop: str, *others: Any) -> None:
        found.append(loop)
        launch(operator, layout, loop, *others)

    monkeypatch.setattr(plain_step, "launch", noted)
    return found


def drawn(*shape: int, seed: int = 0, dtype: Any = torch.float32) -> torch.Tensor:
    numbers = np.random.default_rng(seed).standard_normal(shape)
    return torch.from_numpy(numbers).to(dtype).to(DEVICE)


def tables(gaps: bool = False, dtypes: Any = (torch.float32, torch.float32)) -> list[torch.Tensor]:
    """A variable and a state, with gaps between rows or without."""
    wide = [drawn(ROWS, WIDTH + 4, seed=seed, dtype=dtype) for seed, dtype in enumerate(dtypes)]
    return [each[:, 2 : 2 + WIDTH] if gaps else each[:, :WIDTH].contiguous() for each in wide]


def same(states: list[torch.Tensor], others: list[torch.Tensor]) -> bool:
    return all(torch.equal(one, other) for one, other in zip(states, others, strict=True))


@pytest.mark.parametrize("rows", [None, "touched", "every"])
@pytest.mark.parametrize("gaps", [False, True])
@pytest.mark.parametrize("check", [False, True])
@pytest.mark.parametrize("dtypes", [(torch.float32,) * 2, (torch.float64,) * 2, (torch.bfloat16, torch.float32)])
def test_later_calls_give_the_same_bits(
    rows: str | None, gaps: bool, check: bool, dtypes: Any, device: str, launched: list[str]
) -> None:
    step = fs.Operator(fs.rules.momentum, check_indices=check)
    for number in range(4):
        states, expected = tables(gaps, dtypes), tables(gaps, dtypes)
        # The number of indices changes from call to call, and outside of them nothing is named.
        named = [] if rows is None else [torch.tensor(NAMED[number:], device=DEVICE)]
        grad = drawn(ROWS if rows is None else len(NAMED) - number, WIDTH, seed=number + 5, dtype=dtypes[0])
        scalars = SCALARS | {"lr": 0.1 * number}
        step(*states, grad, *named, rows=rows or "touched", **scalars)
        fs.Operator(fs.rules.momentum)(*expected, grad, *named, rows=rows or "touched", **scalars)
        assert same(states, expected), number
    assert launched == [rows or ("dense_rows" if gaps else "dense")] * 3


def test_a_gradient_of_the_compute_type_and_parameters(device: str, launched: list[str]) -> None:
    step, versions = fs.Operator(fs.rules.momentum), []
    for _ in range(2):
        states, expected = tables(dtypes=(torch.bfloat16,) * 2), tables(dtypes=(torch.bfloat16,) * 2)
        parameter, grad = torch.nn.Parameter(states[0]), drawn(ROWS, WIDTH, seed=9).requires_grad_()
        versions.append(parameter._version)
        step(parameter, states[1], grad, **SCALARS)
        fs.Operator(fs.rules.momentum)(*expected, grad, **SCALARS)
        assert same([parameter, states[1]], expected)
        assert parameter._version == versions[-1] + 1
    assert launched == ["dense"]


def test_a_gradient_that_shares_memory_is_copied(device: str, launched: list[str]) -> None:
    step = fs.Operator(fs.rules.momentum)
    step(*tables(), drawn(ROWS, WIDTH), **SCALARS)
    memory, expected = drawn(ROWS + 2, WIDTH), tables()
    expected[0] = memory[:ROWS].clone()
    fs.Operator(fs.rules.momentum)(*expected, memory[2:].clone(), **SCALARS)
    states = [memory[:ROWS], tables()[1]]
    step(*states, memory[2:], **SCALARS)
    assert same(states, expected)
    assert not launched


def test_a_gradient_that_is_not_contiguous_is_copied(device: str, launched: list[str]) -> None:
    step = fs.Operator(fs.rules.momentum)
    for _ in range(2):
        states, expected, grad = tables(), tables(), drawn(ROWS, WIDTH)
        step(*states, grad.t().contiguous().t(), **SCALARS)
        fs.Operator(fs.rules.momentum)(*expected, grad, **SCALARS)
        assert same(states, expected)
    assert not launched


Bad = Callable[[list[torch.Tensor], torch.Tensor], tuple[Any, ...]]
BAD: dict[str, Bad] = {
    "states share memory": lambda states, grad: (states[0], states[0], grad),
    "states overlap": lambda states, grad: (*overlapping(), grad),
    "a state of another shape": lambda states, grad: (states[0], states[1][1:], grad),
    "a state of another type": lambda states, grad: (states[0], states[1].double(), grad),
    "a state that is an array": lambda states, grad: (states[0], states[1].cpu().numpy(), grad),
    "a state on another device": lambda states, grad: (states[0], states[1].to("meta"), grad),
    "a sparse state": lambda states, grad: (states[0], states[1].to_sparse(), grad),
    "a state by columns": lambda states, grad: (states[0], states[1].t().contiguous().t(), grad),
    "a gradient of another shape": lambda states, grad: (*states, grad[1:]),
    "a gradient of another type": lambda states, grad: (*states, grad.double()),
    "a gradient in a list": lambda states, grad: (*states, grad.tolist()),
    "a lazily negated gradient": lambda states, grad: (*states, torch._neg_view(grad)),
    "an index below": lambda states, grad: (*states, grad[:3], indices(0, -1, ROWS)),
    "an index beyond": lambda states, grad: (*states, grad[:3], indices(0, ROWS, -1)),
    "one index beyond": lambda states, grad: (*states, grad[:1], indices(ROWS)),
    "too few gradients": lambda states, grad: (*states, grad[:2], indices(0, 1, 2)),
    "indices of two dimensions": lambda states, grad: (*states, grad[:1], indices(0)[None]),
    "indices that are no integers": lambda states, grad: (*states, grad[:1], indices(0).float()),
}


def overlapping() -> tuple[torch.Tensor, torch.Tensor]:
    memory = drawn(ROWS + 1, WIDTH)
    return memory[:ROWS], memory[1:]


def indices(*rows: int) -> torch.Tensor:
    return torch.tensor(rows, device=DEVICE)


@pytest.mark.parametrize("name", BAD)
def test_later_calls_are_refused_alike(name: str, device: str, launched: list[str]) -> None:
    step = fs.Operator(fs.rules.momentum)
    step(*tables(), drawn(ROWS, WIDTH), **SCALARS)
    messages = []
    for operator in (fs.Operator(fs.rules.momentum), step):
        states = tables()
        with pytest.raises((TypeError, ValueError, IndexError)) as raised:
            operator(*BAD[name](states, drawn(ROWS, WIDTH)), **SCALARS)
        messages.append((raised.type, str(raised.value)))
        assert same(states, tables())
    assert messages[0] == messages[1]
    assert not launched


def test_layouts_are_bounded(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plain_step, "LAYOUTS", 3)
    step = fs.Operator(fs.rules.momentum)
    for size in range(1, 9):
        step(drawn(size), drawn(size), drawn(size), **SCALARS)
        assert 1 <= len(plain_step.layouts_of(step)) <= 3
