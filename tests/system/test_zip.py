"""The package in a zip file, beside an application and its rules, as ``python -m zipapp`` makes one."""

import os
import subprocess
import sys
import zipapp
from pathlib import Path
from shutil import copytree, ignore_patterns

import pytest

import fusedstep

RULES = """
def descent(var, m, grad, *, lr):
    m = m * 0.5 + grad
    return var - lr * m, m


def refused(var, grad):
    return var - grad.T
"""
MAIN = """
import numpy as np
import fusedstep as fs
import rules
print("app.pyz" in fs.__file__)
states = [np.ones((4, 2), np.float32) for _ in range(2)]
fs.Operator(rules.descent)(*states, np.ones((3, 2), np.float32), np.array([2, 0, 2]), lr=0.5)
print(states[0][:, 0].tolist())
table = [np.ones((4, 2), np.float32) for _ in range(2)]
fs.ops.FusedSparseProximalAdagrad()(*table, 0.5, 0.0, 0.0, np.ones((1, 2), np.float32), np.array([1]))
print(table[1][:, 0].tolist())
try:
    fs.Operator(rules.refused)
except TypeError as error:
    print(str(error).endswith("rules.py:8)"))
"""
DEVICE = """
from fusedstep.codegen.gpu.weave import weave
from fusedstep.codegen.recipe import Recipe
spec = fs.Operator(rules.descent).spec
print("def touched_rows" in weave(Recipe(spec, ("float32",) * 2, "float32", False, "touched_rows")))
"""


@pytest.fixture(scope="module")
def application(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("zip")
    packed = folder / "packed"
    copytree(Path(fusedstep.__file__).parent, packed / "fusedstep", ignore=ignore_patterns("__pycache__"))
    (packed / "rules.py").write_text(RULES)
    (packed / "__main__.py").write_text(MAIN + DEVICE)
    zipapp.create_archive(packed, folder / "app.pyz")
    return folder / "app.pyz"


def test_steps_from_a_zip_file(application: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment["FUSEDSTEP_CACHE_DIR"] = str(application.parent / "cache")
    command = [sys.executable, str(application)]
    for _ in range(2):
        ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
        assert ended.returncode == 0, ended.stderr
        assert ended.stdout.splitlines() == ["True", "[0.25, 1.0, -0.25, 1.0]", "[1.0, 2.0, 1.0, 1.0]", "True", "True"]
