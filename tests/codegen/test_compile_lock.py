"""Threads and children that compile, and Ctrl-C while they do."""

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fusedstep as fs
from fusedstep.codegen.cpu import compile_lock as locks
from fusedstep.codegen.cpu import compiler, disk_cache, engine, loops
from fusedstep.codegen.cpu.build import SpanFunctions
from fusedstep.codegen.cpu.span_functions import step_function
from fusedstep.codegen.cpu.step_writer import StepWriter
from tests.forked import in_child


def rule_of_threads(var: Any, grad: Any, *, lr: Any) -> Any:
    return var - lr * grad * 1.25


def test_threads_that_need_a_function_at_once_get_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk_cache, "read_own", lambda path: b"")
    program = fs.Operator(rule_of_threads).spec.program
    found: list[int] = []
    all_there = threading.Barrier(8)

    def compile_it() -> None:
        functions = SpanFunctions(program, ("float32",), "float32")
        all_there.wait()
        found.append(functions.stored)

    threads = [threading.Thread(target=compile_it) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1


def made(number: int) -> Any:
    """A rule that no cache holds."""
    program = fs.Operator(rule_of_threads).spec.program
    text = step_function(StepWriter(program, ("float64",), None, has_half=True))
    return engine.address_of(f"{text.name}_{number}", f"{text.text}; {number}", lambda symbol: code(text, symbol))


def code(text: Any, symbol: str) -> bytes:
    return compiler.object_code(text.text, text.name, symbol)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="children of fork")
@pytest.mark.parametrize("with_numba", [False, True], ids=["span functions", "loops"])
def test_a_child_that_is_forked_while_a_thread_compiles_compiles_itself(
    with_numba: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk_cache, "read_own", lambda path: b"")
    monkeypatch.setattr(disk_cache, "write_own", lambda path, content: None)
    ended = threading.Event()

    def compile_on() -> None:
        number = 0
        while not ended.is_set():
            if with_numba:
                compile_loop(number)
            else:
                made(number)
            number += 1

    thread = threading.Thread(target=compile_on)
    thread.start()
    try:
        for attempt in range(4):
            in_child(lambda number=-1 - attempt: compile_loop(number) if with_numba else made(number))  # type: ignore[misc]
    finally:
        ended.set()
        thread.join()


def compile_loop(number: int) -> None:

    loops.translated.cache_clear()
    engine.address_of(f"dense_rows_{number}", str(number), lambda symbol: loops.object_code("dense_rows", symbol))


def test_an_interrupt_while_compiling_leaves_all_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*arguments: Any) -> bytes:
        raise KeyboardInterrupt

    def rule(var: Any, grad: Any, *, lr: Any) -> Any:
        return var - lr * grad * 0.8125

    monkeypatch.setattr(disk_cache, "read_own", lambda path: b"")
    var = np.ones(4)
    step = fs.Operator(rule)
    with monkeypatch.context() as patch:
        patch.setattr(compiler, "object_code", interrupted)
        with pytest.raises(KeyboardInterrupt):
            step(var, np.ones(4), lr=1.0)
    assert var.tolist() == [1.0] * 4
    step(var, np.ones(4), lr=1.0)
    assert var.tolist() == [0.1875] * 4


@pytest.mark.skipif(not hasattr(os, "fork"), reason="children of fork")
def test_threads_may_fork_at_once() -> None:
    def fork_on() -> None:
        for _ in range(10):
            child = os.fork()
            if child == 0:
                os._exit(0)
            os.waitpid(child, 0)

    def fork_in_threads() -> None:
        threads = [threading.Thread(target=fork_on) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not locks._held
        assert locks.compiling.acquire(blocking=False)

    in_child(fork_in_threads)


INTERRUPTED = """
import _thread, threading, time
import numpy as np
import fusedstep as fs
from fusedstep.codegen.cpu import disk_cache

disk_cache.read_own, disk_cache.write_own = lambda path: b"", lambda path, content: None

def rule_of(number):
    def rule(var, grad, *, lr):
        return var - lr * grad * number
    return rule

def press(seconds):
    time.sleep(seconds)
    _thread.interrupt_main()

# What an interrupt makes of an import is Python's affair.
fs.Operator(rule_of(2.0))(np.ones(5), np.ones(5), lr=0.5)
came = 0
for number in range(150):
    var, step = np.ones(5), fs.Operator(rule_of(1.0 + number / 256))
    pressing = threading.Thread(target=press, args=[0.0002 * number])
    try:
        pressing.start()
        step(var, np.ones(5), lr=0.5)
        pressing.join()
        time.sleep(0.01)
    except KeyboardInterrupt:
        came += 1
    pressing.join()
    assert var[0] in (1.0, 0.5 - number / 512), var
print(came)
"""


def test_interrupts_wait_while_llvm_works(tmp_path: Path) -> None:
    program = tmp_path / "interrupted.py"
    program.write_text(INTERRUPTED)
    said = subprocess.run([sys.executable, program], check=False, capture_output=True, text=True)
    assert (said.returncode, said.stdout, said.stderr) == (0, "150\n", "")
