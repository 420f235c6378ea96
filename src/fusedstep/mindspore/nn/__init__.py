"""MindSpore's ``nn``: cells. There are no layers and no losses."""

from ..unavailable import attribute_finder
from . import layer
from .cell import Cell
from .containers import CellList, SequentialCell
from .layer import Norm

__all__ = ["Cell", "CellList", "Norm", "SequentialCell", "layer"]

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
