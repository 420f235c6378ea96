"""Parameters that are DTensors, in several processes."""

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("count", "names"), [(2, ["steps", "states", "refusals", "clip_grad", "embeddings"]), (4, ["meshes"])]
)
def test_parameters_distributed_over_processes(count: int, names: list[str], tmp_path: Path) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.torch.distributed_cases", str(count), str(rank), str(tmp_path), *names],
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        for rank in range(count)
    ]
    try:
        told = [process.communicate(timeout=240)[1] for process in processes]
    finally:
        # A process may wait for another that failed.
        for process in processes:
            process.kill()
    assert [process.returncode for process in processes] == [0] * count, "\n".join(told)
