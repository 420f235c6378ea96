"""Rows that owe steps, while other threads or a signal's handler use the same parameter."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
import torch

import fusedstep as fs
from fusedstep.operators.deferred import DeferredRows
from fusedstep.operators.pending_launch import PendingLaunch
from fusedstep.runtime.cpu.threads import run
from fusedstep.torch import deferred_parameter
from fusedstep.torch.deferred_parameter import DeferredParameter

ROWS = 40
# Long enough for another thread to step, if nothing holds it back.
MOMENT = 0.3


class Training:
    """Tables with Adam, deferred or not."""

    def __init__(self, defer: bool) -> None:
        torch.manual_seed(3)
        self.tables = [fs.torch.Embedding(ROWS, 4, sparse=True) for _ in range(3)]
        weights = [table.weight for table in self.tables]
        named: dict[str, Any] = {"defer": self.tables} if defer else {"rows": "every"}
        self.optimizer = fs.torch.Adam(weights, lr=0.1, **named)

    def backward(self, first: int) -> None:
        self.optimizer.zero_grad()
        for table in self.tables:
            table(torch.arange(first, first + 7)).square().sum().backward()

    def train(self, *firsts: int) -> None:
        for first in firsts:
            self.backward(first)
            self.optimizer.step()

    def assert_same(self, other: "Training") -> None:
        for mine, its in zip(self.tables, other.tables, strict=True):
            torch.testing.assert_close(mine.weight.detach(), its.weight.detach(), rtol=1e-5, atol=1e-6)


def afterwards(function: Callable[..., Any], then: Callable[[], None]) -> Callable[..., Any]:
    """The same function, the first of whose calls is followed by another thread's work, as far as it gets."""
    others = [threading.Thread(target=then)]

    def call(*arguments: Any, **named: Any) -> Any:
        result = function(*arguments, **named)
        if others:
            other = others.pop()
            other.start()
            other.join(MOMENT)
            started.append(other)
        return result

    started: list[threading.Thread] = []
    call.started = started  # type: ignore[attr-defined]
    return call


@pytest.mark.parametrize("brings", ["flush", "up_to_date", "state_dict"])
def test_a_step_beside_a_flush_is_not_lost(brings: str, monkeypatch: pytest.MonkeyPatch) -> None:
    deferred, eager = Training(True), Training(False)
    for each in (deferred, eager):
        each.train(0, 9, 20)
        each.backward(4)
    flush = afterwards(DeferredRows.flush, deferred.optimizer.step)
    monkeypatch.setattr(DeferredRows, "flush", flush)
    if brings == "up_to_date":
        with deferred.optimizer.up_to_date():
            flush.started[0].join()  # type: ignore[attr-defined]
            eager.optimizer.step()
            for mine, its in zip(deferred.tables, eager.tables, strict=True):
                memory = mine.weight.deferred_parameter.memory()
                torch.testing.assert_close(memory, its.weight.detach(), rtol=1e-5, atol=1e-6)
    else:
        getattr(deferred.optimizer, brings)()
        flush.started[0].join()  # type: ignore[attr-defined]
        eager.optimizer.step()
    for each in (deferred, eager):
        each.train(30)
    deferred.assert_same(eager)


def test_a_lookup_beside_a_flush_finds_its_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    deferred, eager = Training(True), Training(False)
    for each in (deferred, eager):
        each.train(0, 9, 20)
    is_concrete = afterwards(deferred_parameter.is_concrete, deferred.optimizer.flush)
    monkeypatch.setattr(deferred_parameter, "is_concrete", is_concrete)
    with torch.no_grad():
        found = deferred.tables[0](torch.arange(ROWS))
    is_concrete.started[0].join()  # type: ignore[attr-defined]
    torch.testing.assert_close(found, eager.tables[0].weight.detach(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("kind", "method"),
    [(DeferredRows, "take"), (DeferredRows, "catch_up"), (PendingLaunch, "open"), (PendingLaunch, "_begin")],
)
def test_a_checkpoint_right_before_a_call_leaves_it_right(
    kind: Any, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    deferred, eager = Training(True), Training(False)
    for each in (deferred, eager):
        each.train(0, 9, 20)
    call: Any = getattr(kind, method)

    def interrupted(*arguments: Any) -> Any:
        deferred.optimizer.state_dict()
        return call(*arguments)

    if method == "take":
        monkeypatch.setattr(DeferredParameter, "table_launch", lambda *_: None)
    monkeypatch.setattr(kind, method, interrupted)
    for each in (deferred, eager):
        each.train(5, 12)
    monkeypatch.undo()
    for each in (deferred, eager):
        each.train(30)
    deferred.assert_same(eager)


@pytest.mark.parametrize("early", [True, False])
def test_a_checkpoint_in_the_middle_of_a_step_leaves_it_right(early: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    # Python runs the handler of a signal between any two lines.
    deferred, eager = Training(True), Training(False)
    for each in (deferred, eager):
        each.train(0, 9, 20)

    def interrupted(*arguments: Any) -> None:
        if early:
            deferred.optimizer.state_dict()
        run(*arguments)
        if not early:
            deferred.optimizer.state_dict()

    monkeypatch.setattr("fusedstep.runtime.cpu.table_steps.run", interrupted)
    for each in (deferred, eager):
        each.train(5, 12)
    monkeypatch.undo()
    for each in (deferred, eager):
        each.train(30)
    deferred.assert_same(eager)
