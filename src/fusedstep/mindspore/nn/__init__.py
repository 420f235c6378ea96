"""MindSpore's ``nn``: cells, optimizers and learning rates. There are no layers and no losses."""

from ..unavailable import attribute_finder
from . import dynamic_lr, layer, learning_rate_schedule, optim
from .cell import Cell
from .containers import CellList, SequentialCell
from .dynamic_lr import *  # noqa: F403
from .layer import Norm
from .learning_rate_schedule import *  # noqa: F403
from .optim import *  # noqa: F403

__all__ = ["Cell", "CellList", "Norm", "SequentialCell", "layer"]
__all__ += [*dynamic_lr.__all__, *learning_rate_schedule.__all__, *optim.__all__]

# What programs import that train with MindSpore's layers and its autodiff.
TRAINING = (
    "AvgPool2d",
    "BCELoss",
    "BCEWithLogitsLoss",
    "BatchNorm1d",
    "BatchNorm2d",
    "Conv1d",
    "Conv2d",
    "CrossEntropyLoss",
    "Dense",
    "Dropout",
    "Embedding",
    "EmbeddingLookup",
    "Flatten",
    "ForwardValueAndGrad",
    "L1Loss",
    "LayerNorm",
    "LossBase",
    "MSELoss",
    "MaxPool2d",
    "ReLU",
    "Sigmoid",
    "Softmax",
    "SoftmaxCrossEntropyWithLogits",
    "Tanh",
    "TrainOneStepCell",
    "TrainOneStepWithLossScaleCell",
    "WithEvalCell",
    "WithLossCell",
)

__getattr__ = attribute_finder(__name__, TRAINING)
