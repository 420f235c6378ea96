"""Peers that fail, end, hang or are not there, and interruptions."""

import importlib.util
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from benchmarks.cpu import works as checkout

from fusedstep.bench import measure
from fusedstep.bench.catalogue.contenders import FUSEDSTEP
from fusedstep.bench.processes import EndedError, Process, Processes
from fusedstep.bench.race import FailedError
from tests.bench.test_bench import ALONE, QUICK, SPARSE, silent

# A library that ends, in each way in which one does.
FAILING = """#!{python}
import json, os, sys
print(json.dumps({{"version": "0"}}), flush=True)
for line in sys.stdin:
    if json.loads(line)["do"] == "{when}":
        print("something that the library said", file=sys.stderr, flush=True)
        {what}
    print(json.dumps({{"done": 0.001}}), flush=True)
"""


@pytest.fixture
def failing(tmp_path: Path):
    """Makes a Python of an environment whose library fails when it is asked something."""

    def make(when: str, what: str) -> str:
        program = tmp_path / "python"
        program.write_text(FAILING.format(python=sys.executable, when=when, what=what), encoding="utf-8")
        program.chmod(0o755)
        return str(program)

    return make


@pytest.mark.parametrize(
    ("when", "what", "expected"),
    [
        ("prepare", "os._exit(3)", "its process ended with status 3: something that the library said"),
        ("step", "os.kill(os.getpid(), 11)", "its process ended by signal 11: something that the library said"),
        ("step", "print(json.dumps(dict(error='no')), flush=True); continue", "no"),
    ],
)
def test_a_peer_that_fails_is_one_line_and_the_run_goes_on(failing, when, what, expected):
    with Processes({**ALONE, "mindspore": failing(when, what)}, 1) as processes:
        found = measure.measure(SPARSE, processes, QUICK, silent)
        again = measure.measure(SPARSE, processes, QUICK, silent)
    for result in (found, again):
        assert result is not None
        assert {timing.library: len(timing.seconds) for timing in result.timings} == {"fusedstep": 2, "mindspore": 0}
    # It is started again for each work: it may be able to do another one.
    assert processes.notes == [f"FusedSparseLazyAdam: MindSpore failed: {expected}"] * 2


def test_a_process_that_ends_between_works_begins_anew(failing):
    with Processes({**ALONE, "mindspore": failing("forget", "os._exit(1)")}, 1) as processes:
        for _ in range(2):
            found = measure.measure(SPARSE, processes, QUICK, silent)
            assert found is not None
            assert [timing.library for timing in found.timings] == ["fusedstep", "mindspore"]
    said = "its process ended with status 1: something that the library said"
    assert processes.notes == [f"MindSpore is started again: {said}"] * 2


def test_contenders_apart_have_processes_that_end_with_their_work():
    apart = [replace(FUSEDSTEP, part=name) for name in ("one", "other")]
    work = replace(
        SPARSE, contenders=tuple(replace(SPARSE.contenders[0], label=each.part, library=each) for each in apart)
    )
    with Processes(ALONE, 1) as processes:
        processes.start([FUSEDSTEP, *apart])
        assert list(processes.running) == ["fusedstep", "fusedstep one", "fusedstep other"]
        assert len({process.process.pid for process in processes.running.values()}) == 3
        ended = processes.running["fusedstep one"].process
        found = measure.measure(work, processes, QUICK, silent)
        assert found is not None
        assert [(timing.label, timing.library, len(timing.seconds)) for timing in found.timings] == [
            ("one", "fusedstep", 2),
            ("other", "fusedstep", 2),
        ]
        assert list(processes.running) == ["fusedstep"]
        assert ended.returncode is not None


def test_a_library_that_cannot_begin_is_noted_once(tmp_path):
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\necho no such module >&2\nexit 4\n", encoding="utf-8")
    program.chmod(0o755)
    with Processes({"mindspore": str(program)}, 1) as processes:
        processes.start([replace(checkout.MINDSPORE, part=name) for name in ("one", "other")])
        assert processes.notes == ["MindSpore is left out: ended with status 4: no such module"]
        assert processes.running == {}


def test_an_answer_is_not_waited_for_without_end(failing, tmp_path):
    process = Process(checkout.MINDSPORE, failing("step", "import time; time.sleep(100)"), 1, tmp_path / "worker")
    try:
        process.wait_until_ready()
        process.limit = 0.2
        with pytest.raises(EndedError, match=r"gave no answer in 0\.2 seconds"):
            process.ask("step")
        assert process.process.wait() == -signal.SIGKILL
    finally:
        process.end()


def test_a_peer_that_cannot_begin_is_left_out_of_all(tmp_path):
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\necho no such module >&2\nexit 4\n", encoding="utf-8")
    program.chmod(0o755)
    with Processes({**ALONE, "mindspore": str(program)}, 1) as processes:
        for _ in range(2):
            assert measure.measure(SPARSE, processes, QUICK, silent) is not None
    assert processes.notes == ["MindSpore is left out: ended with status 4: no such module"]


def test_a_peer_without_its_library_says_so():
    with Processes({"tensorflow": sys.executable}, 1) as processes:
        if importlib.util.find_spec("tensorflow"):
            pytest.skip("TensorFlow is installed here")
        processes.start([checkout.TENSORFLOW])
        assert processes.notes == ["TensorFlow is left out: ModuleNotFoundError: No module named 'tensorflow'"]
        assert processes.running == {}


def test_a_worker_answers_errors_and_goes_on(tmp_path):
    process = Process(FUSEDSTEP, sys.executable, 1, tmp_path / "worker")
    try:
        process.wait_until_ready()
        size = {"rows": 4, "width": 2}
        with pytest.raises(FailedError, match="KeyError: 'NoSuchOperator'"):
            process.ask("prepare", label="a", call="operator", size=size, arguments={"name": "NoSuchOperator"})
        process.ask("prepare", label="a", call="operator", size=size, arguments={"name": "Adam"})
        assert process.ask("step", label="a", repeat=2) > 0
        process.process.kill()
        with pytest.raises(EndedError, match="ended by signal 9"):
            process.ask("step", label="a", repeat=1)
    finally:
        process.end()


@pytest.mark.skipif(not Path("/proc").exists(), reason="processes are looked for in /proc")
def test_an_interruption_leaves_no_process():
    command = [sys.executable, "-m", "fusedstep", "bench", "FusedSparseLazyAdam", "--quick", "--rounds", "100000"]
    # In a shell's background the signal is ignored, and a child would inherit that.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
    signal.signal(signal.SIGINT, before)
    try:
        workers = waited_for(lambda: len(found := children(running.pid)) >= 2 and found)
        time.sleep(1.0)
        os.killpg(running.pid, signal.SIGINT)
        assert running.communicate(timeout=60) == (b"", b"")
        assert running.returncode == 130
        assert waited_for(lambda: not any(Path(f"/proc/{worker}").exists() for worker in workers))
    finally:
        running.kill()


def children(parent: int) -> list[int]:
    """The processes that a process has started and that have not ended."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == parent and fields[0] != "Z":
            found.append(int(path.parent.name))
    return found


def waited_for(found):
    """What a function finds, once it does."""
    for _ in range(600):
        if value := found():
            return value
        time.sleep(0.1)
    raise AssertionError("it never came")
