"""Optimizers for PyTorch that stand where ``torch.optim``'s do, on dense and sparse gradients alike."""

from . import installed as installed

# isort: split
from .adagrad import Adagrad, ProximalAdagrad, RowwiseAdagrad
from .adam import Adam, AdamW, SparseAdam
from .clipping import clip_grad_norm_
from .descent import SGD, ProximalSGD
from .ftrl import FTRL
from .later_adams import Adamax, NAdam, RAdam
from .mean_squares import Adadelta, RMSprop
from .rule_optimizer import RuleOptimizer
from .sign import AddSign, Lion, PowerSign

__all__ = [
    "FTRL",
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "AddSign",
    "Lion",
    "NAdam",
    "PowerSign",
    "ProximalAdagrad",
    "ProximalSGD",
    "RAdam",
    "RMSprop",
    "RowwiseAdagrad",
    "RuleOptimizer",
    "SparseAdam",
    "clip_grad_norm_",
]
