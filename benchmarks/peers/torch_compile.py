"""torch.compile of an optimizer."""

import os
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import torch
from libraries.data import Size
from libraries.steps import Step

VERSION = torch.__version__
begin = torch.set_num_threads

# As torch's documentation compiles an optimizer.
COMPILED = """
import torch
param = torch.nn.Parameter(torch.ones(8, 4))
param.grad = torch.ones(8, 4)
adam = torch.optim.Adam([param])
torch.compile(lambda: adam.step())()
"""


def first_compiled_step(size: Size) -> list[Step]:
    """A process with an empty cache that compiles and takes a step of Adam."""
    folder = Path("inductor_cache").resolve()
    compiled = partial(
        subprocess.run,
        [sys.executable, "-c", COMPILED],
        env=os.environ | {"TORCHINDUCTOR_CACHE_DIR": str(folder)},
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return [Step(compiled, partial(shutil.rmtree, folder, ignore_errors=True))]
