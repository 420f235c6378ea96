"""Who takes part in works, library by library."""

from ...storage import STORAGES
from ..works import Contender

TYPES = "float32", "bfloat16", "float16"


def ours(name: str) -> Contender:
    """An operator of fusedstep."""
    return Contender("fusedstep", "fusedstep", "operator", {"name": name})


def mindspore(name: str) -> Contender:
    """MindSpore's operator of a documented name."""
    return Contender(
        "MindSpore" if name != "AdamWeightDecay" else f"MindSpore {name}", "mindspore", "operator", {"name": name}
    )


def tensorflow(rule: str, call: str = "dense") -> Contender:
    """TensorFlow's operator for a rule."""
    return Contender("TensorFlow" + ", duplicates merged" * (call == "sparse"), "tensorflow", call, {"rule": rule})


def torch(call: str, optimizer: str, label: str = "", **options: object) -> Contender:
    """An optimizer of torch.optim."""
    return Contender(label or f"torch {optimizer}", "torch", call, {"optimizer": optimizer, **options})


def fused_torch(call: str, optimizer: str, label: str = "", **options: object) -> Contender:
    """An optimizer of fusedstep.torch."""
    return Contender(label or f"fusedstep {optimizer}", "fusedstep.torch", call, {"optimizer": optimizer, **options})


def fbgemm(optimizer: str) -> Contender:
    """FBGEMM's backward pass."""
    return Contender("FBGEMM, backward and update", "fbgemm", "backward", {"optimizer": optimizer})


def stored(name: str) -> tuple[Contender, ...]:
    """An operator in each storage type."""
    return tuple(
        Contender(f"fusedstep {dtype}", "fusedstep", "operator", {"name": name, "dtype": dtype}, item)
        for dtype, item in ((dtype, STORAGES[dtype].item_bytes) for dtype in TYPES)
    )
