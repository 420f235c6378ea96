"""Distributed checkpoints of two processes move between torch's optimizers and ours."""

from pathlib import Path

import pytest

from tests.torch.test_optimizer_distributed import on_two_processes

torch = pytest.importorskip("torch")

# One optimizer trains; its checkpoint is loaded into one of the other library; both continue with equal results.
SCRIPT = """
import copy
import os
import sys
import warnings
import torch
import torch.distributed.checkpoint as dcp
import fusedstep as fs
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions, get_optimizer_state_dict, set_optimizer_state_dict
)
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard

rank, folder, names = int(sys.argv[1]), sys.argv[2], sys.argv[3].split()
libraries = {"torch": torch.optim, "ours": fs.torch}
torch.set_num_threads(1)
warnings.simplefilter("ignore")  # torch warns of its own calls
torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
mesh = init_device_mesh("cpu", (2,))

NAMES = {
    "SGD": {"momentum": 0.9, "dampening": 0.5}, "Adam": {"amsgrad": True}, "AdamW": {}, "Adagrad": {},
    "RMSprop": {"momentum": 0.5, "centered": True}, "Adadelta": {}, "Adamax": {}, "NAdam": {}, "RAdam": {},
}
WAYS = {
    "plain": {}, "full": {"full_state_dict": True}, "offloaded": {"cpu_offload": True},
    "flattened": {"flatten_optimizer_state_dict": True},
    "from one": {"full_state_dict": True, "cpu_offload": True, "broadcast_from_rank0": True},
}

def model():
    torch.manual_seed(3)
    made = torch.nn.Sequential(torch.nn.Linear(6, 4), torch.nn.Linear(4, 2)).double()
    return fully_shard(made, mesh=mesh) if shards else made

def step(model, optimizer, number):
    optimizer.zero_grad()
    batch = torch.randn(5, 6, generator=torch.Generator().manual_seed(number), dtype=torch.float64)
    model(batch).square().sum().backward()
    optimizer.step()

def same(one, other, case):
    for first, second in zip(one.parameters(), other.parameters(), strict=True):
        assert torch.allclose(*(each.full_tensor() if shards else each for each in (first, second)), 1e-7, 1e-9), case

def move(giver, taker):
    for name in names:
        settings = NAMES[name]
        for way, choices in WAYS.items():
            for by_file in (False, True):
                if by_file and (way == "from one" or name not in ("SGD", "Adam", "NAdam")):
                    continue  # files are slow: three classes cover all kinds of states
                options = StateDictOptions(**choices)
                first, second = model(), model()
                old = getattr(libraries[giver], name)(first.parameters(), lr=0.05, **settings)
                new = getattr(libraries[taker], name)(second.parameters(), lr=0.01, **settings)
                for number in range(3):
                    step(first, old, number)
                case = f"{giver} {shards} {name}, {way}, {'dcp' if by_file else 'set_optimizer_state_dict'}"
                with torch.no_grad():
                    for one, two in zip(first.parameters(), second.parameters(), strict=True):
                        two.copy_(one)
                found = {"optimizer": get_optimizer_state_dict(first, old, options=options)}
                if by_file:
                    where = f"{folder}/{case.replace(' ', '')}"
                    dcp.save(found, checkpoint_id=where)
                    found = {"optimizer": get_optimizer_state_dict(second, new, options=options)}
                    dcp.load(found, checkpoint_id=where)
                    same(first, second, case + ": states are made")
                set_optimizer_state_dict(second, new, copy.deepcopy(found["optimizer"]), options=options)
                assert new.param_groups[0]["lr"] == 0.05, case
                for number in range(3, 5):
                    step(first, old, number)
                    step(second, new, number)
                same(first, second, case)

def refuse():
    # Adam's checkpoint in FTRL is refused, and FTRL continues unchanged.
    for way, choices in WAYS.items():
        if way == "from one":
            continue  # only this form holds the states as they are
        options = StateDictOptions(**choices)
        first, second = model(), model()
        adam, ftrl = torch.optim.Adam(first.parameters(), lr=0.05), fs.torch.FTRL(second.parameters(), lr=0.05)
        step(first, adam, 0)
        step(second, ftrl, 0)
        before = copy.deepcopy(ftrl.state_dict())
        try:
            found = get_optimizer_state_dict(first, adam, options=options)
            set_optimizer_state_dict(second, ftrl, found, options=options)
        except (ValueError, KeyError) as error:
            # In flattened checkpoints torch itself reports missing settings.
            assert "belong to another optimizer" in str(error) or "param_groups" in str(error), error
        else:
            raise AssertionError(f"Adam's checkpoint is loaded into FTRL, {way}")
        after = ftrl.state_dict()
        assert before["param_groups"] == after["param_groups"]
        for number, states in before["state"].items():
            for key, value in states.items():
                now = after["state"][number][key]
                local = [each.to_local() if shards and each.dim() else each for each in (value, now)]
                assert torch.equal(*local), (way, key)

for shards in (False, True):
    move("torch", "ours")
    move("ours", "torch")
    refuse()

torch.distributed.barrier()
os._exit(0)
"""


# Classes that cover all kinds of states and settings: numbers, flags, a product, and buffers that do not exist yet.
SOME, OTHERS = "SGD Adam NAdam", "AdamW Adagrad RMSprop Adadelta Adamax RAdam"


@pytest.mark.parametrize("names", [SOME, pytest.param(OTHERS, marks=pytest.mark.long)])
def test_checkpoints_move_between_libraries(names: str, tmp_path: Path) -> None:
    # One pair of processes for all cases: starting them is slow.
    on_two_processes(SCRIPT, tmp_path, names)
