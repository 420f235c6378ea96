"""Two processes of torch.distributed, compared with a single one."""

import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

# Each process has half of a batch; averaged gradients are those of the whole batch.
SCRIPT = """
import os
import sys
import torch
import fusedstep as fs
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.nn.parallel import DistributedDataParallel

rank, folder = int(sys.argv[1]), sys.argv[2]
torch.set_num_threads(1)
torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)

def model(sparse):
    torch.manual_seed(3)
    return torch.nn.Sequential(torch.nn.Embedding(50, 4, sparse=sparse), torch.nn.Linear(4, 2)).double()

def train(name, how):
    sparse, shards = how == "sparse", how == "shards"
    alone, shared = model(sparse), model(sparse)
    if shards:
        together = fully_shard(shared, mesh=init_device_mesh("cpu", (2,)))
    else:
        together = DistributedDataParallel(shared)
    optimizers = [getattr(fs.torch, name)(each.parameters(), lr=0.1) for each in (alone, shared)]
    for step in range(4):
        batch = torch.randint(0, 50, (8,), generator=torch.Generator().manual_seed(step))
        for optimizer in optimizers:
            optimizer.zero_grad()
        alone(batch).square().mean().backward()
        together(batch[rank::2]).square().mean().backward()
        for optimizer in optimizers:
            optimizer.step()
    for one, two in zip(alone.parameters(), shared.parameters(), strict=True):
        assert not sparse or two.grad.layout is one.grad.layout
        said = lambda message: f"{name}, {how}: {message}"
        torch.testing.assert_close(one, two.full_tensor() if shards else two, rtol=1e-9, atol=1e-12, msg=said)

for argument in sys.argv[3:]:
    train(*argument.split(":"))
# All checks are done. Gloo's threads may abort an exiting process: exit at once, after the other process.
torch.distributed.barrier()
os._exit(0)
"""


def test_two_processes_train_as_one(tmp_path: Path) -> None:
    # One pair of processes for all cases: starting them is slow.
    on_two_processes(SCRIPT, tmp_path, "SparseAdam:sparse", "FTRL:sparse", "AdamW:dense", "AdamW:shards", "FTRL:shards")


def on_two_processes(script: str, folder: Path, *arguments: str) -> None:
    """Run a script in two processes, with its rank, a shared folder and the arguments."""
    file = folder / "script.py"
    file.write_text(script)
    processes = [
        subprocess.Popen(
            [sys.executable, str(file), str(rank), str(folder), *arguments], stderr=subprocess.PIPE, text=True
        )
        for rank in range(2)
    ]
    told = [process.communicate(timeout=240)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], "\n".join(told)
