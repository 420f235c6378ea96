"""Optimizers for PyTorch that stand where ``torch.optim``'s do, on dense and sparse gradients alike, and embeddings."""

from . import torch_version as torch_version

# isort: split
from .adadelta import Adadelta
from .adagrad import Adagrad, ProximalAdagrad
from .adam import Adam
from .adamax import Adamax
from .adamw import AdamW
from .clip_grad import clip_grad_norm_
from .embedding import Embedding
from .embedding_bag import EmbeddingBag
from .freed_memory import keep_freed_memory
from .ftrl import FTRL
from .fuse_embeddings import fuse_embeddings
from .lion import Lion
from .nadam import NAdam
from .radam import RAdam
from .rmsprop import RMSprop
from .rowwise_adagrad import RowwiseAdagrad
from .rule_optimizer import RuleOptimizer
from .sgd import SGD, ProximalSGD
from .sign import AddSign, PowerSign
from .sparse_adam import SparseAdam

__all__ = [
    "FTRL",
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "AddSign",
    "Embedding",
    "EmbeddingBag",
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
    "fuse_embeddings",
    "keep_freed_memory",
]
