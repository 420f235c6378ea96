"""The functions that a checked call consists of."""

from collections.abc import Callable

# Runs a checked call.
Launch = Callable[[], None]
# Raises the version counters of the arrays that a call changes, right before the first write.
BumpVersions = Callable[[], None]


def nothing() -> None:
    """Launch a call on arrays without elements; bump the versions of NumPy arrays, which have none."""
