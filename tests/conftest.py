"""What every test may ask for."""

import gc
import os
from collections.abc import Iterator

import numpy as np
import pytest

import fusedstep as fs
from fusedstep.arrays import torch_device

# Triton asks for it when it is imported, which no test of the CPU needs; see ``devices``.
INTERPRET = os.environ.setdefault("TRITON_INTERPRET", "1")


def pytest_collection_finish() -> None:
    """Refuses modules that change where kernels run, and takes what was collected out of the collector's rounds."""
    if os.environ["TRITON_INTERPRET"] != INTERPRET:
        raise pytest.UsageError("a collected module sets TRITON_INTERPRET: move it to tests/programs")
    # Compilers make many objects, and thousands of tests are there.
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
    monkeypatch.setattr("fusedstep.runtime.cpu.parts.ELEMENTS_PER_THREAD", 1)
    monkeypatch.setattr("fusedstep.runtime.cpu.parts.ELEMENTS_PER_PART", 300)


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A device, or the CPU as if it were one."""
    from tests import devices

    devices.prepare()
    monkeypatch.setattr(torch_device, "DEVICES", {*torch_device.DEVICES, devices.DEVICE})
    # The interpreter is NumPy, which warns of what devices say nothing about.
    with np.errstate(all="ignore"):
        yield devices.DEVICE
