"""All works, in groups: one file each."""

from . import calls, dense, optimizers, sparse
from .contenders import LIBRARIES as LIBRARIES

GROUPS = {
    "sparse": sparse.WORKS,
    "dense": dense.WORKS,
    "optimizers": optimizers.WORKS,
    "calls": calls.WORKS,
}
WORKS = {work.name: work for works in GROUPS.values() for work in works}
