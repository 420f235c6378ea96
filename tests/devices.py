"""Where tests of tensors on a device run: on one, or on the CPU in Triton's interpreter, which must be chosen at first.

``make test`` interprets; ``make test-gpu`` sets TRITON_INTERPRET to 0, and runs the same tests on a device.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

import numpy as np
import pytest
import torch
from benchmarks.gpu import interpreter

from fusedstep.arrays import torch_device
from tests import reference

INTERPRETED = os.environ.setdefault("TRITON_INTERPRET", "1") == "1"
DEVICE = "cpu" if INTERPRETED else "cuda"
# What a device runs in seconds, and the interpreter in minutes.
LONG_INTERPRETED = pytest.mark.long if INTERPRETED else ()


def prepare() -> None:
    """Makes the interpreter ready; else skips a test that has no device to run on."""
    if INTERPRETED:
        pytest.importorskip("triton", minversion="3.6", reason="what the library needs on devices")
        interpreter.mend()
    elif not torch.cuda.is_available():
        pytest.skip("there is no device; make test runs this in Triton's interpreter")


def on_device(array: np.ndarray) -> torch.Tensor:
    """A copy of an array on the device."""
    tensor: torch.Tensor = reference.as_tensor(array.copy()).to(DEVICE)
    return tensor


def on_host(tensor: torch.Tensor, dtype: np.dtype) -> np.ndarray:
    """A tensor's elements as an array of a type of their size."""
    bits = getattr(torch, f"int{8 * tensor.element_size()}")
    array: np.ndarray = tensor.detach().cpu().contiguous().view(bits).numpy().view(dtype)
    return array


@contextmanager
def host() -> Iterator[None]:
    """Takes the CPU for what it is, within a test that takes it for a device."""
    with mock.patch.object(torch_device, "DEVICES", torch_device.DEVICES - {"cpu"}):
        yield
