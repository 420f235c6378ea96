"""Numba compiles a loop once, for all rules and types, and is imported only then."""

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

import fusedstep as fs
from fusedstep.codegen.cpu import build, engine, loops
from fusedstep.runtime.cpu import loops as runtime
from tests import reference

SEVERAL = """
import numpy as np, fusedstep as fs, sys
for name in fs.rules.__all__:
    operator = fs.Operator(getattr(fs.rules, name))
    signature = operator.signature
    shapes = {"row": (4,), "column": (3,), "element": (4, 3), "": (4, 3)}
    states = [np.ones(shapes[kind], np.float32) for kind in operator.spec.kinds]
    scalars = dict.fromkeys(signature.scalars, 0.5) | signature.defaults
    if "touched_rows" in operator.loops:
        operator(*states, np.ones((2, 3), np.float32), np.array([1, 1]), **scalars)
        operator(*states, np.ones((2, 3), np.float32), np.array([2, 1]), rows="every", **scalars)
    operator(*states, np.ones((4, 3), np.float32), **scalars)
print(any(name.partition(".")[0] == "numba" for name in sys.modules))
"""


def test_rules_need_numba_only_for_loops_that_are_not_kept(tmp_path: Path) -> None:
    environment = os.environ | {"FUSEDSTEP_CACHE_DIR": str(tmp_path)}
    said = [
        subprocess.run(
            [sys.executable, "-c", SEVERAL], env=environment, check=True, capture_output=True, text=True
        ).stdout.strip()
        for _ in range(2)
    ]
    assert said == ["True", "False"]


WITHOUT_NUMBA = """
import numpy as np, fusedstep as fs
from fusedstep.codegen.cpu import disk_cache
import numba
def plain(): pass
step = fs.Operator(fs.rules.momentum)
states = [np.ones((4, 2)) for _ in range(2)]
step(*states, np.ones((3, 2)), np.array([2, 0, 2]), lr=0.5, momentum=0.5)
table = fs.DeferredRows(fs.rules.momentum, *states)
table.step(np.ones((1, 2)), np.array([1]), lr=0.5, momentum=0.5)
table.flush()
print(states[0].tolist(), disk_cache.made > 0, disk_cache.loaded, numba.njit(plain) is plain)
"""


def test_loops_are_compiled_where_numba_is_told_not_to(tmp_path: Path) -> None:
    said = {}
    for value in ("0", "1"):
        environment = os.environ | {"FUSEDSTEP_CACHE_DIR": str(tmp_path / value), "NUMBA_DISABLE_JIT": value}
        command = [sys.executable, "-c", WITHOUT_NUMBA]
        ended = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
        said[value] = ended.stdout.strip()
    # What the variable says holds for all others.
    assert said["0"].endswith(" True 0 False")
    assert said["1"] == said["0"].removesuffix("False") + "True"


def test_threads_do_not_change_the_setting_of_numba_for_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    from numba.core import config

    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")
    config.reload_config()
    entered, seen = threading.Event(), []

    def other() -> None:
        with loops.enabled():
            entered.set()
            seen.append(config.DISABLE_JIT)

    thread = threading.Thread(target=other)
    try:
        with loops.enabled():
            thread.start()
            assert not entered.wait(0.2)
        thread.join()
        assert [*seen, config.DISABLE_JIT] == [0, 1]
    finally:
        monkeypatch.undo()
        config.reload_config()


# All that remember an address.
MEMOS = (runtime.loop, runtime.flat_step, runtime.sum_functions, build.loop, build.flat_step, build.sums)


def test_numba_compiles_each_loop_once_for_all_rules_and_types(monkeypatch: pytest.MonkeyPatch) -> None:
    by_numba, others = set(), set()

    def address_of(name: str, text: str, make: Any) -> int:
        (by_numba if text == loops.sources() else others).add((name, text))
        return 1

    monkeypatch.setattr(engine, "address_of", address_of)
    for memo in MEMOS:
        memo.cache_clear()
    for rule in (getattr(fs.rules, name) for name in fs.rules.__all__):
        operator = fs.Operator(rule)
        used = sum(map(bool, operator.spec.kinds))
        for dtype in reference.DTYPES:
            for loop in operator.loops:
                operator.compile(loop, (dtype,) * used, dtype)
    for memo in MEMOS:
        memo.cache_clear()
    assert 10 < len(by_numba) <= 40
    assert len(others) > 500


def test_a_dense_step_needs_no_loop(tmp_path: Path) -> None:
    # A rule that sees rows takes them one by one.
    program = SEVERAL.replace("    operator(*states", "    operator.spec.reduction_scope == 0 and operator(*states")
    program = program.replace("and operator(*states, np.ones((2", "and 0 and operator(*states, np.ones((2")
    environment = os.environ | {"FUSEDSTEP_CACHE_DIR": str(tmp_path)}
    said = subprocess.run([sys.executable, "-c", program], env=environment, check=True, capture_output=True, text=True)
    assert said.stdout.strip() == "False"
