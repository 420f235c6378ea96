"""All works, in groups: one file each."""

from . import calls, dense, optimizers, sparse, startup

GROUPS = {
    "sparse": sparse.WORKS,
    "dense": dense.WORKS,
    "optimizers": optimizers.WORKS,
    "calls": calls.WORKS,
    "startup": startup.WORKS,
}
WORKS = {work.name: work for works in GROUPS.values() for work in works}
