"""No call makes a temporary anywhere near the size of the table."""

import json
import subprocess
import sys

import pytest

pytest.importorskip("resource", reason="peak memory is read from the operating system")

PROGRAM = """
import json, resource, sys
import numpy as np
import fusedstep as fs

adam, proximal = (0.9, 0.999, 0.001, 0.9, 0.999, 1e-8), (0.1, 0.01, 0.01)

def call(operator, rows):
    states = [np.ones((rows, 64), np.float32) for _ in range(3)]
    indices, grad = np.arange(0, rows, 100), np.ones((rows, 64), np.float32)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if operator == "ApplyProximalAdagrad":
        fs.ops.ApplyProximalAdagrad()(*states[:2], *proximal, grad)
    else:
        getattr(fs.ops, operator)()(*states, *adam, grad[: indices.size], indices)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak, states[0].nbytes

fs.set_num_threads(2)
call(sys.argv[1], 20_000)
kilobytes, table = call(sys.argv[1], 400_000)
print(json.dumps(kilobytes * (1 if sys.platform == "darwin" else 1024) / table))
"""


@pytest.mark.parametrize("operator", ["FusedSparseAdam", "FusedSparseLazyAdam", "ApplyProximalAdagrad"])
def test_peak_memory_stays_below_a_tenth_of_the_table(operator: str) -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM, operator], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) < 0.1
