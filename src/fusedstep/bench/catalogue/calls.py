"""What a call costs beside its work."""

from ..contenders.tables import Size
from ..works import Contender, Work

TINY = Size(8, 4, 2, law="uniform")

WORKS = [
    Work(
        "tiny-call",
        "A call of FusedSparseLazyAdam on a table of 8 x 4",
        TINY,
        (
            Contender("NumPy arrays", "fusedstep", "operator", {"name": "FusedSparseLazyAdam"}),
            Contender("PyTorch tensors", "fusedstep.torch", "tensors"),
        ),
        repeat=1_000,
    ),
    Work(
        "first-call",
        "A process that imports and calls once",
        TINY,
        (
            Contender("FusedSparseAdam", "first call", "operator", {"name": "FusedSparseAdam"}),
            Contender("FusedSparseLazyAdam", "first call", "operator", {"name": "FusedSparseLazyAdam"}),
            Contender("an empty Numba kernel", "first call", "empty"),
        ),
    ),
]
