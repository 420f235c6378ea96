"""All works, in groups: one file each."""

from collections.abc import Sequence

from ..works import Work
from . import calls, dense, optimizers, sparse, training
from .contenders import LIBRARIES as LIBRARIES

GROUPS: dict[str, Sequence[Work]] = {
    "sparse": sparse.WORKS,
    "dense": dense.WORKS,
    "optimizers": optimizers.WORKS,
    "training": training.WORKS,
    "calls": calls.WORKS,
}
WORKS = {work.name: work for works in GROUPS.values() for work in works}
