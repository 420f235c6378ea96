"""Thousands of page faults in every step are told once, with the remedy, and nothing else is."""

import copy
import logging
import os
import pickle
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest
import torch

import fusedstep as fs
from fusedstep.torch import page_faults
from fusedstep.torch.page_faults import STEPS, PageFaults
from fusedstep.torch.tensor_malloc import why_not_glibc
from tests.forked import in_child

FIRST = 1 + STEPS * (page_faults.FIRST_WINDOWS + page_faults.SUCCESSION)
PAGE = 4096


class Machine:
    """A process whose page faults, time and memory are as a test says."""

    def __init__(self) -> None:
        self.faults, self.seconds, self.mebibytes = 50_000, 0.0, 500.0

    def step(self, counter: PageFaults, faults: int, seconds: float = 0.01, grown: float = 0.0) -> None:
        """What happens before a step, and the step."""
        self.faults, self.seconds, self.mebibytes = self.faults + faults, self.seconds + seconds, self.mebibytes + grown
        counter.count("Adam")

    def getrusage(self, who: int) -> Any:
        return SimpleNamespace(ru_minflt=self.faults, ru_maxrss=int(self.mebibytes * 1024))


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = Machine()
    usage = SimpleNamespace(RUSAGE_SELF=0, getrusage=made.getrusage, getpagesize=lambda: PAGE)
    monkeypatch.setattr(page_faults, "resource", usage)
    monkeypatch.setattr(page_faults, "time", SimpleNamespace(perf_counter=lambda: made.seconds))
    monkeypatch.setattr(page_faults, "_unsaid", ["the remedy"])
    monkeypatch.setattr(page_faults, "why_not_glibc", lambda: None)
    return made


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The messages of the logger, which grow while the test runs."""
    caplog.set_level(logging.INFO, logger="fusedstep")
    return Messages(caplog)


class Messages(list[str]):
    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        self.caplog = caplog

    def __len__(self) -> int:
        return len(self.caplog.records)

    def __getitem__(self, place: Any) -> Any:
        return self.caplog.messages[place]


def test_it_is_said_once_and_not_of_the_first_steps(machine: Machine, said: list[str]) -> None:
    counter = PageFaults()
    for _ in range(FIRST - 1):
        machine.step(counter, 20_000)
    assert not said
    machine.step(counter, 20_000)
    assert said[0] == (
        "Adam: over the last 10 steps the system gave this process 20000 pages of memory a step (78 MiB); where the "
        "program frees such memory and allocates it again, fs.torch.keep_freed_memory() keeps it in the process"
    )
    other = PageFaults()
    for _ in range(3 * FIRST):
        machine.step(counter, 20_000)
        machine.step(other, 20_000)
    assert len(said) == 1


@pytest.mark.parametrize(
    ("faults", "seconds", "grown"),
    [(0, 0.001, 0), (1_900, 0.001, 0), (3_000, 1.0, 0), (20_000, 0.1, 20_000 * PAGE / 2**20)],
    ids=["none", "few", "rare", "memory that is new"],
)
def test_nothing_is_said(faults: int, seconds: float, grown: float, machine: Machine, said: list[str]) -> None:
    counter = PageFaults()
    for _ in range(5 * FIRST):
        machine.step(counter, faults, seconds, grown)
    assert not said


def test_a_step_now_and_then_is_not_enough(machine: Machine, said: list[str]) -> None:
    counter = PageFaults()
    for number in range(10 * FIRST):
        # As an evaluation in every third window.
        machine.step(counter, 100_000 if number % (3 * STEPS) == 0 else 0)
    assert not said


def test_two_optimizers_that_step_in_turn_see_the_faults_of_both(machine: Machine, said: list[str]) -> None:
    generator, discriminator = PageFaults(), PageFaults()
    for _ in range(FIRST):
        machine.step(generator, 1_500)
        machine.step(discriminator, 1_500)
    assert len(said) == 1
    assert " 3000 pages " in said[0]


def test_nothing_is_said_soon_after_a_fork(machine: Machine, said: list[str]) -> None:
    counter = PageFaults()
    for _ in range(FIRST - 1):
        machine.step(counter, 20_000)
    page_faults._forked()
    for _ in range(STEPS * page_faults.WINDOWS_AFTER_FORK):
        machine.step(counter, 20_000)
    assert not said
    for _ in range(2 * FIRST):
        machine.step(counter, 20_000)
    assert len(said) == 1


def test_children_count_anew(machine: Machine, said: list[str]) -> None:
    counter = PageFaults()
    for _ in range(FIRST - 1):
        machine.step(counter, 20_000)

    def child() -> None:
        machine.faults = 0
        for _ in range(FIRST):
            machine.step(counter, 20_000)
        assert not said

    in_child(child)


def test_nothing_is_said_where_the_remedy_is_none(
    machine: Machine, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_faults, "why_not_glibc", lambda: "the C library is not glibc")
    counter = PageFaults()
    for _ in range(2 * FIRST):
        machine.step(counter, 20_000)
    assert not said
    assert not page_faults._unsaid


def test_nothing_is_counted_once_all_is_said(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    page_faults.say_nothing()
    monkeypatch.setattr(page_faults, "resource", None)
    counter = PageFaults()
    for _ in range(2 * FIRST):
        counter.count("Adam")


def test_optimizers_are_copied_pickled_and_saved_without_counts(machine: Machine) -> None:
    weight = torch.nn.Parameter(torch.ones(3))
    optimizer = fs.torch.SGD([weight], lr=0.1)
    for _ in range(7):
        weight.grad = torch.ones(3)
        optimizer.step()
    for other in (copy.deepcopy(optimizer), pickle.loads(pickle.dumps(optimizer))):  # noqa: S301
        assert isinstance(other._page_faults, PageFaults)
        assert other._page_faults is not optimizer._page_faults
        other.step()
    assert optimizer.state_dict().keys() == {"state", "param_groups"}
    assert "_page_faults" not in optimizer.__getstate__()


PROGRAM = """
import logging, sys
import torch
import fusedstep as fs

class Count(logging.Handler):
    def emit(self, record):
        if "pages of memory" in record.getMessage():
            told.append(record.getMessage())

told = []
logger = logging.getLogger("fusedstep")
logger.addHandler(Count())
logger.setLevel(logging.INFO)
torch.manual_seed(0)

def train(rows, steps=18):
    # The gradient is dense: 34 MiB for 70,000 rows.
    table = torch.nn.Embedding(rows, 128)
    optimizer = fs.torch.SGD(table.parameters(), lr=0.1)
    for _ in range(steps):
        optimizer.zero_grad()
        table(torch.randint(0, rows, (16,))).sum().backward()
        optimizer.step()
"""


@pytest.mark.skipif(why_not_glibc() is not None, reason="written for glibc's malloc")
@pytest.mark.parametrize(
    ("program", "expected"),
    [
        ("train(70_000)", 1),
        ("train(100)", 0),
        ("train(70_000, 8)", 0),
        ("fs.torch.keep_freed_memory()\ntrain(70_000)", 0),
        ("train(70_000)\ntrain(70_000)", 1),
    ],
)
def test_a_program_is_told_of_its_page_faults(program: str, expected: int) -> None:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_TUNABLES"))}
    done = subprocess.run(
        [sys.executable, "-c", f"{PROGRAM}\n{program}\nassert len(told) == {expected}, told"],
        capture_output=True,
        text=True,
        check=False,
        env=clean | {"THP_MEM_ALLOC_ENABLE": "0"},
    )
    assert done.returncode == 0, done.stderr
