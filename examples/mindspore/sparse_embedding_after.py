"""An embedding in MindSpore of which each step of fusedstep updates only the rows that it reads."""

import mindspore as ms
import numpy as np
from mindspore import Parameter, Tensor
from mindspore.common.sparse_tensor import RowTensorInner

from fusedstep.mindspore.nn import LazyAdam

ROWS, WIDTH = 10_000, 16

rng = np.random.default_rng(0)
table = Parameter(Tensor(rng.normal(0, 0.1, (ROWS, WIDTH)).astype(np.float32)), name="table")
optimizer = LazyAdam([table], learning_rate=0.01)
optimizer.target = "CPU"


def loss_of(rows, scores):
    return ((rows.sum(axis=1) - scores) ** 2).mean()


gradient_of_rows = ms.value_and_grad(loss_of, grad_position=0)


def step(ids, scores):
    loss, gradient = gradient_of_rows(table[ids], scores)
    optimizer((RowTensorInner(ids, gradient, (ROWS, WIDTH)),))
    return loss


for number in range(1, 101):
    ids = rng.zipf(1.5, 64).astype(np.int32) % ROWS
    loss = step(Tensor(ids), Tensor((ids % 3).astype(np.float32)))
    if number % 25 == 0:
        print(f"step {number}: loss {float(loss):.4f}")
print(f"length of the vectors: {np.linalg.norm(table.asnumpy()):.4f}")
