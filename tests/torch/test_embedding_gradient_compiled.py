"""Compiled optimizers and functions that meet an embedding's gradient: equal steps, and no kernel receives it."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from fusedstep.torch.embedding_gradient import EmbeddingGradient  # noqa: E402
from tests.torch.test_embedding_gradient import BOTH, same, twins  # noqa: E402

ROOT = Path(__file__).parents[2]
# A kernel that reads memory which is not there would end the process.
PROGRAM = """
import torch
from tests.torch.test_embedding_gradient import ours, parameter, torchs

for sparse, kind in [(False, torch.optim.SGD), (False, torch.optim.Adam), (True, torch.optim.SGD)]:
    weights = []
    for look_up in (ours, torchs):
        weight, other = parameter(6, 3), parameter(3, seed=2)
        optimizer = kind([weight, other], lr=0.1)
        step = torch.compile(optimizer.step, backend=BACKEND) if look_up is ours else optimizer.step
        for at in range(3):
            optimizer.zero_grad()
            loss = look_up(torch.tensor([at, 2, 2]), weight, sparse).mul(other).sum()
            loss = loss + look_up(torch.tensor([at, 4]), weight, sparse).square().sum()
            (loss if sparse or at < 2 else loss + weight.square().sum()).backward()
            step()
        weights.append(weight.detach())
    torch.testing.assert_close(*weights)
"""


@pytest.mark.parametrize("backend", ["aot_eager", "inductor"])
def test_compiled_steps(backend: str) -> None:
    program = PROGRAM.replace("BACKEND", repr(backend))
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]


def refuse_gradients(module: Any, inputs: Any) -> Any:
    assert not any(isinstance(each, EmbeddingGradient) for each in inputs)
    return module.forward


@BOTH
def test_a_compiled_function_takes_a_gradient(sparse: bool) -> None:
    def function(param: Any, gradient: Any) -> Any:
        gradient.mul_(2)
        return param.sin() - gradient.to_dense() * 0.5

    mine, theirs = twins(sparse)
    compiled = torch.compile(function, backend=refuse_gradients)
    torch.testing.assert_close(compiled(mine.detach(), mine.grad), function(theirs.detach(), theirs.grad))
    same(mine.grad, theirs.grad)


def test_clipping_in_a_compiled_function() -> None:
    mine, theirs = twins()
    clip = torch.compile(torch.nn.utils.clip_grad_norm_, backend=refuse_gradients)
    torch.testing.assert_close(clip([mine], 0.5), torch.nn.utils.clip_grad_norm_([theirs], 0.5))
    same(mine.grad, theirs.grad)


def test_what_reads_its_memory_raises() -> None:
    mine, _ = twins()
    with pytest.raises(RuntimeError, match="Cannot access data pointer"):
        torch.utils.dlpack.to_dlpack(mine.grad)
