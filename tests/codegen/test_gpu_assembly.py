"""What kernels compile to, for devices that need not be there: see ``assembly``."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

TARGETS = ["sm_80", "sm_90", "sm_100", "gfx942"]
WAKING = ("deferred_rows", "catch_up", "flush")


def assembly(choice: str, target: str) -> dict[str, dict[str, Any]]:
    """What the assembly of kernels holds."""
    command = [sys.executable, "-m", "tests.programs.assembly", choice, target]
    environment = os.environ | {"TRITON_INTERPRET": "0"}
    ended = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert ended.returncode == 0, ended.stderr[-4000:]
    found: dict[str, dict[str, Any]] = json.loads(ended.stdout)
    return found


def widest(kernel: dict[str, Any], target: str) -> int:
    """How many bits a kernel is to load at once."""
    if not kernel["elements"] or kernel["width"] == 1:
        return 0
    # Waking takes so many registers that tiles are small, and smaller with many states; twice as many threads share
    # them on AMD's.
    halved = (kernel["loop"] in WAKING) * (target.startswith("gfx") + kernel["many_states"])
    return 128 >> (halved or (kernel["halved"] and target.startswith("gfx")))


@pytest.mark.timeout(7200)
@pytest.mark.parametrize(
    ("choice", "target", "least"),
    [
        # What a target makes of a rule is what it makes of its words: all rules go through one, all words and loops
        # through one of each vendor.
        ("rules", "sm_90", 40),
        ("loops", "sm_80", 20),
        ("loops", "sm_100", 20),
        ("loops", "gfx942", 20),
        pytest.param("loops", "sm_90", 20, marks=pytest.mark.long),
        *(pytest.param("everything", target, 1000, marks=pytest.mark.long) for target in TARGETS),
    ],
)
def test_kernels_are_exact_and_lean(choice: str, target: str, least: int) -> None:
    found = assembly(choice, target)
    assert len(found) > least
    wrong = []
    for name, kernel in found.items():
        expected: dict[str, Any] = {"spilled": 0}
        # In float64 exp, log and power are those of Triton, and on AMD's divisions and roots are made of fused steps.
        if not kernel["double"] or not (kernel["inexact"] or target.startswith("gfx")):
            expected |= {"approximate": [], "flushed": [], "fused": []}
        if not kernel["double"]:
            expected["float64"] = 0
        wrong += [f"{name}: {fact} {kernel[fact]}" for fact, want in expected.items() if kernel[fact] != want]
        if kernel["widest_load"] < widest(kernel, target):
            wrong.append(f"{name}: loads {kernel['widest_load']} bits at once")
    assert not wrong, "\n".join(wrong)


def test_calls_compile_as_they_are_made() -> None:
    command = [sys.executable, "-W", "error", "-m", "tests.programs.launches"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr[-4000:]
    found = json.loads(ended.stdout)
    for name, launched in found.items():
        for each in launched:
            rows = "states" in each["title"] and each["elements"]
            assert not rows or each["widest"] == 4 or name == "unaligned", f"{name}: {each}"
            assert not each["spilled"], f"{name}: {each}"
            # The window of a history is found by a logarithm of float64, which is Triton's.
            assert not each["fused"] or "the beginning of steps" in each["title"], f"{name}: {each}"
    # Neither other scalars, nor other numbers of rows and gradients, compile anything again.
    kinds = {name: len({each["kernel"] for each in launched}) for name, launched in found.items()}
    assert kinds == {
        "dense": 3,  # with a scalar on the device another kernel, and the one that evaluates it
        "touched": 2,  # the one for rows with many gradients
        "bags": 7,  # touched rows, every row and long segments, each with weights and without, and where rows are named
        "every": 2,  # the one that notes where rows are named
        # A step, the one that appends it, a lookup, and a flush; where the device counts, others, one that begins a
        # step, and one that forgets, with a step and without.
        "deferred": 4 + 7,
        # LAMB's in one launch and in two; Adafactor's in one, in four, and sums by column; a rule by rows.
        "sums": 3 + 6 + 1,
        "by_chance": 1,
        # The first step makes states, one parameter after another. Then all are one launch: where their blocks lie, the
        # step, and where steps are counted on the device, their numbers, which have kernels of their own in both.
        "optimizer": 7,
        "unaligned": 5,
        # Keys, rows with many gradients, and the numbers of steps that are counted on the device; the steps themselves,
        # of which a first one that makes states is taken table by table; and these where a table starts anywhere.
        "tables": 9,
    }
    grids = {name: [each["grid"] for each in launched] for name, launched in found.items()}
    assert grids["dense"][:2] == [[7], [21]]  # 1,024 elements each
    # Small tensors take one launch; others have 8,192 elements a program or more.
    assert grids["sums"][:7] == [[1], [3], [3], [5], [5], [50], [50]]
    # 16 gradients each, and for those of rows with many 64, and 32 columns.
    assert grids["touched"] == [[1], [1], [3], [8], [13]]
    assert [grid for grid in grids["every"] if grid != [1]] == [[7], [4]]  # 16 rows each


def test_the_facts_are_found_where_they_are() -> None:
    # Patterns that never match would find nothing wrong.
    probe = """
import json, os, sys
os.environ["TRITON_INTERPRET"] = "0"
from tests.programs import assembly
from fusedstep.codegen.gpu import build
text = '''
import triton
import triton.language as tl

@triton.jit
def kernel(x, y, BLOCK: tl.constexpr):
    places = tl.arange(0, BLOCK)
    a = tl.load(x + places)
    b = tl.exp(a) * a + a / 3.0
    tl.store(y + places, b.to(tl.float64))
'''
kernel = build.load(text).kernel
assembly.EXACT["enable_fp_fusion"] = True
types, known = {"x": "*fp32", "y": "*fp64", "BLOCK": "constexpr"}, {"BLOCK": 128}
facts = {target: assembly.facts_of(assembly.compiled(kernel, types, known, target).asm) for target in assembly.TARGETS}
json.dump(facts, sys.stdout)
"""
    ended = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr[-4000:]
    for target, facts in json.loads(ended.stdout).items():
        assert facts["float64"], target
        assert facts["fused"], target
        assert facts["approximate"] or target == "gfx942", target
        assert facts["widest_load"] == 32, target
