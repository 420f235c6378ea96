"""Workers that end, hang or outlive who waits for them."""

import multiprocessing
import os

import pytest

from fusedstep.cli import verify as command
from fusedstep.verify.workers import outcomes

pytestmark = pytest.mark.usefixtures("split_small")


# What a worker is given to do is a program: exec is what any process can find.
ENDS: dict[str, tuple[str, str]] = {
    "crash": ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "crashed: signal 11 (SIGSEGV)"),
    "exit": ("import os; os._exit(7)", "ended with status 7"),
    "error": ("import fusedstep as fs; fs.no", "could not be checked: AttributeError: module 'fusedstep' has"),
}


@pytest.mark.parametrize("name", ENDS)
@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_a_worker_that_ends_takes_nothing_with_it(name: str) -> None:
    program, said = ENDS[name]
    behind = "import os; os._exit(3)"
    found = list(outcomes([[program, behind]], exec, 1))  # type: ignore[arg-type]
    assert [outcome.name for outcome in found] == [program, behind]
    assert found[0].ended.startswith(said)
    assert found[1].ended == "ended with status 3"
    assert not any(outcome.passed for outcome in found)


HANG = "import threading; threading.Event().wait()"


def test_a_worker_that_hangs_is_ended() -> None:
    assert [(outcome.name, outcome.ended) for outcome in outcomes([[HANG]], exec, 1, 0.5)] == [  # type: ignore[arg-type]
        (HANG, "gave no answer in 0.5 seconds")
    ]
    assert multiprocessing.active_children() == []


def test_workers_end_with_who_waits_for_them() -> None:
    waiting = outcomes([["import os; os._exit(3)"], [HANG]], exec, 2)  # type: ignore[arg-type]
    assert next(waiting).ended == "ended with status 3"
    assert len(multiprocessing.active_children()) == 1
    waiting.close()
    assert multiprocessing.active_children() == []


def test_operators_of_one_rule_follow_one_another() -> None:
    assert command.by_rule(["Adam", "ApplyFtrl", "FusedSparseAdam"]) == [["Adam", "FusedSparseAdam"], ["ApplyFtrl"]]
