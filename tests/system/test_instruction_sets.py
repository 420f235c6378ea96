"""The same bits on every instruction set: generic code, and what is compiled for each CPU that the one at hand can be.

``pinned_bits.json`` is what ``python -m tests.instruction_sets`` prints; it changes only when a rule does. A new rule
need not be in it: there it is enough that all instruction sets agree.
"""

import json
import os
import platform
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from llvmlite import binding

from tests.instruction_sets import cases

ROOT = Path(__file__).parents[2]
PINNED: dict[str, str] = json.loads((Path(__file__).parents[1] / "pinned_bits.json").read_text())
X86 = platform.machine().lower() in ("x86_64", "amd64")
# By LLVM's name of a CPU: what this one must have to run its code, and what the library is told beside the name.
CPUS = {"generic": ((), "")} | (
    {
        "nehalem": (("sse4.2", "popcnt"), ""),
        "sandybridge": (("avx",), ""),
        "haswell": (("avx2", "fma", "f16c", "bmi2", "movbe"), "+f16c"),
        "skylake-avx512": (("avx512f", "avx512vl", "avx512bw", "avx512dq", "f16c", "clwb"), "+f16c"),
    }
    if X86
    else {}
)
# What differs between instruction sets: vectors of every compute type, conversions of 16 bits, and each loop.
SHORT = [f"exact_words-{dtype}-dense" for dtype in ("float64", "float32", "float16", "bfloat16")]
SHORT += ["whole_numbers-float64-dense", "whole_numbers-float32-dense"]
SHORT += ["adam-float32-touched", "adam-float32-every", "proximal_adagrad-float16-dense"]


def bits_on(cpu: str | None, names: list[str]) -> dict[str, str]:
    """The digests on a kind of CPU; None is the one at hand."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA_CPU")}
    if cpu:
        needed, told = CPUS[cpu]
        if not all(binding.get_host_cpu_features().get(feature) for feature in needed):
            pytest.skip(f"this CPU cannot run the code of {cpu}")
        environment |= {"NUMBA_CPU_NAME": cpu, "NUMBA_CPU_FEATURES": told}
    command = [sys.executable, "-m", "tests.instruction_sets", *names]
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    found: dict[str, str] = json.loads(ended.stdout)
    return found


# The two between have nothing of their own: no vectors wider than the first, no conversions of the others.
BETWEEN = ("nehalem", "sandybridge")


@pytest.mark.parametrize(
    "cpu", [None, *(pytest.param(cpu, marks=pytest.mark.long if cpu in BETWEEN else ()) for cpu in CPUS)]
)
def test_the_same_bits(cpu: str | None) -> None:
    assert bits_on(cpu, SHORT) == {name: PINNED[name] for name in SHORT}


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("cpu", [None, *CPUS])
def test_the_same_bits_of_every_rule(cpu: str | None) -> None:
    found = bits_on(cpu, [])
    assert {name: found[name] for name in PINNED} == PINNED
    assert found == everything_here()


@cache
def everything_here() -> dict[str, str]:
    return bits_on(None, [])


def test_what_is_pinned_is_there() -> None:
    assert set(SHORT) <= PINNED.keys() <= {name for name, *_ in cases()}
