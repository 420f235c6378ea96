"""What every test may ask for."""

import gc
from collections.abc import Iterator

import pytest

import fusedstep as fs


def pytest_collection_finish() -> None:
    """Takes what was collected out of the collector's rounds: compilers make many, and thousands of tests are there."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def threads() -> Iterator[None]:
    """Puts the number of threads back after a test that sets it."""
    before = fs.get_num_threads()
    yield
    fs.set_num_threads(before)


@pytest.fixture
def split_small(monkeypatch: pytest.MonkeyPatch, threads: None) -> None:
    """Makes tiny arrays worth splitting, so that a test of threads need not be a large one."""
    monkeypatch.setattr("fusedstep.operators.launch.ELEMENTS_PER_THREAD", 1)
    monkeypatch.setattr("fusedstep.operators.launch.ELEMENTS_PER_PART", 300)
