"""The cost of a call beside its work."""

from ..libraries.data import Size
from ..works import Contender, Work
from .contenders import FUSEDSTEP, FUSEDSTEP_TORCH


def tiny(name: str, operator: str, batch: int) -> Work:
    """Calls of an operator on a tiny table."""
    contenders = (
        Contender("NumPy arrays", FUSEDSTEP, "operator", {"name": operator}),
        Contender("PyTorch tensors", FUSEDSTEP_TORCH, "operator", {"name": operator}),
    )
    size = Size(8, 4, batch, law="uniform")
    return Work(name, f"A call of {operator} on a table of 8 x 4", size, contenders, repeat=1_000)


WORKS = [tiny("tiny-call", "FusedSparseLazyAdam", 2), tiny("tiny-dense-call", "Adam", 0)]
