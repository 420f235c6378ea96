"""The line on a terminal while a call compiles for long, and where there is none."""

import io
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from fusedstep.codegen import compile_notice
from fusedstep.codegen.compile_notice import CompileNotice, terminal
from fusedstep.codegen.cpu import engine
from tests.forked import in_child

# Loops are compiled by Numba, which takes seconds; without indices LLVM compiles one function.
STEP = """
import numpy as np, fusedstep as fs
from fusedstep.codegen import compile_notice
compile_notice.PATIENCE, compile_notice.GAP = {patience}, 600
var, accum = (np.ones((4, 2), np.float32) for _ in range(2))
fs.Operator(fs.rules.adagrad)(var, accum, np.ones_like(var), {indices}, lr=0.1, epsilon=1e-3)
print("done")
"""


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """A terminal, which pytest is none."""
    screen = Terminal()
    monkeypatch.setattr(compile_notice, "terminal", lambda: screen)
    monkeypatch.setattr(compile_notice, "PATIENCE", 0.05)
    return screen


def compile_for(notice: CompileNotice, seconds: float, what: str = "this") -> None:
    with notice.during(what, lambda: "kept here"):
        time.sleep(seconds)


def test_a_long_wait_is_told_once_and_a_short_one_is_not(screen: Terminal) -> None:
    notice = CompileNotice()
    compile_for(notice, 0)
    assert screen.getvalue() == ""
    compile_for(notice, 0.3)
    time.sleep(0.1)
    assert screen.getvalue() == "fusedstep: compiling this (kept here)\n"


def test_many_short_compilations_are_one_wait(screen: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    notice = CompileNotice()
    monkeypatch.setattr(compile_notice, "PATIENCE", 0.3)
    for number in range(12):
        compile_for(notice, 0.05, str(number))
    assert re.fullmatch(r"fusedstep: compiling \d+ \(kept here\)\n", screen.getvalue())
    # Another call, later: another wait.
    monkeypatch.setattr(compile_notice, "GAP", 0.0)
    for _ in range(6):
        compile_for(notice, 0.01, "a short one")
    assert screen.getvalue().count("\n") == 1
    compile_for(notice, 0.8, "a long one")
    assert screen.getvalue().endswith(")\nfusedstep: compiling a long one (kept here)\n")


def test_threads_that_wait_are_told_once(screen: Terminal) -> None:
    notice = CompileNotice()
    threads = [threading.Thread(target=compile_for, args=(notice, 0.3)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert screen.getvalue() == "fusedstep: compiling this (kept here)\n"


def test_compilations_within_one_another_are_one(screen: Terminal) -> None:
    notice = CompileNotice()
    with notice.during("outside", lambda: "kept here"):
        compile_for(notice, 0)
        compile_for(notice, 0.3, "inside")
    assert screen.getvalue() == "fusedstep: compiling outside (kept here)\n"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_nothing_is_told_after_an_error(error: type[BaseException], screen: Terminal) -> None:
    notice = CompileNotice()
    with pytest.raises(error), notice.during("this", lambda: "kept here"):
        raise error
    time.sleep(0.15)
    assert screen.getvalue() == ""
    compile_for(notice, 0.3)
    assert screen.getvalue() != ""


def test_a_silent_one_tells_nothing(screen: Terminal) -> None:
    notice = CompileNotice()
    notice.silent = True
    compile_for(notice, 0.2)
    assert screen.getvalue() == ""


def test_a_terminal_that_goes_away_is_no_error(screen: Terminal) -> None:
    notice = CompileNotice()
    with notice.during("this", lambda: "kept here"):
        screen.close()
        time.sleep(0.2)


def test_no_thread_can_be_started(screen: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    compile_for(CompileNotice(), 0.2)
    assert screen.getvalue() == ""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="children of fork")
def test_a_child_that_is_forked_meanwhile_compiles_and_is_told_itself(screen: Terminal) -> None:
    notice = compile_notice.notice
    told_before, notice.silent = notice.silent, False

    def work() -> None:
        screen.truncate(0)
        screen.seek(0)
        compile_for(notice, 0.3, "in the child")
        assert screen.getvalue() == "fusedstep: compiling in the child (kept here)\n"

    try:
        with notice.during("in the parent", lambda: "kept here"):
            time.sleep(0.2)
            in_child(work)
        assert screen.getvalue() == "fusedstep: compiling in the parent (kept here)\n"
    finally:
        notice.silent = told_before


@pytest.mark.parametrize("stream", [None, io.StringIO(), object(), open(os.devnull)])  # noqa: SIM115 - closed below
def test_what_is_no_terminal(stream: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", stream)
    assert terminal() is None
    if isinstance(stream, io.IOBase):
        stream.close()
        assert terminal() is None


def test_a_test_run_is_no_person(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    assert terminal() is None
    monkeypatch.delitem(sys.modules, "pytest")
    assert terminal() is screen


@contextmanager
def pseudo_terminal() -> Iterator[tuple[int, list[bytes]]]:
    """A terminal, and what is written to it, which is complete when the block ends."""
    pty = pytest.importorskip("pty", reason="there are no pseudo-terminals")
    reading, writing = pty.openpty()
    written: list[bytes] = []

    def read() -> None:
        try:
            while content := os.read(reading, 4096):
                written.append(content)
        except OSError:
            # Nobody has it open for writing any more.
            return

    thread = threading.Thread(target=read)
    thread.start()
    try:
        yield writing, written
    finally:
        os.close(writing)
        thread.join()
        os.close(reading)


def run_on_a_terminal(arguments: list[str], folder: Path) -> str:
    with pseudo_terminal() as (terminal, written):
        environment = os.environ | {"FUSEDSTEP_CACHE_DIR": str(folder)}
        done = subprocess.run([sys.executable, *arguments], stderr=terminal, stdout=subprocess.PIPE, env=environment)
        assert done.returncode == 0
    return b"".join(written).decode().replace("\r\n", "\n")


def test_a_first_call_on_a_terminal(tmp_path: Path) -> None:
    script = ["-c", STEP.format(patience=0.1, indices=[3, 1, 3, 1])]
    assert (
        run_on_a_terminal(script, tmp_path) == f"fusedstep: compiling for this machine (once; cached in {tmp_path})\n"
    )
    assert run_on_a_terminal(script, tmp_path) == ""


def test_where_nothing_can_be_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUSEDSTEP_CACHE_DIR", str(tmp_path / "not a folder" / "x"))
    (tmp_path / "not a folder").touch()
    assert engine.where_cached() == "in each process, for want of a cache folder"


@pytest.mark.parametrize("stderr", ["pipe", "closed"])
def test_a_first_call_without_a_terminal(stderr: str, tmp_path: Path) -> None:
    script = STEP.format(patience=0.0, indices=None)
    if stderr == "closed":
        script = f"import os, sys; os.close(2); sys.stderr = None\n{script}"
    environment = os.environ | {"FUSEDSTEP_CACHE_DIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, env=environment)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"done\n", b"")


def test_commands_show_progress_of_their_own(tmp_path: Path) -> None:
    arguments = ["-m", "fusedstep", "verify", "ApplyAdagrad", "--dtype", "float32", "--processes", "1"]
    assert "compiling" not in run_on_a_terminal(arguments, tmp_path)


def test_a_process_ends_while_a_line_is_due() -> None:
    script = """
from fusedstep.codegen import compile_notice
compile_notice.terminal, compile_notice.PATIENCE = lambda: compile_notice.sys.stderr, 600
compile_notice.notice.during("this", str).__enter__()
"""
    assert subprocess.run([sys.executable, "-c", script], timeout=60, capture_output=True).returncode == 0
