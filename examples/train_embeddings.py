"""A model of embedding tables in plain PyTorch, and five edits that make its training steps faster.

    python examples/train_embeddings.py               the plain program, then one edit more in each line
    python examples/train_embeddings.py --edits 3     the program with the first three edits alone

Each line is a process of its own. All but the last edit leave the losses as they are, within rounding.
"""

import argparse
import statistics
import subprocess
import sys
import time

from arguments import between

import fusedstep as fs

try:
    import torch
    from torch import nn
except ModuleNotFoundError as missing:
    sys.exit(f'train_embeddings.py needs {missing.name}, not installed here: pip install "fusedstep[torch]"')

TABLES, WIDTH, IDS = 8, 32, 20
EDITS = (
    "plain PyTorch, torch.optim.Adam",
    "1. fs.torch.Adam",
    "2. fs.torch.fuse_embeddings(model)",
    "3. defer=[*model.tables]",
    "4. fs.torch.keep_freed_memory()",
    "5. touched rows alone: table.sparse = True",
)
# The first steps create states and compile.
SKIPPED = 5


class Model(nn.Module):
    """Bags of ids of several kinds, each with a table, and a small network on what they sum to."""

    def __init__(self, rows: int) -> None:
        super().__init__()
        self.tables = nn.ModuleList(nn.EmbeddingBag(rows, WIDTH, mode="sum") for _ in range(TABLES))
        self.network = nn.Sequential(nn.Linear(TABLES * WIDTH, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        found = [table(each) for table, each in zip(self.tables, ids, strict=True)]
        return self.network(torch.cat(found, 1))[:, 0]


def train(edits: int, rows: int, batch: int, steps: int) -> tuple[list[float], list[float]]:
    """Train with the first edits; return the seconds and the loss of each step."""
    torch.manual_seed(0)
    if edits >= 4:
        print(fs.torch.keep_freed_memory(), file=sys.stderr)
    model = Model(rows)
    if edits >= 2:
        fs.torch.fuse_embeddings(model)
    if edits >= 5:
        for table in model.tables:
            table.sparse = True
    if edits == 0:
        optimizer: torch.optim.Optimizer = torch.optim.Adam(model.parameters(), lr=0.001)
    else:
        optimizer = fs.torch.Adam(model.parameters(), lr=0.001, defer=[*model.tables] if edits in (3, 4) else [])
    seconds, losses = [], []
    for _ in range(steps):
        # A few ids are frequent, most are rare.
        ids = (rows * torch.rand(TABLES, batch, IDS) ** 12).long()
        wanted = (ids % 7 == 0).float().mean((0, 2))
        start = time.perf_counter()
        optimizer.zero_grad()
        loss = nn.functional.binary_cross_entropy_with_logits(model(ids), wanted)
        loss.backward()
        optimizer.step()
        seconds.append(time.perf_counter() - start)
        losses.append(loss.item())
    return seconds, losses


def main() -> None:
    parser = argparse.ArgumentParser(description="Trains a model of embedding tables, with some of five edits.")
    parser.add_argument("--edits", type=between(int, 0, len(EDITS) - 1), help="the number of edits (default: each)")
    parser.add_argument("--rows", type=between(int, 8, 10**8), default=200_000, help="rows of each of 8 tables")
    parser.add_argument("--batch", type=between(int, 1, 10**6), default=2_048, help="bags of 20 ids in each step")
    parser.add_argument("--steps", type=between(int, SKIPPED + 1, 10**6), default=30, help="training steps")
    chosen = parser.parse_args()
    if chosen.edits is None:
        print(f"{'':42} {'ms a step':>9} {'last loss':>10}", flush=True)
        for edits in range(len(EDITS)):
            subprocess.run([sys.executable, *sys.argv, "--edits", str(edits)], check=True)
        return
    seconds, losses = train(chosen.edits, chosen.rows, chosen.batch, chosen.steps)
    middle = 1000 * statistics.median(seconds[SKIPPED:])
    print(f"{EDITS[chosen.edits]:42} {middle:9.1f} {losses[-1]:10.6f}", flush=True)


if __name__ == "__main__":
    main()
