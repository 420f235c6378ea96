"""Whether torch's memory is glibc's is seen in what glibc counts."""

from collections.abc import Iterable

import pytest

from fusedstep.runtime.cpu import allocator
from fusedstep.torch import tensor_malloc


def counting(numbers: Iterable[int], monkeypatch: pytest.MonkeyPatch) -> None:
    counted = iter(numbers)
    monkeypatch.setattr(allocator, "bytes_in_use", lambda: next(counted))


def test_memory_that_glibc_does_not_count_is_not_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(allocator, "other_malloc", lambda: None)
    counting([0, 100, 0, -100, 0, tensor_malloc.PROBE_BYTES - 1], monkeypatch)
    assert tensor_malloc.why_not_glibc() == "torch does not allocate by malloc"


def test_another_thread_that_frees_is_no_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(allocator, "other_malloc", lambda: None)
    counting([0, -100, 0, tensor_malloc.PROBE_BYTES], monkeypatch)
    assert tensor_malloc.why_not_glibc() is None


def test_a_glibc_that_does_not_count_is_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(allocator, "other_malloc", lambda: None)
    monkeypatch.setattr(allocator, "bytes_in_use", lambda: None)
    assert tensor_malloc.why_not_glibc() is None


def test_another_malloc_is_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(allocator, "other_malloc", lambda: "the C library is not glibc")
    assert tensor_malloc.why_not_glibc() == "the C library is not glibc"
