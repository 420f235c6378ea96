"""A small network in MindSpore, trained by TrainOneStepCell with fusedstep's optimizer, saved and trained on."""

import tempfile
from pathlib import Path

import mindspore as ms
import numpy as np
from mindspore import Tensor, nn

from fusedstep.mindspore.nn import AdamWeightDecay


def training():
    """A cell that takes a step, with its network and its optimizer."""
    ms.set_seed(0)
    net = nn.SequentialCell(nn.Dense(8, 32, activation="tanh"), nn.Dense(32, 1))
    weights, biases = [], []
    for parameter in net.trainable_params():
        (biases if parameter.name.endswith("bias") else weights).append(parameter)
    groups = [{"params": weights, "weight_decay": 0.01}, {"params": biases, "lr": 0.02}]
    optimizer = AdamWeightDecay(groups, learning_rate=nn.CosineDecayLR(0.001, 0.02, 100))
    return nn.TrainOneStepCell(nn.WithLossCell(net, nn.MSELoss()), optimizer).set_train()


def batches(count, seed):
    rng = np.random.default_rng(seed)
    for _ in range(count):
        inputs = rng.normal(size=(32, 8)).astype(np.float32)
        yield Tensor(inputs), Tensor(np.sin(inputs.sum(axis=1, keepdims=True)))


step = training()
for batch in batches(50, seed=1):
    loss = step(*batch)
print(f"step 50: loss {float(loss):.4f}")

with tempfile.TemporaryDirectory() as folder:
    file = str(Path(folder) / "training.ckpt")
    ms.save_checkpoint(step, file)
    step = training()
    ms.load_param_into_net(step, ms.load_checkpoint(file))
for batch in batches(50, seed=2):
    loss = step(*batch)
print(f"step {int(step.optimizer.global_step[0])}: loss {float(loss):.4f}")
