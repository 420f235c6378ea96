"""``keep_freed_memory`` says what it did, and does it for all that torch allocates. It is tried in other processes."""

import logging
import os
import subprocess
import sys
from typing import Any

import pytest

import fusedstep as fs
from fusedstep.runtime.cpu import allocator
from fusedstep.torch import freed_memory, page_faults
from fusedstep.torch.tensor_malloc import why_not_glibc

ON_GLIBC = pytest.mark.skipif(why_not_glibc() is not None, reason="written for glibc's malloc")

PROGRAM = """
import os, resource, threading
import torch
import fusedstep as fs
from tests.forked import in_child

# A child that is forked has none of the threads of OpenMP, and would wait for them.
torch.set_num_threads(1)
pages = (1 << 20) // resource.getpagesize()

def faults(mebibytes=34):
    # Small blocks may lie at the ends of freed ones, which are then too small for the next: more are needed at first.
    for repeat in range(12):
        if repeat == 10:
            before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        tensor = torch.ones(mebibytes << 18)
        del tensor
    return (resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) / 2 / (mebibytes * pages)

def settles(mebibytes=34):
    # How long that takes depends on what lies between the blocks.
    return any(faults(mebibytes) < 0.1 for _ in range(8))

def in_thread(work):
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
"""


def run(program: str, **environment: str) -> None:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_TUNABLES"))}
    clean |= {"THP_MEM_ALLOC_ENABLE": "0", **environment}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM + program], capture_output=True, text=True, check=False, env=clean
    )
    assert done.returncode == 0, done.stderr


@ON_GLIBC
def test_tensors_are_not_faulted_in_again() -> None:
    run("""
assert faults() > 0.9
assert fs.torch.keep_freed_memory().changed
assert settles()
assert fs.torch.keep_freed_memory().changed
assert settles()
""")


@ON_GLIBC
def test_default_thresholds_are_lower_than_those_of_a_program_that_has_run() -> None:
    run("""
assert settles(8)
assert fs.torch.keep_freed_memory(restore=True).changed
assert faults(8) > 0.9
assert fs.torch.keep_freed_memory().changed
assert settles(8)
""")


@ON_GLIBC
def test_children_of_a_fork_inherit_it() -> None:
    run("""
assert faults() > 0.9
fs.torch.keep_freed_memory()

def child():
    assert settles()
    assert fs.torch.keep_freed_memory(restore=True).changed

in_child(child)
assert settles()
""")


@ON_GLIBC
def test_any_thread_may_call_it_and_has_it() -> None:
    run("""
settings = []
threads = [threading.Thread(target=lambda: settings.append(fs.torch.keep_freed_memory())) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert len(settings) == 8 and all(each.changed for each in settings)
assert settles()
shares = []
in_thread(lambda: shares.append(settles(4)))
assert shares == [True]
""")


@ON_GLIBC
@pytest.mark.parametrize(
    "place", ["with FakeTensorMode():", "with torch.device('meta'):", "with torch.inference_mode():"]
)
def test_it_needs_memory_wherever_it_is_called(place: str) -> None:
    run(f"""
from torch._subclasses import FakeTensorMode
{place}
    assert fs.torch.keep_freed_memory().changed
assert settles()
""")


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is asked of malloc, which is glibc's and stays as it is."""
    asked: list[str] = []
    for name in ("keep_freed_memory", "return_freed_memory"):
        monkeypatch.setattr(allocator, name, lambda name=name: asked.append(name) or True)
    monkeypatch.setattr(allocator, "version", lambda: "2.99")
    monkeypatch.setattr(freed_memory, "why_not_glibc", lambda: None)
    monkeypatch.setattr(page_faults, "_unsaid", [])
    return asked


def test_it_says_what_it_did(settings: list[str], caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="fusedstep"):
        kept, restored = fs.torch.keep_freed_memory(), fs.torch.keep_freed_memory(restore=True)
    assert settings == ["keep_freed_memory", "return_freed_memory"]
    assert kept.changed
    assert restored.changed
    assert str(kept) == kept.message
    assert str(kept).startswith("keep_freed_memory: glibc 2.99 returns no freed memory to the system")
    assert str(restored).startswith("keep_freed_memory: glibc 2.99 has its default thresholds (128 KiB)")
    assert [record.getMessage() for record in caplog.records] == [kept.message, restored.message]


def test_it_says_why_it_did_nothing(settings: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(freed_memory, "why_not_glibc", lambda: "the C library is not glibc")
    for restore in (False, True):
        setting = fs.torch.keep_freed_memory(restore=restore)
        assert setting == (False, "keep_freed_memory: nothing was done: the C library is not glibc")
    assert settings == []


def test_a_refusal_is_no_success(settings: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(allocator, "keep_freed_memory", lambda: False)
    assert fs.torch.keep_freed_memory() == (False, "keep_freed_memory: glibc 2.99 refused a setting")


def test_restore_is_a_keyword() -> None:
    with pytest.raises(TypeError, match="positional"):
        fs.torch.keep_freed_memory(True)  # type: ignore[misc]


@pytest.mark.parametrize("restore", [None, 0, 1, "no"])
def test_what_is_not_a_bool_is_refused_before_anything_is_done(restore: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[Any] = []
    monkeypatch.setattr(allocator, "set_options", done.append)
    monkeypatch.setattr(page_faults, "say_nothing", lambda: done.append("silence"))
    with pytest.raises(TypeError, match=r"restore is .*expected True or False"):
        fs.torch.keep_freed_memory(restore=restore)
    assert not done
