"""glibc's malloc is told from others, and its options do what their names say. They are tried in other processes."""

import ctypes
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fusedstep.runtime.cpu import allocator

ON_GLIBC = pytest.mark.skipif(allocator.other_malloc() is not None, reason="written for glibc's malloc")
COMPILER = shutil.which("cc")

PROGRAM = """
import resource
import numpy as np
from fusedstep.runtime.cpu import allocator

def faults(mebibytes):
    for repeat in range(8):
        if repeat == 5:
            before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        array = np.full(mebibytes << 20, 1, np.uint8)
        del array
    return (resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) // 3

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize()

pages = (1 << 20) // resource.getpagesize()
"""


def run(program: str, *command: str, **environment: str) -> None:
    done = subprocess.run(
        [*(command or (sys.executable, "-c")), PROGRAM + program],
        capture_output=True,
        text=True,
        check=False,
        # NumPy's own huge pages would be few faults.
        env={**os.environ, "NUMPY_MADVISE_HUGEPAGE": "0", **environment},
    )
    assert done.returncode == 0, done.stderr


@ON_GLIBC
@pytest.mark.parametrize("mebibytes", [1, 14, 34])
def test_memory_that_is_kept_is_not_faulted_in_again(mebibytes: int) -> None:
    run(f"""
if {mebibytes} > 32:
    assert faults({mebibytes}) > 0.9 * pages * {mebibytes}
assert allocator.keep_freed_memory()
assert faults({mebibytes}) < 0.1 * pages * {mebibytes}
assert allocator.keep_freed_memory()
assert faults({mebibytes}) < 0.1 * pages * {mebibytes}
""")


@ON_GLIBC
def test_default_thresholds_return_what_is_larger() -> None:
    run("assert allocator.return_freed_memory()\nassert faults(1) > 0.9 * pages")


@ON_GLIBC
def test_free_memory_is_returned() -> None:
    run("""
allocator.keep_freed_memory()
before = resident()
# What is behind it stays, so that it is not at the end of the heap.
array, behind = np.full(64 << 20, 1, np.uint8), np.full(1 << 20, 1, np.uint8)
del array
assert resident() - before > 60 << 20
allocator.return_freed_memory()
assert resident() - before < 10 << 20
""")


@ON_GLIBC
def test_a_call_takes_the_place_of_the_environment() -> None:
    run(
        "assert faults(1) > 0.9 * pages\nallocator.keep_freed_memory()\nassert faults(1) < 0.1 * pages",
        MALLOC_MMAP_THRESHOLD_="65536",
        MALLOC_TRIM_THRESHOLD_="65536",
    )


@ON_GLIBC
@pytest.mark.skipif(COMPILER is None, reason="needs a C compiler")
def test_a_malloc_that_is_preloaded_is_found(tmp_path: Path) -> None:
    source, library = tmp_path / "malloc.c", tmp_path / "other_malloc.so"
    source.write_text(
        "#include <stddef.h>\nvoid *__libc_malloc(size_t);\nvoid *malloc(size_t size) { return __libc_malloc(size); }\n"
    )
    subprocess.run([str(COMPILER), "-shared", "-fPIC", "-fno-builtin", str(source), "-o", str(library)], check=True)
    run('assert "other_malloc.so" in allocator.other_malloc()', LD_PRELOAD=str(library))


@ON_GLIBC
def test_what_is_in_use_is_counted() -> None:
    malloc, free = allocator.process().malloc, allocator.process().free
    malloc.restype, free.argtypes = ctypes.c_void_p, (ctypes.c_void_p,)
    before = allocator.bytes_in_use()
    if before is None:
        pytest.skip("before glibc 2.33")
    block = malloc(ctypes.c_size_t(1 << 30))
    after = allocator.bytes_in_use()
    free(block)
    assert after is not None
    assert after - before >= 1 << 29


def unavailable(*_: Any) -> Any:
    raise TypeError("bad argument type for built-in operation")


def test_nothing_is_looked_up_where_the_system_cannot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", unavailable)
    assert allocator.process() is None
    assert allocator.version() is None
    assert allocator.bytes_in_use() is None
    assert allocator.other_malloc() == "the C library is not glibc"


def test_another_c_library_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    # musl and macOS have malloc, and neither glibc's version nor mallopt.
    monkeypatch.setattr(allocator, "process", lambda: SimpleNamespace(malloc=print))
    assert allocator.other_malloc() == "the C library is not glibc"
    assert allocator.bytes_in_use() is None
    monkeypatch.setattr(allocator, "version", lambda: "2.8")
    assert allocator.other_malloc() == "the C library lacks mallopt"


@pytest.mark.parametrize("function", ["malloc", "mallopt", "malloc_trim"])
@pytest.mark.parametrize("base", [2, None])
def test_any_function_from_elsewhere_is_another_malloc(
    function: str, base: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def symbol_info(name: str) -> SimpleNamespace:
        return SimpleNamespace(base=base if name == function else 1, file=None if base is None else b"/lib/libother.so")

    monkeypatch.setattr(allocator, "version", lambda: "2.36")
    monkeypatch.setattr(allocator, "symbol_info", symbol_info)
    found = allocator.other_malloc()
    assert found == f"malloc is that of {'/lib/libother.so' if base else 'another library'}, not glibc's"


def test_a_refused_option_is_told_and_the_others_are_set(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[int] = []

    def mallopt(option: int, value: int) -> int:
        tried.append(option)
        return int(option != allocator.TRIM_THRESHOLD)

    monkeypatch.setattr(allocator, "process", lambda: SimpleNamespace(mallopt=mallopt, malloc_trim=lambda pad: 0))
    assert not allocator.keep_freed_memory()
    assert tried == [allocator.TRIM_THRESHOLD, allocator.MMAP_MAX]
    tried.clear()
    assert not allocator.return_freed_memory()
    assert tried == [allocator.TRIM_THRESHOLD, allocator.MMAP_MAX, allocator.MMAP_THRESHOLD]
