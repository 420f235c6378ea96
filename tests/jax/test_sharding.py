"""Sharded parameters: run the tests of ``four_devices`` in a process where the CPU is four devices."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("jax")
pytest.importorskip("optax")

ROOT = Path(__file__).parents[2]


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("chosen", ["not long", pytest.param("long", marks=pytest.mark.long)])
def test_states_of_parameters_on_four_devices(chosen: str) -> None:
    options = ["-q", "-m", chosen, "-p", "no:cacheprovider"]
    command = [sys.executable, "-m", "pytest", *options, "tests/jax/four_devices.py"]
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count=4".strip()
    asked = os.environ | {"XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(command, env=asked, cwd=ROOT, capture_output=True, text=True, check=False)
    assert not done.returncode, done.stdout[-20_000:] + done.stderr[-5_000:]
