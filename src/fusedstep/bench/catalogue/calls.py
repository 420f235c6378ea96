"""What a call costs beside its work."""

from ..contenders.tables import Size
from ..works import Contender, Work

TINY = Size(8, 4, 2, law="uniform")
TINY_DENSE = Size(8, 4)

WORKS = [
    *(
        Work(
            name,
            f"A call of {operator} on a table of 8 x 4",
            size,
            (
                Contender("NumPy arrays", "fusedstep", "operator", {"name": operator}),
                Contender("PyTorch tensors", "fusedstep.torch", "operator", {"name": operator}),
            ),
            repeat=1_000,
        )
        for name, operator, size in (
            ("tiny-call", "FusedSparseLazyAdam", TINY),
            ("tiny-dense-call", "Adam", TINY_DENSE),
        )
    ),
]
