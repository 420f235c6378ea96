"""A wide-and-deep model in MindSpore: fusedstep's FTRL steps the wide part, its LazyAdam the deep one."""

import mindspore as ms
import numpy as np
from mindspore import Tensor, nn

from fusedstep.mindspore.nn import FTRL, LazyAdam

ms.set_context(mode=ms.PYNATIVE_MODE)


class WideAndDeep(nn.Cell):
    """The loss of a weight for each id, and of a small network on the ids' vectors."""

    def __init__(self):
        super().__init__()
        self.wide = nn.EmbeddingLookup(1000, 1, param_init="zeros")
        self.deep = nn.EmbeddingLookup(1000, 8)
        self.hidden = nn.Dense(4 * 8, 16, activation="relu")
        self.output = nn.Dense(16, 1)
        self.loss = nn.BCEWithLogitsLoss()

    def construct(self, ids, labels):
        deep = self.output(self.hidden(self.deep(ids).reshape(ids.shape[0], -1)))
        return self.loss((self.wide(ids).sum(axis=1) + deep).squeeze(-1), labels)


class Training(nn.Cell):
    """One step of both optimizers."""

    def __init__(self, net):
        super().__init__()
        weights = net.trainable_params()
        wide = [each for each in weights if each.name.startswith("wide")]
        deep = [each for each in weights if not each.name.startswith("wide")]
        self.optimize_wide = FTRL(wide, learning_rate=0.1, l1=0.02)
        self.optimize_deep = LazyAdam(deep, learning_rate=0.01)
        self.optimize_wide.target = self.optimize_deep.target = "CPU"
        self.gradients = ms.jit(ms.value_and_grad(net, None, [*wide, *deep]))
        self.first_deep = len(wide)

    def construct(self, ids, labels):
        loss, grads = self.gradients(ids, labels)
        self.optimize_wide(grads[: self.first_deep])
        self.optimize_deep(grads[self.first_deep :])
        return loss


def batches(count):
    """Four ids each, and whether most of them are even."""
    rng = np.random.default_rng(0)
    for _ in range(count):
        ids = rng.integers(0, 1000, (64, 4)).astype(np.int32)
        yield Tensor(ids), Tensor((ids % 2 == 0).mean(axis=1).round().astype(np.float32))


ms.set_seed(0)
net = WideAndDeep()
step = Training(net)
for number, (ids, labels) in enumerate(batches(100), start=1):
    loss = step(ids, labels)
    if number % 25 == 0:
        print(f"step {number}: loss {float(loss):.4f}")
zeros = (net.wide.embedding_table.asnumpy() == 0).mean()
print(f"wide weights that are 0: {zeros:.1%}")
