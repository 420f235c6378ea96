"""Parameters that are spread over processes, in processes of their own."""

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")

ROOT = Path(__file__).parent.parent
PROCESSES = {"steps": 2, "states": 2, "refusals": 2, "clipping": 2, "meshes": 4}


@pytest.mark.parametrize("name", PROCESSES)
def test_spread_over_processes(name: str, tmp_path: Path) -> None:
    count = PROCESSES[name]
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", f"tests.spread.{name}", str(count), str(rank), str(tmp_path)],
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        for rank in range(count)
    ]
    try:
        told = [process.communicate(timeout=240)[1] for process in processes]
    finally:
        # One may wait for another that has failed.
        for process in processes:
            process.kill()
    assert [process.returncode for process in processes] == [0] * count, "\n".join(told)
