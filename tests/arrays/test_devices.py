"""Which library an array on a device belongs to, and that each library's file has all that is asked of it."""

import inspect
import subprocess
import sys
from importlib import import_module
from typing import Any

import numpy as np
import pytest

from fusedstep.arrays import devices
from fusedstep.arrays.devices import DeviceLibrary

FUNCTIONS = {name: each for name, each in vars(DeviceLibrary).items() if inspect.isfunction(each) and name[0] != "_"}


@pytest.mark.parametrize("file", devices.LIBRARIES.values())
@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_library_has_every_function(name: str, file: str) -> None:
    function = getattr(import_module(f"fusedstep.arrays.{file}"), name)
    asked = [each.kind for each in inspect.signature(FUNCTIONS[name]).parameters.values()][1:]
    assert [each.kind for each in inspect.signature(function).parameters.values()] == asked


def test_a_third_library_is_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    class Array:
        """An array of a library that is served by a file of its own."""

    Array.__module__ = "third.core"
    made: Any = type(sys)("fusedstep.arrays.third_device")
    made.on_device = lambda array: True
    monkeypatch.setitem(devices.LIBRARIES, "third", "third_device")
    monkeypatch.setitem(sys.modules, made.__name__, made)
    assert devices.library_of(Array()) is made
    assert devices.on_device(type("Derived", (Array,), {})())


def test_other_values_have_no_library() -> None:
    for value in (None, 1.0, "1", np.ones(3), np.float32(1), [np.ones(3)], np.ndarray):
        assert devices.find_library(value) is None
        assert not devices.on_device(value)


def test_no_library_is_imported_for_its_own_sake() -> None:
    script = "import sys, numpy; from fusedstep.arrays import devices; assert not devices.on_device(numpy.ones(3))"
    script += "; assert not {'torch', 'cupy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-W", "error", "-c", script], check=True, timeout=120)


def test_values_that_no_library_defines() -> None:
    nowhere = type("Nowhere", (), {})
    nowhere.__module__ = None  # type: ignore[assignment]
    for value in (nowhere(), None, 1.0, np.ones(2), object()):
        assert devices.find_library(value) is None
        assert not devices.on_device(value)
