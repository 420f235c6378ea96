"""The libraries that are always compared, and short names for their contenders."""

from pathlib import Path

from ..results import STREAMING
from ..works import Contender, Library

FILES = Path(__file__).parent.parent / "libraries"
FUSEDSTEP = Library("fusedstep", "fusedstep", "numba", FILES / "fusedstep_operators.py", peer=False)
FUSEDSTEP_TORCH = Library("fusedstep.torch", "fusedstep.torch", "torch", FILES / "fusedstep_torch.py", peer=False)
STREAMED = Library(STREAMING, "streaming", "numba", FILES / "streaming.py", peer=False)
TORCH = Library("torch", "PyTorch", "torch", FILES / "torch_optim.py")
LIBRARIES = (STREAMED, FUSEDSTEP, FUSEDSTEP_TORCH, TORCH)
TYPES = {"float32": 4, "bfloat16": 2, "float16": 2}


def ours(name: str) -> Contender:
    """An operator of fusedstep."""
    return Contender("fusedstep", FUSEDSTEP, "operator", {"name": name})


def stored(name: str) -> tuple[Contender, ...]:
    """An operator in each storage type."""
    return tuple(
        Contender(f"fusedstep {dtype}", FUSEDSTEP, "operator", {"name": name, "dtype": dtype}, item)
        for dtype, item in TYPES.items()
    )


def torch(call: str, optimizer: str, label: str = "", **options: object) -> Contender:
    """An optimizer of torch.optim."""
    return Contender(label or f"torch {optimizer}", TORCH, call, {"optimizer": optimizer, **options})


def fused(optimizer: str, label: str = "") -> Contender:
    """An optimizer of torch.optim in its fused form, on a dense gradient."""
    return torch("dense", optimizer, label or f"torch {optimizer} fused", fused=True)


def fused_torch(call: str, optimizer: str, label: str = "", **options: object) -> Contender:
    """An optimizer of fusedstep.torch."""
    return Contender(label or f"fusedstep {optimizer}", FUSEDSTEP_TORCH, call, {"optimizer": optimizer, **options})
