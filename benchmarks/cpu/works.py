"""What only a checkout measures: more contenders, from MindSpore, TensorFlow and FBGEMM, and more works."""

from dataclasses import replace
from pathlib import Path

from fusedstep.bench import catalogue
from fusedstep.bench.catalogue import training
from fusedstep.bench.catalogue.contenders import LIBRARIES as INSTALLED
from fusedstep.bench.works import Contender, Library

from . import startup

FILES = Path(__file__).parent.parent / "peers"
MINDSPORE = Library("mindspore", "MindSpore", "mindspore", FILES / "mindspore_operators.py")
TENSORFLOW = Library("tensorflow", "TensorFlow", "tensorflow", FILES / "tensorflow_operators.py")
FBGEMM = Library("fbgemm", "FBGEMM", "fbgemm_gpu", FILES / "fbgemm_cpu.py")
LIBRARIES = (*INSTALLED, MINDSPORE, TENSORFLOW, FBGEMM, startup.STARTUP, startup.COMPILED, startup.OPTAX)
PEERS = tuple(each.name for each in LIBRARIES if each.peer)


def mindspore(name: str, label: str = "MindSpore") -> Contender:
    """MindSpore's operator of a documented name."""
    return Contender(label, MINDSPORE, "operator", {"name": name})


def tensorflow(rule: str) -> Contender:
    """TensorFlow's operator on a dense gradient."""
    return Contender("TensorFlow", TENSORFLOW, "dense", {"rule": rule})


def tensorflow_rows(rule: str) -> Contender:
    """TensorFlow's operator on a sparse gradient."""
    return Contender("TensorFlow, duplicates merged", TENSORFLOW, "sparse", {"rule": rule})


def fbgemm(optimizer: str) -> Contender:
    """FBGEMM's backward pass, which includes the update."""
    return Contender("FBGEMM, backward and update", FBGEMM, "backward", {"optimizer": optimizer})


def fbgemm_training(call: str, optimizer: str, label: str, like: str, lr: float, eps: float = 0.0) -> Contender:
    """FBGEMM's tables in training."""
    return training.own_process(FBGEMM, label, like, call, optimizer=optimizer, lr=lr, eps=eps)


def fbgemm_adagrads(call: str) -> list[Contender]:
    """Both forms of FBGEMM's Adagrad in training."""
    exact, row_wise = "FBGEMM Adagrad", "FBGEMM row-wise Adagrad"
    return [
        fbgemm_training(call, "EXACT_ADAGRAD", exact, "torch Adagrad", **training.ADAGRAD),
        fbgemm_training(call, "EXACT_ROWWISE_ADAGRAD", row_wise, "fusedstep RowwiseAdagrad", **training.ADAGRAD),
    ]


# The contenders that join a work, by the work's name.
JOINING = {
    "FusedSparseAdam": [mindspore("FusedSparseAdam")],
    "FusedSparseLazyAdam": [mindspore("FusedSparseLazyAdam")],
    "SparseApplyAdagrad": [
        mindspore("SparseApplyAdagrad"),
        fbgemm("EXACT_ADAGRAD"),
        tensorflow_rows("AdagradV2"),
    ],
    "rowwise-adagrad": [fbgemm("EXACT_ROWWISE_ADAGRAD")],
    "FusedSparseFtrl": [mindspore("FusedSparseFtrl"), tensorflow_rows("Ftrl")],
    "FusedSparseProximalAdagrad": [mindspore("FusedSparseProximalAdagrad"), tensorflow_rows("ProximalAdagrad")],
    "dense-adam": [mindspore("Adam"), tensorflow("Adam")],
    "dense-adamw": [mindspore("AdamWeightDecay", "MindSpore AdamWeightDecay")],
    "ApplyAdagrad": [mindspore("ApplyAdagrad"), tensorflow("AdagradV2")],
    "ApplyProximalAdagrad": [mindspore("ApplyProximalAdagrad"), tensorflow("ProximalAdagrad")],
    "ApplyFtrl": [mindspore("ApplyFtrl"), tensorflow("Ftrl")],
    "ApplyRMSProp": [mindspore("ApplyRMSProp"), tensorflow("RMSProp")],
    "ApplyMomentum": [mindspore("ApplyMomentum"), tensorflow("Momentum")],
    "bags": [
        *fbgemm_adagrads("bags"),
        fbgemm_training("bags", "EXACT_SGD", "FBGEMM SGD", "torch SGD", **training.SGD),
    ],
    "click": fbgemm_adagrads("clicks"),
}
GROUPS = {
    group: [replace(work, contenders=(*work.contenders, *JOINING.get(work.name, ()))) for work in works]
    for group, works in catalogue.GROUPS.items()
} | {"startup": startup.WORKS}
