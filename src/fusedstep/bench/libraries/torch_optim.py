"""torch.optim."""

from functools import partial

import torch

from . import torch_programs, torch_steps

VERSION = torch.__version__
begin = torch.set_num_threads
sparse = partial(torch_steps.sparse, torch.optim)
dense = partial(torch_steps.dense, torch.optim)
training = partial(torch_steps.training, torch.optim)
trained = partial(torch_programs.trained, torch.optim)
